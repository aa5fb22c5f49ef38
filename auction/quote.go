// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"cmp"
	"slices"

	"clearpost/lead"
)

// Quote is what a seller was promised for a lead, as far as no sale has filled it: one part for each winner of the
// auction, which is that winner's payout. A bid that takes a winner's place must cover a part; one that leaves room for
// fewer sales than there are parts, an exclusive one in place of several, must cover those that it makes impossible,
// too.
type Quote struct {
	Limit int          // sales of the lead in all, at most: as many as its auction counted on
	Parts []lead.Money // that no sale has filled yet, largest first
	Loss  bool         // a part is paid even by a price that does not cover it
}

// Promise adds a part.
func (q *Quote) Promise(part lead.Money) {
	at, _ := slices.BinarySearchFunc(q.Parts, part, func(a, b lead.Money) int { return cmp.Compare(b, a) })
	q.Parts = slices.Insert(q.Parts, at, part)
}

// Payout is what the seller gets if the lead, which was sold so often already, is sold at this price to a buyer who was
// promised so many sales in all: the largest part that the price covers, together with those that can no longer be sold
// then. ok is false if the price does not cover what was promised; with Loss the smallest part is paid then.
func (q *Quote) Payout(price lead.Money, maxSold, sold int) (payout lead.Money, ok bool) {
	open := len(q.Parts) - q.blocked(maxSold, sold)
	var rest lead.Money
	for _, part := range q.Parts[open:] {
		rest += part
	}
	for _, part := range q.Parts[:open] {
		if part+rest <= price {
			return part + rest, true
		}
	}
	if q.Loss && open > 0 {
		return q.Parts[open-1] + rest, true
	}
	return 0, false
}

// blocked is how many further parts such a sale would make impossible: the smallest ones are given up.
func (q *Quote) blocked(maxSold, sold int) int {
	after := min(max(maxSold, 1), q.Limit) - sold - 1
	return min(max(len(q.Parts)-1-max(after, 0), 0), max(len(q.Parts)-1, 0))
}

// Fill takes the parts that a sale has paid for off the list, as Payout has chosen them: the one of that amount, or one
// and the smallest ones, which it has made impossible. maxSold and sold are what Payout was asked by; where sales of
// the same time have ended otherwise than it assumed, the amount alone tells. What adds up to no such amount is taken
// from the smallest up.
func (q *Quote) Fill(payout lead.Money, maxSold, sold int) {
	if q.take(payout, q.blocked(maxSold, sold)) {
		return
	}
	for n := range q.Parts {
		if q.take(payout, n) {
			return
		}
	}
	for len(q.Parts) > 0 && payout > 0 {
		last := len(q.Parts) - 1
		payout -= q.Parts[last]
		q.Parts = q.Parts[:last]
	}
}

// take takes the n smallest parts off the list and one more, if that is what was paid.
func (q *Quote) take(payout lead.Money, n int) bool {
	left := len(q.Parts) - n
	for _, rest := range q.Parts[max(left, 0):] {
		payout -= rest
	}
	i := slices.Index(q.Parts[:max(left, 0)], payout)
	if i < 0 {
		return false
	}
	q.Parts = slices.Delete(q.Parts[:left], i, i+1)
	return true
}

// Covered finds the first of the bids left, as they will be tried, that may be sold beside the sales that stand (those
// whose outcome is not known among them) and covers what it must; -1 if what is left does not cover the quote any more.
// Of a bid its price, MaxSold, buyer, company and groups count; MaxSold is that of Placed where the plan has tiers.
func (q *Quote) Covered(left []Bid, sales []Sale) int {
	room := q.Limit
	for i := range sales {
		room = min(room, max(sales[i].MaxSold, 1))
	}
	for i := range left {
		b := &left[i]
		if len(sales) >= min(room, max(b.MaxSold, 1)) || b.Clash(sales) != lead.NoRefusal {
			continue
		}
		if _, ok := q.Payout(b.Price, b.MaxSold, len(sales)); ok {
			return i
		}
	}
	return -1
}
