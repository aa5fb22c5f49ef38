// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"testing"

	"pgregory.net/rapid"

	"clearpost/lead"
)

// standing are n sales that were promised so much, to buyers that no bid is of.
func standing(n, maxSold int) (sales []Sale) {
	for i := range n {
		sales = append(sales, Sale{Buyer: int32(-1 - i), MaxSold: maxSold})
	}
	return sales
}

func drawTerms(t *rapid.T) Terms {
	x := Terms{
		SellLimit: rapid.IntRange(0, 6).Draw(t, "limit"),
		Floor:     lead.Money(rapid.IntRange(0, 20).Draw(t, "floor")) * lead.Unit / 2,
		Margin: Margin{PPM: int64(rapid.IntRange(-1, 11).Draw(t, "share")) * 100_000,
			Fixed: lead.Money(rapid.IntRange(-1, 6).Draw(t, "fixed")) * 123_457},
		MinPayout: lead.Money(rapid.IntRange(0, 60).Draw(t, "min")) * lead.Unit / 2,
	}
	if n := rapid.IntRange(0, 3).Draw(t, "sold"); n > 0 {
		x.Sales = standing(n, rapid.IntRange(n, 6).Draw(t, "soldmax"))
	}
	return x
}

func drawBids(t *rapid.T) []Bid {
	bids := make([]Bid, rapid.IntRange(0, 7).Draw(t, "bids"))
	for i := range bids {
		bids[i] = Bid{
			Ref:        int32(i),
			Buyer:      int32(rapid.IntRange(0, 4).Draw(t, "buyer")),
			Price:      lead.Money(rapid.IntRange(-1, 30).Draw(t, "price")) * lead.Unit,
			MaxSold:    rapid.IntRange(0, 6).Draw(t, "max"),
			Acceptance: int64(rapid.IntRange(0, 1).Draw(t, "acceptance")),
			Tie:        uint64(rapid.IntRange(0, 2).Draw(t, "tie")),
		}
	}
	return bids
}

// Every bid ends in exactly one place, with a reason that is true.
func TestEveryBidHasItsPlace(t *testing.T) {
	var r Result
	rapid.Check(t, func(t *rapid.T) {
		bids, terms := drawBids(t), drawTerms(t)
		Run(bids, terms, &r)
		seen := map[int32]bool{}
		winner := map[int32]lead.Money{}
		backups := false
		for i, p := range r.Order {
			b := bids[p.Bid]
			if seen[p.Bid] {
				t.Fatalf("bid %d stands twice", p.Bid)
			}
			seen[p.Bid] = true
			if p.Winner {
				if backups {
					t.Fatal("a winner stands behind a backup")
				}
				winner[b.Buyer] = b.Price
			}
			if i > 0 && r.Order[i-1].Winner == p.Winner && bids[r.Order[i-1].Bid].Price < b.Price {
				t.Fatalf("%s stands before %s", bids[r.Order[i-1].Bid].Price, b.Price)
			}
			backups = backups || !p.Winner
			if p.Payout != terms.Margin.Payout(b.Price) || b.Price <= 0 || b.Price < terms.Floor ||
				max(b.MaxSold, 1) <= len(terms.Sales) {
				t.Fatalf("bid %+v stands with payout %s", b, p.Payout)
			}
			if won, ok := winner[b.Buyer]; ok && !p.Winner && won > b.Price {
				t.Fatalf("bid %+v stands by though its buyer wins with %s", b, won)
			}
		}
		for _, l := range r.Lost {
			b := bids[l.Bid]
			if seen[l.Bid] {
				t.Fatalf("bid %d stands twice", l.Bid)
			}
			seen[l.Bid] = true
			won, buys := winner[b.Buyer]
			sold := len(terms.Sales)
			noSlot := terms.SellLimit <= sold || sold > 0 && terms.Sales[0].MaxSold <= sold ||
				max(b.MaxSold, 1) <= sold
			want := lead.Outbid
			switch {
			case b.Price <= 0:
				want = lead.MissingPrice
			case b.Price < terms.Floor:
				want = lead.BelowFloor
			case noSlot:
				want = lead.NoSlot
			case len(winner) == 0:
				want = lead.BelowFloor
			}
			if l.Refusal != want || want == lead.Outbid && (!buys || won < b.Price) {
				t.Fatalf("bid %+v lost as %s, want %s", b, l.Refusal, want)
			}
		}
		if len(seen) != len(bids) {
			t.Fatalf("%d of %d bids have a place", len(seen), len(bids))
		}
	})
}

// A payout is whole cents, within the price, and never falls as the price rises.
func TestPayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Margin{PPM: rapid.Int64Range(0, 1_000_000).Draw(t, "ppm"),
			Fixed: lead.Money(rapid.Int64Range(0, 20_000_000).Draw(t, "fixed"))}
		price := lead.Money(rapid.Int64Range(0, int64(lead.MoneyMax)).Draw(t, "price"))
		p := m.Payout(price)
		if p < 0 || p > price || p%lead.Cent != 0 {
			t.Fatalf("%s pays %s", price, p)
		}
		if q := m.Payout(price + lead.Money(rapid.Int64Range(0, 1_000_000).Draw(t, "more"))); q < p {
			t.Fatalf("%s pays %s, more pays %s", price, p, q)
		}
		// The next cent would be more than the margin leaves.
		if left := int64(price)*(1_000_000-m.PPM) - int64(m.Fixed)*1_000_000; price < 1_000_000_000_000 &&
			int64(p+lead.Cent)*1_000_000 <= left {
			t.Fatalf("%s pays %s, a cent too little", price, p)
		}
	})
}

func TestTieNeverChanges(t *testing.T) {
	id, err := lead.ParseID("018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
	if err != nil {
		t.Fatal(err)
	}
	for campaign, want := range map[string]uint64{"": 0xc9c9a3defc62922d, "sun-shared": 0x52a1c143c835db8b,
		"sun-sharee": 0xc3d7d2d0ff228cff} {
		if got := Tie(id, campaign); got != want {
			t.Errorf("Tie(%q) = %#x, it was %#x", campaign, got, want)
		}
	}
	// Over many leads each of two campaigns goes first about as often.
	first := 0
	for i := range 10_000 {
		id[14], id[15] = byte(i>>8), byte(i)
		if Tie(id, "sun") < Tie(id, "moon") {
			first++
		}
	}
	if first < 4_700 || first > 5_300 {
		t.Errorf("one campaign goes first %d times of 10000", first)
	}
}
