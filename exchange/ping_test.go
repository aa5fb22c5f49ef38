// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/answer"
)

// bids are a ping's bids by campaign, the last of a campaign's legs.
func bids(x *rig, id lead.ID) map[string]ledger.Bid {
	x.T.Helper()
	out := map[string]ledger.Bid{}
	for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
		out[b.Campaign] = b
	}
	return out
}

func TestPingIsAnsweredWithWhatTheMarginLeavesOfTheHighestBid(t *testing.T) {
	for _, c := range []struct {
		margin auction.Margin
		quote  lead.Money
	}{{auction.Margin{}, 10_010_000}, {auction.Margin{PPM: 200_000}, 8_000_000},
		{auction.Margin{PPM: 200_000, Fixed: dollar}, 7_000_000}} {
		s := sellTo(1, campaign{ID: "a", Price: 10_010_000}, campaign{ID: "b", Price: 9 * dollar})
		s.Source = func(s *exchange.Source) { s.Margin = &c.margin }
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Ping(nil, func(p *exchange.Ping) { p.SellerLeadID = "S-1" })
			if f != nil || r.Price != c.quote || r.Result != lead.ResultSuccess || r.SellerLeadID != "S-1" {
				t.Fatalf("quote: %+v, %v, want %s", r, f, c.quote)
			}
			if end := x.Exchange.Now().Add(5 * time.Minute); !r.ExpiresAt.Equal(end) {
				t.Errorf("the quote ends at %s, want %s", r.ExpiresAt, end)
			}
			got := bids(x, r.LeadID)
			if a, b := got["a"], got["b"]; a.Rank != 1 || !a.Winner || a.Payout != c.quote || b.Rank != 2 || b.Winner {
				t.Errorf("bids: %+v", got)
			}
			if won := x.Exchange.Campaigns()[0].Won.Load(); won != 1 {
				t.Errorf("won %d", won)
			}
		})
	}
}

// Every way in which a ping may fail has its name, and costs the others nothing.
func TestEachEndOfAPingIsNamedAndTheRestStillBids(t *testing.T) {
	for name, c := range map[string]struct {
		answer exchangetest.Answer
		want   lead.Refusal
		late   int64
		errors int64
	}{
		"silence":         {exchangetest.Silence(), lead.TimedOut, 1, 0},
		"at the deadline": {exchangetest.Bid(40 * dollar).In(400 * time.Millisecond), lead.TimedOut, 1, 0},
		"unreachable":     {exchangetest.Unreachable(), lead.Unreachable, 0, 1},
		"torn":            {exchangetest.Torn(""), lead.TornAnswer, 0, 1},
		"declined":        {exchangetest.Decline("no"), lead.NoBid, 0, 0},
		"a duplicate":     {exchangetest.Decline("duplicate"), lead.BuyerDuplicate, 0, 0},
		"a 500":           {exchangetest.Answer{Status: 500}, lead.ServerError, 0, 0},
		"no JSON":         {exchangetest.Answer{Body: "oops"}, lead.MalformedAnswer, 0, 0},
		"without a price": {exchangetest.Says("status", "accepted"), lead.MissingPrice, 0, 0},
		"another word":    {exchangetest.Says("status", "maybe"), lead.NoBid, 0, 0},
		"torn without a mark": {exchangetest.Answer{Body: `{"status":"accepted","price":40`, Loose: true},
			lead.MalformedAnswer, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "bad", Ping: exchangetest.Always(c.answer)}, campaign{ID: "good",
				Price: 10 * dollar})
			exchangetest.Run(t, s, func(x *rig) {
				begin := time.Now()
				id := x.Quote(8*dollar, nil)
				if took := time.Since(begin); took > 400*time.Millisecond {
					t.Errorf("answered after %v", took)
				}
				b := bids(x, id)["bad"]
				if b.Refusal != c.want || b.Price != 0 || b.Rank != 0 {
					t.Errorf("bid: %+v, want %s", b, c.want)
				}
				if kept := b.Answer != ""; kept != (b.Refusal == lead.MalformedAnswer) {
					t.Errorf("of the answer %q is kept", b.Answer)
				}
				l := x.Exchange.Campaigns()[0]
				if l.Asked.Load() != 1 || l.Bids.Load() != 0 || l.Late.Load() != c.late || l.Errors.Load() != c.errors {
					t.Errorf("asked %d, bids %d, late %d, errors %d", l.Asked.Load(), l.Bids.Load(), l.Late.Load(),
						l.Errors.Load())
				}
			})
		})
	}
}

