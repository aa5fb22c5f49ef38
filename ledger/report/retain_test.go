// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// of counts what a statement finds.
func of(t *testing.T, v *View, text string, args ...any) (n int64) {
	t.Helper()
	if err := v.reads.Load().QueryRow(text, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What nobody posted goes by its age, what was posted stays, and no sum changes by it: also where a correction comes
// afterwards.
func TestOldLeadsGoAndSumsStay(t *testing.T) {
	m := newMade(t, t.TempDir())
	for range 10 {
		m.make(t, 60)
		m.at = m.at.Add(24 * time.Hour)
	}
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	total := mustFigures(t, v, Ask{}).Totals
	byState := fmt.Sprint(mustFigures(t, v, Ask{By: []string{"state"}}).Rows)
	posted := of(t, v, "select count(distinct lead) from _attempt")
	before := madeAt.AddDate(0, 0, 5)
	young := of(t, v, "select count(*) from _lead where at >= ? and n not in (select lead from _attempt)",
		before.UnixMicro())
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	db, w, p, err := openStore(v.path(fileName), v.key)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = w.drop(before); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	// a sale of the first day is corrected, and so is a lead that is gone told of
	gone := &ledger.Settled{Head: m.head(lead.ID{}), Result: lead.ResultFailure, Reason: "expired"}
	gone.Lead, gone.Kind = goneLead(t, m, w), ledger.KindSettled
	for i, ev := range []ledger.Event{&ledger.Adjusted{Head: m.head(lead.ID{}), Adjustment: ledger.AdjustRebooked,
		Attempt: m.sold[0], Outcome: lead.Accepted, Price: 1 * lead.Unit, Payout: 1 * lead.Unit, Why: "agreed"}, gone} {
		b := ev.AppendJSON(nil)
		if ev.Header().Kind == "" {
			ev.Header().Kind = ledger.KindAdjusted
		}
		w.take(ledger.Record{Seq: p.Next + uint64(i), Kind: ev.Header().Kind, Lead: ev.Header().Lead,
			At: m.at.UnixMicro(), Bytes: b})
	}
	if err := w.commit(p); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	v = mustView(t, v.cfg.Dir, m.led)
	if n := of(t, v, "select count(*) from _lead where counted = 1"); n != posted+young {
		t.Errorf("%d leads are left, want %d posted ones and %d young ones", n, posted, young)
	}
	if n := of(t, v, "select count(*) from _person where lead not in (select n from _lead)"); n != 0 {
		t.Errorf("%d hashes of persons whose lead is gone", n)
	}
	if n := of(t, v, "select count(*) from _bid where at < ?", before.Unix()-hourSeconds); n != 0 {
		t.Errorf("%d old bids", n)
	}
	now := mustFigures(t, v, Ask{}).Totals
	if now[0].Leads != total[0].Leads || now[0].Asked != total[0].Asked || now[0].Accepted != total[0].Accepted ||
		now[0].Revenue >= total[0].Revenue {
		t.Errorf("after dropping: %+v\nwant %+v", now, total)
	}
	if got := fmt.Sprint(len(mustFigures(t, v, Ask{By: []string{"state"}}).Rows)); got == "0" || byState == "" {
		t.Error("no rows by state")
	}
	if f := mustFigures(t, v, Ask{By: []string{"state", "sub_id"}}); f.BidsFrom == nil || f.BidsFrom.After(before) {
		t.Errorf("nothing says that bids are missing: %v", f.BidsFrom)
	}
	if f := mustFigures(t, v, Ask{By: []string{"state", "sub_id"}, Since: before}); f.BidsFrom != nil {
		t.Errorf("of a time that is whole: from %v", f.BidsFrom)
	}
}

// goneLead is the id of a lead that has no row any more.
func goneLead(t *testing.T, m *made, w *writer) (id lead.ID) {
	t.Helper()
	err := m.led.Scan(1, func(r ledger.Record) error {
		var n int64
		if r.Kind == ledger.KindPinged && !w.get("select n from _lead where id = ?", []any{r.Lead[:]}, &n) {
			id = r.Lead
			return errEnough
		}
		return nil
	})
	if id.IsZero() {
		t.Fatal("no lead is gone", err)
	}
	return id
}

// A view that may have no more than so many bytes lets old leads go, but none of the last days.
func TestOldLeadsGoBySize(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.at = time.Now().AddDate(0, 0, -9).UTC()
	for range 9 {
		m.make(t, 120)
		m.at = m.at.Add(24 * time.Hour).Truncate(time.Second)
	}
	v, err := Open(Config{Dir: t.TempDir(), Ledger: m.led, Share: 1, BytesMax: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	caughtUp(t, v)
	if err := v.Close(); err != nil { // what it drops when it has all is done by then, or not begun
		t.Fatal(err)
	}
	v = mustView(t, v.cfg.Dir, m.led)
	v.cfg.BytesMax = 1
	if err := v.drop(time.Now()); err != nil {
		t.Fatal(err)
	}
	oldest := time.UnixMicro(of(t, v, "select min(at) from _lead where n not in (select lead from _attempt)"))
	if age := time.Since(oldest); age < dropDays*24*time.Hour-time.Hour || age > 4*24*time.Hour {
		t.Errorf("the oldest lead that nobody posted is %s old", age)
	}
	if n := of(t, v, "select sum(leads) from _sum where cut = 8"); n != int64(m.leads) {
		t.Errorf("sums have %d of %d leads", n, m.leads)
	}
}

// A source that sends another sub-id with each lead makes sums of the first ones only; the rest is one row, and found.
func TestSubIDsThatAreToldApart(t *testing.T) {
	m := newMade(t, t.TempDir())
	v := mustView(t, t.TempDir(), m.led)
	v.w.subIDsMax = 2
	ids := []string{"a", "b", "c", "d", "a", "e", "jane@example.com"}
	for _, subID := range ids {
		m.append(t, &ledger.Pinged{Head: m.head(m.id()), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
			Result: lead.ResultFailure, Refusal: lead.NoBids, ExpiresAt: m.at,
			Fields: ledger.Fields{{Name: "sub_id", Value: subID}}})
	}
	caughtUp(t, v)
	var got []string
	for _, r := range mustFigures(t, v, Ask{By: []string{"source", "sub_id"}}).Rows {
		got = append(got, fmt.Sprint(r.Key[0], " ", r.Key[1], " ", r.Leads))
	}
	slices.Sort(got) // of two sources by turns
	if want := "acme (others) 1, acme b 1, acme d 1, bluekite (others) 1, bluekite a 2, bluekite c 1"; strings.Join(got,
		", ") != want {
		t.Errorf("%q", got)
	}
	v.w.subIDsMax = subIDsMax
	for _, subID := range ids {
		if f := mustFind(t, v, Query{SubID: subID}); len(f.Leads) != map[string]int{"a": 2}[subID]+bitOf(subID != "a") {
			t.Errorf("%s: %d leads", subID, len(f.Leads))
		}
	}
	if n := of(t, v, "select count(*) from leads where sub_id like '%@%'"); n != 0 {
		t.Errorf("an address stands in it")
	}
}

func bitOf(b bool) int { return int(bit(b)) }

// A lead that waited, or whose quote was long, may be sold after its row was dropped: what is booked for it is in its
// currency, as in a view that is made anew.
func TestSalesOfLeadsThatAreGoneKeepTheirCurrency(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 40)
	dir := t.TempDir()
	v := mustView(t, dir, m.led)
	caughtUp(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	db, w, _, err := openStore(v.path(fileName), v.key)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = w.drop(m.at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	id := goneLead(t, m, w)
	if err := errors.Join(w.close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	m.at = m.at.Add(72 * time.Hour)
	m.append(t, m.trip(id, lead.Accepted, 20*lead.Unit)...)
	for _, where := range []string{dir, t.TempDir()} {
		v := mustView(t, where, m.led)
		caughtUp(t, v)
		trial, err := v.Trial(t.Context(), time.Time{})
		if err != nil || len(trial) == 0 {
			t.Fatal(trial, err)
		}
		for _, b := range trial {
			if b.Currency != "USD" {
				t.Errorf("%+v", b)
			}
		}
	}
}
