// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"clearpost/lead"
)

// Implies tells whether every lead that meets all of some criteria meets all of others; true is proved.
func (t Terms) Implies(cs, others []Criterion) bool {
	known := claims{}
	p := prover{t, 0}
	var given []goal // that must hold by themselves
	todo := make([]goal, len(cs))
	for i := range cs {
		todo[i] = goal{&cs[i], false}
	}
	for len(todo) > 0 {
		g := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		given = append(given, g)
		g.Criterion = g.reasoned()
		switch {
		case g.Kind == Not:
			todo = append(todo, goal{&g.Of[0], !g.opposite})
		case g.Of != nil && (g.Kind == All) != g.opposite:
			for i := range g.Of {
				todo = append(todo, goal{&g.Of[i], g.opposite})
			}
		case g.Of == nil && !p.take(g, known):
			return true // nothing meets them
		}
	}
	for i := range others {
		if !t.implied(goal{&others[i], false}, given, known) {
			return false
		}
	}
	return true
}

// implied tells whether what is given proves a goal.
func (t Terms) implied(g goal, given []goal, known claims) bool {
	if slices.ContainsFunc(given, func(o goal) bool { return o.opposite == g.opposite && o.same(g.Criterion) }) {
		return true
	}
	g.Criterion = g.reasoned()
	proved := func(m Criterion) bool { return t.implied(goal{&m, g.opposite}, given, known) }
	switch {
	case g.Kind == Not:
		return t.implied(goal{&g.Of[0], !g.opposite}, given, known)
	case g.Of != nil && (g.Kind == All) != g.opposite:
		return !slices.ContainsFunc(g.Of, func(m Criterion) bool { return !proved(m) })
	case g.Of != nil:
		return slices.ContainsFunc(g.Of, proved)
	case g.Kind == Own, g.more != nil && g.more.unsure:
		return false
	}
	if g.About == OfLead {
		whole, ok := known[asked{about: OfLead, pos: g.Pos}]
		if !ok {
			whole = claim{states: statesOf(g.field)}
		}
		if whole.states&^g.states(g.opposite) != 0 {
			return false // not so in every state
		}
		switch g.Kind {
		case Valid, Invalid:
			return true
		case Present, Absent:
			return g.Part == lead.PartNone
		}
	}
	k, ok := known[g.subject()]
	return ok && k.leaves(g)
}

// leaves tells whether all that is left meets a test, or its opposite.
func (k claim) leaves(g goal) bool {
	if g.around() {
		return false // what has no place is neither within nor without
	}
	list := g.Kind == List || g.Kind == NotList
	if list && g.opposite == (g.Kind == List) && !k.numeric && !k.finite {
		return !slices.ContainsFunc(g.Values, func(v string) bool { return !has(k.except, v) })
	}
	switch g.Kind {
	case List, NotList, Range, Prefix, Suffix, Contains:
		k.narrow(g.Criterion, !g.opposite)
		return k.numeric && len(k.spans) == 0 || k.finite && len(k.listed) == 0
	case Within:
		least, _ := g.more.ago.bounds()
		return !g.opposite && k.ageMost <= least
	case Older:
		_, most := g.more.ago.bounds()
		return !g.opposite && k.ageLeast >= most
	}
	return false
}

// same tells whether two criteria ask the very same.
func (c *Criterion) same(o *Criterion) bool {
	if c.Kind == Own && c.more.own == nil { // a part of an expression that is like nothing else
		return false
	}
	if c.Kind != o.Kind || c.About != o.About || c.Pos != o.Pos || c.Part != o.Part || c.expected != o.expected ||
		c.Min != o.Min || c.Max != o.Max || !slices.Equal(c.Values, o.Values) || len(c.Of) != len(o.Of) {
		return false
	}
	if (c.more == nil) != (o.more == nil) || c.more != nil && (c.more.zone != o.more.zone || c.more.ago != o.more.ago ||
		c.more.file != o.more.file) {
		return false
	}
	for i := range c.Of {
		if !c.Of[i].same(&o.Of[i]) {
			return false
		}
	}
	return true
}
