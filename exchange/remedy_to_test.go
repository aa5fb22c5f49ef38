// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/rules"
)

// goesTo has unsold leads of a vertical offered anew in another one.
func goesTo(other string, edit ...func(*exchange.RemedyTo)) func(*exchange.Vertical) {
	return func(v *exchange.Vertical) {
		to := &exchange.RemedyTo{Vertical: other, HopsMax: 1}
		if other == "aged" {
			to.Map = map[string]string{"where": "zip"}
		}
		for _, f := range edit {
			f(to)
		}
		v.Remediation = &exchange.Remediation{Endpoint: queue.Endpoint{For: 24 * time.Hour}, To: to}
	}
}

// sendsOn is a market in which nobody of solar buys and somebody of aged does.
func sendsOn(post exchangetest.Buyer, edit ...func(*exchange.RemedyTo)) setup {
	s := vertical(sellTo(1, campaign{ID: "a", Price: 20 * dollar, Spec: takesOld(600), Post: declines},
		agedBuyer(post)), goesTo("aged", edit...))
	s.Verticals = append(s.Verticals, agedVertical())
	return s
}

// opensAt are hours in New York.
func opensAt(t *testing.T, open ...string) *rules.Schedule {
	t.Helper()
	s, ds := rules.CompileSchedule(&rules.ScheduleSpec{Open: open}, "America/New_York")
	if ds != nil {
		t.Fatal(ds)
	}
	return s
}

// wentTo is as which lead one was resubmitted, zero if it was not.
func wentTo(x *rig, id lead.ID) (as lead.ID) {
	x.T.Helper()
	for _, adj := range exchangetest.All[*ledger.Adjusted](x, id) {
		if adj.Adjustment == ledger.AdjustResubmitted {
			as = adj.Resubmission.Lead
		}
	}
	return as
}

// An unsold lead goes to the other vertical by itself, once, and its seller's status follows; what a restart finds has
// gone on already.
func TestUnsoldLeadsGoToAnotherVertical(t *testing.T) {
	exchangetest.Run(t, sendsOn(nil), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		x.Sleep(time.Minute)
		as := wentTo(x, r.LeadID)
		wantSold(t, x.Status(r.LeadID), nil, 4*dollar)
		wantPosted(x, "a", "old")
		link := exchangetest.Last[*ledger.Adjusted](x, r.LeadID)
		if as.IsZero() || link.By != "clearpost" || link.Why != "unsold in solar" ||
			link.Resubmission.Vertical != "aged" {
			t.Errorf("%+v", link)
		}
		x.Restart()
		x.Sleep(time.Hour)
		wantPosted(x, "a", "old")
		if s := x.Exchange.Lines().Status(); len(s) != 1 || s[0].Sent != 1 || s[0].Dead != 0 {
			t.Errorf("lines: %+v", s)
		}
	})
}

// Which leads go on: by refusal, by what they are, by hours. The others stay in the list.
func TestWhichUnsoldLeadsGoOn(t *testing.T) {
	schema := exchangetest.NewVertical("solar").Schema
	criterion := func(spec rules.CriterionSpec) []rules.Criterion {
		out, ds := rules.Compile([]rules.CriterionSpec{spec}, schema, rules.Options{})
		if ds != nil {
			t.Fatal(ds)
		}
		return out
	}
	texts := func(v ...string) rules.CriterionSpec { return rules.CriterionSpec{Field: "zip", In: v} }
	for name, c := range map[string]struct {
		edit  func(*exchange.RemedyTo)
		after time.Duration
		goes  bool
	}{
		"by another refusal": {func(to *exchange.RemedyTo) { to.Refusals = []lead.Refusal{lead.NoBids} }, time.Hour,
			false},
		"by its refusal": {func(to *exchange.RemedyTo) {
			to.Refusals = []lead.Refusal{lead.NoBids, lead.BuyerRejected}
		}, time.Minute, true},
		"of another place": {func(to *exchange.RemedyTo) { to.When = criterion(texts("90210")) }, time.Hour, false},
		"of its place":     {func(to *exchange.RemedyTo) { to.When = criterion(texts("10001")) }, time.Minute, true},
		"before the hours": {func(to *exchange.RemedyTo) { to.Schedule = opensAt(t, "fri 22:00-23:00") }, 2 * time.Hour,
			false},
		"in the hours": {func(to *exchange.RemedyTo) { to.Schedule = opensAt(t, "fri 22:00-23:00") }, 181 * time.Minute,
			true},
		"hours that come too late": {func(to *exchange.RemedyTo) { to.Schedule = opensAt(t, "sun 10:00-11:00") },
			60 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, sendsOn(nil, c.edit), func(x *rig) {
				r, f := x.LeadNow(nil, nil)
				wantUnsold(t, r, f, lead.BuyerRejected)
				x.Sleep(c.after)
				if went := wentTo(x, r.LeadID); went.IsZero() == c.goes {
					t.Errorf("it went to %v", went)
				}
				if left := unsoldOf(x); slices.Contains(left, r.LeadID) == c.goes {
					t.Errorf("unsold: %v", left)
				}
				if s := x.Exchange.Lines().Status()[0]; strings.Contains(name, "too late") != (s.Dead == 1) {
					t.Errorf("lines: %+v", s)
				}
			})
		})
	}
}

