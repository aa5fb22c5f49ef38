// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// tier is one of a plan; its campaigns are in order, each perhaps with a weight: "a*3".
type tier struct {
	auction.Tier
	when      []rules.CriterionSpec
	campaigns string
}

// routing makes a plan.
func routing(t *testing.T, s *lead.Schema, walk auction.Walk, tiers ...tier) *exchange.Routing {
	t.Helper()
	r := &exchange.Routing{Plan: auction.Plan{Walk: walk}, Seats: map[string][]auction.Seat{}}
	for i, x := range tiers {
		x.Name = fmt.Sprint("tier", i+1)
		x.SellLimit = max(x.SellLimit, 1)
		r.Plan.Tiers = append(r.Plan.Tiers, x.Tier)
		when, ds := rules.Compile(x.when, s, rules.Options{})
		if ds != nil {
			t.Fatal(ds)
		}
		r.When = append(r.When, when)
		for n, c := range strings.Fields(x.campaigns) {
			seat := auction.Seat{Tier: i, Position: n, Weight: 1}
			if id, weight, ok := strings.Cut(c, "*"); ok {
				c, seat.Weight = id, int(weight[0]-'0')
			}
			r.Seats[c] = append(r.Seats[c], seat)
		}
	}
	return r
}

// planned sells by a plan.
func planned(t *testing.T, cs []campaign, walk auction.Walk, tiers ...tier) setup {
	return setup{Campaigns: cs, Vertical: func(v *exchange.Vertical) {
		v.Plan.SellLimit = 1
		v.Plan.Routing = routing(t, v.Schema, walk, tiers...)
	}}
}

// shared are campaigns that let a lead be sold five times.
func shared(prices map[string]lead.Money) (out []campaign) {
	for id, price := range prices {
		out = append(out, campaign{ID: id, Price: price * dollar, MaxSold: 5})
	}
	slices.SortFunc(out, func(a, b campaign) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// threeSteps are $50 exclusive, $25 for two or three, $10 shared.
func threeSteps(campaigns string) []tier {
	step := func(sell int, floor lead.Money) tier {
		return tier{Tier: auction.Tier{SellLimit: sell, Floor: floor * dollar}, campaigns: campaigns}
	}
	return []tier{step(1, 50), step(3, 25), step(5, 10)}
}

// refuses has a campaign decline all posts.
func refuses(s setup, ids ...string) setup {
	for i := range s.Campaigns {
		if slices.Contains(ids, s.Campaigns[i].ID) {
			s.Campaigns[i].Post = declines
		}
	}
	return s
}

// tiersOf are the tiers that an event has for bids, by campaign.
func tiersOf(x *rig, id lead.ID) map[string]string {
	out := map[string]string{}
	for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
		out[b.Campaign] = b.Tier
	}
	return out
}

// The first tier that can sell takes the lead, and its sell limit is what the buyers are promised.
func TestTiersAreTriedInTheirOrder(t *testing.T) {
	for name, c := range map[string]struct {
		prices map[string]lead.Money
		quote  lead.Money // at 80 percent
		posted []string
		most   int // that the first is promised
	}{
		"one at 50 gets it alone": {map[string]lead.Money{"a": 50, "b": 49, "c": 48}, 40 * dollar, []string{"a"}, 1},
		"two at 25 share it": {map[string]lead.Money{"a": 30, "b": 25, "c": 24}, 44 * dollar, []string{"a", "b"},
			3},
		"three at 25 share it": {map[string]lead.Money{"a": 27, "b": 26, "c": 25, "d": 24}, 62_400_000,
			[]string{"a", "b", "c"}, 3},
		"at 10 as many as there may be": {map[string]lead.Money{"a": 20, "b": 12, "c": 10, "d": 9}, 33_600_000,
			[]string{"a", "b", "c"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := planned(t, shared(c.prices), auction.InOrder, threeSteps(ids(c.prices))...)
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(c.quote, nil)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, c.quote)
				wantPosted(x, c.posted...)
				if p := exchangetest.All[*ledger.Posting](x, id)[0]; p.MaxSold != c.most {
					t.Errorf("the first was promised %d sales in all, want %d", p.MaxSold, c.most)
				}
			})
		})
	}
	exchangetest.Run(t, planned(t, shared(map[string]lead.Money{"a": 9}), auction.InOrder, threeSteps("a")...),
		func(x *rig) {
			r, f := x.Ping(nil, nil)
			wantUnsold(t, r, f, lead.NoBids)
			b := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0]
			if b.Refusal != lead.BelowFloor || b.Tier != "" {
				t.Errorf("%s in tier %q", b.Refusal, b.Tier)
			}
		})
}

