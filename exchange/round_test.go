// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// atOnce sells to so many at most, who are posted to at the same time.
func atOnce(t *testing.T, sell int, cs ...campaign) setup {
	names := ""
	for _, c := range cs {
		names += c.ID + " "
	}
	return planned(t, cs, auction.InOrder, tier{Tier: auction.Tier{Mode: auction.Simultaneous, SellLimit: sell},
		campaigns: names})
}

// buys is a campaign with a cap whose leads may be sold so often.
func buys(id string, price lead.Money, most int, post exchangetest.Buyer) campaign {
	return campaign{ID: id, Price: price * dollar, MaxSold: most, Post: post, Spec: capped(99)}
}

// takes accepts after a time.
func takes(id string, after time.Duration) exchangetest.Buyer {
	return exchangetest.Always(exchangetest.Accept("ref-" + id).In(after))
}

// roundsOf are the campaigns that were posted to, by round; those that went out alone are under 0.
func roundsOf(x *rig, id lead.ID) map[int][]string {
	out := map[int][]string{}
	for _, p := range exchangetest.All[*ledger.Posting](x, id) {
		out[p.Round] = append(out[p.Round], p.Campaign)
	}
	return out
}

func wantRounds(x *rig, id lead.ID, want map[int][]string) {
	x.T.Helper()
	if got := roundsOf(x, id); fmt.Sprint(got) != fmt.Sprint(want) {
		x.T.Errorf("posts by round: %v, want %v", got, want)
	}
}

func TestWinnersArePostedToAtTheSameTime(t *testing.T) {
	s := atOnce(t, 3, buys("a", 20, 3, takes("a", time.Second)), buys("b", 15, 3, takes("b", 2*time.Second)),
		buys("c", 10, 3, takes("c", time.Second/2)), buys("d", 5, 3, nil))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(36*dollar, nil)
		begin := time.Now()
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 36*dollar)
		if took := time.Since(begin); took > 2100*time.Millisecond {
			t.Errorf("the seller waited %s, want as long as the slowest of them takes", took)
		}
		wantRounds(x, id, map[int][]string{1: {"a", "b", "c"}})
		wantTried(x, id, nil)
		if len(r.Sales) != 3 || r.Sales[0].Price != 16*dollar || r.Sales[2].Price != 8*dollar ||
			r.Reference != "ref-a" {
			t.Errorf("sales: %+v", r.Sales)
		}
		for _, c := range []string{"a", "b", "c"} {
			wantUsed(x, c, 1)
			if at := x.Buyers.Calls(c, exchangetest.Post)[0].At; at.Sub(begin) > 100*time.Millisecond {
				t.Errorf("%s was posted to after %s", c, at.Sub(begin))
			}
		}
		ended := exchangetest.All[*ledger.Posted](x, id)
		if len(ended) != 3 || ended[0].Campaign != "c" || ended[2].Campaign != "b" {
			t.Errorf("each end becomes durable when it is known: %+v", ended)
		}
	})
}

// As many are asked as there are slots, and in the next round those who may take the places of the ones that declined.
func TestNextRoundTakesThePlacesOfThoseWhoDeclined(t *testing.T) {
	s := atOnce(t, 3, buys("a", 20, 3, declines), buys("b", 19, 3, nil), buys("c", 18, 3, declines),
		buys("d", 20, 3, unreachable), buys("e", 20, 3, nil), buys("f", 18, 3, nil))
	exchangetest.Run(t, s, func(x *rig) {
		p, _ := x.Ping(nil, nil)
		r, f := x.Post(p.LeadID, nil, nil)
		if f != nil || len(r.Sales) != 3 {
			t.Fatalf("%+v, %v", r, f)
		}
		got, sum := roundsOf(x, p.LeadID), 0
		for n := range 4 {
			if sum += len(got[n]); len(got[n]) > 3 {
				t.Errorf("round %d asked %v of three", n, got[n])
			}
		}
		if len(got[1]) != 3 || sum < 5 {
			t.Errorf("rounds: %v", got)
		}
		for _, c := range s.Campaigns {
			want := int64(0)
			if slices.ContainsFunc(r.Sales, func(s exchange.SaleReply) bool { return s.ID == "ref-"+c.ID }) {
				want = 1
			}
			wantUsed(x, c.ID, want)
		}
	})
}

