// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

// gives has buyers give leads back, within a window of hours.
func gives(hours int, more ...func(*buyers.ReturnsSpec)) func(*buyers.BuyerSpec) {
	return func(b *buyers.BuyerSpec) {
		half := 50 * lead.Unit
		b.Returns = &buyers.ReturnsSpec{WindowHours: &hours, Reasons: []buyers.ReturnReasonSpec{
			{Name: "wrong_number", Approve: "auto"}, {Name: "half", Approve: "auto", Credit: &half},
			{Name: "quality"}, {Name: "another", Approve: "auto", Refund: "replacement"}}}
		for _, f := range more {
			f(b.Returns)
		}
		credit, spend := 1000*dollar, 500*dollar
		b.Balance = &buyers.BalanceSpec{Credit: &credit}
		b.Caps = []rules.CapSpec{{Per: "day", Limit: 5}, {Per: "day", Spend: &spend}, {Per: "week", Limit: 50}}
	}
}

// clawsBack has acme bear so much of its buyers' returns.
func clawsBack(percent int64) func(*exchange.Source) {
	return func(s *exchange.Source) { margin(20)(s); s.ReturnsPPM = percent * 10_000 }
}

func returning(hours int, more ...func(*buyers.ReturnsSpec)) setup {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar})
	s.Buyer, s.Source = gives(hours, more...), clawsBack(50)
	return s
}

// sell sells a lead to a.
func sell(x *rig) lead.ID {
	x.T.Helper()
	id := x.Quote(20*dollar, nil)
	r, f := x.Post(id, values{"phone": fmt.Sprintf("602555%04d", x.Ledger.LastSeq())}, nil)
	if f != nil || r.Result != lead.ResultSuccess {
		x.T.Fatalf("not sold: %+v, %v", r, f)
	}
	return id
}

// giveBack is a return as a buyer asks for it, told in a line.
func giveBack(x *rig, id lead.ID, reason string) string {
	x.T.Helper()
	adj, changed, err := x.Exchange.Return(exchange.ReturnAsk{Buyer: "a-co", Name: id.String(), Reason: reason,
		By: "buyer:a-co", Budget: forNames})
	return inALine(adj, changed, err)
}

func decide(x *rig, id lead.ID, what string) string {
	x.T.Helper()
	adj, changed, err := x.Exchange.DecideReturn(exchange.ReturnDecision{Name: id.String(), What: what, Why: "looked",
		By: "anna", Budget: forNames})
	return inALine(adj, changed, err)
}

func inALine(adj *ledger.Adjusted, changed bool, err error) string {
	if err != nil {
		return "refused: " + err.Error()
	}
	out := fmt.Sprintf("%s, credit %s, clawback %s", adj.Adjustment, adj.Return.Credit, adj.Return.Clawback)
	if !changed {
		out += ", again"
	}
	return out
}

// counted tells how much of the caps of a's buyer is used.
func counted(x *rig) string {
	x.T.Helper()
	var out []string
	for _, c := range x.Exchange.Caps() {
		if !strings.HasPrefix(c.Cap.Key, "buyer:a-co") {
			continue
		}
		n := int64(0)
		for _, u := range x.Store.Use(&c.Cap, x.Exchange.Now()) {
			n += u.Used
		}
		out = append(out, strings.TrimPrefix(c.Cap.Key, "buyer:a-co:")+" "+c.Cap.Amount(n))
	}
	return strings.Join(out, ", ")
}

// want compares a line, and after a restart the counts once more.
func wantCounted(x *rig, want string) {
	x.T.Helper()
	for range 2 {
		if got := counted(x); got != want {
			x.T.Errorf("counted: %s, want %s", got, want)
		}
		x.Restart()
	}
}

func wantLine(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// audited has the auditor look at the ledger, and returns what it has counted.
func audited(x *rig) audit.Counts {
	x.T.Helper()
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
	}}, audit.Options{})
	if err != nil || !rep.OK {
		x.T.Errorf("audit: %v, %s", err, rep.Verdict())
	}
	return rep.Counts
}

