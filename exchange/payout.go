// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// payout is what the source gets if this bid buys. ok is false if the lead is not to be sold to it: what was quoted is
// not covered or, where nothing is, the minimum cannot be met any more. follows tells that nothing is promised: the
// payout is what the margin leaves of the price that is booked.
func (d *delivery) payout(b *ledger.Bid) (payout lead.Money, follows, ok bool) {
	m, _ := d.marginOf(b)
	if !d.oneShot {
		q := d.quote
		if len(d.flight) > 0 {
			q = d.quoteBeside()
		}
		q.Loss = q.Loss && m.Loss // a margin of the bid's own decides
		if payout, ok = q.Payout(b.Price, b.MaxSold, d.history.Sold()+len(d.flight)); ok || !d.repricing {
			return payout, false, ok
		}
	}
	payout = m.Payout(b.Price)
	return payout, true, d.history.Sold() > 0 || payout+d.prospect(b) >= d.minimum
}

// quoteBeside is what is left of the quote if all attempts in flight are sales.
func (d *delivery) quoteBeside() auction.Quote {
	q := d.quote
	q.Parts = slices.Clone(q.Parts)
	for i, p := range d.flight {
		q.Fill(p.Payout, p.MaxSold, d.history.Sold()+i)
	}
	return q
}

// fill takes what an attempt has sold off the quote; the attempt stands in the history.
func (d *delivery) fill(p *ledger.Posting) { d.quote.Fill(p.Payout, p.MaxSold, d.history.Sold()-1) }

// marginOf is what is kept if a bid buys, and whose margin that is.
func (d *delivery) marginOf(b *ledger.Bid) (*auction.Margin, string) {
	var l *LiveCampaign
	if c := d.on.cfg.Book.Campaign(b.Campaign); c != nil && c.Vertical == d.v.ID {
		l = d.on.campaigns[c.Index]
	}
	return marginOf(l, d.src, d.v)
}

// prospect is what the bids that may yet buy beside a first sale to this one would pay the source: those that have
// their turn after it, and have had none.
func (d *delivery) prospect(b *ledger.Bid) (sum lead.Money) {
	left := min(max(b.MaxSold, 1), d.quote.Limit) - 1
	first := d.on.cfg.Book.Campaign(b.Campaign)
	for _, o := range d.order {
		if left > 0 && o.Rank > b.Rank && o.MaxSold > 1 && o.Buyer != b.Buyer && o.Tier == b.Tier &&
			!d.history.TriedBefore(o) && (first == nil || d.on.beside(first, o.Campaign, o.Buyer) == lead.NoRefusal) {
			sum += o.Payout
			left--
		}
	}
	return sum
}

// reprices tells whether bids that do not cover the quote may buy below it, when nobody else is left.
func (d *delivery) reprices() bool {
	return !d.oneShot && !d.repricing && d.src != nil && d.src.Reprice
}

// below begins the turns below the quote, and gives those that have them.
func (d *delivery) below() []*ledger.Bid {
	d.order, d.uncovered, d.repricing = d.uncovered, nil, true
	return d.order
}

// offerBelow gives those that did not cover the quote their turn, once all others have had theirs.
func (d *delivery) offerBelow() error {
	left := d.below()
	if len(left) > 0 && (d.unknown || d.history.Sold() >= d.quote.Limit) {
		for _, b := range left {
			d.tried = append(d.tried, ledger.Tried{Campaign: b.Campaign, Leg: b.Leg, Refusal: lead.NotCovered})
		}
		return nil
	}
	return d.offer(left)
}
