// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"strings"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// enter finds the plan of the lead and the tiers that are open to it. It tells how often the lead may be sold.
func (p *Ping) enter() (limit int) {
	if p.route = p.on.vertical[p.Vertical.ID].routeOf(p.Source); p.route == nil {
		return p.Vertical.Plan.SellLimit
	}
	stage := p.facts.Stage
	if p.event.Mode == ledger.ModeLead {
		p.facts.Stage |= lead.AtPost // nothing more will come
	}
	p.closed = p.route.closedTo(&p.facts)
	p.facts.Stage = stage
	return p.route.limit
}

// seated tells whether a campaign is in a tier that is open to the lead.
func (p *Ping) seated(l *LiveCampaign) bool {
	if p.route == nil {
		return true
	}
	for _, s := range p.route.seats[l.Index] {
		if p.closed>>s.Tier&1 == 0 {
			return true
		}
	}
	return false
}

// enterBids enters the bids that were not refused into the auction.
func (p *Ping) enterBids() {
	for i := range p.bids {
		if p.bids[i].Refusal == lead.NoRefusal {
			p.entries = append(p.entries, p.entry(i))
		}
	}
}

// entry is a bid as the auction takes it.
func (p *Ping) entry(i int) auction.Bid {
	b, l, book := &p.bids[i], p.bidders[i], p.on.cfg.Book
	out := auction.Bid{Ref: int32(i), Buyer: l.Buyer.Index, Company: book.Company(l.Buyer),
		Groups: book.Groups(l.Campaign), Price: b.Price, Value: l.countsAs(b.Price), MaxSold: b.MaxSold, Floor: l.Floor,
		Max: l.MaxBid, Margin: l.Margin, Standing: l.Buyer.Standing, Acceptance: acceptance(b, l),
		Tie: auction.Tie(p.id, l.ID)}
	if l.pays != nil && l.pays.slow.Load() {
		b.SlowPayer = true
	}
	if b.SlowPayer {
		out.Standing = auction.SlowPayer
	}
	if l.Several && b.Brand != "" {
		out.Buyer, out.Company, out.Groups = p.brandOf(i), 0, 0
	}
	if p.route != nil {
		out.Seats = p.route.seats[l.Index]
	}
	return out
}

// brandOf numbers the brand of a leg, where several of a buyer may buy: below zero, so that it is no buyer of the book.
// Whoever has the brand in its answer, it is the same company.
func (p *Ping) brandOf(i int) int32 {
	for n := range p.bids[:i] {
		if l := p.bidders[n]; l != nil && l.Several && strings.EqualFold(p.bids[n].Brand, p.bids[i].Brand) {
			return int32(-1 - n)
		}
	}
	return int32(-1 - i)
}

// termsOf are what bounds the sale of the lead.
func (p *Ping) termsOf(minPayout lead.Money) auction.Terms {
	t := auction.Terms{SellLimit: p.Vertical.Plan.SellLimit, Floor: max(p.Vertical.Plan.Floor, p.Source.Floor),
		Margin: *ownMargin(p.Source, p.Vertical), MinPayout: minPayout, EachTier: p.event.Mode == ledger.ModeLead}
	if p.route != nil {
		t.Plan, t.Closed, t.Lead, t.SellLimit = &p.route.Plan, p.closed, p.id, p.route.limit
	}
	return t
}

// turnTries is how often an auction is held again, since another lead has had the turn meanwhile.
const turnTries = 8

// run holds the auction. In a tier that rotates or draws the lead has a turn of its own, unless it is a test, which
// takes none, or there are more auctions at once than there is time to hold them again.
func (p *Ping) run(t *auction.Terms) {
	if p.route == nil {
		auction.Run(p.entries, *t, &p.result)
		return
	}
	for range turnTries {
		p.turns = p.turns[:0]
		for _, turn := range p.route.turns {
			n := uint64(0)
			if turn != nil {
				n = turn.Load()
			}
			p.turns = append(p.turns, n)
		}
		t.Turns = p.turns
		auction.Run(p.entries, *t, &p.result)
		tier := p.result.Tier
		if p.Test.On || tier < 0 || p.route.turns == nil || p.route.turns[tier] == nil ||
			p.route.turns[tier].CompareAndSwap(p.turns[tier], p.turns[tier]+1) {
			break
		}
	}
	p.event.Turns = p.turns
}