func TestAReturnGivesBackOnce(t *testing.T) {
	exchangetest.Run(t, returning(48), func(x *rig) {
		id := sell(x)
		wantCounted(x, "day 1, spend:day 25.00, week 1, balance 25.00")
		wantLine(t, giveBack(x, id, "wrong_number"), "returned, credit 25.00, clawback 10.00")
		if st := &x.Exchange.Stats; st.Returned.Load() != 1 || st.RevenueLess.Load() != int64(25*dollar) ||
			st.PayoutLess.Load() != int64(10*dollar) {
			t.Errorf("counted: %d returned, %d and %d less", st.Returned.Load(), st.RevenueLess.Load(),
				st.PayoutLess.Load())
		}
		for range 2 {
			seq := x.Ledger.LastSeq()
			wantLine(t, giveBack(x, id, "half"), "returned, credit 25.00, clawback 10.00, again")
			if x.Ledger.LastSeq() != seq {
				t.Error("it was written again")
			}
			wantCounted(x, "day 0, spend:day 0.00, week 0, balance 0.00")
		}
		if r := x.Status(id); r.Result != lead.ResultSuccess || r.Price != 20*dollar {
			t.Errorf("the seller's answer is %+v", r)
		}
		if c := audited(x); c.Returns != 1 || c.Sales != 1 || c.Revenue != 0 || c.Payout != int64(10*dollar) {
			t.Errorf("audit: %+v", c)
		}
	})
}

// What stands under caps whose window has closed is not given back; money is.
func TestAReturnRefillsOpenWindowsOnly(t *testing.T) {
	exchangetest.Run(t, returning(480), func(x *rig) {
		first, second, third := sell(x), sell(x), sell(x)
		wantCounted(x, "day 3, spend:day 75.00, week 3, balance 75.00")
		x.Sleep(6 * time.Hour) // past midnight of Friday in New York: the day is over, the week is not
		fourth := sell(x)
		wantLine(t, giveBack(x, first, "wrong_number"), "returned, credit 25.00, clawback 10.00")
		wantCounted(x, "day 1, spend:day 25.00, week 3, balance 75.00")
		wantLine(t, giveBack(x, second, "half"), "returned, credit 12.50, clawback 5.00")
		wantCounted(x, "day 1, spend:day 25.00, week 3, balance 62.50") // the lead stays with its buyer
		wantLine(t, giveBack(x, fourth, "half"), "returned, credit 12.50, clawback 5.00")
		wantCounted(x, "day 1, spend:day 12.50, week 3, balance 50.00")
		x.Sleep(5 * 24 * time.Hour)
		wantLine(t, giveBack(x, third, "wrong_number"), "returned, credit 25.00, clawback 10.00")
		wantCounted(x, "day 0, spend:day 0.00, week 0, balance 25.00")
		audited(x)
	})
}

// A campaign, or a whole buyer, that is no longer configured gives nothing away of the money that comes back: the
// account follows, and so do the places of the buyer's caps that are still there.
func TestAReturnOfWhatIsNotConfiguredAnyMore(t *testing.T) {
	for _, c := range []struct {
		what    string
		instead campaign
		want    string
	}{
		{"the campaign is gone", campaign{ID: "other", Buyer: "a-co", Price: 5 * dollar},
			"day 0, spend:day 0.00, week 0, balance 0.00"},
		{"the buyer is gone", campaign{ID: "b", Price: 5 * dollar}, "day 1, spend:day 25.00, week 1, balance 0.00"},
	} {
		exchangetest.Run(t, returning(48), func(x *rig) {
			id, gone := sell(x), returning(48)
			gone.Campaigns = []campaign{c.instead}
			x.Reload(gone)
			adj, changed, err := x.Exchange.Return(exchange.ReturnAsk{Name: id.String(), Reason: "wrong_number",
				Grant: true, Budget: forNames})
			if line := inALine(adj, changed, err); !strings.HasPrefix(line, "returned, credit 25.00") {
				t.Errorf("%s: %s", c.what, line)
			}
			x.Reload(returning(48))
			if got := counted(x); got != c.want {
				t.Errorf("%s: counted: %s, want %s", c.what, got, c.want)
			}
			audited(x)
		})
	}
}

