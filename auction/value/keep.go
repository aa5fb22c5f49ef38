// SPDX-License-Identifier: Apache-2.0

package value

import "slices"

// Saved is a book as it is kept on disk.
type Saved struct {
	Learns    string          `json:"learns"` // see Rules.Learns
	Now       int64           `json:"now"`
	All       counts          `json:"all"`
	Campaigns []savedCampaign `json:"campaigns"`
}

type savedCampaign struct {
	ID    string      `json:"id"`
	All   counts      `json:"all"`
	Bands []counts    `json:"bands"` // from the first, up to the last that has something
	Cells []savedCell `json:"cells"`
}

type savedCell struct {
	Segment string `json:"segment"`
	Band    uint8  `json:"band"`
	counts
}

// Save is the book as it is now.
func (b *Book) Save() Saved {
	out := Saved{Learns: b.rules.Learns(), Now: b.now, All: b.all}
	for id, c := range b.campaigns {
		s := savedCampaign{ID: id, All: c.All}
		for i := range c.Bands {
			if c.Bands[i] != (counts{}) {
				s.Bands = slices.Clone(c.Bands[:i+1])
			}
		}
		for k, n := range c.Cells {
			s.Cells = append(s.Cells, savedCell{k.segment, k.band, *n})
		}
		out.Campaigns = append(out.Campaigns, s)
	}
	return out
}

// Restore makes a book of a saved one; nil if that was learned by other rules or is not a whole one.
func Restore(r Rules, s Saved) *Book {
	if s.Learns != r.Learns() {
		return nil
	}
	b := NewBook(r)
	b.now, b.all = s.Now, s.All
	if !s.All.right() {
		return nil
	}
	for i := range s.Campaigns {
		from := &s.Campaigns[i]
		c := &campaign{All: from.All, Cells: make(map[cell]*counts, len(from.Cells))}
		if len(from.Bands) > BandsMax || !from.All.right() {
			return nil
		}
		for n, band := range from.Bands {
			if c.Bands[n] = band; !band.right() {
				return nil
			}
		}
		for _, one := range from.Cells {
			if one.Band >= BandsMax || !one.counts.right() {
				return nil
			}
			c.Cells[cell{one.Segment, one.Band}] = &one.counts
		}
		b.cells += len(c.Cells)
		b.campaigns[from.ID] = c
	}
	return b
}

// right tells whether counts can have been counted.
func (c *counts) right() bool {
	for _, n := range c.N {
		if n < 0 {
			return false
		}
	}
	return true
}
