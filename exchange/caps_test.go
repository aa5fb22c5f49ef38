// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// perHour gives a campaign a cap of an hour, in UTC.
func perHour(limit int64) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		c.Caps = []rules.CapSpec{{Per: "hour", Limit: limit, Zone: "Etc/UTC"}}
	}
}

func TestCapCountsWhatIsSoldAndGivesBackWhatIsNot(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(1), Post: exchangetest.Script(
		exchangetest.Decline("no"), exchangetest.Accept("r"))})
	exchangetest.Run(t, s, func(x *rig) {
		spare := x.Quote(8*dollar, nil)
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wantUsed(x, "a", 0)
		r, f = x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantSold(t, r, f, 8*dollar)
		wantUsed(x, "a", 1)
		asked := len(x.Buyers.Calls("a", exchangetest.Ping))
		r, f = x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids)
		if b := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0]; b.Refusal != lead.CapReached || b.Price != 0 {
			t.Errorf("bid: %+v", b)
		}
		if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != asked {
			t.Error("a buyer whose cap is full was asked")
		}
		r, f = x.Post(spare, values{"phone": "2127365009"}, nil)
		wantUnsold(t, r, f, lead.QuoteLost)
		wantTried(x, spare, map[string]lead.Refusal{"a": lead.CapReached})
		x.Restart()
		wantUsed(x, "a", 1)
		if n := x.Exchange.Campaigns()[0].CapSkips.Load(); n != 0 {
			t.Errorf("%d skips since the restart", n)
		}
	})
}

// A sale stands under its caps for good. Of a lead that is done no hold is kept in memory; of a pending one it is.
func TestHoldsOfALeadThatIsDoneAreDropped(t *testing.T) {
	for name, c := range map[string]struct {
		post exchangetest.Buyer
		kept bool
	}{"sold": {nil, false}, "refused": {declines, false}, "pending": {silent, true}} {
		t.Run(name, func(t *testing.T) {
			s := cappedOne()
			s.Campaigns[0].Post = c.post
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				if _, f := x.Post(id, nil, nil); f != nil {
					t.Fatal(f)
				}
				attempt := exchangetest.Last[*ledger.Posting](x, id).Attempt
				errs, _ := x.Store.End(t.Context(), capstore.End{Token: attempt, Outcome: lead.Accepted})
				if (errs[0] == nil) != c.kept {
					t.Errorf("its hold is committed: %v", errs[0])
				}
			})
		})
	}
}

// However many trips want the last places of a cap at once, no more get one than there are.
func TestCapIsNotPassedByTripsAtOnce(t *testing.T) {
	const trips, limit = 12, 5
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(limit),
		Post: exchangetest.Always(exchangetest.Accept("r").In(time.Second))})
	exchangetest.Run(t, s, func(x *rig) {
		var heard []chan told
		var ids []lead.ID
		for range trips {
			ids = append(ids, x.Quote(8*dollar, nil))
		}
		for i, id := range ids {
			heard = append(heard, beside(func() (exchange.Reply, *exchange.Fault) {
				return x.Post(id, values{"phone": fmt.Sprint(2127365000 + i)}, nil)
			}))
		}
		x.Sleep(500 * time.Millisecond)
		wantUsed(x, "a", limit)
		sold := 0
		for _, c := range heard {
			if a := <-c; a.fault == nil && a.reply.Result == lead.ResultSuccess {
				sold++
			}
		}
		if sold != limit {
			t.Errorf("%d were sold under a cap of %d", sold, limit)
		}
		wantUsed(x, "a", limit)
	})
}

// An attempt is charged in the window in which it begins, and given back there.
func TestAttemptIsChargedInTheWindowInWhichItBegins(t *testing.T) {
	for name, end := range map[string]exchangetest.Answer{"sold": exchangetest.Accept("r"),
		"refused": exchangetest.Decline("no")} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: perHour(1),
				Post: exchangetest.Always(end.In(time.Second))})
			exchangetest.Run(t, s, func(x *rig) {
				x.Sleep(time.Hour - 500*time.Millisecond) // time begins with an hour
				id := x.Quote(8*dollar, nil)
				a := <-post(x, id)
				if (a.reply.Result == lead.ResultSuccess) != (name == "sold") {
					t.Errorf("heard %+v", a)
				}
				wantUsed(x, "a", 0) // it is another hour now
				charged := exchangetest.Last[*ledger.Posting](x, id).Charges
				if len(charged) != 1 || charged[0].N != 1 || charged[0].Window != "2000-01-01T00+00:00" {
					t.Errorf("charges: %+v", charged)
				}
				use := x.Store.Use(&rules.Cap{Key: charged[0].Cap}, time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC))
				if want := map[string]int64{"sold": 1, "refused": 0}[name]; use[0].Used != want {
					t.Errorf("%d stand in the hour of the attempt, want %d", use[0].Used, want)
				}
			})
		})
	}
}

