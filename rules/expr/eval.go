// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"bytes"
	"regexp"
	"slices"
	"sort"
	"time"
	"unsafe"

	"clearpost/lead"
)

// op is what a node does.
type op uint8

const (
	opNone op = iota

	// truths
	opTrue
	opFalse
	opAnd
	opOr
	opNot
	opIf         // third, then left, else right
	opFlag       // a boolean value
	opSame       // two truths are the same
	opPresent    // a field, or a part of one, has a value
	opValid      // and a valid one
	opCompare    // two numbers
	opOrder      // a whole number, date, moment or time of day against a constant
	opOrders     // against another
	opQuotient   // left / third against right
	opBetween    // a number lies in a range
	opListed     // a number is one of a list
	opListedInt  // a whole number, date, …
	opText       // a text is the constant
	opTexts      // two texts are the same
	opTextListed // a text is one of a list
	opPrefix
	opSuffix
	opContains
	opMatches

	// values
	opConst
	opField
	opPart
	opSubID // a field that is empty where it is missing for good
	opSource
	opHour
	opMinute
	opWeekday
	opDate
	opClock
	opTier
	opSold
	opPrice
	opNegate
	opPlus
	opMinus
	opTimes
	opModulo
)

// node is one step of an expression.
type node struct {
	op                 op
	left, right, third *node

	pos    int        // of opField, opPart, opSubID, opPresent, opValid
	part   lead.Part  // PartNone is the value itself
	needed lead.Stage // at which the vertical requires the field
	folded bool       // texts are compared without regard to the case of ASCII letters; constants are in lower case

	than   relation
	number number // a constant
	upTo   number
	whole  int64
	text   []byte

	// by how many decimals left and right are raised before they are compared or added
	raise [2]uint8

	numbers []number // sorted
	wholes  []int64  // sorted
	texts   []string // sorted
	pattern *regexp.Regexp
}

// relation is a comparison, as bits of what may come of it.
type relation uint8

const (
	below relation = 1 << iota
	equal
	above
)

func (r relation) holds(c int) Truth {
	bit := equal
	if c < 0 {
		bit = below
	} else if c > 0 {
		bit = above
	}
	return truthOf(r&bit != 0)
}

func (r relation) flipped() relation {
	out := r & equal
	if r&below != 0 {
		out |= above
	}
	if r&above != 0 {
		out |= below
	}
	return out
}