func ids(prices map[string]lead.Money) string {
	var out []string
	for id := range prices {
		out = append(out, id)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// Without a quote every tier has its turn: a lead that nobody takes alone is shared, and by no more than one tier.
func TestOneShotLeadTriesEveryTier(t *testing.T) {
	prices := map[string]lead.Money{"a": 60, "b": 30, "c": 28, "d": 12}
	s := planned(t, shared(prices), auction.InOrder, threeSteps("a b c d")...)
	exchangetest.Run(t, refuses(s, "a"), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 46_400_000) // of 30 and 28
		wantPosted(x, "a", "b", "c")
		want := map[string]string{"a": "tier1", "b": "tier2", "c": "tier2", "d": "tier3"}
		if got := tiersOf(x, r.LeadID); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("tiers: %v", got)
		}
	})
	s = planned(t, shared(prices), auction.InOrder, threeSteps("a b c d")...)
	exchangetest.Run(t, refuses(s, "a", "b", "c"), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 9_600_000)
		wantPosted(x, "a", "b", "c", "d")
	})
	s = planned(t, shared(prices), auction.InOrder, threeSteps("a b c d")...)
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 48*dollar)
		wantPosted(x, "a")
		wantTried(x, r.LeadID, nil)
	})
}

// A pinged lead goes to a lower tier only where that one covers the quote.
func TestStandByOfAnotherTierMustCoverTheQuote(t *testing.T) {
	s := planned(t, shared(map[string]lead.Money{"a": 60, "b": 55, "c": 80}), auction.InOrder,
		tier{Tier: auction.Tier{SellLimit: 1}, campaigns: "a"},
		tier{Tier: auction.Tier{SellLimit: 2}, campaigns: "b c"})
	exchangetest.Run(t, refuses(s, "a"), func(x *rig) {
		id := x.Quote(48*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 48*dollar)
		wantPosted(x, "a", "c")
		wantTried(x, id, nil)
	})
}

// A tier whose `when` is not known to hold is closed: its campaigns are not asked, and its turn goes to the next.
func TestTierThatIsNotForTheLead(t *testing.T) {
	young := []rules.CriterionSpec{{Field: "age", Max: text("35")}}
	s := planned(t, shared(map[string]lead.Money{"a": 20, "b": 40}), auction.InOrder,
		tier{when: young, campaigns: "a"}, tier{campaigns: "b"})
	for age, want := range map[string]lead.Money{"30": 16, "36": 32, "": 32} {
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(want*dollar, values{"age": age})
			asked, no := len(x.Buyers.Calls("a", exchangetest.Ping)), lead.NoRefusal
			for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
				if b.Campaign == "a" {
					no = b.Refusal
				}
			}
			if closed := want == 32; closed != (asked == 0) || closed != (no == lead.NoTier) {
				t.Errorf("age %q: a was asked %d times, and is refused for %s", age, asked, no)
			}
			e, ok, err := x.Exchange.Explain(id)
			if err != nil || !ok || len(e.Campaigns) != 2 || want == 16 && e.Campaigns[0].Tier != "tier1" ||
				want == 32 && e.Campaigns[1].Verdict != "no_tier" {
				t.Errorf("age %q: explained as %+v, %v", age, e, err)
			}
		})
	}
	exchangetest.Run(t, s, func(x *rig) { // nothing more will come of a one-shot lead
		r, f := x.LeadNow(values{"age": "30"}, nil)
		wantSold(t, r, f, 16*dollar)
	})
}

func text(s string) *string { return &s }

// Who is in no tier gets no lead, and is not asked for one.
func TestCampaignInNoTierIsNotAsked(t *testing.T) {
	s := planned(t, shared(map[string]lead.Money{"a": 20, "b": 40}), auction.InOrder, tier{campaigns: "a"})
	exchangetest.Run(t, s, func(x *rig) {
		x.Quote(16*dollar, nil)
		if n := len(x.Buyers.Calls("b", exchangetest.Ping)); n != 0 {
			t.Errorf("b was asked %d times", n)
		}
		r, f := x.Ping(nil, func(p *exchange.Ping) { p.Test.On = true })
		if f != nil || r.Price != 8*dollar { // the vertical's test price, from a alone
			t.Errorf("a test: %+v, %v", r, f)
		}
	})
}

func TestAboveACeilingTheNextTierSells(t *testing.T) {
	s := planned(t, shared(map[string]lead.Money{"a": 30}), auction.InOrder,
		tier{Tier: auction.Tier{Ceiling: 20 * dollar}, campaigns: "a b"}, tier{Tier: auction.Tier{Floor: 25 * dollar},
			campaigns: "a"})
	s.Campaigns = append(s.Campaigns, campaign{ID: "b", Price: 21 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(24*dollar, nil)
		if got := tiersOf(x, id)["a"]; got != "tier2" {
			t.Errorf("a buys in %q", got)
		}
		e, _, err := x.Exchange.Explain(id)
		if err != nil || e.Campaigns[1].Verdict != "above_ceiling" {
			t.Errorf("b: %+v, %v", e.Campaigns[1], err)
		}
	})
}

