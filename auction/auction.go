// SPDX-License-Identifier: Apache-2.0

// Package auction decides, purely, which bids for a lead win, in which order the others stand by, and why the rest
// lost; what a source is paid for a sale; and whether what is left after a refusal still covers its quote.
//
// A lead may be sold K more times: K is the lower of the sell limit and the least max_sold of its standing sales, less
// their number p. Bids that win together each allow at least as many sales as there will then be, are of different
// companies, and share no competitor group. Of all such sets that pay the seller its minimum the one with the greatest
// sum of values wins; where sums are equal the smaller one, since a lead sold to fewer is worth more to each, and then
// the one whose bids rank first. That is exact (see optimum.go); a plan of several tiers (see plan.go) holds this
// auction, or walks a list, tier by tier.
package auction

import (
	"slices"

	"clearpost/lead"
)

// Limits of one auction.
const (
	GroupsMax = 64 // competitor groups
	TiersMax  = 64 // of a plan
)

// Bid is one leg of a campaign's answer: a price at which it buys if the lead is sold at most MaxSold times in all.
type Bid struct {
	Ref     int32      // the caller's own index of the bid, the last tie-break
	Buyer   int32      // the caller's index of the buyer: a lead is sold to a buyer once
	Company int32      // of several buyers under one parent one buys; 0 = the buyer has none. A buyer has one at most
	Price   lead.Money // what it pays
	Value   lead.Money // what it is worth to the exchange, by which it ranks; 0 or less = its price
	MaxSold int        // sales in all, this one included; 1 = exclusive, and less counts as 1

	Groups     uint64     // bit i: it is in competitor group i; two that share one are never both sold
	Floor      lead.Money // the campaign's own: at a lower price it does not buy
	Max        lead.Money // the campaign's own: a higher price is taken for a mistake and refused; 0 = any
	Margin     *Margin    // the buyer's or campaign's own, in place of that of the terms; nil = none
	Standing   Standing
	Acceptance int64  // how often its posts were accepted, in ppm: among equal values the higher goes first
	Tie        uint64 // of Tie: among bids still equal the lower goes first
	// the tiers that the campaign is in, each once; none = all, at position 0. Only read: bids may share the memory
	Seats []Seat
}

// Standing is how a buyer pays.
type Standing uint8

// Standings. One who does not pay is paused, and its bids do not come here.
const (
	UsualPayer Standing = iota
	FastPayer           // goes first among equal values of equal acceptance
	SlowPayer           // queues: it wins only where nobody else in the tier can, and stands by behind the others
)

// Sale is a standing sale of the lead, or an attempt that may have become one.
type Sale struct {
	Buyer, Company int32 // as in Bid
	Groups         uint64
	MaxSold        int // sales in all that its buyer was promised at most; less than 1 counts as 1
}

// Terms are what bounds the sale of one lead.
type Terms struct {
	SellLimit int        // standing sales in all, at most; below 1 nothing can be sold
	Floor     lead.Money // the least price of a bid
	Margin    Margin
	MinPayout lead.Money // the least that the winners together must pay the seller; 0 = anything
	Sales     []Sale     // that stand already
	// each tier that stands by begins with those that would win there if no tier before it sold: for a lead that goes
	// on from tier to tier
	EachTier bool

	Plan   *Plan    // nil = one tier, an auction among all bids
	Closed uint64   // bit i: tier i is not for this lead
	Lead   lead.ID  // what a weighted draw hangs on, with the turn
	Turns  []uint64 // by tier: how often it has had its turn, as the caller counts; where the list ends, 0
}

// Placed is a bid that may buy.
type Placed struct {
	Payout  lead.Money // what the source gets if this bid buys
	Bid     int32      // index in the bids given to Run
	Tier    int32      // of the plan, in which it wins or stands by
	MaxSold int32      // sales in all that it is promised: its own, or the sell limit of the tier if that is lower
	Winner  bool
}

// Loss is a bid that may not buy.
type Loss struct {
	Bid     int32 // index in the bids given to Run
	Refusal lead.Refusal
}

// Result is what Run found. It keeps its memory from run to run; the zero value is ready.
type Result struct {
	Order  []Placed   // the winners best first, then those that may take a place if a winner refuses, as they are tried
	Payout lead.Money // what the source gets if all winners buy: the quote
	Lost   []Loss     // the others, in the order of rank; bids without a price last
	Tier   int        // that the winners are of; -1 if there are none
	// a search has come to its limit of steps: the winners may all be sold, but another set may be worth more
	Cut bool

	keys  []key
	items []item // bids with a price, best first
	units units
	in    []int32 // items that may buy in a tier, in the order in which it tries them
	all   []int32 // the same in the order of values
	set   []int32 // items of the set under trial, in that order
	best  []int32 // the best set so far
	trial []int32 // the best set so far of the tier under trial
	found []outcome
	s     search
	mark  []int32 // by unit: the round in which it was taken
	round int32

	places []placing
	segs   []segment
}

