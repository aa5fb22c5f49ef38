// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// paysPost has a campaign's post price be the one that is booked.
func paysPost(c *buyers.CampaignSpec) { c.Pay = "post_price" }

func money(m lead.Money) *lead.Money { return &m }

// An attempt of unknown end keeps its hold, over a restart too, until a person says what became of it.
func TestUnknownAttemptKeepsItsHoldUntilAPersonResolvesIt(t *testing.T) {
	for name, c := range map[string]struct{ restart, accepted bool }{"accepted": {false, true},
		"rejected": {false, false}, "accepted after a restart": {true, true},
		"rejected after a restart": {true, false}} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: capped(1), Post: silent})
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(20*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantPending(t, r, f)
				if c.restart {
					x.Restart()
				}
				r, f = x.Ping(nil, nil)
				wantUnsold(t, r, f, lead.NoBids)
				open := x.Open()
				if len(open) != 1 || open[0].Lead != id || open[0].Why != "timed_out" || open[0].Campaign != "a" ||
					open[0].Price != 25*dollar || open[0].Payout != 20*dollar {
					t.Fatalf("open: %+v", open)
				}
				found := exchange.Resolution{Attempt: open[0].Attempt, Accepted: c.accepted, Reference: "R-1",
					Price: money(24 * dollar), Why: "asked them", By: "me"}
				adj, err := x.Exchange.Resolve(found)
				if err != nil {
					t.Fatal(err)
				}
				if _, err = x.Exchange.Resolve(found); !errors.Is(err, exchange.ErrNotUnresolved) {
					t.Errorf("resolved twice: %v", err)
				}
				if len(x.Open()) != 0 {
					t.Error("it is still open")
				}
				again, f := x.Post(id, nil, nil)
				other, _ := x.Ping(nil, nil)
				settled := exchangetest.Last[*ledger.Settled](x, id)
				if !c.accepted {
					wantUnsold(t, again, f, lead.TimedOut)
					wantUsed(x, "a", 0)
					if other.Result != lead.ResultSuccess || adj.Price != 0 || adj.Outcome != lead.Rejected ||
						settled.Revenue != 0 {
						t.Errorf("another ping heard %+v, adjusted %+v", other, adj)
					}
					return
				}
				wantSold(t, again, f, 20*dollar) // as it was quoted
				wantUsed(x, "a", 1)
				if again.Reference != "R-1" || settled.Revenue != 24*dollar || adj.Price != 24*dollar ||
					adj.Payout != 20*dollar || other.Result != lead.ResultFailure {
					t.Errorf("answer %+v, settled %+v", again, settled)
				}
			})
		})
	}
}

func TestResolutionWithoutAPriceBooksTheBid(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = silent
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantPending(t, r, f)
		adj, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt, Accepted: true})
		if err != nil || adj.Price != 10*dollar || adj.Payout != 8*dollar {
			t.Errorf("adjusted: %+v, %v", adj, err)
		}
	})
}

// A one-shot lead is paid by the price that it was sold at and the terms of its posting, whatever is configured since.
func TestResolvedOneShotLeadPaysByTheTermsOfItsPosting(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = silent
	s.Source = func(s *exchange.Source) { s.Margin = &auction.Margin{PPM: 200_000, Fixed: dollar} }
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantPending(t, r, f)
		next := one()
		next.Source = margin(50)
		x.Reload(next)
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt, Accepted: true,
			Price: money(5_004_999)}); err != nil {
			t.Fatal(err)
		}
		wantSold(t, x.Status(r.LeadID), nil, 3*dollar) // 5.00 less 20 percent less 1.00
		if ev := exchangetest.Last[*ledger.Settled](x, r.LeadID); ev.Revenue != 5*dollar {
			t.Errorf("settled: %+v", ev)
		}
	})
}

