// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/rules"
)

// overlapMax bounds the campaigns of one buyer and vertical that are compared, each with each.
const overlapMax = 500

// overlaps tells of campaigns with a list price for which a better one of the same buyer leaves nothing.
func (b *Book) overlaps() (out []string) {
	type market struct {
		buyer    *Buyer
		vertical string
	}
	rivals := map[market][]*Campaign{}
	for _, c := range b.Campaigns {
		if c.Fixed && len(c.Prices) == 0 {
			m := market{c.Buyer, c.Vertical}
			rivals[m] = append(rivals[m], c)
		}
	}
	for _, c := range b.Campaigns {
		list := rivals[market{c.Buyer, c.Vertical}]
		if !c.Fixed || len(c.Prices) > 0 || len(list) > overlapMax {
			continue
		}
		for _, o := range list {
			if why := c.overshadowed(o); why != "" {
				out = append(out, "campaign "+c.ID+": "+why)
				break
			}
		}
	}
	return out
}

// overshadowed says why a campaign gets nothing beside another one of its buyer; empty if it may. Of two that want the
// same at the same price the later one is told of.
func (c *Campaign) overshadowed(o *Campaign) string {
	switch {
	case o == c || !c.covered(o):
		return ""
	case o.Price > c.Price:
		return fmt.Sprintf("%s wants every lead that it wants and pays %s, not %s: it gets nothing but what %s refuses",
			o.ID, o.Price, c.Price, o.ID)
	case o.Index > c.Index && o.Price == c.Price && o.covered(c):
		return ""
	}
	return fmt.Sprintf("%s wants every lead that it wants, at the same price: one of them is enough", o.ID)
}

// covered tells whether another campaign is there whenever this one is, and bids no less. That is one that has no cap,
// duplicate rule, schedule, rate or limit of its own, and does not ask.
func (c *Campaign) covered(o *Campaign) bool {
	own := len(o.Caps) > len(o.Buyer.Caps) || len(o.Uniques) > len(o.Buyer.Uniques) ||
		len(o.Hours) > 0 && o.Hours[0] != o.Buyer.Hours || o.InFlightMax > 0 || o.Ping != nil || o.Post.Rate != nil
	return !own && o.Price >= c.Price && o.MaxSold >= c.MaxSold && rules.Terms{}.Implies(c.Criteria, o.Criteria)
}
