// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/lead"
	"clearpost/ledger"
)

// deliver walks the order: hold, durable posting, one post, its receipt; on to the next while the quote stays covered
// and time is left. It stops at the first attempt whose outcome is unknown. Where nobody has bought the lead and
// somebody may later, it is queued.
func (e *Exchange) deliver(d *delivery) (Reply, *Fault) {
	defer d.releaseUnstored() // nothing, but where it panics
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
	if !d.holding {
		if err := d.offerBelow(); err != nil {
			return d.broken(err)
		}
	}
	if ev := d.deferral(); ev != nil {
		return d.enqueue(ev)
	}
	return d.settle()
}

// offer offers the lead to one bid after the other, or to several at once where their tier says so, while it may be
// sold once more and no outcome is unknown. An error is one of the ledger.
func (d *delivery) offer(left []*ledger.Bid) error {
	for len(left) > 0 && d.history.Sold() < d.quote.Limit && !d.unknown && !d.holding {
		if d.passes(left[0]) {
			left = left[1:]
			continue
		}
		var round []*outbound
		round, left = d.round(left)
		if err := d.goOut(round); err != nil {
			return err
		}
		for _, o := range round {
			if err := d.withNewToken(o); err != nil {
				return err
			}
			for _, b := range o.bids {
				d.soldBy(b)
			}
		}
	}
	return nil
}

// refuse notes why a bid had no attempt when its turn came.
func (d *delivery) refuse(b *ledger.Bid, no lead.Refusal) {
	if no == lead.NotCovered && d.reprices() {
		d.uncovered = append(d.uncovered, b)
		return
	}
	t := ledger.Tried{Campaign: b.Campaign, Leg: b.Leg, Refusal: no}
	if no == lead.DuplicateRule {
		t.Repeats = d.repeats
	}
	d.tried = append(d.tried, t)
	d.wait(b, no, nil)
}
