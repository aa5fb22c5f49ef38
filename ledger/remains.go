// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft-wal/types"
)

// What stands behind the end that raft-wal's recovery finds is either the torn last batch of a crash, which nobody was
// told of, or it is durable: a batch is written only once the one before it is on the disk, and tidy wipes what a crash
// has left before anything is written. So where a whole batch stands behind the end, or a record right behind a
// commit, something before it was damaged later, and all up to there had been durable.

// remains are the whole records behind the log's end.
type remains struct {
	recs    []remain
	durable uint64 // up to this seq they were durable, 0: no such thing is known
}

type remain struct {
	seq  uint64
	off  int64 // of the record, behind its frame's head
	size int
}

const remainsChunk = 1 << 20

// scanRemains looks for records from an offset on, wherever frames begin.
func scanRemains(f types.ReadableFile, from int64, last uint64) (remains, error) {
	s := remainsScan{f: f, start: from, commit: -1}
	s.seen = last
	buf, zeros := make([]byte, remainsChunk+16), make([]byte, remainsChunk+16)
	for off := from; ; {
		n, err := f.ReadAt(buf, off)
		atEnd := errors.Is(err, io.EOF)
		if err != nil && !atEnd {
			return s.out, err
		}
		if n < frameHeadSize {
			return s.out, nil
		}
		next := off + int64(n)&^7
		if n > remainsChunk {
			next = off + remainsChunk
		}
		if string(buf[:n]) != string(zeros[:n]) {
			if next, err = s.chunk(buf[:n], off, next); err != nil {
				return s.out, err
			}
		}
		if atEnd && next >= off+int64(n)&^7 {
			return s.out, nil
		}
		off = next
	}
}

type remainsScan struct {
	f      types.ReadableFile
	start  int64 // where the batch begins that is looked at, -1: not known
	commit int64 // of the last commit frame, -1: none
	seen   uint64
	out    remains
}

// chunk looks at the frames that begin in [off, to), and returns where to go on.
func (s *remainsScan) chunk(b []byte, off, to int64) (int64, error) {
	at := off
	for at < to {
		h := b[at-off:]
		if len(h) < frameHeadSize {
			break
		}
		switch {
		case h[1] != 0 || h[2] != 0 || h[3] != 0:
		case h[0] == frameCommit:
			if err := s.committed(at, binary.LittleEndian.Uint32(h[4:])); err != nil {
				return at, err
			}
		case h[0] == frameEntry && (len(h) == frameHeadSize || h[frameHeadSize] == recordVersion):
			size := int(binary.LittleEndian.Uint32(h[4:]))
			ok, err := s.entry(at, size)
			if err != nil {
				return at, err
			}
			if ok {
				at += frameSize(size)
				if at >= to {
					return at, nil
				}
				continue
			}
		}
		at += 8
	}
	return max(at, to), nil
}

// frameSize is that of a frame with its head and padding.
func frameSize(payload int) int64 {
	return frameHeadSize + (int64(payload)+frameHeadSize-1)/frameHeadSize*frameHeadSize
}

// entry takes a record, if it is one.
func (s *remainsScan) entry(at int64, size int) (bool, error) {
	if size < recordHeadSize || size > eventBytesHardMax+recordHeadSize {
		return false, nil
	}
	b := make([]byte, size)
	if n, err := s.f.ReadAt(b, at+frameHeadSize); n < size {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	seq := binary.LittleEndian.Uint64(b[atSeq:])
	if _, err := readRecord(seq, b); err != nil || seq <= s.seen {
		return false, nil //nolint:nilerr // no record stands here
	}
	s.seen = seq
	s.out.recs = append(s.out.recs, remain{seq, at + frameHeadSize, size})
	if s.commit >= 0 && s.commit+frameHeadSize == at {
		s.out.durable = max(s.out.durable, seq-1)
		s.start = at
	}
	return true, nil
}

// committed takes a commit frame: where the sum is right, the batch before it is whole.
func (s *remainsScan) committed(at int64, sum uint32) error {
	if start := s.start; start >= 0 && at > start && at-start <= 1<<30 && len(s.out.recs) > 0 {
		got, err := crcOf(s.f, start, at)
		if err != nil {
			return err
		}
		if got == sum {
			s.out.durable = max(s.out.durable, s.out.recs[len(s.out.recs)-1].seq)
		}
	}
	s.commit, s.start = at, at+frameHeadSize
	return nil
}

func crcOf(f io.ReaderAt, from, to int64) (uint32, error) {
	h := crc32.New(crcTable)
	if _, err := io.Copy(h, io.NewSectionReader(f, from, to-from)); err != nil {
		return 0, fmt.Errorf("read bytes %d to %d: %w", from, to, err)
	}
	return h.Sum32(), nil
}
