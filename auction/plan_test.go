// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"clearpost/lead"
)

// entangled are so many buyers of nearly one price, each a competitor of many others: more than a search looks through.
func entangled(buyers int) []Bid {
	bids := make([]Bid, buyers)
	for i := range bids {
		h := mix(uint64(i))
		bids[i] = Bid{Ref: int32(i), Buyer: int32(i), Price: 20*lead.Unit + lead.Money(h%97)*lead.Cent, MaxSold: 20}
		for g := range 4 {
			bids[i].Groups |= 1 << (h >> (8 * g) % GroupsMax)
		}
	}
	return bids
}

// A search that is cut off says so, and its winners may be sold all the same; the same ones whatever the bids' order.
func TestSearchHasALimit(t *testing.T) {
	bids := entangled(400)
	var r, s Result
	terms := Terms{SellLimit: 20}
	Run(bids, terms, &r)
	if !r.Cut || r.Tier != 0 {
		t.Fatalf("tier %d, cut off: %v", r.Tier, r.Cut)
	}
	var groups uint64
	winners := 0
	for _, p := range r.Order {
		if !p.Winner {
			break
		}
		if bids[p.Bid].Groups&groups != 0 {
			t.Fatalf("winner %d is a competitor of another one", winners)
		}
		groups |= bids[p.Bid].Groups
		winners++
	}
	if winners < 2 {
		t.Fatalf("%d winners", winners)
	}
	slices.Reverse(bids)
	Run(bids, terms, &s)
	for i := range r.Order {
		if r.Order[i].Winner != s.Order[i].Winner || int(r.Order[i].Bid) != len(bids)-1-int(s.Order[i].Bid) {
			t.Fatalf("place %d: bid %d, turned round %d", i, r.Order[i].Bid, len(bids)-1-int(s.Order[i].Bid))
		}
	}
	Run(entangled(10), terms, &r)
	if r.Cut {
		t.Error("what was cut off in one run is said of the next")
	}
}

// Over many leads a draw keeps to the weights, and a rotation gives each its turn.
func TestListsAreFair(t *testing.T) {
	bids := make([]Bid, 4)
	weights := []int{5, 3, 2, 0}
	for i := range bids {
		bids[i] = Bid{Ref: int32(i), Buyer: int32(i), Price: lead.Unit * lead.Money(i+1), MaxSold: 1,
			Seats: []Seat{{Tier: 0, Position: i, Weight: weights[i]}}}
	}
	var r Result
	const n = 10_000
	first := func(mode Mode, id func(i int) (lead.ID, uint64)) (won [4]int) {
		terms := Terms{SellLimit: 1, Plan: &Plan{Tiers: []Tier{{Mode: mode}}}}
		for i := range n {
			var turn uint64
			terms.Lead, turn = id(i)
			terms.Turns = []uint64{turn}
			Run(bids, terms, &r)
			won[bids[r.Order[0].Bid].Ref]++
		}
		return won
	}
	byLead := func(i int) (id lead.ID, turn uint64) { id[0], id[1] = byte(i), byte(i>>8); return id, 0 }
	byTurn := func(i int) (id lead.ID, turn uint64) { return id, uint64(i) }
	for name, won := range map[string][4]int{"leads": first(Weighted, byLead), "turns": first(Weighted, byTurn)} {
		for i, w := range weights {
			if want := n * w / 10; won[i] < want-200 || won[i] > want+200 {
				t.Errorf("by %s: weight %d of 10 wins %d of %d", name, w, won[i], n)
			}
		}
	}
	if won := first(RoundRobin, byTurn); won != [4]int{n / 4, n / 4, n / 4, n / 4} {
		t.Errorf("turns: %v of %d", won, n)
	}
}

