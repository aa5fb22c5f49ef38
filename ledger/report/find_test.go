// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

func mustFind(t testing.TB, v *View, q Query) *Found {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = FindMax
	}
	f, err := v.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Each condition finds those leads that have what it says, and no others; pages are the same list in pieces.
func TestFindIsWhatItSays(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 400)
	for i, fate := range ledger.Fates {
		m.append(t, &ledger.Adjusted{Head: m.head(m.id()), Adjustment: ledger.AdjustReported, Fate: fate,
			Attempt: m.sold[i], Why: "mail"})
	}
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	all := mustFind(t, v, Query{}).Leads
	one := all[slices.IndexFunc(all, func(l Lead) bool { return l.Result == "sold" })]
	at := func(f func(*Attempt) bool) func(*Lead) bool {
		return func(l *Lead) bool {
			return slices.ContainsFunc(l.Attempts, func(a Attempt) bool { return f(&a) })
		}
	}
	sale := one.Attempts[0]
	price := sale.Price
	for name, c := range map[string]struct {
		q  Query
		is func(*Lead) bool
	}{
		"source": {Query{Source: "acme"}, func(l *Lead) bool { return l.Source == "acme" }},
		"state":  {Query{State: "TX"}, func(l *Lead) bool { return l.State == "TX" }},
		"sub-id and result": {Query{SubID: "fb-3", Result: "sold"},
			func(l *Lead) bool { return l.SubID == "fb-3" && l.Result == "sold" }},
		"pending": {Query{Result: "pending"}, func(l *Lead) bool { return l.Result == "pending" }},
		"seller":  {Query{Seller: one.SellerLeadID}, func(l *Lead) bool { return l.N == one.N }},
		"time": {Query{Since: madeAt.Add(10 * time.Second), Until: madeAt.Add(20 * time.Second)}, func(l *Lead) bool {
			return !l.At.Before(madeAt.Add(10*time.Second)) && l.At.Before(madeAt.Add(20*time.Second))
		}},
		"buyer":     {Query{Buyer: "b1"}, at(func(a *Attempt) bool { return a.Buyer == "b1" })},
		"campaign":  {Query{Campaign: "c3"}, at(func(a *Attempt) bool { return a.Campaign == "c3" })},
		"outcome":   {Query{Outcome: "unknown"}, at(func(a *Attempt) bool { return a.Outcome == "unknown" })},
		"reference": {Query{Reference: sale.Reference}, func(l *Lead) bool { return l.N == one.N }},
		"attempt":   {Query{Attempt: sale.ID}, func(l *Lead) bool { return l.N == one.N }},
		"refusal": {Query{Refusal: lead.InvalidPhone}, func(l *Lead) bool {
			return l.Refusal == "invalid_phone" || at(func(a *Attempt) bool { return a.Refusal == "invalid_phone" })(l)
		}},
		"no bids": {Query{Refusal: lead.NoBids}, func(l *Lead) bool { return l.Refusal == "no_bids" }},
		"refusal of a buyer": {Query{Refusal: lead.InvalidPhone, Buyer: "b2"},
			at(func(a *Attempt) bool { return a.Refusal == "invalid_phone" && a.Buyer == "b2" })},
		"price": {Query{PriceMin: &price, PriceMax: &price}, at(func(a *Attempt) bool {
			return a.Outcome == "accepted" && a.Price == price
		})},
	} {
		t.Run(name, func(t *testing.T) {
			var want []lead.ID
			for i := range all {
				if c.is(&all[i]) {
					want = append(want, all[i].ID)
				}
			}
			if len(want) == 0 || len(want) == len(all) {
				t.Fatalf("%d of %d leads are like this: the test compares nothing", len(want), len(all))
			}
			var got []lead.ID
			for c.q.Limit = 7; ; {
				f := mustFind(t, v, c.q)
				for i := range f.Leads {
					got = append(got, f.Leads[i].ID)
				}
				if c.q.Before = f.Next; f.Next == 0 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("it finds %d leads, want %d", len(got), len(want))
			}
		})
	}
}

