// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

func mustFigures(t testing.TB, v *View, a Ask) *Figures {
	t.Helper()
	if a.Limit == 0 {
		a.Limit = RowsMax
	}
	f, err := v.Figures(context.Background(), a) // that of the test is none of a bubble's
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// By whatever figures are told apart, they add up to the same, which is what was made; and each row is what one gets
// who asks for it alone.
func TestFiguresAddUpByWhatever(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 600)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	all := mustFigures(t, v, Ask{})
	if len(all.Totals) != 1 || len(all.Rows) != 1 {
		t.Fatalf("%+v", all)
	}
	total := all.Totals[0]
	if total.Leads != int64(m.leads) || total.Revenue != m.revenue || total.Payout != m.payout || total.Accepted !=
		int64(m.sales) || total.Sold != int64(m.sales) || total.Asked != int64(m.asked) ||
		total.Margin != m.revenue-m.payout {
		t.Errorf("%+v, made were %d leads, %d sales of %s for %s, %d asked", total, m.leads, m.sales, m.revenue,
			m.payout, m.asked)
	}
	if total.BidRate == nil || *total.BidRate != total.Bids*1_000_000/total.Asked || *total.BidRate == 0 ||
		total.Answered >= total.Asked || total.Bids >= total.Answered || total.Won > total.Bids || total.Unknown == 0 {
		t.Errorf("%+v", total)
	}
	for _, by := range append([]string{"buyer,hour", "source,sub_id", "state,day", "campaign,refusal,month"}, Dims...) {
		a := Ask{By: strings.Split(by, ",")}
		f := mustFigures(t, v, a)
		want := total
		if !f.Leads {
			want.Leads, want.Quoted, want.Sold, want.Unsold, want.Resubmitted, want.Remediated = 0, 0, 0, 0, 0, 0
		}
		if got, want := fmt.Sprint(added(f.Rows)), fmt.Sprint(sumsOf(&want)); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
		few := mustFigures(t, v, Ask{By: a.By, Limit: 1})
		if n := len(f.Rows); n > 1 && (len(few.Rows) != 2 || few.Rows[1].Others != n-1 ||
			few.Rows[0].Asked+few.Rows[1].Asked != total.Asked) {
			t.Errorf("by %s: one row and the others: %+v", by, few.Rows)
		}
		for i := range min(len(f.Rows), 5) {
			alone(t, v, a, &f.Rows[i])
		}
	}
}

// sumsOf are the sums of a row.
func sumsOf(r *Row) []int64 {
	return []int64{r.Leads, r.Quoted, r.Sold, r.Looked, r.Capped, r.Asked, r.Answered, r.Late, r.Torn, r.Listed, r.Bids,
		r.Won, r.Posts, r.Accepted, r.Rejected, r.NotSent, r.Unknown, r.Returned, r.Paid, r.Unpaid, int64(r.BidsMicros),
		int64(r.Revenue), int64(r.Payout), int64(r.Margin), r.Unsold, r.Resubmitted, r.Remediated}
}

// added are the sums of rows.
func added(rows []Row) []int64 {
	out := sumsOf(&Row{})
	for i := range rows {
		for j, n := range sumsOf(&rows[i]) {
			out[j] += n
		}
	}
	return out
}

// alone asks for one row by conditions.
func alone(t *testing.T, v *View, a Ask, r *Row) {
	t.Helper()
	one := Ask{}
	for i, d := range a.By {
		value := r.Key[i]
		switch d {
		case "buyer":
			one.Buyer = value
		case "campaign":
			one.Campaign = value
		case "source":
			one.Source = value
		case "sub_id":
			one.SubID = value
		case "vertical":
			one.Vertical = value
		case "state":
			one.State = value
		default:
			return
		}
	}
	f := mustFigures(t, v, one)
	if len(f.Totals) != 1 || fmt.Sprint(sumsOf(&f.Totals[0])) != fmt.Sprint(sumsOf(r)) {
		t.Errorf("by %v, %v: %v, alone %+v", a.By, r.Key, sumsOf(r), f.Totals)
	}
}

