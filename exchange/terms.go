// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/ledger"
)

// terms are what an attempt's booking goes by, whenever its outcome is known: a margin or a policy that is changed
// meanwhile is for later postings, and a source that is gone is still owed what it was told. follows tells that the
// payout is what the margin leaves.
func (d *delivery) terms(l *LiveCampaign, follows bool) *ledger.Terms {
	m, whose := marginOf(l, d.src, d.v)
	t := &ledger.Terms{MarginPPM: m.PPM, MarginFixed: m.Fixed, MarginMinimum: m.Minimum, MarginLoss: m.Loss,
		MarginOf: whose, PayoutFollows: follows, PostPrice: l.PayPostPrice}
	for _, b := range m.Bands {
		t.MarginBands = append(t.MarginBands, ledger.MarginBand(b))
	}
	return t
}

// booksAnswer tells whether the price in the answer to a posting is the one that is booked.
func booksAnswer(p *ledger.Posting, l *LiveCampaign) bool {
	if p.Terms == nil { // an event of an earlier version
		return l.PayPostPrice
	}
	return p.Terms.PostPrice
}
