// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clearpost/lead"
)

// proofSteps bounds how many combinations of members of groups are looked at; beyond it nothing is proved.
const proofSteps = 2000

// Terms are what is known of the leads that a campaign may get, beside their schema.
type Terms struct {
	Schema  *lead.Schema
	MaxSold int // sales of the lead in all that the campaign accepts, its own included; 0: it is not known how many
}

// Contradictions finds criteria that no lead can meet, by themselves or together with those before them, and those that
// nothing can ever decide. It tells of no others: what it does not understand may be met. The paths of the defects
// begin with the index.
func (t Terms) Contradictions(cs []Criterion) (ds []lead.Defect) {
	all := make([]*Criterion, len(cs))
	for i := range cs {
		all[i] = &cs[i]
	}
	fine := t.possible(all)
	var kept []*Criterion
	var at []int // where the kept ones stand
	for i := range cs {
		c := &cs[i]
		path := fmt.Sprintf("[%d]", i)
		if more := t.undecided(c, cs, path); more != nil {
			ds = append(ds, more...)
			continue
		}
		if fine || t.possible(append(kept[:len(kept):len(kept)], c)) {
			kept, at = append(kept, c), append(at, i)
			continue
		}
		d := lead.Defect{Path: path,
			Expected: "criteria that one lead can meet: none meets all those above and this (" + c.named() + ")"}
		if !t.possible([]*Criterion{c}) {
			d.Expected = "a criterion that a lead can meet: " + t.why(c)
		} else if k := slices.IndexFunc(kept, func(o *Criterion) bool {
			return !t.possible([]*Criterion{o, c})
		}); k >= 0 {
			d.Expected = fmt.Sprintf("criteria that one lead can meet: none meets both criteria[%d] (%s) and this (%s)",
				at[k], kept[k].named(), c.named())
		}
		ds = append(ds, d)
	}
	return ds
}

// named is a criterion in words.
func (c *Criterion) named() string {
	if c.Of != nil || c.Kind == Own {
		return c.expected
	}
	return c.Field + ": " + c.expected
}

// why says why no lead can meet a criterion by itself.
func (t Terms) why(c *Criterion) string {
	switch {
	case c.Of == nil && c.About == OfSold:
		return fmt.Sprintf("with max_sold %d a lead that is posted is sold %d times at most by then", t.MaxSold,
			t.MaxSold-1)
	case c.Of == nil && c.Kind == Absent && c.field.Default != "":
		return "the vertical has a default for " + c.field.Name
	case c.Of == nil && c.Kind == Absent:
		return "the vertical takes no lead without " + c.field.Name
	case c.Of == nil && c.Kind == Invalid:
		return "the vertical takes no lead with a bad value of " + c.field.Name
	case c.Of != nil || c.Kind == Own:
		return "none meets " + c.expected
	}
	return "no value of " + c.Field + " is " + c.expected
}

// Useless lists the members of `any` groups that no lead can meet that meets the other criteria, by their paths.
func (t Terms) Useless(cs []Criterion) (paths []string) {
	for i := range cs {
		if cs[i].Kind != Any {
			continue
		}
		var others []*Criterion
		for j := range cs {
			if j != i {
				others = append(others, &cs[j])
			}
		}
		for m := range cs[i].Of {
			if !t.possible(append(others[:len(others):len(others)], &cs[i].Of[m])) {
				paths = append(paths, fmt.Sprintf("[%d].any[%d]", i, m))
			}
		}
	}
	return paths
}

// Apart tells whether no lead meets all of both; false is not proved.
func (t Terms) Apart(a, b []Criterion) bool {
	all := make([]*Criterion, 0, len(a)+len(b))
	for i := range a {
		all = append(all, &a[i])
	}
	for i := range b {
		all = append(all, &b[i])
	}
	return !t.possible(all)
}

// possible tells whether a lead may meet all of these; false is proved.
func (t Terms) possible(cs []*Criterion) bool {
	p := prover{t, proofSteps}
	todo := make([]goal, len(cs))
	for i, c := range cs {
		todo[i] = goal{c, false}
	}
	return p.possible(todo, claims{})
}

// goal is a criterion that must hold, or its opposite.
type goal struct {
	*Criterion
	opposite bool
}

type claims map[asked]claim

type prover struct {
	Terms
	steps int
}

