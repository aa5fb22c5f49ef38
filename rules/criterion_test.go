// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/config/tree"
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

// parseSpec reads "age min=25 max=70" or "state in=CA|arizona", or a criterion of YAML.
func parseSpec(t testing.TB, line string) (c CriterionSpec) {
	if strings.HasPrefix(line, "{") {
		var ps tree.Problems
		f := tree.NewFile("criteria", []byte(line))
		if f.Parse(&ps); f.Root != nil {
			f.Decode(&ps, &c)
		}
		if err := ps.Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return c
	}
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

// inNewYork has criteria count days and hours there.
func inNewYork(t testing.TB) Options {
	zone, err := LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Zone: zone}
}

// setFacts is setLead, and takes "@source=ID", "@sold=N" and "@now=TIME" as what is known beside the lead.
func setFacts(t testing.TB, f *Facts, s *lead.Schema, line string) {
	t.Helper()
	f.Now, f.Source, f.Sold = time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC), "acme", 0
	var own []string
	for _, kv := range strings.Split(line, "; ") {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "@source":
			f.Source = value
		case "@sold":
			fmt.Sscan(value, &f.Sold)
		case "@now":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil && value != "" {
				t.Fatal(err)
			}
			f.Now = at
		default:
			own = append(own, kv)
		}
	}
	if own == nil {
		own = []string{"(empty)"}
	}
	setLead(t, f.Lead, s, strings.Join(own, "; "))
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
				specs = append(specs, parseSpec(t, line))
			}
			cs, ds := Compile(specs, s, inNewYork(t))
			writeDefects(&b, ds)
			for i := range cs {
				fmt.Fprintf(&b, "%s %s; keys %q\n", cs[i].Field, cs[i].Expected(), cs[i].Values)
			}
		case "test":
			cs, ds := Compile([]CriterionSpec{parseSpec(t, lines[0])}, s, inNewYork(t))
			writeDefects(&b, ds)
			for _, line := range lines[1:] {
				f := Facts{Lead: &l}
				setFacts(t, &f, s, line)
				var said [3]Verdict
				for i, st := range []lead.Stage{lead.AtPing, lead.AtPost, lead.AtPing | lead.AtPost} {
					f.Stage = st
					said[i] = cs[0].Test(&f)
				}
				fmt.Fprintf(&b, "ping %v, post %v, one-shot %v: %s\n", said[0], said[1], said[2], cs[0].Explain(&f))
			}
		case "clauses":
			for _, line := range lines {
				cs, ds := Compile([]CriterionSpec{parseSpec(t, line)}, s, inNewYork(t))
				writeDefects(&b, ds)
				clauses, whole := cs[0].Clauses()
				fmt.Fprintf(&b, "whole %v:", whole)
				for _, c := range clauses {
					b.WriteString(" (" + showClause(s, c) + ")")
				}
				b.WriteByte('\n')
			}
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

func showClause(s *lead.Schema, c Clause) string {
	var out []string
	for _, b := range c {
		name := s.Fields[b.Pos].Name
		if b.Part != lead.PartNone {
			name += "." + b.Part.String()
		}
		switch b.Kind {
		case List:
			name += fmt.Sprintf(" in %v", b.Values)
		case NotList:
			name += fmt.Sprintf(" not in %v", b.Values)
		default:
			for _, span := range b.Spans {
				name += fmt.Sprintf(" %d..%d", span[0], span[1])
			}
		}
		out = append(out, strings.NewReplacer("-9223372036854775808", "", "9223372036854775807", "").Replace(name))
	}
	return strings.Join(out, " or ")
}

