// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/buyers"
	"clearpost/exchange/limits"
	"clearpost/wire/transport"
)

// callLimits is what holds a campaign's calls back: limits with a state of their own, which lives on from snapshot to
// snapshot.
type callLimits struct {
	gate    *transport.Gate // the campaign's within its buyer's; nil: the buyer's alone
	outer   *transport.Gate
	pings   *limits.Throttle
	posts   *limits.Throttle
	breaker *limits.Breaker
}

// renew is the limits of a campaign under new settings: what has not changed stays.
func (g *callLimits) renew(c *buyers.Campaign, buyer *transport.Gate) *callLimits {
	n := &callLimits{outer: buyer, pings: limits.NewThrottle(rateOf(c.Ping)), posts: limits.NewThrottle(rateOf(c.Post)),
		breaker: limits.NewBreaker(c.Breaker)}
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
	n.pings, n.posts, n.breaker = n.pings.After(g.pings), n.posts.After(g.posts), n.breaker.After(g.breaker)
	return n
}

func rateOf(e *buyers.Endpoint) *buyers.Rate {
	if e == nil {
		return nil
	}
	return e.Rate
}
