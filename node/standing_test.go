// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

// stands tells how the first buyer with terms pays, in a line.
func (h *house) stands() string {
	h.t.Helper()
	var all []admin.Standing
	if code := h.admin("GET", "/v1/standings", nil, &all); code != 200 || len(all) != 1 {
		h.t.Fatalf("standings: %d, %+v", code, all)
	}
	s := &all[0]
	out := fmt.Sprintf("%s, owes %s, overdue %s, %d late, %s", s.Terms, s.Owes, s.Overdue, s.DaysLate, s.Pays)
	if s.Next != "" {
		out += ", then " + s.Next
	}
	return out
}

// look has the node look at once, as it does every ten seconds.
func (h *house) look() {
	h.t.Helper()
	if _, err := h.node.standings.look(h.t.Context(), true); err != nil {
		h.t.Fatal(err)
	}
}

// A buyer that does not pay goes last and is stopped, day by day, and buys again with its payment; all of it survives a
// restart and a view that is thrown away.
func TestABuyerThatPaysLate(t *testing.T) {
	t.Parallel()
	h := buildWith(t, "", nil, []string{"id: a\n", "id: a\nterms: {net_days: 2}\nstanding: {slow_after_days: 0, " +
		"stop_after_days: 1}\n"}, script("a", 25*dollar), script("b", 20*dollar))
	phone := 0
	sell := func() (buyer string) {
		t.Helper()
		phone++
		quote := h.ping(fmt.Sprintf(`{"zip":"%d"}`, 10001+phone))
		price := map[float64]string{20: "a", 16: "b"}[quote.Price]
		h.expect(h.post(quote.PingID, fmt.Sprintf("212736%04d", phone)), 200, lead.ResultSuccess)
		return price
	}
	day := func() { h.ahead.Add(int64(24 * time.Hour)) }
	want := func(buyer, line string) {
		t.Helper()
		h.look()
		if got := h.stands(); got != line {
			t.Errorf("got  %s\nwant %s", got, line)
		}
		if got := sell(); got != buyer {
			t.Errorf("%s: sold to %q, want %q", line, got, buyer)
		}
	}
	want("a", "net 2 days, owes 0.00, overdue 0.00, 0 late, good")
	want("a", "net 2 days, owes 25.00, overdue 0.00, 0 late, good, then slow")
	day()
	want("a", "net 2 days, owes 50.00, overdue 0.00, 0 late, good, then slow")
	day()
	want("a", "net 2 days, owes 75.00, overdue 0.00, 0 late, good, then slow")
	day()
	want("b", "net 2 days, owes 100.00, overdue 50.00, 1 late, slow, then stopped")
	day()
	want("b", "net 2 days, owes 100.00, overdue 75.00, 2 late, stopped")
	h.restart()
	if got := sell(); got != "b" { // before anybody has looked
		t.Errorf("after a restart: sold to %q", got)
	}
	var paid admin.Paid
	pay := func(amount, ref, date string) {
		t.Helper()
		in := admin.Payment{Buyer: "a", Amount: amount, Ref: ref, Date: date, Why: "wire"}
		if code := h.admin("POST", "/v1/payments", in, &paid); code != 200 {
			t.Fatalf("payment: %d", code)
		}
	}
	pay("50.00", "w1", "")
	if got := h.stands(); got != "net 2 days, owes 50.00, overdue 25.00, 1 late, slow, then stopped" {
		t.Errorf("after a payment: %s", got)
	}
	pay("50.00", "w1", "")
	if paid.Changed {
		t.Error("it is booked twice")
	}
	pay("60.00", "w2", h.node.Exchange.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly))
	if got := sell(); got != "a" { // at once: nobody had to look
		t.Errorf("after it has paid: sold to %q", got)
	}
	before := h.stands()
	var all []admin.Standing
	h.admin("GET", "/v1/standings", nil, &all)
	if s := all[0]; s.MeanDays == nil || *s.MeanDays < 1 || *s.MeanDays > 4 || s.Due == "" || s.LastPaid == "" {
		t.Errorf("%+v", s)
	}
	h.node.standings.zones = nil // as at a start: all of it is read again
	if got := h.stands(); got != before || !strings.HasPrefix(got, "net 2 days, owes 15.00") {
		t.Errorf("read again: %s, before %s", got, before)
	}
}
