// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"clearpost/lead"
)

// overlay is the index of the events that are stored and not in the views on disk yet. It has two generations: the
// writer adds to the younger, the applier takes the elder into the views and then drops it whole. Readers look here
// first and on disk second, so that an event is always found in one of the two. It is cut into shards, so that pings do
// not share a lock.
type overlay struct {
	mu     sync.Mutex // order of add and turn
	seed   maphash.Seed
	shards [overlayShards]overlayShard
	facts  []fact // of the younger generation, in order
	spare  []fact
}

const overlayShards = 64

type overlayShard struct {
	mu  sync.Mutex
	gen [2]generation // younger, elder
}

type generation struct {
	leads  map[lead.ID]list[uint64] // → seqs
	refs   map[string]ref           // idem keys, and those of persons and contents → latest use
	seller map[string]list[lead.ID] // seller keys, and those of persons that are sold, or may be → leads
	marks  map[string]list[ref]     // keys of marks → who has them
}

// list spares the common one, which has one item, a slice.
type list[T any] struct {
	first T
	more  []T
}

// push adds an item under a key.
func push[K comparable, T any](m map[K]list[T], key K, item T) {
	l, more := m[key]
	if more {
		l.more = append(l.more, item)
	} else {
		l.first = item
	}
	m[key] = l
}

// mapKeep is how many entries a generation's maps may have had to be kept for the next.
const mapKeep = 4096

func newOverlay() *overlay {
	o := &overlay{seed: maphash.MakeSeed()}
	for i := range o.shards {
		for g := range o.shards[i].gen {
			o.shards[i].gen[g].reset()
		}
	}
	return o
}

func (g *generation) reset() {
	if g.leads == nil || len(g.leads) > mapKeep || len(g.refs) > mapKeep || len(g.seller) > mapKeep ||
		len(g.marks) > mapKeep {
		*g = generation{map[lead.ID]list[uint64]{}, map[string]ref{}, map[string]list[lead.ID]{},
			map[string]list[ref]{}}
		return
	}
	clear(g.leads)
	clear(g.refs)
	clear(g.seller)
	clear(g.marks)
}

func (o *overlay) ofLead(id lead.ID) *overlayShard {
	// The last bytes of an id are random.
	return &o.shards[id[15]%overlayShards]
}

func (o *overlay) ofKey(key string) *overlayShard {
	return &o.shards[maphash.String(o.seed, key)%overlayShards]
}

// add takes the facts of one commit.
func (o *overlay) add(facts []fact) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.facts = append(o.facts, facts...)
	for i := range facts {
		f := &facts[i]
		if !f.lead.IsZero() {
			s := o.ofLead(f.lead)
			s.mu.Lock()
			push(s.gen[0].leads, f.lead, f.seq)
			s.mu.Unlock()
		}
		r := ref{f.lead, f.at, f.seq}
		if f.idem != "" {
			o.point(f.idem, r)
		}
		for _, key := range f.refs {
			o.point(key, r)
		}
		if f.seller != "" {
			o.list(f.seller, f.lead)
		}
		o.mark(f)
		if f.gone {
			continue // the views forget it; until then it is looked at in vain
		}
		for _, key := range f.sold {
			o.list(key, f.lead)
		}
	}
}

func (o *overlay) list(key string, id lead.ID) {
	s := o.ofKey(key)
	s.mu.Lock()
	push(s.gen[0].seller, key, id)
	s.mu.Unlock()
}

func (o *overlay) mark(f *fact) {
	_, r := f.marked()
	for _, key := range f.marks {
		s := o.ofKey(key)
		s.mu.Lock()
		push(s.gen[0].marks, key, r)
		s.mu.Unlock()
	}
}

// marked appends who has a mark.
func (o *overlay) marked(dst []ref, key []byte) []ref {
	s := &o.shards[maphash.Bytes(o.seed, key)%overlayShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.gen {
		if l, ok := s.gen[g].marks[string(key)]; ok {
			dst = append(append(dst, l.first), l.more...)
		}
	}
	return dst
}

func (o *overlay) point(key string, r ref) {
	s := o.ofKey(key)
	s.mu.Lock()
	s.gen[0].refs[key] = r
	s.mu.Unlock()
}

// turn makes the younger generation the elder, which must be empty, and returns its facts, valid until drop.
func (o *overlay) turn() []fact {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		s.gen[0], s.gen[1] = s.gen[1], s.gen[0]
		s.mu.Unlock()
	}
	out := o.facts
	o.facts, o.spare = o.spare[:0], nil
	return out
}

// drop forgets the elder generation, which is in the views now.
func (o *overlay) drop(facts []fact) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		s.gen[1].reset()
		s.mu.Unlock()
	}
	if cap(facts) > 1<<16 {
		return
	}
	clear(facts)
	o.mu.Lock()
	o.spare = facts[:0]
	o.mu.Unlock()
}

func (o *overlay) seqs(dst []uint64, id lead.ID) []uint64 {
	s := o.ofLead(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.gen {
		if l, ok := s.gen[1-g].leads[id]; ok {
			dst = append(append(dst, l.first), l.more...)
		}
	}
	return dst
}

func (o *overlay) latest(key []byte) (ref, bool) {
	s := &o.shards[maphash.Bytes(o.seed, key)%overlayShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.gen {
		if r, ok := s.gen[g].refs[string(key)]; ok {
			return r, true
		}
	}
	return ref{}, false
}

// eachRef calls fn with each key that begins so, and its latest use of a generation. It looks at all of them.
func (o *overlay) eachRef(prefix []byte, fn func(key string, r ref)) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		for g := range s.gen {
			for key, r := range s.gen[g].refs {
				if strings.HasPrefix(key, string(prefix)) {
					fn(key, r)
				}
			}
		}
		s.mu.Unlock()
	}
}

// uses returns the leads of a seller key, or of a person that is sold, newest first.
func (o *overlay) uses(key []byte) []lead.ID {
	s := &o.shards[maphash.Bytes(o.seed, key)%overlayShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []lead.ID
	for g := range s.gen {
		if l, ok := s.gen[g].seller[string(key)]; ok {
			for _, id := range slices.Backward(l.more) {
				out = append(out, id)
			}
			out = append(out, l.first)
		}
	}
	return out
}
