// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
)

// parentsMax is how many companies may have caps over their buyers.
const parentsMax = 10_000

// parents reads the caps of companies that buyers belong to.
func (l *loader) parents(f *tree.File, specs map[string]parentSpec, cfg *Config) {
	if len(specs) > parentsMax {
		l.bad(f, "parents", fmt.Sprint(len(specs), " companies"), fmt.Sprintf("at most %d", parentsMax))
		return
	}
	l.parentsIn = f
	for _, id := range slices.Sorted(maps.Keys(specs)) {
		at, spec := tree.Join("parents", id), specs[id]
		if !buyers.ValidID(id) {
			l.bad(f, at, id, buyers.IDRule)
			continue
		}
		zone := spec.Timezone
		if zone != "" {
			if _, err := rules.LoadZone(zone); err != nil {
				l.bad(f, at+".timezone", zone, err.Error())
				zone = "UTC"
			}
		}
		caps, ds := rules.CompileCaps("parent:"+id, spec.Caps, zone)
		l.badAll(f, at+".caps", ds)
		once, ds := rules.CompileUniques("parent:"+id, spec.Duplicates)
		l.badAll(f, at+".duplicates", ds)
		cfg.Exchange.Parents = append(cfg.Exchange.Parents, exchange.Parent{ID: id, Caps: caps, Uniques: once})
	}
}

// verticalCaps reads the caps over all leads of a vertical.
func (l *loader) verticalCaps(f *tree.File, spec *verticalSpec, v *exchange.Vertical) {
	caps, ds := rules.CompileCaps("vertical:"+spec.ID, spec.Caps, "")
	l.badAll(f, "caps", ds)
	if v.Caps = caps; v.Schema != nil {
		l.fieldsOf(f, "caps", caps, v.Schema)
	}
	once, ds := rules.CompileUniques("vertical:"+spec.ID, spec.Duplicates)
	l.badAll(f, "duplicates", ds)
	if v.Uniques = once; v.Schema != nil {
		l.keysOf(f, "duplicates", once, v.Schema)
	}
}

// sourceCaps reads the caps over all leads of a source.
func (l *loader) sourceCaps(f *tree.File, spec *sourceSpec, s *exchange.Source) {
	zone := spec.TimeZone
	if _, err := rules.LoadZone(zone); zone != "" && err != nil {
		zone = "UTC" // it is reported where it is read
	}
	caps, ds := rules.CompileCaps("source:"+spec.ID, spec.Caps, zone)
	l.badAll(f, "caps", ds)
	s.Caps = caps
	for i := range caps {
		if p := caps[i].Pace; p != nil && s.Schedule != nil {
			p.Open = append(p.Open, s.Schedule)
		}
	}
	once, ds := rules.CompileUniques("source:"+spec.ID, spec.Duplicates)
	l.badAll(f, "duplicates", ds)
	s.Uniques = once
	for _, id := range spec.Verticals {
		if v := l.schemas[id]; v != nil {
			l.fieldsOf(f, "caps", caps, v)
			l.keysOf(f, "duplicates", once, v)
		}
	}
}

// keysOf looks up by which fields of a vertical duplicate rules know leads.
func (l *loader) keysOf(f *tree.File, at string, list []rules.Unique, s *lead.Schema) {
	for i := range list {
		_, ds := list[i].In(s)
		l.badAll(f, fmt.Sprintf("%s[%d]", at, i), ds)
	}
}

// fieldsOf looks up by which fields of a vertical caps tell their counts apart.
func (l *loader) fieldsOf(f *tree.File, at string, caps []rules.Cap, s *lead.Schema) {
	for i := range caps {
		_, ds := caps[i].In(s)
		l.badAll(f, fmt.Sprintf("%s[%d]", at, i), ds)
	}
}

// money refuses budgets and balances that would add up amounts of several currencies, and caps of parents by fields
// that a vertical of theirs does not have.
func (l *loader) money(cfg *Config) {
	book := cfg.Exchange.Book
	if book == nil || l.incomplete {
		return
	}
	currencies := map[string]map[string]string{} // owner → currency → what has it
	note := func(owner, vertical string) {
		if v := l.verticals[vertical]; v != nil {
			if currencies[owner] == nil {
				currencies[owner] = map[string]string{}
			}
			currencies[owner][v.Currency] = vertical
		}
	}
	above := exchange.ParentsOf(&cfg.Exchange)
	files := map[string]string{}
	for _, c := range book.Campaigns {
		note("buyer:"+c.Buyer.ID, c.Vertical)
		files["buyer:"+c.Buyer.ID] = c.Buyer.File
		for _, p := range above(c.Buyer) {
			note("parent:"+p.ID, c.Vertical)
			if v := l.verticals[c.Vertical]; v != nil && v.Schema != nil {
				l.fieldsOf(l.parentsIn, tree.Join("parents", p.ID)+".caps", p.Caps, v.Schema)
				l.keysOf(l.parentsIn, tree.Join("parents", p.ID)+".duplicates", p.Uniques, v.Schema)
			}
		}
	}
	for _, s := range cfg.Exchange.Sources {
		for _, v := range s.Verticals {
			note("source:"+s.ID, v)
		}
	}
	one := func(owner string, caps []rules.Cap) {
		in, spends := currencies[owner], func(c rules.Cap) bool { return c.Of == lead.OfSpend }
		if has := slices.Sorted(maps.Keys(in)); len(has) > 1 && slices.ContainsFunc(caps, spends) {
			l.problems.Add(tree.Problem{File: files[owner], Path: "caps", Message: fmt.Sprintf("the budget of %s "+
				"counts %s (vertical %s) and %s (vertical %s): expected one currency, or budgets of its campaigns",
				owner, has[0], in[has[0]], has[1], in[has[1]])})
		}
	}
	for _, b := range book.Buyers {
		one("buyer:"+b.ID, b.Caps)
	}
	for _, s := range cfg.Exchange.Sources {
		one("source:"+s.ID, s.Caps)
	}
	for _, p := range cfg.Exchange.Parents {
		one("parent:"+p.ID, p.Caps)
	}
}

// standings refuses rules by which nothing would ever be decided: how a buyer pays is reckoned from the journal, and
// that stands in the view for reports.
func (l *loader) standings(cfg *Config) {
	if !l.noReport {
		return
	}
	for _, y := range cfg.Exchange.Book.Buyers {
		if y.PayRule != nil {
			l.bad(l.of(nodeFile)[0], "limits.report_cpu_percent", "0", "1 to 100: `standing` of buyer "+y.ID+" ("+
				l.subjects[y.ID]+") is decided by the journal, which is kept with what find and report read")
		}
	}
}