// possible tries to meet all goals; of a group of which one member is enough it tries each.
func (p *prover) possible(todo []goal, known claims) bool {
	var either, texts []goal // texts come last: they are held against values that are listed
	for len(todo) > 0 {
		g := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		g.Criterion = g.reasoned()
		switch {
		case g.Kind == Not:
			todo = append(todo, goal{&g.Of[0], !g.opposite})
		case g.Of != nil && (g.Kind == All) != g.opposite:
			for i := range g.Of {
				todo = append(todo, goal{&g.Of[i], g.opposite})
			}
		case g.Of != nil:
			either = append(either, g)
		case g.Kind == Prefix || g.Kind == Suffix || g.Kind == Contains:
			texts = append(texts, g)
		case !p.take(g, known):
			return false
		}
	}
	for _, g := range texts {
		if !p.take(g, known) {
			return false
		}
	}
	if len(either) == 0 {
		return true
	}
	g, rest := either[0], either[1:]
	for i := range g.Of {
		if p.steps--; p.steps < 0 {
			return true // not proved
		}
		next := slices.Concat(rest, texts, []goal{{&g.Of[i], g.opposite}})
		if p.possible(next, maps.Clone(known)) {
			return true
		}
	}
	return false
}

// take narrows what is known by a test. It is false where nothing is left.
func (p *prover) take(g goal, known claims) bool {
	c := g.Criterion
	if c.Kind == Own || c.more != nil && c.more.unsure {
		return true
	}
	if c.About == OfLead {
		whole := asked{about: OfLead, pos: c.Pos}
		k, ok := known[whole]
		if !ok {
			k = newClaim(&Criterion{Pos: c.Pos, field: c.field})
			k.states = statesOf(c.field)
		}
		k.states &= c.states(g.opposite)
		if known[whole] = k; k.states == 0 {
			return false
		}
	}
	key := c.subject()
	k, ok := known[key]
	if !ok {
		if k = newClaim(c); c.About == OfSold && p.MaxSold > 0 {
			k.spans = both(k.spans, [][2]int64{{0, int64(p.MaxSold) - 1}})
		}
	}
	switch c.Kind {
	case Present, Absent, Valid, Invalid:
		return true
	}
	k.narrow(c, g.opposite)
	known[key] = k
	return !k.empty()
}

// states are those of the field in which a test, or its opposite, may hold.
func (c *Criterion) states(opposite bool) uint8 {
	kind := c.Kind
	if opposite && kind == Valid && c.more != nil && c.more.bare {
		return mayBeMissing | mayBeBad
	}
	if opposite {
		if o, ok := map[Kind]Kind{Present: Absent, Absent: Present, Valid: Invalid, Invalid: Valid}[kind]; ok {
			kind = o
		}
	}
	switch kind {
	case Present:
		return mayBeValid | mayBeBad
	case Absent:
		if c.Part != lead.PartNone {
			return mayBeValid | mayBeMissing | mayBeBad
		}
		return mayBeMissing
	case Invalid:
		return mayBeBad
	}
	return mayBeValid
}

// undecided finds tests of the type of phone numbers that numbers of the vertical's country do not tell. Who asks for
// the country too knows what numbers are meant.
func (t Terms) undecided(c *Criterion, all []Criterion, path string) (ds []lead.Defect) {
	if like := c.reasoned(); like != c {
		for _, d := range t.undecided(like, all, "") {
			d.Path = path
			ds = append(ds, d)
		}
		return ds
	}
	key := map[Kind]string{Any: ".any", All: ".all"}[c.Kind]
	for i := range c.Of {
		at := fmt.Sprintf("%s%s[%d]", path, key, i)
		if c.Kind == Not {
			at = path + ".not"
		}
		ds = append(ds, t.undecided(&c.Of[i], all, at)...)
	}
	if c.Kind != List && c.Kind != NotList || c.About != OfLead || c.Part != lead.PartKind ||
		c.field.Type != lead.TypePhone {
		return ds
	}
	kinds := t.Schema.PhoneKinds()
	if kinds == nil || slices.ContainsFunc(c.Values, func(v string) bool { return slices.Contains(kinds, v) }) ||
		slices.ContainsFunc(all, func(o Criterion) bool { return o.asksCountry(c.Pos) }) {
		return ds
	}
	return append(ds, lead.Defect{Path: path, Value: strings.Join(c.Values[:min(len(c.Values), shownMax)], ", "),
		Expected: "one of " + strings.Join(kinds, ", ") + ": that is all that numbers of " + t.Schema.Region() +
			" tell, and nothing looks them up. If numbers of other countries are meant, add a criterion on " +
			c.field.Name + ".country"})
}

func (c *Criterion) asksCountry(pos int) bool {
	if c.Kind == Own {
		e, ok := c.more.own.(expression)
		return ok && (e.Reads(pos, lead.PartCountry) || e.Reads(pos, lead.PartCallingCode))
	}
	for i := range c.Of {
		if c.Of[i].asksCountry(pos) {
			return true
		}
	}
	return c.Of == nil && c.About == OfLead && c.Pos == pos &&
		(c.Part == lead.PartCountry || c.Part == lead.PartCallingCode)
}
