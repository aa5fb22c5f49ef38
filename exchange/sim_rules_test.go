// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

// simRule is a duplicate rule of the market: of whom, by what, for how long at first.
type simRule struct {
	who    string
	fields []string
	window time.Duration
}

var simRules = []simRule{
	{"campaign:a", []string{"email"}, 40 * time.Minute},
	{"campaign:d", []string{"phone|phone_hash", "zip"}, 2 * time.Hour},
	{"buyer:b-co", []string{"phone|phone_hash"}, 90 * time.Minute},
	{"buyer:e-co", []string{"phone"}, 30 * time.Minute},
	{"buyer:e-co", []string{"email"}, time.Hour},
	{"parent:holding", []string{"phone|phone_hash"}, time.Hour},
	{"source:acme", []string{"phone", "email"}, 2 * time.Hour},
	{"source:zeta", []string{"phone"}, 30 * time.Minute},
	{"vertical:solar", []string{"email"}, 20 * time.Minute},
}

// holding is who belongs to the parent of the market.
var holding = []string{"a-co", "b-co"}

// simPersons is what is done about persons who come again, beside the leads' own repeats: which rules are in force, how
// long they are, and which of them count posts that were refused.
type simPersons struct {
	on, posted, longer uint
	repeats            bool // the vertical refuses repeats, too
}

func newSimPersons(seed uint64) simPersons {
	return simPersons{on: uint(seed*37) | 1<<(seed%9), posted: uint(seed * 11), longer: uint(seed * 5),
		repeats: seed%3 == 0}
}

func (p simPersons) next(rnd *rand.Rand) simPersons {
	switch bit := uint(1) << rnd.IntN(len(simRules)); rnd.IntN(3) {
	case 0:
		p.on ^= bit
	case 1:
		p.posted ^= bit
	default:
		p.longer ^= bit
	}
	return p
}

// rule is the n-th one as it is now; false: it is not in force.
func (p simPersons) rule(n int) (r simRule, posted, ok bool) {
	r = simRules[n]
	if p.longer>>n&1 == 1 {
		r.window *= 2
	}
	return r, p.posted>>n&1 == 1, p.on>>n&1 == 1
}

// of are the rules of an owner, as they would stand in a file.
func (p simPersons) of(who string) (out []rules.UniqueSpec) {
	for n := range simRules {
		if r, posted, ok := p.rule(n); ok && r.who == who {
			u := rules.UniqueSpec{Fields: r.fields, Days: 1}
			if posted {
				u.Counts = "posted"
			}
			out = append(out, u)
		}
	}
	return out
}

func (p simPersons) compiled(who string) []rules.Unique {
	list, ds := rules.CompileUniques(who, p.of(who))
	if ds != nil {
		panic(fmt.Sprint(ds))
	}
	return list
}

// promise is what the auditor is told of them.
func (p simPersons) promise() (out []audit.Unique) {
	for n := range simRules {
		r, posted, ok := p.rule(n)
		if !ok {
			continue
		}
		u := audit.Unique{Rule: r.name(), Who: r.who, Fields: r.plain(), Window: r.window, Posted: posted}
		if strings.HasPrefix(r.who, "parent:") {
			u.Buyers = holding
		}
		out = append(out, u)
	}
	return out
}

// repeated are the promises about repeats, which are the same all the time.
func (p simPersons) repeated() (out []audit.Repeat) {
	for _, s := range simSellers {
		if p.repeats {
			out = append(out, audit.Repeat{Source: s, Vertical: "solar", Key: []string{"phone"}, Window: time.Hour})
		}
	}
	return out
}

func (r *simRule) plain() (out []string) {
	for _, f := range r.fields {
		name, _, _ := strings.Cut(f, "|")
		out = append(out, name)
	}
	return out
}

func (r *simRule) name() string { return r.who + ":" + strings.Join(r.plain(), ",") }

