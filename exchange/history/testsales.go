// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// RoomForTest tells why a test's attempt has no slot: as many have taken the lead as may, or its buyer has it. Those in
// flight, which are not in the ledger yet, count as if they had.
func (h *History) RoomForTest(p *ledger.Posting, flight []*ledger.Posting) lead.Refusal {
	taken := slices.Clone(flight)
	for i := range h.Attempts {
		if h.Attempts[i].Outcome() == lead.TestAccepted {
			taken = append(taken, h.Attempts[i].Posting)
		}
	}
	limit := min(p.SellLimit, max(p.MaxSold, 1))
	for _, o := range taken {
		if o.Holder() == p.Holder() {
			return lead.BuyerSoldAlready
		}
		limit = min(limit, max(o.MaxSold, 1))
	}
	if len(taken) >= limit {
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
