// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clearpost/config/tree"
	"clearpost/lead"
)

// schema makes the vertical's schema of the fields that are right. The names of the others are kept, so that what
// speaks of them is not called a mistake too.
func (l *loader) schema(f *tree.File, spec *verticalSpec) *lead.Schema {
	var own []lead.Field
	var from []int // per own field its place in the file
	broken := map[string]bool{}
	for i := range spec.Fields {
		if field, ok := l.field(f, &spec.Fields[i], fmt.Sprintf("fields[%d]", i)); ok {
			own, from = append(own, field), append(from, i)
		} else {
			l.lose(&spec.Fields[i], broken)
		}
	}
	l.brokenName[spec.ID] = broken
	opt := l.schemaOptions(f, spec)
	if len(broken) > 0 {
		opt.Rules = nil // they may speak of what is broken
	}
	s, errs := lead.NewSchemaWith(spec.ID, own, opt)
	if errs == nil {
		return s
	}
	drop := map[int]bool{}
	for _, err := range errs {
		var re *lead.RuleError
		if errors.As(err, &re) {
			f.Report(&l.problems, fmt.Sprintf("rules[%d]", re.Rule), "", re.Problem, false)
			continue
		}
		var fe *lead.FieldError
		if !errors.As(err, &fe) || fe.Own < 0 {
			f.Report(&l.problems, "fields", "", err.Error(), false)
			return nil
		}
		i := from[fe.Own]
		drop[fe.Own] = true
		l.lose(&spec.Fields[i], broken)
		f.Report(&l.problems, fmt.Sprintf("fields[%d].name", i), "", fe.Problem, false)
	}
	var right []lead.Field
	for i, field := range own {
		if !drop[i] {
			right = append(right, field)
		}
	}
	opt.Rules = nil
	for len(right) > 0 { // what is derived from a field that was dropped goes with it
		if s, errs = lead.NewSchemaWith(spec.ID, right, opt); errs == nil {
			break
		}
		var fe *lead.FieldError
		if !errors.As(errs[0], &fe) || fe.Own < 0 {
			return nil
		}
		right = slices.Delete(right, fe.Own, fe.Own+1)
	}
	return s
}

// schemaOptions reads how the vertical's sellers write, and its rules.
func (l *loader) schemaOptions(f *tree.File, spec *verticalSpec) lead.Options {
	opt := lead.Options{Free: l.free, Disposable: l.disposable, Missing: l.missing, Areas: l.areas, Across: l.across,
		Invalid: lead.InvalidRaw}
	if v, err := lead.ParseInvalid(spec.Invalid); err != nil {
		l.bad(f, "invalid", spec.Invalid, "refuse, drop or raw")
	} else if v != lead.InvalidUnset {
		opt.Invalid = v
	}
	if spec.Region != "" {
		if _, errs := lead.NewSchemaWith("", nil, lead.Options{Region: spec.Region}); errs != nil {
			l.bad(f, "region", spec.Region, "the ISO code of a country such as US, CA or GB")
		} else {
			opt.Region = spec.Region
		}
	}
	switch spec.DateOrder {
	case "", "month_first":
	case "day_first":
		opt.DayFirst = true
	default:
		l.bad(f, "date_order", spec.DateOrder, "month_first or day_first")
	}
	for i, r := range spec.Rules {
		rule := lead.Rule{Together: r.Together, Any: r.Any, Order: r.Order, Require: r.Require, When: r.When,
			Values: r.In}
		switch r.Stage {
		case "":
		case "ping":
			rule.Stage = lead.AtPing
		case "post":
			rule.Stage = lead.AtPost
		default:
			l.bad(f, fmt.Sprintf("rules[%d].stage", i), r.Stage, "ping or post")
		}
		opt.Rules = append(opt.Rules, rule)
	}
	return opt
}

func (l *loader) lose(spec *fieldSpec, broken map[string]bool) {
	broken[strings.ToLower(spec.Name)] = true
	for _, a := range spec.Aliases {
		broken[strings.ToLower(a)] = true
	}
}

