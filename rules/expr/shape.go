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
	Is   Form
	Of   []Shape // of All, Any and Not
	Pos  int
	Part lead.Part
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
	Valid // there is a valid value
	Clock // it is about the time; it has to be judged
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
	case opValid:
		if n.part == lead.PartNone {
			return Shape{Is: Valid, Pos: n.pos}
		}
	case opText, opTextListed, opPrefix, opSuffix, opContains, opFlag, opOrder, opListedInt, opBetween:
		if f := n.left.fieldOf(e); f != nil {
			return n.test(f)
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

// test is the shape of a test of a field against constants.
func (n *node) test(f *lead.Field) Shape {
	v := n.left
	out := Shape{Pos: v.pos, Part: v.part}
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
