// SPDX-License-Identifier: Apache-2.0

package rules

import "clearpost/rules/expr"

// hinter is a Tester that knows which values may bring it to be met.
type hinter interface {
	hints() []Criterion
	misses(f *Facts, opposite bool) int
}

// Hints are lists, ranges and times of which one may bring the criterion, or its opposite, to be met: of an expression
// those that stand in it, of a file of values some of its values.
func (c *Criterion) Hints() []Criterion {
	switch {
	case c.Kind == Own:
		if own, ok := c.more.own.(hinter); ok {
			return own.hints()
		}
	case c.Kind == InFile && c.more.file != nil:
		return []Criterion{{Kind: List, Pos: c.Pos, Part: c.Part, Field: c.Field, Values: c.more.file.Some()}}
	}
	return nil
}

func (e expression) misses(f *Facts, opposite bool) int {
	in := e.facts(f)
	return e.Misses(&in, opposite)
}

func (e expression) hints() (out []Criterion) {
	for _, h := range e.Hints() {
		c := Criterion{Kind: Range, Pos: h.Pos, Part: h.Part, Min: h.Min, Max: h.Max}
		switch {
		case h.Clock:
			c = Criterion{Kind: Range, About: OfTime, Pos: -1}
		case h.Text != "":
			kind := [...]Kind{expr.Whole: List, expr.AtStart: Prefix, expr.AtEnd: Suffix, expr.Within: Contains}
			c.Kind, c.Values = kind[h.Where], []string{h.Text}
		}
		out = append(out, c)
	}
	return out
}
