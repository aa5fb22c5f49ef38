// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
)

func TestLeadGoesToTheHighestBidAndNobodyElse(t *testing.T) {
	s := sellTo(1, campaign{ID: "low", Price: 10 * dollar}, campaign{ID: "high", Price: 25 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 20*dollar)
		wantPosted(x, "high")
		if r.Reference != "ref-high" || len(r.Sales) != 1 || r.Sales[0].ID != "ref-high" ||
			r.Sales[0].Price != 20*dollar || r.LeadID != id {
			t.Errorf("reply: %+v", r)
		}
		ev := exchangetest.Last[*ledger.Posted](x, id)
		if ev.Outcome != lead.Accepted || ev.Price != 25*dollar || ev.Payout != 20*dollar || ev.PingPrice != 25*dollar {
			t.Errorf("posted: %+v", ev)
		}
		if ev := exchangetest.Last[*ledger.Settled](x, id); ev.Revenue != 25*dollar || ev.Payout != 20*dollar {
			t.Errorf("settled: %+v", ev)
		}
	})
}

// Whatever is a clear no, or never went out, gives the lead to the next bid that covers the quote.
func TestNextBidHasItsTurnAfterAClearNo(t *testing.T) {
	for name, no := range map[string]exchangetest.Buyer{"declined": declines, "unreachable": unreachable,
		"a duplicate": exchangetest.Always(exchangetest.Decline("duplicate lead")),
		"invalid":     exchangetest.Always(exchangetest.Decline("invalid phone")),
		"a 4xx":       exchangetest.Always(exchangetest.Answer{Status: 404})} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 30 * dollar, Post: no}, campaign{ID: "b", Price: 25 * dollar},
				campaign{ID: "c", Price: 24 * dollar})
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(24*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, 24*dollar)
				wantPosted(x, "a", "b")
				if ev := exchangetest.Last[*ledger.Settled](x, id); ev.Revenue != 25*dollar {
					t.Errorf("settled: %+v", ev)
				}
				all := exchangetest.All[*ledger.Posting](x, id)
				if len(all) != 2 || all[0].Post == nil || all[1].Post != nil || len(all[1].Private.Fields) != 0 {
					t.Errorf("what the seller has posted does not stand in the first attempt alone: %+v", all)
				}
			})
		})
	}
}

// The seller hears why the highest-ranked of those who were asked did not buy.
func TestBidThatDoesNotCoverTheQuoteIsNotPostedTo(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 30 * dollar, Post: exchangetest.Always(exchangetest.Decline("duplicate"))},
		campaign{ID: "short", Price: 24*dollar - dollar/100}, campaign{ID: "just", Price: 24 * dollar, Post: declines})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(24*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.BuyerDuplicate)
		wantPosted(x, "a", "just")
		wantTried(x, id, map[string]lead.Refusal{"short": lead.NotCovered})
	})
}

// unknowns are ends of a post after which the buyer may have the lead.
var unknowns = map[string]exchangetest.Answer{
	"silence":          exchangetest.Silence(),
	"a torn answer":    exchangetest.Torn(`{"status":"rej`),
	"a lost one":       {Refusal: lead.ConnectionLost},
	"a 500":            {Status: 500, Body: `{"error":"try again"}`},
	"a 502":            {Status: 502},
	"nothing":          {},
	"no JSON":          {Body: "<html>rejected</html>"},
	"an unclear word":  exchangetest.Says("status", "received"),
	"a no over a yes":  {Status: 400, Body: `{"status":"accepted"}`},
	"a half yes":       {Body: `{"status":"accep`},
	"too large":        {Refusal: lead.OversizedAnswer},
	"badly coded":      {Refusal: lead.BadCoding, Body: `{"status":"accepted"}`},
	"a loose half yes": {Body: `{"status":"accepted"`, Loose: true},
}