func TestLeadUnderWayIsNotResolved(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2,
		Post: exchangetest.Always(exchangetest.Accept("r").In(time.Second))})
	for name, sell := range map[string]func(x *rig) chan told{
		"post": func(x *rig) chan told { return post(x, x.Quote(8*dollar, nil)) },
		"one shot": func(x *rig) chan told {
			return beside(func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, nil) })
		}} {
		exchangetest.Run(t, s, func(x *rig) {
			heard := sell(x)
			x.Sleep(100 * time.Millisecond)
			if open := x.Open(); len(open) != 0 {
				t.Errorf("%s: an attempt under way is listed: %+v", name, open)
			}
			open, err := x.Ledger.Unresolved()
			if err != nil || len(open) != 1 {
				t.Fatalf("%s: %+v, %v", name, open, err)
			}
			found := exchange.Resolution{Attempt: open[0].Attempt}
			if _, err := x.Exchange.Resolve(found); !errors.Is(err, exchange.ErrUnderWay) {
				t.Errorf("%s: resolved: %v", name, err)
			}
			a := <-heard
			wantSold(t, a.reply, a.fault, 8*dollar)
			if _, err := x.Exchange.Resolve(found); !errors.Is(err, exchange.ErrNotUnresolved) {
				t.Errorf("%s: resolved after its end: %v", name, err)
			}
		})
	}
}

// Of a shared lead the sales stand, and the one in doubt is added or not.
func TestSharedLeadIsSettledByTheResolutionOfItsLastAttempt(t *testing.T) {
	for accepted, payout := range map[bool]lead.Money{true: 15_200_000, false: 8 * dollar} {
		s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2}, campaign{ID: "b", Price: 9 * dollar,
			MaxSold: 2, Post: silent, Spec: capped(3)})
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(15_200_000, nil)
			r, f := x.Post(id, nil, nil)
			wantPending(t, r, f)
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt, Accepted: accepted,
				Reference: "late"}); err != nil {
				t.Fatal(err)
			}
			r, f = x.Post(id, nil, nil)
			wantSold(t, r, f, payout)
			if r.Reference != "ref-a" {
				t.Errorf("reply: %+v", r)
			}
			wantUsed(x, "b", map[bool]int64{true: 1, false: 0}[accepted])
			x.Restart()
			wantSold(t, x.Status(id), nil, payout)
			wantUsed(x, "b", map[bool]int64{true: 1, false: 0}[accepted])
		})
	}
}

// The post's price is booked where the campaign says so; the seller gets what it was quoted, or what the margin leaves.
func TestPostPriceIsBookedWhereTheCampaignSaysSo(t *testing.T) {
	for _, c := range []struct {
		name            string
		spec            func(*buyers.CampaignSpec)
		oneShot         bool
		revenue, payout lead.Money
	}{{"the bid, quoted", nil, false, 10 * dollar, 8 * dollar},
		{"the bid, one shot", nil, true, 10 * dollar, 8 * dollar},
		{"the post's, quoted", paysPost, false, 6 * dollar, 8 * dollar},
		{"the post's, one shot", paysPost, true, 6 * dollar, 4_800_000}} {
		t.Run(c.name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: c.spec,
				Post: exchangetest.Always(exchangetest.Accept("r", "price", 6*dollar))})
			exchangetest.Run(t, s, func(x *rig) {
				var r exchange.Reply
				var f *exchange.Fault
				if c.oneShot {
					r, f = x.LeadNow(nil, nil)
				} else {
					r, f = x.Post(x.Quote(8*dollar, nil), nil, nil)
				}
				wantSold(t, r, f, c.payout)
				ev := exchangetest.Last[*ledger.Posted](x, r.LeadID)
				if ev.Price != c.revenue || ev.AnswerPrice != 6*dollar || ev.PingPrice != 10*dollar {
					t.Errorf("posted: %+v", ev)
				}
				if st := &x.Exchange.Stats; st.RevenueMicros.Load() != int64(c.revenue) ||
					st.PayoutMicros.Load() != int64(c.payout) || st.Sold.Load() != 1 {
					t.Errorf("counted: %d, %d", st.RevenueMicros.Load(), st.PayoutMicros.Load())
				}
				if l := x.Exchange.Campaigns()[0]; l.RevenueMicros.Load() != int64(c.revenue) ||
					l.PayoutMicros.Load() != int64(c.payout) || l.Accepted.Load() != 1 || l.Posted.Load() != 1 {
					t.Errorf("the campaign counts %d, %d", l.RevenueMicros.Load(), l.PayoutMicros.Load())
				}
			})
		})
	}
}