func TestPingThatNobodyMayAnswerSaysWhy(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"99999"}}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoEligible)
		if r.Details != lead.NoEligible.Info().Meaning {
			t.Errorf("details: %q", r.Details)
		}
		if ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID); ev.Reason != lead.NoEligible.Info().Published ||
			len(ev.Bids) != 0 || ev.Price != 0 || !ev.ExpiresAt.IsZero() {
			t.Errorf("pinged: %+v", ev)
		}
		// A post of it is told the same, and nobody hears of it.
		p, f := x.Post(r.LeadID, nil, nil)
		wantUnsold(t, p, f, lead.NoEligible)
		wantPosted(x)
		if x.Exchange.Stats.NoBids.Load() != 1 || x.Exchange.Stats.Quotes.Load() != 0 {
			t.Error("it is not counted as a ping without bids")
		}
	})
}

func TestFloorAndTheSellersMinimumBoundBids(t *testing.T) {
	s := vertical(sellTo(1, campaign{ID: "a", Price: 10 * dollar}, campaign{ID: "low", Price: 5*dollar - dollar/100}),
		func(v *exchange.Vertical) { v.Plan.Floor = 5 * dollar })
	exchangetest.Run(t, s, func(x *rig) {
		if b := bids(x, x.Quote(8*dollar, nil))["low"]; b.Refusal != lead.BelowFloor {
			t.Errorf("bid: %+v", b)
		}
		least := func(m lead.Money) func(*exchange.Ping) { return func(p *exchange.Ping) { p.MinPrice = m } }
		pinged(t, x, nil, least(8*dollar))
		r, f := x.Ping(nil, least(8*dollar+dollar/100))
		wantUnsold(t, r, f, lead.NoBids)
	})
}

func TestListPriceNeedsNoPingAndAPingOnlyAsksWhetherItStands(t *testing.T) {
	s := sellTo(1, campaign{ID: "list", Price: 10 * dollar, Fixed: true}, campaign{ID: "asked", Price: 12 * dollar,
		Fixed: true, Ping: exchangetest.Script(exchangetest.Says("status", "accepted"), exchangetest.Decline("no"),
			exchangetest.Silence())})
	exchangetest.Run(t, s, func(x *rig) {
		got := bids(x, x.Quote(9_600_000, nil))
		if !got["list"].Fixed || got["asked"].Fixed || got["asked"].Price != 12*dollar {
			t.Errorf("bids: %+v", got)
		}
		for _, no := range []lead.Refusal{lead.NoBid, lead.TimedOut} {
			if b := bids(x, x.Quote(8*dollar, nil))["asked"]; b.Price != 0 || b.Refusal != no || b.Rank != 0 {
				t.Errorf("bid: %+v", b)
			}
		}
	})
}

func TestWinnersFillTheSellLimit(t *testing.T) {
	shared := func(id string, price lead.Money, most int) campaign {
		return campaign{ID: id, Price: price, MaxSold: most}
	}
	s := sellTo(2, shared("x", 14*dollar, 1), shared("a", 10*dollar, 2), shared("b", 9*dollar, 3), shared("c", 8*dollar,
		3))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(15_200_000, nil) // 8.00 and 7.20: together more than the exclusive bid
		got := bids(x, id)
		if !got["a"].Winner || !got["b"].Winner || got["x"].Winner || got["c"].Winner || got["x"].Rank != 3 ||
			got["c"].Rank != 4 {
			t.Errorf("bids: %+v", got)
		}
		if sent := x.Buyers.Calls("a", exchangetest.Ping); sent[0].Field("zip") != "10001" ||
			sent[0].Field("ref") != id.String() {
			t.Errorf("sent: %+v", sent)
		}
	})
}