// What is drawn for a lead must not change: a replay compares with what is recorded.
func TestDrawNeverChanges(t *testing.T) {
	id, err := lead.ParseID("018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
	if err != nil {
		t.Fatal(err)
	}
	bids := make([]Bid, 8)
	for i := range bids {
		seats := []Seat{{Tier: 1, Position: i, Weight: i}}
		bids[i] = Bid{Ref: int32(i), Buyer: int32(i), Price: lead.Unit, Seats: seats}
	}
	var r Result
	plan := &Plan{Tiers: []Tier{{}, {Mode: Weighted}}}
	Run(bids, Terms{SellLimit: 1, Lead: id, Turns: []uint64{0, 3}, Plan: plan}, &r)
	var got []int32
	for _, p := range r.Order {
		got = append(got, p.Bid)
	}
	if want := []int32{7, 1, 5, 4, 6, 3, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("drawn: %v, it was %v", got, want)
	}
}

// A payout is exact: the last cent that share, fixed amount, minimum and the switch leave.
func TestPayoutIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		figures := func(from lead.Money) Band {
			return Band{From: from, PPM: rapid.Int64Range(-1_500_000, 1_200_000).Draw(t, "ppm"),
				Fixed:   lead.Money(rapid.Int64Range(-9_000_000, 20_000_000).Draw(t, "fixed")),
				Minimum: lead.Money(rapid.Int64Range(-1, 5_000_000).Draw(t, "least"))}
		}
		own := figures(0)
		m := Margin{PPM: own.PPM, Fixed: own.Fixed, Minimum: own.Minimum, Loss: rapid.Bool().Draw(t, "loss")}
		from := lead.Money(0)
		for range rapid.IntRange(0, 3).Draw(t, "bands") {
			from += lead.Money(rapid.Int64Range(1, 50_000_000).Draw(t, "from"))
			m.Bands = append(m.Bands, figures(from))
		}
		price := lead.Money(rapid.Int64Range(-1, 100_000_000).Draw(t, "price"))
		for _, b := range m.Bands {
			if price >= b.From {
				own = b
			}
		}
		if !m.Loss {
			own.PPM, own.Fixed = max(own.PPM, 0), max(own.Fixed, 0)
		}
		own.PPM = max(min(own.PPM, 1_000_000), -1_000_000)
		left := new(big.Rat).Mul(big.NewRat(int64(price), 1), big.NewRat(1_000_000-own.PPM, 1_000_000))
		left.Sub(left, big.NewRat(int64(own.Fixed), 1))
		if most := big.NewRat(int64(price-own.Minimum), 1); own.Minimum > 0 && left.Cmp(most) > 0 {
			left = most
		}
		p := m.Payout(price)
		switch cents := int64(p / lead.Cent); {
		case p%lead.Cent != 0 || p < 0:
			t.Fatalf("%s pays %s", price, p)
		case !m.Loss && p > max(price, 0):
			t.Fatalf("%s pays %s", price, p)
		case price > 0 && p > 0 && left.Cmp(big.NewRat(cents*int64(lead.Cent), 1)) < 0:
			t.Fatalf("%s pays %s, more than the %s that are left", price, p, left.FloatString(6))
		case price > 0 && left.Cmp(big.NewRat((cents+1)*int64(lead.Cent), 1)) >= 0:
			t.Fatalf("%s pays %s, a cent too little of %s", price, p, left.FloatString(6))
		}
	})
}

// Amounts at the limits come to something sensible.
func TestPayoutOfExtremes(t *testing.T) {
	const huge = lead.Money(1<<63 - 1)
	for _, m := range []Margin{{}, {Loss: true, PPM: -1 << 63, Fixed: -huge},
		{PPM: 1 << 62, Fixed: huge, Minimum: huge}} {
		for _, price := range []lead.Money{-huge, 1, lead.MoneyMax, huge} {
			p := m.Payout(price)
			if p < 0 || !m.Loss && p > max(price, 0) || p > 3*lead.MoneyMax {
				t.Errorf("%+v: %s pays %s", m, price, p)
			}
		}
	}
	if v := Value(lead.MoneyMax, 1<<62, 1<<62); v != lead.MoneyMax {
		t.Errorf("the greatest value is %s", v)
	}
	if v := Value(lead.Unit, -1); v != 1 {
		t.Errorf("a negative factor makes it worth %s", v)
	}
}

func TestCheckOfAPlan(t *testing.T) {
	ok := Tier{Name: "one"}
	for want, p := range map[string]Plan{
		"":                         {Tiers: []Tier{ok, {Mode: Simultaneous, SellLimit: 3, Floor: 1, Ceiling: 1}}},
		"at least one tier":        {},
		"65 tiers: at most 64":     {Tiers: slices.Repeat([]Tier{ok}, TiersMax+1)},
		"walk 2":                   {Walk: 2, Tiers: []Tier{ok}},
		"tier 2 (one): mode 6":     {Tiers: []Tier{ok, {Name: "one", Mode: 6}}},
		"a sell limit of -1":       {Tiers: []Tier{{SellLimit: -1}}},
		"a floor of -0.01":         {Tiers: []Tier{{Floor: -lead.Cent}}},
		"a ceiling of -0.01":       {Tiers: []Tier{{Ceiling: -lead.Cent}}},
		"below its floor of 2.00:": {Tiers: []Tier{{Floor: 2 * lead.Unit, Ceiling: lead.Unit}}},
	} {
		if err := p.Check(); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p.Walk, err, want)
		}
	}
	if _, err := ParseMode("lottery"); err == nil || !strings.Contains(err.Error(), "waterfall_by_value") {
		t.Errorf("an unknown mode: %v", err)
	}
	m := Margin{Bands: make([]Band, BandsMax+1)}
	if err := m.Check(); err == nil || err.Error() != "65 bands: at most 64" {
		t.Errorf("too many bands: %v", err)
	}
}
