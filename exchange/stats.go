// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Stats counts what the exchange has answered since it started. All of it may be read at any time.
type Stats struct {
	Pings, Quotes, NoBids        atomic.Int64
	Posts, Sold, Unsold, Pending atomic.Int64
	RevenueMicros, PayoutMicros  atomic.Int64
	Returned                     atomic.Int64 // sales given back
	// what corrections, other bookings and returns have added to these, and taken from them
	RevenueMore, RevenueLess atomic.Int64
	PayoutMore, PayoutLess   atomic.Int64
	Tests                    atomic.Int64 // pings and one-shot leads that were tests; they count nowhere else
	Panics                   atomic.Int64 // mistakes of ours, each of which has ended what it struck
	ExpressionErrors         atomic.Int64 // of criteria: what they hang on is missing for good, or not valid
	sources                  sync.Map     // id → *SourceTally
	ClosedEarly              atomic.Int64 // auctions that ended while buyers were silent who could not win any more
	// microseconds until these would have answered, as usual, or the time was up
	SavedMicros atomic.Int64
	TiersSpared atomic.Int64 // tiers that were not asked, since an earlier one took the lead
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

func (s *Stats) settled(ev *ledger.Settled) {
	if ev.Test {
		return
	}
	s.Posts.Add(1)
	switch ev.Result {
	case lead.ResultSuccess:
		s.Sold.Add(1)
	case lead.ResultPending:
		s.Pending.Add(1)
	default:
		s.Unsold.Add(1)
	}
	for _, x := range ev.Sales {
		s.booked(x.Price, x.Payout)
	}
}

// booked counts the money of one sale.
func (s *Stats) booked(price, payout lead.Money) {
	s.RevenueMicros.Add(int64(price))
	s.PayoutMicros.Add(int64(payout))
}

// Money is what is booked since the start: sales, and what corrections, other bookings and returns have changed of them
// and of earlier ones.
func (s *Stats) Money() (revenue, payout lead.Money) {
	return lead.Money(s.RevenueMicros.Load() + s.RevenueMore.Load() - s.RevenueLess.Load()),
		lead.Money(s.PayoutMicros.Load() + s.PayoutMore.Load() - s.PayoutLess.Load())
}

// corrected counts by how much a correction changes what is booked.
func (s *Stats) corrected(adj *ledger.Adjusted) {
	put := func(more, less *atomic.Int64, d lead.Money) {
		more.Add(int64(max(d, 0)))
		less.Add(int64(max(-d, 0)))
	}
	put(&s.RevenueMore, &s.RevenueLess, adj.Price-adj.Was.Price)
	put(&s.PayoutMore, &s.PayoutLess, adj.Payout-adj.Was.Payout)
}

// returned counts what a return takes off what is booked, or books again.
func (s *Stats) returned(adj *ledger.Adjusted) {
	if adj.Adjustment == ledger.AdjustReturned {
		s.Returned.Add(1)
	}
	s.corrected(&ledger.Adjusted{Was: &ledger.Booked{Price: adj.Return.Credit, Payout: adj.Return.Clawback}})
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

// Tally is what a campaign has counted since the start, under whatever configuration. All of it are atomics, for
// metrics and summaries.
type Tally struct {
	Asked, Bids, Won, Posted    atomic.Int64 // pings sent, bids got, quotes that counted on it, attempts
	Accepted, Rejected, Unknown atomic.Int64 // how attempts ended; Rejected has all that is known not to be a sale
	Late, Errors                atomic.Int64 // pings without an answer in time; pings that failed otherwise
	CapSkips, PauseSkips        atomic.Int64 // pings that it was not asked for
	ClosedSkips                 atomic.Int64 // the same, by its schedule or its buyer's
	AuthSkips                   atomic.Int64 // the same, for want of an access token
	// the same, posts included; and those that a breaker that only simulates would have refused
	ThrottleSkips, BreakerSkips atomic.Int64
	ClosedEarly                 atomic.Int64 // auctions that ended before it answered, which could not win any more
	SlowSkips, UnchosenSkips    atomic.Int64 // the same, by the vertical's economy
	RevenueMicros, PayoutMicros atomic.Int64 // booked
	Backups                     atomic.Int64 // attempts that went to the backup URL
	StatusCalls, Resends        atomic.Int64 // what was done about attempts without a known outcome
	ClearedUp                   atomic.Int64 // of them resolved by it
	Latency                     Latency      // of answers to pings
	usual                       usual
	worth                       worth
	pingsWell, postsWell        wellness
}

// wellness is whether a campaign's calls of one kind fail. It is told once when they begin to, and once when they no
// longer do.
type wellness struct {
	inARow atomic.Int64
	since  atomic.Int64 // unix nanoseconds since when it fails; 0: it is well
}

// latencyBounds are the upper bounds of a campaign's histogram.
var latencyBounds = [...]time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,

	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}

// Latency is how long a campaign's answers to pings took. It may be used by any goroutine.
type Latency struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	micros  atomic.Int64
}

func (h *Latency) add(took time.Duration) {
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.micros.Add(took.Microseconds())
}

// Read gives the number of answers, their time in seconds, and how many took at most each bound, in seconds. The parts
// are read one after another.
func (h *Latency) Read() (n uint64, seconds float64, below map[float64]uint64) {
	below = make(map[float64]uint64, len(latencyBounds))
	for i, bound := range latencyBounds {
		n += h.buckets[i].Load()
		below[bound.Seconds()] = n
	}
	return n + h.buckets[len(latencyBounds)].Load(), float64(h.micros.Load()) / 1e6, below
}
