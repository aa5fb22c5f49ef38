// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"math"
	"slices"

	"clearpost/lead"
)

// Bound is something that an index can look up: a lead passes it if its value of one field is listed, not listed, or in
// one of some ranges, and also if it has no value and one may still come.
type Bound struct {
	Pos    int
	Part   lead.Part
	Kind   Kind       // List, NotList, Range, InFile or NotInFile
	Values []string   // of lists and small files: keys, sorted, each once; a NotList may have none: any value will do
	File   File       // of InFile and NotInFile
	Spans  [][2]int64 // of a Range: both ends included, ascending, with gaps between them
}

// Clause is bounds of which a lead has to pass one. No two of them are alike: of one field, and both ranges or both
// lists.
type Clause []Bound

// clausesMax is how many clauses one group may become.
const clausesMax = 16

// Clauses are what an index can look up of a criterion: a lead that does not pass all of them does not meet it. whole
// tells that one that passes them does, or waits; else the criterion has to be judged besides.
func (c *Criterion) Clauses() (clauses []Clause, whole bool) { return c.clauses(false) }

// clauses are those of a criterion, or of its opposite. whole tells that they say all of it.
func (c *Criterion) clauses(opposite bool) (out []Clause, whole bool) {
	switch {
	case c.Kind == Not:
		return c.Of[0].clauses(!opposite)
	case c.Of != nil && (c.Kind == All) != opposite:
		whole = true
		for i := range c.Of {
			m, w := c.Of[i].clauses(opposite)
			out, whole = append(out, m...), whole && w
		}
		return out, whole
	case c.Of != nil:
		return c.either(opposite)
	case c.Kind == Own && c.more.like != nil:
		return c.more.like.clauses(opposite)
	}
	b, ok := c.bound(opposite)
	if !ok {
		return nil, false
	}
	return []Clause{{b}}, !opposite || !c.around() // what has no place is not known to lie elsewhere
}

// bound is that of one test, or of its opposite. ok is false where there is none.
func (c *Criterion) bound(opposite bool) (b Bound, ok bool) {
	b = Bound{Pos: c.Pos, Part: c.Part, Kind: c.Kind, Values: c.Values}
	switch {
	case c.About != OfLead:
		return b, false
	case c.Kind == Range:
		if b.Spans = [][2]int64{{c.Min, c.Max}}; opposite {
			b.Spans = outside(c.Min, c.Max)
		}
	case c.Kind == List && opposite, c.Kind == Valid && !opposite:
		b.Kind = NotList
	case c.Kind == NotList && opposite:
		b.Kind = List
	case c.Kind == InFile, c.Kind == NotInFile:
		if b.File = c.more.file; opposite {
			b.Kind = InFile + NotInFile - c.Kind
		}
	case c.Kind != List && c.Kind != NotList:
		return b, false
	}
	return b, true
}

// outside are the numbers that a range has not.
func outside(low, high int64) (out [][2]int64) {
	if low != math.MinInt64 {
		out = append(out, [2]int64{math.MinInt64, low - 1})
	}
	if high != math.MaxInt64 {
		out = append(out, [2]int64{high + 1, math.MaxInt64})
	}
	return out
}

// listed makes lists of bounds by files. It is false where a file is too large.
func listed(of []Clause) bool {
	for _, clause := range of {
		for i := range clause {
			b := clause[i].Listed()
			if b == nil {
				return false
			}
			clause[i] = *b
		}
	}
	return true
}

// Listed is the bound as one by a list where it is by a file, nil where that is too large. Others stay as they are.
func (b *Bound) Listed() *Bound {
	if b.Kind != InFile && b.Kind != NotInFile {
		return b
	}
	if b.Values == nil {
		return nil
	}
	list := &Bound{Pos: b.Pos, Part: b.Part, Kind: List, Values: b.Values}
	if b.Kind == NotInFile {
		list.Kind = NotList
	}
	return list
}

