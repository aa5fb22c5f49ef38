// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// SoldBefore is a lead that another system has sold.
type SoldBefore struct {
	Rule     string            // of duplicates, as explanations name it, such as buyer:sun:phone
	Vertical string            // whose fields Values are of; "": the first that the rule is for
	At       time.Time         // it was sold then
	Values   map[string]string // by field
	Ref      string            // what its maker knows it by: a second one of the rule changes nothing
}

// SoldAs is what an import does with one lead.
type SoldAs struct {
	Rule  string `json:"rule"`
	Known bool   `json:"known,omitempty"` // it was taken over before: nothing changes
	Over  bool   `json:"over,omitempty"`  // it was sold too long ago for its rule: it is left out
}

// ImportSold has duplicate rules know leads that another system has sold, and tells what it does; dry it only tells. No
// sale is booked. What is known under its ref stays as it is.
func (e *Exchange) ImportSold(list []SoldBefore, dry bool, why, by string) (out []SoldAs, err error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	now, found := e.now(), map[string]*ruleIn{}
	scratch := &lead.Lead{}
	var events []*ledger.Adjusted
	refs := map[string]bool{}
	for i := range list {
		in := &list[i]
		key := in.Rule + "\x00" + in.Vertical
		if found[key] == nil {
			if found[key], err = e.ruleNamed(in.Rule, in.Vertical); err != nil {
				return nil, fmt.Errorf("[%d] %w", i, err)
			}
		}
		u := found[key]
		names, err := in.names(u, scratch)
		if err != nil {
			return nil, fmt.Errorf("[%d] %s: %w", i, in.Rule, err)
		}
		if in.At.After(now) {
			return nil, fmt.Errorf("[%d] %s: sold_at %s: expected a time that is over", i, in.Rule,
				in.At.Format(time.RFC3339))
		}
		row, subject := SoldAs{Rule: in.Rule, Over: now.Sub(in.At) >= u.Window}, "rule:"+in.Rule
		row.Known = in.Ref != "" && (refs[subject+in.Ref] || e.led.ByRef(subject, in.Ref))
		refs[subject+in.Ref] = true
		if out = append(out, row); row.Known || row.Over {
			continue
		}
		at := in.At.UTC()
		events = append(events, &ledger.Adjusted{Adjustment: ledger.AdjustImported, Subject: subject, Ref: in.Ref,
			SoldAt: &at, Why: why, By: by,
			Private: &ledger.Private{Marks: []ledger.Mark{{Rule: in.Rule, Names: names}}}})
	}
	if dry {
		return out, nil
	}
	for part := range slices.Chunk(events, importChunk) {
		if err := e.count(part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ruleIn is a duplicate rule as it finds leads of a schema.
type ruleIn struct {
	rules.Unique
	schema *lead.Schema
}

// ruleNamed finds a duplicate rule that is in force for the leads of a vertical.
func (e *Exchange) ruleNamed(name, vertical string) (*ruleIn, error) {
	snap := e.inForce.Load()
	known := map[string]bool{}
	var found *ruleIn
	look := func(v *Vertical, list []rules.Unique) {
		for _, u := range list {
			if known[u.Rule] = true; u.Rule == name && found == nil && (vertical == "" || v.ID == vertical) {
				u, _ = u.In(v.Schema)
				found = &ruleIn{u, v.Schema}
			}
		}
	}
	above := ParentsOf(&snap.cfg)
	for _, v := range snap.cfg.Verticals {
		look(v, v.Uniques)
		for _, id := range snap.cfg.sourcesOf(v.ID) {
			look(v, snap.source[id].Uniques)
		}
		for _, c := range snap.cfg.Book.Campaigns {
			if c.Vertical != v.ID {
				continue
			}
			look(v, c.Uniques)
			for _, p := range above(c.Buyer) {
				look(v, p.Uniques)
			}
		}
	}
	switch {
	case found != nil:
		return found, nil
	case known[name]:
		return nil, fmt.Errorf("rule %q is not for leads of vertical %q", name, vertical)
	case len(known) == 0:
		return nil, fmt.Errorf("rule %q: no duplicate rule is configured", name)
	}
	all := slices.Sorted(maps.Keys(known))
	return nil, fmt.Errorf("rule %q: expected one of %s", name, strings.Join(all[:min(len(all), 10)], ", "))
}

// names are by what the lead is known under its rule.
func (in *SoldBefore) names(u *ruleIn, l *lead.Lead) (out []string, err error) {
	l.Reset(u.schema)
	for _, name := range slices.Sorted(maps.Keys(in.Values)) {
		pos, ok := u.schema.Position(name)
		if !ok {
			return nil, fmt.Errorf("%q: expected a field of vertical %s", name, u.schema.Vertical)
		}
		if in.Values[name] == "" {
			continue
		}
		if l.Set(pos, []byte(in.Values[name])); l.Slot(pos).State != lead.Valid {
			return nil, fmt.Errorf("%s: what stands there is no %s", name, u.schema.Fields[pos].Type)
		}
	}
	l.Complete()
	u.Each(l, func(name string) { out = append(out, name) })
	if len(out) == 0 {
		return nil, fmt.Errorf("expected values of %s", strings.Join(u.Names, ", "))
	}
	return out, nil
}