// Who cannot have the lead beside those in flight waits for their end: an exclusive bid, one of the same company.
func TestWhoCannotBeBesideTheOthersWaits(t *testing.T) {
	kin := func(c *buyers.BuyerSpec) {
		if c.ID == "a-co" || c.ID == "b-co" {
			c.Parent = "holding"
		}
	}
	for name, c := range map[string]struct {
		a, c   exchangetest.Buyer
		bMost  int
		kin    bool
		rounds map[int][]string
		sold   int
	}{
		"exclusive, others buy":        {nil, nil, 1, false, map[int][]string{1: {"a", "c"}}, 2},
		"exclusive, others do not":     {declines, declines, 1, false, map[int][]string{1: {"a", "c"}, 0: {"b"}}, 1},
		"exclusive, one of them buys":  {declines, nil, 1, false, map[int][]string{1: {"a", "c"}}, 1},
		"company, it has the lead":     {nil, declines, 2, true, map[int][]string{1: {"a", "c"}}, 1},
		"company, it declined":         {declines, nil, 2, true, map[int][]string{1: {"a", "c"}, 0: {"b"}}, 2},
		"company, nobody has the lead": {declines, declines, 2, true, map[int][]string{1: {"a", "c"}, 0: {"b"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := atOnce(t, 2, buys("a", 20, 2, c.a), buys("b", 19, c.bMost, nil), buys("c", 18, 2, c.c))
			if c.kin {
				s.Buyer = kin
			}
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.LeadNow(nil, nil)
				if f != nil || len(r.Sales) != c.sold {
					t.Errorf("%+v, %v, want %d sales", r, f, c.sold)
				}
				got := roundsOf(x, r.LeadID)
				slices.Sort(got[1])
				if fmt.Sprint(got) != fmt.Sprint(c.rounds) {
					t.Errorf("rounds %v, want %v", got, c.rounds)
				}
			})
		})
	}
}

// What nobody knows of one attempt keeps its slot. The others of its round count as they ended; nobody else is asked.
func TestUnknownEndInARound(t *testing.T) {
	s := atOnce(t, 3, buys("a", 20, 3, silent), buys("b", 19, 3, nil), buys("c", 18, 3, declines),
		buys("d", 17, 3, nil))
	for _, accepted := range []bool{true, false} {
		exchangetest.Run(t, s, func(x *rig) {
			p, _ := x.Ping(nil, nil)
			r, f := x.Post(p.LeadID, nil, nil)
			wantPending(t, r, f)
			wantRounds(x, p.LeadID, map[int][]string{1: {"a", "b", "c"}})
			wantUsed(x, "a", 1)
			wantUsed(x, "b", 1)
			wantUsed(x, "c", 0)
			x.Restart()
			open, err := x.Exchange.Unresolved()
			if err != nil || len(open) != 1 || open[0].Campaign != "a" {
				t.Fatalf("open: %+v, %v", open, err)
			}
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt, Accepted: accepted,
				Why: "asked", By: "op"}); err != nil {
				t.Fatal(err)
			}
			want := 15200000 + map[bool]lead.Money{true: 16 * dollar}[accepted]
			r, f = x.Post(p.LeadID, nil, nil)
			wantSold(t, r, f, want)
			wantUsed(x, "a", map[bool]int64{true: 1}[accepted])
		})
	}
}

