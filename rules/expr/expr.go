// SPDX-License-Identifier: Apache-2.0

// Package expr reads conditions that are written as expressions, such as
//
//	lead.state == "CA" && lead.age < 35 && source.sub_id != "fb-17"
//
// and judges leads by them. The grammar is that of github.com/expr-lang/expr, whose parser reads them; what names mean
// and which types fit together is checked here against a vertical's schema, and a small evaluator of its own judges: it
// has three values, numbers are exact, and it allocates nothing. It is pure: the time is handed to it.
package expr

import (
	"sync"
	"sync/atomic"
	"time"

	"clearpost/lead"
)

// Limits of an expression.
const (
	TextMax     = 4096 // bytes
	NodesMax    = 512  // names, values and operators
	DepthMax    = 64   // of what stands within one another
	ElementsMax = 1000 // of one list in brackets
	PatternMax  = 256  // bytes of what stands behind matches

	PatternStepsMax = 500 // of it when it is compiled
)

// Truth is what an expression says of a lead: the set of what it may come to, as bits. It is lifted by what stands in
// the expression: what one part of it comes to is taken to say nothing of another's.
type Truth uint8

// The truths. What hangs on a name without a value is Open or Failed, and what does not is known all the same. Without
// Yes in it, nothing can bring the expression to be met.
const (
	Yes Truth = 1 << iota // it is met, whatever else may come
	No
	Failed // it hangs on what is missing for good, or not valid, or cannot be reckoned: not eligible

	// it hangs on what may still come with the post, or on what the facts do not tell
	Open = Yes | No | Failed
)

// String names the truth.
func (t Truth) String() string {
	if t == Open {
		return "open"
	}
	out := ""
	for _, n := range []struct {
		bit  Truth
		name string
	}{{Yes, "yes"}, {No, "no"}, {Failed, "failed"}} {
		if t&n.bit == 0 {
			continue
		}
		if out != "" {
			out += " or "
		}
		out += n.name
	}
	return out
}

// Facts are what an expression is about. One value serves one goroutine at a time, and any number of expressions, one
// after the other.
type Facts struct {
	Lead *lead.Lead // of the schema that the expressions were compiled with
	// Stage is where the lead stands: AtPing, AtPost, or both for one that comes at once. Until the post, what is
	// missing may still come; with no stage at all, even what the vertical requires of pings may.
	Stage  lead.Stage
	Now    time.Time  // zero: not known, which may be any time
	Source string     // the source's id; empty: not known, which may be any
	Tier   string     // the name of a routing plan's tier
	Sold   int        // sales of the lead so far
	Price  lead.Money // the bid
	Known  Offer      // which of the last three are known; the others may be anything

	// Errors counts each evaluation that Failed, or can only come to that or to No; nil: nobody counts.
	Errors *atomic.Int64

	clock clock   // Now in a zone
	room  *[]byte // for parts of values; of rooms, while an expression is evaluated
}

// rooms has memory for parts of values.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// scratch is memory for parts of values, with what was written to it before.
func (in *Facts) scratch() *[]byte {
	if in.room == nil {
		in.room = rooms.Get().(*[]byte)
		*in.room = (*in.room)[:0]
	}
	return in.room
}

// Offer is what an expression may ask for where leads are routed, as bits.
type Offer uint8

// The names of an Offer.
const (
	Tier Offer = 1 << iota
	Sold
	Price
)

// clock is a time as a zone's clock shows it.
type clock struct {
	at      time.Time
	zone    *time.Location
	day     int64 // days since 1970-01-01
	second  int64 // of the day
	weekday time.Weekday
}

// show makes the clock tell a zone's time.
func (c *clock) show(at time.Time, zone *time.Location) {
	if c.zone == zone && c.at == at {
		return
	}
	t := at.In(zone)
	h, m, s := t.Clock()
	_, east := t.Zone()
	*c = clock{at: at, zone: zone, second: int64(h*3600 + m*60 + s), weekday: t.Weekday()}
	local := t.Unix() + int64(east)
	c.day = local / 86400
	if local < c.day*86400 {
		c.day--
	}
}

// Expr is a compiled expression. It never changes and may be shared.
type Expr struct {
	text  string
	root  *node
	names []name // that it reads, each once, in the order of the text
	zone  *time.Location

	schema *lead.Schema
}

// Text is the expression as it was written, without space around it.
func (e *Expr) Text() string { return e.text }

// Positions appends the positions of the fields that it reads.
func (e *Expr) Positions(dst []int) []int {
	for i := range e.names {
		if n := &e.names[i]; n.field != nil {
			dst = append(dst, n.pos)
		}
	}
	return dst
}

// Evaluate judges the facts. It allocates nothing but, rarely, room that is used again.
func (e *Expr) Evaluate(in *Facts) Truth {
	t := e.root.truth(in, e.zone)
	if in.room != nil {
		rooms.Put(in.room)
		in.room = nil
	}
	if in.Errors != nil && t&Failed != 0 && t&Yes == 0 {
		in.Errors.Add(1)
	}
	return t
}
