// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/rules/listfile"
)

// planSpec is how leads are sold: in tiers, of which one takes a lead. Without it there is one auction among all
// campaigns.
type planSpec struct {
	// which tier takes a lead: in_order, the first that can sell, or best_total, the one that brings most (in_order)
	Walk string `yaml:"walk"`
	// whom pings ask: all tiers at once, or tier_by_tier: a tier when those before it cannot sell (all)
	Ask string `yaml:"ask"`
	// IANA name of the zone in which `when` has days and times of day (UTC, and no times of day)
	Timezone string     `yaml:"timezone"`
	Tiers    []tierSpec `yaml:"tiers"` // 1 to 64
	// what becomes of unsold leads, besides standing in the list of them: remediation, that of the vertical, or list,
	// nothing (remediation, if the vertical has one)
	Unsold string `yaml:"unsold"`
}

// tierSpec is one step of a plan.
type tierSpec struct {
	Name string `yaml:"name"` // stands in events; each once in a plan
	// criteria, or an expression, that a lead must be known to meet when it is pinged; absent: it is for all leads
	When rules.When `yaml:"when"`
	// who wins: the bids that are worth most together, or the first of a list; simultaneous is auction, and the winners
	// are posted to at the same time (auction)
	Mode string `yaml:"mode"`
	// sales of a lead in all: exclusive (1), semi_exclusive (3) or a number; absent: the vertical's sell_limit
	Sell    string      `yaml:"sell"`
	Floor   *lead.Money `yaml:"floor"`   // a bid below it is not for this tier; that of the vertical holds, too
	Ceiling *lead.Money `yaml:"ceiling"` // a bid above it is not for this tier
	// tier_by_tier: its share of ping_deadline_ms; absent: an even part of what is left. The last tier has what is left
	TimePercent *int `yaml:"time_percent"`
	// who may buy, by id, label:NAME or role:NAME; absent: all campaigns of the vertical
	Campaigns []seatSpec `yaml:"campaigns"`
}

// seatSpec is a campaign, or several, in the list of a tier, by one of id, label and role. A text alone is the id, or
// one of label:NAME and role:NAME.
type seatSpec struct {
	ID     string `yaml:"id"`     // of a campaign
	Label  string `yaml:"label"`  // that campaigns have
	Role   string `yaml:"role"`   // that campaigns have
	Weight *int   `yaml:"weight"` // weighted: its share, 0 to 1000000; 0: only after all others (1)
}

// TakeWord reads an entry without a weight.
func (s *seatSpec) TakeWord(text string) error {
	s.take(text)
	return nil
}

func (s *seatSpec) take(text string) {
	label, isLabel := strings.CutPrefix(text, "label:")
	role, isRole := strings.CutPrefix(text, "role:")
	switch {
	case isLabel:
		s.Label = label
	case isRole:
		s.Role = role
	default:
		s.ID = text
	}
}

// semiExclusive is how often a lead is sold at most where a tier says the word.
const semiExclusive = 3

// heldPlan is a vertical's plan that waits for the campaigns.
type heldPlan struct {
	f    *tree.File
	spec *verticalSpec
	v    *exchange.Vertical
}

// plans compiles the plans of the verticals, now that all campaigns are there; book is nil if some could not be taken.
func (l *loader) plans(book *buyers.Book) {
	for _, h := range l.heldPlans {
		h.v.Plan.Routing = l.plan(h.f, "plan", h.spec.Plan, h.v, book)
		if r := h.v.Plan.Routing; r != nil && h.spec.TestPrice == nil {
			least := r.Plan.Tiers[0].Floor // so that a test that nobody is asked about is one that can be sold
			for i := range r.Plan.Tiers {
				least = min(least, r.Plan.Tiers[i].Floor)
			}
			h.v.Tests.Price = max(h.v.Tests.Price, least)
		}
		l.drop(h.f)
	}
	l.heldPlans = nil
}

// holdsPlan tells whether a file is still needed for its plan, or its remediation.
func (l *loader) holdsPlan(f *tree.File) bool {
	return slices.ContainsFunc(l.heldPlans, func(h heldPlan) bool { return h.f == f }) ||
		slices.ContainsFunc(l.heldRemedies, func(h heldRemedy) bool { return h.f == f })
}

