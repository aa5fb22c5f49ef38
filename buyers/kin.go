// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"

	"clearpost/auction"
)

// CompetitorGroupsMax bounds the groups of one buyer; all buyers together have auction.GroupsMax at most.
const CompetitorGroupsMax = 16

// kin is what decides whether two buyers may have the same lead, by a buyer's position in the book.
type kin struct {
	company int32 // 0: it is by itself
	groups  uint64
}

// Company is a number that a buyer shares with those of the same parent, directly or over further parents, and with the
// parent itself where it buys; 0 if there are none.
func (b *Book) Company(y *Buyer) int32 { return b.kin[y.Index].company }

// Groups has a bit for each of a buyer's competitor groups.
func (b *Book) Groups(y *Buyer) uint64 { return b.kin[y.Index].groups }

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
	companies, groups := map[string]int32{}, map[string]int{}
	for i, y := range b.Buyers {
		if related[y.ID] {
			name := head(y.ID)
			if companies[name] == 0 {
				companies[name] = int32(len(companies) + 1)
			}
			b.kin[i].company = companies[name]
		}
		for _, g := range y.CompetitorGroups {
			n, ok := groups[g]
			if !ok {
				n = len(groups)
				groups[g] = n
			}
			b.kin[i].groups |= 1 << n
		}
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
	if n := len(spec.CompetitorGroups); n > CompetitorGroupsMax {
		c.bad(at, "competitor_groups", fmt.Sprint(n, " groups"), fmt.Sprintf("at most %d", CompetitorGroupsMax))
		return
	}
	b.CompetitorGroups = slices.Clone(spec.CompetitorGroups)
	for i, g := range spec.CompetitorGroups {
		path := fmt.Sprintf("competitor_groups[%d]", i)
		switch {
		case !ValidID(g):
			c.bad(at, path, g, IDRule)
		case slices.Contains(spec.CompetitorGroups[:i], g):
			c.bad(at, path, g, "each group once")
		case !c.group(g):
			c.bad(at, path, g, fmt.Sprintf("at most %d groups in all", auction.GroupsMax))
		}
	}
}

// group notes a competitor group; false if there are too many.
func (c *bookCompiler) group(name string) bool {
	if !c.groups[name] && len(c.groups) == auction.GroupsMax {
		return false
	}
	c.groups[name] = true
	return true
}
