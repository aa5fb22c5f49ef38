// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// Facts of raft-wal's segment files (pinned by a test): a file header, then frames of eight-byte headers with payloads
// padded to eight bytes; a batch ends with a commit frame that holds the checksum of the bytes since the commit before.
const (
	segmentHeadSize = 32
	frameHeadSize   = 8
	frameEntry      = 1
	frameIndex      = 2
	frameCommit     = 3
)

// tidy brings the last segment to the state that raft-wal's recovery takes for granted. Recovery itself drops a torn
// last batch, but leaves three things that would cost events later:
//
//   - bytes of the dropped batch stand behind the new end. Frames among them make the next recovery believe that the
//     batch before them was completed, and skip its checksum. They are overwritten with zeros.
//   - after a failed sync the kernel may hold the last batch as clean although the disk never got it. It is written and
//     synced again.
//   - a batch that sealed the segment while the change of segments was not recorded: raft-wal then refuses every
//     append. The change is recorded here if the seal is whole, and the seal is wiped away if it is not.
func (j *journal) tidy(meta types.MetaStore) error {
	state, err := meta.Load(j.dir)
	if err != nil {
		return err
	}
	n := len(state.Segments)
	if n == 0 || !state.Segments[n-1].SealTime.IsZero() {
		return nil
	}
	tail := &state.Segments[n-1]
	w, err := segment.NewFiler(j.dir, j.vfs).RecoverTail(*tail)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	last := w.LastIndex()
	if err := w.Close(); err != nil {
		return err
	}
	entries := uint64(0)
	if last > 0 {
		entries = last - tail.BaseIndex + 1
	}
	end, err := j.finishTail(*tail, entries)
	if err != nil {
		return err
	}
	if end.indexStart == 0 {
		return nil
	}
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), last, end.indexStart
	next := *tail
	next.ID, next.BaseIndex, next.MinIndex = state.NextSegmentID, last+1, last+1
	next.MaxIndex, next.IndexStart, next.SealTime = 0, 0, time.Time{}
	next.CreateTime, next.SizeLimit = time.Now(), uint32(j.segmentBytes)
	state.NextSegmentID++
	state.Segments = append(state.Segments, next)
	return meta.CommitState(state)
}

// finishTail zeroes what stands behind the last whole batch, and makes that batch durable beyond doubt.
func (j *journal) finishTail(tail types.SegmentInfo, entries uint64) (end segmentEnd, err error) {
	f, err := j.vfs.OpenWriter(j.dir, segment.FileName(tail))
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if entries > 0 {
		if end, err = findEnd(f, entries); err != nil {
			return end, err
		}
	}
	if err := zeroFrom(f, end.off); err != nil {
		return end, err
	}
	batch := make([]byte, end.off-end.lastBatch)
	if _, err := io.ReadFull(io.NewSectionReader(f, end.lastBatch, end.off-end.lastBatch), batch); err != nil {
		return end, err
	}
	if _, err := f.WriteAt(batch, end.lastBatch); err != nil {
		return end, err
	}
	if err := f.Sync(); err != nil {
		return end, err
	}
	return end, syncDir(j.dir)
}

// segmentEnd is where the committed part of a segment ends, and where its last batch begins. indexStart is that of a
// seal within the committed part, else 0.
type segmentEnd struct {
	lastBatch, off int64
	indexStart     uint64
}

// findEnd walks the frames up to the commit behind the given number of entries.
func findEnd(f types.WritableFile, entries uint64) (end segmentEnd, err error) {
	r := io.NewSectionReader(f, 0, 1<<62)
	off := int64(segmentHeadSize)
	var head [frameHeadSize]byte
	for seen := uint64(0); ; {
		if _, err := r.ReadAt(head[:], off); err != nil {
			return end, fmt.Errorf("frame at offset %d: %w", off, err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch head[0] {
		case frameEntry:
			seen++
		case frameIndex:
			end.indexStart = uint64(off) + frameHeadSize
		case frameCommit:
			size = 0
			end.lastBatch, end.off = end.off, off+frameHeadSize
			if seen == entries {
				return end, nil
			}
		default:
			return end, fmt.Errorf("frame at offset %d: unknown type %d", off, head[0])
		}
		off += frameHeadSize + (size+frameHeadSize-1)/frameHeadSize*frameHeadSize
	}
}

// zeroFrom overwrites what is not zero yet.
func zeroFrom(f types.WritableFile, off int64) error {
	const chunk = 1 << 20
	buf, zeros := make([]byte, chunk), make([]byte, chunk)
	for {
		n, err := f.ReadAt(buf, off)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := f.WriteAt(zeros[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
