// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// standBy gives bids to campaigns that cannot have the lead now and let leads wait for them, once nobody who could have
// it now has bid: those that are closed, full or paused and whose price stands on a list. It tells whether there is
// such a bid. The lead's post will find the campaign open, or wait for it.
func (e *Exchange) standBy(p *Ping, now time.Time) (some bool) {
	if p.Test.On || p.Source.Queue == QueueNever || len(p.result.Order) > 0 {
		return false
	}
	for i := range p.bids {
		b, l := &p.bids[i], p.bidders[i]
		if !l.standsBy() || !l.Defer.WaitsOut(b.Refusal) || b.Refusal != lead.CapReached && b.Refusal != lead.Paced &&
			b.Refusal != lead.BudgetSpent && b.Refusal != lead.Paused && b.Refusal != lead.Unpaid {
			continue
		}
		b.Held, b.Refusal, b.Price, b.Fixed = b.Refusal, lead.NoRefusal, p.listPrice(l), true
		some = true
	}
	if len(p.shut) > 0 && len(p.eligible) == 0 { // nobody was open
		p.enter()
		p.excluded.read(p.Source, p.Vertical, &p.Lead)
	}
	for _, ci := range p.shut {
		l := p.on.campaigns[ci]
		if p.barred(l, "") != lead.NoRefusal || !p.seated(l) ||
			l.leftAlone() != lead.NoRefusal && !l.Defer.Paused || p.tooOld(l) {
			continue
		}
		b := ledger.Bid{Campaign: l.ID, Buyer: l.Buyer.ID, MaxSold: l.MaxSold, Price: p.listPrice(l), Fixed: true,
			Held: lead.Closed}
		if no := e.duplicate(p, l, &b); no != lead.NoRefusal {
			continue
		}
		p.bids, p.bidders = append(p.bids, b), append(p.bidders, l)
		some = true
	}
	p.entries = p.entries[:0]
	return some
}

// standsBy tells whether the campaign's bid is known without asking, so that a lead can be kept for it.
func (l *LiveCampaign) standsBy() bool { return l != nil && l.Defer != nil && l.Fixed && l.Ping == nil }