// sourcePlans reads the plans that a source has of its own, by position in its verticals.
func (l *loader) sourcePlans(f *tree.File, spec *sourceSpec) []*exchange.Routing {
	if len(spec.Plans) == 0 {
		return nil
	}
	out := make([]*exchange.Routing, len(spec.Verticals))
	for _, id := range slices.Sorted(maps.Keys(spec.Plans)) {
		p, v := spec.Plans[id], l.verticals[id]
		i := slices.Index(spec.Verticals, id)
		if i < 0 {
			l.bad(f, tree.Join("plans", id), id, "one of the verticals that the source may send"+
				near(id, spec.Verticals))
			continue
		}
		if v != nil { // else it was reported, or is broken
			out[i] = l.plan(f, tree.Join("plans", id), &p, v, l.book)
		}
	}
	return out
}

// planReader compiles one plan.
type planReader struct {
	l    *loader
	f    *tree.File
	v    *exchange.Vertical
	zone *time.Location
	of   []*buyers.Campaign // of the vertical
	some bool               // the campaigns are known
	out  *exchange.Routing
}

// plan compiles a plan that stands at a path, nil if there is something wrong with it.
func (l *loader) plan(f *tree.File, at string, spec *planSpec, v *exchange.Vertical,
	book *buyers.Book) *exchange.Routing {
	before := l.problems.Count()
	r := planReader{l: l, f: f, v: v, some: book != nil,
		out: &exchange.Routing{Seats: map[string][]auction.Seat{}}}
	if book != nil {
		for _, c := range book.Campaigns {
			if c.Vertical == v.ID {
				r.of = append(r.of, c)
			}
		}
	}
	switch spec.Walk {
	case "", "in_order":
	case "best_total":
		r.out.Plan.Walk = auction.BestTotal
	default:
		l.bad(f, at+".walk", spec.Walk, "in_order or best_total")
	}
	if spec.Timezone != "" {
		var err error
		if r.zone, err = rules.LoadZone(spec.Timezone); err != nil {
			l.bad(f, at+".timezone", spec.Timezone, err.Error())
		}
	}
	if n := len(spec.Tiers); n < 1 || n > auction.TiersMax {
		l.bad(f, at+".tiers", fmt.Sprint(n, " tiers"), fmt.Sprintf("1 to %d tiers", auction.TiersMax))
		return nil
	}
	r.asking(spec, at)
	r.unsold(spec.Unsold, at)
	for i := range spec.Tiers {
		r.tier(i, &spec.Tiers[i], fmt.Sprintf("%s.tiers[%d]", at, i))
	}
	if l.problems.Count() > before {
		return nil
	}
	return r.out
}

func (r *planReader) bad(path, value, expected string) { r.l.bad(r.f, path, value, expected) }

func (r *planReader) tier(i int, spec *tierSpec, at string) {
	t := auction.Tier{Name: spec.Name, SellLimit: r.sell(spec.Sell, at)}
	switch {
	case spec.Name == "":
		r.bad(at+".name", "", "the tier's name, which stands in events")
	case !buyers.ValidID(spec.Name):
		r.bad(at+".name", spec.Name, buyers.IDRule)
	case slices.ContainsFunc(r.out.Plan.Tiers, func(o auction.Tier) bool { return o.Name == spec.Name }):
		r.bad(at+".name", spec.Name, "a name that no other tier of the plan has")
	}
	if spec.Mode != "" {
		mode, err := auction.ParseMode(spec.Mode)
		switch {
		case err != nil:
			r.bad(at+".mode", spec.Mode, "one of "+strings.Join(planModes, ", "))
		case mode == auction.Simultaneous && t.SellLimit == 1:
			r.bad(at+".mode", spec.Mode, "another mode, or a sell limit of 2 or more: posts go out at the same time "+
				"to as many buyers as may have the lead, and this tier sells it once")
		}
		t.Mode = mode
	}
	if spec.Floor != nil {
		if t.Floor = *spec.Floor; t.Floor < 0 {
			r.bad(at+".floor", t.Floor.String(), "an amount that is not negative")
		}
	}
	if spec.Ceiling != nil {
		switch t.Ceiling = *spec.Ceiling; {
		case t.Ceiling <= 0:
			r.bad(at+".ceiling", t.Ceiling.String(), "an amount above 0")
		case t.Ceiling < max(t.Floor, r.v.Plan.Floor):
			r.bad(at+".ceiling", t.Ceiling.String(), "no less than the floor: nobody could buy in this tier")
		}
	}
	r.out.Plan.Tiers = append(r.out.Plan.Tiers, t)
	r.out.When = append(r.out.When, r.when(spec.When, at))
	r.seats(i, spec, t.Mode, at+".campaigns")
}

