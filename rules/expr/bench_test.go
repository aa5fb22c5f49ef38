// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"testing"

	library "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"clearpost/lead"
)

var benchmarks = []struct{ name, text string }{
	{"two", `lead.state == "CA" && lead.age < 35`},
	{"part", `lead.phone.valid && lead.phone.area in ["212", "646", "917"] && source.sub_id != "fb-17"`},
	{"list", `lead.state in ["CA", "TX", "FL", "NY", "WA", "OR"] && lead.provider != "Geico" && lead.income >= 50_000`},
	{"reckoned", `lead.debt / lead.income < 0.4 && lead.cars + 1 <= lead.drivers * 2`},
	{"clock", `now.hour in 9..17 && now.weekday not in ["sat", "sun"]`},
	{"ten", `lead.state == "CA" && lead.age < 65 && lead.age > 17 && lead.homeowner && lead.married && ` +
		`lead.provider != "Geico" && lead.cars < 4 && lead.score > 1.5 && lead.note contains "refi" && lead.city != "reno"`},
}

const benchLead = "state=CA; age=30; phone=212-555-2368; provider=State Farm; income=60000; debt=20000; cars=2; " +
	"drivers=2; homeowner=yes; married=yes; score=2; note=Refinance; city=Austin"

func BenchmarkEvaluate(b *testing.B) {
	s, zone := testSchema(b), newYork(b)
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			e, ds := Compile(bm.text, s, Options{Zone: zone})
			if ds != nil {
				b.Fatal(ds)
			}
			var set Facts
			setFacts(b, &set, s, benchLead)
			b.ReportAllocs()
			for b.Loop() {
				in := Facts{Lead: set.Lead, Stage: lead.AtPing | lead.AtPost, Now: set.Now, Source: set.Source}
				if e.Evaluate(&in) != Yes {
					b.Fatal(explained(e, &in))
				}
			}
		})
	}
}

// The library's own machine on the same question, with an environment that costs nothing to make.
func BenchmarkLibrary(b *testing.B) {
	env := map[string]any{"state": "CA", "age": 30}
	program, err := library.Compile(`state == "CA" && age < 35`, library.Env(env), library.AsBool())
	if err != nil {
		b.Fatal(err)
	}
	var machine vm.VM
	b.ReportAllocs()
	for b.Loop() {
		if out, err := machine.Run(program, env); err != nil || out != true {
			b.Fatal(out, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	s := testSchema(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Compile(benchmarks[0].text, s, Options{}); ds != nil {
			b.Fatal(ds)
		}
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	s, zone := testSchema(t), newYork(t)
	for _, bm := range benchmarks {
		e, ds := Compile(bm.text, s, Options{Zone: zone})
		if ds != nil {
			t.Fatal(ds)
		}
		var set Facts
		setFacts(t, &set, s, benchLead)
		if n := testing.AllocsPerRun(1000, func() {
			in := Facts{Lead: set.Lead, Stage: lead.AtPing | lead.AtPost, Now: set.Now, Source: set.Source}
			if e.Evaluate(&in) != Yes {
				t.Fatal(explained(e, &in))
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", bm.name, n)
		}
	}
}
