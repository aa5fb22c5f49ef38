// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

// Limits of a source's own words.
const (
	aliasesMax    = 256 // names of a source's own
	mappedMax     = 512 // values of one field in its map
	aliasBytesMax = 128
)

// words reads how a source calls fields and values.
func (l *loader) words(f *tree.File, spec *sourceSpec, s *exchange.Source) {
	s.AllowGet, s.Tests = spec.AllowGet, spec.Tests
	switch spec.Spec {
	case "", "private":
	case "public":
		s.SpecPublic = true
	default:
		l.bad(f, "spec", spec.Spec, "private (with the source's key or a link) or public")
	}
	switch known := intake.ProfileNames(); {
	case spec.Profile == "" || spec.Profile == known[0]:
	case slices.Contains(known, spec.Profile):
		s.Profile, s.UnnamedPosts = spec.Profile, intake.UnnamedPosts(spec.Profile)
	default:
		l.bad(f, "profile", spec.Profile, "one of "+strings.Join(known, ", "))
	}
	schemas, sure := l.schemasOf(spec)
	if len(spec.Aliases) > aliasesMax {
		l.bad(f, "aliases", fmt.Sprint(len(spec.Aliases), " names"), fmt.Sprintf("at most %d", aliasesMax))
		return
	}
	seen := map[string]string{}
	for _, theirs := range slices.Sorted(maps.Keys(spec.Aliases)) {
		ours, path := spec.Aliases[theirs], tree.Join("aliases", theirs)
		name := intake.NameKey(theirs)
		switch _, known := firstWith(schemas, ours); {
		case strings.TrimSpace(theirs) != theirs || theirs == "" || len(theirs) > aliasBytesMax:
			l.bad(f, path, theirs, fmt.Sprintf("a name of 1 to %d bytes without space around it", aliasBytesMax))
		case lead.ReservedName(name):
			l.bad(f, path, theirs, "another name: the seller API uses this one itself")
		case seen[name] != "":
			l.bad(f, path, theirs, fmt.Sprintf("each name once: it is read like %q", seen[name]))
		case !known && sure && (!lead.ReservedName(ours) || ours == "key" || ours == "lead_id"):
			l.bad(f, path, ours, "a field of one of its verticals, or ping_id, seller_lead_id, min_price, "+
				"max_wait_ms, format, redirect_url, test, test_result or debug")
		}
		seen[name] = theirs
	}
	s.Aliases = spec.Aliases
	for _, field := range slices.Sorted(maps.Keys(spec.Values)) {
		l.values(f, field, spec.Values[field], schemas, sure)
	}
	s.Values = spec.Values
}

// values checks one field's map: each value of ours must be one that the field takes, or nothing.
func (l *loader) values(f *tree.File, field string, m map[string]string, schemas []*lead.Schema, sure bool) {
	path := tree.Join("values", field)
	s, known := firstWith(schemas, field)
	if !known {
		if sure {
			l.bad(f, path, field, "a field of one of its verticals")
		}
		return
	}
	if len(m) > mappedMax {
		l.bad(f, path, fmt.Sprint(len(m), " values"), fmt.Sprintf("at most %d", mappedMax))
		return
	}
	pos, _ := s.Position(field)
	seen := map[string]string{}
	for _, theirs := range slices.Sorted(maps.Keys(m)) {
		at := tree.Join(path, theirs)
		value := intake.ValueKey(theirs)
		switch was, twice := seen[value]; {
		case value == "":
			l.bad(f, at, theirs, "a value that is not blank: a blank one counts as not sent")
		case twice:
			l.bad(f, at, theirs, fmt.Sprintf("each value once: it is read like %q", was))
		}
		seen[value] = theirs
		var scratch lead.Lead
		scratch.Reset(s)
		scratch.Set(pos, []byte(m[theirs]))
		if p := scratch.Problems(0); len(p) > 0 {
			l.bad(f, at, m[theirs], p[0].Expected)
		}
	}
}

// schemasOf lists the schemas of a source's verticals. sure tells whether they are all known, so that a name that none
// has is a mistake.
func (l *loader) schemasOf(spec *sourceSpec) (schemas []*lead.Schema, sure bool) {
	sure = !l.incomplete
	for _, v := range spec.Verticals {
		s := l.schemas[v]
		sure = sure && s != nil && len(l.brokenName[v]) == 0
		if s != nil {
			schemas = append(schemas, s)
		}
	}
	return schemas, sure
}

func firstWith(schemas []*lead.Schema, field string) (*lead.Schema, bool) {
	for _, s := range schemas {
		if _, ok := s.Position(field); ok {
			return s, true
		}
	}
	return nil, false
}
