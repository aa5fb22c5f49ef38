// SPDX-License-Identifier: Apache-2.0

package history

import (
	"clearpost/lead"
	"clearpost/ledger"
)

// RoomForTest tells why a test's attempt has no slot: as many have taken the lead as may, or its buyer has it.
func (h *History) RoomForTest(p *ledger.Posting) lead.Refusal {
	limit := min(p.SellLimit, max(p.MaxSold, 1))
	for i := range h.Attempts {
		switch o := h.Attempts[i].Posting; {
		case h.Attempts[i].Outcome() != lead.TestAccepted:
		case o.Buyer == p.Buyer:
			return lead.BuyerSoldAlready
		default:
			limit = min(limit, max(o.MaxSold, 1))
		}
	}
	if h.Sold() >= limit {
		return lead.NoSlot
	}
	return lead.NoRefusal
}

// TestSales lists the attempts of a test lead that its buyers took, as sales would be.
func (h *History) TestSales() (out []ledger.TestSale) {
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if a.Outcome() == lead.TestAccepted {
			p := a.Posting
			out = append(out, ledger.TestSale{Attempt: p.Attempt, Campaign: p.Campaign, Buyer: p.Buyer,
				Reference: a.Posted.Reference, Price: p.Price, Payout: p.Payout})
		}
	}
	return out
}