// Ranges of time that touch have what their union has, and nothing twice, in whatever zone they are put.
func TestFiguresOfTimes(t *testing.T) {
	m := newMade(t, t.TempDir())
	for range 6 { // six hours with 50 leads each, across midnight of half the zones
		m.make(t, 50)
		m.at = m.at.Truncate(time.Hour).Add(time.Hour + 13*time.Second)
	}
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	total := mustFigures(t, v, Ask{}).Totals[0]
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		f := mustFigures(t, v, Ask{By: []string{"hour"}, Zone: zone})
		if len(f.Rows) < 6 || f.Zone != name || !slices.IsSortedFunc(f.Rows, func(a, b Row) int {
			return strings.Compare(a.Key[0], b.Key[0])
		}) {
			t.Errorf("%s: %d rows", name, len(f.Rows))
		}
		for i := range f.Rows {
			from, err := time.Parse(ofTime["hour"], f.Rows[i].Key[0])
			if err != nil {
				t.Fatal(err)
			}
			one := mustFigures(t, v, Ask{Since: from, Until: from.Add(time.Hour), Zone: zone})
			if len(one.Totals) != 1 || fmt.Sprint(sumsOf(&one.Totals[0])) != fmt.Sprint(sumsOf(&f.Rows[i])) {
				t.Errorf("%s, %s: %v, alone %+v", name, f.Rows[i].Key, sumsOf(&f.Rows[i]), one.Totals)
			}
		}
	}
	// a range within an hour is widened to it, and says so
	at := madeAt.Add(3 * time.Second)
	f := mustFigures(t, v, Ask{Since: at, Until: at.Add(time.Second)})
	if !f.Since.Equal(madeAt) || !f.Until.Equal(madeAt.Add(time.Hour)) || f.Totals[0].Leads != 50 {
		t.Errorf("%+v", f)
	}
	before, after := mustFigures(t, v, Ask{Until: madeAt.Add(2 * time.Hour)}), mustFigures(t, v,
		Ask{Since: madeAt.Add(2 * time.Hour)})
	if sum := added(append(before.Totals, after.Totals...)); fmt.Sprint(sum) != fmt.Sprint(sumsOf(&total)) {
		t.Errorf("before and after come to %v, want %v", sum, sumsOf(&total))
	}
	if f := mustFigures(t, v, Ask{Since: madeAt.AddDate(1, 0, 0)}); len(f.Rows) != 0 || len(f.Totals) != 0 {
		t.Errorf("of next year: %+v", f.Rows)
	}
	for _, a := range []Ask{{By: []string{"moon"}, Limit: 1}, {By: []string{"day", "day"}, Limit: 1}, {},
		{Limit: RowsMax + 1}} {
		var bad *BadQuery
		if _, err := v.Figures(t.Context(), a); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// What was neither asked nor listed is no request; what came too late or torn is no answer; a list price is a bid
// without one; legs are one call.
func TestWhatBidsCountFor(t *testing.T) {
	m := newMade(t, t.TempDir())
	id := m.id()
	ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
		Result: "success", Price: 8 * lead.Unit, ExpiresAt: m.at.Add(time.Minute)}
	bid := func(campaign string, no lead.Refusal, price lead.Money) *ledger.Bid {
		ping.Bids = append(ping.Bids, ledger.Bid{Campaign: campaign, Buyer: "b", MaxSold: 1, Refusal: no, Price: price})
		return &ping.Bids[len(ping.Bids)-1]
	}
	bid("won", 0, 10*lead.Unit).Winner = true
	bid("outbid", lead.Outbid, 9*lead.Unit)
	bid("no", lead.NoBid, 0)
	bid("late", lead.TimedOut, 0)
	bid("torn", lead.TornAnswer, 0)
	bid("early", lead.ClosedEarly, 0)
	bid("expired", lead.BidExpired, 0)
	bid("capped", lead.CapReached, 0)
	bid("listed", lead.Outbid, 7*lead.Unit).Fixed = true
	bid("full", lead.CapReached, 0)
	bid("legs", lead.Outbid, 6*lead.Unit).Leg = 1
	bid("legs", lead.Outbid, 5*lead.Unit).Leg = 2
	m.append(t, ping)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	want := map[string][5]int64{"won": {1, 1, 0, 1, 1}, "outbid": {1, 1, 0, 1, 0}, "no": {1, 1, 0, 0, 0},
		"late": {1, 0, 0, 0, 0}, "torn": {1, 0, 0, 0, 0}, "early": {1, 0, 0, 0, 0}, "expired": {1, 1, 0, 0, 0},
		"capped": {}, "full": {}, "listed": {0, 0, 1, 1, 0}, "legs": {1, 1, 0, 1, 0}}
	f := mustFigures(t, v, Ask{By: []string{"campaign"}})
	if len(f.Rows) != len(want) {
		t.Errorf("%d rows", len(f.Rows))
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if got := [5]int64{r.Asked, r.Answered, r.Listed, r.Bids, r.Won}; got != want[r.Key[0]] {
			t.Errorf("%s: asked, answered, listed, bids, won %v, want %v", r.Key[0], got, want[r.Key[0]])
		}
	}
	if r := f.Totals[0]; r.BidsMicros != 32*lead.Unit || *r.BidRate != 3*1_000_000/8 {
		t.Errorf("%+v", r)
	}
	l := mustFind(t, v, Query{}).Leads[0]
	if l.Asked != 8 || l.Answered != 5 || l.Bids != 4 || l.Best != 10*lead.Unit {
		t.Errorf("%+v", l)
	}
}

// Analysts read; nothing that they ask writes, or reaches another file.
func TestSQLReadsOnly(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 100)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	ask := func(text string) (out []string, err error) {
		err = SQL(t.Context(), v.path(fileName), text, func(c []string) error { return nil }, func(row []any) error {
			out = append(out, fmt.Sprint(row...))
			return nil
		})
		return out, err
	}
	got, err := ask("select count(*), sum(price_micros), sum(margin_micros) from sales")
	if want := fmt.Sprint(m.sales, int64(m.revenue), int64(m.revenue-m.payout)); err != nil || got[0] != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	for _, text := range []string{"select * from leads l join attempts a using (n) where l.state = 'TX'",
		"select * from bids", "select * from sub_ids", "select * from refusals",
		"with recursive c(x) as (select 1 union all select x + 1 from c where x < 5) select * from c"} {
		if rows, err := ask(text); err != nil || len(rows) == 0 {
			t.Errorf("%s: %d rows, %v", text, len(rows), err)
		}
	}
	before := dump(t, v.path(fileName))
	dir := t.TempDir()
	for _, text := range []string{"delete from _lead", "update _attempt set price = 1",
		"insert into refusals values (9, '', '', '')", "drop view leads", "create temp table x (a)",
		"attach '" + dir + "/a.db' as a", "vacuum into '" + dir + "/b.db'", "pragma query_only = 0",
		"pragma journal_mode = delete", "select load_extension('x')", "begin", "reindex",
		"select 1; delete from _lead", "with x as (select 1) delete from _lead", "", "-- nothing"} {
		if _, err := ask(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if dump(t, v.path(fileName)) != before {
		t.Error("something was written")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("files: %v, %v", list, err)
	}
}
