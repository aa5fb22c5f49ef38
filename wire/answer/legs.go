// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strconv"

	"github.com/andybalholm/cascadia"
	"github.com/antchfx/xmlquery"

	"clearpost/lead"
)

// legs is a compiled LegsSpec.
type legs struct {
	list    docPath
	leg     *Answer // the paths of one leg
	when    *condition
	maxSold *value
	brand   *value
	several bool

	accepted, rejected condition // of posts
}

// legSoldMax is the largest number of sales that a leg may name.
const legSoldMax = 99

func (c *compiler) compileLegs() {
	s := c.spec.Legs
	if s == nil {
		return
	}
	if c.out.format == formatForm || c.out.format == formatText {
		if !c.auto {
			c.bad("legs", "", "legs with the formats json, xml, html and auto")
			return
		}
	}
	l := &legs{}
	list := &compiler{spec: c.spec, auto: c.auto, usable: c.usable, numbers: map[string]int{},
		out: &Answer{format: c.out.format, root: newKeyNode(keyStep{})}}
	if list.path("legs.list", s.List, weightNone) >= 0 {
		l.list = list.out.paths[0]
	}
	leg := &compiler{spec: c.spec, leg: true, auto: c.auto, usable: c.usable, numbers: map[string]int{},
		out: &Answer{format: c.out.format, root: newKeyNode(keyStep{})}}
	if s.When != nil {
		k := leg.condition("legs.when", s.When, polarity{accepting: true}, 0)
		l.when = &k
	}
	leg.out.token = leg.value("legs.token", "token", s.Token, weightDecisive)
	if c.out.post {
		leg.legEnds(l)
	} else {
		leg.legOffers(l)
	}
	if len(leg.out.paths) > PathsMax {
		leg.bad("legs", strconv.Itoa(len(leg.out.paths))+" paths", "at most %d different paths", PathsMax)
	}
	l.leg = leg.out
	c.defects = append(append(c.defects, list.defects...), leg.defects...)
	c.out.legs = l
}

// legOffers compiles what a leg of a ping's answer is read for.
func (c *compiler) legOffers(l *legs) {
	s := c.spec.Legs
	switch {
	case s.Accepted != nil:
		c.bad("legs.accepted", "", "accepted in answers to posts only")
	case s.Rejected != nil:
		c.bad("legs.rejected", "", "rejected in answers to posts only")
	case s.Reference != nil:
		c.bad("legs.reference", "", "a reference in answers to posts only")
	case s.Reason != nil:
		c.bad("legs.reason", "", "a reason in answers to posts only")
	case s.Price == nil:
		c.bad("legs.price", "", "where the price of a leg stands")
	case s.Several && s.Brand == nil:
		c.bad("legs.several", "true", "a brand, too: several legs buy a lead as different companies")
	}
	c.out.price = c.value("legs.price", "price", s.Price, weightDecisive)
	l.maxSold = c.value("legs.max_sold", "max_sold", s.MaxSold, weightDecisive)
	l.brand = c.value("legs.brand", "brand", s.Brand, weightDecisive)
	l.several = s.Several
}

// legEnds compiles what a leg of a post's answer is read for.
func (c *compiler) legEnds(l *legs) {
	s := c.spec.Legs
	switch {
	case s.Several:
		c.bad("legs.several", "true", "several in answers to pings only")
	case s.MaxSold != nil:
		c.bad("legs.max_sold", "", "max_sold in answers to pings only")
	case s.Brand != nil:
		c.bad("legs.brand", "", "a brand in answers to pings only")
	case s.Token == nil:
		c.bad("legs.token", "", "where a leg says which of those that were sent it is")
	case s.Accepted == nil:
		c.bad("legs.accepted", "", "what must hold of a leg that is a sale")
	case s.Rejected == nil:
		c.bad("legs.rejected", "", "what must hold of a leg that is no sale")
	}
	if s.Accepted != nil && s.Rejected != nil {
		l.accepted = c.condition("legs.accepted", s.Accepted, polarity{accepting: true}, 0)
		l.rejected = c.condition("legs.rejected", s.Rejected, polarity{}, 0)
	}
	c.out.price = c.value("legs.price", "price", s.Price, weightPrice)
	c.out.reference = c.value("legs.reference", "reference", s.Reference, weightNone)
	c.out.reason = c.value("legs.reason", "reason", s.Reason, weightNone)
}

// takeEnds reads what an accepting answer to a post says of each leg.
func (a *Answer) takeEnds(r *Receipt, f *found) {
	if a.legs == nil {
		return
	}
	a.eachLeg(f, func(g *found, ok bool) bool {
		if ok {
			r.Ends = append(r.Ends, a.legs.end(g))
		}
		return len(r.Ends) < LegsMax
	})
}

// orSomeLeg makes a refusal unknown where the answer says all the same that a leg is sold.
func (a *Answer) orSomeLeg(r *Receipt, f *found, readable bool) {
	if a.legs == nil || r.Outcome == lead.Accepted || r.Outcome == lead.Unknown || !readable {
		return
	}
	a.eachLeg(f, func(g *found, ok bool) bool {
		if ok && a.legs.accepted.holds(g, 200, true).holds {
			r.Refusal, r.Said = lead.UnclearAnswer, false
			r.doubt(doubtTwice)
		}
		return r.Outcome != lead.Unknown
	})
}