// A lead is found by whatever it is called, in whatever way its person's number is written.
func TestFindByName(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 200)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	var one Lead
	for _, l := range mustFind(t, v, Query{Result: "sold"}).Leads {
		one = l
	}
	var i int
	if _, err := fmt.Sscanf(one.SellerLeadID, "s-%d", &i); err != nil {
		t.Fatal(err)
	}
	sale := one.Attempts[0]
	for _, name := range []string{one.ID.String(), sale.ID.String(), phone(i), phone(i)[2:], "(" +
		phone(i)[2:5] + ") " + phone(i)[5:8] + "-" + phone(i)[8:], email(i), " PERSON" + email(i)[6:],
		sale.Reference, sale.Campaign + ":" + sale.Reference, sale.Buyer + ":" + sale.Reference,
		one.SellerLeadID, one.Source + ":" + one.SellerLeadID} {
		if f := mustFind(t, v, Query{Name: name}); len(f.Leads) != 1 || f.Leads[0].ID != one.ID {
			t.Errorf("%s finds %d leads", name, len(f.Leads))
		}
	}
	for _, name := range []string{"nobody:" + sale.Reference, "nobody:" + one.SellerLeadID, "+12127999999",
		"x@example.com",
		"0193b2c4-0000-7000-8000-000000000000", "%", "' or 1 = 1 --"} {
		if f := mustFind(t, v, Query{Name: name}); len(f.Leads) != 0 {
			t.Errorf("%s finds %d leads", name, len(f.Leads))
		}
	}
	if f := mustFind(t, v, Query{Phone: phone(i), Email: email(i)}); len(f.Leads) != 1 {
		t.Errorf("by both it finds %d", len(f.Leads))
	}
	if f := mustFind(t, v, Query{Phone: phone(i), Email: email(i + 2)}); len(f.Leads) != 0 {
		t.Errorf("by one's number and another's address it finds %d", len(f.Leads))
	}
	for _, q := range []Query{{Phone: "12", Limit: 1}, {Email: "nobody", Limit: 1}, {Result: "gone", Limit: 1},
		{Outcome: "lost", Limit: 1}, {Limit: FindMax + 1}, {}} {
		var bad *BadQuery
		if _, err := v.Find(t.Context(), q); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Where so many origins are like what is asked for that no statement can list them, leads are found all the same.
func TestFindAmongManyOrigins(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine after the other: the detector costs many times the time")
	}
	m := newMade(t, t.TempDir())
	v := mustView(t, t.TempDir(), m.led)
	v.w.subIDsMax = 1 << 20
	var group []ledger.Event
	for i := range namesIn + 500 {
		group = append(group, &ledger.Pinged{Head: m.head(m.id()), Mode: ledger.ModePing, Currency: "USD",
			ReceivedAt: m.at, Result: lead.ResultFailure, Refusal: lead.NoBids, ExpiresAt: m.at,
			Fields: ledger.Fields{{Name: "sub_id", Value: fmt.Sprint("click-", i)}, {Name: "state",
				Value: madeStates[i%len(madeStates)]}}})
	}
	m.append(t, group...)
	caughtUp(t, v)
	n := 0
	for q := (Query{Vertical: "solar", Limit: FindMax}); ; {
		f := mustFind(t, v, q)
		n += len(f.Leads)
		if q.Before = f.Next; f.Next == 0 {
			break
		}
	}
	if n != len(group) {
		t.Errorf("it finds %d of %d leads", n, len(group))
	}
	for _, q := range []Query{{Vertical: "solar", SubID: "click-7"}, {SubID: fmt.Sprint("click-", namesIn+7)},
		{Source: "acme", State: "CA", SubID: "click-7"}, {Source: "bluekite", State: "CA", SubID: "click-7"}} {
		if f := mustFind(t, v, q); len(f.Leads) != 1 && q.State == "" || len(f.Leads) > 1 {
			t.Errorf("%+v finds %d", q, len(f.Leads))
		}
	}
	if f := mustFind(t, v, Query{Vertical: "roofing"}); len(f.Leads) != 0 {
		t.Errorf("of a vertical that is not there: %d", len(f.Leads))
	}
}

// First and last name, however they are written, and the last name alone lead to a person's leads.
func TestFindByPersonsName(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 20)
	id := m.id()
	ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModeLead, Currency: "USD", ReceivedAt: m.at,
		Result: lead.ResultFailure, Refusal: lead.NoBids, ExpiresAt: m.at}
	ping.Private.Fields = ledger.Fields{{Name: "first_name", Value: "Ana Maria"}, {Name: "last_name", Value: "Pérez"}}
	m.append(t, ping)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	for _, q := range []Query{{Name: "Ana Maria Pérez"}, {Person: " ana  maria PÉREZ"}, {Person: "pérez"}} {
		if f := mustFind(t, v, q); len(f.Leads) != 1 || f.Leads[0].ID != id {
			t.Errorf("%+v finds %d", q, len(f.Leads))
		}
	}
	for _, q := range []Query{{Person: "Ana"}, {Person: "Maria Pérez"}, {Name: "Jane Doe"}} {
		if f := mustFind(t, v, q); len(f.Leads) != 0 {
			t.Errorf("%+v finds %d", q, len(f.Leads))
		}
	}
}
