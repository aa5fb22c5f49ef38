// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"math"
	"slices"

	"clearpost/lead"
)

// Shape is what can be told of an expression, or a part of one, without judging it: how it is put together, and which
// tests of single fields stand in it. An index looks these up.
type Shape struct {
	Is    Form
	Of    []Shape // of All, Any and Not
	About Fact    // of tests: what is looked at; AField is that at Pos, or a Part of it
	Pos   int
	Part  lead.Part
	// SubID: of a field that is empty where it is missing for good, unlike others
	SubID bool
	// Texts of Listed, NotListed, Starts, Ends and Contains: as lists of criteria have them, sorted, each once
	Texts []string
	Spans [][2]int64 // of Ranged: both ends included, in the unit of lead.Slot.Num, ascending
}

// Form is the kind of a Shape.
type Form uint8

// The forms. Of a test of a field, a value that is missing or not valid does not meet it, nor its opposite.
const (
	Other     Form = iota // it has to be judged
	All                   // && of Of
	Any                   // || of Of
	Not                   // ! of the one Of
	Listed                // the value is one of Texts
	NotListed             // there is a value, and it is none of them
	Ranged                // it lies in one of Spans
	Starts                // the value, in lower case, begins with the one text
	Ends
	Contains
	Present // something was sent, of a field that takes no bad value
	Valid   // there is a valid value
	Clock   // it is about the time; it has to be judged
)

// Fact is what a test looks at.
type Fact uint8

// The facts.
const (
	AField   Fact = iota
	ASource       // the source's id
	ASale         // the lead's sales so far
	ATime         // the time of day in the expression's zone, in seconds
	AWeekday      // the day of the week there, as sun, mon, …
)

// Shape tells the expression's own.
func (e *Expr) Shape() Shape { return e.root.shape(e) }

func (n *node) shape(e *Expr) Shape {
	switch n.op {
	case opAnd, opOr:
		out := Shape{Is: All}
		if n.op == opOr {
			out.Is = Any
		}
		for _, m := range []*node{n.left, n.right} {
			if s := m.shape(e); s.Is == out.Is {
				out.Of = append(out.Of, s.Of...)
			} else {
				out.Of = append(out.Of, s)
			}
		}
		return out
	case opNot:
		return Shape{Is: Not, Of: []Shape{n.left.shape(e)}}
	case opIf: // without the condition it is what both are
		a, b, cond := n.left.shape(e), n.right.shape(e), n.third.shape(e)
		return Shape{Is: Any, Of: []Shape{{Is: All, Of: []Shape{cond, a}},
			{Is: All, Of: []Shape{{Is: Not, Of: []Shape{cond}}, b}}, {Is: All, Of: []Shape{a, b}}}}
	case opSame:
		if n.right.op == opTrue || n.right.op == opFalse {
			if (n.right.op == opTrue) == (n.than == equal) {
				return n.left.shape(e)
			}
			return Shape{Is: Not, Of: []Shape{n.left.shape(e)}}
		}
	case opValid:
		if n.part == lead.PartNone {
			return Shape{Is: Valid, Pos: n.pos}
		}
	case opPresent:
		if n.part == lead.PartNone && e.schema.Fields[n.pos].Invalid <= lead.InvalidRefuse {
			return Shape{Is: Present, Pos: n.pos}
		}
	case opText, opTextListed, opPrefix, opSuffix, opContains, opFlag, opOrder, opListedInt, opBetween:
		if f := n.left.fieldOf(e); f != nil {
			return n.test(f)
		}
		if out, ok := n.beside(); ok {
			return out
		}
	}
	if n.left != nil && n.left.op >= opHour && n.left.op <= opClock {
		return Shape{Is: Clock}
	}
	return Shape{}
}

// fieldOf is the field that a value is of, as criteria look at it; nil of all else.
func (n *node) fieldOf(e *Expr) *lead.Field {
	switch n.op {
	case opField, opPart:
	case opSubID: // where it is missing for good it is empty, and criteria do not know that
		if n.needed&lead.AtPing != 0 {
			return nil
		}
	default:
		return nil
	}
	return &e.schema.Fields[n.pos]
}

