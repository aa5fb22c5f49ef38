// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/lead"
)

// clash is why a buyer may not have the lead beside those who have it, or may have it: one of its own company or a
// competitor. That the buyer itself has it, the hold tells.
func (d *delivery) clash(y *buyers.Buyer) lead.Refusal {
	for i := range d.history.Attempts {
		a := &d.history.Attempts[i]
		if o := a.Outcome(); !o.Standing() && o != lead.TestAccepted {
			continue
		}
		if no := d.beside(y, a.Posting.Buyer); no != lead.NoRefusal {
			return no
		}
	}
	return lead.NoRefusal
}

// beside is why a buyer may not have a lead that another one has.
func (d *delivery) beside(y *buyers.Buyer, other string) lead.Refusal {
	book := d.on.cfg.Book
	next := auction.Bid{Buyer: y.Index, Company: book.Company(y), Groups: book.Groups(y)}
	if next.Company == 0 && next.Groups == 0 {
		return lead.NoRefusal
	}
	has := book.Buyer(other)
	if has == nil || has == y {
		return lead.NoRefusal
	}
	return next.Clash([]auction.Sale{{Buyer: has.Index, Company: book.Company(has), Groups: book.Groups(has)}})
}