// A quote ends with the first bid that it counts on.
func TestQuoteEndsWithItsFirstBid(t *testing.T) {
	for _, c := range []struct {
		expires any
		end     time.Duration // of the quote; 0: there is none
		bid     time.Duration // of the bid; 0: it has none
	}{{30, 30 * time.Second, 30 * time.Second}, {400, 5 * time.Minute, 400 * time.Second},
		{100_000_000_000, 5 * time.Minute, 0}, {0, 5 * time.Minute, 0}} {
		s := sellTo(2, campaign{ID: "a", MaxSold: 2, Ping: exchangetest.Always(exchangetest.Bid(10*dollar, "expires",
			c.expires))}, campaign{ID: "b", MaxSold: 2, Price: 9 * dollar}, campaign{ID: "stands-by", MaxSold: 2,
			Ping: exchangetest.Always(exchangetest.Bid(5*dollar, "expires", 1))})
		exchangetest.Run(t, s, func(x *rig) {
			r := pinged(t, x, nil, nil)
			if got := r.ExpiresAt.Sub(x.Exchange.Now()); got != c.end {
				t.Errorf("%v: the quote lasts for %v, want %v", c.expires, got, c.end)
			}
			b := bids(x, r.LeadID)["a"]
			if b.Expires.IsZero() != (c.bid == 0) || c.bid != 0 && b.Expires.Sub(x.Exchange.Now()) != c.bid {
				t.Errorf("%v: the bid ends at %v", c.expires, b.Expires)
			}
		})
	}
}

// A bid that is over when it comes is none.
func TestBidThatIsOverWhenItComesIsNone(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() // as virtual time does
	for at, stands := range map[int64]bool{begin - 1: false, begin: false, begin + 1: true} {
		s := one()
		s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10*dollar, "expires", at))
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Ping.Answer.Expires.Unit = "unix" }
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Ping(nil, nil)
			if f != nil || (r.Result == lead.ResultSuccess) != stands {
				t.Errorf("a bid until %d: %+v, %v", at-begin, r, f)
			}
			if b := bids(x, r.LeadID)["a"]; !stands && (b.Refusal != lead.BidExpired || b.Price != 0) {
				t.Errorf("bid: %+v", b)
			}
		})
	}
}

// An answer that only the end of the connection ends may be the beginning of one: 1 of 100.
func TestAnswerThatMayBeTornIsNoBid(t *testing.T) {
	for loose, want := range map[bool]lead.Refusal{true: lead.TornAnswer, false: lead.NoRefusal} {
		s := one()
		s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Answer{Body: "status=accepted&price=1", Loose: loose,
			Type: "application/x-www-form-urlencoded"})
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Ping.Answer.Format = "form" }
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Ping(nil, nil)
			if b := bids(x, r.LeadID)["a"]; f != nil || b.Refusal != want {
				t.Errorf("loose %v: %+v, %v", loose, b, f)
			}
		})
	}
}

func TestLegsAreBidsOfTheirOwn(t *testing.T) {
	offers := exchangetest.Answer{Body: `{"status":"accepted","token":"all","bids":[
		{"price":10,"max":2,"brand":"Sun","token":"t1"}, {"price":14,"brand":"Moon"},
		{"price":5,"max":2,"token":"t3"}]}`}
	s := sellTo(2, campaign{ID: "a", MaxSold: 1, Ping: exchangetest.Always(offers),
		Spec: func(c *buyers.CampaignSpec) {
			value := func(path string) *answer.ValueSpec {
				return &answer.ValueSpec{Path: path, Optional: path == "token"}
			}
			c.Ping.Answer.Price = nil
			c.Ping.Answer.Legs = &answer.LegsSpec{List: "bids", Price: value("price"), MaxSold: value("max"),
				Brand: value("brand"), Token: value("token")}
		}}, campaign{ID: "b", Price: 9 * dollar, MaxSold: 2})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(15_200_000, nil) // 10 of the first leg, and 9
		var legs []ledger.Bid
		for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
			if b.Campaign == "a" {
				legs = append(legs, b)
			}
		}
		if len(legs) != 3 {
			t.Fatalf("legs: %+v", legs)
		}
		if l := legs[0]; l.Leg != 1 || l.Price != 10*dollar || l.MaxSold != 2 || l.Brand != "Sun" || l.Token != "t1" ||
			!l.Winner {
			t.Errorf("first leg: %+v", l)
		}
		if l := legs[1]; l.Leg != 2 || l.Price != 14*dollar || l.MaxSold != 1 || l.Token != "all" || l.Winner {
			t.Errorf("second leg: %+v", l)
		}
		if l := legs[2]; l.Leg != 3 || l.Token != "t3" || l.Refusal != lead.Outbid {
			t.Errorf("third leg: %+v", l)
		}
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 15_200_000)
		if sent := x.Buyers.Calls("a", exchangetest.Post); len(sent) != 1 || sent[0].Field("token") != "t1" {
			t.Errorf("sent: %+v", sent)
		}
		if p := exchangetest.All[*ledger.Posting](x, id)[0]; p.Leg != 1 || p.MaxSold != 2 {
			t.Errorf("posting: %+v", p)
		}
	})
}

