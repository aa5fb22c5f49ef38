// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"time"

	"clearpost/lead"
	"clearpost/rules/expr"
)

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

// mimic makes criteria of the shapes of expressions.
type mimic struct {
	schema *lead.Schema
	zone   *time.Location
}

// like is a criterion that is put together as an expression is. It can only be looked at and reasoned about, not
// judged: an Own without a Tester stands in it for what no other kind is.
func (m mimic) like(s expr.Shape) *Criterion {
	c := Criterion{Pos: s.Pos, Part: s.Part, Values: s.Texts, Min: BoundNone[0], Max: BoundNone[1]}
	m.subject(&c, s)
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
	case expr.Present:
		c.Kind = Present
	case expr.Valid:
		c.Kind = Valid
	case expr.Clock:
		c.Kind, c.About = Range, OfTime
	case expr.Ranged:
		c.Kind = Any
		for _, span := range s.Spans {
			r := c
			r.Kind, r.Of, r.Min, r.Max = Range, nil, span[0], span[1]
			c.Of = append(c.Of, r)
		}
		if len(c.Of) == 1 {
			return &c.Of[0]
		}
	default:
		c.Kind = Own
	}
	for _, member := range s.Of {
		c.Of = append(c.Of, *m.like(member))
	}
	return &c
}

// subject notes what a test looks at.
func (m mimic) subject(c *Criterion, s expr.Shape) {
	c.more = &needs{bare: true, unsure: s.SubID || s.Is == expr.Clock}
	if s.About == expr.AField {
		c.field = &m.schema.Fields[s.Pos]
		return
	}
	c.About = map[expr.Fact]Subject{expr.ASource: OfSource, expr.ASale: OfSold, expr.ATime: OfTime,
		expr.AWeekday: OfWeekday}[s.About]
	pos, _ := factSchema().Position(subjectNames[c.About])
	if c.Pos, c.field = -1, &factSchema().Fields[pos]; c.About >= OfTime {
		c.more.zone = m.zone
	}
}

// reasoned is what can be reasoned about in place of a criterion: of an expression what it is put together of.
func (c *Criterion) reasoned() *Criterion {
	if c.Kind == Own && c.more.like != nil {
		return c.more.like
	}
	return c
}
