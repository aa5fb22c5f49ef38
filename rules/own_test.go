// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
	"clearpost/rules/listfile"
)

// listsOf has files of values by their names; a file with mistakes writes them down.
func listsOf(t testing.TB, files map[string]string, mistakes *strings.Builder) Lists {
	return func(f ListFile) (*listfile.Set, string) {
		text, ok := files[f.Name]
		if !ok {
			return nil, "a file that is there"
		}
		set, bad, err := listfile.Read(strings.NewReader(text), listfile.How{Sum: f.Sum, Normal: f.Normal})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range bad {
			fmt.Fprintf(mistakes, "%s:%d: %q: expected %s\n", f.Name, m.Line, m.Value, m.Expected)
		}
		return set, ""
	}
}

// TestRadiiFilesAndExpressions runs testdata/own: "file" makes a file of values, "compile" and "test" are as in
// testdata/criteria.
func TestRadiiFilesAndExpressions(t *testing.T) {
	s := testSchema(t)
	files := map[string]string{}
	datadriven.RunTest(t, "testdata/own", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		opt := inNewYork(t)
		opt.Lists = listsOf(t, files, &b)
		lines := strings.Split(d.Input, "\n")
		switch d.Cmd {
		case "file":
			files[d.CmdArgs[0].Key] = d.Input
		case "compile":
			var specs []CriterionSpec
			for _, line := range lines {
				specs = append(specs, parseSpec(t, line))
			}
			cs, ds := Compile(specs, s, opt)
			writeDefects(&b, ds)
			for i := range cs {
				fmt.Fprintf(&b, "%s: %s\n", cs[i].Field, cs[i].Expected())
			}
		case "test":
			cs, ds := Compile([]CriterionSpec{parseSpec(t, lines[0])}, s, opt)
			writeDefects(&b, ds)
			if ds != nil {
				break
			}
			for _, line := range lines[1:] {
				var failed atomic.Int64
				f := Facts{Lead: new(lead.Lead), Errors: &failed}
				setFacts(t, &f, s, line)
				c := &cs[0]
				var v [2]Verdict
				for i, st := range []lead.Stage{lead.AtPing, lead.AtPost} {
					f.Stage = st
					v[i] = c.Test(&f)
				}
				fmt.Fprintf(&b, "ping %v, post %v", v[0], v[1])
				if n := failed.Load(); n > 0 {
					fmt.Fprintf(&b, " (%d errors)", n)
				}
				fmt.Fprintf(&b, ": %s\n", c.Explain(&f))
			}
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

func TestTheyAllocateNothing(t *testing.T) {
	s := testSchema(t)
	opt := inNewYork(t)
	opt.Lists = listsOf(t, map[string]string{"zips.txt": "90210\n10001\n", "areas.txt": "212\n",
		"cities.txt": "Reno\n"}, new(strings.Builder))
	var specs []CriterionSpec
	for _, line := range []string{`{field: zip, within: 25 mi of 90210}`, `{field: zip, in_file: zips.txt}`,
		`{field: phone.area, in_file: areas.txt}`, `{field: city, not_in_file: cities.txt}`,
		`{when: 'lead.state == "CA" && lead.age < 35 && lead.phone.area == "212" && now.hour < 20 && sold < 2'}`} {
		specs = append(specs, parseSpec(t, line))
	}
	cs, ds := Compile(specs, s, opt)
	if ds != nil {
		t.Fatal(ds)
	}
	f := Facts{Lead: new(lead.Lead), Stage: lead.AtPost}
	setFacts(t, &f, s, "age=30; state=california; city=San Diego; zip=90210; phone=212-555-2368")
	for i := range cs {
		if n := testing.AllocsPerRun(100, func() {
			if cs[i].Test(&f) != Met {
				t.Fatal(cs[i].Explain(&f))
			}
		}); n != 0 {
			t.Errorf("%s %s: %v allocations", cs[i].Field, cs[i].Expected(), n)
		}
	}
}