func TestPingsAreThrottledAndNotHeldAgainstTheBreaker(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		perSecond, burst := dollar, 2
		c.Ping.Rate = &rules.RateSpec{PerSecond: &perSecond, Burst: &burst}
	}
	exchangetest.Run(t, s, func(x *rig) {
		x.Quote(8*dollar, nil)
		x.Quote(8*dollar, nil)
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids)
		if b := bids(x, r.LeadID)["a"]; b.Refusal != lead.Throttled {
			t.Errorf("bid: %+v", b)
		}
		skips := x.Exchange.Campaigns()[0].ThrottleSkips.Load()
		if asked := len(x.Buyers.Calls("a", exchangetest.Ping)); skips != 1 || asked != 2 {
			t.Errorf("%d skips, asked %d times", skips, asked)
		}
		x.Reload(s) // a reload is no further burst
		r, f = x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids)
		x.Sleep(time.Second)
		x.Quote(8*dollar, nil)
	})
}

func TestBuyerWhosePingsFailIsLeftAloneForAWhile(t *testing.T) {
	bid := exchangetest.Bid(10 * dollar)
	s := sellTo(1, campaign{ID: "a", Ping: exchangetest.Script(bid, exchangetest.Silence()), Spec: func(
		c *buyers.CampaignSpec) {
		least, probes := 3, 1
		c.Breaker = &buyers.BreakerSpec{RequestsMin: &least, Probes: &probes}
	}}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		l := x.Exchange.Campaigns()[0]
		early := x.Quote(8*dollar, nil)
		for range 4 {
			x.Quote(7_200_000, nil)
		}
		if state, _, ok := l.Breaker(); !ok || state != limits.BreakerRefusing {
			t.Errorf("the breaker's state is %d", state)
		}
		if _, _, ok := x.Exchange.Campaigns()[1].Breaker(); ok {
			t.Error("a campaign without a breaker has one")
		}
		if l.Asked.Load() != 3 || l.BreakerSkips.Load() != 2 {
			t.Errorf("asked %d, skipped %d", l.Asked.Load(), l.BreakerSkips.Load())
		}
		r, f := x.Post(early, nil, nil) // what a quote counts on is posted to all the same
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "a")
		x.Buyers.Set("a", exchangetest.Ping, exchangetest.Always(bid))
		x.Sleep(15 * time.Second)
		x.Quote(8*dollar, nil)
		if state, _, _ := l.Breaker(); state != limits.BreakerClosed {
			t.Errorf("the breaker's state is %d", state)
		}
	})
}

// A request that cannot be made is not sent, and costs its campaign the bid.
func TestRequestThatCannotBeMadeIsNotSent(t *testing.T) {
	unmapped := func(c *buyers.CampaignSpec) {
		c.Ping.Request.Fields[1].Map = wire.ValueMap{{From: "99999", To: *wire.Text("x")}}
		c.Ping.Request.Fields[1].MapMissing = "refuse"
	}
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: unmapped}, campaign{ID: "b", Price: 9 * dollar},
		campaign{ID: "fixed", Price: 11 * dollar, Fixed: true, Ping: silent, Spec: unmapped})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(7_200_000, nil)
		for _, c := range []string{"a", "fixed"} {
			if b := bids(x, id)[c]; b.Refusal != lead.UnmappedValue || b.Rank != 0 {
				t.Errorf("bid: %+v", b)
			}
			if v := verdicts(explain(x, id))[c]; !strings.Contains(v.Meaning, "fields[1].map, of zip") {
				t.Errorf("explained: %+v", v)
			}
		}
		if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != 0 {
			t.Error("it was sent")
		}
	})
	post := func(c *buyers.CampaignSpec) {
		c.Post.Request.Fields[2].Map = wire.ValueMap{{From: "99999", To: *wire.Text("x")}}
		c.Post.Request.Fields[2].MapMissing = "refuse"
		capped(1)(c)
	}
	s = sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: post})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.QuoteLost)
		wantTried(x, id, map[string]lead.Refusal{"a": lead.UnmappedValue})
		wantUsed(x, "a", 0)
	})
}

