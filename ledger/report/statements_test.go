// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clearpost/books"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// Whatever is sold, resolved, corrected, given back and paid, in and after months that are issued, with restarts in
// between: each entry of the journal stands on one statement or on none yet, statements follow each other, their lines
// are those they were issued with, also in a view that is made anew, and numbers have no gap.
func TestStatementsAreTheAuditors(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine after the other: the detector costs many times the time")
	}
	made, links := 0, 0
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 14))
			dir := t.TempDir()
			exchangetest.Run(t, wandering(rnd), func(x *exchangetest.Rig) {
				var attempts []lead.ID
				for range 9 {
					attempts = append(attempts, sends(t, x, 2)...)
					for range 8 {
						act(t, x, rnd, attempts, nil)
						x.Sleep(time.Duration(rnd.IntN(8)) * time.Second)
					}
					if rnd.IntN(3) > 0 {
						issueAll(t, x, dir)
					}
				}
				agree(t, x, dir)
				n, l := judgeStatements(t, x, dir)
				made, links = made+n, links+l
			})
		})
	}
	if made < 10 || links < 5 {
		t.Errorf("%d statements, %d of which are about earlier ones: it compares little", made, links)
	}
}

// opened is a view that has all that is stored.
func opened(t *testing.T, x *exchangetest.Rig, dir string) *View {
	t.Helper()
	v, err := Open(Config{Dir: dir, Ledger: x.Ledger, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	caughtUp(t, v)
	return v
}

// short is how long months are here: virtual time is not for nothing.
const short = 30 * time.Second

// shortMonths are numbered from the beginning of virtual time on.
func shortMonths(month string, _ *time.Location) (since, until time.Time, err error) {
	n, err := strconv.Atoi(month)
	since = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * short)
	return since, since.Add(short), err
}

// issueAll issues each month of each account that is over, in order.
func issueAll(t *testing.T, x *exchangetest.Rig, dir string) {
	t.Helper()
	first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range int(x.Exchange.Now().Sub(first) / short) {
		for _, account := range []string{"buyer:a-co", "buyer:b-co", "buyer:c-co", "source:acme"} {
			v := opened(t, x, dir)
			months, err := v.Months(context.Background(), MonthAsk{Account: account, Month: fmt.Sprint(n),
				Zone: time.UTC, span: shortMonths})
			if errors.Is(err, ErrMonthAfter) { // all that was booked late of one that had nothing
				err, months = nil, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range months {
				if m.Seq > 0 {
					continue
				}
				if _, err := x.Exchange.Issue(exchange.Issue{Account: account, Currency: m.Currency,
					Statement: m.Statement, Why: "month"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// entry is one of the journal, made of the events without the view.
type entry struct {
	seq     uint64
	at      time.Time
	account string
	amount  lead.Money
}

// judgeStatements reckons all statements anew from the events, and compares. It tells how many there are, and how many
// of them are about earlier ones.
func judgeStatements(t *testing.T, x *exchangetest.Rig, dir string) (made, links int) {
	t.Helper()
	var entries []entry
	var all []*ledger.Adjusted
	err := x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if err != nil {
			return err
		}
		for _, e := range books.Of(ev) {
			entries = append(entries, entry{r.Seq, ev.Header().At, e.Account, e.Amount})
		}
		if adj, ok := ev.(*ledger.Adjusted); ok && adj.Statement != nil {
			all = append(all, adj)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	series, closed := map[string]int64{}, map[string]lead.Money{}
	standing, last := map[string]lead.Money{}, map[string]*ledger.Statement{}
	covered := make([]int, len(entries))
	for _, adj := range all {
		s, account := adj.Statement, strings.TrimPrefix(adj.Subject, "statement:")
		if series[s.Series]++; s.N != series[s.Series] || s.Number != fmt.Sprintf("%s%04d", s.Series, s.N) {
			t.Errorf("%s is number %d of its series, %d came before", s.Number, s.N, series[s.Series]-1)
		}
		var sum lead.Money
		for i, e := range entries {
			early := e.at.Before(s.AfterTime) && e.seq <= s.AfterSeq
			if e.account == account && e.at.Before(s.Until) && e.seq <= s.UpToSeq && !early {
				covered[i]++
				sum += e.amount
			}
		}
		if strings.HasPrefix(account, "source:") {
			sum = -sum
		}
		if s.Opening != closed[account] || s.Closing != s.Opening+sum || s.Opening+s.Sales+s.Corrections+s.Returns+
			s.Payments != s.Closing {
			t.Errorf("%s: %+v, after one that closed with %s; its entries add up to %s", s.Number, s, closed[account],
				sum)
		}
		closed[account], last[account] = s.Closing, s
		if made++; len(s.Corrects) > 0 {
			links++
		}
	}
	for i, e := range entries {
		s := last[e.account]
		if covered[i] > 1 || s != nil && covered[i] == 0 && e.at.Before(s.Until) && e.seq <= s.UpToSeq {
			t.Errorf("entry %+v stands on %d statements", e, covered[i])
		}
		if kind, _ := books.Party(e.account); kind == "source" {
			e.amount = -e.amount
		}
		if covered[i] == 0 {
			standing[e.account] += e.amount // not yet issued
		}
	}
	for _, where := range []string{dir, t.TempDir()} {
		v := opened(t, x, where)
		trial, err := v.Trial(context.Background(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range trial {
			stands := b.Amount
			if kind, _ := books.Party(b.Account); kind == "source" {
				stands = -stands
			} else if kind == "house" {
				continue
			}
			if got := closed[b.Account] + standing[b.Account]; got != stands {
				t.Errorf("%s: issued %s and not yet issued %s, the journal has %s", b.Account, closed[b.Account],
					standing[b.Account], stands)
			}
		}
		for _, adj := range all {
			linesAgree(t, v, adj.Statement)
		}
		bookingsAgree(t, v, entries)
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return made, links
}

// bookingsAgree holds the journal by days to the events: over all of it, and over a time in its midst.
func bookingsAgree(t *testing.T, v *View, entries []entry) {
	t.Helper()
	zone := time.FixedZone("", -4*3600-15*60)
	middle := entries[len(entries)/2].at
	for _, span := range [][2]time.Time{{}, {middle, time.Time{}}, {{}, middle}} {
		b, err := v.Bookings(context.Background(), span[0], span[1], zone)
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[string]lead.Money{}, map[string]lead.Money{}
		for _, e := range entries {
			if !e.at.Before(span[0]) && (span[1].IsZero() || e.at.Before(span[1])) {
				want[e.account] += e.amount
			}
		}
		for _, one := range b.Bookings {
			var zero lead.Money
			for _, a := range one.Amounts {
				got[a.Account] += a.Amount
				zero += a.Amount
			}
			if zero != 0 || one.Kind == books.OfPayment && (one.Note == "" || len(one.Amounts) != 2) {
				t.Errorf("booked: %+v", one)
			}
		}
		for account, m := range want {
			if got[account] != m {
				t.Errorf("%v: %s: booked %s by day, want %s", span, account, got[account], m)
			}
		}
		for _, x := range b.Closing {
			got[x.Account] -= x.Amount
		}
		for _, x := range b.Opening {
			got[x.Account] += x.Amount
		}
		for account, m := range got {
			if m != 0 {
				t.Errorf("%v: %s: opening and what is booked is %s off the closing", span, account, m)
			}
		}
	}
}

// linesAgree reads the lines of a statement in small pages and holds them to it.
func linesAgree(t *testing.T, v *View, s *ledger.Statement) {
	t.Helper()
	d, about := NewDigest(), map[string]lead.Money{}
	for mark := (StatementMark{}); ; {
		page, err := v.ShowIssued(context.Background(), s.Number, mark, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Entries {
			d.Add(&page.Entries[i])
			about[page.Entries[i].Corrects] += page.Entries[i].Amount
		}
		if page.Next == nil {
			break
		}
		mark = *page.Next
	}
	if err := d.Check(s); err != nil {
		t.Errorf("%s: %v", s.Number, err)
	}
	for _, c := range s.Corrects {
		if about[c.Number] != c.Amount || c.Number == s.Number {
			t.Errorf("%s is about %s with %s, its lines with %s", s.Number, c.Number, c.Amount, about[c.Number])
		}
	}
	if delete(about, ""); len(about) != len(s.Corrects) {
		t.Errorf("%s is about %+v, its lines about %v", s.Number, s.Corrects, about)
	}
}

// Months are issued in their order, in one zone; the first one of an account says that it is.
func TestMonthsFollowEachOther(t *testing.T) {
	dir := t.TempDir()
	s := exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 30 * lead.Unit}}}
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		pays := func(amount lead.Money) {
			if _, err := x.Exchange.Book(exchange.Deposit{Buyer: "a-co", Amount: amount, Any: true,
				Why: "wire"}); err != nil {
				t.Fatal(err)
			}
		}
		ask := func(month, zone string, first bool) string {
			v := opened(t, x, dir)
			defer v.Close()
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Months(context.Background(), MonthAsk{Account: "buyer:a-co", Month: month, Zone: loc,
				First: first,
				span:  shortMonths})
			if err != nil {
				return err.Error()
			}
			if len(got) == 0 {
				return "nothing"
			}
			m := got[0]
			out := fmt.Sprintf("%s %s to %s, %d lines", m.Number, m.Opening, m.Closing, m.Statement.Lines)
			if m.Seq == 0 {
				if _, err := x.Exchange.Issue(exchange.Issue{Account: "buyer:a-co", Currency: m.Currency,
					Statement: m.Statement, Why: "month"}); err != nil {
					t.Fatal(err)
				}
			}
			return out
		}
		pays(10 * lead.Unit)
		x.Sleep(short + time.Second)
		pays(5 * lead.Unit) // of 1
		x.Sleep(2 * short)
		pays(2 * lead.Unit) // of 3
		x.Sleep(2 * short)
		const account = "buyer:a-co USD: "
		for i, c := range []struct {
			month, zone string
			first       bool
			want        string
		}{
			{"1", "UTC", false, account + ErrMonthBefore.Error() + ": 2000-01"},
			{"-1", "UTC", true, "nothing"},
			{"1", "UTC", true, " -10.00 to -15.00, 1 lines"},
			{"1", "UTC", false, "INV-0001 -10.00 to -15.00, 1 lines"},
			{"0", "UTC", false, account + ErrMonthAfter.Error() + ": 1, as INV-0001"},
			{"4", "UTC", false, account + ErrMonthBefore.Error() + ": 2000-01"},
			{"3", "America/New_York", false, account + ErrOtherZone.Error() + ": UTC"},
			{"2", "UTC", false, "nothing"},
			{"3", "UTC", false, " -15.00 to -17.00, 1 lines"},
			{"3", "UTC", true, "INV-0002 -15.00 to -17.00, 1 lines"},
		} {
			if got := ask(c.month, c.zone, c.first); got != c.want {
				t.Errorf("%d: %s in %s, first %v: %q, want %q", i, c.month, c.zone, c.first, got, c.want)
			}
		}
	})
}

// A month of a zone begins and ends at its midnights, whatever the clocks do in between.
func TestSpanOfAMonth(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for month, want := range map[string]string{"2026-11": "2026-11-01T04:00:00Z 2026-12-01T05:00:00Z",
		"2026-12": "2026-12-01T05:00:00Z 2027-01-01T05:00:00Z", "2026-13": "month: expected a month such as 2026-10",
		"12/2026": "month: expected a month such as 2026-10"} {
		since, until, err := Span(month, zone)
		got := since.Format(time.RFC3339) + " " + until.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", month, got, want)
		}
	}
}

// A zone may have no midnight on the first of a month: its clocks go from 23:59 to 01:00. The month begins then, whole
// as any other, and where the one before it ends.
func TestSpanOfAMonthWithoutItsFirstMidnight(t *testing.T) {
	zone, err := time.LoadLocation("America/Asuncion")
	if err != nil {
		t.Fatal(err)
	}
	const first = "2023-10-01T04:00:00Z"
	var got []string
	for _, month := range []string{"2023-09", "2023-10", "2023-11"} {
		since, until, err := Span(month, zone)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, since.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	want := []string{"2023-09-01T04:00:00Z", first, first, "2023-11-01T03:00:00Z", "2023-11-01T03:00:00Z",
		"2023-12-01T03:00:00Z"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
