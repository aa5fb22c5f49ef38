// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"hash/maphash"
	"sync"
)

// Table knows which names are held, and by what. Any goroutine may use it; shards keep them from sharing a lock.
type Table[T any] struct {
	seed    maphash.Seed
	shards  [64]tableShard[T]
	persons persons
}

type tableShard[T any] struct {
	mu sync.Mutex
	m  map[string]*T // guarded by mu
}

// NewTable makes an empty table.
func NewTable[T any]() *Table[T] {
	t := &Table[T]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = map[string]*T{}
	}
	t.persons.init()
	return t
}

func (t *Table[T]) shard(name string) *tableShard[T] {
	return &t.shards[maphash.String(t.seed, name)%uint64(len(t.shards))]
}

// begin takes a name for v. If another has it, that one is returned and ok is false.
func (t *Table[T]) begin(name string, v *T) (other *T, ok bool) {
	s := t.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.m[name]; o != nil {
		return o, false
	}
	s.m[name] = v
	return nil, true
}

func (t *Table[T]) end(name string) {
	s := t.shard(name)
	s.mu.Lock()
	delete(s.m, name)
	s.mu.Unlock()
}

// Busy tells whether a name is held at this moment.
func (t *Table[T]) Busy(name string) bool {
	s := t.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[name] != nil
}
