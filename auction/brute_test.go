// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"clearpost/lead"
)

// A second, slow way to decide, from the words of the documentation alone: every subset of a tier's bids is looked at.

// judge is one auction under trial.
type judge struct {
	bids  []Bid
	terms Terms
	tiers []Tier
}

func (j *judge) payout(i int) lead.Money {
	if m := j.bids[i].Margin; m != nil {
		return m.Payout(j.bids[i].Price)
	}
	return j.terms.Margin.Payout(j.bids[i].Price)
}

func (j *judge) value(i int) lead.Money {
	if v := j.bids[i].Value; v > 0 {
		return v
	}
	return j.bids[i].Price
}

func least(n int) int {
	if n < 1 {
		return 1
	}
	return n
}

// apart tells whether two buyers may both have a lead.
func apart(buyer1, buyer2, company1, company2 int32, groups1, groups2 uint64) bool {
	return buyer1 != buyer2 && (company1 == 0 || company1 != company2) && groups1&groups2 == 0
}

func (j *judge) limit(tier int) int {
	if l := j.tiers[tier].SellLimit; l > 0 && l < j.terms.SellLimit {
		return l
	}
	return j.terms.SellLimit
}

// refused is why a bid cannot buy in a tier even alone, were there no minimum.
func (j *judge) refused(i, tier int) lead.Refusal {
	b, t := &j.bids[i], &j.tiers[tier]
	room := j.limit(tier)
	for _, s := range j.terms.Sales {
		room = min(room, least(s.MaxSold))
	}
	after := len(j.terms.Sales) + 1
	switch {
	case t.Ceiling > 0 && b.Price > t.Ceiling:
		return lead.AboveCeiling
	case b.Price < t.Floor:
		return lead.BelowFloor
	case after > room || after > least(b.MaxSold):
		return lead.NoSlot
	}
	for _, s := range j.terms.Sales {
		switch {
		case s.Buyer == b.Buyer:
			return lead.BuyerSoldAlready
		case b.Company != 0 && s.Company == b.Company:
			return lead.SameCompany
		case s.Groups&b.Groups != 0:
			return lead.Competitor
		}
	}
	return lead.NoRefusal
}

// barred is why a bid cannot buy anywhere.
func (j *judge) barred(i int) lead.Refusal {
	b := &j.bids[i]
	switch {
	case b.Price <= 0:
		return lead.MissingPrice
	case b.Max > 0 && b.Price > b.Max:
		return lead.AboveCeiling
	case b.Price < j.terms.Floor, b.Price < b.Floor:
		return lead.BelowFloor
	}
	for tier := range j.tiers {
		if _, ok := j.seat(i, tier); ok {
			return lead.NoRefusal
		}
	}
	return lead.NoTier
}

func (j *judge) seat(i, tier int) (Seat, bool) {
	if j.terms.Closed&(1<<tier) != 0 {
		return Seat{}, false
	}
	if len(j.bids[i].Seats) == 0 {
		return Seat{Tier: tier, Weight: 1}, true
	}
	for _, s := range j.bids[i].Seats {
		if s.Tier == tier {
			return s, true
		}
	}
	return Seat{}, false
}

// better tells which of two bids ranks first.
func (j *judge) better(x, y int) int {
	a, b := &j.bids[x], &j.bids[y]
	pay := map[Standing]int{FastPayer: 0, UsualPayer: 1, SlowPayer: 2}
	return cmp.Or(cmp.Compare(j.value(y), j.value(x)), cmp.Compare(b.Acceptance, a.Acceptance),
		cmp.Compare(pay[a.Standing], pay[b.Standing]), cmp.Compare(a.Tie, b.Tie), cmp.Compare(a.Ref, b.Ref))
}

// lines are a tier's bids in the order in which it tries them: first those who are not slow, then the slow ones.
func (j *judge) lines(tier int) (line [2][]int) {
	for i := range j.bids {
		if _, ok := j.seat(i, tier); ok && j.barred(i) == 0 && j.refused(i, tier) == 0 {
			half := 0
			if j.bids[i].Standing == SlowPayer {
				half = 1
			}
			line[half] = append(line[half], i)
		}
	}
	for half := range line {
		l := line[half]
		slices.SortFunc(l, j.better)
		mode := j.tiers[tier].Mode
		if mode != Waterfall && mode != RoundRobin && mode != Weighted || len(l) == 0 {
			continue
		}
		at := map[int][]int{} // by position, in the order of rank
		var positions []int
		weight := map[int]int{}
		for _, i := range l {
			s, _ := j.seat(i, tier)
			if at[s.Position] == nil {
				positions = append(positions, s.Position)
				weight[s.Position] = s.Weight
			}
			at[s.Position] = append(at[s.Position], i)
		}
		slices.Sort(positions)
		turn := 0
		if tier < len(j.terms.Turns) {
			turn = int(j.terms.Turns[tier])
		}
		switch mode {
		case RoundRobin:
			n := turn % len(positions)
			positions = append(slices.Clone(positions[n:]), positions[:n]...)
		case Weighted:
			positions = drawn(positions, weight, j.terms.Lead, turn, tier)
		}
		line[half] = nil
		for _, p := range positions {
			line[half] = append(line[half], at[p]...)
		}
	}
	return line
}

