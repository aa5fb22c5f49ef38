// SPDX-License-Identifier: Apache-2.0

package report

import (
	"flag"
	"slices"
	"testing"
	"time"

	"clearpost/lead"
)

var benchLeads = flag.Int("leads", 100_000, "leads of the benchmark's ledger")

// BenchmarkView measures what bench/README.md tells of the view: how fast it is made, what it takes on disk, and how
// long questions take.
func BenchmarkView(b *testing.B) {
	m := newMade(b, b.TempDir())
	m.make(b, *benchLeads)
	var v *View
	b.Run("made", func(b *testing.B) {
		var took time.Duration
		for b.Loop() {
			v = mustView(b, b.TempDir(), m.led)
			start := time.Now()
			v.Start()
			for v.Status().Behind > 0 {
				v.CatchUp(b.Context())
			}
			took += time.Since(start)
		}
		s := v.Status()
		events := float64(m.led.LastSeq()) * float64(b.N)
		b.ReportMetric(events/took.Seconds(), "events/s")
		b.ReportMetric(float64(took.Microseconds())/events, "µs/event")
		b.ReportMetric(float64(s.Bytes)/float64(m.leads), "B/lead")
	})
	v = mustView(b, b.TempDir(), m.led) // the one before is closed
	caughtUp(b, v)
	some := func(i int) int { return 2 * (i * 7919 % (*benchLeads / 2)) } // one that was posted, or may have been
	var refs []string
	for _, l := range mustFind(b, v, Query{Result: "sold"}).Leads {
		refs = append(refs, l.Attempts[0].Reference)
	}
	for _, q := range []struct {
		name string
		ask  func(i int) Query
	}{
		{"phone", func(i int) Query { return Query{Phone: phone(some(i)), Limit: 50} }},
		{"name", func(i int) Query { return Query{Name: email(some(i)), Limit: 50} }},
		{"reference", func(i int) Query { return Query{Name: refs[i%len(refs)], Limit: 50} }},
		{"newest sold", func(int) Query { return Query{Result: "sold", Limit: 50} }},
		{"refusal of a buyer", func(int) Query { return Query{Buyer: "b2", Refusal: lead.InvalidPhone, Limit: 50} }},
		{"nothing at all", func(int) Query { return Query{Buyer: "nobody", Limit: 50} }},
	} {
		b.Run("find "+q.name, func(b *testing.B) {
			quantiles(b, func(i int) { mustFind(b, v, q.ask(i)) })
		})
	}
	for _, by := range [][]string{nil, {"buyer"}, {"source", "sub_id"}, {"state", "campaign"}, {"hour"}, {"refusal"}} {
		name := "all"
		if by != nil {
			name = by[0]
		}
		b.Run("report "+name, func(b *testing.B) {
			quantiles(b, func(int) { mustFigures(b, v, Ask{By: by}) })
		})
		b.Run("report hour of "+name, func(b *testing.B) {
			quantiles(b, func(int) {
				mustFigures(b, v, Ask{By: by, Since: m.at.Add(-time.Hour).UTC(), Until: m.at.UTC()})
			})
		})
	}
}

// quantiles reports how long something takes.
func quantiles(b *testing.B, f func(i int)) {
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		f(i)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(0, "ns/op")
}
