// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// span is where an entry stands in its segment, told by the segment's index and not by the entry itself, which may be
// damaged.
type span struct {
	seq  uint64
	off  int64 // of its frame
	size int   // of its payload
}

// spans finds the entries of a segment: a full one's by its index, those of the last one by its frames, which
// raft-wal's recovery has walked up to the last seq.
func (j *journal) spans(f types.ReadableFile, info types.SegmentInfo, last uint64) ([]span, error) {
	if !info.SealTime.IsZero() {
		return sealedSpans(f, info)
	}
	var out []span
	if last < info.BaseIndex {
		return nil, nil
	}
	var head [frameHeadSize]byte
	for off, seq := int64(segmentHeadSize), info.BaseIndex; seq <= last; {
		if _, err := f.ReadAt(head[:], off); err != nil {
			return nil, fmt.Errorf("frame at offset %d: %w", off, err)
		}
		size := int(binary.LittleEndian.Uint32(head[4:]))
		switch head[0] {
		case frameEntry:
			out = append(out, span{seq, off, size})
			seq++
		case frameCommit:
			size = 0
		}
		off += frameSize(size)
	}
	return out, nil
}

func sealedSpans(f types.ReadableFile, info types.SegmentInfo) ([]span, error) {
	n := int(info.MaxIndex - info.BaseIndex + 1)
	index := make([]byte, 4*n)
	if _, err := f.ReadAt(index, int64(info.IndexStart)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the index at offset %d: %w", info.IndexStart, err)
	}
	offs := make([]int64, n+1)
	offs[n] = int64(info.IndexStart) - frameHeadSize
	for i := range n {
		offs[i] = int64(binary.LittleEndian.Uint32(index[4*i:]))
	}
	out := make([]span, n)
	var head [frameHeadSize]byte
	for i := range n {
		room := offs[i+1] - offs[i] - frameHeadSize
		if offs[i] < segmentHeadSize || room < recordHeadSize {
			return nil, fmt.Errorf("the index at offset %d is damaged: put the file back from a backup",
				info.IndexStart)
		}
		if _, err := f.ReadAt(head[:], offs[i]); err != nil {
			return nil, fmt.Errorf("frame at offset %d: %w", offs[i], err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		if fits := room - (frameSize(int(size)) - frameHeadSize); head[0] != frameEntry || fits != 0 && fits != 8 {
			size = room
			if _, err := f.ReadAt(head[:], offs[i+1]-frameHeadSize); err != nil {
				return nil, err
			}
			if head[0] == frameCommit && head[1] == 0 && head[2] == 0 && head[3] == 0 {
				size -= frameHeadSize
			}
		}
		out[i] = span{info.BaseIndex + uint64(i), offs[i], int(size)}
	}
	return out, nil
}

// eachStored reads the whole log from its files: fn is called with each record, bad with each that cannot be read.
func (j *journal) eachStored(t *tail, fn func(Record) error, bad func(*Damaged, types.SegmentInfo, span) error) error {
	for _, info := range t.state.Segments {
		if info.SealTime.IsZero() && !t.found {
			continue
		}
		if err := j.eachInSegment(t, info, fn, bad); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(j.dir, segment.FileName(info)), err)
		}
	}
	return nil
}

func (j *journal) eachInSegment(t *tail, info types.SegmentInfo, fn func(Record) error,
	bad func(*Damaged, types.SegmentInfo, span) error) (err error) {
	f, err := j.vfs.OpenReader(j.dir, segment.FileName(info))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	last := t.last
	if info.SealTime.IsZero() && !t.own {
		return nil
	}
	all, err := j.spans(f, info, last)
	if err != nil {
		return err
	}
	var near time.Time
	for _, s := range all {
		if s.seq < info.MinIndex {
			continue
		}
		rec, err := readSpan(f, s)
		if err == nil {
			near = time.UnixMicro(rec.At)
			if err := fn(rec); err != nil {
				return err
			}
			continue
		}
		d := &Damaged{File: filepath.Join(j.dir, segment.FileName(info)), Offset: s.off, Seq: s.seq, Near: near,
			Err: err}
		if err := bad(d, info, s); err != nil {
			return err
		}
	}
	return nil
}

func readSpan(f io.ReaderAt, s span) (Record, error) {
	if s.size > eventBytesHardMax+recordHeadSize {
		return Record{}, fmt.Errorf("%w: seq %d: %d bytes", errRecord, s.seq, s.size)
	}
	b := make([]byte, frameHeadSize+s.size)
	if _, err := f.ReadAt(b, s.off); err != nil {
		return Record{}, err
	}
	if b[0] != frameEntry || int(binary.LittleEndian.Uint32(b[4:])) != s.size {
		return Record{}, fmt.Errorf("%w: seq %d: its frame is damaged", errRecord, s.seq)
	}
	return readRecord(s.seq, b[frameHeadSize:])
}

// damaged says where the record of a seq stands that could not be read. The caller holds the lock.
func (j *journal) damaged(seq uint64, cause error) error {
	d := &Damaged{Seq: seq, Err: cause, File: j.dir}
	state, err := j.meta.Load(j.dir)
	if err != nil {
		return d
	}
	for _, info := range state.Segments {
		if seq < info.BaseIndex || info.MaxIndex > 0 && seq > info.MaxIndex {
			continue
		}
		d.File = filepath.Join(j.dir, segment.FileName(info))
		t := tail{state: types.PersistentState{Segments: []types.SegmentInfo{info}}, found: true, own: true, last: seq}
		e := j.eachInSegment(&t, info, func(Record) error { return nil },
			func(b *Damaged, _ types.SegmentInfo, _ span) error {
				if b.Seq == seq {
					d.Offset, d.Near = b.Offset, b.Near
				}
				return nil
			})
		if e != nil {
			d.Err = errors.Join(cause, e)
		}
	}
	return d
}
