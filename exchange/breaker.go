// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
)

// breaker keeps a campaign from being asked while its pings fail. Closed, it counts the ends of calls in a window that
// slides in steps of a tenth; when enough of them failed it opens, refuses for a while, then lets a few probes through:
// all good, it closes, one bad, it opens again. It guards pings only: a post of a quote that counted on the campaign is
// always made. Where it only simulates, it goes through the same states on the same calls and refuses none. The caller
// passes the clock in. A nil breaker lets everything through.
//
// It is written here because it must not allocate for a call, must take the trip's clock, and must simulate; a
// library's does none of these.
type breaker struct {
	set   buyers.Breaker
	state atomic.Int32 // changed under mu

	mu      sync.Mutex // guards the rest; held for nanoseconds, by pings of this campaign only
	era     uint32     // of the state: the end of a call that was let through in another era does not count
	step    [breakerSteps]breakerCount
	at      int64     // number of the newest step
	since   time.Time // when this era began
	probes  int       // let through in this half-open era
	succeed int       // of them ended well
}

const breakerSteps = 10

type breakerCount struct{ calls, failures int }

// States of a breaker, as they stand in metrics.
const (
	BreakerClosed int32 = iota
	BreakerProbing
	BreakerRefusing
)

// pass is the leave to make one call.
type pass struct {
	era     uint32
	counted bool // its end counts
}

// verdict is what a call's end says of the buyer.
type verdict uint8

const (
	callGood verdict = iota
	callBad
	callUntold // it was not made, or failed for a reason of our own
)

func newBreaker(b *buyers.Breaker) *breaker {
	if b == nil {
		return nil
	}
	return &breaker{set: *b}
}

// let tells whether a call may be made. If it may, and refused is false, end must be called with its pass. simulated
// says that a breaker that does not only simulate would have refused.
func (b *breaker) let(now time.Time) (p pass, refused, simulated bool) {
	if b == nil {
		return pass{}, false, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state.Load() {
	case BreakerClosed:
		return pass{b.era, true}, false, false
	case BreakerRefusing:
		if b.lasts(now) {
			return pass{}, !b.set.SimulateOnly, true
		}
		b.turn(BreakerProbing, now)
	case BreakerProbing:
		if !b.lasts(now) { // a probe's end was never told
			b.turn(BreakerProbing, now)
		}
	}
	if b.probes >= b.set.Probes {
		return pass{}, !b.set.SimulateOnly, true
	}
	b.probes++
	return pass{b.era, true}, false, false
}

// lasts tells whether the time of an era that is no closed one still runs. A clock that was set back ends it.
func (b *breaker) lasts(now time.Time) bool {
	age := now.Sub(b.since)
	return age >= 0 && age < b.set.Open
}

// end tells how a call that was let through has ended.
func (b *breaker) end(p pass, now time.Time, v verdict) {
	if b == nil || !p.counted {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.era != b.era {
		return
	}
	switch {
	case b.state.Load() == BreakerProbing:
		b.probed(now, v)
	case v != callUntold:
		b.count(now, v)
	}
}

func (b *breaker) probed(now time.Time, v verdict) {
	switch v {
	case callUntold:
		b.probes-- // its place is for another
	case callBad:
		b.turn(BreakerRefusing, now)
	default:
		if b.succeed++; b.succeed >= b.set.Probes {
			b.turn(BreakerClosed, now)
		}
	}
}

// count adds a call to the window and opens the breaker if too many of those in it have failed.
func (b *breaker) count(now time.Time, v verdict) {
	at := now.UnixNano() / max(int64(b.set.Window)/breakerSteps, 1)
	if at < b.at || at-b.at >= breakerSteps {
		b.step = [breakerSteps]breakerCount{}
	} else {
		for i := b.at + 1; i <= at; i++ {
			b.step[i%breakerSteps] = breakerCount{}
		}
	}
	b.at = at
	c := &b.step[at%breakerSteps]
	c.calls++
	if v != callBad {
		return
	}
	c.failures++
	var all breakerCount
	for _, s := range b.step {
		all.calls += s.calls
		all.failures += s.failures
	}
	if all.calls >= b.set.RequestsMin && int64(all.failures)*1_000_000 >= b.set.FailuresPPM*int64(all.calls) {
		b.turn(BreakerRefusing, now)
	}
}

func (b *breaker) turn(to int32, now time.Time) {
	b.state.Store(to)
	b.era++
	b.step, b.probes, b.succeed, b.since = [breakerSteps]breakerCount{}, 0, 0, now
}

// verdictOf tells what the refusal of a ping says of its buyer: an answer, be it a no, is good; silence, a lost
// connection and a body that cannot be read are bad; what our own limits have refused says nothing.
func verdictOf(no lead.Refusal) verdict {
	switch no {
	case lead.InFlightLimit, lead.NoConnection, lead.WorkersBusy, lead.RenderFailed, lead.UnmappedValue:
		return callUntold
	case lead.MalformedAnswer, lead.BadContentType:
		return callBad
	}
	if no >= 100 && no < 200 {
		return callBad
	}
	return callGood
}
