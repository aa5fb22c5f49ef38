// SPDX-License-Identifier: Apache-2.0

package books

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clearpost/lead"
)

func day(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// net is when what is sold on a day is due.
func net(days int) func(time.Time) time.Time {
	return func(sold time.Time) time.Time { return sold.AddDate(0, 0, days) }
}

// receivable adds lines such as "2026-01-03 payment -50.00".
func receivable(t *testing.T, lines string) *Receivable {
	t.Helper()
	r := &Receivable{}
	for _, line := range strings.Split(lines, "; ") {
		if line == "" {
			continue
		}
		f := strings.Fields(line)
		m, err := lead.ParseMoney([]byte(f[2]))
		if err != nil {
			t.Fatal(err)
		}
		r.Add(f[1], day(t, f[0]), m)
	}
	return r
}

// What comes in goes off the oldest first; the day on which something is due is not late yet.
func TestHowABuyerStands(t *testing.T) {
	rule := &LateRule{SlowAfter: 5, StopAfter: 10, Least: lead.Cent}
	const sold = "2026-01-01 sale 100.00; 2026-01-03 sale 50.00"
	for _, c := range []struct{ what, lines, today, want string }{
		{"nothing", "", "2026-02-01", "owes 0.00, good"},
		{"not due yet", sold, "2026-01-30", "owes 150.00, due 2026-01-31, good, slow on 2026-02-06"},
		{"on the day on which it is due", sold, "2026-01-31",
			"owes 150.00, due 2026-01-31, good, slow on 2026-02-06"},
		{"a day late", sold, "2026-02-01",
			"owes 150.00, overdue 100.00, due 2026-01-31, 1 late, overdue, slow on 2026-02-06"},
		{"the next sale is due", sold, "2026-02-03",
			"owes 150.00, overdue 150.00, due 2026-01-31, 3 late, overdue, slow on 2026-02-06"},
		{"as late as is borne", sold, "2026-02-05",
			"owes 150.00, overdue 150.00, due 2026-01-31, 5 late, overdue, slow on 2026-02-06"},
		{"a day later", sold, "2026-02-06",
			"owes 150.00, overdue 150.00, due 2026-01-31, 6 late, slow, stopped on 2026-02-11"},
		{"the last day as slow", sold, "2026-02-10",
			"owes 150.00, overdue 150.00, due 2026-01-31, 10 late, slow, stopped on 2026-02-11"},
		{"stopped", sold, "2026-02-11", "owes 150.00, overdue 150.00, due 2026-01-31, 11 late, stopped"},
		{"the oldest is paid", sold + "; 2026-02-11 payment -100.00", "2026-02-11",
			"owes 50.00, overdue 50.00, due 2026-02-02, 9 late, slow, stopped on 2026-02-13, paid after 41.0"},
		{"a cent of it is left", sold + "; 2026-02-11 payment -99.99", "2026-02-11",
			"owes 50.01, overdue 50.01, due 2026-01-31, 11 late, stopped, paid after 41.0"},
		{"all is paid", sold + "; 2026-02-11 payment -150.00", "2026-02-11", "owes 0.00, good, paid after 40.3"},
		{"more is paid", sold + "; 2026-02-11 payment -200.00", "2026-02-11", "owes -50.00, good, paid after 40.3"},
		{"what was paid beforehand counts", "2026-01-01 payment -120.00; " + sold, "2026-02-11",
			"owes 30.00, overdue 30.00, due 2026-02-02, 9 late, slow, stopped on 2026-02-13"},
		{"a return goes off the oldest", sold + "; 2026-01-20 return -100.00", "2026-02-01",
			"owes 50.00, due 2026-02-02, good, slow on 2026-02-08"},
		{"a revoked return is owed from its day on", sold + "; 2026-01-20 return -100.00; 2026-01-25 return 100.00",
			"2026-02-03", "owes 150.00, overdue 50.00, due 2026-02-02, 1 late, overdue, slow on 2026-02-08"},
		{"what was paid back is owed", "2026-01-01 payment -10.00; 2026-01-02 payment 15.00", "2026-02-02",
			"owes 5.00, overdue 5.00, due 2026-02-01, 1 late, overdue, slow on 2026-02-07"},
		{"a correction", sold + "; 2026-01-04 correction -150.00", "2026-03-01", "owes 0.00, good"},
		{"a payment that was told late", sold + "; 2026-01-02 payment -100.00", "2026-02-11",
			"owes 50.00, overdue 50.00, due 2026-02-02, 9 late, slow, stopped on 2026-02-13, paid after 1.0"},
		{"a sale of an earlier day comes later", "2026-01-03 sale 50.00; 2026-01-01 sale 100.00", "2026-02-01",
			"owes 150.00, overdue 100.00, due 2026-01-31, 1 late, overdue, slow on 2026-02-06"},
	} {
		a := receivable(t, c.lines).On(day(t, c.today), net(30))
		if got := inWords(&a, rule); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.what, got, c.want)
		}
	}
}

