// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"time"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
)

const (
	dedupeHoursDefault = 720
	dedupeHoursMost    = 24 * 3660
)

// onChange reads what becomes of a post that changes what its ping was priced by.
func (l *loader) onChange(f *tree.File, text string) exchange.OnChange {
	switch text {
	case "":
		return exchange.OnChangeUnset
	case "refuse":
		return exchange.OnChangeRefuse
	case "keep":
		return exchange.OnChangeKeep
	}
	l.bad(f, "on_change", text, "refuse or keep")
	return exchange.OnChangeUnset
}

// verticalDedupe reads a vertical's rule for repeated leads.
func (l *loader) verticalDedupe(f *tree.File, spec *verticalSpec, s *lead.Schema) (d exchange.Dedupe) {
	if spec.DedupeHours != nil && spec.Dedupe.WindowHours != nil {
		l.bad(f, "dedupe_hours", fmt.Sprint(*spec.DedupeHours), "dedupe_hours or dedupe.window_hours, not both")
	}
	d.Window = time.Duration(l.number(f, "dedupe_hours", spec.DedupeHours, dedupeHoursDefault, 0,
		dedupeHoursMost)) * time.Hour
	l.repeats(f, &spec.Dedupe, &d)
	switch own := spec.Dedupe.PersonKey; {
	case own == nil:
		d.Key = l.personKey(f, "person_key", spec.PersonKey, spec.ID, s)
	case spec.PersonKey == nil:
		d.Key = l.personKey(f, "dedupe.person_key", own, spec.ID, s)
	default:
		l.bad(f, "person_key", strings.Join(spec.PersonKey, ", "), "person_key or dedupe.person_key, not both")
	}
	return d
}

// sourceDedupe reads in what a source's rules differ from those of its verticals.
func (l *loader) sourceDedupe(f *tree.File, spec *sourceSpec) []*exchange.Dedupe {
	if spec.Dedupe == nil {
		return nil
	}
	var checked exchange.Dedupe
	l.repeats(f, spec.Dedupe, &checked)
	out := make([]*exchange.Dedupe, len(spec.Verticals))
	for i, id := range spec.Verticals {
		v := l.verticals[id]
		if v == nil {
			continue
		}
		d := v.Dedupe
		spec.Dedupe.apply(&checked, &d)
		if spec.Dedupe.PersonKey != nil {
			d.Key = l.personKey(f, "dedupe.person_key", spec.Dedupe.PersonKey, id, v.Schema)
		}
		out[i] = &d
	}
	return out
}

// remembers checks that no event is dropped by age before its person may be forgotten: with the lead's events goes what
// is known of its person.
func (l *loader) remembers(cfg *Config) {
	age := cfg.Limits.Retention.Age
	if age == 0 {
		return
	}
	var longest time.Duration
	note := func(d *exchange.Dedupe) {
		if d != nil && d.Refuse != exchange.RefuseNone && len(d.Key) > 0 {
			longest = max(longest, d.Window)
		}
	}
	for _, v := range cfg.Exchange.Verticals {
		note(&v.Dedupe)
	}
	for _, s := range cfg.Exchange.Sources {
		for _, d := range s.Dedupe {
			note(d)
		}
	}
	for _, u := range exchange.UniquesOf(&cfg.Exchange) {
		longest = max(longest, u.Window)
	}
	if longest <= age {
		return
	}
	const day = 24 * time.Hour
	for _, f := range l.files {
		if f.Name == nodeFile && f.Root != nil {
			l.bad(f, "limits.retention_days", fmt.Sprint(int(age/day)),
				fmt.Sprintf("at least %d: persons are to be remembered for %d hours (dedupe, duplicates)",
					(longest+day-1)/day, int(longest/time.Hour)))
		}
	}
}

// repeats reads the settings that stand under dedupe in both files.
func (l *loader) repeats(f *tree.File, spec *dedupeSpec, d *exchange.Dedupe) {
	if spec.WindowHours != nil {
		d.Window = time.Duration(l.number(f, "dedupe.window_hours", spec.WindowHours, dedupeHoursDefault, 0,
			dedupeHoursMost)) * time.Hour
	}
	switch spec.Scope {
	case "", "source":
	case "vertical":
		d.Scope = exchange.ScopeVertical
	default:
		l.bad(f, "dedupe.scope", spec.Scope, "source or vertical")
	}
	switch spec.Refuse {
	case "", "sold":
	case "received":
		d.Refuse = exchange.RefuseReceived
	case "none":
		d.Refuse = exchange.RefuseNone
	default:
		l.bad(f, "dedupe.refuse", spec.Refuse, "sold, received or none")
	}
	switch spec.IdenticalPings {
	case "", "same_quote":
	case "own_auction":
		d.OwnAuctions = true
	default:
		l.bad(f, "dedupe.identical_pings", spec.IdenticalPings, "same_quote or own_auction")
	}
}

// apply puts what the settings say, already read, in place of what d has.
func (s *dedupeSpec) apply(read, d *exchange.Dedupe) {
	if s.WindowHours != nil {
		d.Window = read.Window
	}
	if s.Scope != "" {
		d.Scope = read.Scope
	}
	if s.Refuse != "" {
		d.Refuse = read.Refuse
	}
	if s.IdenticalPings != "" {
		d.OwnAuctions = read.OwnAuctions
	}
}

// personKey reads the fields that name a person, as rules.ReadKeyField has them.
func (l *loader) personKey(f *tree.File, path string, names []string, vertical string,
	s *lead.Schema) (key rules.PersonKey) {
	if len(names) > lead.PersonKeyPartMax {
		l.bad(f, path, fmt.Sprint(len(names), " fields"), fmt.Sprintf("at most %d fields", lead.PersonKeyPartMax))
		return nil
	}
	if s == nil {
		return nil
	}
	for i, text := range names {
		name, hash, _ := strings.Cut(text, "|")
		broken := l.brokenName[vertical]
		if broken[strings.ToLower(strings.TrimSpace(name))] || broken[strings.ToLower(strings.TrimSpace(hash))] {
			continue // it has been reported
		}
		k, d := rules.ReadKeyField(text, s)
		if d != nil {
			l.bad(f, fmt.Sprintf("%s[%d]", path, i), d.Value, d.Expected)
			continue
		}
		key = append(key, k)
	}
	return key
}
