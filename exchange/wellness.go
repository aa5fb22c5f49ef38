// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"clearpost/lead"
)

// failsAt is how many calls of a campaign must fail in a row before its buyer counts as failing.
const failsAt = 10

// wellness is whether a campaign's calls of one kind fail. It is told once when they begin to, and once when they no
// longer do.
type wellness struct {
	inARow atomic.Int64
	since  atomic.Int64 // unix nanoseconds since when it fails; 0: it is well
}

// note takes one call's end. why is NoRefusal for a call that was answered.
func (w *wellness) note(e *Exchange, l *LiveCampaign, kind string, why lead.Refusal, now time.Time) {
	if why == lead.NoRefusal {
		if w.inARow.Load() != 0 {
			w.inARow.Store(0)
		}
		if w.since.Load() == 0 {
			return
		}
		if since := w.since.Swap(0); since != 0 {
			e.log.Warn("a buyer is well again", "campaign", l.ID, "buyer", l.Buyer.ID, "calls", kind, "after",
				now.Sub(time.Unix(0, since)).Round(time.Millisecond))
		}
		return
	}
	if n := w.inARow.Add(1); n >= failsAt && w.since.CompareAndSwap(0, now.UnixNano()) {
		e.log.Warn("a buyer has begun to fail", "campaign", l.ID, "buyer", l.Buyer.ID, "calls", kind, "in_a_row", n,
			"last", why.String())
	}
}

// tellBids writes, at level debug, why each campaign of a ping was not asked, or gave no bid. Those whose criteria the
// lead does not meet are no part of it: explain tells of them.
func (e *Exchange) tellBids(p *Ping) {
	if !e.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for i := range p.bids {
		if b := &p.bids[i]; b.Refusal != lead.NoRefusal {
			e.log.Debug("no bid", "lead", p.id.String(), "campaign", b.Campaign, "why", b.Refusal.String(), "took_us",
				b.TookUS)
		}
	}
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
