// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

// Auctions, margins and quotes as text: what goes in, a line each, and what comes of it.

func money(t testing.TB, s string) lead.Money {
	t.Helper()
	m, err := lead.ParseMoney([]byte(s))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return m
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ppm reads "20%".
func ppm(t testing.TB, s string) int64 { return int64(money(t, strings.TrimSuffix(s, "%"))) / 100 }

// parseMargin reads one part of a margin, as "share=20%", "fixed=1", "least=2", "loss=on" or
// "band=10,15%,0.50,1": from, share, fixed, minimum.
func parseMargin(t testing.TB, m *Margin, k, v string) bool {
	switch k {
	case "share":
		m.PPM = ppm(t, v)
	case "fixed":
		m.Fixed = money(t, v)
	case "least":
		m.Minimum = money(t, v)
	case "loss":
		m.Loss = v == "on"
	case "band":
		p := strings.Split(v+",0,0,0", ",")
		m.Bands = append(m.Bands, Band{money(t, p[0]), ppm(t, p[1]), money(t, p[2]), money(t, p[3])})
	default:
		return false
	}
	return true
}

// parseTerms reads "limit=2 floor=5 share=20% min=10 sold=1 soldmax=2 walk=best_total turn=3 lead=7".
func parseTerms(t testing.TB, line string) (x Terms) {
	t.Helper()
	x.SellLimit = 1
	for _, kv := range strings.Fields(line) {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "limit":
			x.SellLimit = number(t, v)
		case "floor":
			x.Floor = money(t, v)
		case "min":
			x.MinPayout = money(t, v)
		case "sold":
			n := number(t, v)
			x.Sales = standing(n, n)
		case "soldmax":
			for i := range x.Sales {
				x.Sales[i].MaxSold = number(t, v)
			}
		case "walk":
			x.Plan = &Plan{Walk: map[string]Walk{"in_order": InOrder, "best_total": BestTotal}[v]}
		case "turn": // of every tier
			x.Turns = slices.Repeat([]uint64{uint64(number(t, v))}, TiersMax)
		case "lead":
			x.Lead[15] = byte(number(t, v))
		default:
			if !parseMargin(t, &x.Margin, k, v) {
				t.Fatalf("unknown term %q", kv)
			}
		}
	}
	return x
}

// parseTier reads "premium auction sell=1 floor=50 ceiling=80 closed".
func parseTier(t testing.TB, x *Terms, p []string) {
	t.Helper()
	mode, err := ParseMode(p[1])
	if err != nil {
		t.Fatal(err)
	}
	tier := Tier{Name: p[0], Mode: mode}
	for _, kv := range p[2:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "sell":
			tier.SellLimit = number(t, v)
		case "floor":
			tier.Floor = money(t, v)
		case "ceiling":
			tier.Ceiling = money(t, v)
		case "closed":
			x.Closed |= 1 << len(x.Plan.Tiers)
		default:
			t.Fatalf("unknown part %q of a tier", kv)
		}
	}
	x.Plan.Tiers = append(x.Plan.Tiers, tier)
}

// parseBid reads "sun 45.00 max=2 acc=0.9 tie=7 value=40 company=1 groups=1,3 pay=slow top=50 least=5
// in=premium:2*3,shared margin.share=10%": the buyer is the first letter of the campaign. A standing sale is read
// likewise.
func parseBid(t testing.TB, x *Terms, ref int, p []string) Bid {
	t.Helper()
	b := Bid{Ref: int32(ref), Buyer: int32(p[0][0]), Price: money(t, p[1]), MaxSold: 1}
	for _, kv := range p[2:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "max":
			b.MaxSold = number(t, v)
		case "acc":
			b.Acceptance = int64(money(t, v))
		case "tie":
			b.Tie = uint64(number(t, v))
		case "value":
			b.Value = money(t, v)
		case "company":
			b.Company = int32(number(t, v))
		case "groups":
			for _, g := range strings.Split(v, ",") {
				b.Groups |= 1 << number(t, g)
			}
		case "pay":
			b.Standing = map[string]Standing{"fast": FastPayer, "slow": SlowPayer}[v]
		case "top":
			b.Max = money(t, v)
		case "least":
			b.Floor = money(t, v)
		case "in":
			b.Seats = parseSeats(t, x, v)
		default:
			own, ok := strings.CutPrefix(k, "margin.")
			if b.Margin == nil {
				b.Margin = &Margin{}
			}
			if !ok || !parseMargin(t, b.Margin, own, v) {
				t.Fatalf("unknown part %q of a bid", kv)
			}
		}
	}
	return b
}

// parseSeats reads "premium:2*3,shared": tier, position, weight.
func parseSeats(t testing.TB, x *Terms, text string) (seats []Seat) {
	for _, s := range strings.Split(text, ",") {
		s, weight, weighs := strings.Cut(s, "*")
		name, position, _ := strings.Cut(s+":0", ":")
		position, _, _ = strings.Cut(position, ":")
		seat := Seat{Position: number(t, position), Weight: 1}
		seat.Tier = slices.IndexFunc(x.Plan.Tiers, func(t Tier) bool { return t.Name == name })
		if seat.Tier < 0 {
			t.Fatalf("no tier %q", name)
		}
		if weighs {
			seat.Weight = number(t, weight)
		}
		seats = append(seats, seat)
	}
	return seats
}