// A list goes before prices.
func TestWaterfallGoesDownItsList(t *testing.T) {
	s := planned(t, shared(map[string]lead.Money{"a": 10, "b": 30, "c": 20}), auction.InOrder,
		tier{Tier: auction.Tier{Mode: auction.Waterfall}, campaigns: "c a b"})
	exchangetest.Run(t, refuses(s, "c", "a"), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 24*dollar)
		wantPosted(x, "c", "a", "b")
	})
	s = planned(t, shared(map[string]lead.Money{"a": 10, "b": 30, "c": 20}), auction.InOrder,
		tier{Tier: auction.Tier{Mode: auction.WaterfallByValue, SellLimit: 2}, campaigns: "c a b"})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 40*dollar)
		wantPosted(x, "b", "c")
	})
}

// won is who wins each of n pings.
func won(x *rig, n int) (out []string) {
	x.T.Helper()
	for range n {
		r, f := x.Ping(nil, nil)
		if f != nil {
			x.T.Fatal(f)
		}
		for _, b := range exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids {
			if b.Winner {
				out = append(out, b.Campaign)
			}
		}
		x.Sleep(time.Millisecond)
	}
	return out
}

// own has every ping hold an auction of its own.
func own(s setup) setup {
	return vertical(s, func(v *exchange.Vertical) { v.Dedupe.OwnAuctions = true })
}

// A rotation goes on over pings and reloads, by the leads that its tier takes; tests take no turn.
func TestRoundRobinOverPings(t *testing.T) {
	tiers := []tier{{when: []rules.CriterionSpec{{Field: "age", Max: text("20")}}, campaigns: "d"},
		{Tier: auction.Tier{Mode: auction.RoundRobin}, campaigns: "a b c"}}
	cs := shared(map[string]lead.Money{"a": 30, "b": 20, "c": 10, "d": 5})
	s := own(planned(t, cs, auction.InOrder, tiers...))
	exchangetest.Run(t, s, func(x *rig) {
		got := won(x, 4)
		if _, f := x.Ping(values{"age": "19"}, nil); f != nil { // the first tier's
			t.Fatal(f)
		}
		if _, f := x.Ping(nil, func(p *exchange.Ping) { p.Test.On = true }); f != nil {
			t.Fatal(f)
		}
		x.Reload(s)
		got = append(got, won(x, 3)...)
		if want := "a b c a b c a"; strings.Join(got, " ") != want {
			t.Errorf("winners %v, want %s", got, want)
		}
		r, f := x.Ping(nil, nil)
		if ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID); f != nil || !slices.Equal(ev.Turns, []uint64{0, 7}) {
			t.Errorf("turns: %v, %v", ev.Turns, f)
		}
	})
}

// Leads that come at once have each a turn of their own.
func TestTurnsOfLeadsThatComeAtOnce(t *testing.T) {
	s := own(planned(t, shared(map[string]lead.Money{"a": 30, "b": 20}), auction.InOrder,
		tier{Tier: auction.Tier{Mode: auction.RoundRobin}, campaigns: "a b"}))
	for i := range s.Campaigns {
		s.Campaigns[i].Fixed = true
	}
	exchangetest.Run(t, s, func(x *rig) {
		const n = 100
		var all sync.WaitGroup
		turns := make([]uint64, n)
		for i := range n {
			all.Go(func() {
				r, f := x.Ping(nil, nil)
				if f != nil {
					t.Error(f)
					return
				}
				turns[i] = exchangetest.Last[*ledger.Pinged](x, r.LeadID).Turns[0]
			})
		}
		all.Wait()
		slices.Sort(turns)
		for i, turn := range turns {
			if turn != uint64(i) {
				t.Fatalf("turns %v", turns)
			}
		}
	})
}

func TestWeightedKeepsToItsWeights(t *testing.T) {
	s := own(planned(t, shared(map[string]lead.Money{"a": 10, "b": 30}), auction.InOrder,
		tier{Tier: auction.Tier{Mode: auction.Weighted}, campaigns: "a*3 b*1"}))
	for i := range s.Campaigns {
		s.Campaigns[i].Fixed = true
	}
	exchangetest.Run(t, s, func(x *rig) {
		count := map[string]int{}
		for _, c := range won(x, 400) {
			count[c]++
		}
		if count["a"] < 250 || count["a"] > 350 || count["a"]+count["b"] != 400 {
			t.Errorf("of 400 with weights 3 and 1: %v", count)
		}
	})
}

