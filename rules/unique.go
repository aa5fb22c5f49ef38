// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// Limits of duplicate rules.
const (
	UniquesMax    = 8    // of one owner
	UniqueDaysMax = 3660 // of a rule's time
)

// UniqueSpec is a duplicate rule as it stands in a file.
type UniqueSpec struct {
	// by which a lead is known: a field, or several together; FIELD|HASH where a hash of a phone or an e-mail may stand
	// for it
	Fields []string `yaml:"fields"`
	Days   int      `yaml:"days"` // of 24 hours, for which a lead is remembered: 1 to 3660
	// which leads count as had before: sold, those that were bought or may be; or posted, those that were refused, too
	// (sold)
	Counts string `yaml:"counts"`
}

// Unique is a duplicate rule: who has it gets no lead by whose fields it has had another one, for a time. A lead is
// never a duplicate of itself, however often it is sold.
type Unique struct {
	// names what is remembered, such as "buyer:sun:phone" or "campaign:sun-shared:email,zip": leads are found by it
	Rule   string
	Names  []string  // of the fields, as the file has them
	Key    PersonKey // the fields, in the schema that In was called with
	Window time.Duration
	Posted bool // leads that were posted and refused count, too
}

// CompileUniques makes the duplicate rules of an owner; who is as of CompileCaps. All mistakes are returned at once,
// and no rules if there is one. The paths of the defects begin with the index. The fields are for In to look up.
func CompileUniques(who string, specs []UniqueSpec) ([]Unique, []lead.Defect) {
	if len(specs) > UniquesMax {
		return nil, []lead.Defect{{Value: fmt.Sprint(len(specs), " rules"), Expected: fmt.Sprintf("at most %d",
			UniquesMax)}}
	}
	var ds []lead.Defect
	out := make([]Unique, 0, len(specs))
	for i := range specs {
		u, bad := compileUnique(who, &specs[i])
		if slices.ContainsFunc(out, func(o Unique) bool { return o.Rule == u.Rule }) {
			bad = append(bad, lead.Defect{Path: "fields", Value: strings.Join(u.Names, ", "),
				Expected: "fields of which there is no rule yet"})
		}
		ds = append(ds, lead.DefectsIn(fmt.Sprintf("[%d]", i), bad)...)
		out = append(out, u)
	}
	if len(ds) > 0 {
		return nil, ds
	}
	return out, nil
}

func compileUnique(who string, spec *UniqueSpec) (u Unique, ds []lead.Defect) {
	bad := func(path, value, expected string) {
		ds = append(ds, lead.Defect{Path: path, Value: value, Expected: expected})
	}
	var plain []string
	for _, name := range spec.Fields {
		of, _, _ := strings.Cut(name, "|")
		plain = append(plain, strings.ToLower(strings.TrimSpace(of)))
	}
	if len(plain) == 0 || len(plain) > lead.PersonKeyPartMax {
		bad("fields", fmt.Sprint(len(plain), " fields"), fmt.Sprintf("1 to %d fields by which a lead is known",
			lead.PersonKeyPartMax))
	}
	if spec.Days < 1 || spec.Days > UniqueDaysMax {
		bad("days", fmt.Sprint(spec.Days), fmt.Sprintf("1 to %d days", UniqueDaysMax))
	}
	switch spec.Counts {
	case "", "sold":
	case "posted":
		u.Posted = true
	default:
		bad("counts", spec.Counts, "sold or posted")
	}
	u.Rule, u.Names, u.Window = who+":"+strings.Join(plain, ","), spec.Fields, time.Duration(spec.Days)*24*time.Hour
	return u, ds
}

// In is the rule as it finds leads of a schema.
func (u Unique) In(s *lead.Schema) (Unique, []lead.Defect) {
	var ds []lead.Defect
	u.Key = make(PersonKey, 0, len(u.Names))
	for i, name := range u.Names {
		k, d := ReadKeyField(name, s)
		if d != nil {
			d.Path = fmt.Sprintf("fields[%d]", i)
			ds = append(ds, *d)
		}
		u.Key = append(u.Key, k)
	}
	return u, ds
}

// Each calls fn with every name by which a lead is known under the rule; none where a field is missing or not valid.
func (u *Unique) Each(l *lead.Lead, fn func(name string)) {
	person, also := u.Key.Identify(l)
	if person == "" {
		return
	}
	fn(person)
	for _, n := range also {
		fn(n)
	}
}

// String is the rule in words: "a lead of the same phone once in 90 days".
func (u *Unique) String() string {
	what := "once in"
	if u.Posted {
		what = "posted once in"
	}
	return fmt.Sprintf("a lead of the same %s %s %d days", strings.Join(u.Names, ", "), what,
		int(u.Window/(24*time.Hour)))
}
