// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// lost tells of a bid that has been in an auction and did not win it why, and by how much it is short of what it would
// have needed; 0 where no amount decides.
func (p *Ping) lost(i int) (why string, by lead.Money) {
	b, e := &p.bids[i], p.entryOf(i)
	if e == nil || b.Winner {
		return "", 0
	}
	switch b.Refusal {
	case lead.BelowFloor:
		at, whose := e.Bound(&p.terms, b.Refusal)
		return fmt.Sprintf("below %s, %s", whose, at), max(at-e.Price, 0)
	case lead.AboveCeiling:
		at, whose := e.Bound(&p.terms, b.Refusal)
		return fmt.Sprintf("above %s, %s", whose, at), e.Price - at
	case lead.Outbid:
		return "another bid of its buyer is worth more", p.ofBuyer(e)
	case lead.NoRefusal:
	default:
		return "", 0
	}
	least := p.least()
	if b.Rank == 0 || least == nil {
		return "", 0
	}
	first := &p.bids[least.Ref]
	if b.Tier != first.Tier {
		return fmt.Sprintf("tier %s sells the lead before tier %s", first.Tier, b.Tier), 0
	}
	by = least.Worth() - e.Worth()
	switch {
	case p.terms.Plan != nil && p.result.Tier >= 0 && !p.terms.Plan.Tiers[p.result.Tier].Mode.ByValue():
		return first.Campaign + " has its turn before it in this tier", 0
	case by > 0:
		return fmt.Sprintf("%s is worth %s", first.Campaign, least.Worth()), by
	case by == 0:
		return first.Campaign + " is worth as much, and ranks before it", 0
	}
	return fmt.Sprintf("worth more than %s, but the winners together are worth more than what could be sold with it",
		first.Campaign), 0
}

// outside tells why no tier of the plan that a campaign is in is open to the lead.
func (p *Ping) outside(l *LiveCampaign) (why []string) {
	seats := p.route.seats[l.Index]
	if len(seats) == 0 {
		return []string{"it is in no tier of the plan"}
	}
	f := p.facts
	if p.event.Mode == ledger.ModeLead {
		f.Stage |= lead.AtPost
	}
	for _, s := range seats {
		if s.Tier >= len(p.route.When) {
			continue
		}
		for n := range p.route.When[s.Tier] {
			if k := &p.route.When[s.Tier][n]; k.Test(&f) != rules.Met {
				why = append(why, "tier "+p.route.Plan.Tiers[s.Tier].Name+" is closed to the lead: "+k.Explain(&f))
				break
			}
		}
	}
	return why
}

// entryOf is a bid as the auction had it, nil if it was not in it.
func (p *Ping) entryOf(i int) *auction.Bid {
	for n := range p.entries {
		if int(p.entries[n].Ref) == i {
			return &p.entries[n]
		}
	}
	return nil
}

// least is the winner that is worth least, nil if there is none.
func (p *Ping) least() (out *auction.Bid) {
	for i := range p.result.Order {
		if o := &p.result.Order[i]; o.Winner {
			if e := &p.entries[o.Bid]; out == nil || e.Worth() < out.Worth() {
				out = e
			}
		}
	}
	return out
}

// ofBuyer is how much more the winner of a bid's own buyer is worth.
func (p *Ping) ofBuyer(e *auction.Bid) lead.Money {
	for i := range p.result.Order {
		if o := &p.result.Order[i]; o.Winner && p.entries[o.Bid].Buyer == e.Buyer {
			return max(p.entries[o.Bid].Worth()-e.Worth(), 0)
		}
	}
	return 0
}
