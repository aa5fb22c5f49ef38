// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/ledger"
)

// Stats counts what the exchange has answered since it started. All of it may be read at any time.
type Stats struct {
	Pings, Quotes, NoBids        atomic.Int64
	Posts, Sold, Unsold, Pending atomic.Int64
	RevenueMicros, PayoutMicros  atomic.Int64
	Tests                        atomic.Int64 // pings and one-shot leads that were tests; they count nowhere else
	ExpressionErrors             atomic.Int64 // of criteria: what they hang on is missing for good, or not valid
	sources                      sync.Map     // id → *SourceTally
	// of pings and one-shot auctions: our own time; with the buyers' and the ledger's
	Own, Whole Histogram
}

// SourceTally is what a source's leads have come to without an auction, since the start.
type SourceTally struct {
	// pings answered with the quote of an earlier or simultaneous one that had sent the same; Stats.Pings does not
	// count them
	Suppressed atomic.Int64
	Repeated   atomic.Int64 // pings, posts and one-shot leads that were repeats of an earlier lead of their person
}

func (s *Stats) source(id string) *SourceTally {
	if t, ok := s.sources.Load(id); ok {
		return t.(*SourceTally)
	}
	t, _ := s.sources.LoadOrStore(id, &SourceTally{})
	return t.(*SourceTally)
}

// Sources calls fn with each source that is or was configured since the start, in no order.
func (s *Stats) Sources(fn func(id string, t *SourceTally)) {
	s.sources.Range(func(id, t any) bool { fn(id.(string), t.(*SourceTally)); return true })
}

func (s *Stats) pinged(p *Ping, whole time.Duration) {
	if p.Test.On {
		s.Tests.Add(1)
		return
	}
	s.Pings.Add(1)
	if p.event.Result == ledger.ResultSuccess {
		s.Quotes.Add(1)
	} else {
		s.NoBids.Add(1)
	}
	s.Whole.Observe(whole)
	s.Own.Observe(whole - p.waited)
}

func (s *Stats) settled(ev *ledger.Settled) {
	if ev.Test {
		return
	}
	s.Posts.Add(1)
	switch ev.Result {
	case ledger.ResultSuccess:
		s.Sold.Add(1)
	case ledger.ResultPending:
		s.Pending.Add(1)
	default:
		s.Unsold.Add(1)
	}
	for _, x := range ev.Sales {
		s.RevenueMicros.Add(int64(x.Price))
		s.PayoutMicros.Add(int64(x.Payout))
	}
}

// Histogram counts durations in buckets of about 12 % width, from a microsecond to over an hour, without a lock.
type Histogram struct {
	count, sumUS atomic.Int64
	buckets      [32 * 8]atomic.Int64
}

// Observe adds one duration.
func (h *Histogram) Observe(d time.Duration) {
	us := uint64(max(d.Microseconds(), 0))
	h.count.Add(1)
	h.sumUS.Add(int64(us))
	h.buckets[bucket(us)].Add(1)
}

func bucket(us uint64) int {
	if us < 8 {
		return int(us)
	}
	e := bits.Len64(us) - 4 // us>>e has four bits: 8..15
	return min((e+1)*8+int(us>>e)-8, 32*8-1)
}

// upper is the bucket's upper end, exclusive, in microseconds.
func upper(i int) uint64 {
	if i < 8 {
		return uint64(i) + 1
	}
	return uint64(i%8+9) << (i/8 - 1)
}

// Quantile is the upper end of the bucket that holds the q-quantile; 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	total := h.count.Load()
	need := int64(q*float64(total) + 0.5)
	var seen int64
	for i := range h.buckets {
		seen += h.buckets[i].Load()
		if seen >= max(need, 1) && total > 0 {
			return time.Duration(upper(i)) * time.Microsecond
		}
	}
	return 0
}

// Sum is the number of durations and their total.
func (h *Histogram) Sum() (n int64, total time.Duration) {
	return h.count.Load(), time.Duration(h.sumUS.Load()) * time.Microsecond
}

// Below counts, for each bound in ascending order, the durations in buckets that end at or below it.
func (h *Histogram) Below(bounds []time.Duration, out []uint64) []uint64 {
	i, sum := 0, uint64(0)
	for _, b := range bounds {
		for ; i < len(h.buckets) && time.Duration(upper(i))*time.Microsecond <= b; i++ {
			sum += uint64(h.buckets[i].Load())
		}
		out = append(out, sum)
	}
	return out
}