func inWords(a *Age, rule *LateRule) string {
	out := "owes " + a.Owes.String()
	if a.Overdue > 0 {
		out += ", overdue " + a.Overdue.String()
	}
	if !a.Due.IsZero() {
		out += ", due " + a.Due.Format(time.DateOnly)
	}
	if a.Days > 0 {
		out += fmt.Sprintf(", %d late", a.Days)
	}
	out += ", " + a.Pays(rule)
	if at, next := a.Next(rule); next != "" {
		out += fmt.Sprintf(", %s on %s", next, at.Format(time.DateOnly))
	}
	if a.Mean >= 0 {
		out += fmt.Sprintf(", paid after %.1f", a.Mean)
	}
	return out
}

// Rules with one half, with none, and with an amount that is borne.
func TestRulesForLateBuyers(t *testing.T) {
	owes := receivable(t, "2026-01-01 sale 9.99")
	for _, c := range []struct {
		rule  *LateRule
		today string
		want  string
	}{
		{nil, "2026-03-01", "overdue"},
		{&LateRule{-1, 0, lead.Cent}, "2026-01-31", "good, stopped on 2026-02-01"},
		{&LateRule{-1, 0, lead.Cent}, "2026-02-01", "stopped"},
		{&LateRule{0, -1, lead.Cent}, "2026-02-01", "slow"},
		{&LateRule{0, 0, lead.Cent}, "2026-01-15", "good, stopped on 2026-02-01"},
		{&LateRule{0, 0, 10 * lead.Unit}, "2026-03-01", "good"},
		{&LateRule{0, 0, 999 * lead.Cent}, "2026-02-01", "stopped"},
	} {
		a := owes.On(day(t, c.today), net(30))
		got := a.Pays(c.rule)
		if at, next := a.Next(c.rule); next != "" && got == "good" && a.Days == 0 {
			got += fmt.Sprintf(", %s on %s", next, at.Format(time.DateOnly))
		}
		if got != c.want {
			t.Errorf("%+v on %s: %s, want %s", c.rule, c.today, got, c.want)
		}
	}
}

// The last payments tell a buyer that has become slow from one that always was.
func TestDaysToPayOfLate(t *testing.T) {
	r := &Receivable{}
	at := day(t, "2026-01-01")
	for i := range 30 {
		sold, after := at.AddDate(0, 0, i), 2
		if i >= 20 {
			after = 40
		}
		r.Add(OfSale, sold, 10*unit)
		r.Add(OfPayment, sold.AddDate(0, 0, after), -10*unit)
	}
	if a := r.On(at.AddDate(0, 3, 0), net(30)); a.Mean != 14.7 || a.Recent != 40 || a.Owes != 0 ||
		a.Last.Format(time.DateOnly) != "2026-03-11" {
		t.Errorf("%+v", a)
	}
}

// Whatever comes in which order, what is owed is the sum of it, nothing owed is overdue before its day, and what is
// overdue is never more than all.
func TestReceivablesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, sum, from := &Receivable{}, lead.Money(0), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(0, 40).Draw(t, "entries") {
			kind := rapid.SampledFrom(Kinds).Draw(t, "kind")
			m := lead.Money(rapid.Int64Range(-5000, 5000).Draw(t, "cents")) * lead.Cent
			r.Add(kind, from.AddDate(0, 0, rapid.IntRange(0, 60).Draw(t, "day")), m)
			sum += m
		}
		today := rapid.IntRange(0, 120).Draw(t, "today")
		a := r.On(from.AddDate(0, 0, today), net(30))
		late := today > 30
		if a.Owes != sum || a.Overdue < 0 || a.Overdue > max(sum, 0) || a.Overdue > 0 != (a.Days > 0) ||
			!late && a.Overdue > 0 || today > 90 && a.Overdue != max(sum, 0) {
			t.Errorf("%d days: %+v of %s", today, a, sum)
		}
	})
}
