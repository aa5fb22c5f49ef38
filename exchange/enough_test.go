// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
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

// early does not wait for those who cannot win any more.
func early(s setup) setup { return thrifty(s, exchange.Economy{CloseEarly: true}) }

// most is the highest bid of a campaign.
func most(price lead.Money) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.MaxBid = &price }
}

const ms = time.Millisecond

// An auction ends when the silent cannot win any more, and not before.
func TestAuctionEndsWhenNobodySilentCanWin(t *testing.T) {
	quick := campaign{ID: "a", Ping: after(10*ms, 20*dollar), MaxSold: 3}
	late := func(price lead.Money, spec func(*buyers.CampaignSpec)) campaign {
		return campaign{ID: "b", Ping: after(200*ms, price), Spec: spec, MaxSold: 3}
	}
	ceiling := tier{Tier: auction.Tier{Ceiling: 15 * dollar}, campaigns: "b a"}
	for name, c := range map[string]struct {
		setup setup
		took  time.Duration
		late  string // what became of b
	}{
		"its highest bid is lower": {sellTo(1, quick, late(5*dollar, most(19*dollar))), 10 * ms, "closed_early"},
		"its highest bid is equal": {sellTo(1, quick, late(5*dollar, most(20*dollar))), 200 * ms, ""},
		"it has no highest bid":    {sellTo(1, quick, late(5*dollar, nil)), 200 * ms, ""},
		"there is a slot left":     {sellTo(2, quick, late(5*dollar, most(9*dollar))), 200 * ms, ""},
		"its list price is lower": {sellTo(1, quick, campaign{ID: "b", Price: 19 * dollar, Fixed: true,
			Ping: after(200*ms, 0)}), 10 * ms, "closed_early"},
		"an earlier tier has sold": {planned(t, []campaign{quick, late(99*dollar, nil)}, auction.InOrder,
			tier{campaigns: "a"}, tier{campaigns: "b"}), 10 * ms, "closed_early"},
		"an earlier tier may sell": {planned(t, []campaign{quick, late(5*dollar, most(9*dollar))}, auction.InOrder,
			tier{campaigns: "b"}, tier{campaigns: "a"}), 200 * ms, ""},
		"its tier's ceiling is lower": {planned(t, []campaign{quick, late(15*dollar, nil)}, auction.BestTotal,
			tier{campaigns: "a"}, ceiling), 10 * ms, "closed_early"},
		"it is behind in a waterfall": {planned(t, []campaign{quick, late(99*dollar, nil)}, auction.InOrder,
			tier{Tier: auction.Tier{Mode: auction.Waterfall}, campaigns: "a b"}), 10 * ms, "closed_early"},
		"it may have a turn": {planned(t, []campaign{quick, late(99*dollar, nil)}, auction.InOrder,
			tier{Tier: auction.Tier{Mode: auction.RoundRobin}, campaigns: "a b"}), 200 * ms, ""},
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, early(c.setup), func(x *rig) {
				r, took := sendPing(x, 1, nil)
				if got := refusedAs(x, r.LeadID, "b"); took != c.took ||
					got != c.late && (c.late != "" || got != "outbid") {
					t.Errorf("it took %s, and b was refused as %q; want %s and %q", took, got, c.took, c.late)
				}
				n, saved := x.Exchange.Stats.ClosedEarly.Load(), x.Exchange.Stats.SavedMicros.Load()
				if c.late != "" && (n != 1 || saved != (390*ms).Microseconds() ||
					live(x, "b").ClosedEarly.Load() != 1) {
					t.Errorf("%d closed early, %d µs saved", n, saved)
				}
				if c.late == "" && n+saved != 0 {
					t.Errorf("%d closed early, %d µs saved", n, saved)
				}
			})
			exchangetest.Run(t, c.setup, func(x *rig) {
				if r, took := sendPing(x, 1, nil); took != 200*ms {
					t.Errorf("without close_early: %+v after %s", r, took)
				}
			})
		})
	}
}

// Whoever is silent when an auction ends early is not held to have failed, and is not learned to bring little.
func TestClosedEarlyIsNoFailure(t *testing.T) {
	failing := func(c *buyers.CampaignSpec) {
		least := 2
		c.Breaker = &buyers.BreakerSpec{RequestsMin: &least}
		most(9 * dollar)(c)
	}
	s := early(sellTo(1, campaign{ID: "a", Ping: after(10*ms, 20*dollar)},
		campaign{ID: "b", Ping: silent, Spec: failing}))
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 20 {
			if r, _ := sendPing(x, i, nil); refusedAs(x, r.LeadID, "b") != "closed_early" {
				t.Fatalf("ping %d: b was refused as %s", i, refusedAs(x, r.LeadID, "b"))
			}
		}
		if l := live(x, "b"); l.Errors.Load()+l.Late.Load() != 0 {
			t.Errorf("%d errors, %d late", l.Errors.Load(), l.Late.Load())
		}
	})
}