// Two verticals that send each other what they cannot sell pass a lead on as often as they say, and no further.
func TestUnsoldLeadsGoInNoCircle(t *testing.T) {
	for hops := 1; hops <= 3; hops++ {
		t.Run(fmt.Sprint(hops), func(t *testing.T) {
			most := func(to *exchange.RemedyTo) { to.HopsMax = hops }
			s := sendsOn(declines, most)
			s.Verticals = []*exchange.Vertical{agedVertical(goesTo("solar", most))}
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.LeadNow(nil, nil)
				wantUnsold(t, r, f, lead.BuyerRejected)
				x.Sleep(2 * time.Hour)
				id, n := r.LeadID, 0
				for next := wentTo(x, id); !next.IsZero(); next = wentTo(x, id) {
					id, n = next, n+1
				}
				if n != hops {
					t.Errorf("it went on %d times", n)
				}
				wantUnsold(t, x.Status(r.LeadID), nil, lead.BuyerRejected)
				for _, s := range x.Exchange.Lines().Status() {
					if s.Dead != 0 || s.Waiting != 0 {
						t.Errorf("line: %+v", s)
					}
				}
			})
		})
	}
}

// What cannot go on is listed as dead, and keeps nobody from going on.
func TestUnsoldLeadThatCannotGoOnIsListed(t *testing.T) {
	s := sendsOn(nil, func(to *exchange.RemedyTo) { to.Map = map[string]string{"where": "phone_hash"} })
	exchangetest.Run(t, s, func(x *rig) {
		var ids []lead.ID
		for i := range 7 {
			r, f := x.LeadNow(values{"phone": fmt.Sprint("212736501", i)}, nil)
			wantUnsold(t, r, f, lead.BuyerRejected)
			ids = append(ids, r.LeadID)
		}
		x.Sleep(time.Minute)
		st := x.Exchange.Lines().Status()[0]
		if st.Dead != len(ids) || st.Tries != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		dead, ok := x.Exchange.Lines().Dead(st.Name, 0, 10)
		if !ok || len(dead) != len(ids) || !strings.Contains(dead[0].Why, "where: expected") ||
			strings.Contains(dead[0].Why, "10001") {
			t.Errorf("%+v", dead)
		}
		// with a mapping that fits they may be sent again
		x.Reload(sendsOn(nil))
		if _, _, err := x.Exchange.Lines().Replay(st.Name, ""); err != nil {
			t.Fatal(err)
		}
		x.Sleep(time.Minute)
		for _, id := range ids {
			wantSold(t, x.Status(id), nil, 4*dollar)
		}
	})
}

// The machine is lost at each write of the way to the other vertical: the lead is sold there once, or it is not known.
func TestGoingOnThroughACrashAtEveryWrite(t *testing.T) {
	for how, name := range map[exchangetest.Death]string{exchangetest.DiesBefore: "before",
		exchangetest.DiesWithin: "within", exchangetest.DiesAfter: "after"} {
		for n := 1; n <= 4; n++ { // two of its own trip, two of the next
			t.Run(fmt.Sprint(name, n), func(t *testing.T) { crashOnTheWay(t, n, how) })
		}
	}
}

func crashOnTheWay(t *testing.T, n int, how exchangetest.Death) {
	exchangetest.Run(t, sendsOn(nil), func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(16*dollar, nil)
		died := make(chan struct{})
		x.Disk.DieAt(n, how, func() { close(died) })
		post(x, id)
		<-died
		x.Crash()
		x.Exchange.Warm()
		x.Sleep(time.Minute)
		for range 3 {
			_, _ = x.Post(id, nil, nil) // its seller asks again
			x.Sleep(2 * time.Minute)
		}
		sold, open := len(x.Buyers.Calls("old", exchangetest.Post)), len(x.Open())
		if sold > 1 {
			t.Errorf("the buyer has it %d times", sold)
		}
		went := len(exchangetest.All[*ledger.Adjusted](x, id))
		switch s := x.Status(id); {
		case s.Result == lead.ResultSuccess && (sold != 1 || went != 1 || open != 0):
			t.Errorf("sold: the buyer has it %d times, it went on %d times, %d attempts are open", sold, went, open)
		case s.Result == lead.ResultPending && open != 1:
			t.Errorf("pending, and %d attempts are open", open)
		case s.Result != lead.ResultSuccess && s.Result != lead.ResultPending:
			t.Errorf("%+v", s)
		}
	})
}

// A paused source's leads wait, and the others go on.
func TestGoingOnWaitsForAPausedSource(t *testing.T) {
	s := sendsOn(nil)
	other := exchangetest.NewSource("other", "solar", "aged")
	s.Sources = append(s.Sources, other)
	exchangetest.Run(t, s, func(x *rig) {
		shut := func(on bool) {
			if _, _, err := x.Exchange.Pause("source:acme", on, "late", "op"); err != nil {
				t.Fatal(err)
			}
		}
		x.Buyers.Set("a", exchangetest.Post, func(*exchangetest.Request) exchangetest.Answer {
			return exchangetest.Decline("no").In(500 * time.Millisecond)
		})
		heard := make(chan lead.ID)
		go func() {
			r, _ := x.LeadNow(nil, nil)
			heard <- r.LeadID
		}()
		x.Sleep(100 * time.Millisecond)
		shut(true)
		id := <-heard
		x.Sleep(time.Minute)
		if !wentTo(x, id).IsZero() {
			t.Error("it went on while its source was paused")
		}
		shut(false)
		x.Sleep(10 * time.Minute)
		wantSold(t, x.Status(id), nil, 4*dollar)
	})
}
