// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"clearpost/lead"
)

func money(t testing.TB, s string) lead.Money {
	t.Helper()
	m, err := lead.ParseMoney([]byte(s))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return m
}

// parseTerms reads "limit=2 floor=5 share=20% fixed=1 min=10 sold=1 soldmax=2".
func parseTerms(t testing.TB, line string) (x Terms) {
	t.Helper()
	x.SellLimit = 1
	for _, kv := range strings.Fields(line) {
		k, v, _ := strings.Cut(kv, "=")
		n, _ := strconv.Atoi(v)
		switch k {
		case "limit":
			x.SellLimit = n
		case "floor":
			x.Floor = money(t, v)
		case "share":
			x.Margin.PPM = int64(money(t, strings.TrimSuffix(v, "%"))) / 100
		case "fixed":
			x.Margin.Fixed = money(t, v)
		case "min":
			x.MinPayout = money(t, v)
		case "sold":
			x.Sold = n
		case "soldmax":
			x.SoldMax = n
		default:
			t.Fatalf("unknown term %q", kv)
		}
	}
	return x
}

// parseBid reads "sun 45.00 max=2 acc=0.9 tie=7 leg=1": the buyer is the first letter of the campaign.
func parseBid(t testing.TB, ref int, line string) (string, Bid) {
	t.Helper()
	p := strings.Fields(line)
	b := Bid{Ref: int32(ref), Buyer: int32(p[0][0]), Price: money(t, p[1]), MaxSold: 1}
	for _, kv := range p[2:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "max":
			b.MaxSold, _ = strconv.Atoi(v)
		case "acc":
			b.Acceptance = int64(money(t, v))
		case "tie":
			b.Tie, _ = strconv.ParseUint(v, 10, 64)
		default:
			t.Fatalf("unknown part %q", kv)
		}
	}
	return p[0], b
}

