// SPDX-License-Identifier: Apache-2.0

package value

import (
	"maps"
	"math/bits"
	"slices"

	"clearpost/lead"
)

// What tells what a lesson is of.
type What uint8

// The lessons. Returned, Paid and Unpaid are of an attempt that was accepted.
const (
	Refused  What = iota // the buyer looked at the lead and did not take it
	Accepted             // it took it
	Returned             // it gave it back
	Paid                 // it paid for it
	Unpaid               // it will not pay for it
)

// Lesson is one thing that became known of an attempt.
type Lesson struct {
	// when the attempt was made, in microseconds since 1970 UTC, whenever the lesson is known: so a return fades as its
	// sale does, and their ratio stays
	At       int64
	Campaign string
	Segment  string     // what the vertical tells its leads apart by; "" where nobody said
	Price    lead.Money // the bid
	What     What
	Undo     bool // it was no such lesson: what it has taught is taken back
}

// Book is what is known of the campaigns of a vertical. It is one goroutine's at a time.
type Book struct {
	rules     Rules
	step      int64 // microseconds
	now       int64 // the latest step of all lessons and of Pass
	all       counts
	campaigns map[string]*campaign
	cells     int
}

type campaign struct {
	All   counts
	Bands [BandsMax]counts
	Cells map[cell]*counts
}

type cell struct {
	segment string
	band    uint8
}

// NewBook makes an empty book.
func NewBook(r Rules) *Book {
	return &Book{rules: r, step: max(r.HalfLife.Microseconds()/halfSteps, 1), campaigns: map[string]*campaign{}}
}

// Use puts rules into force that learn the same.
func (b *Book) Use(r Rules) { b.rules = r }

// Learn takes a lesson.
func (b *Book) Learn(l Lesson) {
	b.Pass(l.At)
	step := l.At / b.step
	var what []int
	switch l.What {
	case Refused:
		what = []int{tried}
	case Accepted:
		what = []int{tried, accepted}
	case Returned:
		what = []int{returned}
	case Paid:
		what = []int{billed, paid}
	case Unpaid:
		what = []int{billed}
	}
	c := b.campaigns[l.Campaign]
	if c == nil {
		c = &campaign{Cells: map[cell]*counts{}}
		b.campaigns[l.Campaign] = c
	}
	band := b.rules.Band(l.Price)
	b.all.add(step, l.Undo, what...)
	c.All.add(step, l.Undo, what...)
	c.Bands[band].add(step, l.Undo, what...)
	if l.Segment == "" {
		return
	}
	k := cell{l.Segment, uint8(band)}
	if c.Cells[k] == nil {
		if b.cells >= CellsMax {
			return
		}
		b.cells++
		c.Cells[k] = &counts{}
	}
	c.Cells[k].add(step, l.Undo, what...)
}

// forgotten is the count of attempts below which a cell is dropped: one attempt, five half-lives ago.
const forgotten = unit / 32

// Pass lets time pass: what was known fades to the latest time that anything is known of. Each event that the book is
// taught by passes its time, whatever it tells, so that what lies idle fades, too.
func (b *Book) Pass(at int64) {
	step := at / b.step
	if step <= b.now {
		return
	}
	b.now = step
	maps.DeleteFunc(b.campaigns, func(_ string, c *campaign) bool {
		maps.DeleteFunc(c.Cells, func(_ cell, n *counts) bool {
			gone := fade(n.N[tried], step-n.Step) < forgotten
			if gone {
				b.cells--
			}
			return gone
		})
		return len(c.Cells) == 0 && fade(c.All.N[tried], step-c.All.Step) < forgotten
	})
}

// Estimate is what is taken to be true of a campaign's bids.
type Estimate struct {
	Accept, Return, Paid int64 // ppm
	Known                int64 // attempts of the campaign as far as they still count, rounded down
}

// estimate pulls what is known of a cell towards a wider estimate. What is left between them is believed only as far as
// it is more than chance alone may make of so few attempts (one standard error): nothing tells buyers apart who do not
// differ, and nothing is lost by ranking them.
func (p *Prior) estimate(c *counts, wider Estimate) Estimate {
	part := func(k, of int, wide int64) int64 {
		// Counts are below 2^43 (eight million attempts at once), so no product is too large.
		n, w := min(c.N[of], 1<<43)>>8, max(p.Weight, 1)*(unit>>8)
		hit := min(c.N[k]>>8, n)
		e := int64((uint64(hit)*One + uint64(w)*uint64(wide)) / uint64(n+w))
		chance := root(wide * (One - wide) / max((n+w)/(unit>>8), 1))
		switch {
		case e > wide+chance:
			return e - chance
		case e < wide-chance:
			return e + chance
		}
		return wide
	}
	return Estimate{part(accepted, tried, wider.Accept), part(returned, accepted, wider.Return),
		part(paid, billed, wider.Paid), wider.Known}
}