// planModes are the modes that a tier may have.
var planModes = []string{"auction", "waterfall", "waterfall_by_value", "round_robin", "weighted", "simultaneous"}

// sell reads how often a tier sells a lead: no more often than the vertical says, where it says anything.
func (r *planReader) sell(text, at string) int {
	own := r.l.sellLimits[r.v.ID]
	n := 0
	switch text {
	case "":
		return r.v.Plan.SellLimit
	case "exclusive":
		n = 1
	case "semi_exclusive":
		n = semiExclusive
	default:
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > buyers.MaxSoldMax {
			r.bad(at+".sell", text, fmt.Sprintf("exclusive, semi_exclusive or a number from 1 to %d",
				buyers.MaxSoldMax))
			return 1
		}
	}
	if own && n > r.v.Plan.SellLimit {
		r.bad(at+".sell", text, fmt.Sprintf("at most %d sales, the sell_limit of the vertical", r.v.Plan.SellLimit))
	}
	return n
}

// when compiles the criteria of a tier.
func (r *planReader) when(specs rules.When, at string) []rules.Criterion {
	if r.v.Schema == nil || len(specs) == 0 {
		return nil
	}
	at += ".when"
	if len(specs) > buyers.CriteriaMax {
		r.bad(at, fmt.Sprint(len(specs), " criteria"), fmt.Sprintf("at most %d", buyers.CriteriaMax))
		return nil
	}
	out, ds := rules.Compile(specs, r.v.Schema, rules.Options{Zone: r.zone,
		Lists: func(f rules.ListFile) (*listfile.Set, string) {
			r.l.planLists[f.Name] = true
			return r.l.list(f)
		}})
	if len(ds) == 0 {
		ds = rules.Terms{Schema: r.v.Schema}.Contradictions(out)
	}
	for _, d := range ds {
		r.bad(at+d.Path, d.Value, d.Expected)
	}
	return out
}

// seats gives the campaigns of a tier their places. In a waterfall those of a label or role have one place, and go by
// value there; in a rotation or a draw each campaign has its own.
func (r *planReader) seats(tier int, spec *tierSpec, mode auction.Mode, at string) {
	list := spec.Campaigns
	if len(list) == 0 {
		if mode == auction.Waterfall {
			r.bad(at, "", "the campaigns in the order in which they are tried")
			return
		}
		for i, c := range r.of {
			r.out.Seats[c.ID] = append(r.out.Seats[c.ID], auction.Seat{Tier: tier, Position: i, Weight: 1})
		}
		return
	}
	position := 0
	taken := map[string]bool{}
	for i := range list {
		e := &list[i]
		if id := e.ID; strings.Contains(id, ":") {
			e.ID = ""
			e.take(id) // {id: label:west, weight: 2} is as good
		}
		taken[e.ID] = true // those that stand there themselves have their place, whatever label they have
	}
	seen := map[seatSpec]bool{}
	for i := range list {
		e, path := &list[i], fmt.Sprintf("%s[%d]", at, i)
		who := seatSpec{ID: e.ID, Label: e.Label, Role: e.Role}
		if seen[who] {
			r.bad(path, "", "each entry once")
			continue
		}
		seen[who] = true
		weight := 1
		if e.Weight != nil {
			if weight = *e.Weight; mode != auction.Weighted {
				r.bad(path+".weight", strconv.Itoa(weight), "no weight: the mode is not weighted")
			} else if weight < 0 || weight > auction.WeightMax {
				r.bad(path+".weight", strconv.Itoa(weight), fmt.Sprintf("0 to %d", auction.WeightMax))
			}
		}
		for _, c := range r.named(e, path) {
			if c.ID != e.ID && taken[c.ID] {
				continue
			}
			taken[c.ID] = true
			r.out.Seats[c.ID] = append(r.out.Seats[c.ID], auction.Seat{Tier: tier, Position: position, Weight: weight})
			if mode != auction.Waterfall {
				position++
			}
		}
		position++
	}
}

