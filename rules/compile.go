// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"clearpost/lead"
)

// Options are what compiling criteria takes from outside. The zero value will do where nothing hangs on a zone.
type Options struct {
	// Zone is that of days, weekdays and times of day. Nil: days are those of UTC, and criteria on weekdays and times
	// of day are mistakes.
	Zone *time.Location
	// Place tells where a criterion stands, by its path as it begins defects. Nil: nobody will ask.
	Place func(path string) (line, column int32)
	// Lists finds files of values. Nil: there are none.
	Lists Lists
}

// Compile makes criteria of their specs. All mistakes are returned at once, and no criteria if there is one. The paths
// of the defects begin with the index: "[1].in[0]".
func Compile(specs []CriterionSpec, s *lead.Schema, opt Options) ([]Criterion, []lead.Defect) {
	c := compiler{s: s, opt: opt, scratch: new(lead.Lead)}
	out := c.group(specs, "", 0)
	if c.tests > TestsMax {
		c.bad("", fmt.Sprint(c.tests, " tests"), fmt.Sprintf("at most %d, those in groups included", TestsMax))
	}
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return out, nil
}

type compiler struct {
	s       *lead.Schema
	opt     Options
	scratch *lead.Lead // for values that are read
	tests   int
	defects []lead.Defect
}

func (c *compiler) bad(path, value, expected string) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: expected})
}

func (c *compiler) take(path string, ds []lead.Defect) {
	c.defects = append(c.defects, lead.DefectsIn(path, ds)...)
}

// group compiles the members of a group; path is that of the list.
func (c *compiler) group(specs []CriterionSpec, path string, depth int) []Criterion {
	out := make([]Criterion, 0, len(specs))
	for i := range specs {
		out = append(out, c.criterion(&specs[i], fmt.Sprintf("%s[%d]", path, i), depth))
	}
	return out
}

// criterion compiles a test or a group. With a mistake it is empty.
func (c *compiler) criterion(spec *CriterionSpec, path string, depth int) (out Criterion) {
	given := spec.given()
	groups := 0
	for _, key := range given {
		if key == "any" || key == "all" || key == "not" {
			groups++
		}
	}
	switch {
	case groups == 0:
		c.tests++
		var ds []lead.Defect
		out, ds = c.test(spec, given)
		c.take(path, ds)
	case len(given) > 1 || spec.Field != "":
		c.bad(path, "", "a field with one test, or one of any, all and not")
	case depth == GroupDepthMax:
		c.bad(path, "", fmt.Sprintf("at most %d groups within each other", GroupDepthMax))
	default:
		out = c.members(spec, path+"."+given[0], depth+1)
	}
	if c.opt.Place != nil {
		out.Line, out.Column = c.opt.Place(path)
	}
	return out
}

// members compiles a group; path is that of its members.
func (c *compiler) members(spec *CriterionSpec, path string, depth int) Criterion {
	out := Criterion{Pos: -1}
	switch {
	case spec.Not != nil:
		out.Kind, out.Of = Not, []Criterion{c.criterion(spec.Not, path, depth)}
	case spec.Any != nil:
		out.Kind, out.Of = Any, c.group(spec.Any, path, depth)
	default:
		out.Kind, out.Of = All, c.group(spec.All, path, depth)
	}
	if len(out.Of) == 0 {
		c.bad(path, "", "at least one criterion")
	}
	out.expected = out.asks()
	return out
}