// root is the whole part of a square root.
func root(n int64) int64 {
	if n < 2 {
		return max(n, 0)
	}
	x := int64(1) << ((bits.Len64(uint64(n)) + 1) / 2)
	for {
		y := (x + n/x) / 2
		if y >= x {
			return x
		}
		x = y
	}
}

// Table is what is known of one campaign. It never changes.
type Table struct {
	all   Estimate
	bands [BandsMax]Estimate
	cells map[cell]Estimate
}

// Tables are what is known of a vertical's campaigns at one time. They never change, so anybody may read them without a
// lock. The zero value knows nothing and says so; see Of.
type Tables struct {
	none Estimate // of campaigns that nothing is known of
	of   map[string]*Table
}

// Tables computes the estimates as of now.
func (b *Book) Tables() *Tables {
	p := &b.rules.Prior
	now := b.all.at(b.now)
	out := &Tables{none: p.estimate(&now, Estimate{p.Accept, p.Return, p.Paid, 0}),
		of: make(map[string]*Table, len(b.campaigns))}
	for id, c := range b.campaigns {
		t := &Table{cells: make(map[cell]Estimate, len(c.Cells))}
		now = c.All.at(b.now)
		t.all = p.estimate(&now, out.none)
		t.all.Known = now.N[tried] / unit
		for i := range t.bands {
			now = c.Bands[i].at(b.now)
			t.bands[i] = p.estimate(&now, t.all)
		}
		for k, n := range c.Cells {
			now = n.at(b.now)
			t.cells[k] = p.estimate(&now, t.bands[k.band])
		}
		out.of[id] = t
	}
	return out
}

// Of is what is known of a campaign's bids in a segment and a band of prices. It allocates nothing.
func (t *Tables) Of(campaign, segment string, band int) Estimate {
	c := t.of[campaign]
	if c == nil {
		return t.none
	}
	band = min(max(band, 0), BandsMax-1)
	if e, ok := c.cells[cell{segment, uint8(band)}]; ok {
		return e
	}
	return c.bands[band]
}

// Whole is what is known of a campaign, whatever its bids and the leads.
func (t *Tables) Whole(campaign string) Estimate {
	if c := t.of[campaign]; c != nil {
		return c.all
	}
	return t.none
}

// Row is what is known of a campaign, a band or a cell, with the counts behind it, each rounded to thousandths of one.
type Row struct {
	Campaign string
	Band     int // -1: all
	Segment  string
	Estimate
	Tries, Sales, Returns, Bills, Payments int64 // thousandths, as far as they still count
}

// Rows lists what is known, by campaign, then the whole, bands and segments. "" means all campaigns.
func (b *Book) Rows(of string) (out []Row) {
	t := b.Tables()
	row := func(id string, band int, segment string, c *counts, e Estimate) {
		n := c.at(b.now).N
		milli := func(k int) int64 { return (min(n[k], 1<<50)*1000 + unit/2) / unit }
		out = append(out, Row{id, band, segment, e, milli(tried), milli(accepted), milli(returned), milli(billed),
			milli(paid)})
	}
	for _, id := range slices.Sorted(maps.Keys(b.campaigns)) {
		if of != "" && of != id {
			continue
		}
		c := b.campaigns[id]
		row(id, -1, "", &c.All, t.of[id].all)
		for i := range c.Bands {
			if c.Bands[i].N[tried] > 0 {
				row(id, i, "", &c.Bands[i], t.of[id].bands[i])
			}
		}
		keys := slices.SortedFunc(maps.Keys(c.Cells), func(x, y cell) int {
			if x.segment != y.segment {
				if x.segment < y.segment {
					return -1
				}
				return 1
			}
			return int(x.band) - int(y.band)
		})
		for _, k := range keys {
			row(id, int(k.band), k.segment, c.Cells[k], t.of[id].cells[k])
		}
	}
	return out
}
