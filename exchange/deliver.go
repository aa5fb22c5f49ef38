// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// deliver walks the order: hold, durable posting, one post, its receipt; on to the next while the quote stays covered
// and time is left. It stops at the first attempt whose outcome is unknown, and where the store of counts is away.
// Where nobody has bought the lead and somebody may later, it is queued.
func (e *Exchange) deliver(d *delivery) (Reply, *Fault) {
	defer d.releaseUnstored() // nothing, but where it panics
	e.restoreHolds(d.history)
	d.begin()
	d.recall()
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
	if r, f, ok := d.comeAgain(); ok {
		return r, f
	}
	if ev := d.deferral(); ev != nil {
		return d.enqueue(ev)
	}
	return d.settle()
}

// recall has a trip that was cut off go on as if it had not been: what its attempts have come to is its answer, too,
// and who asked for the lead later is waited for.
func (d *delivery) recall() {
	ended := history.Ended(d.history.OfTrip())
	d.recallNo(ended)
	for _, a := range ended {
		i := slices.IndexFunc(d.order, func(b *ledger.Bid) bool {
			return b.Campaign == a.Posting.Campaign && b.Leg == a.Posting.Leg
		})
		if i >= 0 && a.Posted.Refusal != lead.NotBegun {
			d.wait(d.order[i], lead.NoRefusal, a.Posted)
		}
	}
}

// recallNo finds how the highest-ranked of attempts that came to nothing ended. One that was written down and never
// sent tells something only where there is no other.
func (d *delivery) recallNo(ended []*history.Attempt) {
	for _, a := range ended {
		if o := a.Posted.Outcome; o == lead.Accepted || o == lead.TestAccepted {
			continue // it was corrected since
		}
		begun, before := a.Posted.Refusal != lead.NotBegun, d.no != nil && d.no.Refusal != lead.NotBegun
		if d.no == nil || begun && (!before || a.Posting.Rank < d.noRank) {
			d.no, d.noRank = a.Posted, a.Posting.Rank
		}
	}
}

// offer offers the lead to one bid after the other, or to several at once where their tier says so, while it may be
// sold once more and no outcome is unknown. An error is one of the ledger.
func (d *delivery) offer(left []*ledger.Bid) error {
	for !d.away && len(left) > 0 && d.history.Sold() < d.quote.Limit && !d.unknown && !d.holding {
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

// comeAgain has the seller send the lead again, where nobody has bought it, or may have, since the store of counts was
// away: the ledger has no answer of it, so that the repeat goes on with the bids that had no attempt. It cannot where
// an attempt of a one-shot lead, or of one that was woken, stands there: those end as they stand.
func (d *delivery) comeAgain() (Reply, *Fault, bool) {
	if !d.away || d.unknown || d.history.Sold() > 0 || d.made > 0 && (d.oneShot || !d.woken.IsZero()) {
		return Reply{}, nil, false
	}
	if err := d.flush(); err != nil {
		r, f := d.broken(err)
		return r, f, true
	}
	if len(d.before) > 0 {
		d.e.notStored(d.history.Pinged, errUnsent)
	}
	return Reply{}, unavailable(errStoreAway), true
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
