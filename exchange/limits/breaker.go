// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
)

// Breaker keeps a campaign from being asked while its pings fail. Closed, it counts the ends of calls in a window that
// slides in steps of a tenth; when enough of them failed it opens, refuses for a while, then lets a few probes through:
// all good, it closes, one bad, it opens again. It guards pings only: a post of a quote that counted on the campaign is
// always made. Where it only simulates, it goes through the same states on the same calls and refuses none. The caller
// passes the clock in. A nil Breaker lets everything through.
//
// It is written here because it must not allocate for a call, must take the trip's clock, and must simulate; a
// library's does none of these.
type Breaker struct {
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

// Pass is the leave to make one call.
type Pass struct {
	era     uint32
	counted bool // its end counts
}

// Verdict is what a call's end says of the buyer.
type Verdict uint8

// What a call's end may say.
const (
	CallGood Verdict = iota
	CallBad
	CallUntold // it was not made, or failed for a reason of our own
)

// NewBreaker makes a closed breaker; nil where there are no settings.
func NewBreaker(b *buyers.Breaker) *Breaker {
	if b == nil {
		return nil
	}
	return &Breaker{set: *b}
}

// Let tells whether a call may be made. If it may, and refused is false, end must be called with its pass. simulated
// says that a breaker that does not only simulate would have refused.
func (b *Breaker) Let(now time.Time) (p Pass, refused, simulated bool) {
	if b == nil {
		return Pass{}, false, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state.Load() {
	case BreakerClosed:
		return Pass{b.era, true}, false, false
	case BreakerRefusing:
		if b.lasts(now) {
			return Pass{}, !b.set.SimulateOnly, true
		}
		b.turn(BreakerProbing, now)
	case BreakerProbing:
		if !b.lasts(now) { // a probe's end was never told
			b.turn(BreakerProbing, now)
		}
	}
	if b.probes >= b.set.Probes {
		return Pass{}, !b.set.SimulateOnly, true
	}
	b.probes++
	return Pass{b.era, true}, false, false
}

// lasts tells whether the time of an era that is no closed one still runs. A clock that was set back ends it.
func (b *Breaker) lasts(now time.Time) bool {
	age := now.Sub(b.since)
	return age >= 0 && age < b.set.Open
}

// End tells how a call that was let through has ended.
func (b *Breaker) End(p Pass, now time.Time, v Verdict) {
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
	case v != CallUntold:
		b.count(now, v)
	}
}

func (b *Breaker) probed(now time.Time, v Verdict) {
	switch v {
	case CallUntold:
		b.probes-- // its place is for another
	case CallBad:
		b.turn(BreakerRefusing, now)
	default:
		if b.succeed++; b.succeed >= b.set.Probes {
			b.turn(BreakerClosed, now)
		}
	}
}

// count adds a call to the window and opens the breaker if too many of those in it have failed.
func (b *Breaker) count(now time.Time, v Verdict) {
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
	if v != CallBad {
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

func (b *Breaker) turn(to int32, now time.Time) {
	b.state.Store(to)
	b.era++
	b.step, b.probes, b.succeed, b.since = [breakerSteps]breakerCount{}, 0, 0, now
}

// VerdictOf tells what the refusal of a ping says of its buyer: an answer, be it a no, is good; silence, a lost
// connection and a body that cannot be read are bad; what our own limits have refused says nothing.
func VerdictOf(no lead.Refusal) Verdict {
	switch no {
	case lead.InFlightLimit, lead.NoConnection, lead.WorkersBusy, lead.RenderFailed, lead.UnmappedValue,
		lead.ClosedEarly:
		return CallUntold
	case lead.MalformedAnswer, lead.BadContentType:
		return CallBad
	}
	if no >= 100 && no < 200 {
		return CallBad
	}
	return CallGood
}

// After is the breaker in place of an earlier one: that one where the settings are the same. Either may be nil.
func (b *Breaker) After(old *Breaker) *Breaker {
	if old != nil && b != nil && old.set == b.set {
		return old
	}
	return b
}

// State is BreakerClosed, BreakerProbing or BreakerRefusing, and whether the breaker only simulates.
func (b *Breaker) State() (state int32, simulates bool) { return b.state.Load(), b.set.SimulateOnly }
