// SPDX-License-Identifier: Apache-2.0

package report

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// refused makes a lead that its only buyer has refused.
func (m *made) refused(t *testing.T) lead.ID {
	t.Helper()
	m.at = m.at.Add(time.Second)
	id := m.id()
	ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
		ExpiresAt: m.at.Add(time.Minute), Result: lead.ResultSuccess, Price: 16 * lead.Unit,
		Bids:   []ledger.Bid{{Campaign: "c1", Buyer: "b1", Price: 20 * lead.Unit, Winner: true, Rank: 1, TookUS: 9}},
		Fields: ledger.Fields{{Name: "state", Value: "TX"}}}
	m.append(t, append([]ledger.Event{ping}, m.trip(id, lead.Rejected, 20*lead.Unit)...)...)
	return id
}

// again offers a lead anew; first is that of its chain.
func (m *made) again(t *testing.T, of, first lead.ID, hop int, o lead.Outcome) lead.ID {
	t.Helper()
	m.at = m.at.Add(26 * time.Hour)
	id := m.id()
	old := &ledger.Adjusted{Head: m.head(of), Adjustment: ledger.AdjustResubmitted, Why: "asked",
		Resubmission: &ledger.Resubmission{Lead: id, First: first, Hop: hop}}
	ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModeLead, Currency: "USD", ReceivedAt: m.at,
		Result: lead.ResultSuccess, Resubmits: &ledger.Resubmission{Lead: of, First: first, Hop: hop},
		Bids:   []ledger.Bid{{Campaign: "c1", Buyer: "b1", Price: 9 * lead.Unit, Winner: true, Rank: 1, TookUS: 9}},
		Fields: ledger.Fields{{Name: "state", Value: "CA"}}}
	m.append(t, append([]ledger.Event{old, ping}, m.trip(id, o, 9*lead.Unit)...)...)
	return id
}

// trip is one attempt and its end.
func (m *made) trip(id lead.ID, o lead.Outcome, price lead.Money) []ledger.Event {
	at := m.id()
	p := &ledger.Posting{Head: m.head(id), Attempt: at, Campaign: "c1", Buyer: "b1", Rank: 1, Price: price,
		Payout: price * 4 / 5, MaxSold: 1, SellLimit: 1, Post: &ledger.Post{ReceivedAt: m.at}}
	end := &ledger.Posted{Head: m.head(id), Attempt: at, Campaign: "c1", Buyer: "b1", Outcome: o, TookUS: 900}
	s := &ledger.Settled{Head: m.head(id), Result: lead.ResultFailure, Refusal: lead.BuyerRejected, Reason: "rejected"}
	if o == lead.Accepted {
		end.Price, end.Payout, s.Result, s.Reason, s.Refusal = price, price*4/5, lead.ResultSuccess, "", 0
		m.sold = append(m.sold, at)
	} else {
		end.Refusal = lead.BuyerRejected
	}
	return []ledger.Event{p, end, s}
}

// chainsMade are five leads: one stays unsold; one is sold by its second trip and one by its third, one is offered anew
// in vain; and the last one's sale is taken back.
func chainsMade(t *testing.T) *made {
	m := newMade(t, t.TempDir())
	var ids []lead.ID
	for range 5 {
		ids = append(ids, m.refused(t))
	}
	m.again(t, ids[1], ids[1], 1, lead.Accepted)
	m.again(t, m.again(t, ids[2], ids[2], 1, lead.Rejected), ids[2], 2, lead.Accepted)
	m.again(t, ids[3], ids[3], 1, lead.Rejected)
	last := m.again(t, ids[4], ids[4], 1, lead.Accepted)
	m.append(t, &ledger.Adjusted{Head: m.head(last), Adjustment: ledger.AdjustCorrected, Attempt: m.sold[2],
		Outcome: lead.Rejected, Why: "their mail", Campaign: "c1", Buyer: "b1"},
		&ledger.Settled{Head: m.head(last), Result: lead.ResultFailure, Refusal: lead.BuyerRejected, Reason: "no"})
	return m
}

