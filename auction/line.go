// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"math/bits"
	"slices"

	"clearpost/lead"
)

// segment is the items of one position of a list, in r.in.
type segment struct {
	from, to int32
	weight   uint64
}

// placing is an item's place in a list.
type placing struct {
	position int
	item     int32
	weight   int32
}

// arrange puts items, given in the order of rank, into the order in which a tier with a list tries them.
func (r *Result) arrange(bids []Bid, in []int32, t *Terms, tier *Tier, index int) {
	if len(in) == 0 {
		return
	}
	r.places = r.places[:0]
	for _, i := range in {
		s := bids[r.items[i].bid].seat(index)
		r.places = append(r.places, placing{s.Position, i, int32(min(max(s.Weight, 0), WeightMax))})
	}
	slices.SortFunc(r.places, func(a, b placing) int { // among those of one position the order of rank stays
		if a.position != b.position {
			return order(a.position < b.position)
		}
		return order(a.item < b.item)
	})
	r.segs = r.segs[:0]
	for n := range r.places {
		p := &r.places[n]
		in[n] = p.item
		if n > 0 && r.places[n-1].position == p.position {
			r.segs[len(r.segs)-1].to++
			continue
		}
		r.segs = append(r.segs, segment{int32(n), int32(n) + 1, uint64(p.weight)})
	}
	if tier.Mode == Waterfall {
		return
	}
	turn := uint64(0)
	if index < len(t.Turns) {
		turn = t.Turns[index]
	}
	r.set = append(r.set[:0], in...)
	if tier.Mode == RoundRobin {
		at := r.segs[turn%uint64(len(r.segs))].from
		n := copy(in, r.set[at:])
		copy(in[n:], r.set[:at])
		return
	}
	d := draw(Tie(t.Lead, "") + mix(turn*golden+uint64(index)))
	var total uint64
	for _, s := range r.segs {
		total += s.weight
	}
	for out := in[:0]; len(r.segs) > 0; {
		at := 0
		if total > 0 {
			x := d.below(total)
			for x >= r.segs[at].weight {
				x -= r.segs[at].weight
				at++
			}
		}
		s := r.segs[at]
		total -= s.weight
		out = append(out, r.set[s.from:s.to]...)
		r.segs = slices.Delete(r.segs, at, at+1)
	}
}

// draw is a sequence of splitmix64. What it draws never changes: a replay agrees.
type draw uint64

const golden = 0x9e3779b97f4a7c15

// below draws a number below n; for the sums of weights here it is as good as even.
func (d *draw) below(n uint64) uint64 {
	*d += golden
	x, _ := bits.Mul64(mix(uint64(*d)), n)
	return x
}

// first finds the winners of a tier that takes its bids in the order in which it tries them: of all sets that may be
// sold and pay enough the one that comes first, where each bid that can be added is.
func (r *Result) first(in []int32, slots int, t *Terms) (total, payout lead.Money, ok bool) {
	r.trial = r.trial[:0]
	r.s.steps = stepsMax
	if !r.fill(in, slots, len(t.Sales), t.MinPayout, 0) {
		return 0, 0, false
	}
	for _, i := range r.trial {
		total += r.items[i].value
		payout += r.items[i].payout
	}
	return total, payout, true
}

// fill adds to r.trial, of which room more may be sold and which pays so much, so that it pays the least. sold counts
// the sales that stand together with it.
func (r *Result) fill(in []int32, room, sold int, least, paid lead.Money) bool {
	for n, i := range in {
		if room == 0 {
			break
		}
		it := &r.items[i]
		left := min(room, int(it.allows)-sold)
		if left < 1 || !r.fits(it) {
			continue
		}
		if least > 0 {
			if r.s.steps == 0 {
				r.Cut = true
				return false
			}
			r.s.steps--
			if paid+r.most(in[n:], room) < least {
				return false
			}
		}
		r.trial = append(r.trial, i)
		if r.fill(in[n+1:], left-1, sold+1, least, paid+it.payout) {
			return true
		}
		r.trial = r.trial[:len(r.trial)-1]
	}
	return paid >= least && len(r.trial) > 0
}

// fits tells whether an item can be sold beside those of r.trial, by whom they are to.
func (r *Result) fits(it *item) bool {
	for _, i := range r.trial {
		if o := &r.items[i]; o.unit == it.unit || o.groups&it.groups != 0 {
			return false
		}
	}
	return true
}

// most is no less than any n of the items pay.
func (r *Result) most(in []int32, n int) lead.Money {
	var most lead.Money
	for _, i := range in {
		most = max(most, r.items[i].payout)
	}
	return most * lead.Money(n)
}