// plansOf are the ways in which the leads of the next test are sold.
func plansOf(t *testing.T, draw *rand.Rand, cs []campaign) setup {
	modes := []auction.Mode{auction.Auction, auction.Waterfall, auction.WaterfallByValue, auction.RoundRobin}
	var tiers []tier
	for range 1 + draw.IntN(3) {
		x := tier{Tier: auction.Tier{SellLimit: 1 + draw.IntN(3), Mode: modes[draw.IntN(len(modes))]}}
		x.Floor = lead.Money(draw.IntN(3)) * 10 * dollar
		if draw.IntN(2) == 0 {
			x.Ceiling = x.Floor + lead.Money(5+draw.IntN(40))*dollar
		}
		var in []string
		for _, c := range cs {
			if draw.IntN(3) > 0 {
				in = append(in, c.ID)
			}
		}
		draw.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		x.campaigns = strings.Join(in, " ")
		tiers = append(tiers, x)
	}
	switch draw.IntN(4) {
	case 0:
		return sellTo(1+draw.IntN(3), cs...)
	case 1:
		return planned(t, cs, auction.BestTotal, tiers...)
	case 2:
		return byTier(planned(t, cs, auction.InOrder, tiers...))
	}
	return planned(t, cs, auction.InOrder, tiers...)
}

// Whatever comes when, whoever wins wins with an early end, too, for the same quote.
func TestEarlyEndChangesNoWinner(t *testing.T) {
	const setups, leads = 60, 30
	ends := int64(0)
	for seed := range uint64(setups) {
		draw := rand.New(rand.NewPCG(seed, 11))
		var cs []campaign
		for i := range 2 + draw.IntN(5) {
			id := string(rune('a' + i))
			top := lead.Money(5+draw.IntN(60))*dollar + lead.Money(i)*dollar/100
			c := campaign{ID: id, MaxSold: 1 + draw.IntN(3)}
			if draw.IntN(3) > 0 {
				c.Spec = most(top)
			} else {
				top = 66 * dollar
			}
			c.Ping = func(r *exchangetest.Request) exchangetest.Answer { // as the lead's number has it
				own := rand.New(rand.NewPCG(seed*1000+uint64(i), sum(r.Field("age"))))
				in := time.Duration(own.IntN(300)) * ms
				if own.IntN(5) == 0 {
					return exchangetest.Decline("no").In(in)
				}
				// no two are the same: a tie hangs on the lead's id
				price := lead.Money(own.IntN(650)*10+i) * dollar / 100
				return exchangetest.Bid(min(top, price)).In(in)
			}
			cs = append(cs, c)
		}
		s := plansOf(t, draw, cs)
		least := lead.Money(draw.IntN(2)) * lead.Money(draw.IntN(50)) * dollar
		var got [2][]string
		for i, s := range []setup{s, early(s)} {
			exchangetest.Run(t, s, func(x *rig) {
				for n := range leads {
					r, f := x.Ping(values{"phone": fmt.Sprintf("512867%04d", n), "age": fmt.Sprint(20 + n)},
						func(p *exchange.Ping) { p.MinPrice = least })
					if f != nil {
						t.Fatal(f)
					}
					line := fmt.Sprint("lead ", n, " at ", r.Price, ":")
					ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID)
					slices.SortFunc(ev.Bids, func(a, b ledger.Bid) int { return a.Rank - b.Rank })
					for _, b := range ev.Bids {
						if b.Winner {
							line += fmt.Sprint(" ", b.Campaign, " ", b.Price, " ", b.Tier, " ", b.MaxSold)
						}
					}
					got[i] = append(got[i], line)
				}
				ends += x.Exchange.Stats.ClosedEarly.Load()
			})
		}
		for n := range leads {
			if got[0][n] != got[1][n] {
				t.Errorf("seed %d: %s\nwith an early end %s", seed, got[0][n], got[1][n])
			}
		}
	}
	if ends < setups*leads/10 {
		t.Errorf("only %d of %d auctions ended early", ends, setups*leads)
	}
}

func sum(text string) (n uint64) {
	for _, c := range text {
		n = n*31 + uint64(c)
	}
	return n
}

// A bid that cannot win beside those of its own tier may do so beside those of the next one: it is waited for.
func TestEarlyEndLooksAtTheNextTier(t *testing.T) {
	cs := []campaign{{ID: "w", Ping: after(10*ms, 10*dollar)},
		{ID: "s", Ping: after(100*ms, 4*dollar), MaxSold: 2, Spec: most(5 * dollar)},
		{ID: "x", Price: 7 * dollar, MaxSold: 2}}
	s := byTier(planned(t, cs, auction.InOrder, tier{Tier: auction.Tier{Floor: 20 * dollar}, campaigns: "w s"},
		tier{Tier: auction.Tier{SellLimit: 2}, campaigns: "x w s"}))
	exchangetest.Run(t, early(s), func(x *rig) {
		if r, _ := sendPing(x, 1, nil); r.Price != 8_800_000 {
			t.Errorf("%s, want what 7.00 and 4.00 pay together", r.Price)
		}
	})
}
