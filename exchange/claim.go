// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"hash/maphash"
	"slices"
	"sync"
)

// personTable says whose leads are being delivered. Two deliveries of one person exclude each other if the rule of
// either compares it with the other's leads. Each goes by the rule of the configuration that it began on, and is met by
// those that begin on a later one: so it is kept what its rule was, and not under which scope it would be found today.
type personTable struct {
	seed   maphash.Seed
	shards [16]personShard
}

type personShard struct {
	mu sync.Mutex
	m  map[string][]*personClaim // guarded by mu: by vertical and name
}

// personClaim is one delivery.
type personClaim struct {
	source string
	reach  reach
}

// reach is with whose earlier leads a rule compares a lead.
type reach uint8

const (
	reachNone   reach = iota // with nobody's
	reachSource              // with those of its source
	reachAll                 // with those of all sources
)

func (d *Dedupe) reach() reach {
	switch {
	case !d.refuses():
		return reachNone
	case d.Scope == ScopeVertical:
		return reachAll
	}
	return reachSource
}

// covers tells whether c is compared with o's lead.
func (c *personClaim) covers(o *personClaim) bool {
	return c.reach == reachAll || c.reach == reachSource && c.source == o.source
}

func (t *personTable) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].m = map[string][]*personClaim{}
	}
}

func (t *personTable) shard(key string) *personShard {
	return &t.shards[maphash.String(t.seed, key)%uint64(len(t.shards))]
}

func (t *personTable) begin(key string, c *personClaim) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.m[key] {
		if c.covers(o) || o.covers(c) {
			return false
		}
	}
	s.m[key] = append(s.m[key], c)
	return true
}

func (t *personTable) end(key string, c *personClaim) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.m[key], func(o *personClaim) bool { return o == c })
	if len(left) == 0 {
		delete(s.m, key)
		return
	}
	s.m[key] = left
}

// claimPerson makes this the only delivery of its person's leads, where they may be repeats of each other.
func (e *Exchange) claimPerson(s *Source, v *Vertical, who *identity) (end func(), f *Fault) {
	c := &personClaim{s.ID, s.DedupeOf(v).reach()}
	var held []string
	end = func() {
		for _, key := range held {
			e.persons.end(key, c)
		}
	}
	for i := range who.names() {
		key := v.ID + "\x00" + who.name(i)
		if !e.persons.begin(key, c) {
			end()
			return nil, personBusy()
		}
		held = append(held, key)
	}
	return end, nil
}
