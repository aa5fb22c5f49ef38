// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"

	"clearpost/auction"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/ledger"
)

// All that an auction was decided by stands in the event: what the seller asked for, what a tier has lowered, and by
// what two bids of one value rank.
func TestTheEventHoldsWhatTheAuctionWasDecidedBy(t *testing.T) {
	s := planned(t, []campaign{{ID: "a", Price: 12 * dollar, MaxSold: 5}, {ID: "b", Price: 12 * dollar, MaxSold: 2},
		{ID: "c", Price: 11 * dollar, MaxSold: 2}}, auction.InOrder, tier{Tier: auction.Tier{SellLimit: 2},
		campaigns: "a b c"})
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, nil, func(p *exchange.Ping) { p.MinPrice = 9 * dollar })
		p := exchangetest.Last[*ledger.Pinged](x, r.LeadID)
		if p.Logic != exchange.Logic || p.MinPrice != 9*dollar {
			t.Errorf("logic %d, the seller's minimum %s", p.Logic, p.MinPrice)
		}
		for _, want := range []ledger.Bid{{Campaign: "a", MaxSold: 2, Allows: 5, Acceptance: 500_000},
			{Campaign: "b", MaxSold: 2, Acceptance: 500_000}, {Campaign: "c", MaxSold: 2}} {
			for _, b := range p.Bids {
				if b.Campaign == want.Campaign && (b.MaxSold != want.MaxSold || b.Allows != want.Allows ||
					b.Acceptance != want.Acceptance) {
					t.Errorf("%+v, want %+v", b, want)
				}
			}
		}
	})
}