// runText holds the auction of a text.
func runText(t *testing.T, r *Result, lines []string) string {
	terms := parseTerms(t, lines[0])
	var names []string
	var bids []Bid
	for _, line := range lines[1:] {
		switch p := strings.Fields(line); p[0] {
		case "tier":
			parseTier(t, &terms, p[1:])
		case "sale":
			s := parseBid(t, &terms, 0, append([]string{p[1], "1"}, p[2:]...))
			terms.Sales = append(terms.Sales, Sale{s.Buyer, s.Company, s.Groups, s.MaxSold})
		default:
			names, bids = append(names, p[0]), append(bids, parseBid(t, &terms, len(bids), p))
		}
	}
	if terms.Plan != nil {
		if err := terms.Plan.Check(); err != nil {
			return err.Error() + "\n"
		}
	}
	Run(bids, terms, r)
	var b strings.Builder
	for _, p := range r.Order {
		word, tier := "stands by", ""
		if p.Winner {
			word = "wins"
		}
		if terms.Plan != nil {
			tier = " in " + terms.Plan.Tiers[p.Tier].Name
		}
		fmt.Fprintf(&b, "%s %s%s, pays %s\n", names[p.Bid], word, tier, p.Payout)
	}
	for _, l := range r.Lost {
		fmt.Fprintf(&b, "%s lost: %s\n", names[l.Bid], l.Refusal)
	}
	fmt.Fprintf(&b, "quote %s\n", r.Payout)
	return b.String()
}

// quoteText plays what happens to a quote: "offer PRICE max=N sold=N", "fill AMOUNT", "sale NAME …", "left NAME
// PRICE …" and "covered".
func quoteText(t *testing.T, lines []string) string {
	var q Quote
	var b strings.Builder
	for _, kv := range strings.Fields(lines[0]) {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "limit":
			q.Limit = number(t, v)
		case "parts":
			for _, part := range strings.Split(v, ",") {
				q.Promise(money(t, part))
			}
		case "loss":
			q.Loss = v == "on"
		default:
			t.Fatalf("unknown part %q of a quote", kv)
		}
	}
	var sales []Sale
	var names []string
	var left []Bid
	for _, line := range lines[1:] {
		switch p := strings.Fields(line); p[0] {
		case "offer":
			x := parseTerms(t, p[3])
			o := parseBid(t, &x, 0, append([]string{"offer"}, p[1:3]...))
			if paid, ok := q.Payout(o.Price, o.MaxSold, len(x.Sales)); ok {
				fmt.Fprintf(&b, "%s: pays %s\n", line, paid)
			} else {
				fmt.Fprintf(&b, "%s: does not cover it\n", line)
			}
		case "fill":
			q.Fill(money(t, p[1]), math.MaxInt, 0) // as the amount alone tells
			fmt.Fprintf(&b, "%s: left %v\n", line, q.Parts)
		case "sale":
			s := parseBid(t, nil, 0, append([]string{p[1], "1"}, p[2:]...))
			sales = append(sales, Sale{s.Buyer, s.Company, s.Groups, s.MaxSold})
		case "left":
			names, left = append(names, p[1]), append(left, parseBid(t, nil, 0, p[1:]))
		case "covered":
			if i := q.Covered(left, sales); i >= 0 {
				fmt.Fprintf(&b, "%s is the next\n", names[i])
			} else {
				b.WriteString("nothing that is left covers it\n")
			}
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return b.String()
}

func marginText(t *testing.T, lines []string) string {
	var b strings.Builder
	x := parseTerms(t, lines[0])
	if err := x.Margin.Check(); err != nil {
		fmt.Fprintf(&b, "mistake: %v\n", err)
	}
	for _, line := range lines[1:] {
		fmt.Fprintf(&b, "%s pays %s\n", line, x.Margin.Payout(money(t, line)))
	}
	return b.String()
}

// valueText reads "10.00 90% 50%": a price and factors.
func valueText(t *testing.T, lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		p := strings.Fields(line)
		var factors []int64
		for _, f := range p[1:] {
			factors = append(factors, ppm(t, f))
		}
		fmt.Fprintf(&b, "%s is worth %s\n", line, Value(money(t, p[0]), factors...))
	}
	return b.String()
}

func TestTexts(t *testing.T) {
	var r Result // one for all: nothing of a run may reach the next
	for _, file := range []string{"auction", "conflicts", "ties", "modes", "tiers", "margins", "breakeven"} {
		t.Run(file, func(t *testing.T) {
			datadriven.RunTest(t, "testdata/"+file, func(t *testing.T, d *datadriven.TestData) string {
				lines := strings.Split(d.Input, "\n")
				switch d.Cmd {
				case "payout":
					return marginText(t, lines)
				case "value":
					return valueText(t, lines)
				case "run":
					return runText(t, &r, lines)
				case "quote":
					return quoteText(t, lines)
				}
				t.Fatalf("unknown command %q", d.Cmd)
				return ""
			})
		})
	}
}