// After an attempt whose end nobody knows nobody else is asked, however many may buy the lead still.
func TestWalkEndsAtAnUnknownOutcome(t *testing.T) {
	for name, end := range unknowns {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ limit, at int }{{1, 0}, {2, 0}, {3, 0}, {3, 1}, {3, 2}} {
				wantWalkToEnd(t, c.limit, c.at, end)
			}
		})
	}
}

// wantWalkToEnd sells a lead to four buyers, so many at most, of whom one gives this end.
func wantWalkToEnd(t *testing.T, limit, at int, end exchangetest.Answer) {
	t.Helper()
	s := sellTo(limit)
	for i, id := range []string{"a", "b", "c", "d"} {
		s.Campaigns = append(s.Campaigns, campaign{ID: id, Price: lead.Money(12-i) * dollar, MaxSold: 3,
			Spec: capped(9)})
	}
	s.Campaigns[at].Post = exchangetest.Always(end)
	exchangetest.Run(t, s, func(x *rig) {
		p, _ := x.Ping(nil, nil)
		r, f := x.Post(p.LeadID, nil, nil)
		wantPending(t, r, f)
		if got := x.Buyers.Posted(); len(got) != at+1 {
			t.Errorf("limit %d: posts went to %v, want the first %d and no more", limit, got, at+1)
		}
		for i, c := range s.Campaigns {
			wantUsed(x, c.ID, map[bool]int64{true: 1, false: 0}[i <= at])
		}
		ev := exchangetest.Last[*ledger.Settled](x, p.LeadID)
		if ev.Result != lead.ResultPending || len(ev.Sales) != at || len(ev.Tried) != 0 {
			t.Errorf("limit %d: settled %+v", limit, ev)
		}
		again, f := x.Post(p.LeadID, nil, nil)
		wantPending(t, again, f)
		if n := len(x.Buyers.Posted()); n != at+1 {
			t.Errorf("limit %d: the repeat made it %d posts", limit, n)
		}
	})
}

func TestSharedLeadPaysEachPartAndNoMoreThanTheLimitBuy(t *testing.T) {
	shared := func(id string, price lead.Money) campaign { return campaign{ID: id, Price: price, MaxSold: 3} }
	s := sellTo(3, shared("a", 20*dollar), shared("b", 15*dollar), shared("c", 10*dollar), shared("d", 5*dollar))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(36*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 36*dollar)
		wantPosted(x, "a", "b", "c")
		wantTried(x, id, nil) // d was not so much as looked at
		if len(r.Sales) != 3 || r.Sales[0].Price != 16*dollar || r.Sales[1].Price != 12*dollar ||
			r.Sales[2].Price != 8*dollar || r.Reference != "ref-a" {
			t.Errorf("sales: %+v", r.Sales)
		}
	})
}

// A stand-by takes the largest part that its price covers, and none that has been paid already.
func TestStandByTakesAPartThatItCovers(t *testing.T) {
	shared := func(id string, price lead.Money, post exchangetest.Buyer) campaign {
		return campaign{ID: id, Price: price, MaxSold: 2, Post: post}
	}
	for _, c := range []struct {
		name   string
		cs     []campaign
		quote  lead.Money
		posted []string
		pays   []lead.Money
	}{
		{"the dearer part is refused, the stand-by covers the other only", []campaign{shared("a", 20*dollar, declines),
			shared("b", 10*dollar, declines), shared("c", 9*dollar, nil), shared("d", 8*dollar, nil)}, 24 * dollar,
			[]string{"a", "b", "c"}, []lead.Money{8 * dollar}},
		{"the stand-by covers both, and pays the dearer one", []campaign{shared("a", 20*dollar, declines),
			shared("b", 19*dollar, nil), shared("c", 17*dollar, nil)}, 31200 * dollar / 1000,
			[]string{"a", "b", "c"}, []lead.Money{16 * dollar, 15200 * dollar / 1000}},
		{"both are refused, two stand-bys take their places", []campaign{shared("a", 20*dollar, declines),
			shared("b", 10*dollar, declines), shared("c", 9*dollar, nil), shared("d", 8*dollar, nil),
			shared("e", 8*dollar, nil)}, 24 * dollar, []string{"a", "b", "c"}, []lead.Money{8 * dollar}},
	} {
		t.Run(c.name, func(t *testing.T) {
			exchangetest.Run(t, sellTo(2, c.cs...), func(x *rig) {
				id := x.Quote(c.quote, nil)
				r, f := x.Post(id, nil, nil)
				var sum lead.Money
				for _, m := range c.pays {
					sum += m
				}
				wantSold(t, r, f, sum)
				wantPosted(x, c.posted...)
				for i, s := range r.Sales {
					if s.Price != c.pays[i] {
						t.Errorf("sale %d pays %s, want %s", i, s.Price, c.pays[i])
					}
				}
			})
		})
	}
}

