// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"fmt"

	"clearpost/lead"
)

// ErrUnmapped says that the lead has a value for which a map of the request has no entry, where the field says
// `map_missing: refuse`. Its text names the field, never the value.
var ErrUnmapped = errors.New("wire: the lead has a value that a map of the request does not have")

// unmapped is what becomes of a value that a map does not have.
type unmapped uint8

const (
	unmappedUnsaid  unmapped = iota // as omit; nobody has said that it is meant
	unmappedOmitted                 // as if the lead had no value: `default` and `missing` hold
	unmappedKept                    // the value itself
	unmappedRefused                 // the request cannot be made
)

var unmappedNames = [...]string{"", "omit", "keep", "refuse"}

// mapUse is a map of a request: that of a field, or a filter.
type mapUse struct {
	at      string // its place in the spec
	source  *source
	mapping map[string]*constant
	then    unmapped
	field   *field      // nil for a filter
	expr    *expression // of a filter
}

// MapGap is a value for which a map of the request has no entry.
type MapGap struct {
	At    string // the map's place in the spec, such as fields[3].map
	Field string // of the vertical
	Value string // the normal value; empty where the field is sensitive
	Then  string // what becomes of it: omit, keep or refuse; empty where the spec does not say
}

// String tells what becomes of the value.
func (g *MapGap) String() string {
	what := map[string]string{"keep": "sent as it is", "refuse": "the request cannot be made"}[g.Then]
	if what == "" {
		what = "counts as missing"
	}
	return fmt.Sprintf("%s has no entry for %s %q: %s", g.At, g.Field, g.Value, what)
}

// settled tells whether the spec itself says what becomes of values without an entry.
func (m *mapUse) settled() bool {
	if m.field != nil {
		return m.then != unmappedUnsaid || m.field.constant != nil
	}
	for i := range m.expr.filters {
		if f := &m.expr.filters[i]; f.op == opDefault || f.op == opMap && f.has {
			return true
		}
	}
	return false
}

// gap is the value of the lead that the map has no entry for; ok is false if there is none.
func (m *mapUse) gap(p *pass) (g MapGap, ok bool) {
	if m.field != nil && m.field.when != nil && !m.field.when.holds(p) {
		return g, false
	}
	f := m.field
	if f == nil {
		f = &field{source: *m.source}
	}
	v := f.mapped(nil, p)
	if len(v) == 0 || m.mapping[string(v)] != nil {
		return g, false
	}
	g = MapGap{At: m.at, Field: p.Lead.Schema().Fields[m.source.pos].Name, Value: string(v),
		Then: unmappedNames[m.then]}
	if m.source.secret || p.Lead.Schema().Fields[m.source.pos].Sensitive(m.source.part) {
		g.Value = ""
	}
	return g, true
}

// Gaps lists the values of a lead that maps of the request have no entry for, also where the spec says what becomes of
// them. The lead must be of the request's schema.
func (r *Request) Gaps(in *Inputs) []MapGap {
	var out []MapGap
	p := pass{Inputs: in}
	for i := range r.maps {
		if m := &r.maps[i]; m.expr == nil || !m.settled() {
			if g, ok := m.gap(&p); ok {
				out = append(out, g)
			}
		}
	}
	return out
}

// Uncovered lists the values of enumerations that maps of the request have no entry for, where neither `map_missing`
// nor a default says what becomes of them: leads with these are sent without the field, unless that is noticed. wanted
// tells whether the campaign may want a lead that has nothing but this value.
func (r *Request) Uncovered(wanted func(l *lead.Lead, field string) bool) []MapGap {
	var out []MapGap
	for i := range r.maps {
		m := &r.maps[i]
		if m.settled() || m.source.from != fromSlot || m.source.part != lead.PartNone {
			continue
		}
		f := &r.schema.Fields[m.source.pos]
		for _, v := range Enumerated(f) {
			l := new(lead.Lead)
			l.Reset(r.schema)
			l.Set(m.source.pos, []byte(v))
			if !wanted(l, f.Name) {
				continue
			}
			if g, ok := m.gap(&pass{Inputs: &Inputs{Lead: l}}); ok {
				out = append(out, g)
			}
		}
	}
	return out
}

// Enumerated lists the values of a field that has a list of them.
func Enumerated(f *lead.Field) []string {
	switch f.Type {
	case lead.TypeEnum:
		return f.Values
	case lead.TypeBoolean:
		return []string{"true", "false"}
	case lead.TypeGender:
		return lead.Genders()
	}
	return nil
}
