// SPDX-License-Identifier: Apache-2.0

package history

import (
	"math/big"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// PayoutOf is what the source gets for a sale of an attempt at a price: what it was promised or, by the terms of its
// posting, what their margin leaves of it. A posting of an earlier version has no terms: then its own share of the
// price stands where nothing was quoted.
func (h *History) PayoutOf(p *ledger.Posting, price lead.Money) lead.Money {
	switch {
	case p.Terms != nil && p.Terms.PayoutFollows:
		return MarginOf(p.Terms).Payout(price)
	case p.Terms != nil, h.Pinged.Mode != ledger.ModeLead:
		return p.Payout
	case price == p.Price || p.Price <= 0:
		return min(p.Payout, max(price, 0))
	}
	return min(share(p.Payout, price, p.Price), max(price, 0)).FloorCents()
}

// MarginOf is the margin of the terms of a posting.
func MarginOf(t *ledger.Terms) auction.Margin {
	m := auction.Margin{PPM: t.MarginPPM, Fixed: t.MarginFixed, Minimum: t.MarginMinimum, Loss: t.MarginLoss}
	for _, b := range t.MarginBands {
		m.Bands = append(m.Bands, auction.Band(b))
	}
	return m
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
