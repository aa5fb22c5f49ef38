// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// raft-wal keeps the list of the log's files in a file of its own. It takes a missing list for a new log, and deletes
// files that the list does not have: both are looked at before it is opened.

// listIsThere tells whether the log has a list of its files, and refuses one that has files and no list.
func (j *journal) listIsThere() (bool, error) {
	files, err := segmentFiles(j.dir)
	if err != nil {
		return false, err
	}
	switch _, err := os.Stat(filepath.Join(j.dir, metadb.FileName)); {
	case err == nil:
		return true, nil
	case !errors.Is(err, os.ErrNotExist):
		return false, err
	case len(files) > 0:
		return false, &Lost{NoMeta: true, File: fmt.Sprintf("%s is missing in %s, beside %d files of the log",
			metadb.FileName, j.dir, len(files))}
	}
	// No configuration is kept before there is a log.
	if kept, err := os.ReadDir(filepath.Join(filepath.Dir(j.dir), "configs")); err == nil && len(kept) > 0 &&
		j.expect == 0 && !j.filling {
		return false, fmt.Errorf("%w: the whole log is missing in %s, and nobody knows how far it went: put it back "+
			"from a backup, or start on an empty data_dir", ErrLost, j.dir)
	}
	return false, nil
}

// filesAreListed refuses a log whose list lacks a file that has events, or has one that is gone. Files before the
// first of the list were dropped; the last one of the list may not have been made yet.
func (j *journal) filesAreListed(state *types.PersistentState) error {
	files, err := segmentFiles(j.dir)
	if err != nil {
		return err
	}
	listed, there := map[uint64]bool{}, map[uint64]bool{}
	for _, s := range state.Segments {
		listed[s.ID] = true
	}
	for _, f := range files {
		there[f.id] = true
		if listed[f.id] || len(state.Segments) > 0 && f.base < state.Segments[0].BaseIndex {
			continue
		}
		has, err := j.hasRecords(f)
		if err != nil {
			return err
		}
		if has {
			return &Lost{NoMeta: true, File: fmt.Sprintf("%s in %s does not know the file %s, which has events from "+
				"number %d on", metadb.FileName, j.dir, f.name(), f.base)}
		}
	}
	for _, s := range state.Segments {
		if name := segment.FileName(s); !s.SealTime.IsZero() && !there[s.ID] {
			return fmt.Errorf("%w: the file %s of the log in %s is missing, with events %d to %d: put it back from a "+
				"backup", ErrLost, name, j.dir, s.MinIndex, s.MaxIndex)
		}
	}
	return nil
}

func (j *journal) hasRecords(s segmentFile) (has bool, err error) {
	f, err := j.vfs.OpenReader(j.dir, s.name())
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := scanRemains(f, 0, 0)
	return len(r.recs) > 0, err
}

func (s segmentFile) name() string {
	return segment.FileName(types.SegmentInfo{BaseIndex: s.base, ID: s.id})
}

// relist makes the list of the log's files anew from the files. What it says beside their names stands in them: where
// the index of a full one is. The files must join.
func (j *journal) relist() error {
	files, err := segmentFiles(j.dir)
	if err != nil {
		return err
	}
	var state types.PersistentState
	for i, s := range files {
		info := types.SegmentInfo{ID: s.id, BaseIndex: s.base, MinIndex: s.base, Codec: codecID,
			SizeLimit: uint32(j.segmentBytes), CreateTime: time.Now()}
		state.NextSegmentID = max(state.NextSegmentID, s.id+1)
		if i+1 < len(files) {
			next := files[i+1].base
			info.MaxIndex, info.SealTime = next-1, time.Now()
			if next <= s.base {
				return fmt.Errorf("%w: the files %s and %s of the log overlap", ErrLost, s.name(), files[i+1].name())
			}
			if info.IndexStart, err = j.findIndex(s, next-s.base); err != nil {
				return err
			}
		}
		state.Segments = append(state.Segments, info)
	}
	if err := os.Rename(filepath.Join(j.dir, metadb.FileName), filepath.Join(j.dir,
		metadb.FileName+".replaced")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	meta := newMeta()
	_, err = meta.Load(j.dir)
	if err == nil {
		err = meta.CommitState(state)
	}
	return errors.Join(err, meta.Close())
}

// findIndex finds the index of a full segment, which is its last frame before the last commit: it has as many offsets
// as the segment has entries, and the first is that of the first frame.
func (j *journal) findIndex(s segmentFile, entries uint64) (start uint64, err error) {
	f, err := j.vfs.OpenReader(j.dir, s.name())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size := int64(4 * entries)
	want := make([]byte, 2*frameHeadSize)
	want[0] = frameIndex
	binary.LittleEndian.PutUint32(want[4:], uint32(size))
	binary.LittleEndian.PutUint32(want[8:], segmentHeadSize)
	got := make([]byte, len(want))
	for off := (s.bytes - frameSize(int(size))) &^ 7; off >= segmentHeadSize; off -= 8 {
		if _, err := f.ReadAt(got, off); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if string(got[:12]) == string(want[:12]) {
			return uint64(off) + frameHeadSize, nil
		}
	}
	return 0, fmt.Errorf("%w: the file %s of the log should have %d events, up to the next file's, and has no index "+
		"of so many", ErrLost, s.name(), entries)
}
