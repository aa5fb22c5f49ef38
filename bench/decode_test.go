// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"os"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/config"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

// autoLead is a full lead of the example's auto vertical as a seller's form sends it: 25 fields, hardly any of them in
// its normal form.
const autoLead = `{"first_name":"Jane","last_name":"Doe","email":"Jane.Doe@Example.com","phone":"(212) 555-0123","address":"12 Main St Apt 4",
"city":"New York","state":"new york","zip":"10001-1234","ip_address":"203.0.113.9","timestamp":"2026-01-31T15:04:05Z",
"source_url":"https://quotes.example.com/auto?utm_source=x","opt_in":"yes","age":"41","dob":"3/22/1984","gender":"F","married":true,"homeowner":"Y",
"credit":"good","years_licensed":20,"vehicle_year":"2019","vehicle_make":"Toyota","vehicle_model":"Corolla","annual_miles":"12000",
"currently_insured":"on","policy_expires":"2026-05-01"}`

func autoSchema(tb testing.TB) *lead.Schema {
	cfg, err := config.Load("../examples", os.LookupEnv)
	if err != nil {
		tb.Fatal(err)
	}
	for _, v := range cfg.Exchange.Verticals {
		if v.ID == "auto" {
			return v.Schema
		}
	}
	tb.Fatal("the examples have no vertical auto")
	return nil
}

// readAuto reads the lead and fails where a field is not read well: a bench of refusals would say nothing.
func readAuto(tb testing.TB, l *lead.Lead, s *lead.Schema, body []byte, now time.Time) {
	l.Reset(s)
	if problems, ok := intake.ReadJSON(body, l, now); !ok || problems != nil {
		tb.Fatal(ok, problems)
	}
	if !l.OK(lead.AtPing | lead.AtPost) {
		tb.Fatal(l.Problems(lead.AtPing | lead.AtPost))
	}
}

func TestDecodeAllocates(t *testing.T) {
	s, now := autoSchema(t), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	body := []byte(autoLead)
	var l lead.Lead
	if n := testing.AllocsPerRun(100, func() { readAuto(t, &l, s, body, now) }); n > 5 {
		t.Errorf("%v allocations a lead, at most 5 are allowed", n)
	}
}

// BenchmarkDecode compares reading a lead, typed and checked, with a JSON decoder that only fills a map.
func BenchmarkDecode(b *testing.B) {
	s, now := autoSchema(b), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	body := []byte(autoLead)
	b.Run("lead", func(b *testing.B) {
		b.ReportAllocs()
		var l lead.Lead
		for b.Loop() {
			readAuto(b, &l, s, body, now)
		}
	})
	b.Run("go-json into a map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
