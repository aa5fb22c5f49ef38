// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

// BenchmarkView measures the view behind find, report and sql, in one run: how long it takes to make it anew from a
// ledger of CLEARPOST_BENCH_LEADS leads, else 20,000, and what it takes on disk; how long questions take; and, with all
// that in its data directory, a node under full load: how far the view is behind then, and what it takes of the node's
// processors and memory beside a node on the same ledger without a view.
func BenchmarkView(b *testing.B) {
	leads, err := strconv.Atoi(os.Getenv("CLEARPOST_BENCH_LEADS"))
	if err != nil {
		leads = 20_000
	}
	for range b.N {
		h := &house{buyers: start(b, "buyers", set{}), sellers: start(b, "sellers", set{})}
		with, without := viewDir(b, h, ""), viewDir(b, h, "report_cpu_percent: 0, ")
		begin := time.Now()
		m := fillMarket(b, with, leads)
		fmt.Printf("\n%d leads, filled in %s\n\n", leads, time.Since(begin).Round(time.Second))
		// before a node is at work in it: a copy of another node's ledger has to be adopted
		if err := os.CopyFS(filepath.Join(without, "data"), os.DirFS(filepath.Join(with, "data"))); err != nil {
			b.Fatal(err)
		}
		b.Run("alone", func(b *testing.B) { viewAlone(b, with, m) })
		b.Run("beside", func(b *testing.B) { h.viewBeside(b, with, without) })
	}
}

// viewDir writes the configuration of a node that ships nothing: what it has to ship first is the whole ledger.
func viewDir(b *testing.B, h *house, limits string) string {
	const kafka = "kafka"
	dir := configure(b, h.buyers.addrs, kafka)
	editFile(b, dir+"/clearpost.yaml", "kafka: {brokers: [\""+kafka+"\"], topic_prefix: clearpost.}\n", "")
	editFile(b, dir+"/clearpost.yaml", "limits: {", "limits: {"+limits)
	return dir
}

