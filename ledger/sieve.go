// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"clearpost/lead"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// sieve tells at once, and without a lock, that a key is certainly not in the views: a read of the disk for each ping,
// nearly all of which find nothing, would cost more than the auction. It is a list of Bloom filters, each four times
// the one before; a key's bits stand in one cache line of each. It is filled from the views in the background after a
// start; until then every key may be there.
type sieve struct {
	seed   maphash.Seed
	full   atomic.Bool // it has all keys of the views
	layers atomic.Pointer[[]*sieveLayer]
	mu     sync.Mutex // one adds a layer at a time
}

type sieveLayer struct {
	words []atomic.Uint64
	left  atomic.Int64 // keys that it may still take
}

const (
	sieveFirst    = 1 << 14 // words of the first layer: 128 KiB, for a hundred thousand keys
	sieveLast     = 1 << 22 // words of the largest: 32 MiB; when it is full more keys are let through in vain
	sieveKeyBits  = 10      // of a layer, by key that it takes
	sieveLineBits = 512
	sieveProbes   = 6
)

func newSieve() *sieve {
	s := &sieve{seed: maphash.MakeSeed()}
	s.layers.Store(&[]*sieveLayer{newSieveLayer(sieveFirst)})
	return s
}

func newSieveLayer(words int) *sieveLayer {
	l := &sieveLayer{words: make([]atomic.Uint64, words)}
	l.left.Store(int64(words) * 64 / sieveKeyBits)
	return l
}

func (s *sieve) add(key string) {
	h := maphash.String(s.seed, key)
	layers := *s.layers.Load()
	l := layers[len(layers)-1]
	if l.left.Add(-1) < 0 && len(l.words) < sieveLast {
		l = s.grow(l)
	}
	line := l.line(h)
	for range sieveProbes {
		bit := h % sieveLineBits
		line[bit/64].Or(1 << (bit % 64))
		h >>= 9
	}
}

// grow puts a layer behind the one that is full, unless somebody has done so.
func (s *sieve) grow(full *sieveLayer) *sieveLayer {
	s.mu.Lock()
	defer s.mu.Unlock()
	layers := *s.layers.Load()
	last := layers[len(layers)-1]
	if last != full {
		return last
	}
	next := newSieveLayer(4 * len(full.words))
	layers = append(layers[:len(layers):len(layers)], next)
	s.layers.Store(&layers)
	return next
}

// line is where the bits of a hash stand. It is chosen by the hash's upper bits, the bits in it by its lower 54.
func (l *sieveLayer) line(h uint64) []atomic.Uint64 {
	at := (h * 0x9e3779b97f4a7c15 >> 32) * uint64(len(l.words)/8) >> 32 * 8
	return l.words[at : at+8]
}

// may tells whether the key may be in the views.
func (s *sieve) may(key []byte) bool {
	if !s.full.Load() {
		return true
	}
	hash := maphash.Bytes(s.seed, key)
	for _, l := range *s.layers.Load() {
		line, h, in := l.line(hash), hash, true
		for range sieveProbes {
			bit := h % sieveLineBits
			in = in && line[bit/64].Load()&(1<<(bit%64)) != 0
			h >>= 9
		}
		if in {
			return true
		}
	}
	return false
}

// fillSieve puts the persons and marks in that stand in the views. New ones are added as they are stored, from before
// on.
func (l *Ledger) fillSieve() {
	going := func() bool {
		select {
		case <-l.stop:
			return false
		default:
			return true
		}
	}
	err := l.views.each([]byte{keyPerson}, false, func(k, _ []byte) bool {
		l.persons.add(string(k))
		return going()
	})
	err = errors.Join(err, l.views.each([]byte{keyMark}, false, func(k, _ []byte) bool {
		l.persons.add(string(k[:len(k)-len(lead.ID{})]))
		return going()
	}))
	if err != nil {
		l.log.Error("the persons of earlier leads could not be read: each ping asks the views", "err", err)
		return
	}
	select {
	case <-l.stop:
	default:
		l.persons.full.Store(true)
	}
}
