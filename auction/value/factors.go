// SPDX-License-Identifier: Apache-2.0

package value

import (
	"clearpost/auction"
	"clearpost/lead"
)

// Factors are what a price is multiplied by to what it is worth, each in ppm.
type Factors struct {
	Accept int64 // the chance that the buyer takes the lead
	Kept   int64 // the chance that it does not give it back
	Paid   int64 // the chance that it pays
	Weight int64 // of the campaign's grade; One where it has none
	// the campaign is hardly known and the lead is one of those at which such count by their price
	Explored bool
	Last     bool // by its grade it is a last resort
}

// Worth is what a price is worth.
func (f *Factors) Worth(price lead.Money) lead.Money {
	return auction.Value(price, f.Accept, f.Kept, f.Paid, f.Weight)
}

// Factors of a bid with an estimate. explore tells whether the lead is one of Explores. free tells that a refusal costs
// nothing: the next bid has its turn and owes nobody more, as with a lead in one shot; then the bid that is asked first
// should be the one that brings most if it accepts, and the chance of that is not counted.
func (r *Rules) Factors(e Estimate, explore, free bool) Factors {
	f := Factors{e.Accept, One - e.Return, e.Paid, One, false, false}
	if explore && e.Known < r.Thin {
		return Factors{One, One, One, One, true, false}
	}
	if g := r.grade(e.Accept); g != nil {
		f.Weight, f.Last = g.Counts, g.Last
	}
	lost := r.Refusal
	if free {
		lost = 0
	}
	f.Accept = One - (One-e.Accept)*lost/One
	return f
}

// Unused is what a bid's weight is multiplied by, in ppm, for what is unused of a cap: One where the cap has used its
// share of the time so far or more, and One and UnusedCap at most where nothing is used and hardly any time is left.
// left is what is left of the whole window, in one unit.
func (r *Rules) Unused(used, limit, left, whole int64) int64 {
	if r.UnusedCap <= 0 || limit <= 0 || whole <= 0 || used >= limit {
		return One
	}
	behind := share(limit-max(used, 0), limit) - share(min(max(left, 0), whole), whole)
	return One + r.UnusedCap*max(behind, 0)/One
}

// share is n of whole in ppm.
func share(n, whole int64) int64 {
	for whole > 1<<40 {
		n, whole = n>>1, whole>>1
	}
	return n * One / whole
}