// What a sale pays was agreed when the lead was posted: a margin that is changed, or a source that is gone, changes
// nothing of it.
func TestPayoutIsByTheTermsOfThePostingWhateverIsConfiguredSince(t *testing.T) {
	next := map[string]setup{"margin raised": one(), "margin lowered": one(), "source gone": withoutAcme(one())}
	for name, s := range next {
		if percent, changed := map[string]int64{"margin raised": 60, "margin lowered": 0}[name]; changed {
			s.Source = margin(percent)
		}
		for price, payout := range map[lead.Money]lead.Money{10 * dollar: 8 * dollar, 30 * dollar: 24 * dollar,
			0: 20 * dollar} {
			before := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Post: silent})
			exchangetest.Run(t, before, func(x *rig) {
				r, f := x.LeadNow(nil, nil)
				wantPending(t, r, f)
				terms := exchangetest.Last[*ledger.Posting](x, r.LeadID).Terms
				if terms == nil || terms.MarginPPM != 200_000 || !terms.PayoutFollows || terms.PostPrice {
					t.Errorf("terms: %+v", terms)
				}
				x.Reload(s)
				x.Restart()
				found := exchange.Resolution{Attempt: x.Open()[0].Attempt, Accepted: true}
				if price > 0 {
					found.Price = money(price)
				}
				adj, err := x.Exchange.Resolve(found)
				if err != nil || adj.Payout != payout {
					t.Errorf("%s: sold for %s: payout %+v, %v", name, price, adj, err)
				}
				end := exchangetest.Last[*ledger.Settled](x, r.LeadID)
				if end.Payout != payout || end.Revenue != adj.Price {
					t.Errorf("%s: settled %+v, adjusted %+v", name, end, adj)
				}
			})
		}
	}
}

// What a resolution books is in the sums as any sale's money, once: that of a lead of which nothing is known else, of
// one that another buyer has too, and what is taken back.
func TestMoneyOfAResolutionIsCounted(t *testing.T) {
	for _, beside := range []bool{false, true} {
		s := atOnce(t, 2, buys("a", 20, 2, silent), buys("b", 10, 2, declines))
		if beside {
			s.Campaigns[1].Post = nil
		}
		exchangetest.Run(t, s, func(x *rig) {
			sums := func(revenue, payout, ofA lead.Money) {
				t.Helper()
				st, a := &x.Exchange.Stats, x.Exchange.Campaigns()[0]
				is := [3]int64{st.RevenueMicros.Load() - st.RevenueLess.Load(), st.PayoutMicros.Load() -
					st.PayoutLess.Load(), a.RevenueMicros.Load()}
				if want := [3]int64{int64(revenue), int64(payout), int64(ofA)}; is != want {
					t.Errorf("revenue, payout, of a: %v, want %v", is, want)
				}
			}
			var price, payout lead.Money
			if beside {
				price, payout = 10*dollar, 8*dollar
			}
			r, f := x.Post(x.Quote(24*dollar, nil), nil, nil)
			wantPending(t, r, f)
			sums(price, payout, 0)
			open := x.Open()[0]
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open.Attempt, Accepted: true}); err != nil {
				t.Fatal(err)
			}
			sums(price+20*dollar, payout+16*dollar, 20*dollar)
			c := exchange.Correction{Name: open.Attempt.String(), Why: "they say no", By: "ann"}
			if _, _, err := x.Exchange.Correct(c, time.Second); err != nil {
				t.Fatal(err)
			}
			sums(price, payout, 20*dollar)
		})
	}
}