// windows gives the rules of a configuration their own times: those of files are whole days.
func (p simPersons) windows(cfg *exchange.Config) {
	set := func(list []rules.Unique) {
		for i := range list {
			for n := range simRules {
				if r, _, _ := p.rule(n); r.name() == list[i].Rule {
					list[i].Window = r.window
				}
			}
		}
	}
	for _, v := range cfg.Verticals {
		set(v.Uniques)
	}
	for _, s := range cfg.Sources {
		set(s.Uniques)
	}
	for i := range cfg.Parents {
		set(cfg.Parents[i].Uniques)
	}
	for _, b := range cfg.Book.Buyers {
		set(b.Uniques)
	}
	for _, c := range cfg.Book.Campaigns {
		set(c.Uniques)
	}
}

// simCaps are the limits of caps beside those of the campaigns.
type simCaps struct{ source, pair, vertical, parent, zip, from int64 }

func newSimCaps() simCaps {
	return simCaps{source: 9, pair: 12, vertical: 14, parent: 6, zip: 2, from: 3}
}

func (c simCaps) next(rnd *rand.Rand) simCaps {
	all := []*int64{&c.source, &c.pair, &c.vertical, &c.parent, &c.zip, &c.from}
	*all[rnd.IntN(len(all))] = 2 + rnd.Int64N(12)
	return c
}

// simCap is one of them, as the exchange and as the auditor have it.
type simCap struct {
	who   string
	spec  rules.CapSpec
	limit int64
}

func (c *simCaps) all() []simCap {
	hour := func(who, by string, limit int64) simCap {
		return simCap{who, rules.CapSpec{Per: "hour", Limit: limit, By: by, Zone: "Etc/UTC"}, limit}
	}
	out := []simCap{hour("source:acme", "", c.source), hour("source:zeta", "", c.source),
		hour("vertical:solar", "", c.vertical), hour("parent:holding", "", c.parent),
		hour("campaign:c", "zip", c.zip), hour("campaign:d", "zip", c.zip), hour("buyer:e-co", "source", c.from)}
	for _, s := range simSellers {
		out = append(out, simCap{"source:" + s, rules.CapSpec{Per: "day", Limit: c.pair, By: "buyer", Zone: "Etc/UTC"},
			c.pair})
	}
	return out
}

func (c *simCaps) of(who string) (out []rules.CapSpec) {
	for _, k := range c.all() {
		if k.who == who {
			out = append(out, k.spec)
		}
	}
	return out
}

func (c *simCaps) compiled(who string) []rules.Cap {
	list, ds := rules.CompileCaps(who, c.of(who), "Etc/UTC")
	if ds != nil {
		panic(fmt.Sprint(ds))
	}
	return list
}

// audited is the cap as the auditor knows it.
func (k *simCap) audited() audit.Cap {
	out := audit.Cap{Who: k.who, Key: k.who + ":" + k.spec.Per, Per: k.spec.Per, By: k.spec.By, Others: true}
	if k.spec.By != "" {
		out.Key += "/" + k.spec.By
	}
	if k.who == "parent:holding" {
		out.Buyers = holding
	}
	return out
}

// standing adds to a setup what sources, verticals and parents have of caps and duplicate rules.
func (m *simMarket) standing(s *setup) {
	src := func(c *exchange.Source) {
		c.Caps, c.Uniques = m.caps.compiled("source:"+c.ID), m.persons.compiled("source:"+c.ID)
	}
	margins := s.Source
	s.Source = func(c *exchange.Source) { margins(c); src(c) }
	zeta := newSource("zeta", m.margin)
	src(zeta)
	s.Sources = []*exchange.Source{zeta}
	s.Parents = []exchange.Parent{{ID: "holding", Caps: m.caps.compiled("parent:holding"),
		Uniques: m.persons.compiled("parent:holding")}}
	buyer := s.Buyer
	s.Buyer = func(b *buyers.BuyerSpec) {
		buyer(b)
		if slices.Contains(holding, b.ID) {
			b.Parent = "holding"
		}
		b.Caps, b.Duplicates = append(b.Caps, m.caps.of("buyer:"+b.ID)...), m.persons.of("buyer:"+b.ID)
	}
	s.Compiled = m.persons.windows
	*s = vertical(*s, func(v *exchange.Vertical) {
		v.Caps, v.Uniques = m.caps.compiled("vertical:solar"), m.persons.compiled("vertical:solar")
		if !m.persons.repeats {
			v.Dedupe.Refuse = exchange.RefuseNone
		}
	})
}