// Whatever stands in a file, compiling it tells what is wrong or makes a criterion, whose answers and words hold
// together.
func FuzzCriterion(f *testing.F) {
	text, err := os.ReadFile("testdata/criteria")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "{") {
			f.Add([]byte(line), "state=CA; age=40; phone=2125550123; dob=1990-01-02", "acme", int64(1_772_280_000))
		}
	}
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, page []byte, sent, source string, now int64) {
		var ps tree.Problems
		var spec CriterionSpec
		file := tree.NewFile("criteria", page)
		if file.Parse(&ps); file.Root == nil {
			return
		}
		file.Decode(&ps, &spec)
		cs, ds := Compile([]CriterionSpec{spec}, s, inNewYork(t))
		if (len(ds) == 0) == (cs == nil) {
			t.Fatalf("%d criteria with defects %v", len(cs), ds)
		}
		for _, d := range ds {
			if d.Expected == "" || !strings.HasPrefix(d.Path, "[0]") && d.Path != "" {
				t.Fatalf("defect %+v", d)
			}
		}
		if cs == nil {
			return
		}
		var l lead.Lead
		l.Reset(s)
		for _, kv := range strings.Split(sent, "; ") {
			name, value, _ := strings.Cut(kv, "=")
			if pos, ok := s.Position(name); ok {
				l.Set(pos, []byte(value))
			}
		}
		c, opposite := &cs[0], &Criterion{Kind: Not, Of: cs}
		for _, st := range []lead.Stage{0, lead.AtPing, lead.AtPost, lead.AtPing | lead.AtPost} {
			facts := Facts{Lead: &l, Stage: st, Source: source, Now: time.Unix(now, 0)}
			said, not := c.Test(&facts), opposite.Test(&facts)
			if said == Met && not != Unmet || not == Met && said != Unmet || (c.Misses(&facts) > 0) != (said == Unmet) {
				t.Fatalf("it is %v, its opposite %v, it misses %d", said, not, c.Misses(&facts))
			}
			if len(c.Explain(&facts)) > explainBytesMax+16 {
				t.Fatal("explained at too great a length")
			}
		}
	})
}

func TestCriterionLimits(t *testing.T) {
	s := testSchema(t)
	many := make([]string, CriterionValuesMax+1)
	for i := range many {
		many[i] = fmt.Sprintf("%05d", i)
	}
	if _, ds := Compile([]CriterionSpec{{Field: "zip", In: many}}, s, Options{}); len(ds) != 1 ||
		ds[0].Path != "[0].in" {
		t.Fatalf("a list above the limit: got %v, want one defect at [0].in", ds)
	}
	cs, ds := Compile([]CriterionSpec{{Field: "zip", In: many[:CriterionValuesMax]}}, s,
		Options{})
	if ds != nil || len(cs[0].Values) != CriterionValuesMax {
		t.Fatalf("a list at the limit: %v", ds)
	}
	if e := cs[0].Expected(); len(e) > 200 {
		t.Fatalf("a long list is explained in %d bytes", len(e))
	}
}

func TestCriterionAllocatesNothing(t *testing.T) {
	s := testSchema(t)
	low, high, pattern, long, noon, yes := "25", "70", "^[a-z]+$", "2 years", "07:00", true
	cs, ds := Compile([]CriterionSpec{
		{Field: "age", Min: &low, Max: &high}, {Field: "state", In: []string{"CA", "AZ"}},
		{Field: "city", NotIn: []string{"Reno"}}, {Field: "provider", In: []string{"geico"}},
		{Field: "zip", In: []string{"90210", "10001"}},
		{Field: "phone.area", In: []string{"212"}}, {Field: "zip", Prefix: Texts{"902"}},
		{Field: "city", Contains: Texts{"diego"}}, {Field: "email.domain", Suffix: Texts{".edu"}},
		{Field: "note", Pattern: &pattern}, {Field: "email.user", Pattern: &pattern}, {Field: "dob", OlderThan: &long},
		{Field: "phone", Present: &yes}, {Field: "phone", Valid: &yes}, {Field: "source", In: []string{"acme"}},
		{Field: "time", Min: &noon}, {Field: "weekday", In: []string{"sat"}},
		{Any: []CriterionSpec{{Field: "state", In: []string{"TX"}}, {Not: &CriterionSpec{
			All: []CriterionSpec{{Field: "age", Min: &high}, {Field: "zip", In: []string{"90210"}}}}}}},
	}, s, inNewYork(t))
	if ds != nil {
		t.Fatal(ds)
	}
	var l lead.Lead
	f := Facts{Lead: &l, Stage: lead.AtPing}
	setFacts(t, &f, s, "age=30; state=california; city=San Diego; provider=Geico; zip=90210; phone=2127365000; "+
		"email=jane@mit.edu; note=hello; dob=1990-01-01")
	if n := testing.AllocsPerRun(100, func() {
		for i := range cs {
			if cs[i].Test(&f) != Met {
				t.Fatalf("unmet: %s", cs[i].Explain(&f))
			}
		}
	}); n != 0 && !raceOn { // the detector has patterns drop what they pool
		t.Fatalf("%v allocations a lead", n)
	}
}