// A buyer's second campaign may take the place under the buyer's cap that the first one gives back, and no other.
func TestSecondCampaignOfABuyerMayTakeThePlaceOfTheFirst(t *testing.T) {
	for _, c := range []struct {
		first exchangetest.Answer
		sold  bool
	}{{exchangetest.Decline("no"), true}, {exchangetest.Unreachable(), true}, {exchangetest.Silence(), false}} {
		s := sellTo(1, campaign{ID: "top", Price: 11 * dollar, Post: declines},
			campaign{ID: "a", Buyer: "same", Price: 10 * dollar, Post: exchangetest.Always(c.first)},
			campaign{ID: "b", Buyer: "same", Price: 9 * dollar})
		s.Buyer = func(b *buyers.BuyerSpec) { b.Caps = []rules.CapSpec{{Per: "total", Limit: 1}} }
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.LeadNow(nil, nil)
			if c.sold {
				wantSold(t, r, f, 7_200_000)
				wantPosted(x, "top", "a", "b")
			} else {
				wantPending(t, r, f)
				wantPosted(x, "top", "a")
			}
			wantUsed(x, "a", 1)
			wantUsed(x, "top", 0)
		})
	}
}

// A cap that a reload adds counts for trips that go on under the older configuration.
func TestCapThatAReloadAddsHoldsForTripsUnderWay(t *testing.T) {
	plain, with := one(), sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(1)})
	exchangetest.Run(t, plain, func(x *rig) {
		first, second := x.Quote(8*dollar, nil), x.Quote(8*dollar, nil)
		one, two := x.NewPost(first, nil), x.NewPost(second, values{"phone": "2127365001"})
		x.Reload(with)
		wantUsed(x, "a", 0)
		r, f := x.Exchange.Post(one)
		wantSold(t, r, f, 8*dollar)
		wantUsed(x, "a", 1)
		charges := exchangetest.Last[*ledger.Posting](x, first).Charges
		if len(charges) != 1 || charges[0].N != 1 {
			t.Errorf("charges: %+v", charges)
		}
		r, f = x.Exchange.Post(two)
		wantUnsold(t, r, f, lead.QuoteLost)
		wantTried(x, second, map[string]lead.Refusal{"a": lead.CapReached})
		x.Restart()
		wantUsed(x, "a", 1)
	})
}

// A cap that a reload takes away still counts for trips that began under it, and so does the lower of two maximums.
func TestTripKeepsToTheCapsOfItsOwnConfigurationToo(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*buyers.CampaignSpec)
	}{"taken away": {capped(1), nil}, "raised": {capped(1), capped(9)}, "lowered": {capped(9), capped(1)}} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: c.before})
			exchangetest.Run(t, s, func(x *rig) {
				ids := []lead.ID{x.Quote(8*dollar, nil), x.Quote(8*dollar, nil)}
				var posts []*exchange.PostIn
				for i, id := range ids {
					posts = append(posts, x.NewPost(id, values{"phone": fmt.Sprint(2127365000 + i)}))
				}
				x.Reload(sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: c.after}))
				r, f := x.Exchange.Post(posts[0])
				wantSold(t, r, f, 8*dollar)
				r, f = x.Exchange.Post(posts[1])
				wantUnsold(t, r, f, lead.QuoteLost)
				wantTried(x, ids[1], map[string]lead.Refusal{"a": lead.CapReached})
			})
		})
	}
}

// Days that count together look back over midnight, over a restart, and to before there was such a cap.
func TestCapOfTheLastDays(t *testing.T) {
	caps := func(specs ...rules.CapSpec) setup {
		return sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) { c.Caps = specs }})
	}
	daily := rules.CapSpec{Per: "day", Limit: 2, Zone: "America/New_York"}
	exchangetest.Run(t, caps(daily), func(x *rig) {
		person := 0
		sell := func(want lead.Refusal) {
			t.Helper()
			person++
			r, f := x.Ping(nil, nil)
			if want != lead.NoRefusal {
				wantUnsold(t, r, f, lead.NoBids)
				if b := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0]; b.Refusal != want {
					t.Errorf("bid: %+v", b)
				}
				return
			}
			r, f = x.Post(r.LeadID, values{"phone": fmt.Sprint(2127360000 + person)}, nil)
			wantSold(t, r, f, 8*dollar)
		}
		sell(lead.NoRefusal)
		sell(lead.NoRefusal)
		sell(lead.CapReached)
		x.Sleep(24 * time.Hour)
		sell(lead.NoRefusal)
		rolling := rules.CapSpec{Last: "3 days", Limit: 4, Zone: "America/New_York"}
		x.Reload(caps(rolling, daily))
		wantUsed(x, "a", 3)
		x.Sleep(24 * time.Hour)
		x.Restart()
		wantUsed(x, "a", 3)
		sell(lead.NoRefusal)
		sell(lead.CapReached) // four in three days, one today
		x.Sleep(24 * time.Hour)
		wantUsed(x, "a", 2)
		sell(lead.NoRefusal)
		sell(lead.NoRefusal)
		sell(lead.CapReached)
	})
}