// named are the campaigns that an entry means; that there is none is reported.
func (r *planReader) named(e *seatSpec, path string) (out []*buyers.Campaign) {
	var known []string
	for _, c := range r.of {
		has := false
		switch {
		case e.Label != "":
			known = append(known, c.Labels...)
			has = slices.Contains(c.Labels, e.Label)
		case e.Role != "":
			has = c.Role == e.Role
		default:
			known = append(known, c.ID)
			has = c.ID == e.ID
		}
		if has {
			out = append(out, c)
		}
	}
	value, what := e.ID, "the id of a campaign"
	switch {
	case e.Label != "" && e.Role == "" && e.ID == "":
		value, what = e.Label, "a label of a campaign"
	case e.Role != "" && e.Label == "" && e.ID == "":
		value, what, known = e.Role, "a role of a campaign", buyers.Roles
	case e.ID == "" || e.Label != "" || e.Role != "":
		r.bad(path, "", "one of a campaign's id, label:NAME and role:NAME")
		return nil
	}
	if len(out) == 0 && r.some {
		r.bad(path, value, what+" of vertical "+r.v.ID+near(value, known))
	}
	return out
}

// near names what was perhaps meant.
func near(word string, known []string) string {
	if n := lead.Nearest(word, known); n != "" && n != word {
		return fmt.Sprintf(": did you mean %q?", n)
	}
	return ""
}

// deserted warns of tiers none of whose campaigns can want a lead that the tier is for.
func (c *Config) deserted() (out []string) {
	warn := func(whose string, v *exchange.Vertical, r *exchange.Routing) {
		if r == nil {
			return
		}
		for i := range min(len(r.When), len(r.Plan.Tiers)) {
			some, apart := false, true
			for _, p := range c.Exchange.Book.Campaigns {
				if slices.ContainsFunc(r.Seats[p.ID], func(s auction.Seat) bool { return s.Tier == i }) {
					some = true
					apart = apart && rules.Terms{Schema: v.Schema}.Apart(r.When[i], p.Criteria)
				}
			}
			if some && apart {
				out = append(out, whose+", tier "+r.Plan.Tiers[i].Name+": no campaign in it wants a lead that meets "+
					"its `when`: it sells nothing")
			}
		}
	}
	for _, v := range c.Exchange.Verticals {
		warn("plan of "+v.ID, v, v.Plan.Routing)
		for _, s := range c.Exchange.Sources {
			if i := slices.Index(s.Verticals, v.ID); i >= 0 && i < len(s.Plans) {
				warn("plan of source "+s.ID+" for "+v.ID, v, s.Plans[i])
			}
		}
	}
	return out
}

// unseated warns of campaigns that no plan by which their leads are sold has a place for.
func (c *Config) unseated() (out []string) {
	for _, v := range c.Exchange.Verticals {
		if v.Plan.Routing == nil {
			continue
		}
		seated := func(id string) bool {
			if len(v.Plan.Routing.Seats[id]) > 0 {
				return true
			}
			return slices.ContainsFunc(c.Exchange.Sources, func(s *exchange.Source) bool {
				r := s.Routing(v)
				return slices.Contains(s.Verticals, v.ID) && r != nil && len(r.Seats[id]) > 0
			})
		}
		for _, p := range c.Exchange.Book.Campaigns {
			if p.Vertical == v.ID && !seated(p.ID) {
				out = append(out, "campaign "+p.ID+": no tier of a plan of "+v.ID+" has it, so it gets no lead "+
					"(docs/how-to/choose-who-gets-it.md)")
			}
		}
	}
	return out
}
