// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

func testSchema(t testing.TB) *lead.Schema {
	t.Helper()
	low, high := int64(16), int64(110)
	s, errs := lead.NewSchema("auto", []lead.Field{
		{Name: "state", Required: lead.AtPing},
		{Name: "age", Type: lead.TypeInteger, Required: lead.AtPing, Min: &low, Max: &high},
		{Name: "cars", Type: lead.TypeInteger},
		{Name: "drivers", Type: lead.TypeInteger},
		{Name: "income", Type: lead.TypeMoney},
		{Name: "debt", Type: lead.TypeMoney},
		{Name: "score", Type: lead.TypeDecimal},
		{Name: "homeowner", Type: lead.TypeBoolean},
		{Name: "married", Type: lead.TypeBoolean},
		{Name: "provider", Type: lead.TypeEnum, Values: []string{"Geico", "State Farm", "none of them"}},
		{Name: "note", Type: lead.TypeText},
		{Name: "my-field", Type: lead.TypeText},
		{Name: "car.make", Type: lead.TypeText},
		{Name: "dob", Type: lead.TypeDOB, Personal: true},
		{Name: "move_date", Type: lead.TypeDate},
		{Name: "call_time", Type: lead.TypeTime},
		{Name: "debts", Type: lead.TypeRange},
		{Name: "tags", Type: lead.TypeList, Of: lead.TypeText},
	})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

func newYork(t testing.TB) *time.Location {
	t.Helper()
	zone, err := lead.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func explained(e *Expr, in *Facts) string { return e.Has(in) + ", expected " + e.Shown() }

// 15:30 on a Friday in New York.
var testNow = time.Date(2026, 11, 27, 20, 30, 0, 0, time.UTC)

// setFacts fills the facts from lines such as "state=CA; age=30; source.id=acme; tier=premium".
func setFacts(t failer, in *Facts, s *lead.Schema, line string) {
	t.Helper()
	if in.Lead == nil {
		in.Lead = new(lead.Lead)
	}
	in.Lead.Reset(s)
	in.Lead.SetNow(testNow)
	in.Now, in.Source, in.Known = testNow, "acme", 0
	if line == "(empty)" {
		return
	}
	for _, kv := range strings.Split(line, "; ") {
		key, value, _ := strings.Cut(kv, "=")
		var err error
		switch key {
		case "source.id":
			in.Source = value
		case "now":
			if in.Now, err = time.Parse(time.RFC3339, value); value == "" {
				in.Now, err = time.Time{}, nil
			}
		case "offer": // tier sold price
			var price string
			in.Known = Tier | Sold | Price
			if _, err = fmt.Sscan(value, &in.Tier, &in.Sold, &price); err == nil {
				in.Price, err = lead.ParseMoney([]byte(price))
			}
		default:
			pos, ok := s.Position(key)
			if !ok {
				t.Fatalf("no field %q", key)
			}
			in.Lead.Set(pos, []byte(value))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpressions runs testdata/expressions: "check" compiles each line, "judge" compiles the first line and judges
// leads of the others.
func TestExpressions(t *testing.T) {
	s, zone := testSchema(t), newYork(t)
	datadriven.Walk(t, "testdata/expressions", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			lines := strings.Split(d.Input, "\n")
			opt := Options{Zone: zone}
			if d.HasArg("offer") {
				opt.Offer = Tier | Sold | Price
			}
			if d.HasArg("sold") {
				opt.Offer = Sold
			}
			if d.HasArg("nozone") {
				opt.Zone = nil
			}
			switch d.Cmd {
			case "check":
				for _, line := range lines {
					e, ds := Compile(strings.ReplaceAll(line, `\n`, "\n"), s, opt)
					for _, d := range ds {
						fmt.Fprintf(&b, "%s%q: expected %s\n", d.Path, d.Value, d.Expected)
					}
					if len(ds) == 0 {
						fmt.Fprintf(&b, "ok, reads")
						for i := range e.names {
							b.WriteString(" " + e.names[i].said)
						}
						b.WriteString("\n")
					}
				}
			case "judge":
				e, ds := Compile(lines[0], s, opt)
				if ds != nil {
					return fmt.Sprint(ds, "\n")
				}
				for _, line := range lines[1:] {
					var in Facts
					var failed atomic.Int64
					setFacts(t, &in, s, line)
					in.Errors = &failed
					var got [3]Truth
					for i, st := range []lead.Stage{lead.AtPing, lead.AtPost, lead.AtPing | lead.AtPost} {
						in.Stage = st
						got[i] = e.Evaluate(&in)
					}
					if got[1] != got[2] {
						t.Errorf("%s: post %v, one-shot %v", line, got[1], got[2])
					}
					counted := int64(0)
					for _, g := range got {
						if g&Failed != 0 && g&Yes == 0 {
							counted++
						}
					}
					if failed.Load() != counted {
						t.Errorf("%s: %d failures counted of %d", line, failed.Load(), counted)
					}
					fmt.Fprintf(&b, "ping %v, post %v: %s\n", got[0], got[1], explained(e, &in))
				}
			default:
				t.Fatalf("unknown command %q", d.Cmd)
			}
			return b.String()
		})
	})
}

// failer is a test, of rapid too.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
