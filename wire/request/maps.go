// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"clearpost/lead"
	"clearpost/wire"
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

// stated tells whether the spec itself says what becomes of values without an entry.
func (m *mapUse) stated() bool {
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
		if m := &r.maps[i]; m.expr == nil || !m.stated() {
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
func (r *Request) Uncovered(wanted func(l *lead.Lead) bool) []MapGap {
	var out []MapGap
	for i := range r.maps {
		m := &r.maps[i]
		if m.stated() || m.source.from != fromSlot || m.source.part != lead.PartNone {
			continue
		}
		f := &r.schema.Fields[m.source.pos]
		for _, v := range Enumerated(f) {
			l := new(lead.Lead)
			l.Reset(r.schema)
			l.Set(m.source.pos, []byte(v))
			if !wanted(l) {
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

func (c *compiler) compileMap(f *field, s *FieldSpec, at string) {
	c.compileUnmapped(f, s, at)
	at += ".map"
	switch {
	case len(s.Map) == 0 || len(s.Map) > MapEntriesMax:
		c.bad(at, strconv.Itoa(len(s.Map))+" entries", "1 to %d entries", MapEntriesMax)
		return
	case f.from == fromTemplate:
		c.bad(at, "", "no map for a template: there is a filter of the name map")
		return
	case f.from == fromToken, f.from == fromLeadID, f.from == fromAttempt, f.from == fromKey, f.from == fromPrice,
		f.from == fromNow:
		c.bad(at, "", "no map for %s", s.From)
		return
	}
	f.mapping = make(map[string]*constant, len(s.Map))
	for _, e := range s.Map {
		path := at + "." + e.From
		if e.From == "" && e.To.Kind == wire.ScalarNone {
			c.bad(at, e.To.Text, "a mapping of values to single values")
			continue
		}
		key, expected := c.mapKey(&f.source, e.From)
		if expected != "" {
			c.bad(path, e.From, "%s", expected)
			continue
		}
		if f.mapping[key] != nil {
			c.bad(path, e.From, "each value once: %q is there already", key)
			continue
		}
		if v := c.constant(path, e.To, s, f.enc); v != nil {
			f.mapping[key] = v
		}
	}
	c.out.maps = append(c.out.maps, mapUse{at: at, source: &f.source, mapping: f.mapping, then: f.unmapped, field: f})
}

// compileUnmapped compiles what becomes of a value that the map does not have.
func (c *compiler) compileUnmapped(f *field, s *FieldSpec, at string) {
	if s.MapMissing == "" {
		return
	}
	n := slices.Index(unmappedNames[:], s.MapMissing)
	if n < 0 {
		c.bad(at+".map_missing", s.MapMissing, "one of omit, keep, refuse")
		return
	}
	f.unmapped = unmapped(n)
	f.refusal = fmt.Errorf("%w: %s.map, of %s, and map_missing: refuse", ErrUnmapped, at, s.From)
}

// mapKey is the key's normal text by the value's type, or what was expected.
func (c *compiler) mapKey(s *source, key string) (normal, expected string) {
	if s.from != fromSlot || s.part != lead.PartNone {
		if key == "" {
			return "", "a value that is not empty"
		}
		return key, ""
	}
	c.probe.Reset(c.schema)
	c.probe.Set(s.pos, []byte(key))
	if c.probe.Slot(s.pos).State == lead.Valid {
		return string(c.probe.Normal(s.pos)), ""
	}
	for _, p := range c.probe.Problems(lead.AtPing | lead.AtPost) {
		if p.Field == c.schema.Fields[s.pos].Name {
			return "", p.Expected
		}
	}
	return "", "a value that is not empty"
}
