// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// thrifty gives the vertical an economy.
func thrifty(s setup, eco exchange.Economy) setup {
	return vertical(s, func(v *exchange.Vertical) { v.Economy = eco })
}

// after bids a price that much later.
func after(d time.Duration, price lead.Money) exchangetest.Buyer {
	return exchangetest.Always(exchangetest.Bid(price).In(d))
}

// refusedAs is what became of a campaign's bid, "" if it was not refused, "-" if there is none.
func refusedAs(x *rig, id lead.ID, campaign string) string {
	for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
		switch {
		case b.Campaign != campaign:
		case b.Refusal == lead.NoRefusal:
			return ""
		default:
			return b.Refusal.String()
		}
	}
	return "-"
}

// live is a campaign with what it has counted.
func live(x *rig, id string) *exchange.LiveCampaign {
	for _, l := range x.Exchange.Campaigns() {
		if l.ID == id {
			return l
		}
	}
	x.T.Fatal("no campaign", id)
	return nil
}

// sendPing sends a ping of another person and says how long it took.
func sendPing(x *rig, n int, more func(*exchange.Ping)) (r exchange.Reply, took time.Duration) {
	x.T.Helper()
	begin := time.Now()
	r, f := x.Ping(values{"phone": fmt.Sprintf("512867%04d", n)}, more)
	if f != nil {
		x.T.Fatal(f)
	}
	return r, time.Since(begin)
}

// A seller hears of a ping within its own time: buyers get it but 20 ms, and one half at least; and never more than the
// vertical gives them.
func TestSellerSaysHowLongAPingMayTake(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{0: 400, 1: 0, 30: 15, 100: 80, 300: 280, 5000: 400} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			s := sellTo(1, campaign{ID: "slow", Ping: silent}, campaign{ID: "quick", Price: 5 * dollar, Fixed: true})
			exchangetest.Run(t, s, func(x *rig) {
				r, took := sendPing(x, 1, func(p *exchange.Ping) { p.MaxWait = wait * time.Millisecond })
				if r.Price != 4*dollar || took != want*time.Millisecond {
					t.Errorf("%s after %s, want a quote of 4.00 after %d ms", r.Price, took, want)
				}
				no := "timed_out"
				if wait == 1 { // it is not worth a call
					no = "no_time_left"
				}
				if got := refusedAs(x, r.LeadID, "slow"); got != no {
					t.Errorf("refused as %s, want %s", got, no)
				}
			})
		})
	}
}

// What a buyer could not answer within a hasty seller's time is not held against it.
func TestHastySellerBreaksNoBuyer(t *testing.T) {
	on := func(c *buyers.CampaignSpec) {
		least := 2
		c.Breaker = &buyers.BreakerSpec{RequestsMin: &least}
	}
	for _, wait := range []time.Duration{100 * time.Millisecond, 0} {
		s := sellTo(1, campaign{ID: "a", Ping: silent, Spec: on})
		exchangetest.Run(t, s, func(x *rig) {
			for i := range 10 {
				sendPing(x, i, func(p *exchange.Ping) { p.MaxWait = wait })
			}
			if n := len(x.Buyers.Calls("a", exchangetest.Ping)); (n == 10) != (wait > 0) {
				t.Errorf("with %s: %d of 10 pings were sent", wait, n)
			}
		})
	}
}

