// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/ledger"
)

// sumsAreOfRows compares the sums that are kept with those over the rows, whichever way they are told apart.
func sumsAreOfRows(t *testing.T, v *View, a Ask) {
	t.Helper()
	for _, by := range []string{"", "buyer", "campaign,source", "vertical", "state", "sub_id", "refusal", "hour",
		"day,buyer",
		"month"} {
		if a.By = nil; by != "" {
			a.By = strings.Split(by, ",")
		}
		kept := mustFigures(t, v, a)
		a.fromRows = true
		rows := mustFigures(t, v, a)
		a.fromRows = false
		text := func(f *Figures) (out []string) {
			for i := range f.Rows {
				if n := sumsOf(&f.Rows[i]); slices.ContainsFunc(n, func(n int64) bool { return n != 0 }) {
					out = append(out, fmt.Sprint(f.Rows[i].Key, f.Rows[i].Currency, n))
				}
			}
			slices.Sort(out)
			return out
		}
		if got, want := text(kept), text(rows); !slices.Equal(got, want) {
			t.Errorf("by %q, %s to %s: the sums have\n%s\nthe rows\n%s", by, a.Since, a.Until, strings.Join(got, "\n"),
				strings.Join(want, "\n"))
		}
	}
}

// Over several days, in zones whose days begin within those of UTC, whatever range is asked for: sums of days and hours
// come to what the rows come to.
func TestSumsAreThoseOfTheRows(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine after the other: the detector costs many times the time")
	}
	m := newMade(t, t.TempDir())
	for range 14 {
		m.make(t, 25)
		m.at = m.at.Add(7*time.Hour + 11*time.Minute)
	}
	for i, at := range m.sold[:12] { // and some that are given back, and paid
		m.append(t, &ledger.Adjusted{Head: m.head(m.id()), Adjustment: ledger.AdjustReported, Attempt: at, Why: "mail",
			Fate: ledger.Fates[i%3]})
	}
	v := mustView(t, t.TempDir(), m.led)
	v.batch = 40
	caughtUp(t, v)
	rnd := rand.New(rand.NewPCG(7, 7))
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		sumsAreOfRows(t, v, Ask{Zone: zone})
		for range 6 {
			since := madeAt.Add(time.Duration(rnd.IntN(80)) * time.Hour)
			sumsAreOfRows(t, v, Ask{Zone: zone, Since: since,
				Until: since.Add(time.Duration(1+rnd.IntN(90)) * time.Hour)})
		}
	}
}

