// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"time"

	"clearpost/capstore"
	"clearpost/rules"
)

// CapState is a cap and how much of it is taken.
type CapState struct {
	rules.Cap
	Buyer string         // of caps of campaigns and buyers
	Uses  []capstore.Use // one; of caps that tell values apart one for each that has a count
	Until time.Time      // when its window, or the first of the days that count together, ends; zero: never
}

// Caps lists all caps in force, those of campaigns first, each once. Where a cap tells values apart, those that are
// fullest come first.
func (e *Exchange) Caps() (out []CapState) {
	for _, c := range capsOf(e.inForce.Load()) {
		s := e.CapState(c.Cap)
		s.Buyer = c.buyer
		out = append(out, s)
	}
	return out
}

// CapsUnder lists the caps of a configuration that is in force, or was and is kept, by its hash.
func (e *Exchange) CapsUnder(config string) (out []*rules.Cap, err error) {
	p, err := e.onPaper(config)
	if err != nil {
		return nil, err
	}
	for _, c := range capsOf(p.snap) {
		out = append(out, c.Cap)
	}
	return out, nil
}

// ownedCap is a cap, and whose it is where that is a buyer or its campaign.
type ownedCap struct {
	*rules.Cap
	buyer string
}

// capsOf lists the caps of a snapshot, each once.
func capsOf(snap *Snapshot) (out []ownedCap) {
	seen := map[string]bool{}
	add := func(buyer string, caps []rules.Cap) {
		for i := range caps {
			if title := caps[i].Title(); !seen[title] {
				seen[title] = true
				out = append(out, ownedCap{&caps[i], buyer})
			}
		}
	}
	for _, l := range snap.campaigns {
		add(l.Buyer.ID, l.Caps)
	}
	for i := range snap.cfg.Parents {
		add("", snap.cfg.Parents[i].Caps)
	}
	for _, s := range snap.cfg.Sources {
		add("", s.Caps)
	}
	for _, v := range snap.cfg.Verticals {
		add("", v.Caps)
	}
	return out
}

// CapState tells how much of a cap is taken now.
func (e *Exchange) CapState(c *rules.Cap) CapState {
	now := e.now()
	out := CapState{Cap: *c, Uses: e.store.Use(c, now)}
	if c.Window.Zone != nil && c.Window.Per != rules.Total {
		out.Until = c.Span(now).End
	}
	if c.By != nil {
		slices.SortStableFunc(out.Uses, func(a, b capstore.Use) int {
			x, y := float64(a.Used)/float64(max(a.Limit, 1)), float64(b.Used)/float64(max(b.Limit, 1))
			switch {
			case x > y:
				return -1
			case x < y:
				return 1
			}
			return 0
		})
	}
	return out
}

// Used is what is taken of a cap, of all its values together.
func (c *CapState) Used() (n int64) {
	for _, u := range c.Uses {
		n += u.Used
	}
	return n
}