// Where the group of a round's attempts is not stored, or nobody can tell, nothing is sent and no hold is left over.
func TestRoundThatTheLedgerDoesNotTake(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault exchangetest.Fault
		ends  int // that tell of attempts which never began
	}{{"refused", exchangetest.Refused, 0}, {"lost", exchangetest.Lost, 0}, {"kept", exchangetest.Kept, 2}} {
		t.Run(c.name, func(t *testing.T) {
			s := atOnce(t, 2, buys("a", 20, 2, nil), buys("b", 19, 2, nil))
			exchangetest.Run(t, s, func(x *rig) {
				p, _ := x.Ping(nil, nil)
				x.Disk.Fail(ledger.KindPosting, c.fault)
				r, f := x.Post(p.LeadID, nil, nil)
				wantFault(t, r, f, "unavailable")
				if c.fault != exchangetest.Refused {
					wantUsed(x, "a", 1)
					wantUsed(x, "b", 1)
				}
				x.Disk.Repair()
				x.Sleep(time.Minute)
				wantPosted(x)
				wantUsed(x, "a", 0)
				wantUsed(x, "b", 0)
				if got := ends(x, p.LeadID); len(got) != c.ends || slices.ContainsFunc(got,
					func(no lead.Refusal) bool { return no != lead.NotBegun }) {
					t.Errorf("ends: %v", got)
				}
				r, f = x.Post(p.LeadID, nil, nil)
				wantSold(t, r, f, 31_200_000)
				wantUsed(x, "a", 1)
				wantUsed(x, "b", 1)
			})
		})
	}
}

// After a crash the ends that were known are known, and the others are unknown and keep their holds.
func TestCrashWithinARound(t *testing.T) {
	s := atOnce(t, 3, buys("a", 20, 3, takes("a", time.Second)), buys("b", 19, 3, takes("b", time.Millisecond)),
		buys("c", 18, 3, exchangetest.Always(exchangetest.Decline("no").In(2*time.Millisecond))))
	exchangetest.Run(t, s, func(x *rig) {
		p, _ := x.Ping(nil, nil)
		heard := post(x, p.LeadID)
		x.Sleep(500 * time.Millisecond)
		x.Crash()
		<-heard
		open, err := x.Exchange.Unresolved()
		if err != nil || len(open) != 1 || open[0].Campaign != "a" {
			t.Fatalf("open: %+v, %v", open, err)
		}
		wantUsed(x, "a", 1)
		wantUsed(x, "b", 1)
		wantUsed(x, "c", 0)
		r, f := x.Post(p.LeadID, nil, nil)
		wantPending(t, r, f)
	})
}

// A one-shot lead stays in the tier that has sold it; test leads are posted in rounds, too.
func TestRoundsOfOneShotsAndTests(t *testing.T) {
	two := func() setup {
		return planned(t, []campaign{buys("a", 20, 5, nil), buys("b", 19, 5, declines), buys("c", 9, 5, nil)},
			auction.InOrder, tier{Tier: auction.Tier{Mode: auction.Simultaneous, SellLimit: 2}, campaigns: "a b"},
			tier{Tier: auction.Tier{Mode: auction.Simultaneous, SellLimit: 5}, campaigns: "c"})
	}
	exchangetest.Run(t, two(), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 16*dollar)
		wantRounds(x, r.LeadID, map[int][]string{1: {"a", "b"}})
	})
	s := two()
	for i := range s.Campaigns {
		s.Campaigns[i].Spec = staged
	}
	exchangetest.Run(t, s, func(x *rig) {
		for id, post := range map[string]exchangetest.Buyer{"a": takes("a", 0), "b": declines, "c": declines} {
			x.Buyers.Set(id, "staging-ping", exchangetest.Always(exchangetest.Bid(20*dollar)))
			x.Buyers.Set(id, "staging-post", post)
		}
		r, f := x.LeadNow(nil, tested(lead.TestAny))
		if f != nil || !r.Test || r.Result != lead.ResultSuccess || len(r.Sales) != 1 {
			t.Errorf("%+v, %v", r, f)
		}
		if got := roundsOf(x, r.LeadID); len(got[1]) != 2 || len(got[0]) > 0 {
			t.Errorf("rounds: %v", got)
		}
	})
}