// drawn repeats a weighted draw with sums in place of subtractions.
func drawn(positions []int, weight map[int]int, id lead.ID, turn, tier int) (out []int) {
	d := draw(Tie(id, "") + mix(uint64(turn)*golden+uint64(tier)))
	left := slices.Clone(positions)
	for len(left) > 0 {
		total := 0
		for _, p := range left {
			total += max(weight[p], 0)
		}
		pick := 0
		if total > 0 {
			x, upto := int(d.below(uint64(total))), 0
			for n, p := range left {
				upto += max(weight[p], 0)
				if x < upto {
					pick = n
					break
				}
			}
		}
		out = append(out, left[pick])
		left = slices.Delete(left, pick, pick+1)
	}
	return out
}

// winners looks at all subsets of a line: the best that may be sold, in the order of the line, or nil.
func (j *judge) winners(tier int, line []int) (best []int, total, payout lead.Money) {
	optimal := j.tiers[tier].Mode == Auction || j.tiers[tier].Mode == Simultaneous
	for subset := 1; subset < 1<<len(line); subset++ {
		var set []int
		var sum, paid lead.Money
		promise := j.limit(tier)
		for _, s := range j.terms.Sales {
			promise = min(promise, least(s.MaxSold))
		}
		ok := true
		for n, i := range line {
			if subset>>n&1 == 0 {
				continue
			}
			b := &j.bids[i]
			for _, o := range set {
				c := &j.bids[o]
				ok = ok && apart(b.Buyer, c.Buyer, b.Company, c.Company, b.Groups, c.Groups)
			}
			set = append(set, i)
			sum += j.value(i)
			paid += j.payout(i)
			promise = min(promise, least(b.MaxSold))
		}
		if !ok || len(j.terms.Sales)+len(set) > promise || paid < j.terms.MinPayout {
			continue
		}
		if best == nil || j.before(line, set, best, sum, total, optimal) {
			best, total, payout = set, sum, paid
		}
	}
	return best, total, payout
}

// before tells whether one set is to be preferred to another.
func (j *judge) before(line, a, b []int, sumA, sumB lead.Money, optimal bool) bool {
	if optimal && sumA != sumB {
		return sumA > sumB
	}
	if optimal && len(a) != len(b) {
		return len(a) < len(b)
	}
	if optimal { // the slow stand behind in the line, and count by their values all the same
		line = slices.Clone(line)
		slices.SortStableFunc(line, func(x, y int) int { return cmp.Compare(j.value(y), j.value(x)) })
		byLine := func(x, y int) int { return slices.Index(line, x) - slices.Index(line, y) }
		a, b = slices.SortedFunc(slices.Values(a), byLine), slices.SortedFunc(slices.Values(b), byLine)
	}
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return slices.Index(line, a[n]) < slices.Index(line, b[n])
		}
	}
	return len(a) > len(b)
}

type verdict struct {
	tier   int
	payout lead.Money
	order  []Placed
	lost   map[int32]lead.Refusal
}

