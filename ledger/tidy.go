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
//
// Before anything is changed it looks whether the log has lost events: then it returns a *Lost.
func (j *journal) tidy(meta types.MetaStore) error {
	t, err := j.lookAtTail(meta)
	if err != nil {
		return err
	}
	if err := j.lost(&t); err != nil || !t.found {
		return err
	}
	if err := j.sumHolds(&t); err != nil {
		return err
	}
	end, err := j.finishTail(t.info, t.entries())
	if err != nil {
		return err
	}
	if end.indexStart == 0 {
		return nil
	}
	tail := &t.state.Segments[len(t.state.Segments)-1]
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), t.last, end.indexStart
	next := *tail
	next.ID, next.BaseIndex, next.MinIndex = t.state.NextSegmentID, t.last+1, t.last+1
	next.MaxIndex, next.IndexStart, next.SealTime = 0, 0, time.Time{}
	next.CreateTime, next.SizeLimit = time.Now(), uint32(j.segmentBytes)
	t.state.NextSegmentID++
	t.state.Segments = append(t.state.Segments, next)
	return meta.CommitState(t.state)
}

// tail is the last segment as it was found.
type tail struct {
	state types.PersistentState
	info  types.SegmentInfo
	found bool   // its file is there
	last  uint64 // the log's last seq
	own   bool   // the last seq stands in this segment
	rest  remains
	end   segmentEnd
}

func (t *tail) entries() uint64 {
	if !t.own {
		return 0
	}
	return t.last - t.info.BaseIndex + 1
}

// lookAtTail changes nothing.
func (j *journal) lookAtTail(meta types.MetaStore) (t tail, err error) {
	if there, err := j.listIsThere(); err != nil || !there {
		return t, err
	}
	if t.state, err = meta.Load(j.dir); err != nil {
		return t, err
	}
	if err := j.filesAreListed(&t.state); err != nil {
		return t, err
	}
	n := len(t.state.Segments)
	if n == 0 {
		return t, nil
	}
	t.info = t.state.Segments[n-1]
	if !t.info.SealTime.IsZero() {
		t.last = t.info.MaxIndex
		return t, nil
	}
	if n > 1 {
		t.last = t.state.Segments[n-2].MaxIndex
	}
	w, err := segment.NewFiler(j.dir, j.vfs).RecoverTail(t.info)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.found = true
	if last := w.LastIndex(); last > 0 {
		t.last, t.own = last, true
	}
	if err := w.Close(); err != nil {
		return t, err
	}
	return t, j.lookBehind(&t)
}

// lookBehind finds what stands behind the tail's end.
func (j *journal) lookBehind(t *tail) (err error) {
	f, err := j.vfs.OpenReader(j.dir, segment.FileName(t.info))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n := t.entries(); n > 0 {
		if t.end, err = findEnd(f, n); err != nil {
			return err
		}
	}
	t.rest, err = scanRemains(f, t.end.off, t.last)
	return err
}

// sumHolds looks at the sum of the last batch, which raft-wal does not where a torn one stands behind it: what is torn
// is wiped, and then the next recovery would drop a batch that was durable. Where the sum alone is wrong it is mended.
func (j *journal) sumHolds(t *tail) (err error) {
	if t.end.off == 0 {
		return nil
	}
	f, err := j.vfs.OpenWriter(j.dir, segment.FileName(t.info))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	got, err := crcOf(f, t.end.lastBatch, t.end.off-frameHeadSize)
	if err != nil {
		return err
	}
	var head [frameHeadSize]byte
	if _, err := f.ReadAt(head[:], t.end.off-frameHeadSize); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if binary.LittleEndian.Uint32(head[4:]) == got {
		return nil
	}
	err = j.eachInSegment(t, t.info, func(Record) error { return nil },
		func(d *Damaged, _ types.SegmentInfo, s span) error {
			if s.off < t.end.lastBatch {
				return nil
			}
			return d
		})
	if err != nil {
		return err
	}
	j.log.Warn("the sum of the log's last batch is wrong and its events are right: it is mended", "file",
		segment.FileName(t.info), "offset", t.end.off-frameHeadSize)
	binary.LittleEndian.PutUint32(head[4:], got)
	if _, err := f.WriteAt(head[:], t.end.off-frameHeadSize); err != nil {
		return err
	}
	return f.Sync()
}

// lost tells whether the log ends before what was durable.
func (j *journal) lost(t *tail) error {
	to := max(j.expect, t.rest.durable)
	if j.filling || to <= t.last {
		return nil
	}
	e := &Lost{Dir: j.dir, Ends: t.last, To: to}
	name := segment.FileName(t.info)
	switch {
	case len(t.state.Segments) == 0:
		e.File = "The log has no files"
	case !t.found:
		e.File = "The file " + name + " is missing"
	case t.end.off > 0:
		e.File = fmt.Sprintf("In the file %s the log breaks off at byte %d", name, t.end.off)
	default:
		e.File = "Nothing of the file " + name + " can be read in order"
	}
	if t.rest.durable > t.last {
		e.KnownBy = []string{fmt.Sprintf("behind the damage stand others up to %d", t.rest.durable)}
	}
	for _, r := range t.rest.recs {
		if r.seq <= to {
			e.Readable++
		}
	}
	return e
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
func findEnd(f types.ReadableFile, entries uint64) (end segmentEnd, err error) {
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
