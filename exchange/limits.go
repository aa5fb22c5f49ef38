// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/transport"
)

// limits is what holds a campaign's calls back: limits with a state of their own, which lives on from snapshot to
// snapshot.
type limits struct {
	gate    *transport.Gate // the campaign's within its buyer's; nil: the buyer's alone
	outer   *transport.Gate
	pings   *throttle
	posts   *throttle
	breaker *breaker
}

// renew is the gear of a campaign under new settings: what has not changed stays.
func (g *limits) renew(c *buyers.Campaign, buyer *transport.Gate) *limits {
	n := &limits{outer: buyer, pings: newThrottle(rateOf(c.Ping)), posts: newThrottle(rateOf(c.Post)),
		breaker: newBreaker(c.Breaker)}
	if c.InFlightMax > 0 {
		n.gate = transport.NewGateWithin(buyer, c.InFlightMax)
	}
	if g == nil {
		return n
	}
	if g.gate != nil && n.gate != nil && g.outer == n.outer {
		n.gate = g.gate // with the calls that are in it
		n.gate.SetMax(c.InFlightMax)
	}
	keep := func(old, fresh *throttle) *throttle {
		if old == nil || fresh == nil {
			return fresh
		}
		if old.rate == fresh.rate {
			return old
		}
		fresh.due.Store(old.due.Load()) // a change of the rate is no further burst
		return fresh
	}
	n.pings, n.posts = keep(g.pings, n.pings), keep(g.posts, n.posts)
	if g.breaker != nil && n.breaker != nil && g.breaker.set == n.breaker.set {
		n.breaker = g.breaker
	}
	return n
}

func rateOf(e *buyers.Endpoint) *buyers.Rate {
	if e == nil {
		return nil
	}
	return e.Rate
}

// mayPing tells why the campaign is not asked at this moment, or gives the pass of the call. Without a refusal the pass
// must be ended.
func (l *LiveCampaign) mayPing(now time.Time) (pass, lead.Refusal) {
	p, refused, simulated := l.limits.breaker.let(now)
	if simulated {
		l.BreakerSkips.Add(1)
	}
	if refused {
		return p, lead.BreakerOpen
	}
	if !l.limits.pings.allow(now) {
		l.limits.breaker.end(p, now, callUntold)
		l.ThrottleSkips.Add(1)
		return p, lead.Throttled
	}
	return p, lead.NoRefusal
}

// Breaker is the state of the campaign's breaker, and whether it only simulates; ok is false where it has none.
func (l *LiveCampaign) Breaker() (state int32, simulates, ok bool) {
	b := l.limits.breaker
	if b == nil {
		return BreakerClosed, false, false
	}
	return b.state.Load(), b.set.SimulateOnly, true
}
