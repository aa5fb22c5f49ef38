// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft"

	"clearpost/lead"
)

// A record of the log is a header and the event's JSON. What cursors and read-back need stands in the header, so that
// nobody decodes JSON to route, to date or to recognise an event.
//
//	0   1  version; a value that no frame of the log begins with
//	1   1  number of the kind
//	2   2  zero
//	4   4  CRC-32C of bytes 16 to the end
//	8   8  seq
//	16  16 lead id
//	32  16 event id
//	48  8  time, microseconds since 1970 UTC
//	56     JSON
const (
	recordVersion  = 0xE1
	recordHeadSize = 56
	atCRC          = 4
	atSeq          = 8
	atSummed       = 16
	atLead         = 16
	atEvent        = 32
	atTime         = 48
)

// codecID marks segments whose entries are records of this layout.
const codecID = 1<<16 + 0xC9

var (
	kinds    = [...]Kind{"", KindPinged, KindPosting, KindPosted, KindSettled, KindAdjusted, KindDeferred}
	crcTable = crc32.MakeTable(crc32.Castagnoli)

	errRecord = errors.New("ledger: damaged record")
)

func crcSum(b []byte) uint32 { return crc32.Checksum(b, crcTable) }

func kindNumber(k Kind) uint8 {
	for i, n := range kinds {
		if n == k && i > 0 {
			return uint8(i)
		}
	}
	return 0
}

// appendRecord writes a record whose seq is not known yet.
func appendRecord(dst []byte, e Event) []byte {
	h := e.Header()
	start := len(dst)
	var head [recordHeadSize]byte
	head[0], head[1] = recordVersion, kindNumber(h.Kind)
	copy(head[atLead:], h.Lead[:])
	copy(head[atEvent:], h.EventID[:])
	binary.LittleEndian.PutUint64(head[atTime:], uint64(h.At.UnixMicro()))
	dst = e.AppendJSON(append(dst, head[:]...))
	rec := dst[start:]
	binary.LittleEndian.PutUint32(rec[atCRC:], crcSum(rec[atSummed:]))
	return dst
}

// readRecord takes a record apart. The result shares b.
func readRecord(seq uint64, b []byte) (Record, error) {
	if len(b) < recordHeadSize || b[0] != recordVersion || b[1] == 0 || int(b[1]) >= len(kinds) {
		return Record{}, fmt.Errorf("%w: seq %d: unknown form", errRecord, seq)
	}
	if got := binary.LittleEndian.Uint64(b[atSeq:]); got != seq {
		return Record{}, fmt.Errorf("%w: seq %d stands where %d is expected", errRecord, got, seq)
	}
	if crcSum(b[atSummed:]) != binary.LittleEndian.Uint32(b[atCRC:]) {
		return Record{}, fmt.Errorf("%w: seq %d: checksum does not match", errRecord, seq)
	}
	return viewRecord(b), nil
}

// viewRecord is readRecord for bytes that were written by this process.
func viewRecord(b []byte) Record {
	return Record{
		Seq:     binary.LittleEndian.Uint64(b[atSeq:]),
		Kind:    kinds[b[1]],
		Lead:    lead.ID(b[atLead : atLead+16]),
		EventID: lead.ID(b[atEvent : atEvent+16]),
		At:      int64(binary.LittleEndian.Uint64(b[atTime:])),
		Bytes:   b[recordHeadSize:],
	}
}

// codec is how records stand in the log's entries: as they are.
type codec struct{}

func (codec) ID() uint64 { return codecID }

// Encode puts the seq in and hands the record's bytes over as they are: they were made for this entry alone, the log
// keeps nothing of them, and they serve the cursors from then on.
func (codec) Encode(l *raft.Log, w io.Writer) error {
	b, ok := w.(*bytes.Buffer)
	if !ok || b.Len() != 0 {
		return fmt.Errorf("ledger: the log encodes into a %T, expected an empty *bytes.Buffer", w)
	}
	binary.LittleEndian.PutUint64(l.Data[atSeq:], l.Index)
	*b = *bytes.NewBuffer(l.Data)
	return nil
}

// Decode copies: the log reuses b.
func (codec) Decode(b []byte, l *raft.Log) error {
	l.Data = bytes.Clone(b)
	return nil
}
