// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// Backup says what a backup has.
type Backup struct {
	First uint64 `json:"first_seq"` // 0: no events
	Last  uint64 `json:"last_seq"`
	Bytes int64  `json:"log_bytes"`
}

// Backup copies the ledger, while it is at work, into a directory that is not there yet: the log up to the last event
// that was durable when it was begun, and views of no later event. Nothing is dropped from the log meanwhile. Files of
// the views are linked where both stand on one file system. On an error the directory is removed again.
func (l *Ledger) Backup(to string) (b Backup, err error) {
	if l.closed.Load() {
		return b, ErrClosed
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(to))
		}
	}()
	l.dropping.Lock()
	defer l.dropping.Unlock()
	// What says up to where it goes comes before what it goes up to.
	if err := l.copyBeside(to); err != nil {
		return b, err
	}
	if err := l.views.checkpoint(filepath.Join(to, "views")); err != nil {
		return b, fmt.Errorf("the views: %w", err)
	}
	if b, err = l.journal.copyTo(filepath.Join(to, "log")); err != nil {
		return b, fmt.Errorf("the log: %w", err)
	}
	return b, syncDir(to)
}

// copyBeside copies what stands beside the log and the views.
func (l *Ledger) copyBeside(to string) error {
	return filepath.WalkDir(l.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // replaced meanwhile
			}
			return err
		}
		name, err := filepath.Rel(l.cfg.Dir, path)
		if err != nil || name == "." {
			return err
		}
		switch {
		case d.IsDir() && (name == "log" || name == "views" || strings.HasPrefix(d.Name(), ".new-")):
			return filepath.SkipDir
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, name), 0o700)
		case name == "LOCK" || strings.Contains(name, ".tmp-") || !d.Type().IsRegular():
			return nil
		}
		_, err = copyFile(filepath.Join(to, name), path, -1)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// copyFile copies a file, or its first bytes, durably.
func copyFile(to, from string, size int64) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	var r io.Reader = in
	if size >= 0 {
		r = io.LimitReader(in, size)
	}
	n, err = io.Copy(out, r)
	return n, errors.Join(err, out.Sync(), out.Close())
}

// checkpoint makes a copy of the views of one moment.
func (v *views) checkpoint(to string) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	if err := v.db.Flush(); err != nil { // there is no log of the views that would have the rest
		return err
	}
	return v.db.Checkpoint(to)
}

// copyTo copies the log up to its last seq. The last file is copied as far as that seq's batch, however far it goes by
// then: a copy of what is being written would have holes.
func (j *journal) copyTo(dir string) (b Backup, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return b, err
	}
	if b.First, b.Last, err = j.bounds(); err != nil || b.Last == 0 {
		return b, err
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.wal == nil {
		return b, errNotOpen
	}
	state, err := j.meta.Load(j.dir) // after the bounds: it has all files up to there
	if err != nil {
		return b, err
	}
	for i, s := range state.Segments {
		size := int64(-1)
		if last := i+1 == len(state.Segments) || state.Segments[i+1].BaseIndex > b.Last; last {
			if size, err = j.endOf(s, b.Last); err != nil {
				return b, err
			}
			s.MaxIndex, s.IndexStart, s.SealTime = 0, 0, time.Time{}
			state.Segments = append(state.Segments[:i:i], s)
		}
		name := segment.FileName(s)
		n, err := copyFile(filepath.Join(dir, name), filepath.Join(j.dir, name), size)
		if err != nil {
			return b, err
		}
		if b.Bytes += n; size >= 0 {
			break
		}
	}
	meta := newMeta()
	if _, err = meta.Load(dir); err == nil {
		err = meta.CommitState(state)
	}
	return b, errors.Join(err, meta.Close(), syncDir(dir))
}

// endOf is where the batch of a seq ends in its file.
func (j *journal) endOf(s types.SegmentInfo, seq uint64) (_ int64, err error) {
	f, err := j.vfs.OpenReader(j.dir, segment.FileName(s))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := findEnd(f, seq-s.BaseIndex+1)
	return end.off, err
}