func TestAReturnThatFreesNoPlace(t *testing.T) {
	exchangetest.Run(t, returning(48, func(r *buyers.ReturnsSpec) { r.KeepCaps = true }), func(x *rig) {
		id := sell(x)
		giveBack(x, id, "wrong_number")
		wantCounted(x, "day 1, spend:day 25.00, week 1, balance 0.00")
		audited(x)
	})
}

func TestWhatWasNeverSoldIsNotGivenBack(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Post: exchangetest.Script(exchangetest.Decline("no"),
		exchangetest.Silence())}, campaign{ID: "b", Price: 24 * dollar})
	s.Buyer = gives(48)
	exchangetest.Run(t, s, func(x *rig) {
		refused, unknown := x.Quote(20*dollar, nil), x.Quote(20*dollar, nil)
		x.Post(refused, values{"phone": "6025550001"}, nil)
		x.Post(unknown, values{"phone": "6025550002"}, nil)
		pinged := x.Quote(20*dollar, nil)
		seq := x.Ledger.LastSeq()
		wantLine(t, giveBack(x, refused, "wrong_number"),
			"refused: this name leads to no sale, or to several: the buyer has "+
				"not taken it: rejected")
		wantLine(t, giveBack(x, unknown, "wrong_number"),
			"refused: this name leads to no sale, or to several: whether it "+
				"was sold is not known yet")
		for _, id := range []lead.ID{pinged, {1}} {
			wantLine(t, giveBack(x, id, "wrong_number"),
				"refused: this name leads to no sale, or to several: nothing that "+
					"was sold is called so")
		}
		// b has bought the first one, and a does not hear of it
		wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Buyer: "a-co", Name: "ref-b", Reason: "wrong_number",
			Budget: forNames})),
			"refused: this name leads to no sale, or to several: nothing that was sold is called so")
		if x.Ledger.LastSeq() != seq {
			t.Error("something was written")
		}
		wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Buyer: "b-co", Name: "ref-b", Reason: "wrong_number",
			Budget: forNames})), "returned, credit 24.00, clawback 0.00")
		wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Name: "b:ref-b", Reason: "wrong_number",
			Budget: forNames})), "returned, credit 24.00, clawback 0.00, again")
		wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Buyer: "b-co", Phone: "6025550001", Reason: "half",
			Budget: forNames})), "refused: leads are found by phone in the view for reports only, and there is none")
		audited(x)
	})
}

func TestReturnsNeedAPageThatHasThem(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := sell2(x, 8*dollar)
		wantLine(t, giveBack(x, id, "wrong_number"),
			"refused: this buyer gives nothing back: its page has no `returns`")
		wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Name: id.String(), Reason: "goodwill", Grant: true,
			By: "anna", Budget: forNames})), "returned, credit 10.00, clawback 0.00")
		audited(x)
	})
}

func sell2(x *rig, payout lead.Money) lead.ID {
	x.T.Helper()
	id := x.Quote(payout, nil)
	x.Post(id, nil, nil)
	return id
}

