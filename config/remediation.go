// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/rules/listfile"
)

// remediationSpec is where the unsold leads of a vertical go: as signed messages (Standard Webhooks) to `url`, or to
// another `vertical`, in which they are offered anew. It has one of the two.
type remediationSpec struct {
	Endpoint endpointSpec `yaml:",inline"`
	Fields   []string     `yaml:"fields"` // url: of the lead, that are told; absent: all of them
	// in place of url: the vertical in which the leads are resubmitted, each once, by those sources that may send it
	Vertical string `yaml:"vertical"`
	// vertical: its fields, and the field of the lead that each gets its value from; others keep those of their name
	Map map[string]string `yaml:"map"`
	// vertical: only leads that were answered with one of these refusals, by name, such as no_bids; absent: all
	Refusals []string `yaml:"refusals"`
	// vertical: criteria, or an expression, that a lead must be known to meet; absent: all do
	When rules.When `yaml:"when"`
	// vertical: when leads are resubmitted; those that are unsold at other times wait; absent: always
	Schedule *rules.ScheduleSpec `yaml:"schedule"`
	// vertical: how often a lead may have been resubmitted then, whoever has done so, this time included, 1 to 10 (1)
	HopsMax *int `yaml:"hops_max"`
}

// heldRemedy is a vertical's remediation that waits for the other verticals and the sources.
type heldRemedy struct {
	f    *tree.File
	spec *remediationSpec
	v    *exchange.Vertical
}

func (l *loader) remediation(f *tree.File, spec *remediationSpec, v *exchange.Vertical) {
	if spec == nil {
		return
	}
	if spec.Vertical != "" {
		v.Remediation = &exchange.Remediation{}
		if v.ID != "" {
			l.heldRemedies = append(l.heldRemedies, heldRemedy{f, spec, v})
		}
		return
	}
	for key, some := range map[string]bool{"map": spec.Map != nil, "refusals": spec.Refusals != nil,
		"when": len(spec.When) > 0, "schedule": spec.Schedule != nil, "hops_max": spec.HopsMax != nil} {
		if some {
			l.bad(f, "remediation."+key, "", "no such key beside url: it goes with vertical")
		}
	}
	r := &exchange.Remediation{Endpoint: l.endpoint(f, "remediation", &spec.Endpoint), Fields: spec.Fields}
	if v.Schema != nil {
		for i, name := range spec.Fields {
			if _, ok := v.Schema.Position(name); !ok {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "a field of the vertical"+
					near(name, v.Schema.Names()))
			} else if slices.Contains(spec.Fields[:i], name) {
				l.bad(f, fmt.Sprintf("remediation.fields[%d]", i), name, "each field once")
			}
		}
	}
	v.Remediation = r
}

// remedies compiles the remediations to other verticals, now that all verticals and sources are there.
func (l *loader) remedies(cfg *Config) {
	held := l.heldRemedies
	for _, h := range held {
		l.remedyTo(&h, cfg)
	}
	l.heldRemedies = nil
	for _, h := range held {
		l.drop(h.f)
	}
}

func (l *loader) remedyTo(h *heldRemedy, cfg *Config) {
	f, spec, v := h.f, h.spec, h.v
	e := &spec.Endpoint
	for key, some := range map[string]bool{"url": e.URL != "", "secrets": e.Secrets != nil,
		"timeout_ms": e.TimeoutMS != nil, "allow_private_addresses": e.AllowPrivate, "fields": spec.Fields != nil} {
		if some {
			l.bad(f, "remediation."+key, "", "no such key beside vertical: it goes with url")
		}
	}
	to := &exchange.RemedyTo{Vertical: spec.Vertical, Map: spec.Map,
		HopsMax: l.number(f, "remediation.hops_max", spec.HopsMax, 1, 1, exchange.ResubmitHopsMost)}
	for i, name := range spec.Refusals {
		no, ok := lead.RefusalByName(name)
		if !ok {
			l.bad(f, fmt.Sprintf("remediation.refusals[%d]", i), name, "the name of a refusal"+near(name,
				refusalNames()))
		}
		to.Refusals = append(to.Refusals, no)
	}
	var ds []lead.Defect
	to.Schedule, ds = rules.CompileSchedule(spec.Schedule, "UTC")
	l.badAll(f, "remediation.schedule", ds)
	to.When = l.remedyWhen(f, spec.When, v)
	v.Remediation.For = time.Duration(l.number(f, "remediation.for_hours", e.ForHours, 72, 1, 720)) * time.Hour
	v.Remediation.To = to
	l.remedyFields(h, cfg)
}