func (l *loader) field(f *tree.File, spec *fieldSpec, at string) (lead.Field, bool) {
	out := lead.Field{Name: spec.Name, Aliases: spec.Aliases, Values: spec.Values, Personal: spec.Personal,
		Synonyms: spec.Synonyms, Derive: spec.Derive}
	ok := true
	bad := func(key, value, expected string) {
		ok = false
		l.bad(f, at+"."+key, value, expected)
	}
	builtIn := lead.TypeNone
	for _, c := range lead.Canonical() {
		if c.Name == spec.Name {
			builtIn = c.Type
		}
	}
	switch t, err := lead.ParseType(spec.Type); {
	case err == nil:
		out.Type = t
	case lead.Nearest(spec.Type, lead.TypeNames()) != "":
		bad("type", spec.Type, fmt.Sprintf("a type: did you mean %q?", lead.Nearest(spec.Type, lead.TypeNames())))
	case spec.Type != "" || builtIn == lead.TypeNone:
		bad("type", spec.Type, "one of "+strings.Join(lead.TypeNames(), ", "))
	}
	if spec.Default != nil {
		if out.Default = *spec.Default; strings.TrimSpace(out.Default) == "" {
			bad("default", out.Default, "a value")
		}
	}
	if spec.Of != "" {
		t, err := lead.ParseType(spec.Of)
		if out.Of = t; err != nil {
			bad("of", spec.Of, "one of "+strings.Join(lead.TypeNames(), ", "))
		}
	}
	switch spec.Required {
	case "":
	case "ping":
		out.Required = lead.AtPing
	case "post":
		out.Required = lead.AtPost
	default:
		bad("required", spec.Required, "ping or post, or nothing where the field may be left out")
	}
	l.fit(spec, &out, builtIn, bad)
	if builtIn != lead.TypeNone && (spec.Min != nil || spec.Max != nil || len(spec.Values) > 0) {
		bad("name", spec.Name, "no min, max or values: the field is built in")
		return out, false
	}
	if !ok {
		return out, false
	}
	out.Min = l.bound(f, at+".min", spec.Min, out.Type, &ok)
	out.Max = l.bound(f, at+".max", spec.Max, out.Type, &ok)
	return out, ok
}

// fit reads how long a value may be, and what becomes of one that does not fit.
func (l *loader) fit(spec *fieldSpec, out *lead.Field, builtIn lead.Type, bad func(key, value, expected string)) {
	var err error
	if out.Invalid, err = lead.ParseInvalid(spec.Invalid); err != nil {
		bad("invalid", spec.Invalid, "refuse, drop or raw")
	} else if out.Invalid > lead.InvalidRefuse && out.Required != 0 {
		bad("invalid", spec.Invalid, "refuse, or nothing: the field is required")
	}
	if spec.MaxBytes == nil {
		return
	}
	t := out.Type
	if t == lead.TypeNone {
		t = builtIn
	}
	switch out.MaxBytes = *spec.MaxBytes; {
	case t != lead.TypeText && t != lead.TypeURL:
		bad("max_bytes", strconv.Itoa(out.MaxBytes), "nothing: only fields of type text and url have it")
	case out.MaxBytes < 1 || out.MaxBytes > lead.LongValueMax:
		bad("max_bytes", strconv.Itoa(out.MaxBytes), fmt.Sprintf("a whole number from 1 to %d", lead.LongValueMax))
	}
}

// bound reads a field's min or max as the field itself would read it.
func (l *loader) bound(f *tree.File, path string, text *string, t lead.Type, ok *bool) *int64 {
	if text == nil {
		return nil
	}
	if !t.Numeric() {
		*ok = false
		l.bad(f, path, *text, "no min and max: type "+t.String()+" has no order")
		return nil
	}
	s, errs := lead.NewSchema("", []lead.Field{{Name: "bound", Type: t}})
	if errs != nil {
		panic(errs[0]) // cannot be: one field with a good name and type
	}
	pos, _ := s.Position("bound")
	var scratch lead.Lead
	scratch.Reset(s)
	scratch.Set(pos, []byte(*text))
	if scratch.Slot(pos).State != lead.Valid {
		*ok = false
		expected := "a value"
		if p := scratch.Problems(0); len(p) > 0 {
			expected = p[0].Expected
		}
		l.bad(f, path, *text, expected)
		return nil
	}
	n := scratch.Slot(pos).Num
	return &n
}
