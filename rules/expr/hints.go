// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"math"

	"clearpost/lead"
)

// Hint is a test of one value that stands in an expression. It may bring the expression to be met, or its opposite.
type Hint struct {
	Clock    bool // it is about the time; all else is zero then
	Pos      int
	Part     lead.Part
	Text     string // a text; empty: it is about a number
	Where    Where  // the text stands
	Min, Max int64  // both included, in the unit of lead.Slot.Num; the least or greatest number where there is no end
}

// Where a text stands in a value.
type Where uint8

// The places.
const (
	Whole Where = iota
	AtStart
	AtEnd
	Within
)

// Hints lists the tests of fields and of the time, as far as one value may meet them.
func (e *Expr) Hints() []Hint { return e.root.hints(nil) }

func (n *node) hints(out []Hint) []Hint {
	if n == nil {
		return out
	}
	switch n.op {
	case opHour, opMinute, opWeekday, opDate, opClock:
		return append(out, Hint{Clock: true})
	case opFlag, opOrder, opListedInt, opText, opTextListed, opPrefix, opSuffix, opContains:
		return n.hinted(out)
	case opCompare, opQuotient, opOrders, opBetween, opListed:
		if n.op == opBetween && (n.left.op == opField || n.left.op == opPart) {
			low, _ := n.number.small()
			high, _ := n.upTo.small()
			return append(out, Hint{Pos: n.left.pos, Part: n.left.part, Min: low, Max: high})
		}
	}
	return n.third.hints(n.right.hints(n.left.hints(out)))
}

// hinted are the hints of a test of one value against constants.
func (n *node) hinted(out []Hint) []Hint {
	v := n.left
	if v.op != opField && v.op != opPart && v.op != opSubID {
		return v.hints(out)
	}
	add := func(text string, low, high int64) {
		out = append(out, Hint{Pos: v.pos, Part: v.part, Text: text, Min: low, Max: high})
	}
	switch n.op {
	case opFlag:
		add("", 1, 1)
	case opListedInt:
		for _, w := range n.wholes {
			add("", w, w)
		}
	case opTextListed:
		for _, text := range n.texts {
			add(text, 0, 0)
		}
	case opOrder:
		switch {
		case n.than&equal != 0 && n.than != below|equal|above:
			add("", n.whole, n.whole)
		case n.than&below != 0:
			add("", math.MinInt64, n.whole-1)
		default:
			add("", n.whole+1, math.MaxInt64)
		}
	default:
		add(string(n.text), 0, 0)
		where := map[op]Where{opPrefix: AtStart, opSuffix: AtEnd, opContains: Within}
		out[len(out)-1].Where = where[n.op]
	}
	return out
}

// Misses is how many of an expression's tests, at least, keep it from being met; 0 if it is, or is open. It tells which
// of two leads is nearer to one that meets it.
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
	if t == Yes || t == Open {
		return 0
	}
	return 1
}