// decide is Run, slowly.
func (j *judge) decide() verdict {
	v := verdict{tier: -1, lost: map[int32]lead.Refusal{}}
	type found struct {
		tier  int
		total lead.Money
		set   []int
	}
	var sell []found
	sells := map[int]bool{}
	for tier := range j.tiers {
		line := j.lines(tier)
		set, total, payout := j.winners(tier, line[0])
		if set == nil {
			set, total, payout = j.winners(tier, append(line[0], line[1]...))
		}
		if set == nil {
			continue
		}
		sells[tier] = true
		f := found{tier, total, set}
		if j.terms.Plan != nil && j.terms.Plan.Walk == BestTotal && len(sell) > 0 && total > sell[0].total ||
			len(sell) == 0 {
			v.payout = payout
			sell = append([]found{f}, sell...)
		} else {
			sell = append(sell, f)
		}
	}
	if len(sell) > 0 {
		v.tier = sell[0].tier
		rest := sell[1:]
		slices.SortFunc(rest, func(a, b found) int {
			if j.terms.Plan.Walk == BestTotal && a.total != b.total {
				return cmp.Compare(b.total, a.total)
			}
			return cmp.Compare(a.tier, b.tier)
		})
	}
	placed := map[int]bool{}
	put := func(i, tier int, winner bool) {
		placed[i] = true
		v.order = append(v.order, Placed{Bid: int32(i), Winner: winner, Tier: int32(tier), Payout: j.payout(i),
			MaxSold: int32(min(least(j.bids[i].MaxSold), j.limit(tier)))})
	}
	for n, f := range sell {
		if n == 0 {
			for _, i := range f.set {
				put(i, f.tier, true)
			}
		}
		line := j.lines(f.tier)
		if n > 0 && j.terms.EachTier && (j.tiers[f.tier].Mode == Auction || j.tiers[f.tier].Mode == Simultaneous) {
			for half := range line {
				line[half] = slices.DeleteFunc(line[half], func(i int) bool { return placed[i] })
			}
			set, _, _ := j.winners(f.tier, line[0])
			if set == nil {
				set, _, _ = j.winners(f.tier, append(slices.Clone(line[0]), line[1]...))
			}
			for _, i := range set {
				put(i, f.tier, false)
			}
		}
		all := append(line[0], line[1]...)
		for at, i := range all {
			byValue := j.tiers[f.tier].Mode != Waterfall && j.tiers[f.tier].Mode < RoundRobin ||
				j.tiers[f.tier].Mode == Simultaneous
			outbid := n == 0 && byValue && slices.ContainsFunc(all[:at], func(o int) bool {
				return slices.Contains(f.set, o) && j.bids[o].Buyer == j.bids[i].Buyer
			})
			if !placed[i] && !outbid {
				put(i, f.tier, false)
			}
		}
	}
	for i := range j.bids {
		if !placed[i] {
			v.lost[int32(i)] = j.why(i, sells)
		}
	}
	return v
}

func (j *judge) why(i int, sells map[int]bool) lead.Refusal {
	if no := j.barred(i); no != 0 {
		return no
	}
	for tier := range j.tiers {
		if _, ok := j.seat(i, tier); !ok {
			continue
		}
		if no := j.refused(i, tier); no != 0 {
			return no
		}
		if !sells[tier] {
			return lead.BelowFloor
		}
		break
	}
	return lead.Outbid
}

// randomCase draws an auction with everything in it, small enough for all its subsets.
func randomCase(g *rand.Rand) *judge {
	some := func(n, of int) bool { return g.IntN(of) < n }
	cents := func(n int) lead.Money { return lead.Money(g.IntN(n)) * 50 * lead.Cent }
	j := &judge{tiers: make([]Tier, 1)}
	t := &j.terms
	t.SellLimit = g.IntN(6)
	t.Turns = []uint64{g.Uint64N(9), g.Uint64N(9)}
	t.Lead[3] = byte(g.IntN(256))
	margin := func() Margin {
		m := Margin{PPM: g.Int64N(11) * 100_000, Fixed: lead.Money(g.IntN(4)) * 123_457}
		if some(1, 3) {
			m.Bands = []Band{{From: 5 * lead.Unit, PPM: g.Int64N(8) * 100_000, Minimum: cents(4)},
				{From: 9 * lead.Unit, Fixed: cents(8)}}
		}
		if m.Loss = some(1, 6); m.Loss {
			m.PPM -= 500_000
		}
		return m
	}
	t.Margin = margin()
	if some(1, 2) {
		t.Floor = cents(10)
	}
	if some(1, 2) {
		t.MinPayout = cents(60)
	}
	if some(1, 4) {
		for range 1 + g.IntN(2) {
			t.Sales = append(t.Sales, Sale{Buyer: int32(g.IntN(7)), Company: int32(g.IntN(4)),
				Groups: g.Uint64N(16) & g.Uint64N(16), MaxSold: g.IntN(6)})
		}
	}
	if some(3, 4) {
		t.Plan = &Plan{Walk: Walk(g.IntN(2))}
		for range 1 + g.IntN(3) {
			tier := Tier{Mode: Mode(g.IntN(len(modeNames))), SellLimit: g.IntN(5)}
			if some(1, 3) {
				tier.Floor = cents(20)
			}
			if some(1, 3) {
				tier.Ceiling = tier.Floor + cents(20)
			}
			t.Plan.Tiers = append(t.Plan.Tiers, tier)
		}
		t.EachTier = some(1, 2)
		j.tiers = t.Plan.Tiers
		t.Closed = g.Uint64N(8) & g.Uint64N(8) & g.Uint64N(8)
	}
	j.bids = make([]Bid, g.IntN(8))
	if some(1, 30) {
		j.bids = make([]Bid, 11)
	}
	companies := make([]int32, 7) // a buyer has one company or none
	for i := range companies {
		companies[i] = int32(g.IntN(4))
	}
	groups, values, slow := some(2, 3), some(1, 2), some(1, 3)
	for i := range j.bids {
		b := &j.bids[i]
		*b = Bid{Ref: int32(i), Buyer: int32(g.IntN(7)), Price: cents(30) - 50*lead.Cent, MaxSold: g.IntN(6),
			Acceptance: g.Int64N(2), Tie: g.Uint64N(3)}
		b.Company = companies[b.Buyer]
		if groups {
			b.Groups = g.Uint64N(16) & g.Uint64N(16)
		}
		if values {
			b.Value = cents(30)
		}
		if slow {
			b.Standing = Standing(g.IntN(3))
		}
		if some(1, 8) {
			b.Max, b.Floor = cents(30), cents(10)
		}
		if some(1, 8) {
			m := margin()
			b.Margin = &m
		}
		for tier := range j.tiers {
			if len(j.tiers) > 1 && some(1, 2) || some(1, 4) {
				b.Seats = append(b.Seats, Seat{Tier: tier, Position: g.IntN(4)})
			}
		}
	}
	for tier := range j.tiers { // a position has one weight
		weights := [4]int{g.IntN(4), g.IntN(4), g.IntN(4), g.IntN(4)}
		for i := range j.bids {
			for n := range j.bids[i].Seats {
				if s := &j.bids[i].Seats[n]; s.Tier == tier {
					s.Weight = weights[s.Position]
				}
			}
		}
	}
	return j
}

