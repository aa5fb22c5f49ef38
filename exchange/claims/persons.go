// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Reach is with whose earlier leads a rule compares a lead.
type Reach uint8

// The reaches.
const (
	ReachNone   Reach = iota // with nobody's
	ReachSource              // with those of its source
	ReachAll                 // with those of all sources
)

// Person is one delivery of a lead of somebody.
type Person struct {
	Source string // who sent it
	Reach  Reach  // of the rule that the delivery goes by
}

// covers tells whether p is compared with o's lead.
func (p *Person) covers(o *Person) bool {
	return p.Reach == ReachAll || p.Reach == ReachSource && p.Source == o.Source
}

// persons says whose leads are being delivered. Two deliveries of one person exclude each other if the rule of either
// compares it with the other's leads. Each goes by the rule of the configuration that it began on, and is met by those
// that begin on a later one: so it is kept what its rule was, and not under which scope it would be found today.
type persons struct {
	seed   maphash.Seed
	shards [16]personShard
}

type personShard struct {
	mu sync.Mutex
	m  map[string][]*Person // guarded by mu
}

func (t *persons) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].m = map[string][]*Person{}
	}
}

func (t *persons) shard(name string) *personShard {
	return &t.shards[maphash.String(t.seed, name)%uint64(len(t.shards))]
}

func (t *persons) begin(name string, p *Person) bool {
	s := t.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.m[name] {
		if p.covers(o) || o.covers(p) {
			return false
		}
	}
	s.m[name] = append(s.m[name], p)
	return true
}

func (t *persons) end(name string, p *Person) {
	s := t.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.m[name], func(o *Person) bool { return o == p })
	if len(left) == 0 {
		delete(s.m, name)
		return
	}
	s.m[name] = left
}