// viewAlone makes the view anew, and asks it, with nothing beside it.
func viewAlone(b *testing.B, dir string, m *market) {
	led, err := ledger.Open(ledger.Config{Dir: filepath.Join(dir, "data", "ledger"), Node: "bench",
		FreeBytesMin: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer led.Close()
	v, err := report.Open(report.Config{Dir: filepath.Join(dir, "data", "report"), Ledger: led, Share: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	before, begin := read(), time.Now()
	if err := v.Rebuild(context.Background(), false); err != nil {
		b.Fatal(err)
	}
	took, d := time.Since(begin), read().since(before)
	s := v.Status()
	if s.Behind != 0 || s.Unread != 0 || s.Missed != 0 {
		b.Fatalf("not all is in it: %+v", s)
	}
	events, leads := float64(s.UpToSeq), float64(m.n)
	fmt.Printf("made anew in %.1f s: %.0f events a second, %.1f µs of a processor an event (the process: %.1f), "+
		"%.0f allocations a lead\n", took.Seconds(), events/took.Seconds(), s.CPUSeconds*1e6/events,
		float64(d.CPU.Microseconds())/events, float64(d.Mallocs)/leads)
	tellDisk(b, &s, leads)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(events/took.Seconds(), "events/s")
	b.ReportMetric(float64(s.Bytes)/leads, "B/lead")
	tellFinds(b, v, m)
	tellReports(b, v, m.at)
}

// tellDisk says what the view takes on disk, and which tables and indexes take most of it.
func tellDisk(b *testing.B, s *report.Status, leads float64) {
	db, err := os.Stat(s.Path)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("%.0f bytes a lead on disk (%s MB), and %s MB of the write-ahead log, which is used again; of them\n",
		float64(db.Size())/leads, mb(db.Size()), mb(s.Bytes-db.Size()))
	err = report.SQL(context.Background(), s.Path, `select name, sum(pgsize) from dbstat group by name order by 2 desc
		limit 16`, func([]string) error { return nil }, func(row []any) error {
		n, _ := row[1].(int64)
		fmt.Printf("  %-20s %6.0f\n", row[0], float64(n)/leads)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// question is something that is asked again and again, each time of something else where it is of one thing.
type question struct {
	name string
	ask  func(i int) (rows int, err error)
}

// asked bounds how often, and for how long.
const (
	askedMax = 1000
	askedMin = 5
	askedFor = 10 * time.Second
)

// tellTimes asks, and says how long answers take, and how long processors work for one. One that is given up is told,
// and is not asked again.
func tellTimes(b *testing.B, kind string, all []question) {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tp50 ms\tp99 ms\tlongest\tCPU ms\tasked\trows of an answer\t\n", kind)
	for _, q := range all {
		var took []time.Duration
		rows, before := 0, read()
		for begin := time.Now(); len(took) < askedMax && (len(took) < askedMin || time.Since(begin) < askedFor); {
			start := time.Now()
			n, err := q.ask(len(took))
			took = append(took, time.Since(start))
			if rows += n; err != nil {
				fmt.Printf("%s: %v\n", q.name, err)
				break
			}
		}
		cpu := read().since(before).CPU / time.Duration(len(took))
		slices.Sort(took)
		at := func(i int) float64 { return float64(took[i].Microseconds()) / 1000 }
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t\n", q.name, at(len(took)/2), at(len(took)*99/100),
			at(len(took)-1), float64(cpu.Microseconds())/1000, len(took), rows/len(took))
	}
	t.Flush()
	fmt.Printf("\n%s", out.String())
}

// tellFinds asks for leads.
func tellFinds(b *testing.B, v *report.View, m *market) {
	sold := func(i int) *soldLead { return &m.sold[i*7919%len(m.sold)] }
	price := func(from, to lead.Money) (low, high *lead.Money) { return &from, &to }
	var all []question
	for _, q := range []struct {
		name string
		of   func(i int) report.Query
	}{
		{"a phone number", func(i int) report.Query { return report.Query{Phone: phoneOf(sold(i).n)} }},
		{"a phone number of nobody", func(i int) report.Query { return report.Query{Phone: phoneOf(650_000 + i)} }},
		{"an e-mail address", func(i int) report.Query { return report.Query{Email: emailOf(sold(i).n)} }},
		{"a person's name", func(i int) report.Query { return report.Query{Person: "Jane " + surname(sold(i).n)} }},
		{"the id of a lead", func(i int) report.Query { return report.Query{Name: sold(i).id.String()} }},
		{"BUYER:REFERENCE", func(i int) report.Query {
			return report.Query{Name: sold(i).buyer + ":" + sold(i).reference}
		}},
		{"the seller's id", func(i int) report.Query { return report.Query{Seller: fmt.Sprint("S-", sold(i).n)} }},
		{"source and state", func(i int) report.Query {
			return report.Query{Source: "source1", State: marketStates[i%len(marketStates)]}
		}},
		{"the same, of a day", func(i int) report.Query {
			since := m.at.Add(-time.Duration(m.n) * leadEvery / 2)
			return report.Query{Source: "source1", State: marketStates[i%len(marketStates)], Since: since,
				Until: since.Add(24 * time.Hour)}
		}},
		{"a price, to the cent", func(i int) (q report.Query) {
			cents := lead.Money(2000+i%3000) * lead.Cent
			q.PriceMin, q.PriceMax = price(cents, cents)
			return q
		}},
		{"a range of prices", func(i int) (q report.Query) {
			q.PriceMin, q.PriceMax = price(lead.Money(20+i%5)*lead.Unit, lead.Money(40+i%9)*lead.Unit)
			return q
		}},
		{"a buyer, and one refusal", func(i int) report.Query {
			return report.Query{Buyer: buyerID(i % buyersMax), Refusal: lead.InvalidPhone}
		}},
		{"the newest that were sold", func(int) report.Query { return report.Query{Result: "sold"} }},
		{"source, state, price and buyer", func(i int) (q report.Query) {
			q.Source, q.State, q.Buyer = "source5", marketStates[i%len(marketStates)], buyerID(i%buyersMax)
			q.PriceMin, q.PriceMax = price(54*lead.Unit, 55*lead.Unit)
			return q
		}},
	} {
		all = append(all, question{q.name, func(i int) (int, error) {
			ask := q.of(i)
			ask.Limit = 50
			found, err := v.Find(context.Background(), ask)
			if err != nil {
				return 0, err
			}
			return len(found.Leads), nil
		}})
	}
	tellTimes(b, "find", all)
}

// tellReports adds up, over all and over the last day.
func tellReports(b *testing.B, v *report.View, now time.Time) {
	var all []question
	for _, by := range []string{"", "buyer", "source", "source,sub_id", "state,campaign", "day", "bid_band", "refusal",
		"buyer,refusal,source", "state,refusal"} {
		for _, span := range []string{"all", "a day"} {
			a := report.Ask{Limit: 1000}
			if by != "" {
				a.By = strings.Split(by, ",")
			}
			if span != "all" {
				a.Since, a.Until = now.Add(-24*time.Hour), now
			}
			all = append(all, question{by + ": " + span, func(int) (int, error) {
				f, err := v.Figures(context.Background(), a)
				if err != nil {
					return 0, err
				}
				return len(f.Rows), nil
			}})
		}
	}
	for _, days := range []int{1, 7, 15} {
		all = append(all, question{fmt.Sprintf("scorecards, days: %d", days), func(int) (int, error) {
			s, err := v.Scorecards(context.Background(), report.ScoreAsk{Since: now.AddDate(0, 0, -days), Until: now})
			if err != nil {
				return 0, err
			}
			return len(s.Cards), nil
		}})
	}
	tellTimes(b, "report", all)
}