// An exclusive buyer in place of several ends the lead: it must cover all the parts that it makes impossible.
func TestExclusiveStandByMustCoverAllParts(t *testing.T) {
	for _, c := range []struct {
		name  string
		price lead.Money // of the exclusive stand-by
		sold  bool
	}{{"it covers one part only", 15 * dollar, false}, {"it lacks a cent", 18*dollar - dollar/100, false},
		{"it just covers both", 18 * dollar, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2, Post: declines},
				campaign{ID: "b", Price: 10 * dollar, MaxSold: 2, Post: declines}, campaign{ID: "x", Price: c.price})
			s.Source = margin(10)
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(18*dollar, nil)
				r, f := x.Post(id, nil, nil)
				if !c.sold {
					wantUnsold(t, r, f, lead.BuyerRejected)
					wantTried(x, id, map[string]lead.Refusal{"x": lead.NotCovered})
					return
				}
				wantSold(t, r, f, 18*dollar)
				if ev := exchangetest.Last[*ledger.Settled](x, id); ev.Revenue != 18*dollar || ev.Payout > ev.Revenue {
					t.Errorf("settled: %+v", ev)
				}
			})
		})
	}
}

// A stand-by that lets two buy in place of three gives up the smallest part, and covers it beside the one it takes.
// What is left of the quote is for the next.
func TestStandByThatAllowsFewerSalesCoversThePartsItCosts(t *testing.T) {
	cents := func(n lead.Money) lead.Money { return n * dollar / 100 }
	for _, c := range []struct {
		two  lead.Money // of the stand-by that lets the lead be sold twice
		pays []lead.Money
	}{{cents(1440), []lead.Money{cents(1440), cents(720)}}, {cents(1439), []lead.Money{cents(1360)}},
		{cents(1359), []lead.Money{cents(720)}}} {
		s := sellTo(3, campaign{ID: "a", Price: 10 * dollar, MaxSold: 3, Post: declines},
			campaign{ID: "b", Price: 9 * dollar, MaxSold: 3, Post: declines},
			campaign{ID: "c", Price: 8 * dollar, MaxSold: 3, Post: declines},
			campaign{ID: "two", Price: c.two, MaxSold: 2},
			campaign{ID: "next", Price: cents(799), MaxSold: 3})
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Post(x.Quote(cents(2160), nil), nil, nil)
			var sum lead.Money
			for _, p := range c.pays {
				sum += p
			}
			wantSold(t, r, f, sum)
			for i, s := range r.Sales {
				if s.Price != c.pays[i] {
					t.Errorf("at %s: sale %d pays %s, want %s", c.two, i, s.Price, c.pays[i])
				}
			}
		})
	}
}