// either are the clauses of a group of which one member must hold: one for each choice of a clause of every member, for
// (a and b) or c is (a or c) and (b or c). Where these would be too many there is one for each field that all members
// bound by themselves, or else one of something that each bounds.
func (c *Criterion) either(opposite bool) (out []Clause, whole bool) {
	members := make([][]Clause, len(c.Of))
	choices := 1
	whole = true
	for i := range c.Of {
		m, w := c.Of[i].clauses(opposite)
		if len(m) == 0 || !listed(m) {
			return nil, false
		}
		members[i], whole = m, whole && w
		choices = min(choices*len(m), clausesMax+1)
	}
	if choices > clausesMax {
		if out = common(members); len(out) == 0 {
			var one Clause
			for _, m := range members {
				one = one.or(tightest(m))
			}
			out = []Clause{one}
		}
		return out, false
	}
	out = []Clause{nil}
	for _, m := range members {
		var next []Clause
		for _, one := range out {
			for _, clause := range m {
				next = append(next, one.or(clause))
			}
		}
		out = next
	}
	return out, whole
}

// common has a clause for each field that all members bound by themselves.
func common(members [][]Clause) (out []Clause) {
	for _, first := range members[0] {
		one := slices.Clone(first)
		for _, m := range members[1:] {
			at := slices.IndexFunc(m, func(o Clause) bool { return len(o) == 1 && len(one) == 1 && o[0].alike(one[0]) })
			if at < 0 {
				one = nil
				break
			}
			one = one.or(m[at])
		}
		if len(one) == 1 {
			out = append(out, one)
		}
	}
	return out
}

// tightest is the clause of which a lead is least likely to pass one.
func tightest(of []Clause) Clause {
	rank := func(c Clause) int {
		n := 0
		for _, b := range c {
			n += map[Kind]int{List: 1, Range: 10, NotList: 100}[b.Kind]
		}
		return n
	}
	return slices.MinFunc(of, func(a, b Clause) int { return cmp.Compare(rank(a), rank(b)) })
}

// or is the clause that takes what either takes.
func (c Clause) or(o Clause) Clause {
	out := slices.Clone(c)
	for _, b := range o {
		if at := slices.IndexFunc(out, b.alike); at >= 0 {
			out[at] = out[at].or(b)
		} else {
			out = append(out, b)
		}
	}
	return out
}

func (b Bound) alike(o Bound) bool {
	return b.Pos == o.Pos && b.Part == o.Part && (b.Kind == Range) == (o.Kind == Range)
}

// or is the bound of what either of two takes that are alike.
func (b Bound) or(o Bound) Bound {
	out := Bound{Pos: b.Pos, Part: b.Part, Kind: b.Kind}
	switch {
	case b.Kind == Range:
		out.Spans = union(b.Spans, o.Spans)
	case b.Kind == List && o.Kind == List:
		out.Values = slices.Compact(slices.Sorted(slices.Values(slices.Concat(b.Values, o.Values))))
	case b.Kind == NotList && o.Kind == NotList:
		out.Values = slices.DeleteFunc(slices.Clone(b.Values), func(v string) bool { return !o.lists(v) })
	default:
		if b.Kind == List {
			b, o = o, b
		}
		out.Kind = NotList
		out.Values = slices.DeleteFunc(slices.Clone(b.Values), o.lists)
	}
	return out
}

func (b Bound) lists(v string) bool {
	_, ok := slices.BinarySearch(b.Values, v)
	return ok
}

// union are the numbers that one of both has.
func union(a, b [][2]int64) (out [][2]int64) {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y [2]int64) int { return cmp.Compare(x[0], y[0]) })
	for _, s := range all {
		last := len(out) - 1
		if last >= 0 && (out[last][1] == math.MaxInt64 || s[0] <= out[last][1]+1) {
			out[last][1] = max(out[last][1], s[1])
			continue
		}
		out = append(out, s)
	}
	return out
}
