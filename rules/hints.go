// SPDX-License-Identifier: Apache-2.0

package rules

import "clearpost/rules/expr"

// Hints are criteria of which one may bring the criterion, or its opposite, to be met: of an expression the tests that
// stand in it, of a file of values some of its values.
func (c *Criterion) Hints() []Criterion {
	switch {
	case c.Kind == Own && c.more.like != nil:
		return []Criterion{*c.more.like}
	case c.Kind == InFile && c.more.file.values != nil:
		return []Criterion{{Kind: List, Pos: c.Pos, Part: c.Part, Field: c.Field, Values: c.more.file.values.Some()}}
	}
	return nil
}

// like is a criterion that is put together as an expression is. It can only be looked at, not judged: an Own stands in
// it for what no other kind is.
func like(s expr.Shape) *Criterion {
	c := Criterion{Pos: s.Pos, Part: s.Part, Values: s.Texts}
	switch s.Is {
	case expr.All:
		c.Kind = All
	case expr.Any:
		c.Kind = Any
	case expr.Not:
		c.Kind = Not
	case expr.Listed:
		c.Kind = List
	case expr.NotListed:
		c.Kind = NotList
	case expr.Starts:
		c.Kind = Prefix
	case expr.Ends:
		c.Kind = Suffix
	case expr.Contains:
		c.Kind = Contains
	case expr.Valid:
		c.Kind = Valid
	case expr.Clock:
		c.Kind, c.About = Range, OfTime
	case expr.Ranged:
		c.Kind = Any
		for _, span := range s.Spans {
			c.Of = append(c.Of, Criterion{Kind: Range, Pos: s.Pos, Part: s.Part, Min: span[0], Max: span[1]})
		}
		if len(c.Of) == 1 {
			return &c.Of[0]
		}
	default:
		c.Kind, c.more = Own, &needs{}
	}
	for _, m := range s.Of {
		c.Of = append(c.Of, *like(m))
	}
	return &c
}
