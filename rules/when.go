// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"clearpost/lead"
	"clearpost/rules/expr"
)

// when makes a criterion of an expression.
func (c *compiler) when(spec *CriterionSpec, given []string) (Criterion, []lead.Defect) {
	if len(given) > 1 || spec.Field != "" {
		return Criterion{}, []lead.Defect{{Expected: "an expression (when) alone, or a test of a field"}}
	}
	e, ds := expr.Compile(*spec.When, c.s, expr.Options{Zone: c.opt.Zone, Offer: expr.Sold})
	if ds != nil {
		if !spec.word {
			ds = lead.DefectsIn("when", ds)
		}
		return Criterion{}, ds
	}
	out := NewOwn("when", expression{e})
	out.more.like, out.more.zone = mimic{c.s, c.opt.Zone}.like(e.Shape()), c.opt.Zone
	return out, nil
}

// expression is a Tester.
type expression struct{ *expr.Expr }

func (e expression) facts(f *Facts) expr.Facts {
	in := expr.Facts{Lead: f.Lead, Stage: f.Stage, Now: f.Now, Source: f.Source, Sold: f.Sold, Errors: f.Errors}
	if f.Stage&lead.AtPost != 0 {
		in.Known = expr.Sold
	}
	return in
}

// Test implements Tester.
func (e expression) Test(f *Facts) Verdict { return e.outcome(f).verdict() }

// outcome is more than a verdict: of an expression that can come to several things.
func (e expression) outcome(f *Facts) (out outcome) {
	in := e.facts(f)
	t := e.Evaluate(&in)
	if t&expr.Yes != 0 {
		out |= holds
	}
	if t&expr.No != 0 {
		out |= fails
	}
	if t&expr.Failed != 0 {
		out |= untold
	}
	return out
}

// Expected implements Tester.
func (e expression) Expected() string { return e.Shown() }

// Explain implements Tester.
func (e expression) Explain(f *Facts) string {
	in := e.facts(f)
	return e.Has(&in)
}

// AddUses implements Tester.
func (e expression) AddUses(p *lead.Positions) {
	for _, pos := range e.Positions(nil) {
		p.Add(pos)
	}
}

func (e expression) misses(f *Facts, opposite bool) int {
	in := e.facts(f)
	return e.Misses(&in, opposite)
}