// end makes the end of a leg of what stands in it. A leg that says both, or neither, or a decisive value twice, proves
// nothing.
func (l *legs) end(g *found) LegEnd {
	out := LegEnd{Outcome: lead.Unknown, Token: l.leg.tokenIn(g), Reference: l.leg.referenceIn(g),
		Reason: l.leg.reasonIn(g)}
	yes, no := l.accepted.holds(g, 200, true).holds, l.rejected.holds(g, 200, true).holds
	switch {
	case g.twice || g.overflows || l.when != nil && !l.when.holds(g, 200, true).holds:
	case yes && !no:
		out.Outcome = lead.Accepted
	case no && !yes && !l.accepted.oneHolds(g):
		out.Outcome = lead.Rejected
	}
	if l.leg.price != nil {
		out.Price, out.HasPrice, _ = l.leg.priceIn(g)
	}
	return out
}

// takeLegs reads the list of offers. One without a price that can be read, or for which the condition does not hold, is
// left out; a list without any is no bid, unless the answer has a price of its own. A leg with a decisive value twice
// makes the answer unclear.
func (a *Answer) takeLegs(r *Receipt, f *found) {
	l := a.legs
	r.Legs = make([]Leg, 0, 4)
	there, twice := 0, false
	a.eachLeg(f, func(g *found, ok bool) bool {
		there++
		if !ok {
			return true
		}
		twice = twice || g.twice
		if leg, ok := l.read(g); ok {
			r.Legs = append(r.Legs, leg)
		}
		return len(r.Legs) < LegsMax
	})
	switch {
	case twice:
		r.refuse(lead.UnclearAnswer, ruleTwice)
	case len(r.Legs) > 0 || a.price != nil:
	case there == 0:
		r.refuse(lead.NoBid, ruleLegs)
	default:
		r.refuse(lead.MissingPrice, ruleLegs)
	}
}

// eachLeg calls fn with what stands at the paths of each leg, until fn wants no more; ok is false if the leg could not
// be read. Legs that lie in each other are read no further than foundBytesMax of text.
func (a *Answer) eachLeg(f *found, fn func(g *found, ok bool) bool) {
	read := 0
	l := a.legs
	if l.list.never {
		return
	}
	switch a.format {
	case formatJSON:
		more := true
		eachLegJSON(f.body, l.list.steps, func(b []byte) {
			if !more {
				return
			}
			g := found{body: b, spent: f.spent}
			more = fn(&g, l.leg.findJSON(&g))
			f.takeWork(&g)
		})
	case formatXML:
		spent := f.spent
		nodes := selectXML(f.tree, l.list.xpath, &spent)
		if !f.afford(spent - f.spent) {
			return
		}
		for _, n := range nodes {
			g := found{spent: f.spent}
			ok := n.Type == xmlquery.ElementNode && l.leg.findInXML(&g, n)
			more := fn(&g, ok)
			f.takeWork(&g)
			if read += len(g.body); read > foundBytesMax || !more {
				return
			}
		}
	case formatHTML:
		if !f.affordCSS(l.list.shape) {
			return
		}
		for _, n := range cascadia.QueryAll(f.page, l.list.css) {
			g := found{spent: f.spent, size: f.size}
			ok := l.leg.findInHTML(&g, n)
			more := fn(&g, ok)
			f.takeWork(&g)
			if read += len(g.body); read > foundBytesMax || !more {
				return
			}
		}
	}
}

// takeWork counts what a leg has cost: the conditions of the one before stand in it too.
func (f *found) takeWork(g *found) {
	f.overflows, f.spent = f.overflows || g.overflows, max(f.spent, g.spent)
}

// eachLegJSON calls fn with each element of the lists at the path, and with each object there.
func eachLegJSON(b []byte, steps []keyStep, fn func([]byte)) {
	walkJSON(b, skipSpace(b, 0), steps, func(p place) {
		switch {
		case p.kind != foundContainer:
		case b[p.from] == '{':
			fn(b[p.from:p.to])
		default:
			elements(b, int(p.from), func(_ []byte, _ bool, e place) {
				if e.kind != foundContainer {
					e = place{} // no leg: nothing is read out of a text
				}
				fn(b[e.from:e.to])
			})
		}
	})
}

// read makes a leg of what stands in it.
func (l *legs) read(g *found) (leg Leg, ok bool) {
	if l.when != nil && !l.when.holds(g, 200, false).holds {
		return leg, false
	}
	if leg.Price, ok, _ = l.leg.priceIn(g); !ok {
		return leg, false
	}
	if l.leg.token != nil {
		if leg.Token = l.leg.tokenIn(g); leg.Token == nil && !l.leg.token.optional {
			return leg, false
		}
	}
	if l.brand != nil {
		if p := g.first(l.brand); p.single() {
			leg.Brand = shorten(g.decode(nil, p), BrandBytesMax)
		}
	}
	if l.maxSold == nil || !g.first(l.maxSold).filled() {
		return leg, true
	}
	var buf [64]byte
	n, ok := parseNumber(trim(g.value(buf[:0], g.first(l.maxSold))))
	if !ok || n < 1_000_000 || n > legSoldMax*1_000_000 || n%1_000_000 != 0 {
		return leg, false
	}
	leg.MaxSold = int(n / 1_000_000)
	return leg, true
}
