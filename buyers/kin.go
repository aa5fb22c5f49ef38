// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"

	"clearpost/auction"
)

// CompetitorGroupsMax bounds the groups of one buyer, and of one campaign; all together are auction.GroupsMax at most.
const CompetitorGroupsMax = 16

// kin is what decides whether two buyers may have the same lead, by a buyer's position in the book.
type kin struct {
	company int32 // 0: it is by itself
	groups  uint64
}

// Company is a number that a buyer shares with those of the same parent, directly or over further parents, and with the
// parent itself where it buys; 0 if there are none.
func (b *Book) Company(y *Buyer) int32 { return b.kin[y.Index].company }

// Groups has a bit for each competitor group of a campaign, its own and its buyer's.
func (b *Book) Groups(c *Campaign) uint64 { return b.groups[c.Index] }

// GroupsOf is Groups of a campaign of a buyer's by its id; of one that is not in the book, those of the buyer.
func (b *Book) GroupsOf(campaign string, y *Buyer) uint64 {
	if c := b.Campaign(campaign); c != nil {
		return b.groups[c.Index]
	}
	return b.kin[y.Index].groups
}

// sealKin numbers companies and groups. Buyers are shared with other books, in which the numbers may differ.
func (b *Book) sealKin() {
	b.kin = make([]kin, len(b.Buyers))
	above := map[string]string{} // a name of a company → another one's that stands for it
	head := func(name string) string {
		for {
			next, ok := above[name]
			if !ok {
				return name
			}
			name = next
		}
	}
	related := map[string]bool{}
	for _, y := range b.Buyers {
		if y.Parent == "" {
			continue
		}
		related[y.ID], related[y.Parent] = true, true
		if own, up := head(y.ID), head(y.Parent); own != up {
			above[own] = up
		}
	}
	companies, numbers := map[string]int32{}, map[string]int{}
	bits := func(names []string) (out uint64) {
		for _, g := range names {
			n, ok := numbers[g]
			if !ok {
				n = len(numbers)
				numbers[g] = n
			}
			out |= 1 << n
		}
		return out
	}
	for i, y := range b.Buyers {
		if related[y.ID] {
			name := head(y.ID)
			if companies[name] == 0 {
				companies[name] = int32(len(companies) + 1)
			}
			b.kin[i].company = companies[name]
		}
		b.kin[i].groups = bits(y.CompetitorGroups)
	}
	b.groups = make([]uint64, len(b.Campaigns))
	for i, c := range b.Campaigns {
		b.groups[i] = b.kin[c.Buyer.Index].groups | bits(c.CompetitorGroups)
	}
}

// related checks a buyer's parent and competitor groups, and takes them over.
func (c *bookCompiler) related(b *Buyer, spec *BuyerSpec, at string) {
	switch b.Parent = spec.Parent; {
	case spec.Parent == "":
	case !ValidID(spec.Parent):
		c.bad(at, "parent", spec.Parent, IDRule)
	case spec.Parent == spec.ID:
		c.bad(at, "parent", spec.Parent, "the name of another company: a buyer is not its own parent")
	}
	b.CompetitorGroups = c.competitors(spec.CompetitorGroups, at)
}

// competitors checks the competitor groups of a buyer or a campaign.
func (c *bookCompiler) competitors(names []string, at string) []string {
	if n := len(names); n > CompetitorGroupsMax {
		c.bad(at, "competitor_groups", fmt.Sprint(n, " groups"), fmt.Sprintf("at most %d", CompetitorGroupsMax))
		return nil
	}
	for i, g := range names {
		path := fmt.Sprintf("competitor_groups[%d]", i)
		switch {
		case !ValidID(g):
			c.bad(at, path, g, IDRule)
		case slices.Contains(names[:i], g):
			c.bad(at, path, g, "each group once")
		case !c.group(g):
			c.bad(at, path, g, fmt.Sprintf("at most %d groups in all", auction.GroupsMax))
		}
	}
	return slices.Clone(names)
}

// group notes a competitor group; false if there are too many.
func (c *bookCompiler) group(name string) bool {
	if !c.groups[name] && len(c.groups) == auction.GroupsMax {
		return false
	}
	c.groups[name] = true
	return true
}
