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
	Weight int64 // of the campaign's grade, and of what is unused of its caps; One where neither says anything
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
// should be the one that brings most if it accepts, and the chance of that is not counted. unused is what Unused says.
func (r *Rules) Factors(e Estimate, explore, free bool, unused int64) Factors {
	f := Factors{e.Accept, One - e.Return, e.Paid, One, false, false}
	if explore && e.Known < r.Thin {
		return Factors{One, One, One, One, true, false}
	}
	if g := r.grade(e.Accept); g != nil {
		f.Weight, f.Last = g.Counts, g.Last
	}
	if free {
		f.Accept = One
	}
	if unused > 0 {
		f.Weight = f.Weight * (One + unused) / One
	}
	return f
}

// Unused is by how much more, in ppm, a bid counts whose campaign has used of a cap less than its share of the window:
// the part that lags behind, of the rules' UnusedCap. left is the rest of the window of its whole, in any unit.
func (r *Rules) Unused(used, limit, left, whole int64) int64 {
	if r.UnusedCap <= 0 || limit <= 0 || whole <= 0 || used >= limit {
		return 0
	}
	free := share(limit-used, limit)
	behind := free - share(min(max(left, 0), whole), whole)
	if behind <= 0 {
		return 0
	}
	return r.UnusedCap * behind / One
}

// share is n of whole in ppm.
func share(n, whole int64) int64 {
	for whole > 1<<40 {
		n, whole = n>>1, whole>>1
	}
	return n * One / whole
}