func TestExclusiveStandByHasNoSlotOnceTheLeadIsSold(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2},
		campaign{ID: "b", Price: 10 * dollar, MaxSold: 2, Post: declines}, campaign{ID: "x", Price: 19 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		p, f := x.Ping(nil, nil)
		if f != nil || p.Price != 16*dollar {
			t.Fatalf("ping: %+v, %v", p, f)
		}
		r, f := x.Post(p.LeadID, nil, nil)
		wantSold(t, r, f, 8*dollar)
		if posted := x.Buyers.Calls("x", exchangetest.Post); len(posted) != 0 {
			t.Error("the exclusive buyer got a lead that another has")
		}
		wantTried(x, p.LeadID, map[string]lead.Refusal{"x": lead.NoSlot})
	})
}

func TestBuyerGetsALeadOnce(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Buyer: "same", Price: 20 * dollar, MaxSold: 2},
		campaign{ID: "b", Price: 10 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "a2", Buyer: "same", Price: 10 * dollar, MaxSold: 2})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.Post(x.Quote(24*dollar, nil), nil, nil)
		wantSold(t, r, f, 16*dollar)
		wantPosted(x, "a", "b")
	})
}

// A bid's own end counts at the post, to the moment.
func TestBidIsNotPostedToAfterItsOwnEnd(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		sold  bool
	}{{30*time.Second - time.Microsecond, true}, {30 * time.Second, false}, {31 * time.Second, false}} {
		// The quote counts on a, whose bid has no end; b stands by, and its bid lasts half a minute.
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: declines}, campaign{ID: "b", Price: 9 * dollar,
			Ping: exchangetest.Always(exchangetest.Bid(9*dollar, "expires", 30))})
		s.Source = margin(20)
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(8*dollar, nil)
			x.Sleep(c.after)
			r, f := x.Post(id, nil, nil)
			if c.sold {
				wantSold(t, r, f, 8*dollar)
				return
			}
			wantUnsold(t, r, f, lead.BuyerRejected)
			wantTried(x, id, map[string]lead.Refusal{"b": lead.BidExpired})
			wantPosted(x, "a")
		})
	}
}

func TestCriteriaOnFieldsOfThePostAreLookedAtThen(t *testing.T) {
	adults := func(c *buyers.CampaignSpec) {
		least := "21"
		c.Criteria = []rules.CriterionSpec{{Field: "age", Min: &least}}
		c.Ping.Request.Fields = c.Ping.Request.Fields[:2]
	}
	for age, sold := range map[string]bool{"20": false, "21": true} {
		exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: adults}), func(x *rig) {
			id := x.Quote(8*dollar, nil)
			r, f := x.Post(id, values{"age": age}, nil)
			if sold {
				wantSold(t, r, f, 8*dollar)
				return
			}
			wantUnsold(t, r, f, lead.QuoteLost)
			wantTried(x, id, map[string]lead.Refusal{"a": lead.CriteriaMismatch})
			wantPosted(x)
		})
	}
}

func TestPausedCampaignIsNotPostedTo(t *testing.T) {
	for _, subject := range []string{"campaign:a", "buyer:a-co"} {
		exchangetest.Run(t, one(), func(x *rig) {
			id := x.Quote(8*dollar, nil)
			if _, changed, err := x.Exchange.Pause(subject, true, "unpaid", "me"); err != nil || !changed {
				t.Fatal(err)
			}
			r, f := x.Post(id, nil, nil)
			wantUnsold(t, r, f, lead.QuoteLost)
			wantTried(x, id, map[string]lead.Refusal{"a": lead.Paused})
			wantPosted(x)
		})
	}
}

func TestCampaignThatIsGoneOrSellsOtherwiseIsNotPostedTo(t *testing.T) {
	gone := setup{Campaigns: []campaign{{ID: "b", Price: 10 * dollar}}}
	euros := vertical(one(), func(v *exchange.Vertical) { v.Currency = "EUR" })
	moved := one()
	moved.Verticals = []*exchange.Vertical{exchangetest.NewVertical("roof")}
	moved.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Vertical = "roof" }
	for name, next := range map[string]setup{"gone": gone, "euros": euros, "for another vertical": moved} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, one(), func(x *rig) {
				id := x.Quote(8*dollar, nil)
				x.Reload(next)
				r, f := x.Post(id, nil, nil)
				wantUnsold(t, r, f, lead.QuoteLost)
				wantTried(x, id, map[string]lead.Refusal{"a": lead.CampaignWithdrawn})
				wantPosted(x)
			})
		})
	}
}