// remedyFields holds the other vertical to the leads that it is to get.
func (l *loader) remedyFields(h *heldRemedy, cfg *Config) {
	f, spec, v := h.f, h.spec, h.v
	other := l.verticals[spec.Vertical]
	switch {
	case spec.Vertical == v.ID:
		l.bad(f, "remediation.vertical", spec.Vertical, "another vertical than this one")
		return
	case other == nil && !l.incomplete:
		l.bad(f, "remediation.vertical", spec.Vertical, "a vertical"+near(spec.Vertical,
			slices.Sorted(maps.Keys(l.verticals))))
		return
	case other == nil || other.Schema == nil || v.Schema == nil:
		return
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Map)) {
		at := tree.Join("remediation.map", name)
		if _, ok := other.Schema.Position(name); !ok {
			l.bad(f, at, name, "a field of vertical "+other.ID+near(name, other.Schema.Names()))
		}
		if from := spec.Map[name]; from != "" {
			if _, ok := v.Schema.Position(from); !ok {
				l.bad(f, at, from, "a field of vertical "+v.ID+near(from, v.Schema.Names()))
			}
		}
	}
	for i := range other.Schema.Fields {
		x := &other.Schema.Fields[i]
		_, mapped := spec.Map[x.Name]
		_, same := v.Schema.Position(x.Name)
		if x.Required != 0 && !mapped && !same && x.Default == "" && x.Derive == "" {
			l.bad(f, "remediation.map", "", fmt.Sprintf("the field that %s gets its value from: vertical %s requires "+
				"it, and %s has none of this name", x.Name, other.ID, v.ID))
		}
	}
	sends := func(s *exchange.Source) bool {
		return slices.Contains(s.Verticals, v.ID) && slices.Contains(s.Verticals, other.ID)
	}
	if l.problems.Count() == 0 && !slices.ContainsFunc(cfg.Exchange.Sources, sends) {
		l.bad(f, "remediation.vertical", other.ID, "a vertical that a source of "+v.ID+" leads may send, too: none "+
			"may, so that no lead would go there")
	}
}

// remedyWhen compiles what leads must be to go on.
func (l *loader) remedyWhen(f *tree.File, specs rules.When, v *exchange.Vertical) []rules.Criterion {
	if v.Schema == nil || len(specs) == 0 {
		return nil
	}
	if len(specs) > buyers.CriteriaMax {
		l.bad(f, "remediation.when", fmt.Sprint(len(specs), " criteria"), fmt.Sprintf("at most %d", buyers.CriteriaMax))
		return nil
	}
	out, ds := rules.Compile(specs, v.Schema, rules.Options{Lists: func(x rules.ListFile) (*listfile.Set, string) {
		l.planLists[x.Name] = true
		return l.list(x)
	}})
	if len(ds) == 0 {
		ds = rules.Terms{Schema: v.Schema}.Contradictions(out)
	}
	for _, d := range ds {
		l.bad(f, "remediation.when"+d.Path, d.Value, d.Expected)
	}
	return out
}

func refusalNames() (out []string) {
	for _, r := range lead.Refusals() {
		out = append(out, r.Name)
	}
	return out
}

// unsold reads what becomes of the leads that a plan does not sell.
func (r *planReader) unsold(text, at string) {
	switch text {
	case "":
	case "list":
		r.out.UnsoldListed = true
	case "remediation":
		if r.v.Remediation == nil {
			r.bad(at+".unsold", text, "list, or a `remediation` of the vertical to which they go")
		}
	default:
		r.bad(at+".unsold", text, "remediation or list")
	}
}