func truthOf(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// worst joins what is known of two values that are both needed: without one that is gone for good there is no result,
// whatever comes.
func worst(a, b Truth) Truth {
	if a == Failed || b == Failed {
		return Failed
	}
	return a | b
}

// truth judges. What is not known spreads only as far as the result hangs on it.
func (n *node) truth(in *Facts, zone *time.Location) Truth {
	switch n.op {
	case opTrue:
		return Yes
	case opFalse:
		return No
	case opAnd:
		a := n.left.truth(in, zone)
		if a == No {
			return No
		}
		return and(a, n.right.truth(in, zone))
	case opOr:
		a := n.left.truth(in, zone)
		if a == Yes {
			return Yes
		}
		return not(and(not(a), not(n.right.truth(in, zone))))
	case opNot:
		return not(n.left.truth(in, zone))
	case opIf:
		return chosen(n.third.truth(in, zone), n.left.truth(in, zone), n.right.truth(in, zone))
	case opSame:
		a, b := n.left.truth(in, zone), n.right.truth(in, zone)
		if n.than != equal {
			b = not(b)
		}
		return alike(a, b)
	case opPresent, opValid:
		return n.there(in)
	}
	return n.compared(in, zone)
}

// and is Yes where both are, and No where one is: that settles it.
func and(a, b Truth) Truth {
	out := a&b&Yes | (a|b)&No
	if a&Failed != 0 && b&^No != 0 || b&Failed != 0 && a&^No != 0 {
		out |= Failed
	}
	return out
}

// not turns Yes and No around. What failed stays so.
func not(t Truth) Truth { return t&Failed | t&Yes<<1 | t&No>>1 }

// alike tells whether two truths are the same.
func alike(a, b Truth) Truth {
	if a == Failed || b == Failed {
		return Failed
	}
	out := (a | b) & Failed
	if a&b&(Yes|No) != 0 {
		out |= Yes
	}
	if a&not(b)&(Yes|No) != 0 {
		out |= No
	}
	return out
}

// chosen is a where the condition is Yes and b where it is No. Where it failed, it is what both are.
func chosen(cond, a, b Truth) (out Truth) {
	if cond&Yes != 0 {
		out |= a
	}
	if cond&No != 0 {
		out |= b
	}
	if cond&Failed == 0 {
		return out
	}
	if out |= a & b & (Yes | No); a != b || a&(a-1) != 0 || a == Failed {
		out |= Failed
	}
	return out
}

// there answers .present and .valid.
func (n *node) there(in *Facts) Truth {
	switch in.Lead.Slot(n.pos).State {
	case lead.Missing:
		if n.comes(in) {
			return Yes | No
		}
		return No
	case lead.Bad:
		return truthOf(n.op == opPresent && n.part == lead.PartNone)
	}
	if n.part == lead.PartNone {
		return Yes
	}
	room := in.scratch()
	var ok bool
	*room, ok = in.Lead.AppendPart((*room)[:0], n.pos, n.part)
	return truthOf(ok)
}

// compared answers what compares values.
func (n *node) compared(in *Facts, zone *time.Location) Truth {
	switch n.op {
	case opOrder, opFlag, opListedInt:
		v, t := n.left.value(in, zone)
		switch {
		case t != Yes:
			return t
		case n.op == opFlag:
			return truthOf(v != 0)
		case n.op == opListedInt:
			_, ok := slices.BinarySearch(n.wholes, v)
			return truthOf(ok)
		case v < n.whole:
			return truthOf(n.than&below != 0)
		case v > n.whole:
			return truthOf(n.than&above != 0)
		}
		return truthOf(n.than&equal != 0)
	case opOrders:
		a, t := n.left.value(in, zone)
		b, u := n.right.value(in, zone)
		if w := worst(t, u); w != Yes {
			return w
		}
		return n.than.holds(compare(numberOf(a), numberOf(b)))
	case opCompare, opQuotient, opBetween, opListed:
		return n.reckoned(in, zone)
	}
	return n.textual(in, zone)
}

// reckoned answers what compares numbers of any size and scale.
func (n *node) reckoned(in *Facts, zone *time.Location) Truth {
	a, t := n.left.reckon(in, zone)
	if n.op == opBetween || n.op == opListed {
		if t == Yes {
			t = raised(&a, n.raise[0])
		}
		switch {
		case t != Yes:
			return t
		case n.op == opBetween:
			return truthOf(compare(a, n.number) >= 0 && compare(a, n.upTo) <= 0)
		}
		_, ok := slices.BinarySearchFunc(n.numbers, a, compare)
		return truthOf(ok)
	}
	b, u := n.right.reckon(in, zone)
	w := worst(t, u)
	than := n.than
	if n.op == opQuotient { // a / d against b is a against b * d, turned round where d is below zero
		d, v := n.third.reckon(in, zone)
		if w = worst(w, v); w == Yes {
			var ok bool
			if b, ok = b.times(d); !ok || d.zero() {
				return Failed
			}
			if d.neg {
				than = than.flipped()
			}
		}
	}
	if w != Yes {
		return w
	}
	if raised(&a, n.raise[0]) != Yes || raised(&b, n.raise[1]) != Yes {
		return Failed
	}
	return than.holds(compare(a, b))
}

func raised(v *number, by uint8) Truth {
	out, ok := v.raised(by)
	if !ok {
		return Failed
	}
	*v = out
	return Yes
}

// textual answers what compares texts.
func (n *node) textual(in *Facts, zone *time.Location) Truth {
	if in.room != nil {
		*in.room = (*in.room)[:0]
	}
	a, t := n.left.bytes(in, zone)
	if n.op == opTexts {
		b, u := n.right.bytes(in, zone)
		if w := worst(t, u); w != Yes {
			return w
		}
		return truthOf(same(a, b, n.folded) == (n.than == equal))
	}
	if t != Yes {
		return t
	}
	switch n.op {
	case opText:
		return truthOf(same(a, n.text, n.folded) == (n.than == equal))
	case opPrefix:
		return truthOf(len(a) >= len(n.text) && same(a[:len(n.text)], n.text, n.folded))
	case opSuffix:
		return truthOf(len(a) >= len(n.text) && same(a[len(a)-len(n.text):], n.text, n.folded))
	case opMatches:
		return truthOf(n.pattern.Match(a))
	}
	if n.folded {
		room := in.scratch()
		from := len(*room)
		for _, c := range a {
			*room = append(*room, lower(c))
		}
		a = (*room)[from:]
	}
	if n.op == opContains {
		return truthOf(bytes.Contains(a, n.text))
	}
	key := unsafe.String(unsafe.SliceData(a), len(a)) // for the search alone
	i := sort.SearchStrings(n.texts, key)
	return truthOf(i < len(n.texts) && n.texts[i] == key)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func same(a, b []byte, folded bool) bool {
	if !folded || len(a) != len(b) {
		return string(a) == string(b)
	}
	for i, c := range a {
		if c != b[i] && lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

// comes tells whether a value that is missing may still come.
func (n *node) comes(in *Facts) bool { return in.Stage&lead.AtPost == 0 && n.needed&in.Stage == 0 }

// slot finds the value of a field: Yes, or why there is none.
func (n *node) slot(in *Facts) (*lead.Slot, Truth) {
	s := in.Lead.Slot(n.pos)
	switch s.State {
	case lead.Valid:
		return s, Yes
	case lead.Missing:
		if n.comes(in) {
			return s, Open
		}
	}
	return s, Failed
}

// value is a whole number, a number in its own unit, a date in days, a moment in microseconds, a time of day in
// seconds, or a boolean.
func (n *node) value(in *Facts, zone *time.Location) (int64, Truth) {
	switch n.op {
	case opField:
		s, t := n.slot(in)
		return s.Num, t
	case opPart:
		if _, t := n.slot(in); t != Yes {
			return 0, t
		}
		if v, ok := in.Lead.PartNum(n.pos, n.part); ok {
			return v, Yes
		}
		return 0, Failed
	case opSold:
		if in.Known&Sold == 0 {
			return 0, Open
		}
		return int64(in.Sold), Yes
	case opPrice:
		if in.Known&Price == 0 {
			return 0, Open
		}
		return int64(in.Price), Yes
	}
	if in.Now.IsZero() {
		return 0, Open
	}
	in.clock.show(in.Now, zone)
	switch n.op {
	case opHour:
		return in.clock.second / 3600, Yes
	case opMinute:
		return in.clock.second / 60 % 60, Yes
	case opDate:
		return in.clock.day, Yes
	}
	return in.clock.second, Yes
}

// reckon is a number in units of the node's scale.
func (n *node) reckon(in *Facts, zone *time.Location) (number, Truth) {
	switch n.op {
	case opConst:
		return n.number, Yes
	case opNegate:
		v, t := n.left.reckon(in, zone)
		return v.negated(), t
	case opPlus, opMinus, opTimes, opModulo:
	default:
		v, t := n.value(in, zone)
		return numberOf(v), t
	}
	a, t := n.left.reckon(in, zone)
	b, u := n.right.reckon(in, zone)
	if w := worst(t, u); w != Yes {
		return a, w
	}
	var ok bool
	switch n.op {
	case opTimes:
		a, ok = a.times(b)
	case opModulo:
		x, fits := a.small()
		y, fit := b.small()
		if ok = fits && fit && y != 0; ok {
			a = numberOf(x % y)
		}
	default:
		if n.op == opMinus {
			b = b.negated()
		}
		if ok = raised(&a, n.raise[0]) == Yes && raised(&b, n.raise[1]) == Yes; ok {
			a, ok = a.plus(b)
		}
	}
	if !ok {
		return a, Failed
	}
	return a, Yes
}

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// bytes is a text. It lives until the scratch memory is used again.
func (n *node) bytes(in *Facts, zone *time.Location) ([]byte, Truth) {
	switch n.op {
	case opField:
		_, t := n.slot(in)
		return in.Lead.Normal(n.pos), t
	case opSubID:
		s, t := n.slot(in)
		if t == Failed && s.State == lead.Missing {
			return nil, Yes
		}
		return in.Lead.Normal(n.pos), t
	case opPart:
		if _, t := n.slot(in); t != Yes {
			return nil, t
		}
		room := in.scratch()
		from := len(*room)
		var ok bool
		if *room, ok = in.Lead.AppendPart(*room, n.pos, n.part); !ok {
			return nil, Failed
		}
		return (*room)[from:], Yes
	case opSource:
		if in.Source == "" {
			return nil, Open
		}
		return view(in.Source), Yes
	case opTier:
		if in.Known&Tier == 0 {
			return nil, Open
		}
		return view(in.Tier), Yes
	}
	if in.Now.IsZero() { // opWeekday
		return nil, Open
	}
	in.clock.show(in.Now, zone)
	return view(weekdays[in.clock.weekday]), Yes
}

// view is a text's bytes, which nobody changes.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
