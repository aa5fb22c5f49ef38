// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"clearpost/auction/value"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// learns sells to one who bids much and refuses all, and to one who bids less and takes all.
func learns(m value.Mode, change func(*value.Rules)) setup {
	s := sellTo(1, campaign{ID: "bluff", Price: 30 * dollar, Post: declines},
		campaign{ID: "honest", Price: 26 * dollar})
	s.Vertical = func(v *exchange.Vertical) {
		r := value.Usual(m)
		r.Explore = 0
		if change != nil {
			change(&r)
		}
		zip, _ := v.Schema.Position("zip")
		v.Plan.SellLimit = 1
		v.Learned = &exchange.Valuation{Rules: r, Segment: []exchange.SegmentPart{{Source: true}, {Field: zip}}}
	}
	return s
}

// person is a lead of somebody else each time.
func person(n int) exchangetest.Values {
	return exchangetest.Values{"phone": fmt.Sprintf("212736%04d", 100+n)}
}

// sells has leads sold one after the other, and gives the first campaign of each order.
func sells(t *testing.T, x *rig, from, n int) (first []string) {
	t.Helper()
	for i := from; i < from+n; i++ {
		r, f := x.Ping(person(i), nil)
		if f != nil {
			t.Fatal(f)
		}
		for _, b := range exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids {
			if b.Rank == 1 {
				first = append(first, b.Campaign)
			}
		}
		if _, f := x.Post(r.LeadID, person(i), nil); f != nil {
			t.Fatal(f)
		}
		x.Sleep(2 * time.Second)
	}
	return first
}

// A campaign that refuses what it has bid for falls behind one that bids less and takes it, once that is known; where
// values are only observed it goes on winning, and the event tells who would have.
func TestBidsRankByLearnedValue(t *testing.T) {
	for _, m := range []value.Mode{value.On, value.Observe, value.Off} {
		t.Run(m.String(), func(t *testing.T) {
			exchangetest.Run(t, learns(m, nil), func(x *rig) {
				first := sells(t, x, 0, 40)
				if first[0] != "bluff" {
					t.Errorf("nothing is known yet, and %s is first", first[0])
				}
				if last := first[39]; (m == value.On) != (last == "honest") {
					t.Errorf("after 39 leads %s is first", last)
				}
				ev := lastPing(x)
				switch {
				case m == value.Off && ev.Learned != nil:
					t.Errorf("the event tells of %+v", ev.Learned)
				case m == value.Off:
				case ev.Learned == nil || ev.Learned.Mode != m.String() || ev.Learned.Segment != "acme|10001":
					t.Errorf("the event tells of %+v", ev.Learned)
				case m == value.Observe && (len(ev.Learned.Would) != 1 || ev.Learned.Would[0].Campaign != "honest"):
					t.Errorf("by value %+v would have won", ev.Learned.Would)
				}
				for _, b := range ev.Bids {
					if m == value.Off && b.Factors != nil || m != value.Off && len(b.Factors) != 3 {
						t.Errorf("%s has factors %v", b.Campaign, b.Factors)
					}
				}
				if rows, _ := x.Exchange.Learned("bluff"); m != value.Off && (len(rows) != 3 || rows[0].Accepted != 0 ||
					rows[0].Tried != float64(len(x.Buyers.Calls("bluff", exchangetest.Post))) ||
					rows[0].Paid != 980_000 || rows[2].Segment != "acme|10001" || rows[2].Prices != "20.00–40.00") {
					t.Errorf("known of it: %+v", rows)
				}
			})
		})
	}
}

func lastPing(x *rig) (last *ledger.Pinged) {
	if err := x.Ledger.Scan(0, func(r ledger.Record) error {
		if r.Kind == ledger.KindPinged {
			ev, err := ledger.Decode(r.Bytes)
			last = ev.(*ledger.Pinged)
			return err
		}
		return nil
	}); err != nil {
		x.T.Fatal(err)
	}
	return last
}

