// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"math"
	"time"

	"clearpost/auction"
	"clearpost/auction/value"
	"clearpost/lead"
)

// Enough implements transport.Listener: it takes the bids of the calls that are over, and tells whether those that are
// silent cannot change the winners any more.
func (c *closer) Enough() bool {
	e, p := c.e, c.p
	now, silent, until := e.wall(), 0, c.begun
	for i := c.from; i < len(p.live); i++ {
		switch a := &p.asked[i]; {
		case a.ended:
		case p.live[i].Over():
			e.callEnded(p, i, now)
		default:
			silent++
			until = later(until, c.begun, p.bidders[a.bid].Usual(), p.lap)
		}
	}
	if silent == 0 || !p.decided(c.from) {
		return false
	}
	e.Stats.ClosedEarly.Add(1)
	e.Stats.SavedMicros.Add(max(until.Sub(now), 0).Microseconds())
	return true
}

// later is until when one more call would be waited for: as long as usual, and if that is not known, to the end.
func later(until, begun time.Time, usual time.Duration, end time.Time) time.Time {
	at := end
	if usual > 0 && begun.Add(usual).Before(end) {
		at = begun.Add(usual)
	}
	if at.After(until) {
		return at
	}
	return until
}

// decided tells whether the winners are the same whatever the calls bid, from one on, that have not ended. It holds the
// auction with the best bid that each of them can make, a little better still: if none of those wins, none that it can
// make does. Where that cannot be known, it is false.
func (p *Ping) decided(from int) bool {
	turns := p.route != nil && p.route.turns != nil
	if turns && p.route.Plan.Walk == auction.BestTotal || p.byValue() {
		return false
	}
	p.entries = p.entries[:0]
	firstTurn, next := math.MaxInt, from
	for i := range p.bids {
		for next < len(p.asked) && int(p.asked[next].bid) < i {
			next++
		}
		switch silent := next < len(p.asked) && int(p.asked[next].bid) == i && !p.asked[next].ended; {
		case p.bids[i].Refusal != lead.NoRefusal:
		case silent && p.bidders[i].Several:
			return false // it may bid for any number of companies
		case silent:
			firstTurn = min(firstTurn, p.enterBest(i))
		default:
			p.entries = append(p.entries, p.entry(i))
		}
	}
	auction.Run(p.entries, p.termsOf(p.MinPrice), &p.result)
	same := !p.result.Cut && p.result.Tier < firstTurn // a bid more would be another turn of all
	for _, o := range p.result.Order {
		same = same && (!o.Winner || p.entries[o.Bid].Ref >= 0)
	}
	p.entries = p.entries[:0]
	if t := p.result.Tier; p.lapsMore && (t < 0 || t > p.lapTier) {
		return false // bids of those who are asked next may be worth most together with one of these
	}
	return same
}

// byValue tells whether bids rank by what is learned of them: nobody knows that of a bid that is not there.
func (p *Ping) byValue() bool {
	return p.Vertical.Learned != nil && p.Vertical.Learned.Mode == value.On
}

// generous pays a seller whatever it may ask for.
var generous = auction.Margin{Loss: true, Fixed: -lead.MoneyMax}

// enterBest enters the best that a campaign can bid that has not answered, once for each tier that it can bid in, and
// gives the first of those that goes by turns, math.MaxInt if none does.
func (p *Ping) enterBest(i int) (firstTurn int) {
	l, best := p.bidders[i], p.entry(i)
	limit := best.Price // a list price is known
	if !l.Fixed {
		if limit = lead.MoneyMax; best.Max > 0 {
			limit = min(limit, best.Max)
		}
	}
	best.Ref, best.Margin, best.MaxSold = -1, &generous, math.MaxInt32
	enter := func(price lead.Money) {
		best.Price = price
		best.Value = max(price, l.countsAs(price)) + 1
		p.entries = append(p.entries, best)
	}
	firstTurn = math.MaxInt
	if p.route == nil {
		enter(limit)
		return firstTurn
	}
	for n, s := range best.Seats {
		tier := &p.route.Plan.Tiers[s.Tier]
		if p.closed>>s.Tier&1 == 1 {
			continue
		}
		if p.route.turns != nil && p.route.turns[s.Tier] != nil {
			firstTurn = min(firstTurn, s.Tier)
		}
		best.Seats = p.route.seats[l.Index][n : n+1]
		if tier.Ceiling > 0 {
			enter(min(limit, tier.Ceiling))
		} else {
			enter(limit)
		}
	}
	return firstTurn
}