// outcome is what a tier comes to by itself.
type outcome struct {
	sells bool // some set of it may be sold
	total lead.Money
}

// Run decides. It allocates nothing once r has grown to the size of such auctions. The order of the bids given does not
// matter.
//
// The plan's first tier that can sell takes the lead, or the one whose winners are worth most, as its walk says. What
// else may buy in this tier stands by, then the other tiers that could sell, each bid once.
//
// Each bid that has no place is refused for the first of these that holds; those from NoTier on are of the first tier
// in the plan that is open and has the campaign:
//   - MissingPrice: its price is not positive;
//   - AboveCeiling: its price is above its campaign's maximum;
//   - BelowFloor: its price is below the floor of the terms or of its campaign;
//   - NoTier: none of its tiers is open;
//   - AboveCeiling, BelowFloor: its price is above the tier's ceiling or below its floor;
//   - NoSlot: the lead has no slot left, or was sold more often already than the bid allows;
//   - BuyerSoldAlready, SameCompany, Competitor: of a standing sale;
//   - BelowFloor: no set of the tier's bids pays the seller MinPayout;
//   - Outbid: a winner of the same buyer ranks before it, and the tier tries its bids by value.
//
// A set's payout is the sum of each winner's, each rounded down to cents. Whether a bid that stands by still covers the
// quote when its turn comes is for Quote to say, and whether it may be sold beside what was sold meanwhile for Clash.
func Run(bids []Bid, t Terms, r *Result) {
	r.Order, r.Lost, r.Payout, r.Tier, r.Cut = r.Order[:0], r.Lost[:0], 0, -1, false
	r.best, r.found = r.best[:0], r.found[:0]
	tiers, walk := onlyTier[:], InOrder
	if t.Plan != nil {
		tiers, walk = t.Plan.Tiers[:min(len(t.Plan.Tiers), TiersMax)], t.Plan.Walk
	}
	r.rank(bids, &t)
	r.decide(bids, &t, tiers, walk)
	r.place(bids, &t, tiers, walk)
	for i := range bids {
		if bids[i].Price <= 0 {
			r.Lost = append(r.Lost, Loss{int32(i), lead.MissingPrice})
		}
	}
}

var onlyTier [1]Tier

// decide finds the tier that takes the lead, with its winners, and what the others come to.
func (r *Result) decide(bids []Bid, t *Terms, tiers []Tier, walk Walk) {
	for i := range tiers {
		r.found = append(r.found, outcome{})
		if t.Closed>>i&1 == 1 {
			continue
		}
		if r.Tier >= 0 && walk == InOrder && t.MinPayout <= 0 {
			r.found[i].sells = true // or it has nobody
			continue
		}
		queue := r.gather(bids, t, &tiers[i], i)
		total, payout, ok := r.sell(r.in[:queue], t, &tiers[i])
		if !ok && queue < len(r.in) {
			total, payout, ok = r.sellToAll(t, &tiers[i])
		}
		if !ok {
			continue
		}
		r.found[i] = outcome{true, total}
		if r.Tier < 0 || walk == BestTotal && total > r.found[r.Tier].total {
			r.Tier, r.Payout = i, payout
			r.best, r.trial = r.trial, r.best
		}
	}
}

// sell finds the winners of a tier among its items, in r.trial, in the order in which it tries them.
func (r *Result) sell(in []int32, t *Terms, tier *Tier) (total, payout lead.Money, ok bool) {
	slots := t.slots(tier, len(in))
	if slots < 1 {
		return 0, 0, false
	}
	if tier.Mode.optimal() {
		return r.optimum(in, slots, t)
	}
	return r.first(in, slots, t)
}

// sellToAll is sell where the slow payers have their turn, too. They stand behind the others, so the items are not in
// the order of values, in which alone the best set can be found.
func (r *Result) sellToAll(t *Terms, tier *Tier) (total, payout lead.Money, ok bool) {
	if !tier.Mode.optimal() {
		return r.sell(r.in, t, tier)
	}
	r.all = append(r.all[:0], r.in...)
	slices.SortFunc(r.all, func(a, b int32) int {
		if x, y := r.items[a].value, r.items[b].value; x != y {
			return order(x > y)
		}
		return order(a < b)
	})
	total, payout, ok = r.sell(r.all, t, tier)
	slices.Sort(r.trial)
	return total, payout, ok
}

