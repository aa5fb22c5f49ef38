// SPDX-License-Identifier: Apache-2.0

// Package rules holds what campaigns ask of a lead and of the clock: criteria compiled to slot positions, rates, the
// windows in which caps count, and schedules. It is pure: it reads no clock and keeps nothing.
package rules

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"clearpost/lead"
)

// Limits of a configuration.
const (
	CriterionValuesMax = 50_000        // values of one list
	CapLimitMax        = 1_000_000_000 // leads of one cap
	CapsMax            = 8             // caps of one campaign or buyer
)

// CriterionSpec is a criterion as it stands in a file: either a list (in, or not_in) or a range (min, max or both; both
// ends are included). Scalars are taken as their text, so that the ZIP code 07030 keeps its zero.
type CriterionSpec struct {
	Field string   `yaml:"field"`  // a field of the vertical, or a part of one such as phone.area
	In    []string `yaml:"in"`     // it has one of these values
	NotIn []string `yaml:"not_in"` // it has a value, and none of these
	Min   *string  `yaml:"min"`    // it is not below this
	Max   *string  `yaml:"max"`    // it is not above this
}

// CapSpec is a cap as it stands in a file: so many accepted leads in each window.
type CapSpec struct {
	Per   string `yaml:"per"`   // hour, day, week or total
	Limit int64  `yaml:"limit"` // accepted leads in one window, at least 1
	Zone  string `yaml:"zone"`  // IANA name; absent = the zone of the buyer
}

// Compile makes criteria of their specs. All mistakes are returned at once, and no criteria if there is one. The paths
// of the defects begin with the index: "[1].in[0]".
func Compile(specs []CriterionSpec, s *lead.Schema) ([]Criterion, []lead.Defect) {
	var ds []lead.Defect
	out := make([]Criterion, 0, len(specs))
	scratch := new(lead.Lead)
	for i := range specs {
		c, bad := compileOne(&specs[i], s, scratch)
		ds = append(ds, lead.DefectsIn(fmt.Sprintf("[%d]", i), bad)...)
		out = append(out, c)
	}
	if len(ds) > 0 {
		return nil, ds
	}
	return out, nil
}

func compileOne(spec *CriterionSpec, s *lead.Schema, scratch *lead.Lead) (Criterion, []lead.Defect) {
	pos, part, ok := s.Resolve(spec.Field)
	if !ok {
		return Criterion{}, []lead.Defect{{Path: "field", Value: spec.Field, Expected: unknownField(spec.Field, s)}}
	}
	f := &s.Fields[pos]
	c := Criterion{Pos: pos, Part: part, Field: f.Name, Min: BoundNone[0], Max: BoundNone[1], field: f}
	switch {
	case part != lead.PartNone:
		c.Field += "." + part.String()
	case f.Type == lead.TypeRange || f.Type == lead.TypeList:
		return c, []lead.Defect{{Path: "field", Value: spec.Field, Expected: "one of its parts, which are " +
			f.Type.PartNames() + ": type " + f.Type.String() + " has more than one value"}}
	}
	ranged := spec.Min != nil || spec.Max != nil
	switch {
	case len(spec.In) > 0 && len(spec.NotIn) > 0, ranged && (spec.In != nil || spec.NotIn != nil):
		return c,
			[]lead.Defect{{Expected: "one of in, not_in, or min and max: more tests of one field are more criteria"}}
	case ranged:
		c.Kind = Range
		return c, c.compileRange(spec, s, scratch)
	case len(spec.In) > 0:
		c.Kind = List
		return c, c.compileList("in", spec.In, s, scratch)
	case len(spec.NotIn) > 0:
		c.Kind = NotList
		return c, c.compileList("not_in", spec.NotIn, s, scratch)
	}
	return c, []lead.Defect{{Expected: "in or not_in with at least one value, or min and max"}}
}

// unknownField says what is expected instead of a name that is none.
func unknownField(name string, s *lead.Schema) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		if pos, ok := s.Position(name[:dot]); ok {
			if t := s.Fields[pos].Type; len(t.Parts()) > 0 {
				return "a part of type " + t.String() + ": " + t.PartNames()
			}
			return "no part: type " + s.Fields[pos].Type.String() + " has none"
		}
	}
	out := "a field of vertical " + s.Vertical + ", by its name or an alias"
	if near := lead.Nearest(name, s.Names()); near != "" {
		out += ": did you mean " + strconv.Quote(near) + "?"
	}
	return out
}

// partSchema has a field of each type that parts have; the values of a criterion on a part are read as such a field's.
var partSchema = sync.OnceValue(func() *lead.Schema {
	s, errs := lead.NewSchema("parts", []lead.Field{{Name: "text", Type: lead.TypeText},
		{Name: "integer", Type: lead.TypeInteger}, {Name: "decimal", Type: lead.TypeDecimal},
		{Name: "boolean", Type: lead.TypeBoolean}})
	if errs != nil {
		panic(errs[0]) // cannot be: these names and types are good
	}
	return s
})