func TestAuction(t *testing.T) {
	var r Result // one for all: nothing of a run may reach the next
	datadriven.RunTest(t, "testdata/auction", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		lines := strings.Split(d.Input, "\n")
		switch d.Cmd {
		case "payout":
			m := parseTerms(t, lines[0]).Margin
			for _, line := range lines[1:] {
				fmt.Fprintf(&b, "%s pays %s\n", line, m.Payout(money(t, line)))
			}
		case "run":
			terms := parseTerms(t, lines[0])
			var names []string
			var bids []Bid
			for i, line := range lines[1:] {
				name, bid := parseBid(t, i, line)
				names, bids = append(names, name), append(bids, bid)
			}
			Run(bids, terms, &r)
			for _, p := range r.Order {
				word := "stands by"
				if p.Winner {
					word = "wins"
				}
				fmt.Fprintf(&b, "%s %s, pays %s\n", names[p.Bid], word, p.Payout)
			}
			for _, l := range r.Lost {
				fmt.Fprintf(&b, "%s lost: %s\n", names[l.Bid], l.Refusal)
			}
			fmt.Fprintf(&b, "quote %s\n", r.Payout)
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

func drawTerms(t *rapid.T) Terms {
	x := Terms{
		SellLimit: rapid.IntRange(0, 6).Draw(t, "limit"),
		Floor:     lead.Money(rapid.IntRange(0, 20).Draw(t, "floor")) * lead.Unit / 2,
		Margin: Margin{PPM: int64(rapid.IntRange(-1, 11).Draw(t, "share")) * 100_000,
			Fixed: lead.Money(rapid.IntRange(-1, 6).Draw(t, "fixed")) * 123_457},
		MinPayout: lead.Money(rapid.IntRange(0, 60).Draw(t, "min")) * lead.Unit / 2,
		Sold:      rapid.IntRange(0, 3).Draw(t, "sold"),
	}
	if x.Sold > 0 {
		x.SoldMax = rapid.IntRange(x.Sold, 6).Draw(t, "soldmax")
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

// allowed tells from the promises alone whether the lead may be sold to all of a set, and what that is worth.
func allowed(bids []Bid, set uint, t Terms) (ok bool, sum, payout lead.Money, size int) {
	total := t.Sold
	for i := range bids {
		if set>>i&1 == 1 {
			total++
		}
	}
	if total > t.SellLimit || t.Sold > 0 && total > t.SoldMax {
		return false, 0, 0, 0
	}
	buyers := map[int32]bool{}
	for i, b := range bids {
		if set>>i&1 == 0 {
			continue
		}
		promise := b.MaxSold
		if promise < 1 {
			promise = 1
		}
		if b.Price <= 0 || b.Price < t.Floor || total > promise || buyers[b.Buyer] {
			return false, 0, 0, 0
		}
		buyers[b.Buyer] = true
		sum += b.Price
		payout += t.Margin.Payout(b.Price)
	}
	return payout >= t.MinPayout, sum, payout, total - t.Sold
}

// Against all subsets: the winners are a set that may win, none is dearer, and none as dear is smaller.
func TestRunAgainstAllSubsets(t *testing.T) {
	var r Result
	rapid.Check(t, func(t *rapid.T) {
		bids, terms := drawBids(t), drawTerms(t)
		var best lead.Money
		size := 0
		for set := uint(1); set < 1<<len(bids); set++ {
			ok, sum, _, n := allowed(bids, set, terms)
			if ok && (size == 0 || sum > best || sum == best && n < size) {
				best, size = sum, n
			}
		}
		Run(bids, terms, &r)
		var won uint
		for _, p := range r.Order {
			if p.Winner {
				won |= 1 << p.Bid
			}
		}
		if won == 0 {
			if size != 0 {
				t.Fatalf("nobody wins, %d may for %s", size, best)
			}
			if r.Payout != 0 {
				t.Fatalf("nobody wins and the quote is %s", r.Payout)
			}
			return
		}
		ok, sum, payout, n := allowed(bids, won, terms)
		if !ok || sum != best || n != size || payout != r.Payout {
			t.Fatalf("winners %b: allowed %v, %d of them for %s (the best: %d for %s), paying %s and quoted %s", won,
				ok, n, sum, size, best, payout, r.Payout)
		}
	})
}

// Every bid ends in exactly one place, with a reason that is true.
func TestEveryBidHasItsPlace(t *testing.T) {
	var r Result
	rapid.Check(t, func(t *rapid.T) {
		bids, terms := drawBids(t), drawTerms(t)
		Run(bids, terms, &r)
		seen := map[int]bool{}
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
				max(b.MaxSold, 1) <= terms.Sold {
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
			noSlot := terms.SellLimit <= terms.Sold || terms.Sold > 0 && terms.SoldMax <= terms.Sold ||
				max(b.MaxSold, 1) <= terms.Sold
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

// The order in which bids came in changes nothing.
func TestOrderOfBidsDoesNotMatter(t *testing.T) {
	var r, s Result
	rapid.Check(t, func(t *rapid.T) {
		bids, terms := drawBids(t), drawTerms(t)
		shuffled := rapid.Permutation(bids).Draw(t, "shuffled")
		Run(bids, terms, &r)
		Run(shuffled, terms, &s)
		if r.Payout != s.Payout || len(r.Order) != len(s.Order) || len(r.Lost) != len(s.Lost) {
			t.Fatalf("%+v\n%+v", r, s)
		}
		for i := range r.Order {
			a, b := r.Order[i], s.Order[i]
			if bids[a.Bid] != shuffled[b.Bid] || a.Winner != b.Winner || a.Payout != b.Payout {
				t.Fatalf("place %d: %+v, shuffled %+v", i, bids[a.Bid], shuffled[b.Bid])
			}
		}
		lost := map[Bid]lead.Refusal{}
		for _, l := range r.Lost {
			lost[bids[l.Bid]] = l.Refusal
		}
		for _, l := range s.Lost {
			if lost[shuffled[l.Bid]] != l.Refusal {
				t.Fatalf("%+v lost as %s, shuffled as %s", shuffled[l.Bid], lost[shuffled[l.Bid]], l.Refusal)
			}
		}
	})
}

// A payout is whole cents, within the price, and never falls as the price rises.
func TestPayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Margin{rapid.Int64Range(0, 1_000_000).Draw(t, "ppm"),
			lead.Money(rapid.Int64Range(0, 20_000_000).Draw(t, "fixed"))}
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

func tenBids() []Bid {
	bids := make([]Bid, 10)
	for i := range bids {
		bids[i] = Bid{Ref: int32(i), Buyer: int32(i % 8), Price: lead.Money(10+i*7%11) * lead.Unit, MaxSold: 1 + i%4,
			Tie: uint64(i)}
	}
	return bids
}

func TestRunAllocatesNothing(t *testing.T) {
	var r Result
	bids, terms := tenBids(), Terms{SellLimit: 3, Floor: lead.Unit, Margin: Margin{PPM: 200_000}}
	Run(bids, terms, &r)
	if n := testing.AllocsPerRun(100, func() { Run(bids, terms, &r) }); n != 0 {
		t.Fatalf("%v allocations a run", n)
	}
}

func BenchmarkRun(b *testing.B) {
	var r Result
	bids, terms := tenBids(), Terms{SellLimit: 3, Floor: lead.Unit, Margin: Margin{PPM: 200_000}}
	b.ReportAllocs()
	for b.Loop() {
		Run(bids, terms, &r)
	}
}
