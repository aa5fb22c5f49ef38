// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

func proofSchema(t testing.TB, region string) *lead.Schema {
	t.Helper()
	low, high := int64(16), int64(110)
	s, errs := lead.NewSchemaWith("auto", []lead.Field{
		{Name: "age", Type: lead.TypeInteger, Min: &low, Max: &high},
		{Name: "homeowner", Type: lead.TypeBoolean, Required: lead.AtPost},
		{Name: "provider", Type: lead.TypeEnum, Values: []string{"Geico", "State Farm", "none"}, Default: "none"},
		{Name: "note", Type: lead.TypeText, Invalid: lead.InvalidDrop},
		{Name: "bill", Type: lead.TypeMoney, Invalid: lead.InvalidRaw},
		{Name: "born", Type: lead.TypeDOB, Personal: true},
		{Name: "moved", Type: lead.TypeDate},
		{Name: "called_at", Type: lead.TypeDateTime},
		{Name: "sex", Type: lead.TypeGender},
	}, lead.Options{Region: region})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// TestProofs runs testdata/proofs. A block of "check" is criteria of one campaign; "implies" has two campaigns with ---
// between them.
func TestProofs(t *testing.T) {
	datadriven.RunTest(t, "testdata/proofs", func(t *testing.T, d *datadriven.TestData) string {
		sold, region := 0, "US"
		if d.HasArg("max_sold") {
			d.ScanArgs(t, "max_sold", &sold)
		}
		if d.HasArg("region") {
			d.ScanArgs(t, "region", &region)
		}
		terms := Terms{Schema: proofSchema(t, region), MaxSold: sold}
		compile := func(text string) []Criterion {
			var specs []CriterionSpec
			for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
				line = strings.TrimSpace(line)
				if !strings.HasPrefix(line, "{") {
					specs = append(specs, CriterionSpec{When: &line})
					continue
				}
				specs = append(specs, parseSpec(t, line))
			}
			cs, ds := Compile(specs, terms.Schema, inNewYork(t))
			if ds != nil {
				t.Fatal(ds)
			}
			return cs
		}
		var b strings.Builder
		switch d.Cmd {
		case "check":
			cs := compile(d.Input)
			writeDefects(&b, terms.Contradictions(cs))
			for _, path := range terms.Useless(cs) {
				fmt.Fprintf(&b, "useless: %s\n", path)
			}
			if b.Len() == 0 {
				return "fine\n"
			}
		case "implies":
			one, other, _ := strings.Cut(d.Input, "---")
			a, c := compile(one), compile(other)
			fmt.Fprintf(&b, "%v, the other way round %v\n", terms.Implies(a, c), terms.Implies(c, a))
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

// What is proved holds for every lead: none meets criteria that contradict each other, and none meets the criteria of
// one campaign without those of another that they imply.
func TestNothingIsProvedThatALeadDenies(t *testing.T) {
	s := proofSchema(t, "US")
	terms := Terms{Schema: s, MaxSold: 2}
	r := rand.New(rand.NewPCG(11, 7))
	facts := someLeads(s, r)
	proved, implied, rounds := 0, 0, 6000
	if testing.Short() {
		rounds = 600
	}
	for range rounds {
		a, b := randomCriteria(t, s, r), randomCriteria(t, s, r)
		impossible := terms.Contradictions(a) != nil && !terms.possible([]*Criterion{{Kind: All, Of: a}})
		implies := terms.Implies(a, b)
		if impossible {
			proved++
		}
		if implies && !impossible {
			implied++
		}
		for i := range facts {
			f := &facts[i]
			if !meets(a, f) {
				continue
			}
			if impossible {
				t.Fatalf("a lead meets what is said to be impossible: %s", inWords(a))
			}
			if implies && !meets(b, f) {
				t.Fatalf("a lead meets %s and not %s", inWords(a), inWords(b))
			}
		}
	}
	if proved < rounds/60 || implied < rounds/120 {
		t.Errorf("%d contradictions and %d implications: that shows little", proved, implied)
	}
}

func meets(cs []Criterion, f *Facts) bool {
	for i := range cs {
		if cs[i].Test(f) != Met {
			return false
		}
	}
	return true
}

func inWords(cs []Criterion) string {
	var out []string
	for i := range cs {
		out = append(out, cs[i].named())
	}
	return strings.Join(out, " and ")
}

// someLeads are leads as they get as far as a post.
func someLeads(s *lead.Schema, r *rand.Rand) (out []Facts) {
	now := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)
	values := map[string][]string{"age": {"16", "20", "30", "40", "110", ""}, "state": {"CA", "TX", "NY", ""},
		"homeowner": {"yes", "no"}, "provider": {"geico", "none", ""}, "note": {"roof", "Solar roof", "x", ""},
		"bill": {"10", "99.99", "100", "lots", ""}, "moved": {"2026-02-20", "2025-12-01", "2019-01-01", ""},
		"sub_id": {"x", "y", ""}, "phone": {"2125550123", "6025550123", ""}, "sex": {"f", "m", ""},
		"zip": {"10001", "90210", ""}}
	for range 3000 {
		l := new(lead.Lead)
		l.Reset(s)
		l.SetNow(now)
		for name, of := range values {
			pos, _ := s.Position(name)
			l.Set(pos, []byte(of[r.IntN(len(of))]))
		}
		if l.Finish(); !l.OK(lead.AtPing | lead.AtPost) {
			continue
		}
		out = append(out, Facts{Lead: l, Stage: lead.AtPost, Now: now.Add(time.Duration(r.IntN(200)) * time.Hour),
			Source: "acme", Sold: r.IntN(2)})
	}
	return out
}

var provable = strings.Split(`{field: age, min: 30}
{field: age, max: 20}
{field: age, min: 20, max: 40}
{field: age, in: [30, 40]}
{field: age, not_in: [30]}
{field: state, in: [CA, TX]}
{field: state, in: [CA]}
{field: state, not_in: [CA]}
{field: state, in: [NY]}
{field: homeowner, in: [yes]}
{field: homeowner, not_in: [yes]}
{field: provider, in: [geico]}
{field: provider, not_in: [none, geico]}
{field: provider, prefix: s}
{field: provider, present: false}
{field: note, contains: roof}
{field: note, in: [roof, x]}
{field: note, valid: false}
{field: note, present: true}
{field: bill, valid: false}
{field: bill, min: 100}
{field: bill, max: 99.99}
{field: bill, present: false}
{field: moved, within_last: 30 days}
{field: moved, older_than: 2 months}
{field: moved, within_last: 1 year}
{field: moved, before: 2025-01-01}
{field: phone.area, in: ["212"]}
{field: phone.area, not_in: ["212"]}
{field: phone, prefix: "+1212"}
{field: sex, not_in: [male]}
{field: sex, valid: true}
{field: zip, within: 10 mi of 10001}
{field: zip, in: [10001]}
{field: sold, min: 1}
{field: sold, max: 0}
{field: time, max: "12:00"}
{field: time, min: "13:00"}
{field: weekday, in: [sat, sun]}
{field: weekday, not_in: [sat, sun, mon, tue, wed, thu]}
{field: source, in: [acme]}
{field: source, not_in: [acme]}
lead.age < 30`, "\n")

// atoms are conditions of which expressions are drawn.
var atoms = strings.Split(`lead.age < 30
lead.age >= 30
lead.age != 20
lead.age in [20, 40]
lead.age not in [30, 40]
lead.age in 18..25
lead.age * 2 > 60
lead.age.valid
lead.age.present
lead.state == "CA"
lead.state != "CA"
lead.state in ["CA", "TX"]
lead.state not in ["NY"]
lead.homeowner
lead.homeowner == false
lead.homeowner != true
lead.provider == "Geico"
lead.provider.present
lead.note contains "roof"
lead.note.valid
lead.note.present
lower(lead.note) == "roof"
lead.bill.valid
lead.bill >= 99.99
lead.bill < 50
lead.moved > "2025-01-01"
lead.moved < "2025-01-01"
lead.phone.area == "212"
lead.phone startsWith "+1212"
lead.sex == "male"
lead.zip in ["10001", "90210"]
lead.zip startsWith "9"
sold < 1
sold in [1, 2]
now.hour < 12
now.hour in 13..20
now.time >= "13:00"
now.weekday == "sat"
now.weekday not in ["sat", "sun"]
now.minute == 0
source.id == "acme"
source.id != "acme"
source.sub_id != "x"
source.sub_id == "x"
lead.sub_id.present`, "\n")

func randomExpression(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(4) == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	a, b := randomExpression(r, depth-1), randomExpression(r, depth-1)
	switch r.IntN(6) {
	case 0:
		return "!(" + a + ")"
	case 1:
		return "(" + a + " ? " + b + " : " + atoms[r.IntN(len(atoms))] + ")"
	case 2, 3:
		return "(" + a + " || " + b + ")"
	}
	return "(" + a + " && " + b + ")"
}

func randomCriteria(t testing.TB, s *lead.Schema, r *rand.Rand) []Criterion {
	var draw func(depth int) CriterionSpec
	draw = func(depth int) (c CriterionSpec) {
		line := provable[r.IntN(len(provable))]
		if r.IntN(2) == 0 {
			line = randomExpression(r, 2)
		}
		if c = parseSpec(t, line); !strings.HasPrefix(line, "{") {
			c = CriterionSpec{When: &line}
		}
		if depth == 0 || r.IntN(3) > 0 {
			return c
		}
		members := []CriterionSpec{c, draw(depth - 1)}
		switch r.IntN(3) {
		case 0:
			return CriterionSpec{Not: &members[1]}
		case 1:
			return CriterionSpec{All: members}
		}
		return CriterionSpec{Any: members}
	}
	specs := make([]CriterionSpec, 1+r.IntN(3))
	for i := range specs {
		specs[i] = draw(2)
	}
	cs, ds := Compile(specs, s, inNewYork(t))
	if ds != nil {
		t.Fatal(ds)
	}
	return cs
}
