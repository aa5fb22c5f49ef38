// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// listPrice is what a campaign with a fixed price pays for the lead. What may still come with the post decides nothing,
// unless nothing will come any more.
func (p *Ping) listPrice(l *LiveCampaign) lead.Money {
	if len(l.Prices) == 0 {
		return l.Price
	}
	stage := p.facts.Stage
	if p.event.Mode == ledger.ModeLead {
		p.facts.Stage |= lead.AtPost
	}
	price, _ := l.ListPrice(&p.facts)
	p.facts.Stage = stage
	return price
}

// countsAs is what a bid of the campaign counts as in an auction; 0 where that is its price.
func (l *LiveCampaign) countsAs(price lead.Money) lead.Money {
	if l.Multiplier == int64(lead.Unit) {
		return 0
	}
	return auction.Value(price, l.Multiplier)
}

var noMargin auction.Margin

// ownMargin is what is kept of the source's leads where neither buyer nor campaign says it.
func ownMargin(s *Source, v *Vertical) *auction.Margin {
	switch {
	case s != nil && s.Margin != nil:
		return s.Margin
	case v.Margin != nil:
		return v.Margin
	}
	return &noMargin
}

// marginOf is what is kept of a campaign's price for a lead of the source's, and whose margin that is: the most
// specific, of campaign, buyer, source and vertical; "" where nobody has one.
func marginOf(l *LiveCampaign, s *Source, v *Vertical) (m *auction.Margin, whose string) {
	switch {
	case l != nil && l.Margin != nil:
		return l.Margin, l.MarginOf
	case s != nil && s.Margin != nil:
		return s.Margin, "source"
	case v.Margin != nil:
		return v.Margin, "vertical"
	}
	return &noMargin, ""
}