// valuesOf tells the schema and position by which the criterion's values are read.
func (c *Criterion) valuesOf(s *lead.Schema) (*lead.Schema, int) {
	if c.Part == lead.PartNone {
		return s, c.Pos
	}
	pos, _ := partSchema().Position(c.Part.Type().String())
	return partSchema(), pos
}

// key is the text of a value that was read, as AppendKey or AppendPartKey writes that of a lead.
func (c *Criterion) key(scratch *lead.Lead, pos int) string {
	if c.Part.Type() == lead.TypeDecimal {
		return string(bytes.TrimSuffix(bytes.TrimSuffix(scratch.Normal(pos), []byte("0")), []byte(".0")))
	}
	key := AppendKey(nil, scratch, pos)
	switch c.Part {
	case lead.PartDomain, lead.PartHost, lead.PartTLD: // a lead's are as the domain name system has them
		if d, ok := lead.PlainDomain(key); ok {
			key = d
		}
	}
	return string(key)
}

func (c *Criterion) compileList(key string, values []string, s *lead.Schema, scratch *lead.Lead) (ds []lead.Defect) {
	if len(values) > CriterionValuesMax {
		return []lead.Defect{{Path: key, Value: fmt.Sprint(len(values), " values"),
			Expected: fmt.Sprintf("at most %d values", CriterionValuesMax)}}
	}
	of, pos := c.valuesOf(s)
	shown := make([]string, 0, min(len(values), shownMax))
	for i, v := range values {
		slot, expected := read(scratch, of, pos, v)
		if slot.State != lead.Valid {
			ds = append(ds, lead.Defect{Path: fmt.Sprintf("%s[%d]", key, i), Value: v, Expected: expected})
			continue
		}
		c.Values = append(c.Values, c.key(scratch, pos))
		if len(shown) < shownMax {
			shown = append(shown, string(scratch.Normal(pos)))
		}
	}
	sort.Strings(c.Values)
	n := 0
	for i, v := range c.Values {
		if i == 0 || v != c.Values[n-1] {
			c.Values[n] = v
			n++
		}
	}
	c.Values = c.Values[:n:n]
	c.expected = "one of " + strings.Join(shown, ", ")
	if c.Kind == NotList {
		c.expected = "none of " + strings.Join(shown, ", ")
	}
	if len(values) > len(shown) {
		c.expected += fmt.Sprintf(" … (%d values)", n)
	}
	return ds
}

func (c *Criterion) compileRange(spec *CriterionSpec, s *lead.Schema, scratch *lead.Lead) (ds []lead.Defect) {
	of, pos := c.valuesOf(s)
	f := &of.Fields[pos]
	if !f.Type.Numeric() {
		return []lead.Defect{{Path: "field", Value: spec.Field, Expected: "a list (in or not_in): type " +
			f.Type.String() + " has no order"}}
	}
	var text [2]string
	bound := func(i int, key string, v *string, to *int64) {
		if v == nil {
			return
		}
		slot, expected := read(scratch, of, pos, *v)
		// A bound outside the field's own limits is fine: only the other end of the range then says something.
		if slot.State != lead.Valid && slot.Why != lead.WhyRange {
			ds = append(ds, lead.Defect{Path: key, Value: *v, Expected: expected})
			return
		}
		*to, text[i] = slot.Num, strings.TrimSpace(*v)
		if slot.State == lead.Valid {
			text[i] = string(scratch.Normal(pos))
		}
	}
	bound(0, "min", spec.Min, &c.Min)
	bound(1, "max", spec.Max, &c.Max)
	if len(ds) > 0 {
		return ds
	}
	switch {
	case c.Min > c.Max:
		return []lead.Defect{{Path: "min", Value: text[0], Expected: "at most max, which is " + text[1]}}
	case f.Max != nil && c.Min > *f.Max:
		return []lead.Defect{{Path: "min", Value: text[0],
			Expected: "a value that the field may have: its own max is lower"}}
	case f.Min != nil && c.Max < *f.Min:
		return []lead.Defect{{Path: "max", Value: text[1],
			Expected: "a value that the field may have: its own min is higher"}}
	case spec.Min == nil:
		c.expected = "at most " + text[1]
	case spec.Max == nil:
		c.expected = "at least " + text[0]
	default:
		c.expected = "from " + text[0] + " to " + text[1]
	}
	return nil
}

// read normalises a value of a file as if a seller had sent it, and tells what is expected where it is bad.
func read(scratch *lead.Lead, s *lead.Schema, pos int, v string) (lead.Slot, string) {
	scratch.Reset(s)
	scratch.Set(pos, []byte(v))
	slot := *scratch.Slot(pos)
	if slot.State == lead.Missing {
		return slot, "a value, not empty text or a word that stands for none"
	}
	if p := scratch.Problems(0); len(p) > 0 {
		return slot, p[0].Expected
	}
	return slot, ""
}
