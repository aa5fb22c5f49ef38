// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
)

// exclusionsMax is how many buyers and brands a source may exclude from all its leads.
const exclusionsMax = 1000

// exclusionField finds the field in which sellers name who must not have a lead.
func (l *loader) exclusionField(f *tree.File, name string, v *exchange.Vertical) {
	if name == "" || v.Schema == nil {
		return
	}
	pos, ok := v.Schema.Position(name)
	if !ok || v.Schema.Fields[pos].Type != lead.TypeList {
		l.bad(f, "exclusions", name, "a field of type list"+near(name, v.Schema.Names()))
		return
	}
	v.Exclusions = pos + 1
}

// exclusions reads who must not have a source's leads.
func (l *loader) exclusions(f *tree.File, names []string) (out []string) {
	if len(names) > exclusionsMax {
		l.bad(f, "exclusions", fmt.Sprint(len(names), " names"), fmt.Sprintf("at most %d", exclusionsMax))
		return nil
	}
	for i, name := range names {
		at := fmt.Sprintf("exclusions[%d]", i)
		switch small := strings.ToLower(strings.TrimSpace(name)); {
		case small == "" || len(small) > buyers.NameBytesMax:
			l.bad(f, at, name, fmt.Sprintf("the id or name of a buyer, or a brand, of 1 to %d bytes",
				buyers.NameBytesMax))
		case slices.Contains(out, small):
			l.bad(f, at, name, "each name once")
		default:
			out = append(out, small)
		}
	}
	return out
}

// unknownExclusions tells of names that are no buyer's, where no offer has a brand either: nobody can be meant.
func (c *Config) unknownExclusions() (out []string) {
	known := map[string]bool{}
	for _, b := range c.Exchange.Book.Buyers {
		for _, name := range []string{b.ID, b.Name, b.Parent} {
			known[strings.ToLower(name)] = true
		}
	}
	for _, p := range c.Exchange.Book.Campaigns {
		if p.Ping != nil && p.Ping.Answer.GivesLegs() {
			return nil
		}
	}
	for _, s := range c.Exchange.Sources {
		for i, name := range s.Excluded {
			if !known[name] {
				out = append(out, fmt.Sprintf("source %s, exclusions[%d]: no buyer has the id or name %q, and no "+
					"offer has a brand", s.ID, i, name))
			}
		}
	}
	return out
}