// Calls and money count by trips, leads once: at the time and the place of their first trip, sold if any trip is.
func TestLeadsThatAreOfferedAnewCountOnce(t *testing.T) {
	m := chainsMade(t)
	for _, batch := range []int{1, 3, batchEvents} {
		v := mustView(t, t.TempDir(), m.led)
		v.batch = batch
		caughtUp(t, v)
		all := mustFigures(t, v, Ask{}).Totals[0]
		told := fmt.Sprint(all.Leads, all.Quoted, all.Sold, all.Unsold, all.Resubmitted, all.Remediated,
			*all.RemediationRate, all.Asked, all.Posts, all.Accepted, all.Revenue)
		if told != "5 5 2 5 4 2 400000 10 10 2 18.00" {
			t.Errorf("batches of %d: %s", batch, told)
		}
		for _, r := range mustFigures(t, v, Ask{By: []string{"state"}}).Rows {
			is := fmt.Sprint(r.Key, r.Leads, r.Sold, r.Remediated, r.Posts, r.Revenue)
			if is != "[TX] 5 2 2 5 0.00" && is != "[CA] 0 0 0 5 18.00" {
				t.Errorf("batches of %d, by state: %s", batch, is)
			}
		}
		day := mustFigures(t, v, Ask{Since: madeAt, Until: madeAt.Add(time.Hour)}).Totals[0]
		if day.Leads != 5 || day.Sold != 2 || day.Posts != 5 || day.Accepted != 0 {
			t.Errorf("batches of %d, the first hour: %+v", batch, day)
		}
		sumsAreOfRows(t, v, Ask{})
		if n := of(t, v, "select sum(leads) * 100 + sum(sold) from sub_ids"); n != 502 {
			t.Errorf("batches of %d: sub_ids have %d", batch, n)
		}
		if n := of(t, v, "select sum(resubmitted) * 100 + sum(remediated) from days"); n != 402 {
			t.Errorf("batches of %d: days have %d", batch, n)
		}
	}
}

// What nobody has bought is at stake once, however often it was offered, and not where another trip has sold it.
func TestWorthOfLeadsThatAreOfferedAnew(t *testing.T) {
	v := mustView(t, t.TempDir(), chainsMade(t).led)
	caughtUp(t, v)
	stakes, err := v.stakes(t.Context(), &Ask{})
	if got := stakes[stakeKey{"b1", "USD", lead.BuyerRejected.String()}]; err != nil || got != 3*20*lead.Unit {
		t.Errorf("at stake: %s of %v, %v; three leads at 20.00 each are unsold", got, stakes, err)
	}
}

// A lead that was found says what it offers anew, and as what it is offered anew itself.
func TestFindTellsOfTheOtherTrips(t *testing.T) {
	v := mustView(t, t.TempDir(), chainsMade(t).led)
	caughtUp(t, v)
	byID, ties := map[string]*Lead{}, 0
	found := mustFind(t, v, Query{}).Leads
	for i := range found {
		byID[found[i].ID.String()] = &found[i]
	}
	for id, l := range byID {
		if l.Resubmits != "" {
			ties++
			if byID[l.Resubmits] == nil || byID[l.Resubmits].ResubmittedAs != id {
				t.Errorf("%s resubmits %s: %+v", id, l.Resubmits, byID[l.Resubmits])
			}
		}
		if l.ResubmittedAs != "" && byID[l.ResubmittedAs].Resubmits != id {
			t.Errorf("%s is resubmitted as %s: %+v", id, l.ResubmittedAs, byID[l.ResubmittedAs])
		}
	}
	if ties != 5 || len(found) != 10 {
		t.Errorf("%d of %d leads offer another one anew", ties, len(found))
	}
}

// dropped drops what is older than a time, and opens the view anew.
func dropped(t *testing.T, v *View, before time.Time) *View {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	db, w, _, err := openStore(v.path(fileName), v.key)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = w.drop(before); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return mustView(t, v.cfg.Dir, v.cfg.Ledger)
}