// What is known after a restart is what was known before: from what was kept and the events since, and from the events
// alone.
func TestLearnedOutlivesARestart(t *testing.T) {
	exchangetest.Run(t, learns(value.On, nil), func(x *rig) {
		sells(t, x, 0, 50) // longer than a minute: it is kept
		before, seq := x.Exchange.Learned("")
		if b, err := x.Ledger.Fold("learned.json"); err != nil || b == nil {
			t.Fatalf("kept: %s, %v", b, err)
		}
		for _, how := range []func(){x.Restart, x.Crash, func() {
			if err := x.Ledger.KeepFold("learned.json", []byte("{")); err != nil {
				t.Fatal(err)
			}
			x.Restart()
		}} {
			how()
			if now, upTo := x.Exchange.Learned(""); !reflect.DeepEqual(now, before) || upTo != seq || len(now) == 0 {
				t.Errorf("known up to %d: %+v, and before up to %d: %+v", upTo, now, seq, before)
			}
		}
	})
}

// By other rules all is learned anew from the ledger; a change of what is done with it forgets nothing.
func TestLearnedByOtherRules(t *testing.T) {
	exchangetest.Run(t, learns(value.Observe, nil), func(x *rig) {
		sells(t, x, 0, 30)
		before, _ := x.Exchange.Learned("bluff")
		x.Reload(learns(value.On, nil))
		if now, _ := x.Exchange.Learned("bluff"); len(now) != len(before) || now[0].Tried != before[0].Tried ||
			now[0].Mode != "on" {
			t.Errorf("%+v", now)
		}
		x.Reload(learns(value.On, func(r *value.Rules) { r.Bands = []lead.Money{25 * dollar, 27 * dollar} }))
		now, _ := x.Exchange.Learned("bluff")
		if len(now) != 3 || now[2].Prices != "27.00–" || now[2].Tried != before[2].Tried {
			t.Errorf("%+v", now)
		}
		x.Reload(learns(value.Off, nil))
		if now, _ := x.Exchange.Learned("bluff"); now != nil {
			t.Errorf("%+v", now)
		}
	})
}

// An attempt whose outcome nobody knows teaches nothing until it is resolved; a test teaches nothing at all.
func TestWhatTeachesNothing(t *testing.T) {
	s := learns(value.On, nil)
	s.Campaigns = []campaign{{ID: "slow", Price: 20 * dollar, Post: silent}}
	s.Source = func(a *exchange.Source) { a.Tests = true }
	exchangetest.Run(t, s, func(x *rig) {
		r, _ := x.Ping(person(1), nil)
		x.Post(r.LeadID, person(1), nil)
		x.Sleep(time.Minute)
		if rows, _ := x.Exchange.Learned("slow"); rows != nil {
			t.Errorf("an unknown attempt has taught %+v", rows)
		}
		open, err := x.Exchange.Unresolved()
		if err != nil || len(open) != 1 {
			t.Fatalf("%+v, %v", open, err)
		}
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt, Accepted: true, Why: "asked",
			By: "ann"}); err != nil {
			t.Fatal(err)
		}
		rows, _ := x.Exchange.Learned("slow")
		if len(rows) != 3 || rows[0].Tried != 1 || rows[0].Accepted != 1 {
			t.Errorf("resolved, it has taught %+v", rows)
		}
		x.LeadNow(person(2), func(p *exchange.Ping) { p.Test.On = true })
		if now, _ := x.Exchange.Learned("slow"); !reflect.DeepEqual(now, rows) {
			t.Errorf("a test has taught %+v", now)
		}
	})
}

// At the share of leads that explore, campaigns of whom little is known count by their prices; one that accepts too
// seldom stands behind all others.
func TestExploringAndLastResort(t *testing.T) {
	all := func(r *value.Rules) { r.Explore, r.Thin = value.One, 1000 }
	exchangetest.Run(t, learns(value.On, all), func(x *rig) {
		if first := sells(t, x, 0, 40); slices.Contains(first, "honest") || !lastPing(x).Learned.Explores {
			t.Errorf("first were %v", first)
		}
	})
	last := func(r *value.Rules) {
		r.Grades = []value.Grade{{Name: "priority", From: 790_000, Counts: value.One},
			{Name: "last", Counts: value.One, Last: true}}
	}
	exchangetest.Run(t, learns(value.On, last), func(x *rig) {
		sells(t, x, 0, 40)
		for _, b := range lastPing(x).Bids {
			if b.LastResort != (b.Campaign == "bluff") {
				t.Errorf("%s is a last resort: %t", b.Campaign, b.LastResort)
			}
		}
	})
}