// Histograms keep values within what they promise, add up, and forget what is taken back.
func TestHistograms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var values []int64
	whole, left, right := hist{}, hist{}, hist{}
	for i := range 5000 {
		v := int64(rnd.ExpFloat64() * 40_000)
		if i%100 == 0 {
			v = int64(i) << rnd.IntN(40)
		}
		if m := middleOf(bucketOf(v)); v < 512 && m != v || (max(m-v, v-m))*500 > v && m != v {
			t.Fatalf("%d is told as %d", v, m)
		}
		values = append(values, v)
		whole.add(v, 1)
		[]hist{left, right}[i%2].add(v, 1)
	}
	if err := left.merge(right.append(nil)); err != nil || fmt.Sprint(left) != fmt.Sprint(whole) {
		t.Errorf("halves do not come to the whole: %v", err)
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 1} {
		got, ok := whole.quantile(q)
		want := values[min(int(q*float64(len(values))), len(values)-1)]
		if !ok || max(got-want, want-got)*500 > want {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	for _, v := range values {
		whole.add(v, -1)
	}
	if _, ok := whole.quantile(0.5); ok || len(whole) != 0 {
		t.Errorf("after all was taken back: %v", whole)
	}
	if err := whole.merge([]byte{0x80}); err == nil {
		t.Error("what is cut off is taken")
	}
}

func TestBandsOfBids(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 300)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	total := mustFigures(t, v, Ask{}).Totals[0]
	f := mustFigures(t, v, Ask{By: []string{"bid_band"}})
	var keys []string
	for i := range f.Rows {
		r := &f.Rows[i]
		keys = append(keys, r.Key[0])
		if (r.Key[0] == "") != (r.Bids == 0) {
			t.Errorf("%q has %d bids", r.Key[0], r.Bids)
		}
		var from, to int64
		if n, _ := fmt.Sscanf(r.Key[0], "%d to %d", &from, &to); n == 2 &&
			(r.MeanBid.String() < fmt.Sprint(from)+".00" ||
				int64(*r.MeanBid) >= to*1e6) {
			t.Errorf("%s: the mean is %s", r.Key[0], r.MeanBid)
		}
	}
	want := []string{"", "10 to 15", "15 to 20", "20 to 25", "25 to 30", "30 to 40", "40 to 50"}
	if !slices.Equal(keys, want) {
		t.Errorf("bands %q", keys)
	}
	if got := added(f.Rows); got[10] != total.Bids || got[13] != total.Accepted || got[21] != int64(total.Revenue) {
		t.Errorf("they come to %v, want %v", got, sumsOf(&total))
	}
	if total.MedianBid == nil || *total.MedianBid < 28e6 || *total.MedianBid > 31e6 { // 10 to 49, evenly
		t.Errorf("the median is %v", total.MedianBid)
	}
	if p := total.PingTimes; p == nil || p.P50 < 43_000 || p.P50 > 47_000 || p.P99 < 68_000 || p.P99 > 70_200 {
		t.Errorf("pings take %+v", p)
	}
	if p := total.PostTimes; p == nil || p.P50 < 89_000 || p.P50 > 91_000 {
		t.Errorf("posts take %+v", p)
	}
}

// The time before is as long, by the calendar where the range is one of whole months or days.
func TestTimeBefore(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		t, err := time.ParseInLocation("2006-01-02 15:04", text, ny)
		if err != nil {
			panic(err)
		}
		return t
	}
	for _, c := range [][3]string{{"2026-11-01 00:00", "2026-12-01 00:00", "2026-10-01 00:00"},
		{"2026-01-01 00:00", "2026-04-01 00:00", "2025-10-01 00:00"},
		{"2026-11-02 00:00", "2026-11-09 00:00", "2026-10-26 00:00"}, // a day of it had 25 hours
		{"2026-11-03 06:00", "2026-11-03 12:00", "2026-11-03 00:00"}} {
		a := Ask{Since: at(c[0]).UTC(), Until: at(c[1]).UTC(), Zone: ny}
		if since, until := a.before(); !since.Equal(at(c[2])) || !until.Equal(a.Since) {
			t.Errorf("%v: %s to %s", c, since.In(ny), until.In(ny))
		}
	}
	m := newMade(t, t.TempDir())
	m.make(t, 40)
	m.at = m.at.Truncate(time.Hour).Add(time.Hour)
	m.make(t, 60)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	then := madeAt.Add(time.Hour)
	f := mustFigures(t, v, Ask{By: []string{"source"}, Since: then, Until: then.Add(time.Hour), Compare: true})
	if len(f.Totals) != 1 || f.Totals[0].Leads != 60 || f.Totals[0].Before.Leads != 40 || !f.BeforeSince.Equal(madeAt) {
		t.Errorf("%+v", f)
	}
	f = mustFigures(t, v, Ask{By: []string{"source"}, Since: then.Add(time.Hour), Until: then.Add(2 * time.Hour),
		Compare: true, Limit: 1})
	if len(f.Rows) != 2 || f.Rows[0].Leads != 0 || f.Rows[0].Before.Leads+f.Rows[1].Before.Leads != 60 ||
		f.Totals[0].Before.Leads != 60 {
		t.Errorf("of what is no more: %+v", f.Rows)
	}
}
