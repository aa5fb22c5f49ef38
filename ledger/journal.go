// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// journal is the log on disk: raft-wal without raft. store, reopen and close belong to the writer; the rest is for
// anyone.
type journal struct {
	dir          string
	segmentBytes int
	vfs          types.VFS
	newMeta      func() types.MetaStore
	log          *slog.Logger
	expect       uint64 // a seq that others have had from the log: where it ends before, events are lost
	filling      bool   // what is lost is about to be made up for

	mu   sync.RWMutex // held for writing while wal and meta change
	wal  *wal.WAL
	meta types.MetaStore
}

func newMeta() types.MetaStore { return &metadb.BoltMetaDB{} }

// open reads the log's end back to a known state (see tidy) and opens it. A failed open leaves nothing open.
func (j *journal) open() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.openLocked()
}

func (j *journal) openLocked() (err error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	meta := types.MetaStore(stampedMeta{j.newMeta()})
	defer func() {
		if err != nil {
			err = errors.Join(err, meta.Close())
		}
	}()
	if err := j.tidy(meta); errors.Is(err, ErrLost) {
		return err // whoever opens has more to say of it
	} else if err != nil {
		return fmt.Errorf("the log's end: %w", err)
	}
	w, err := wal.Open(j.dir, wal.WithCodec(codec{}), wal.WithMetaStore(meta),
		wal.WithSegmentFiler(stampedFiler{segment.NewFiler(j.dir, j.vfs)}), wal.WithSegmentSize(j.segmentBytes),
		wal.WithLogger(hclogTo(j.log)))
	if err != nil {
		return err
	}
	j.wal, j.meta = w, meta
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closeLocked()
}

func (j *journal) closeLocked() error {
	if j.wal == nil {
		return nil
	}
	// raft-wal leaves its meta store open, and with it the lock that a second open would wait for.
	err := errors.Join(j.wal.Close(), j.meta.Close())
	j.wal, j.meta = nil, nil
	return err
}

// reopen closes the log and opens it again, after which its end is what the disk holds.
func (j *journal) reopen() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.closeLocked(); err != nil {
		j.log.Warn("closing the log after a failed write", "err", err)
	}
	return j.openLocked()
}

// store writes entries with contiguous indexes, all or none over a crash, and returns when they are durable.
func (j *journal) store(logs []*raft.Log) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return errNotOpen
	}
	return j.wal.StoreLogs(logs)
}

var errNotOpen = errors.New("ledger: the log is not open")

// errNoRecord is returned for a seq that the log does not have.
var errNoRecord = errors.New("ledger: no such seq")

// read returns the record of a seq in bytes of its own.
func (j *journal) read(seq uint64) (Record, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return Record{}, errNotOpen
	}
	var l raft.Log
	switch err := j.wal.GetLog(seq, &l); {
	case errors.Is(err, wal.ErrNotFound):
		return Record{}, fmt.Errorf("%w: %d", errNoRecord, seq)
	case err != nil:
		return Record{}, j.damaged(seq, fmt.Errorf("ledger: read seq %d: %w", seq, err))
	}
	rec, err := readRecord(seq, l.Data)
	if err != nil {
		return Record{}, j.damaged(seq, err)
	}
	return rec, nil
}

// bounds returns the first and the last seq, 0 and 0 while the log is empty.
func (j *journal) bounds() (first, last uint64, err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return 0, 0, errNotOpen
	}
	first, err1 := j.wal.FirstIndex()
	last, err2 := j.wal.LastIndex()
	return first, last, errors.Join(err1, err2)
}

// dropBefore deletes the records before a seq, which must not be past the last one: an emptied log would forget its
// count.
func (j *journal) dropBefore(seq uint64) error {
	first, last, err := j.bounds()
	if err != nil || first == 0 || seq <= first {
		return err
	}
	if seq > last {
		return fmt.Errorf("ledger: dropping before seq %d would empty the log, which ends at %d", seq, last)
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return errNotOpen
	}
	return j.wal.DeleteRange(first, seq-1)
}

// raft-wal stamps new segments with the number of its own codec, whichever is in use, and refuses them at the next
// open. stampedMeta and stampedFiler put ours in.
type stampedMeta struct{ types.MetaStore }

func (m stampedMeta) CommitState(s types.PersistentState) error {
	s.Segments = slices.Clone(s.Segments)
	for i := range s.Segments {
		s.Segments[i].Codec = codecID
	}
	return m.MetaStore.CommitState(s)
}

type stampedFiler struct{ *segment.Filer }

func (f stampedFiler) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	info.Codec = codecID
	return f.Filer.Create(info)
}

// hclogTo sends raft-wal's warnings and errors to our logger.
func hclogTo(l *slog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "log", Level: hclog.Warn, Output: slogWriter{l}, DisableTime: true})
}

type slogWriter struct{ log *slog.Logger }

var _ io.Writer = slogWriter{}

func (w slogWriter) Write(b []byte) (int, error) {
	w.log.Log(context.Background(), slog.LevelWarn, strings.TrimSpace(string(b)))
	return len(b), nil
}
