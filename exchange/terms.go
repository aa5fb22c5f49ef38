// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/ledger"
)

// terms are what an attempt's booking goes by, whenever its outcome is known: a margin or a policy that is changed
// meanwhile is for later postings, and a source that is gone is still owed what it was told.
func (d *delivery) terms(l *LiveCampaign) *ledger.Terms {
	return &ledger.Terms{MarginPPM: d.src.Margin.PPM, MarginFixed: d.src.Margin.Fixed, PayoutFollows: d.oneShot,
		PostPrice: l.PayPostPrice}
}

// booksAnswer tells whether the price in the answer to a posting is the one that is booked.
func booksAnswer(p *ledger.Posting, l *LiveCampaign) bool {
	if p.Terms == nil { // an event of an earlier version
		return l.PayPostPrice
	}
	return p.Terms.PostPrice
}