func TestPostsAreThrottledAndTheNextHasItsTurn(t *testing.T) {
	slow := func(c *buyers.CampaignSpec) {
		perSecond, burst := dollar, 1
		c.Post.Rate = &rules.RateSpec{PerSecond: &perSecond, Burst: &burst}
	}
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: slow}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		first, second := x.Quote(8*dollar, nil), x.Quote(8*dollar, nil)
		r, f := x.Post(first, nil, nil)
		wantSold(t, r, f, 8*dollar)
		r, f = x.Post(second, values{"phone": "2127365001"}, nil)
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "a", "b")
		wantTried(x, second, map[string]lead.Refusal{"a": lead.Throttled})
		if n := x.Exchange.Campaigns()[0].ThrottleSkips.Load(); n != 1 {
			t.Errorf("%d throttled", n)
		}
		x.Sleep(time.Second)
		r, f = x.Post(x.Quote(8*dollar, nil), values{"phone": "2127365002"}, nil)
		wantSold(t, r, f, 8*dollar)
	})
}

// What the exchange knows of a lead reaches the requests: who sent it, how often it was sold and may be sold, in the
// ping and in each post. An explanation renders the ping as it was.
func TestRequestsKnowWhatTheExchangeKnows(t *testing.T) {
	spec := func(c *buyers.CampaignSpec) {
		of := request.FieldSpec{To: "of",
			Template: "{{ source }} {{ source_name }} {{ vertical }} {{ sold }}/{{ left }} {{ test }} {{ price }}"}
		c.Ping.Request.Fields = append(c.Ping.Request.Fields, of)
		c.Post.Request.Fields = append(c.Post.Request.Fields, of)
	}
	s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2, Spec: spec}, campaign{ID: "b", Price: 9 * dollar,
		MaxSold: 2, Spec: spec})
	s.Source = func(s *exchange.Source) { s.Name = "Acme" }
	exchangetest.Run(t, s, func(x *rig) {
		p := pinged(t, x, nil, nil)
		r, f := x.Post(p.LeadID, nil, nil)
		wantSold(t, r, f, 15_200_000)
		const ping = "acme Acme solar 0/2 false "
		for c, post := range map[string]string{"a": ping + "10.00", "b": "acme Acme solar 1/1 false 9.00"} {
			if got := x.Buyers.Calls(c, exchangetest.Ping)[0].Field("of"); got != ping {
				t.Errorf("the ping of %s: %q", c, got)
			}
			if got := x.Buyers.Calls(c, exchangetest.Post)[0].Field("of"); got != post {
				t.Errorf("the post of %s: %q, want %q", c, got, post)
			}
			if v := verdicts(explain(x, p.LeadID))[c]; v.Request != x.Buyers.Calls(c, exchangetest.Ping)[0].Bytes {
				t.Errorf("the ping of %s explained: %q", c, v.Request)
			}
		}
	})
}

// The highest bid is first, wherever its campaign stands in the configuration.
func TestSharedLeadGoesToItsBuyersByTheirRank(t *testing.T) {
	s := sellTo(3, campaign{ID: "low", Price: 8 * dollar, MaxSold: 3}, campaign{ID: "high", Price: 10 * dollar,
		MaxSold: 3}, campaign{ID: "mid", Price: 9 * dollar, MaxSold: 3})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.Post(x.Quote(21_600_000, nil), nil, nil)
		wantSold(t, r, f, 21_600_000)
		wantPosted(x, "high", "mid", "low")
		if r.Reference != "ref-high" {
			t.Errorf("reply: %+v", r)
		}
	})
}