// A first trip on which nobody was asked, and what it says of the later ones, outlives the age at which such leads go.
func TestFirstTripsAreKept(t *testing.T) {
	m := newMade(t, t.TempDir())
	var ids []lead.ID
	for range 2 {
		id := m.id()
		no := func(s lead.Refusal) *ledger.Settled {
			return &ledger.Settled{Head: m.head(id), Result: lead.ResultFailure, Refusal: s, Reason: "no_match"}
		}
		m.append(t, &ledger.Pinged{Head: m.head(id), Mode: ledger.ModeLead, Currency: "USD", ReceivedAt: m.at,
			Result: lead.ResultFailure, Refusal: lead.NoEligible, Fields: ledger.Fields{}}, no(lead.NoEligible))
		ids = append(ids, id)
	}
	as := m.again(t, ids[0], ids[0], 1, lead.Accepted)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	v = dropped(t, v, m.at.Add(time.Hour))
	told := func() string {
		all := mustFigures(t, v, Ask{}).Totals[0]
		return fmt.Sprint(of(t, v, "select count(*) from _lead"), all.Leads, all.Unsold, all.Sold, all.Remediated)
	}
	if got := told(); got != "2 2 2 1 1" {
		t.Errorf("of two leads, one of which was sold by another trip, there is %s", got)
	}
	m.append(t, &ledger.Adjusted{Head: m.head(as), Adjustment: ledger.AdjustCorrected, Attempt: m.sold[0],
		Outcome: lead.Rejected, Why: "their mail", Campaign: "c1", Buyer: "b1"},
		&ledger.Settled{Head: m.head(as), Result: lead.ResultFailure, Refusal: lead.BuyerRejected, Reason: "rejected"})
	caughtUp(t, v)
	if got := told(); got != "2 2 2 0 0" {
		t.Errorf("after its sale was taken back there is %s", got)
	}
	late := m.again(t, ids[1], ids[1], 1, lead.Accepted) // the lead that it offers anew is gone, and was counted
	caughtUp(t, v)
	if got := told(); got != "3 2 2 0 0" || late.IsZero() {
		t.Errorf("after one that is gone was offered anew there is %s", got)
	}
}

// A database of any version before is gone on with: it gets the same tables, and keeps what it has.
func TestEarlierVersionsOfTheTables(t *testing.T) {
	m := chainsMade(t)
	fresh := mustView(t, t.TempDir(), m.led)
	caughtUp(t, fresh)
	for version := 1; version < SchemaVersion; version++ {
		dir := t.TempDir()
		db, err := sql.Open("sqlite", dsn(filepath.Join(dir, fileName)))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(migrations[:version], "\n") + fmt.Sprintf(`; pragma user_version = %d;
			insert into _place values ('key', x'%x');
			insert into _origin values (1, 'acme', 'solar', 'USD', '', '');
			insert into _lead (n, id, at, origin, test, one_shot, seller, sub_id, sub_id2, sub_id3, quote, asked,
				answered, bids, best, result, refusal, posted_at, counted) values (%d, x'01000000000000000000000000000000', 5000000, 1, 0, 0, '', '', '', '', 1, 1, 1, 1, 1, 4, 1, 5, 1);
			insert into _sum (cut, at, campaign, origin, part, leads, quoted, sold, looked, asked, answered, late, torn,
				capped, listed, bids, won, price, took, posts, accepted, rejected, not_sent, unknown, returned, paid,
				unpaid, revenue, payout) values (8, 0, 0, 1, 0, 1%s)`, version, fresh.key.check(), 1<<40,
			strings.Repeat(", 0", 23))
		var credit lead.Money
		if version >= 3 && version < chainsVersion { // which has returns, and nothing of them in its sums
			credit = 7 * lead.Unit
			text += fmt.Sprintf(`; insert into _campaign values (1, 'c', 'b');
				insert into _attempt values (x'02000000000000000000000000000000', %d, 5000000, 1, 1, 0, 0, '', 1, 9, 9,
					1, 0, 200, 9, '', 9, 9, 0, 0, null);
				insert into _return values (x'02000000000000000000000000000000', 9, 9, 9, 2, '', '', '', '', '', 0, %d,
					1, 9, null)`, 1<<40, credit)
		}
		if _, err := db.Exec(text); err != nil {
			t.Fatal(version, err)
		}
		if err := errors.Join(db.Close(), os.WriteFile(filepath.Join(dir, keyName), fresh.key[:], 0o600)); err != nil {
			t.Fatal(err)
		}
		v := mustView(t, dir, m.led)
		caughtUp(t, v)
		if got, want := tablesOf(t, v), tablesOf(t, fresh); got != want {
			t.Errorf("version %d: %s", version, firstDiffers(got, want))
		}
		if n := of(t, v, "select count(*) from leads where result = 'unsold' and hop = 0 and first_n = n"); n != 6 {
			t.Errorf("version %d: %d leads, want its own and five more", version, n)
		}
		if all := mustFigures(t, v, Ask{}).Totals[0]; all.Leads != 6 || all.Remediated != 2 || all.Credits != credit ||
			all.Returned != bit(credit > 0) {
			t.Errorf("version %d: %+v", version, all)
		}
	}
}