// Whatever buyers do: never more in flight or sold than all were promised, nobody twice, and no more paid than comes
// in.
func TestRoundsOfManyKinds(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() { // the detector costs several times the time
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomRounds(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func randomRounds(t *testing.T, r *rand.Rand) {
	sell := 2 + r.IntN(3)
	var cs []campaign
	for i := range 3 + r.IntN(6) {
		id := string(rune('a' + i))
		after := time.Duration(r.IntN(300)) * time.Millisecond
		end := []exchangetest.Answer{exchangetest.Accept("ref-" + id), exchangetest.Accept("ref-" + id),
			exchangetest.Decline("no"), exchangetest.Decline("no"), exchangetest.Unreachable(),
			{Status: 500}}[r.IntN(6-r.IntN(2))]
		cs = append(cs, buys(id, lead.Money(5+r.IntN(20)), 1+r.IntN(4), exchangetest.Always(end.In(after))))
	}
	s := atOnce(t, sell, cs...)
	pairs := byte(r.IntN(3)) // of buyers that are one company
	company := func(buyer string) string {
		if n := buyer[0] - 'a'; n < 2*pairs {
			return fmt.Sprint("holding", n/2)
		}
		return buyer
	}
	s.Buyer = func(b *buyers.BuyerSpec) {
		if own := company(b.ID); own != b.ID {
			b.Parent = own
		}
	}
	s.Source = func(s *exchange.Source) { s.Reprice = r.IntN(2) == 0 }
	exchangetest.Run(t, s, func(x *rig) {
		var id lead.ID
		if r.IntN(2) == 0 {
			out, _ := x.LeadNow(nil, nil)
			id = out.LeadID
		} else {
			p, _ := x.Ping(nil, nil)
			id = p.LeadID
			x.Post(id, nil, nil)
		}
		judgeRounds(x, id, company)
	})
}

// judgeRounds follows a lead's events, and holds them to what its buyers were promised.
func judgeRounds(x *rig, id lead.ID, company func(buyer string) string) {
	standing := map[lead.ID]*ledger.Posting{}
	for _, ev := range x.Events(id) {
		switch ev := ev.(type) {
		case *ledger.Posting:
			standing[ev.Attempt] = ev
			least := 99
			for _, p := range standing {
				least = min(least, p.MaxSold, p.SellLimit)
				if p != ev && company(p.Holder()) == company(ev.Holder()) {
					x.T.Errorf("%s and %s are one company", p.Holder(), ev.Holder())
				}
			}
			if len(standing) > least {
				x.T.Errorf("%d may have the lead, of at most %d", len(standing), least)
			}
		case *ledger.Posted:
			if !ev.Outcome.Standing() {
				delete(standing, ev.Attempt)
			}
			if ev.Payout > ev.Price {
				x.T.Errorf("%s pays %v out of %v", ev.Campaign, ev.Payout, ev.Price)
			}
		}
	}
}

// A crash before the answer leaves an attempt whose end is not known, never a lead without one that nobody settles.
func TestTheLastEndOfARoundComesWithTheAnswer(t *testing.T) {
	s := atOnce(t, 2, buys("a", 20, 2, takes("a", time.Second)), buys("b", 15, 2, takes("b", 2*time.Second)))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(28*dollar, nil)
		x.Disk.FailAll(ledger.KindSettled, exchangetest.Refused)
		heard := post(x, id)
		x.Sleep(3 * time.Second)
		x.Crash()
		<-heard
		open, err := x.Exchange.Unresolved()
		if err != nil || len(open) != 1 || open[0].Campaign != "b" {
			t.Fatalf("unresolved: %+v, %v", open, err)
		}
		x.Disk.Repair()
		yes := exchange.Resolution{Attempt: open[0].Attempt, Accepted: true, Why: "asked", By: "anna"}
		if _, err := x.Exchange.Resolve(yes); err != nil {
			t.Fatal(err)
		}
		wantSold(t, x.Status(id), nil, 28*dollar)
	})
}
