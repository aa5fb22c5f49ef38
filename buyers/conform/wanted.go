// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"maps"
	"slices"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/request"
)

// mirror finds a field's value in requests of one call.
type mirror struct {
	pos   int
	place string                       // where the request shows the field
	shown func(v string) (text string) // what stands there for a value; empty if nothing does
}

// mirrors are those of all fields that a call carries. A field that stands nowhere by itself has none.
func mirrors(e *buyers.Endpoint, in request.Inputs) []mirror {
	render := func(l *lead.Lead) pairs {
		o := in
		o.Lead = l
		b, err := e.Request.AppendHTTP(nil, &o)
		if err != nil {
			return nil
		}
		p := buyers.ParseRequest(e.Request, b)
		got, err := flattenTarget(&p)
		if err != nil {
			return nil
		}
		return got
	}
	with := render(buyers.Person(in.Lead, 0, in.Now))
	var out []mirror
	for pos := range in.Lead.Len() {
		if !e.Request.Uses().Has(pos) || in.Lead.Slot(pos).State != lead.Valid {
			continue
		}
		rest := buyers.Person(in.Lead, 0, in.Now, pos)
		for _, place := range slices.Sorted(maps.Keys(differ(with, render(rest)))) {
			if with[place] == "" {
				continue
			}
			out = append(out, mirror{pos, place, func(v string) string {
				l := buyers.Person(in.Lead, 0, in.Now, pos)
				l.Set(pos, []byte(v)) // and no rule between fields is held: the others are the sample's
				return render(l)[place]
			}})
			break
		}
	}
	return out
}

// read finds the value that a request shows; ok is false where none of those that could be is shown as this text.
func (m *mirror) read(text string, f *lead.Field) (v string, ok bool) {
	if text == "" {
		return "", false
	}
	for _, v := range append([]string{text}, request.Enumerated(f)...) {
		if m.shown(v) == text {
			return v, true
		}
	}
	return "", false
}

// unmet tells for which criteria the campaign would not have asked for such a lead, as far as the request shows.
func (s *side) unmet(c *buyers.Campaign, schema *lead.Schema, got pairs) (out []string) {
	l := new(lead.Lead)
	l.Reset(schema)
	for i := range s.mirrors {
		m := &s.mirrors[i]
		if v, ok := m.read(got[m.place], &schema.Fields[m.pos]); ok {
			l.Set(m.pos, []byte(v))
		}
	}
	l.Finish()
	for pos := range l.Len() {
		if l.Slot(pos).State == lead.Bad {
			l.Set(pos, nil) // it was not read as it was meant
		}
	}
	return c.Why(&rules.Facts{Lead: l}) // whatever the request does not show may be as it should
}
