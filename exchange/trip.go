// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"hash/maphash"
	"sync"

	"clearpost/lead"
)

var noLead lead.ID

// claimTable says which leads and which idempotency keys have a trip under way, so that no lead has two at once.
// It is used by posts, one-shot leads and keyed pings only; plain pings take no lock of it.
type claimTable struct {
	seed   maphash.Seed
	shards [64]claimShard
}

type claimShard struct {
	mu sync.Mutex
	m  map[string]*underWay // guarded by mu
}

func (t *claimTable) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].m = map[string]*underWay{}
	}
}

func (t *claimTable) shard(key string) *claimShard {
	return &t.shards[maphash.String(t.seed, key)%uint64(len(t.shards))]
}

// begin claims a key. If another has it, that one is returned and ok is false.
func (t *claimTable) begin(key string, tr *underWay) (other *underWay, ok bool) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.m[key]; o != nil {
		return o, false
	}
	s.m[key] = tr
	return nil, true
}

// busy tells whether a key is claimed at this moment.
func (t *claimTable) busy(key string) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key] != nil
}

func (t *claimTable) end(key string) {
	s := t.shard(key)
	s.mu.Lock()
	delete(s.m, key)
	s.mu.Unlock()
}

func leadKey(id lead.ID) string { return "lead\x00" + string(id[:]) }