func TestLeadThatCannotBeUsedIsRefusedAndConsumesNothing(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		seq := x.Ledger.LastSeq()
		r, f := x.Ping(values{"zip": ""}, nil)
		wantFault(t, r, f, "invalid_lead")
		if f.Kind != exchange.FaultInvalid || len(f.Errors) != 1 || f.Errors[0].Field != "zip" {
			t.Errorf("fault: %+v", f)
		}
		r, f = x.LeadNow(values{"phone": ""}, nil)
		wantFault(t, r, f, "invalid_lead")
		if x.Ledger.LastSeq() != seq || len(x.Buyers.Calls("a", exchangetest.Ping)) != 0 {
			t.Error("something was consumed")
		}
	})
}

func TestPausedSourceHearsSo(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		if subject, changed, err := x.Exchange.Pause("acme", true, "bad leads", "me"); err != nil || !changed ||
			subject != "source:acme" {
			t.Fatal(subject, changed, err)
		}
		seq := x.Ledger.LastSeq()
		for name, call := range map[string]func() (exchange.Reply, *exchange.Fault){
			"ping": func() (exchange.Reply, *exchange.Fault) { return x.Ping(nil, nil) },
			"post": func() (exchange.Reply, *exchange.Fault) { return x.Post(id, nil, nil) },
			"lead": func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, nil) }} {
			r, f := call()
			wantFault(t, r, f, "source_paused")
			if f != nil && (f.Why != exchange.WhyPaused || f.RetryAfter == 0) {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if x.Ledger.LastSeq() != seq {
			t.Error("something was consumed")
		}
		if _, _, err := x.Exchange.Pause("source:acme", false, "talked", "me"); err != nil {
			t.Fatal(err)
		}
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
	})
}

func TestExchangeThatStopsTakesNothingAndSaysSo(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		x.Stop()
		r, f := x.Ping(nil, nil)
		wantFault(t, r, f, "unavailable")
		if f.Why != exchange.WhyStopping || !strings.Contains(f.Message, "stopping") {
			t.Errorf("fault: %+v", f)
		}
		r, f = x.LeadNow(nil, nil)
		wantFault(t, r, f, "unavailable")
		r, f = x.Post(id, nil, nil)
		if f == nil || f.Kind != exchange.FaultUnavailable {
			t.Errorf("post: %+v, %v", r, f)
		}
		wantPosted(x)
	})
}

// TestWhatWaitedBeforeItWasReadIsPartOfItsTime: buyers, and a seller in a hurry, count from when a lead came, not from
// when somebody had time for it.
func TestWhatWaitedBeforeItWasReadIsPartOfItsTime(t *testing.T) {
	const waited = 100 * time.Millisecond // of 400
	slow := exchangetest.Bid(40 * dollar).In(350 * time.Millisecond)
	s := sellTo(1, campaign{ID: "a", Ping: exchangetest.Always(slow)},
		campaign{ID: "b", Price: 10 * dollar, Post: exchangetest.Always(exchangetest.Accept("r").In(time.Second))})
	exchangetest.Run(t, s, func(x *rig) {
		begin := time.Now()
		r, f := x.Ping(nil, func(p *exchange.Ping) { p.Waited = waited })
		if took := time.Since(begin); f != nil || r.Price != 8*dollar || took != 300*time.Millisecond {
			t.Fatalf("answered %+v, %v after %v", r, f, took)
		}
		if b := bids(x, r.LeadID)["a"]; b.Refusal != lead.TimedOut {
			t.Errorf("a bid 450 ms after the lead came: %+v", b)
		}
		begin = time.Now()
		p, f := x.Post(r.LeadID, nil, func(in *exchange.PostIn) {
			in.Waited, in.MaxWait = waited, 400*time.Millisecond
		})
		wantPending(t, p, f)
		if took := time.Since(begin); took < 300*time.Millisecond || took >= 400*time.Millisecond {
			t.Errorf("a seller who waits 400 ms, of which 100 had gone, hears pending after %v", took)
		}
	})
}