// A buyer whose answers usually come too late is skipped by name, but for a share of the pings; once it is quick again
// it is asked as ever.
func TestSlowBuyerIsSkippedAndComesBack(t *testing.T) {
	slow := true
	b := func(*exchangetest.Request) exchangetest.Answer {
		if slow {
			return exchangetest.Bid(9 * dollar).In(time.Second)
		}
		return exchangetest.Bid(9 * dollar).In(50 * time.Millisecond)
	}
	s := sellTo(1, campaign{ID: "a", Price: dollar}, campaign{ID: "b", Ping: b})
	s = thrifty(s, exchange.Economy{SkipSlow: true, TrySlowPPM: 100_000})
	exchangetest.Run(t, s, func(x *rig) {
		n, skipped, quick := 0, 0, 0
		next := func() { // a ping takes 400 ms with the slow one, and no time without
			n++
			r, took := sendPing(x, n, nil)
			switch no := refusedAs(x, r.LeadID, "b"); {
			case no == "too_slow" && took == 0:
				skipped++
			case no == "timed_out" && took == 400*time.Millisecond:
			case no == "" && r.Price == 7_200_000:
				quick++
			default:
				t.Fatalf("ping %d: b refused as %q after %s", n, no, took)
			}
		}
		for range 8 { // that many calls tell
			next()
		}
		if skipped != 0 {
			t.Errorf("%d pings skipped it before it was known", skipped)
		}
		for range 400 {
			next()
		}
		if skipped < 320 || skipped > 390 {
			t.Errorf("%d of 400 pings skipped it, want about 360", skipped)
		}
		if got := live(x, "b").SlowSkips.Load(); got != int64(skipped) {
			t.Errorf("%d skips counted of %d", got, skipped)
		}
		slow = false
		for range 100 {
			next()
		}
		skipped, quick = 0, 0
		for range 20 {
			next()
		}
		if quick != 20 {
			t.Errorf("%d of 20 pings asked it once it was quick", quick)
		}
	})
}

// A campaign's own timeout counts, and so does what the seller's time leaves.
func TestSlowIsByTheTimeThereIs(t *testing.T) {
	s := thrifty(sellTo(1, campaign{ID: "a", Ping: after(100*time.Millisecond, 5*dollar)},
		campaign{ID: "q", Price: dollar}),
		exchange.Economy{SkipSlow: true})
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 10 {
			if r, _ := sendPing(x, i, nil); r.Price != 4*dollar {
				t.Fatalf("ping %d: %+v", i, r)
			}
		}
		if got := live(x, "a").Usual(); got != 100*time.Millisecond {
			t.Errorf("it usually takes %s", got)
		}
		for wait, want := range map[time.Duration]string{110: "too_slow", 130: ""} {
			r, _ := sendPing(x, 100+int(wait), func(p *exchange.Ping) { p.MaxWait = wait * time.Millisecond })
			if got := refusedAs(x, r.LeadID, "a"); got != want {
				t.Errorf("a seller who waits %d ms: refused as %q, want %q", wait, got, want)
			}
		}
	})
}

// many are campaigns that bid 1, 2, 3 … dollars.
func many(n int) (out []campaign) {
	for i := range n {
		out = append(out, campaign{ID: fmt.Sprintf("c%02d", i+1), Price: lead.Money(i+1) * dollar})
	}
	return out
}

// Of more campaigns than may be pinged those are that bring most; the others have a share of the places, and the new
// ones most of that.
func TestMostAsked(t *testing.T) {
	s := thrifty(sellTo(1, many(20)...), exchange.Economy{MostAsked: 5, ExplorePPM: 200_000})
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 400 { // of the last, what brings most is known
			r, _ := sendPing(x, i, nil)
			asked, left := 0, 0
			for _, b := range exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids {
				switch b.Refusal {
				case lead.NotChosen:
					left++
				default:
					asked++
				}
			}
			if asked != 5 || left != 15 {
				t.Fatalf("ping %d: %d asked, %d left out by name", i, asked, left)
			}
		}
		before := map[string]int64{}
		for _, l := range x.Exchange.Campaigns() {
			before[l.ID] = l.Asked.Load()
		}
		for i := range 400 {
			sendPing(x, 1000+i, nil)
		}
		for _, l := range x.Exchange.Campaigns() {
			n := l.Asked.Load() - before[l.ID]
			switch {
			case l.ID == "c20" && n != 400:
				t.Errorf("the best was asked %d times of 400", n)
			case n < 5:
				t.Errorf("%s was asked %d times of 400: it has no way to show itself", l.ID, n)
			case l.ID < "c10" && n > 60:
				t.Errorf("%s was asked %d times of 400", l.ID, n)
			}
		}
	})
}

