// SPDX-License-Identifier: Apache-2.0

// Package auction decides, purely, which bids for a lead win, in which order the others stand by, and why the rest
// lost.
//
// A lead may be sold K more times: K is the lower of the plan's sell limit and the least max_sold of its standing
// sales, less their number p. Bids that win together each allow at least as many sales as there will then be. For each
// k from 1 to K the k dearest bids of different buyers with max_sold ≥ p+k are the best set of that size; of these sets
// the one with the greatest sum of prices wins, the smaller one where sums are equal: a lead sold to fewer is worth
// more to each. That is exact.
package auction

import (
	"math"
	"slices"

	"clearpost/lead"
)

// Margin is what the exchange keeps of each sale under a source's terms.
type Margin struct {
	PPM   int64      // share of the price in parts per million, taken as 0 to 1_000_000
	Fixed lead.Money // a fixed amount taken after the share; below zero it counts as zero
}

// Payout is what the source gets for a sale at the price: price × (1 − PPM/1e6) − Fixed, rounded down to whole cents;
// never negative, never above the price.
func (m Margin) Payout(price lead.Money) lead.Money {
	if price <= 0 {
		return 0
	}
	keep := 1_000_000 - min(max(m.PPM, 0), 1_000_000)
	return max(0, price.MulPPM(keep)-max(m.Fixed, 0)).FloorCents()
}

// Bid is one leg of a campaign's answer: a price at which it buys if the lead is sold at most MaxSold times in all.
type Bid struct {
	Ref        int32 // the caller's own index of the campaign, the last tie-break
	Buyer      int32 // the caller's index of the buyer: a lead is sold to a buyer once
	Price      lead.Money
	MaxSold    int    // sales in all, this one included; 1 = exclusive, and less counts as 1
	Acceptance int64  // how often its posts were accepted, in ppm: among equal prices the higher goes first
	Tie        uint64 // of Tie: among bids still equal the lower goes first
}

// Terms are what bounds the sale of one lead.
type Terms struct {
	SellLimit int        // of the vertical's plan; below 1 nothing can be sold
	Floor     lead.Money // the least price of a bid
	Margin    Margin
	MinPayout lead.Money // the least that the winners together must pay the seller; 0 = anything
	Sold      int        // p: standing sales of the lead, unknown and in-flight ones included
	SoldMax   int        // the least max_sold among them, 0 if there are none
}

// Placed is a bid that may buy.
type Placed struct {
	Bid    int // index in the bids given to Run
	Winner bool
	Payout lead.Money // what the source gets if this bid buys
}

// Loss is a bid that may not buy.
type Loss struct {
	Bid     int
	Refusal lead.Refusal
}

// Result is what Run found. It keeps its memory from run to run; the zero value is ready.
type Result struct {
	Order  []Placed   // the winners best first, then those that may take a place if a winner refuses, best first
	Payout lead.Money // what the source gets if all winners buy: the quote
	Lost   []Loss     // the others, in the order of rank; bids without a price last

	rank []int32 // bids with a price, best first
	set  []int32 // the set under trial
	best []int32 // the best set so far
}

// Run decides. It allocates nothing once r has grown to the size of such auctions. The order of the bids given does not
// matter.
//
// Each bid that cannot buy is refused for the first of these that holds:
//   - MissingPrice: its price is not positive;
//   - BelowFloor: its price is below the floor;
//   - NoSlot: the lead has no slot left, or was sold more often already than the bid allows;
//   - BelowFloor: no set of bids pays the seller MinPayout, so nobody wins;
//   - Outbid: a winner of the same buyer ranks before it.
//
// Of the sets that pay MinPayout the dearest wins; a set's payout is the sum of each winner's, each rounded down to
// cents. All other bids stand by. Whether one that stands by still covers the quote when its turn comes is for the
// caller to judge, as is that its buyer has not bought meanwhile.
func Run(bids []Bid, t Terms, r *Result) {
	r.Order, r.Lost, r.Payout = r.Order[:0], r.Lost[:0], 0
	r.rank, r.best = r.rank[:0], r.best[:0]
	t.Sold = max(t.Sold, 0)
	for i := range bids {
		if bids[i].Price > 0 {
			r.rank = append(r.rank, int32(i))
		}
	}
	slices.SortFunc(r.rank, func(a, b int32) int { return compare(&bids[a], &bids[b]) })
	slots := t.slots(len(bids))
	r.choose(bids, &t, slots)
	r.place(bids, &t, slots)
	for i := range bids {
		if bids[i].Price <= 0 {
			r.Lost = append(r.Lost, Loss{i, lead.MissingPrice})
		}
	}
}

// slots is K, but never more than there are bids.
func (t *Terms) slots(bids int) int {
	most := t.SellLimit
	if t.Sold > 0 && t.SoldMax > 0 {
		most = min(most, t.SoldMax)
	}
	return min(most-t.Sold, bids)
}

// choose finds the best set for each size and keeps the dearest that pays enough.
func (r *Result) choose(bids []Bid, t *Terms, slots int) {
	dearest := lead.Money(math.MinInt64)
	for k := 1; k <= slots; k++ {
		var sum, payout lead.Money
		r.set = r.set[:0]
		for _, i := range r.rank {
			b := &bids[i]
			if b.Price < t.Floor {
				break // the rest is cheaper
			}
			if b.allows() < t.Sold+k || buyerIn(bids, r.set, b.Buyer) {
				continue
			}
			r.set = append(r.set, i)
			sum += b.Price
			payout += t.Margin.Payout(b.Price)
			if len(r.set) == k {
				break
			}
		}
		if len(r.set) < k {
			return // a larger set has fewer to choose from
		}
		if payout >= t.MinPayout && sum > dearest {
			dearest, r.Payout = sum, payout
			r.set, r.best = r.best, r.set
		}
	}
}

// place puts each bid that has a price into Order or Lost.
func (r *Result) place(bids []Bid, t *Terms, slots int) {
	for _, i := range r.best {
		r.Order = append(r.Order, Placed{int(i), true, t.Margin.Payout(bids[i].Price)})
	}
	won := 0 // winners passed so far: they stand in best in the order of rank
	for _, i := range r.rank {
		b := &bids[i]
		switch {
		case won < len(r.best) && r.best[won] == i:
			won++
		case b.Price < t.Floor:
			r.Lost = append(r.Lost, Loss{int(i), lead.BelowFloor})
		case slots < 1 || b.allows() <= t.Sold:
			r.Lost = append(r.Lost, Loss{int(i), lead.NoSlot})
		case len(r.best) == 0:
			r.Lost = append(r.Lost, Loss{int(i), lead.BelowFloor})
		case buyerIn(bids, r.best[:won], b.Buyer):
			r.Lost = append(r.Lost, Loss{int(i), lead.Outbid})
		default:
			r.Order = append(r.Order, Placed{int(i), false, t.Margin.Payout(b.Price)})
		}
	}
}

func (b *Bid) allows() int { return max(b.MaxSold, 1) }

func buyerIn(bids []Bid, set []int32, buyer int32) bool {
	for _, i := range set {
		if bids[i].Buyer == buyer {
			return true
		}
	}
	return false
}

// compare orders bids best first. Bids that differ in nothing compare equal, and then it does not matter which goes
// first.
func compare(a, b *Bid) int {
	switch {
	case a.Price != b.Price:
		return order(a.Price > b.Price)
	case a.Acceptance != b.Acceptance:
		return order(a.Acceptance > b.Acceptance)
	case a.Tie != b.Tie:
		return order(a.Tie < b.Tie)
	case a.Ref != b.Ref:
		return order(a.Ref < b.Ref)
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
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
