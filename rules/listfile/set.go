// SPDX-License-Identifier: Apache-2.0

// Package listfile holds lists with millions of values: a file of one value a line becomes a set of 128-bit sums. It is
// pure: who opens the file hands in a reader.
//
// A set takes 16.5 to 17.7 bytes an entry, whatever the values' length. It knows of each entry the first 128 bits of a
// SHA-256 (or SHA-1, or the whole of an MD5, where the file has such sums): of a list of n entries, a value that is not
// in it is taken for one with a probability of n / 2^128, which is 3 in 10^32 for ten million. Nobody can make a value
// that is taken for another without breaking SHA-256; of files that have MD5 or SHA-1 this cannot be said.
package listfile

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Sum is how the values of a file are written.
type Sum uint8

// The sums. Plain is a file with the values themselves.
const (
	Plain Sum = iota
	MD5
	SHA1
	SHA256
)

var sumNames = [...]string{"plain", "md5", "sha1", "sha256"}

// String is the sum's name as it stands in a configuration.
func (s Sum) String() string { return sumNames[s] }

// ParseSum reads the name of a sum; empty is Plain.
func ParseSum(name string) (Sum, error) {
	if name == "" {
		return Plain, nil
	}
	for i, n := range sumNames[1:] {
		if n == name {
			return Sum(i + 1), nil
		}
	}
	return Plain, fmt.Errorf("one of %s", strings.Join(sumNames[1:], ", "))
}

// size is the sum's length in bytes; 0 of Plain.
func (s Sum) size() int {
	return [...]int{Plain: 0, MD5: md5.Size, SHA1: sha1.Size, SHA256: sha256.Size}[s]
}

// key is the first 128 bits of a sum.
type key struct{ hi, lo uint64 }

func keyOf(sum []byte) key {
	return key{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
}

// of is the key of a value, as normal text.
func (s Sum) of(text []byte) key {
	switch s {
	case MD5:
		sum := md5.Sum(text)
		return keyOf(sum[:])
	case SHA1:
		sum := sha1.Sum(text)
		return keyOf(sum[:])
	}
	sum := sha256.Sum256(text)
	return keyOf(sum[:])
}

// Set is the values of a file. It never changes and may be shared.
type Set struct {
	sum    Sum
	shift  uint     // of a key's upper half, to its bucket
	starts []uint32 // by bucket its first key; one more at the end
	keys   []key    // by bucket, in order within each
	values []string // of a plain file, as normal text, sorted, each once: all of them, or some of a large file
}

// A set keeps the values of a small plain file as they are, and some of a large one.
const (
	SmallMax = 50_000 // values of a small file
	someMax  = 8      // that are kept of a large one
)

// Some are some values of a plain file, as normal text: to make a lead of which the file has a value.
func (s *Set) Some() []string { return s.values[:min(someMax, len(s.values))] }

// Values are all values of a small plain file, as normal text, sorted, each once; nil of other files.
func (s *Set) Values() []string {
	if len(s.values) != len(s.keys) {
		return nil
	}
	return s.values
}

// Len is the number of values, each counted once.
func (s *Set) Len() int { return len(s.keys) }

// Bytes is how much memory the set takes.
func (s *Set) Bytes() int {
	n := 16*cap(s.keys) + 4*cap(s.starts)
	for _, v := range s.values {
		n += 16 + len(v)
	}
	return n
}

// Has tells whether a value is in the file: its normal text, also where the file has sums. It allocates nothing.
func (s *Set) Has(text []byte) bool {
	if len(s.keys) == 0 {
		return false
	}
	return s.has(s.sum.of(text))
}

// HasSum is Has for the sum of a value, of the kind that the file has: as bytes, at least 16 of them.
func (s *Set) HasSum(sum []byte) bool { return len(s.keys) > 0 && s.has(keyOf(sum)) }

func (s *Set) has(k key) bool {
	b := s.bucket(k)
	for _, in := range s.keys[s.starts[b]:s.starts[b+1]] {
		if in == k {
			return true
		}
	}
	return false
}

func (s *Set) bucket(k key) int { return int(k.hi >> s.shift) }

// bucketMean is how many keys a bucket has at least, on average; at most twice as many.
const bucketMean = 4

// newSet makes a set of keys, whose memory it takes over.
func newSet(sum Sum, keys []key) *Set {
	s := &Set{sum: sum, shift: 64, keys: keys}
	if len(keys) == 0 {
		return s
	}
	width := uint(max(bits.Len(uint(len(keys)/bucketMean))-1, 0))
	s.shift = 64 - width
	s.starts = make([]uint32, 1<<width+1)
	for _, k := range keys {
		s.starts[s.bucket(k)+1]++
	}
	for b := 1; b < len(s.starts); b++ {
		s.starts[b] += s.starts[b-1]
	}
	s.arrange()
	s.compact()
	if len(s.keys) < cap(s.keys)/4*3 { // many lines had the same value: give the room back
		return newSet(sum, slices.Clone(s.keys))
	}
	return s
}

// groupBuckets is how many buckets are filled at a time: their keys, and where the next one goes, stay in a processor's
// cache.
const groupBuckets = 1 << 11

// arrange moves each key into its bucket: into a group of buckets first where there are many.
func (s *Set) arrange() {
	all := len(s.starts) - 1
	for width := all; width > 1; {
		stride := max(width/groupBuckets, 1)
		next := make([]uint32, width/stride)
		for first := 0; first < all; first += width {
			s.spread(first, stride, next)
		}
		width = stride
	}
}

// spread moves keys within the buckets from first on, each into its stretch of so many buckets, in place: a key that is
// in the way goes on to its own. next has a place for each stretch.
func (s *Set) spread(first, stride int, next []uint32) {
	for i := range next {
		next[i] = s.starts[first+i*stride]
	}
	step := uint(bits.TrailingZeros(uint(stride)))
	for i := range next {
		for end := s.starts[first+(i+1)*stride]; next[i] < end; {
			k := s.keys[next[i]]
			for to := (s.bucket(k) - first) >> step; to != i; to = (s.bucket(k) - first) >> step {
				s.keys[next[to]], k = k, s.keys[next[to]]
				next[to]++
			}
			s.keys[next[i]] = k
			next[i]++
		}
	}
}

// compact leaves each key once.
func (s *Set) compact() {
	n := uint32(0)
	from := s.starts[0]
	for b := range len(s.starts) - 1 {
		to, first := s.starts[b+1], n
	each:
		for _, k := range s.keys[from:to] {
			for _, in := range s.keys[first:n] {
				if in == k {
					continue each
				}
			}
			s.keys[n] = k
			n++
		}
		s.starts[b+1], from = n, to
	}
	s.keys = s.keys[:n]
}