// limit is how often a lead may be sold in all in a tier, as far as the plan goes.
func (t *Terms) limit(tier *Tier) int {
	if tier.SellLimit > 0 {
		return min(t.SellLimit, tier.SellLimit)
	}
	return t.SellLimit
}

// slots is K, but never more than there are bids.
func (t *Terms) slots(tier *Tier, bids int) int {
	most := t.limit(tier)
	for i := range t.Sales {
		most = min(most, max(t.Sales[i].MaxSold, 1))
	}
	return min(most-len(t.Sales), bids)
}

// place puts each bid that has a price into Order or Lost.
func (r *Result) place(bids []Bid, t *Terms, tiers []Tier, walk Walk) {
	out := slices.Grow(r.Order, len(r.items))
	for _, i := range r.best {
		it := &r.items[i]
		it.placed = true
		out = append(out, Placed{it.payout, it.bid, int32(r.Tier), it.promise(t.limit(&tiers[r.Tier])), true})
	}
	for tier := r.Tier; tier >= 0; tier = r.next(tier, walk) {
		if len(tiers) > 1 { // else they are gathered
			queue := r.gather(bids, t, &tiers[tier], tier)
			if t.EachTier && tier != r.Tier {
				r.ahead(queue, t, &tiers[tier])
			}
		}
		limit, outbids := t.limit(&tiers[tier]), tier == r.Tier && tiers[tier].Mode.byValue()
		won := 0 // winners passed so far: they stand in best in the tier's order
		for _, i := range r.in {
			it := &r.items[i]
			switch {
			case tier == r.Tier && won < len(r.best) && r.best[won] == i:
				won++
			case it.placed:
			case outbids && r.buyerIn(bids, r.best[:won], bids[it.bid].Buyer):
			default:
				it.placed = true
				out = append(out, Placed{it.payout, it.bid, int32(tier), it.promise(limit), false})
			}
		}
	}
	r.Order = out
	for i := range r.items {
		if it := &r.items[i]; !it.placed {
			r.Lost = append(r.Lost, Loss{it.bid, r.refusal(it, &bids[it.bid], t, tiers)})
		}
	}
}

// ahead puts those who would win a tier that stands by before its other items, of which queue are no slow payers. Items
// that have a place in a tier before it are left out.
func (r *Result) ahead(queue int, t *Terms, tier *Tier) {
	if !tier.Mode.optimal() {
		return // those who would win stand first
	}
	n, in := 0, r.in[:0]
	for at, i := range r.in {
		if r.items[i].placed {
			continue
		}
		if at < queue {
			n++
		}
		in = append(in, i)
	}
	r.in = in
	_, _, ok := r.sell(r.in[:n], t, tier)
	if !ok && n < len(r.in) {
		_, _, ok = r.sellToAll(t, tier)
	}
	if !ok {
		return
	}
	rest := slices.DeleteFunc(r.in, func(i int32) bool { return slices.Contains(r.trial, i) })
	r.all = append(append(r.all[:0], r.trial...), rest...)
	r.in, r.all = r.all, r.in
}

// next is the tier that stands by after one: the next in the plan that sells, or the next by total.
func (r *Result) next(tier int, walk Walk) int {
	after := -1
	for i, f := range r.found {
		if !f.sells || i == r.Tier {
			continue
		}
		if walk == InOrder {
			if i > tier {
				return i
			}
			continue
		}
		at := r.found[tier]
		behind := f.total < at.total || f.total == at.total && i > tier || tier == r.Tier
		if behind && (after < 0 || f.total > r.found[after].total) {
			after = i
		}
	}
	return after
}

// refusal is why an item has no place.
func (r *Result) refusal(it *item, b *Bid, t *Terms, tiers []Tier) lead.Refusal {
	if it.no != lead.NoRefusal {
		return it.no
	}
	for i := range tiers {
		if t.Closed>>i&1 == 1 || b.seat(i) == nil {
			continue
		}
		no := it.refusedIn(b, t, &tiers[i], t.slots(&tiers[i], 1) > 0)
		switch {
		case no != lead.NoRefusal:
			return no
		case !r.found[i].sells:
			return lead.BelowFloor
		}
		return lead.Outbid
	}
	return lead.NoTier
}

func (r *Result) buyerIn(bids []Bid, set []int32, buyer int32) bool {
	for _, i := range set {
		if bids[r.items[i].bid].Buyer == buyer {
			return true
		}
	}
	return false
}