// compare tells how a result differs from a verdict, "" if in nothing.
func (v *verdict) compare(r *Result) string {
	switch {
	case r.Cut:
		return "the search was cut off"
	case r.Tier != v.tier || r.Payout != v.payout:
		return fmt.Sprintf("tier %d takes it for %s; by all subsets %d for %s", r.Tier, r.Payout, v.tier, v.payout)
	case !slices.Equal(r.Order, v.order):
		return fmt.Sprintf("the order is\n%+v\nby all subsets\n%+v", r.Order, v.order)
	case len(r.Lost) != len(v.lost):
		return fmt.Sprintf("%d have lost; by all subsets %d", len(r.Lost), len(v.lost))
	}
	for _, l := range r.Lost {
		if v.lost[l.Bid] != l.Refusal {
			return fmt.Sprintf("bid %d lost as %s; by all subsets %s", l.Bid, l.Refusal, v.lost[l.Bid])
		}
	}
	return ""
}

// The outcome is that of all subsets, whole: winners, tier, order, refusals; and the same for the same bids shuffled.
func TestRunAgainstAllSubsets(t *testing.T) {
	cases := 100_000
	if testing.Short() {
		cases = 3_000
	}
	var r Result // one for all: nothing of a run may reach the next
	sold, several := 0, 0
	for seed := range uint64(cases) {
		g := rand.New(rand.NewPCG(seed, 11))
		j := randomCase(g)
		v := j.decide()
		Run(j.bids, j.terms, &r)
		if diff := v.compare(&r); diff != "" {
			t.Fatalf("seed %d: %s\nbids %+v\nterms %+v\nplan %+v", seed, diff, j.bids, j.terms, j.terms.Plan)
		}
		if r.Tier >= 0 {
			sold++
		}
		if len(r.Order) > 1 && r.Order[1].Winner {
			several++
		}
		at := g.Perm(len(j.bids)) // where each bid of the shuffled list came from
		shuffled := make([]Bid, len(at))
		for n, i := range at {
			shuffled[n] = j.bids[i]
		}
		Run(shuffled, j.terms, &r)
		for n := range r.Order {
			r.Order[n].Bid = int32(at[r.Order[n].Bid])
		}
		for n := range r.Lost {
			r.Lost[n].Bid = int32(at[r.Lost[n].Bid])
		}
		if diff := v.compare(&r); diff != "" {
			t.Fatalf("seed %d, shuffled: %s", seed, diff)
		}
	}
	if sold < cases/4 || several < cases/20 {
		t.Errorf("of %d cases %d sell, %d to several: they try too little", cases, sold, several)
	}
}