// Of a lead in one shot a refusal costs nothing: the dearest is asked first, however seldom it accepts.
func TestOneShotDoesNotCountAcceptance(t *testing.T) {
	exchangetest.Run(t, learns(value.On, nil), func(x *rig) {
		sells(t, x, 0, 40)
		r, f := x.LeadNow(person(99), nil)
		if f != nil {
			t.Fatal(f)
		}
		for _, b := range exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids {
			if (b.Rank == 1) != (b.Campaign == "bluff") || b.Factors[0] != value.One {
				t.Errorf("%s has rank %d by %v", b.Campaign, b.Rank, b.Factors)
			}
		}
	})
}

// What is reported of a sale teaches, once, and changes nothing else.
func TestReportsTeach(t *testing.T) {
	exchangetest.Run(t, learns(value.On, nil), func(x *rig) {
		var sold []string
		var first lead.ID
		for i := range 30 {
			r, f := x.LeadNow(person(i), nil)
			if f != nil || r.Result != lead.ResultSuccess {
				t.Fatalf("%+v, %v", r, f)
			}
			if sold = append(sold, r.LeadID.String()); i == 0 {
				first = r.LeadID
			}
			x.Sleep(2 * time.Second)
		}
		report := func(name, fate string) error {
			_, err := x.Exchange.Report(exchange.Report{Name: name, Fate: fate, Why: "their list", By: "ann"},
				time.Second)
			return err
		}
		status := x.Status(first)
		for _, id := range sold {
			if err := errors.Join(report(id, ledger.FateReturned), report(id, ledger.FateUnpaid)); err != nil {
				t.Fatal(err)
			}
		}
		rows, _ := x.Exchange.Learned("honest")
		if r := rows[0]; r.Tried != 30 || r.Accepted != 30 || r.Returned != 30 || r.Billed != 30 ||
			r.Return < 400_000 || r.Paid > 600_000 {
			t.Errorf("%+v", r)
		}
		if err := report(sold[0], ledger.FatePaid); !errors.Is(err, exchange.ErrReported) {
			t.Errorf("reported as unpaid before, then as paid: %v", err)
		}
		if err := report("no such reference", ledger.FatePaid); !errors.Is(err, exchange.ErrNoSale) {
			t.Errorf("a name of nothing: %v", err)
		}
		if now := x.Status(first); !reflect.DeepEqual(now, status) {
			t.Errorf("the seller hears %+v, and before %+v", now, status)
		}
		x.Restart()
		if now, _ := x.Exchange.Learned("honest"); !reflect.DeepEqual(now, rows) {
			t.Errorf("after a restart: %+v", now[0])
		}
	})
}

// A campaign that lags behind its cap counts more, the more of the window is over; without a cap it does not.
func TestUnusedCapCounts(t *testing.T) {
	s := learns(value.On, func(r *value.Rules) { r.UnusedCap = 200_000 })
	s.Campaigns[1].Spec = func(c *buyers.CampaignSpec) { c.Caps = []rules.CapSpec{{Per: "day", Limit: 10}} }
	exchangetest.Run(t, s, func(x *rig) {
		weight := func(n int) (out int64) {
			x.Ping(person(n), nil)
			for _, b := range lastPing(x).Bids {
				switch {
				case b.Campaign == "honest" && len(b.Factors) == 4:
					out = b.Factors[3]
				case b.Campaign == "bluff" && len(b.Factors) != 3:
					t.Errorf("without a cap: %v", b.Factors)
				}
			}
			return out
		}
		x.Sleep(5*time.Hour + time.Minute) // midnight in New York is at 05:00
		early := weight(1)
		x.Sleep(23 * time.Hour)
		if late := weight(2); early > 1_001_000 || late < 1_190_000 || late > 1_200_000 {
			t.Errorf("at the beginning of its day it counts %d, at the end %d", early, late)
		}
	})
}