// tablesOf are the columns of all tables, and the views and indexes.
func tablesOf(t *testing.T, v *View) string {
	t.Helper()
	rows, err := v.reads.Load().Query(`select s.type, s.name, iif(s.type = 'table', '', s.sql), c.name, c.type, c."notnull",
		c.pk from sqlite_schema s left join pragma_table_xinfo(s.name) c order by 1, 2, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	dumpRows(t, &out, rows)
	return out.String()
}

// What a buyer that resells has told of its own buyer stands beside its returns, asked for and granted, in the list and
// in SQL; the returns of other buyers have none of it.
func TestReturnsTellTheBuyersOwnBuyer(t *testing.T) {
	m := newMade(t, t.TempDir())
	var id lead.ID
	goesOn := func(kind string, credit lead.Money, chain *ledger.Chain) {
		ret := &ledger.Return{Reason: "wrong_number", Credit: credit, Sold: m.at, Chain: chain}
		m.append(t, &ledger.Adjusted{Head: m.head(id), Adjustment: kind, Attempt: m.sold[len(m.sold)-1], Campaign: "c1",
			Buyer: "b1", Outcome: lead.Accepted, Price: 20*lead.Unit - credit, Payout: 16 * lead.Unit, Return: ret})
	}
	gives := func(kind string, credit lead.Money, chain *ledger.Chain) {
		m.at = m.at.Add(time.Hour)
		id = m.id()
		m.append(t, append([]ledger.Event{&ledger.Pinged{Head: m.head(id), Mode: ledger.ModeLead, Currency: "USD",
			ReceivedAt: m.at, Result: lead.ResultSuccess}}, m.trip(id, lead.Accepted, 20*lead.Unit)...)...)
		goesOn(kind, credit, chain)
	}
	gives(ledger.AdjustReturned, 20*lead.Unit, &ledger.Chain{Reference: "K-1", Date: "2026-11-03", Until: "2026-11-10"})
	gives(ledger.AdjustReturnAsked, 0, &ledger.Chain{Reference: "K-2", Date: "2026-11-04"})
	gives(ledger.AdjustReturned, 5*lead.Unit, nil)
	// denied, its reference is another lead's; a person needs none
	gives(ledger.AdjustReturnAsked, 0, &ledger.Chain{Reference: "K-3", Date: "2026-11-04", Until: "2026-11-10"})
	goesOn(ledger.AdjustReturnDenied, 0, &ledger.Chain{Reference: "K-3", Date: "2026-11-04", Until: "2026-11-10"})
	goesOn(ledger.AdjustReturned, 6*lead.Unit, nil)
	// granted while it waits, it keeps its own
	gives(ledger.AdjustReturnAsked, 0, &ledger.Chain{Reference: "K-4", Date: "2026-11-04", Until: "2026-11-10"})
	goesOn(ledger.AdjustReturned, 7*lead.Unit, nil)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	rows, err := v.reads.Load().Query(`select state || ' ' || (credit_micros / 1000000) || ' ' || chain_reference || ' ' ||
		chain_date || ' ' || chain_until from returns order by asked_at`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{"returned 20 K-1 2026-11-03 2026-11-10", "asked 0 K-2 2026-11-04", "returned 5", "returned 6",
		"returned 7 K-4 2026-11-04 2026-11-10"}
	if rows.Err() != nil || !slices.Equal(got, want) {
		t.Errorf("in SQL: %q, want %q", got, want)
	}
	list, err := v.Returns(t.Context(), ReturnsQuery{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, r := range slices.Backward(list.Returns) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %d %s %s %s", r.State, r.Credit/lead.Unit, r.ChainReference,
			r.ChainDate, r.ChainUntil)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("in the list: %q, want %q", got, want)
	}
}
