// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/lead"
	"clearpost/ledger"
)

// deliver walks the order: hold, durable posting, one post, its receipt; on to the next while the quote stays covered
// and time is left. It stops at the first attempt whose outcome is unknown.
func (e *Exchange) deliver(d *delivery) (Reply, *Fault) {
	e.restoreHolds(d.history)
	d.begin()
	if d.why == lead.LeadRepeated {
		d.order = nil
	}
	if r, f, ok := d.simulate(); ok {
		return r, f
	}
	if err := d.offer(d.order); err != nil {
		return d.broken(err)
	}
	if err := d.offerBelow(); err != nil {
		return d.broken(err)
	}
	return d.settle()
}

// offer offers the lead to one bid after the other, while it may be sold once more and no outcome is unknown. An error
// is one of the ledger.
func (d *delivery) offer(order []*ledger.Bid) error {
	for _, b := range order {
		if d.history.Sold() >= d.quote.Limit || d.unknown {
			break
		}
		if d.history.TriedBefore(b) || d.tier != "" && b.Tier != d.tier {
			continue
		}
		no, err := d.attempt(b, nil)
		if first := d.refusedToken(b, err); first != nil {
			_, err = d.attempt(b, first)
		}
		switch {
		case err != nil:
			return err
		case no == lead.NotCovered && d.reprices():
			d.uncovered = append(d.uncovered, b)
		case no != lead.NoRefusal:
			d.tried = append(d.tried, ledger.Tried{Campaign: b.Campaign, Leg: b.Leg, Refusal: no})
		}
		d.soldBy(b)
	}
	return nil
}
