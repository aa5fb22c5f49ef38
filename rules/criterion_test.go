// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

func testSchema(t testing.TB) *lead.Schema {
	t.Helper()
	low, high := int64(16), int64(110)
	s, errs := lead.NewSchema("auto", []lead.Field{
		{Name: "age", Type: lead.TypeInteger, Required: lead.AtPing, Min: &low, Max: &high},
		{Name: "dob", Type: lead.TypeDate, Personal: true},
		{Name: "called_at", Type: lead.TypeDateTime},
		{Name: "home_value", Type: lead.TypeMoney, Required: lead.AtPost},
		{Name: "score", Type: lead.TypeDecimal},
		{Name: "homeowner", Type: lead.TypeBoolean},
		{Name: "provider", Type: lead.TypeEnum, Values: []string{"Geico", "State Farm", "none"},
			Aliases: []string{"carrier"}},
		{Name: "note", Type: lead.TypeText},
		{Name: "born", Type: lead.TypeDOB, Personal: true},
		{Name: "credit", Type: lead.TypeRange, Required: lead.AtPing},
	})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// parseSpec reads "age min=25 max=70" or "state in=CA|arizona".
func parseSpec(line string) (c CriterionSpec) {
	field, rest, _ := strings.Cut(line, " ")
	c.Field = field
	for rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(rest, "=")
		value, rest, _ = strings.Cut(rest, "; ")
		switch key {
		case "in":
			c.In = strings.Split(value, "|")
		case "not_in":
			c.NotIn = strings.Split(value, "|")
		case "min":
			c.Min = &value
		case "max":
			c.Max = &value
		}
	}
	return c
}

func setLead(t testing.TB, l *lead.Lead, s *lead.Schema, line string) {
	t.Helper()
	l.Reset(s)
	l.SetNow(time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC))
	if line == "(empty)" {
		return
	}
	for _, kv := range strings.Split(line, "; ") {
		name, value, _ := strings.Cut(kv, "=")
		pos, ok := s.Position(name)
		if !ok {
			t.Fatalf("no field %q", name)
		}
		l.Set(pos, []byte(value))
	}
}

func writeDefects(b *strings.Builder, ds []lead.Defect) {
	for _, d := range ds {
		fmt.Fprintf(b, "%s: %q: expected %s\n", d.Path, d.Value, d.Expected)
	}
}

func TestCriteria(t *testing.T) {
	s := testSchema(t)
	var l lead.Lead
	datadriven.RunTest(t, "testdata/criteria", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		lines := strings.Split(d.Input, "\n")
		switch d.Cmd {
		case "compile":
			var specs []CriterionSpec
			for _, line := range lines {
				specs = append(specs, parseSpec(line))
			}
			cs, ds := Compile(specs, s)
			writeDefects(&b, ds)
			for i := range cs {
				fmt.Fprintf(&b, "%s %s; keys %q\n", cs[i].Field, cs[i].Expected(), cs[i].Values)
			}
		case "test":
			cs, ds := Compile([]CriterionSpec{parseSpec(lines[0])}, s)
			writeDefects(&b, ds)
			for _, line := range lines[1:] {
				setLead(t, &l, s, line)
				c := &cs[0]
				fmt.Fprintf(&b, "ping %v, post %v, one-shot %v: %s\n", c.Test(&l, lead.AtPing), c.Test(&l, lead.AtPost),
					c.Test(&l, lead.AtPing|lead.AtPost), c.Explain(&l))
			}
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

func TestCriterionLimits(t *testing.T) {
	s := testSchema(t)
	many := make([]string, CriterionValuesMax+1)
	for i := range many {
		many[i] = fmt.Sprintf("%05d", i)
	}
	if _, ds := Compile([]CriterionSpec{{Field: "zip", In: many}}, s); len(ds) != 1 || ds[0].Path != "[0].in" {
		t.Fatalf("a list above the limit: got %v, want one defect at [0].in", ds)
	}
	cs, ds := Compile([]CriterionSpec{{Field: "zip", In: many[:CriterionValuesMax]}}, s)
	if ds != nil || len(cs[0].Values) != CriterionValuesMax {
		t.Fatalf("a list at the limit: %v", ds)
	}
	if e := cs[0].Expected(); len(e) > 200 {
		t.Fatalf("a long list is explained in %d bytes", len(e))
	}
}

func TestCriterionAllocatesNothing(t *testing.T) {
	s := testSchema(t)
	low, high := "25", "70"
	cs, ds := Compile([]CriterionSpec{
		{Field: "age", Min: &low, Max: &high}, {Field: "state", In: []string{"CA", "AZ"}},
		{Field: "city", NotIn: []string{"Reno"}}, {Field: "provider", In: []string{"geico"}},
		{Field: "zip", In: []string{"90210", "10001"}},
	}, s)
	if ds != nil {
		t.Fatal(ds)
	}
	var l lead.Lead
	setLead(t, &l, s, "age=30; state=california; city=San Diego; provider=Geico; zip=90210")
	if n := testing.AllocsPerRun(100, func() {
		for i := range cs {
			if cs[i].Test(&l, lead.AtPing) != Met {
				t.Fatalf("%s is unmet", cs[i].Field)
			}
		}
	}); n != 0 {
		t.Fatalf("%v allocations a lead", n)
	}
}
