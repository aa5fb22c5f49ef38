// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// hist counts values in buckets that are a 256th of their value wide, and exact below 512: 0.2 % is the most that the
// middle of one differs from what is in it. Histograms of hours, of days and of campaigns add up to that of all.
type hist map[uint32]int64

// exactBits is how many bits of a value tell buckets apart.
const exactBits = 9

// bucketOf is the number of the bucket that a value falls into; negative values count as 0.
func bucketOf(v int64) uint32 {
	if v < 1<<exactBits {
		return uint32(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - exactBits
	return uint32(shift<<(exactBits-1)) + uint32(v>>shift)
}

// middleOf is the value in the middle of a bucket.
func middleOf(b uint32) int64 {
	if b < 1<<exactBits {
		return int64(b)
	}
	shift := b>>(exactBits-1) - 1
	low := int64(b-shift<<(exactBits-1)) << shift
	return low + int64(1)<<shift/2
}

// add counts a value n times; below 0: it is counted no more.
func (h hist) add(v, n int64) { h.addTo(bucketOf(v), n) }

func (h hist) addTo(b uint32, n int64) {
	if n += h[b]; n == 0 {
		delete(h, b)
	} else {
		h[b] = n
	}
}

// quantile is the value below which q of all are, 0 to 1; false where there is none.
func (h hist) quantile(q float64) (int64, bool) {
	var n int64
	keys := make([]uint32, 0, len(h))
	for b, m := range h {
		keys, n = append(keys, b), n+m
	}
	if n <= 0 {
		return 0, false
	}
	slices.Sort(keys)
	rank := min(int64(q*float64(n)), n-1)
	for _, b := range keys {
		if rank -= h[b]; rank < 0 {
			return middleOf(b), true
		}
	}
	return middleOf(keys[len(keys)-1]), true
}

var errHist = errors.New("report: a histogram cannot be read")

// merge adds a histogram as it is stored: pairs of varints, each a bucket (less the one before) and a count.
func (h hist) merge(stored []byte) error {
	var b uint64
	for len(stored) > 0 {
		d, n := binary.Uvarint(stored)
		if n <= 0 {
			return errHist
		}
		c, m := binary.Varint(stored[n:])
		if m <= 0 {
			return errHist
		}
		b += d
		h.addTo(uint32(b), c)
		stored = stored[n+m:]
	}
	return nil
}

// append writes it as it is stored.
func (h hist) append(dst []byte) []byte {
	keys := make([]uint32, 0, len(h))
	for b := range h {
		keys = append(keys, b)
	}
	slices.Sort(keys)
	var last uint32
	for _, b := range keys {
		dst = binary.AppendUvarint(dst, uint64(b-last))
		dst = binary.AppendVarint(dst, h[b])
		last = b
	}
	return dst
}
