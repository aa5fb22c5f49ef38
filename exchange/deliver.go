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
	for _, b := range d.order {
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
		if err != nil {
			return d.broken(err)
		}
		if no != lead.NoRefusal {
			d.tried = append(d.tried, ledger.Tried{Campaign: b.Campaign, Leg: b.Leg, Refusal: no})
		}
		d.soldBy(b)
	}
	return d.settle()
}