func TestBestTotalOverTiers(t *testing.T) {
	tiers := []tier{{Tier: auction.Tier{SellLimit: 1}, campaigns: "a"},
		{Tier: auction.Tier{SellLimit: 2}, campaigns: "b c"}}
	for walk, want := range map[auction.Walk]lead.Money{auction.InOrder: 24, auction.BestTotal: 32} {
		cs := shared(map[string]lead.Money{"a": 30, "b": 25, "c": 15})
		exchangetest.Run(t, planned(t, cs, walk, tiers...), func(x *rig) {
			x.Quote(want*dollar, nil)
		})
	}
}

// A source's own plan stands in place of the vertical's.
func TestSourceHasAPlanOfItsOwn(t *testing.T) {
	s := planned(t, shared(map[string]lead.Money{"a": 10, "b": 30}), auction.InOrder, tier{campaigns: "b"})
	s.Source = func(src *exchange.Source) {
		v := exchangetest.NewVertical("solar")
		src.Plans = []*exchange.Routing{routing(t, v.Schema, auction.InOrder,
			tier{Tier: auction.Tier{SellLimit: 2, Mode: auction.Waterfall}, campaigns: "a b"})}
	}
	exchangetest.Run(t, s, func(x *rig) {
		if n := x.Source("acme").SellLimit(x.Vertical("solar")); n != 2 {
			t.Errorf("its leads are sold %d times", n)
		}
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 32*dollar)
		wantPosted(x, "a", "b")
	})
	s.Source = nil
	exchangetest.Run(t, s, func(x *rig) { x.Quote(24*dollar, nil) })
}

// A plan that changes under load drops no ping.
func TestPlanChangesUnderLoad(t *testing.T) {
	cs := shared(map[string]lead.Money{"a": 10, "b": 30})
	one := own(planned(t, cs, auction.InOrder, tier{Tier: auction.Tier{Mode: auction.RoundRobin}, campaigns: "a b"}))
	two := own(planned(t, cs, auction.BestTotal, tier{campaigns: "a"}, tier{campaigns: "b"}, tier{campaigns: "a b"}))
	exchangetest.Run(t, one, func(x *rig) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					r, f := x.Ping(nil, nil)
					if f != nil || r.Result != lead.ResultSuccess || r.Price != 8*dollar && r.Price != 24*dollar {
						t.Errorf("%+v, %v", r, f)
					}
					<-time.After(time.Millisecond)
				}
			})
		}
		for i := range 10 {
			<-time.After(2 * time.Millisecond)
			x.Reload([]setup{two, one, own(sellTo(1, cs...))}[i%3])
		}
		all.Wait()
	})
}

// What a plan cannot be is refused before it is in force.
func TestPlanThatCannotBeIsRefused(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		for name, r := range map[string]*exchange.Routing{
			"at least one tier": {},
			"has no sell limit": {Plan: auction.Plan{Tiers: []auction.Tier{{Name: "x"}}}},
			`no campaign "nobody"`: {Plan: auction.Plan{Tiers: []auction.Tier{{Name: "x", SellLimit: 1}}},
				Seats: map[string][]auction.Seat{"nobody": {{}}}},
		} {
			cfg := *x.Exchange.Snapshot().Config()
			v, src := *cfg.Verticals[0], *cfg.Sources[0]
			v.Plan.Routing = r
			cfg.Verticals = []*exchange.Vertical{&v}
			if _, err := x.Exchange.Reload(cfg); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("a vertical's: %v, want %s", err, name)
			}
			v.Plan.Routing, src.Plans = nil, []*exchange.Routing{r}
			cfg.Sources = []*exchange.Source{&src}
			if _, err := x.Exchange.Reload(cfg); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("a source's: %v, want %s", err, name)
			}
		}
	})
}

// Where the first tier sells nothing, a one-shot lead goes to those who are worth most together in the next.
func TestOneShotGoesToTheBestOfTheNextTier(t *testing.T) {
	cs := []campaign{{ID: "first", Price: 50 * dollar, Post: declines}, {ID: "alone", Price: 25 * dollar, MaxSold: 1},
		{ID: "x", Price: 20 * dollar, MaxSold: 3}, {ID: "y", Price: 15 * dollar, MaxSold: 3}}
	s := planned(t, cs, auction.InOrder, tier{campaigns: "first"}, tier{Tier: auction.Tier{SellLimit: 3},
		campaigns: "alone x y"})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 28*dollar)
		wantPosted(x, "first", "x", "y")
	})
}