// Without a share for others those stay that have shown themselves.
func TestMostAskedWithoutTries(t *testing.T) {
	s := thrifty(sellTo(1, many(6)...), exchange.Economy{MostAsked: 2})
	exchangetest.Run(t, s, func(x *rig) {
		asked := func() (out []string) {
			for _, l := range x.Exchange.Campaigns() {
				if l.Asked.Load() > 0 {
					out = append(out, l.ID)
				}
			}
			return out
		}
		sendPing(x, 0, nil)
		first := asked()
		for i := range 100 {
			sendPing(x, 1+i, nil)
		}
		if got := asked(); len(first) != 2 || !slices.Equal(got, first) {
			t.Errorf("asked %v at first, and %v in the end", first, got)
		}
	})
}

// Who is full takes no place from others.
func TestMostAskedPassesOverTheFull(t *testing.T) {
	cs := many(4)
	cs[3].Spec, cs[2].Spec = capped(1), capped(1)
	s := thrifty(sellTo(1, cs...), exchange.Economy{MostAsked: 4})
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 2 { // c04 and c03 are full now
			r, _ := sendPing(x, i, nil)
			if _, f := x.Post(r.LeadID, values{"phone": fmt.Sprintf("512867%04d", i)}, nil); f != nil {
				t.Fatal(f)
			}
		}
		x.Reload(thrifty(sellTo(1, cs...), exchange.Economy{MostAsked: 2}))
		r, _ := sendPing(x, 2, nil)
		for id, want := range map[string]string{"c01": "", "c02": "", "c03": "cap_reached", "c04": "cap_reached"} {
			if got := refusedAs(x, r.LeadID, id); got != want {
				t.Errorf("%s refused as %q, want %q", id, got, want)
			}
		}
	})
}

// byTier asks tier by tier.
func byTier(s setup, shares ...int) setup {
	return vertical(s, func(v *exchange.Vertical) {
		v.Plan.Routing.TierByTier, v.Plan.Routing.Shares = true, shares
	})
}

// askedFor are the campaigns that were pinged about a lead, in order.
func askedFor(x *rig, ids string, id lead.ID) (out []string) {
	for _, c := range strings.Fields(ids) {
		for _, r := range x.Buyers.Calls(c, exchangetest.Ping) {
			if r.Field("ref") == id.String() {
				out = append(out, c)
			}
		}
	}
	return out
}

// A tier's buyers are asked when those before it cannot sell, each once, all within one deadline.
func TestTiersAreAskedOneByOne(t *testing.T) {
	prices := map[string]lead.Money{"a": 60, "b": 30, "c": 12}
	tiers := func(floors ...lead.Money) (out []tier) {
		for i, who := range []string{"a", "b a", "c b a"} {
			out = append(out, tier{Tier: auction.Tier{Floor: floors[i] * dollar}, campaigns: who})
		}
		return out
	}
	for name, c := range map[string]struct {
		floors []lead.Money
		min    lead.Money
		asked  string
		quote  lead.Money
		spared int64
	}{
		"the first sells":              {[]lead.Money{50, 25, 10}, 0, "a", 48, 2},
		"a bid serves the tier after":  {[]lead.Money{61, 25, 10}, 0, "a b", 48, 1},
		"the last sells":               {[]lead.Money{61, 61, 10}, 0, "a b c", 48, 0},
		"nobody does":                  {[]lead.Money{61, 61, 61}, 0, "a b c", 0, 0},
		"the seller asks for too much": {[]lead.Money{50, 25, 10}, 49, "a b c", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := byTier(planned(t, shared(prices), auction.InOrder, tiers(c.floors...)...))
			exchangetest.Run(t, s, func(x *rig) {
				r, _ := sendPing(x, 1, func(p *exchange.Ping) { p.MinPrice = c.min * dollar })
				if got := strings.Join(askedFor(x, "a b c", r.LeadID), " "); got != c.asked ||
					r.Price != c.quote*dollar {
					t.Errorf("asked %s and quoted %s, want %s and %s", got, r.Price, c.asked, c.quote*dollar)
				}
				if n := x.Exchange.Stats.TiersSpared.Load(); n != c.spared {
					t.Errorf("%d tiers spared, want %d", n, c.spared)
				}
				for _, b := range exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids {
					if !strings.Contains(c.asked, b.Campaign) {
						t.Errorf("%s was not asked and has a bid: %+v", b.Campaign, b)
					}
				}
				story, ok, err := x.Exchange.Explain(r.LeadID)
				if err != nil || !ok {
					t.Fatal(err)
				}
				for _, s := range story.Campaigns {
					if (s.Verdict == "earlier_tier") != !strings.Contains(c.asked, s.Campaign) {
						t.Errorf("%s: %s", s.Campaign, s.Verdict)
					}
				}
			})
		})
	}
}

