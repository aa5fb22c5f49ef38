// SPDX-License-Identifier: Apache-2.0

package auction

import "clearpost/lead"

// Bound is the amount for which Run has refused a bid as BelowFloor or AboveCeiling, and whose it is: of those that
// stand in the terms, at the bid and in the first tier that is open and has its campaign, the first that holds. It is
// for explanations; of any other refusal it is 0.
func (b *Bid) Bound(t *Terms, no lead.Refusal) (at lead.Money, whose string) {
	tier := b.firstTier(t)
	switch {
	case no == lead.AboveCeiling && b.Max > 0 && b.Price > b.Max:
		return b.Max, "the maximum of its campaign"
	case no == lead.AboveCeiling && tier != nil:
		return tier.Ceiling, "the ceiling of tier " + tier.Name
	case no != lead.BelowFloor:
		return 0, ""
	case b.Price < t.Floor:
		return t.Floor, "the floor of plan and source"
	case b.Price < b.Floor:
		return b.Floor, "the floor of its campaign"
	case tier != nil && b.Price < tier.Floor:
		return tier.Floor, "the floor of tier " + tier.Name
	}
	return t.MinPayout, "the least payout that the seller asked for"
}

// Worth is the value by which the bid ranks.
func (b *Bid) Worth() lead.Money { return b.worth() }

func (b *Bid) firstTier(t *Terms) *Tier {
	if t.Plan == nil {
		return nil
	}
	for i := range t.Plan.Tiers {
		if t.Closed>>i&1 == 0 && b.seat(i) != nil {
			return &t.Plan.Tiers[i]
		}
	}
	return nil
}

// ByValue tells whether a tier tries its bids by what they are worth, and not by a list.
func (m Mode) ByValue() bool { return m.byValue() }
