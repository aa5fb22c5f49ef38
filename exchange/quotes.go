// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/lead"
)

// quoteTable knows the live quotes by what their pings have sent, and the pings under way, so that a ping that is sent
// again gets the first one's quote. It can be made again from the ledger, and has nothing that the ledger has not:
// whoever finds a quote here reads there what has become of it. Shards keep pings from sharing a lock. No pointers
// stand in it, so that hundreds of thousands of quotes cost the collector nothing.
type quoteTable struct {
	keep   atomic.Int64 // the longest life of a quote, in nanoseconds
	shards [256]quoteShard
}

type quoteShard struct {
	mu      sync.Mutex
	flights map[content]*Ping // under way
	young   map[content]quoteRef
	old     map[content]quoteRef // as many as there were when it was turned, at most quotesMax
	turned  int64
}

type quoteRef struct {
	lead    lead.ID
	expires int64 // nanoseconds since 1970
}

// quotesMax bounds each generation of a shard: with more than two million live quotes the oldest are not recognised any
// more, and a ping that repeats one has an auction of its own.
const quotesMax = 1 << 13

func (t *quoteTable) init() {
	for i := range t.shards {
		s := &t.shards[i]
		s.flights, s.young, s.old = map[content]*Ping{}, map[content]quoteRef{}, map[content]quoteRef{}
	}
}

func (t *quoteTable) shard(c content) *quoteShard {
	return &t.shards[binary.LittleEndian.Uint16(c[:])%uint16(len(t.shards))]
}

// enter makes p the one ping of its content under way, or returns the flight of the one that is. quoted is the lead of
// a quote that may be alive.
func (t *quoteTable) enter(p *Ping, now time.Time) (other *flight, quoted lead.ID) {
	s := t.shard(p.what)
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.flights[p.what]; o != nil {
		if o.flight == nil {
			o.flight = &flight{done: make(chan struct{})}
		}
		return o.flight, noLead
	}
	s.flights[p.what] = p
	return nil, s.find(p.what, now)
}

// leave ends what enter began and tells those who wait.
func (t *quoteTable) leave(p *Ping, now time.Time, f *Fault) {
	s := t.shard(p.what)
	s.mu.Lock()
	delete(s.flights, p.what)
	if f == nil && p.reply.Result == lead.ResultSuccess {
		t.put(s, p.what, quoteRef{p.reply.LeadID, p.reply.ExpiresAt.UnixNano()}, now.UnixNano())
	}
	waiting := p.flight
	p.flight = nil
	s.mu.Unlock()
	if waiting != nil {
		waiting.reply, waiting.fault = p.reply, f
		close(waiting.done)
	}
}

// put takes a quote. The caller holds the shard.
func (t *quoteTable) put(s *quoteShard, c content, q quoteRef, now int64) {
	if now-s.turned > t.keep.Load() || len(s.young) >= quotesMax {
		s.old, s.young = s.young, s.old
		clear(s.young)
		s.turned = now
	}
	s.young[c] = q
}

// restore takes a quote that the ledger tells of.
func (t *quoteTable) restore(c content, id lead.ID, expires, now time.Time) {
	s := t.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.put(s, c, quoteRef{id, expires.UnixNano()}, now.UnixNano())
}

// find is the lead of a quote that may be alive, zero if there is none.
func (t *quoteTable) find(c content, now time.Time) lead.ID {
	s := t.shard(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(c, now)
}

// find is the table's. The caller holds the shard.
func (s *quoteShard) find(c content, now time.Time) lead.ID {
	q, ok := s.young[c]
	if !ok {
		q = s.old[c]
	}
	if q.expires > now.UnixNano() {
		return q.lead
	}
	return noLead
}