// Tiers share the time as the plan says, evenly where it says nothing, and the last one has all that is left.
func TestTiersShareTheTime(t *testing.T) {
	for name, c := range map[string]struct {
		shares []int
		want   [3]time.Duration // in ms, when the calls of each tier go out
		end    time.Duration
	}{
		"evenly":       {nil, [3]time.Duration{0, 133, 266}, 400},
		"as it says":   {[]int{50, 25}, [3]time.Duration{0, 200, 300}, 400},
		"one of them":  {[]int{0, 10}, [3]time.Duration{0, 133, 173}, 400},
		"nothing left": {[]int{60, 60}, [3]time.Duration{0, 240, -1}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			cs := []campaign{{ID: "a", Ping: silent}, {ID: "b", Ping: silent}, {ID: "c", Ping: silent}}
			s := byTier(planned(t, cs, auction.InOrder, tier{campaigns: "a"}, tier{campaigns: "b"},
				tier{campaigns: "c"}), c.shares...)
			exchangetest.Run(t, s, func(x *rig) {
				begin := time.Now()
				r, took := sendPing(x, 1, nil)
				for i, id := range []string{"a", "b", "c"} {
					calls := x.Buyers.Calls(id, exchangetest.Ping)
					if c.want[i] < 0 {
						if got := refusedAs(x, r.LeadID, id); len(calls) > 0 || got != "no_time_left" {
							t.Errorf("%s was asked %d times, and refused as %s", id, len(calls), got)
						}
						continue
					}
					if len(calls) != 1 ||
						calls[0].At.Sub(begin).Truncate(time.Millisecond) != c.want[i]*time.Millisecond {
						t.Errorf("%s was asked %+v, want after %d ms", id, calls, c.want[i])
					}
				}
				if took != c.end*time.Millisecond {
					t.Errorf("answered after %s", took)
				}
			})
		})
	}
}

// A list price of a later tier stands by: nobody need be asked. A one-shot lead takes the same way.
func TestListPriceOfALaterTierStandsBy(t *testing.T) {
	cs := []campaign{{ID: "a", Price: 30 * dollar, Post: declines}, {ID: "b", Price: 40 * dollar, Fixed: true},
		{ID: "c", Price: 50 * dollar}}
	s := byTier(planned(t, cs, auction.InOrder, tier{campaigns: "a"}, tier{campaigns: "b c"}))
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 32*dollar)
		wantPosted(x, "a", "b")
		if got := askedFor(x, "a b c", r.LeadID); !slices.Equal(got, []string{"a"}) {
			t.Errorf("asked %v", got)
		}
	})
}

// Where all are slow they are asked all the same, in each tier: a bid that may come late is better than none.
func TestSlowAreAskedWhereNobodyElseIs(t *testing.T) {
	cs := []campaign{{ID: "a", Ping: after(500*time.Millisecond, dollar)}, {ID: "b", Price: 2 * dollar, Fixed: true},
		{ID: "c", Ping: after(500*time.Millisecond, dollar)}}
	s := thrifty(sellTo(1, cs...), exchange.Economy{SkipSlow: true})
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 20 {
			r, _ := sendPing(x, i, nil)
			if got := refusedAs(x, r.LeadID, "a") + " " + refusedAs(x, r.LeadID, "c"); got != "timed_out timed_out" ||
				r.Price != 1_600_000 {
				t.Fatalf("ping %d: %s, at %s", i, got, r.Price)
			}
		}
		if n := live(x, "a").SlowSkips.Load(); n != 0 {
			t.Errorf("%d skips counted", n)
		}
	})
}