func TestReturnsAtTheEdgesOfTheirWindowAndLimit(t *testing.T) {
	count, percent, least := 3, 50*lead.Unit, 1
	limits := func(l buyers.ReturnLimitSpec) func(*buyers.ReturnsSpec) {
		return func(r *buyers.ReturnsSpec) { r.Limit = &l }
	}
	table := func(title string, s setup, do func(x *rig, line func(string))) string {
		var out strings.Builder
		fmt.Fprintf(&out, "%s\n", title)
		exchangetest.Run(t, s, func(x *rig) {
			do(x, func(text string) { fmt.Fprintf(&out, "  %s\n", text) })
			audited(x)
		})
		return out.String()
	}
	short := func(s string) string {
		return strings.NewReplacer("refused: the time in which the lead may be given back is over: it was until ",
			"over at ",
			"refused: as many of the period's leads are given back as may be: ", "limit: ").Replace(s)
	}
	at := func(hours int, after time.Duration) func(*rig, func(string)) {
		return func(x *rig, line func(string)) {
			id := sell(x)
			sold := exchangetest.Last[*ledger.Posting](x, id).At
			x.Sleep(sold.Add(after).Sub(x.Exchange.Now()))
			line(fmt.Sprintf("%s after the sale: %s", after, short(giveBack(x, id, "wrong_number"))))
		}
	}
	days := func(n int) setup {
		s := returning(1)
		before := s.Buyer
		s.Buyer = func(b *buyers.BuyerSpec) { before(b); b.Returns.WindowHours, b.Returns.WindowDays = nil, &n }
		return s
	}
	all := func(n int, reason string) func(*rig, func(string)) {
		return func(x *rig, line func(string)) {
			var ids []lead.ID
			for range n {
				ids = append(ids, sell(x))
			}
			for i, id := range ids {
				line(fmt.Sprintf("%d: %s", i+1, short(giveBack(x, id, reason))))
			}
		}
	}
	got := table("window_hours: 2", returning(2), at(2, 2*time.Hour-time.Microsecond)) +
		table("window_hours: 2", returning(2), at(2, 2*time.Hour)) +
		table("window_days: 0, sold at 19:00 in New York", days(0), at(0, 5*time.Hour-time.Second)) +
		table("window_days: 0", days(0), at(0, 5*time.Hour)) +
		table("window_days: 1", days(1), at(1, 29*time.Hour-time.Second)) +
		table("window_days: 1", days(1), at(1, 29*time.Hour)) +
		table("limit: 3 of 5 sales", returning(48, limits(buyers.ReturnLimitSpec{Count: &count})), all(5,
			"wrong_number")) +
		table("limit: 3, waiting ones count", returning(48, limits(buyers.ReturnLimitSpec{Count: &count})),
			all(4, "quality")) +
		table("limit: 50 % of 5 sales", returning(48, limits(buyers.ReturnLimitSpec{Percent: &percent})),
			all(5, "half")) +
		table("limit: 50 %, 1 at least, of 1 sale", returning(48, limits(buyers.ReturnLimitSpec{Percent: &percent,
			AtLeast: &least})), all(1, "half")) +
		table("limit: 50 % of 1 sale", returning(48, limits(buyers.ReturnLimitSpec{Percent: &percent})), all(1,
			"half")) +
		table("limit: 3 a month, sold in two", returning(48, limits(buyers.ReturnLimitSpec{Count: &count,
			Per: "month"})),
			func(x *rig, line func(string)) {
				var ids []lead.ID
				for range 4 {
					ids = append(ids, sell(x))
				}
				x.Sleep(6 * time.Hour) // it is January
				ids = append(ids, sell(x))
				x.Restart()
				for i, id := range ids {
					line(fmt.Sprintf("%d: %s", i+1, short(giveBack(x, id, "half"))))
				}
			})
	const want = `window_hours: 2
  1h59m59.999999s after the sale: returned, credit 25.00, clawback 10.00
window_hours: 2
  2h0m0s after the sale: over at 2000-01-01T02:00:00Z
window_days: 0, sold at 19:00 in New York
  4h59m59s after the sale: returned, credit 25.00, clawback 10.00
window_days: 0
  5h0m0s after the sale: over at 2000-01-01T05:00:00Z
window_days: 1
  28h59m59s after the sale: returned, credit 25.00, clawback 10.00
window_days: 1
  29h0m0s after the sale: over at 2000-01-02T05:00:00Z
limit: 3 of 5 sales
  1: returned, credit 25.00, clawback 10.00
  2: returned, credit 25.00, clawback 10.00
  3: returned, credit 25.00, clawback 10.00
  4: limit: 3 of at most 3 of 1999-12
  5: limit: 3 of at most 3 of 1999-12
limit: 3, waiting ones count
  1: return_asked, credit 0.00, clawback 0.00
  2: return_asked, credit 0.00, clawback 0.00
  3: return_asked, credit 0.00, clawback 0.00
  4: limit: 3 of at most 3 of 1999-12
limit: 50 % of 5 sales
  1: returned, credit 12.50, clawback 5.00
  2: returned, credit 12.50, clawback 5.00
  3: limit: 2 of at most 2 of 1999-12
  4: limit: 2 of at most 2 of 1999-12
  5: limit: 2 of at most 2 of 1999-12
limit: 50 %, 1 at least, of 1 sale
  1: returned, credit 12.50, clawback 5.00
limit: 50 % of 1 sale
  1: limit: 0 of at most 0 of 1999-12
limit: 3 a month, sold in two
  1: returned, credit 12.50, clawback 5.00
  2: returned, credit 12.50, clawback 5.00
  3: returned, credit 12.50, clawback 5.00
  4: limit: 3 of at most 3 of 1999-12
  5: returned, credit 12.50, clawback 5.00
`
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestAPersonDecidesAboutReturns(t *testing.T) {
	limit := func(r *buyers.ReturnsSpec) { n := 2; r.Limit = &buyers.ReturnLimitSpec{Count: &n} }
	exchangetest.Run(t, returning(1, limit), func(x *rig) {
		a, b, c, late := sell(x), sell(x), sell(x), sell(x)
		price := 10 * dollar
		grant := func(id lead.ID) string {
			return inALine(x.Exchange.Return(exchange.ReturnAsk{Name: id.String(), Reason: "quality", Grant: true,
				Credit: &price, By: "anna", Budget: forNames}))
		}
		for _, step := range []struct {
			do   func() string
			want string
		}{
			{func() string { return decide(x, a, "approve") }, "refused: " + exchange.ErrNotReturned.Error()},
			{func() string { return giveBack(x, a, "quality") }, "return_asked, credit 0.00, clawback 0.00"},
			{func() string { return giveBack(x, b, "quality") }, "return_asked, credit 0.00, clawback 0.00"},
			{func() string { return giveBack(x, a, "wrong_number") },
				"return_asked, credit 0.00, clawback 0.00, again"},
			{func() string { return giveBack(x, c, "bored") }, "refused: " + exchange.ErrReturnReason.Error() +
				`: "bored", expected one of wrong_number, half, quality, another`},
			{func() string { return giveBack(x, c, "quality") }, "refused: " + exchange.ErrReturnLimit.Error() +
				": 2 of at most 2 of 1999-12"},
			{func() string { return decide(x, a, "approve") }, "returned, credit 25.00, clawback 10.00"},
			{func() string { return decide(x, a, "approve") }, "returned, credit 25.00, clawback 10.00, again"},
			{func() string { return decide(x, a, "deny") }, "refused: " + exchange.ErrNotAsked.Error()},
			{func() string { return decide(x, b, "deny") }, "return_denied, credit 0.00, clawback 0.00"},
			{func() string { return decide(x, b, "deny") }, "return_denied, credit 0.00, clawback 0.00, again"},
			{func() string { return giveBack(x, b, "wrong_number") },
				"return_denied, credit 0.00, clawback 0.00, again"},
			// what was denied counts no more
			{func() string { return giveBack(x, c, "wrong_number") }, "returned, credit 25.00, clawback 10.00"},
			{func() string { x.Sleep(2 * time.Hour); return giveBack(x, late, "wrong_number") }, "refused: " +
				exchange.ErrReturnLate.Error() + ": it was until 2000-01-01T01:00:00Z"},
			{func() string { return grant(late) }, "returned, credit 10.00, clawback 4.00"},
			{func() string { return grant(b) }, "returned, credit 10.00, clawback 4.00"},
			{func() string { return decide(x, b, "revoke") }, "return_revoked, credit -10.00, clawback -4.00"},
			{func() string { return decide(x, b, "revoke") }, "return_revoked, credit -10.00, clawback -4.00, again"},
			{func() string { return giveBack(x, b, "wrong_number") },
				"return_revoked, credit -10.00, clawback -4.00, again"},
			{func() string { return grant(b) }, "returned, credit 10.00, clawback 4.00"},
			{func() string {
				_, _, err := x.Exchange.Correct(exchange.Correction{Name: b.String(), Why: "w"}, forNames)
				return fmt.Sprint(err)
			}, exchange.ErrReturned.Error()},
			{func() string {
				_, _, err := x.Exchange.Rebook(exchange.Rebooking{Name: b.String(), Price: &price, Why: "w"}, forNames)
				return fmt.Sprint(err)
			}, exchange.ErrReturned.Error()},
		} {
			wantLine(t, step.do(), step.want)
		}
		wantCounted(x, "day 2, spend:day 30.00, week 2, balance 30.00")
		if got := audited(x); got.Returns != 4 || got.Revenue != int64(30*dollar) || got.Payout != int64(52*dollar) {
			t.Errorf("audit: %+v", got)
		}
	})
}

// A return that waits and whose sale turns out never to have been one cannot be granted.
func TestAReturnOfASaleThatNeverWasOne(t *testing.T) {
	exchangetest.Run(t, returning(48), func(x *rig) {
		id := sell(x)
		giveBack(x, id, "quality")
		corrects(t, x, exchange.Correction{Name: attemptOf(t, x, id, "a").String()})
		attempt := attemptOf(t, x, id, "a")
		wantLine(t, decide(x, attempt, "approve"),
			"refused: this name leads to no sale, or to several: the buyer has not "+
				"taken it: rejected")
		wantCounted(x, "day 0, spend:day 0.00, week 0, balance 0.00")
		audited(x)
	})
}

func TestAReturnThatIsReplaced(t *testing.T) {
	exchangetest.Run(t, returning(48), func(x *rig) {
		before, id := sell(x), sell(x)
		x.Sleep(time.Second)
		wantLine(t, giveBack(x, id, "another"), "returned, credit 0.00, clawback 10.00")
		wantCounted(x, "day 1, spend:day 50.00, week 1, balance 50.00") // room for another, which is owed
		x.Sleep(time.Second)
		other, more := sell(x), sell(x)
		replace := func(id, with lead.ID) string {
			return inALine(x.Exchange.DecideReturn(exchange.ReturnDecision{Name: id.String(),
				What: exchange.ReturnReplace,
				With: with.String(), Why: "sent", By: "anna", Budget: forNames}))
		}
		is := "refused: " + exchange.ErrReplacement.Error()
		wantLine(t, replace(id, before), is+": it was sold before the other was given back")
		wantLine(t, replace(before, other), "refused: "+exchange.ErrNotReturned.Error())
		wantLine(t, replace(id, id), is+": expected another sale to a-co in solar, which is not given back")
		wantLine(t, replace(id, other), "replaced, credit 25.00, clawback 0.00")
		wantLine(t, replace(id, other), "replaced, credit 25.00, clawback 0.00, again")
		wantLine(t, replace(id, more), is+": no lead is owed for it")
		wantCounted(x, "day 3, spend:day 75.00, week 3, balance 75.00")
		x.Sleep(time.Second)
		wantLine(t, giveBack(x, more, "another"), "returned, credit 0.00, clawback 10.00")
		wantLine(t, replace(more, other), is+": it was sold before the other was given back")
		x.Sleep(time.Second)
		last := sell(x)
		wantLine(t, replace(more, last), "replaced, credit 25.00, clawback 0.00")
		if got := audited(x); got.Credits != int64(50*dollar) || got.Clawbacks != int64(20*dollar) || got.Returns != 2 {
			t.Errorf("audit: %+v", got)
		}
	})
}

// A return that the ledger does not take gives nothing back; one of which nobody can tell at once gives back when it is
// known.
func TestReturnsThatTheLedgerDoesNotTake(t *testing.T) {
	steps := map[string]func(*rig, lead.ID) string{
		"return_asked":   func(x *rig, id lead.ID) string { return giveBack(x, id, "quality") },
		"returned":       func(x *rig, id lead.ID) string { return giveBack(x, id, "wrong_number") },
		"return_denied":  func(x *rig, id lead.ID) string { return decide(x, id, "deny") },
		"return_revoked": func(x *rig, id lead.ID) string { return decide(x, id, "revoke") },
	}
	before := map[string]func(*rig, lead.ID) string{"return_denied": steps["return_asked"],
		"return_revoked": steps["returned"]}
	for name, step := range steps {
		for fault, stored := range map[exchangetest.Fault]bool{exchangetest.Refused: false, exchangetest.Lost: false,
			exchangetest.Kept: true} {
			t.Run(fmt.Sprint(name, " ", fault), func(t *testing.T) {
				limit := func(r *buyers.ReturnsSpec) { n := 9; r.Limit = &buyers.ReturnLimitSpec{Count: &n} }
				exchangetest.Run(t, returning(48, limit), func(x *rig) {
					id := sell(x)
					if f := before[name]; f != nil {
						f(x, id)
					}
					was := counted(x)
					x.Disk.Fail(ledger.KindAdjusted, fault)
					if got := step(x, id); !strings.HasPrefix(got, "refused: "+exchange.ErrNotBooked.Error()) {
						t.Errorf("without the ledger: %s", got)
					}
					if got := counted(x); got != was {
						t.Errorf("before it is known: %s, was %s", got, was)
					}
					x.Disk.Repair()
					x.Sleep(time.Minute)
					after := counted(x)
					if fault == exchangetest.Kept {
						x.Crash()
						if got := counted(x); got != after {
							t.Errorf("after a crash: %s, was %s", got, after)
						}
					} else if after != was {
						t.Errorf("nothing was stored: %s, was %s", after, was)
					}
					if got := step(x, id); strings.HasSuffix(got, "again") != stored || !strings.HasPrefix(got, name) {
						t.Errorf("once more: %s", got)
					}
					once := counted(x)
					x.Restart()
					if got := counted(x); got != once || stored && got != after {
						t.Errorf("in the end: %s, then %s, then %s", after, once, got)
					}
					audited(x)
				})
			})
		}
	}
}

// Who has reported a return before is not learned of twice, and what is given back is not reported.
func TestAReturnIsLearnedOnce(t *testing.T) {
	exchangetest.Run(t, returning(48), func(x *rig) {
		first, second := sell(x), sell(x)
		report := func(id lead.ID) error {
			_, err := x.Exchange.Report(exchange.Report{Name: id.String(), Fate: ledger.FateReturned, Why: "mail"},
				forNames)
			return err
		}
		if err := report(first); err != nil {
			t.Fatal(err)
		}
		giveBack(x, first, "wrong_number")
		giveBack(x, second, "wrong_number")
		if err := report(second); !errors.Is(err, exchange.ErrReported) {
			t.Errorf("reported after its return: %v", err)
		}
		for id, known := range map[lead.ID]bool{first: true, second: false} {
			if adj := exchangetest.Last[*ledger.Adjusted](x, id); adj.Return == nil || adj.Return.Known != known {
				t.Errorf("%+v", adj)
			}
		}
	})
}

// A source with a webhook hears of each return of its leads, and of its end.
func TestASourceIsToldOfReturns(t *testing.T) {
	s := returning(48)
	exchangetest.Run(t, hooked(t, s), func(x *rig) {
		takesEnds(x)
		id := sell(x)
		giveBack(x, id, "quality")
		decide(x, id, "approve")
		decide(x, id, "revoke")
		x.Sleep(time.Minute)
		wantEnds(x, id, "sold at 20", "returned at 20", "returned at 20")
		all := endsOf(x)
		for i, revoked := range []bool{false, true} {
			r := all[len(all)-2+i].Data.Returned
			if r == nil || r.ID != "ref-a" || r.Price != 20 || r.Clawback != 10 || r.Reason != "quality" ||
				r.Revoked != revoked {
				t.Errorf("told: %+v", r)
			}
		}
	})
}
