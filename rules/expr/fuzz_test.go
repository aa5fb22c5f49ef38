// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/lead"
)

// FuzzExpression compiles any text and judges leads by what comes of it: nothing panics, mistakes say what was
// expected, and what is judged without what may come stands when all is there.
func FuzzExpression(f *testing.F) {
	for _, bm := range benchmarks {
		f.Add(bm.text)
	}
	for _, name := range []string{"check", "judge"} {
		file, err := os.Open(filepath.Join("testdata", "expressions", name))
		if err != nil {
			f.Fatal(err)
		}
		defer file.Close()
		for in := bufio.NewScanner(file); in.Scan(); {
			f.Add(in.Text())
		}
	}
	s, zone := testSchema(f), newYork(f)
	f.Fuzz(func(t *testing.T, text string) {
		e, ds := Compile(text, s, Options{Zone: zone, Offer: Tier | Sold | Price})
		for _, d := range ds {
			if d.Expected == "" || len(d.Expected) > 2000 {
				t.Fatalf("%q: a mistake that says %q", text, d.Expected)
			}
		}
		if (e == nil) != (len(ds) > 0) {
			t.Fatalf("%q: an expression: %v, mistakes %v", text, e != nil, ds)
		}
		if e == nil {
			return
		}
		var in Facts
		setFacts(t, &in, s, "state=CA; age=30; phone=212-555-2368; zip=787")
		in.Stage = lead.AtPing
		before := e.Evaluate(&in)
		setFacts(t, &in, s, benchLead+"; zip=787; email=a@example.com; my-field=x; car.make=Toyota; dob=1990-01-31; "+
			"move_date=2026-12-01; call_time=09:00; debts=1-2; offer=premium 1 25.50")
		in.Stage = lead.AtPost
		after := e.Evaluate(&in)
		if after&^before != 0 || after != Yes && after != No && after != Failed {
			t.Fatalf("%q: %v at ping, then %v: %s", text, before, after, explained(e, &in))
		}
		if said := explained(e, &in); !strings.HasPrefix(said, "lead.") && !strings.Contains(said, " is ") {
			t.Fatal(said)
		}
	})
}
