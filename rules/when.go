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
	return NewOwn("when", expression{e}), nil
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
func (e expression) Test(f *Facts) Verdict {
	in := e.facts(f)
	return [...]Verdict{expr.No: Unmet, expr.Yes: Met, expr.Open: Waits, expr.Failed: Untold}[e.Evaluate(&in)]
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
