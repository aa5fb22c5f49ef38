// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/lead"
)

// beside is why a buyer may not have a lead that another one has.
func (snap *Snapshot) beside(y *buyers.Buyer, other string) lead.Refusal {
	book := snap.cfg.Book
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
