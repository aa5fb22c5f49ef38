// SPDX-License-Identifier: Apache-2.0

package history

import (
	"math/big"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// PayoutOf is what the source gets for a sale of an attempt at a price: what it was quoted, or what the margin of its
// posting leaves where nothing was quoted. A posting of an earlier version has no margin: then its own share of the
// price stands.
func (h *History) PayoutOf(p *ledger.Posting, price lead.Money) lead.Money {
	switch {
	case h.Pinged.Mode != ledger.ModeLead:
		return p.Payout
	case p.Terms != nil:
		return auction.Margin{PPM: p.Terms.MarginPPM, Fixed: p.Terms.MarginFixed}.Payout(price)
	case price == p.Price || p.Price <= 0:
		return min(p.Payout, max(price, 0))
	}
	return min(share(p.Payout, price, p.Price), max(price, 0)).FloorCents()
}

// share is payout × price / bid, rounded down.
func share(payout, price, bid lead.Money) lead.Money {
	n := big.NewInt(int64(payout)) // the product of two amounts may be more than an int64 holds
	n.Mul(n, big.NewInt(int64(price))).Quo(n, big.NewInt(int64(bid)))
	if !n.IsInt64() {
		return price
	}
	return lead.Money(n.Int64())
}