// besides are the fields that facts beside a lead are like.
var besides = map[op]struct {
	about Fact
	like  lead.Field
}{opSource: {ASource, lead.Field{}}, opWeekday: {AWeekday, lead.Field{}}, opSold: {ASale, lead.Field{}},
	opClock: {ATime, lead.Field{}}, opHour: {ATime, lead.Field{}}}

// beside is the shape of a test of what is known beside the lead.
func (n *node) beside() (out Shape, ok bool) {
	b, ok := besides[n.left.op]
	if !ok {
		return out, false
	}
	if out = n.test(&b.like); out.Is == Other {
		return out, false
	}
	if out.About = b.about; n.left.op == opHour {
		const most = 24
		for i, s := range out.Spans { // hours begin on the second and end before the next
			out.Spans[i] = [2]int64{max(s[0], -1) * 3600, min(s[1], most)*3600 + 3599}
			if s[0] > most {
				out.Spans[i][0] = (most + 1) * 3600
			}
		}
	}
	return out, true
}

// test is the shape of a test of a field against constants.
func (n *node) test(f *lead.Field) Shape {
	v := n.left
	out := Shape{Pos: v.pos, Part: v.part, SubID: v.op == opSubID}
	one := func(form Form, texts ...string) Shape {
		out.Is, out.Texts = form, texts
		return out
	}
	between := func(spans ...[2]int64) Shape {
		out.Is, out.Spans = Ranged, spans
		return out
	}
	switch n.op {
	case opPrefix:
		return one(Starts, string(n.text))
	case opSuffix:
		return one(Ends, string(n.text))
	case opContains:
		return one(Contains, string(n.text))
	case opFlag:
		return one(Listed, "true")
	case opText, opTextListed:
		switch {
		case n.folded != (v.part != lead.PartNone || f.Type.Folds()): // by lower()
			return Shape{}
		case n.op == opTextListed:
			return one(Listed, slices.Compact(slices.Clone(n.texts))...)
		case n.than == equal:
			return one(Listed, string(n.text))
		}
		return one(NotListed, string(n.text))
	case opBetween:
		low, fits := n.number.small()
		high, fit := n.upTo.small()
		if !fits || !fit {
			return Shape{}
		}
		return between([2]int64{low, high})
	case opListedInt:
		for _, w := range slices.Compact(slices.Clone(n.wholes)) {
			out.Spans = append(out.Spans, [2]int64{w, w})
		}
		return between(out.Spans...)
	}
	return between(n.than.spans(n.whole)...)
}

// spans are the numbers in a relation to another.
func (r relation) spans(w int64) (out [][2]int64) {
	low, high := w, w
	if r&equal == 0 {
		low, high = w+1, w-1
	}
	switch r &^ equal {
	case below:
		return [][2]int64{{math.MinInt64, high}}
	case above:
		return [][2]int64{{low, math.MaxInt64}}
	case below | above:
		return [][2]int64{{math.MinInt64, w - 1}, {w + 1, math.MaxInt64}}
	}
	return [][2]int64{{w, w}}
}

// Misses is how many of an expression's tests, at least, keep it from being met; 0 if nothing does. It tells which of
// two leads is nearer to one that meets it.
func (e *Expr) Misses(in *Facts, opposite bool) int {
	quiet := *in
	quiet.Errors, quiet.room = nil, nil
	return e.root.misses(&quiet, e, opposite)
}

func (n *node) misses(in *Facts, e *Expr, opposite bool) int {
	switch n.op {
	case opNot:
		return n.left.misses(in, e, !opposite)
	case opAnd, opOr:
		l, r := n.left.misses(in, e, opposite), n.right.misses(in, e, opposite)
		if (n.op == opAnd) != opposite {
			return l + r
		}
		return min(l, r)
	}
	t := n.truth(in, e.zone)
	if opposite {
		t = not(t)
	}
	if t&Yes != 0 {
		return 0
	}
	return 1
}

// Reads tells whether the expression looks at a part of a field.
func (e *Expr) Reads(pos int, part lead.Part) bool {
	return slices.ContainsFunc(e.names, func(n name) bool { return n.field != nil && n.pos == pos && n.part == part })
}
