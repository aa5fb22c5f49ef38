// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"
	"testing"
	"time"

	"clearpost/lead"
)

// What one buyer was sent comes whole and in order, of a range of time, and comes to the figures; persons are found in
// whatever form they are written.
func TestBuyersBookHasWhatABuyerWasSent(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 600)
	dir := t.TempDir()
	v := mustView(t, dir, m.led)
	s := caughtUp(t, v)
	var revenue lead.Money
	sales := 0
	for _, buyer := range []string{"b0", "b1", "b2", "b3"} {
		b, err := OpenBuyersBook(s.Path, buyer, "")
		if err != nil {
			t.Fatal(err)
		}
		var all []Sent
		take := func(s *Sent, of int64) error {
			if of <= int64(len(all)) {
				t.Errorf("%d of %d", len(all)+1, of)
			}
			all = append(all, *s)
			return nil
		}
		if err := b.Sent(t.Context(), madeAt, m.at.Add(time.Hour), take); err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			if i > 0 && s.At.Before(all[i-1].At) || s.Currency != "USD" || s.Outcome == lead.OutcomeNone {
				t.Errorf("%s: %+v", buyer, s)
			}
			if s.Outcome == lead.Accepted {
				revenue, sales = revenue+s.Price, sales+1
			}
			f := mustFind(t, v, Query{Name: s.Attempt.String(), Limit: 1})
			if len(f.Leads) != 1 || f.Leads[0].ID != s.Lead || f.Leads[0].N != uint64(s.N) {
				t.Fatalf("%+v is of %+v", s, f.Leads)
			}
		}
		half, whole := all[len(all)/2].At, len(all)
		first, n := all[0], 0
		err = b.Sent(t.Context(), half, m.at.Add(time.Hour), func(*Sent, int64) error { n++; return nil })
		if err != nil || n != whole-whole/2 {
			t.Errorf("%s: %d of %d from %s on, %v", buyer, n, whole, half, err)
		}
		if known, err := b.Knows(t.Context()); err != nil || !known {
			t.Errorf("%s is not known: %v", buyer, err)
		}
		b.checkPersons(t, v, &first)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if revenue != m.revenue || sales != m.sales {
		t.Errorf("%d sales for %s, made were %d for %s", sales, revenue, m.sales, m.revenue)
	}
	b, err := OpenBuyersBook(s.Path, "nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if known, err := b.Knows(t.Context()); err != nil || known {
		t.Errorf("nobody is known: %v", err)
	}
	if _, err := OpenBuyersBook(s.Path, "b0", "Mars"); err == nil {
		t.Error("Mars is a country")
	}
	if _, err := OpenBuyersBook(dir+"/none/report.db", "b0", ""); err == nil {
		t.Error("a view that is not there is opened")
	}
}

// checkPersons finds the first lead by its person; others are found by nobody.
func (b *BuyersBook) checkPersons(t *testing.T, v *View, first *Sent) {
	t.Helper()
	i := 0
	for ; i < 600; i++ {
		f := mustFind(t, v, Query{Phone: phone(i), Limit: 1})
		if len(f.Leads) == 1 && f.Leads[0].ID == first.Lead {
			break
		}
	}
	digits := phone(i)[2:]
	for _, p := range [][2]string{{phone(i), ""}, {"(" + digits[:3] + ") " + digits[3:6] + "-" + digits[6:], "x"},
		{"", email(i)}, {"n/a", email(i)}} {
		if got, err := b.Leads(t.Context(), p[0], p[1]); err != nil || !slices.Contains(got, first.N) {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	for _, p := range [][2]string{{"", ""}, {"12", "at"}, {"+12125550199", ""}} {
		if got, err := b.Leads(t.Context(), p[0], p[1]); err != nil || len(got) > 0 {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
}