// given lists the keys that say what is asked.
func (s *CriterionSpec) given() (keys []string) {
	for _, k := range []struct {
		key string
		is  bool
	}{
		{"in", s.In != nil}, {"not_in", s.NotIn != nil}, {"min", s.Min != nil}, {"max", s.Max != nil},
		{"after", s.After != nil}, {"before", s.Before != nil}, {"within_last", s.WithinLast != nil},
		{"older_than", s.OlderThan != nil}, {"prefix", s.Prefix != nil}, {"suffix", s.Suffix != nil},
		{"contains", s.Contains != nil}, {"pattern", s.Pattern != nil}, {"present", s.Present != nil},
		{"valid", s.Valid != nil}, {"within", s.Within != nil}, {"in_file", s.InFile != nil},
		{"not_in_file", s.NotInFile != nil}, {"hashed", s.Hashed != ""}, {"when", s.When != nil},
		{"any", s.Any != nil}, {"all", s.All != nil}, {"not", s.Not != nil},
	} {
		if k.is {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// testKeys are the keys of one test, for messages.
const testKeys = "in, not_in, min and max, after and before, within_last, older_than, prefix, suffix, contains, " +
	"pattern, present, valid, within, in_file or not_in_file"

// test compiles a test of a field. Paths of defects begin at the criterion.
func (c *compiler) test(spec *CriterionSpec, given []string) (Criterion, []lead.Defect) {
	if spec.When != nil {
		return c.when(spec, given)
	}
	t, ds := c.about(spec)
	if ds != nil {
		return Criterion{}, ds
	}
	switch keys := strings.Join(given, "+"); keys {
	case "":
		return Criterion{}, []lead.Defect{{Expected: "a test of the field: " + testKeys}}
	case "in", "not_in", "min", "max", "min+max", "after", "before", "after+before", "within_last", "older_than",
		"prefix", "suffix", "contains", "pattern", "present", "valid", "within", "in_file", "not_in_file",
		"in_file+hashed", "not_in_file+hashed":
	default:
		return Criterion{}, []lead.Defect{{Expected: "one of " + testKeys +
			": more tests of one field are more criteria"}}
	}
	switch given[0] {
	case "in":
		return t.list(List, "in", spec.In)
	case "not_in":
		return t.list(NotList, "not_in", spec.NotIn)
	case "min", "max":
		return t.between(spec)
	case "after", "before":
		return t.dates(spec)
	case "within_last":
		return t.stretch(Within, "within_last", *spec.WithinLast)
	case "older_than":
		return t.stretch(Older, "older_than", *spec.OlderThan)
	case "prefix":
		return t.texts(Prefix, "prefix", spec.Prefix)
	case "suffix":
		return t.texts(Suffix, "suffix", spec.Suffix)
	case "contains":
		return t.texts(Contains, "contains", spec.Contains)
	case "pattern":
		return t.regular(*spec.Pattern)
	case "present":
		return t.whether(*spec.Present, Present, Absent)
	case "within":
		return t.within(*spec.Within)
	case "in_file":
		return t.inFile(InFile, "in_file", *spec.InFile, spec.Hashed, c.opt.Lists)
	case "not_in_file":
		return t.inFile(NotInFile, "not_in_file", *spec.NotInFile, spec.Hashed, c.opt.Lists)
	}
	return t.whether(*spec.Valid, Valid, Invalid)
}

// test is a criterion on the way, and how its values are read: as those of a field of a schema.
type test struct {
	Criterion
	named   string // the field as the file names it
	of      *lead.Schema
	pos     int // in of
	typ     lead.Type
	zone    *time.Location
	scratch *lead.Lead
}

func (t *test) needs() *needs {
	if t.more == nil {
		t.more = &needs{}
	}
	return t.more
}

// about finds what a criterion looks at.
func (c *compiler) about(spec *CriterionSpec) (*test, []lead.Defect) {
	t := &test{named: spec.Field, scratch: c.scratch,
		Criterion: Criterion{Min: BoundNone[0], Max: BoundNone[1]}, zone: cmp.Or(c.opt.Zone, time.UTC)}
	pos, part, ok := c.s.Resolve(spec.Field)
	if !ok {
		for i, name := range subjectNames[1:] {
			if spec.Field == name {
				t.About, t.Pos, t.Field, t.of = Subject(i+1), -1, name, factSchema()
				t.pos, _ = t.of.Position(name)
				t.field = &t.of.Fields[t.pos]
				t.typ = t.field.Type
			}
		}
		switch {
		case t.About == OfLead:
			return nil, []lead.Defect{{Path: "field", Value: spec.Field, Expected: unknownField(spec.Field, c.s)}}
		case t.About >= OfTime && c.opt.Zone == nil:
			return nil, []lead.Defect{{Path: "field", Value: spec.Field,
				Expected: "a `timezone` of the page or the plan, in which the " + spec.Field + " is told"}}
		case t.About >= OfTime:
			t.needs().zone = t.zone
		}
		return t, nil
	}
	t.Pos, t.Part, t.field = pos, part, &c.s.Fields[pos]
	t.Field, t.of, t.pos, t.typ = t.field.Name, c.s, pos, t.field.Type
	if part != lead.PartNone {
		t.Field += "." + part.String()
		t.of, t.typ = partSchema(), part.Type()
		t.pos, _ = t.of.Position(t.typ.String())
	}
	return t, nil
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
	if near := lead.Nearest(name, append(s.Names(), FactNames()...)); near != "" {
		out += ": did you mean " + strconv.Quote(near) + "?"
	}
	return out
}

// partSchema has a field of each type that parts have; the values of a criterion on a part are read as such a field's.
var partSchema = sync.OnceValue(func() *lead.Schema {
	return ownSchema([]lead.Field{{Name: "text", Type: lead.TypeText}, {Name: "integer", Type: lead.TypeInteger},
		{Name: "decimal", Type: lead.TypeDecimal}, {Name: "boolean", Type: lead.TypeBoolean}})
})

// factSchema has a field of each fact beside the lead.
var factSchema = sync.OnceValue(func() *lead.Schema {
	least, last := int64(0), int64(24*60*60-1)
	return ownSchema([]lead.Field{{Name: "source", Type: lead.TypeText},
		{Name: "sold", Type: lead.TypeInteger, Min: &least},
		{Name: "time", Type: lead.TypeTime, Min: &least, Max: &last},
		{Name: "weekday", Type: lead.TypeEnum, Values: weekdays[:], Synonyms: map[string]string{"sunday": "sun",
			"monday": "mon", "tuesday": "tue", "wednesday": "wed", "thursday": "thu", "friday": "fri",
			"saturday": "sat"}}})
})

func ownSchema(fields []lead.Field) *lead.Schema {
	s, errs := lead.NewSchema("rules", fields)
	if errs != nil {
		panic(errs[0]) // cannot be: these names and types are good
	}
	return s
}
