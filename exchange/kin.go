// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/lead"
)

// beside is why a campaign may not have a lead that a campaign of another buyer has.
func (snap *Snapshot) beside(c *buyers.Campaign, campaign, buyer string) lead.Refusal {
	book := snap.cfg.Book
	next := auction.Bid{Buyer: c.Buyer.Index, Company: book.Company(c.Buyer), Groups: book.Groups(c)}
	if next.Company == 0 && next.Groups == 0 {
		return lead.NoRefusal
	}
	has := book.Buyer(buyer)
	if has == nil || has == c.Buyer {
		return lead.NoRefusal
	}
	return next.Clash([]auction.Sale{{Buyer: has.Index, Company: book.Company(has),
		Groups: book.GroupsOf(campaign, has)}})
}
