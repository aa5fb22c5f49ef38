// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"testing"

	"clearpost/lead"
)

func tenBids() []Bid {
	bids := make([]Bid, 10)
	for i := range bids {
		bids[i] = Bid{Ref: int32(i), Buyer: int32(i % 8), Price: lead.Money(10+i*7%11) * lead.Unit, MaxSold: 1 + i%4,
			Tie: uint64(i)}
	}
	return bids
}

// fiftyBuyers bid for one sale, three and five.
func fiftyBuyers() (bids []Bid) {
	for i := range 50 {
		for leg := range 3 {
			bids = append(bids, Bid{Ref: int32(len(bids)), Buyer: int32(i), MaxSold: []int{1, 3, 5}[leg],
				Price:      lead.Money(60-leg*15+i*7%23) * lead.Unit / 2,
				Acceptance: int64(i % 3), Tie: uint64(i*2654435761) % 1000})
		}
	}
	return bids
}

// grouped puts each buyer into n of so many competitor groups.
func grouped(bids []Bid, n, of int) []Bid {
	for i := range bids {
		for g := range n {
			bids[i].Groups |= 1 << (mix(uint64(bids[i].Buyer)*golden+uint64(g)) % uint64(of))
		}
	}
	return bids
}

// auctions are what is measured, and what must not allocate.
func auctions() map[string]func() ([]Bid, Terms) {
	five := Terms{SellLimit: 5, Floor: lead.Unit, Margin: Margin{PPM: 200_000}}
	tiers := func(bids []Bid) []Bid {
		for i := range bids {
			at := i / 3
			bids[i].Seats = []Seat{{Tier: i % 3, Position: at, Weight: 1 + i%5}, {Tier: 3, Position: at, Weight: 1}}
		}
		return bids
	}
	plan := func(walk Walk, modes ...Mode) Terms {
		t := five
		t.Plan = &Plan{Walk: walk}
		for i, m := range modes {
			t.Plan.Tiers = append(t.Plan.Tiers, Tier{Mode: m, SellLimit: []int{1, 3, 5, 5}[i],
				Floor: lead.Money(20-5*i) * lead.Unit})
		}
		return t
	}
	return map[string]func() ([]Bid, Terms){
		"ten bids":                func() ([]Bid, Terms) { t := five; t.SellLimit = 3; return tenBids(), t },
		"fifty, three legs":       func() ([]Bid, Terms) { return fiftyBuyers(), five },
		"one group each of 10":    func() ([]Bid, Terms) { return grouped(fiftyBuyers(), 1, 10), five },
		"two groups each of 10":   func() ([]Bid, Terms) { return grouped(fiftyBuyers(), 2, 10), five },
		"three groups each of 20": func() ([]Bid, Terms) { return grouped(fiftyBuyers(), 3, 20), five },
		"two groups and a minimum": func() ([]Bid, Terms) {
			t := five
			t.MinPayout = 60 * lead.Unit
			return grouped(fiftyBuyers(), 2, 10), t
		},
		"four tiers in order": func() ([]Bid, Terms) {
			return tiers(fiftyBuyers()), plan(InOrder, Auction, Waterfall, RoundRobin, Weighted)
		},
		"four tiers, best total": func() ([]Bid, Terms) {
			return tiers(fiftyBuyers()), plan(BestTotal, Auction, Auction, Simultaneous, WaterfallByValue)
		},
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	for name, of := range auctions() {
		var r Result
		bids, terms := of()
		Run(bids, terms, &r)
		if len(r.Order) == 0 || r.Cut {
			t.Fatalf("%s: %d may buy, the search cut off: %v", name, len(r.Order), r.Cut)
		}
		if n := testing.AllocsPerRun(100, func() { Run(bids, terms, &r) }); n != 0 {
			t.Errorf("%s: %v allocations a run", name, n)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	all := auctions()
	for _, name := range []string{"ten bids", "fifty, three legs", "one group each of 10", "two groups each of 10",
		"three groups each of 20", "two groups and a minimum", "four tiers in order", "four tiers, best total"} {
		b.Run(name, func(b *testing.B) {
			var r Result
			bids, terms := all[name]()
			b.ReportAllocs()
			for b.Loop() {
				Run(bids, terms, &r)
			}
			b.ReportMetric(float64(stepsMax-r.s.steps), "steps")
		})
	}
}
