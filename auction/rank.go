// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"math"
	"slices"

	"clearpost/lead"
)

// item is a bid with a price, as the auction looks at it.
type item struct {
	value, payout lead.Money
	groups        uint64
	bid           int32 // index in the bids
	unit          int32 // of units: of which one buys
	allows        int32 // sales in all
	no            lead.Refusal
	slow          bool
	placed        bool
}

// promise is how often the lead is sold in all if the bid buys in a tier of that limit.
func (it *item) promise(limit int) int32 { return min(it.allows, int32(min(limit, math.MaxInt32))) }

// key is what a bid is sorted by, before all else: its value, lowered for slow payers below those of all others.
type key struct {
	value lead.Money
	bid   int32
}

const queued = lead.Money(1) << 61

// worth is the value by which a bid ranks.
func (b *Bid) worth() lead.Money {
	if b.Value <= 0 {
		return min(b.Price, lead.MoneyMax)
	}
	return min(b.Value, lead.MoneyMax)
}

// rank makes the items, best first, those of slow payers behind all others.
func (r *Result) rank(bids []Bid, t *Terms) {
	keys := slices.Grow(r.keys[:0], len(bids))
	for i := range bids {
		b := &bids[i]
		if b.Price <= 0 {
			continue
		}
		k := key{b.worth(), int32(i)}
		if b.Standing == SlowPayer {
			k.value -= queued
		}
		keys = append(keys, k)
	}
	r.keys = keys
	slices.SortFunc(keys, func(x, y key) int {
		if x.value != y.value {
			return order(x.value > y.value)
		}
		return compare(&bids[x.bid], &bids[y.bid])
	})
	n := len(keys)
	r.units.reset(n)
	r.items = slices.Grow(r.items[:0], n)[:n]
	r.mark = sized(r.mark, n)
	r.round = 0
	for i, k := range keys {
		b, it := &bids[k.bid], &r.items[i]
		it.bid, it.value, it.groups, it.placed, it.no = k.bid, k.value, b.Groups, false, lead.NoRefusal
		if it.slow = b.Standing == SlowPayer; it.slow {
			it.value += queued
		}
		m := &t.Margin
		if b.Margin != nil {
			m = b.Margin
		}
		it.payout = m.payout(b.Price)
		it.unit = r.units.of(b)
		it.allows = int32(min(max(b.MaxSold, 1), math.MaxInt32))
		switch {
		case b.Max > 0 && b.Price > b.Max:
			it.no = lead.AboveCeiling
		case b.Price < t.Floor || b.Price < b.Floor:
			it.no = lead.BelowFloor
		}
	}
}

// Ties yields, of the bids of the last Run, those that rank by more than their value, since another has the same.
func (r *Result) Ties(yield func(bid int32) bool) {
	for i, k := range r.keys {
		if (i > 0 && r.keys[i-1].value == k.value || i+1 < len(r.keys) && r.keys[i+1].value == k.value) &&
			!yield(k.bid) {
			return
		}
	}
}

// compare orders bids of one value best first. Bids that differ in nothing compare equal, and then it does not matter
// which goes first.
func compare(a, b *Bid) int {
	switch {
	case a.Acceptance != b.Acceptance:
		return order(a.Acceptance > b.Acceptance)
	case a.Standing != b.Standing:
		return order(a.Standing == FastPayer)
	case a.Tie != b.Tie:
		return order(a.Tie < b.Tie)
	case a.Ref != b.Ref:
		return order(a.Ref < b.Ref)
	case a.Price != b.Price:
		return order(a.Price > b.Price)
	case a.MaxSold != b.MaxSold:
		return order(a.MaxSold > b.MaxSold)
	case a.Buyer != b.Buyer:
		return order(a.Buyer < b.Buyer)
	}
	return 0
}

func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

// gather fills r.in with the items that may buy in a tier, in the order in which it tries them, and tells how many
// stand before the slow payers.
func (r *Result) gather(bids []Bid, t *Terms, tier *Tier, index int) (queue int) {
	r.in = r.in[:0]
	queue = -1
	open := t.slots(tier, 1) > 0
	for i := range r.items {
		it := &r.items[i]
		b := &bids[it.bid]
		if it.no != lead.NoRefusal || b.seat(index) == nil || it.refusedIn(b, t, tier, open) != lead.NoRefusal {
			continue
		}
		if it.slow && queue < 0 {
			queue = len(r.in)
		}
		r.in = append(r.in, int32(i))
	}
	if queue < 0 {
		queue = len(r.in)
	}
	if !tier.Mode.byValue() {
		r.arrange(bids, r.in[:queue], t, tier, index)
		r.arrange(bids, r.in[queue:], t, tier, index)
	}
	return queue
}

// refusedIn is why an item cannot buy in a tier that its campaign is in, whoever else is there; open tells whether the
// lead has a slot there.
func (it *item) refusedIn(b *Bid, t *Terms, tier *Tier, open bool) lead.Refusal {
	switch {
	case tier.Ceiling > 0 && b.Price > tier.Ceiling:
		return lead.AboveCeiling
	case b.Price < tier.Floor:
		return lead.BelowFloor
	case !open || int(it.allows) <= len(t.Sales):
		return lead.NoSlot
	}
	return b.Clash(t.Sales)
}

// Clash is why a bid cannot be sold beside the sales that stand, by whom they are to: BuyerSoldAlready, SameCompany or
// Competitor, or NoRefusal. Whether there is a slot is another matter.
func (b *Bid) Clash(sales []Sale) lead.Refusal {
	for i := range sales {
		switch s := &sales[i]; {
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

// units numbers those of which one buys, companies and buyers without one, from 0 in the order of rank: an open hash
// table over the items.
type units struct {
	slots []unitSlot // a power of two, at least twice the items
	n     int32
	run   uint32
}

type unitSlot struct {
	who uint64
	num int32
	run uint32 // the run that filled it: older ones are empty
}

func (u *units) reset(items int) {
	u.n = 0
	u.run++
	size := 16
	for size < 2*items {
		size *= 2
	}
	if size > len(u.slots) || u.run == 0 {
		u.slots, u.run = make([]unitSlot, size), 1
	}
}

func (u *units) of(b *Bid) int32 {
	who := uint64(uint32(b.Buyer))
	if b.Company != 0 {
		who = uint64(uint32(b.Company)) | 1<<32
	}
	mask := uint64(len(u.slots) - 1)
	for i := who * 0x9e3779b97f4a7c15 >> 32 & mask; ; i = (i + 1) & mask {
		s := &u.slots[i]
		if s.run != u.run {
			*s = unitSlot{who, u.n, u.run}
			u.n++
			return s.num
		}
		if s.who == who {
			return s.num
		}
	}
}

// Tie is the hash by which bids that are equal in all that matters are ordered: no campaign is favoured over many
// leads, and a replay agrees. It never changes: 64-bit FNV-1a over the id and the campaign, then mixed as the last step
// of splitmix64 does.
func Tie(id lead.ID, campaign string) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	for i := 0; i < len(campaign); i++ {
		h = (h ^ uint64(campaign[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the last step of splitmix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
