// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"math/bits"
	"slices"

	"clearpost/lead"
)

// optimum finds the best set of a tier's items, given in the order of rank, of at most slots.
//
// For each size k the bids that allow p+k sales are candidates. Where no competitor groups are in the way the k of
// different units that rank first are the best set of that size, and they are the ones that pay most, too, as long as
// payouts fall with values. Where that does not hold, a search looks at all sets that may be better than the best so
// far.
func (r *Result) optimum(in []int32, slots int, t *Terms) (total, payout lead.Money, ok bool) {
	r.trial = r.trial[:0]
	groups, falling := r.shape(in)
	total = -1
	r.s.steps = stepsMax
	for k := 1; k <= slots; k++ {
		allow := int32(len(t.Sales) + k)
		if groups == 0 {
			sum, paid, n := r.greedy(in, allow, k)
			if n < k {
				break // a larger set has fewer to choose from
			}
			if sum <= total {
				continue // no set of this size is worth more
			}
			if paid >= t.MinPayout {
				total, payout = sum, paid
				r.trial, r.set = r.set, r.trial
				continue
			}
			if falling {
				continue // no set of this size pays more
			}
		}
		if sum, paid, found := r.search(in, allow, k, t.MinPayout, groups, falling, total); found {
			total, payout = sum, paid
		} else if r.s.short {
			break
		}
	}
	return total, payout, total >= 0
}

// shape tells which competitor groups keep items of different units apart, and whether payouts never rise in the order
// of rank.
func (r *Result) shape(in []int32) (groups uint64, falling bool) {
	var once, twice uint64 // groups seen in one unit, in several
	var first [GroupsMax]int32
	falling = true
	for n, i := range in {
		it := &r.items[i]
		if n > 0 && it.payout > r.items[in[n-1]].payout {
			falling = false
		}
		for rest := it.groups &^ twice; rest != 0; rest &= rest - 1 {
			g := bits.TrailingZeros64(rest)
			if once>>g&1 == 0 {
				once |= 1 << g
				first[g] = it.unit
			} else if first[g] != it.unit {
				twice |= 1 << g
			}
		}
	}
	return twice, falling
}

// greedy takes the first k of different units into r.set.
func (r *Result) greedy(in []int32, allow int32, k int) (sum, paid lead.Money, n int) {
	r.set = r.set[:0]
	r.round++
	for _, i := range in {
		it := &r.items[i]
		if it.allows < allow || r.mark[it.unit] == r.round {
			continue
		}
		r.mark[it.unit] = r.round
		r.set = append(r.set, i)
		sum += it.value
		paid += it.payout
		if len(r.set) == k {
			break
		}
	}
	return sum, paid, len(r.set)
}

// stepsMax bounds the steps of the searches of one tier, each of which looks at the tier's items once. What real
// auctions need is far below it; bids of a hundred buyers in dozens of entangled groups may reach it. Then the best set
// found so far wins, and Result.Cut says so.
const stepsMax = 10_000

// candidate is an item that may be in a set of the size that a search is for.
type candidate struct {
	value, payout lead.Money
	groups        uint64 // those that keep units apart
	item, unit    int32
	clique        int32 // of candidates with the same one only one can be in a set
	free          bool  // no later candidate is better or kept apart by it
}

// search is a depth-first search for the best set of one size: the candidates are tried in the order of rank, first
// with and then without each, so that of equals the set that ranks first is found first. Branches that cannot beat the
// best so far are left: they are worth at most what their best candidates of different cliques are.
type search struct {
	c       []candidate
	k       int
	least   lead.Money // that the set must pay
	falling bool       // payouts never rise in the order of rank
	steps   int        // left
	cut     bool
	short   bool // there are fewer than k candidates of different cliques

	chosen   []int32 // candidates
	used     uint64  // their groups
	taken    []bool  // by unit: one is chosen
	picks    []int32 // candidates that the last bound counts on
	seen     []int32 // by clique, and behind them by unit: the round in which one was picked
	round    int32
	last     []int32 // by unit: the last candidate, plus one
	before   []int32 // by candidate: the one before of the same unit, plus one
	payments []lead.Money

	best, paid lead.Money
	got        []int32 // items of the best set
	found      bool
}

// search looks for a set of k items that is worth more than the best so far and pays the least; it is put into r.trial.
func (r *Result) search(in []int32, allow int32, k int, least lead.Money, groups uint64, falling bool,
	best lead.Money) (sum, paid lead.Money, found bool) {
	s := &r.s
	s.k, s.least, s.falling, s.best, s.found = k, max(least, 0), falling || least <= 0, best, false
	s.cut, s.short, s.chosen, s.used = false, false, s.chosen[:0], 0
	s.collect(r, in, allow, groups)
	s.walk(0, 0, 0)
	r.Cut = r.Cut || s.cut
	if s.found {
		r.trial = append(r.trial[:0], s.got...)
	}
	return s.best, s.paid, s.found
}

// collect makes the candidates. One that is kept apart by as much as an earlier one of its unit, and more, and pays no
// more, is never needed.
func (s *search) collect(r *Result, in []int32, allow int32, groups uint64) {
	n := int(r.units.n)
	s.taken = sized(s.taken, n)
	s.last = sized(s.last, n)
	s.seen = sized(s.seen, GroupsMax+2*n)
	s.round = 0
	s.c, s.before = s.c[:0], s.before[:0]
	var size [GroupsMax]int32 // candidates in each group
	for _, i := range in {
		it := &r.items[i]
		g := it.groups & groups
		if it.allows < allow || s.needless(g, it) {
			continue
		}
		s.c = append(s.c, candidate{value: it.value, payout: it.payout, groups: g, item: i, unit: it.unit,
			free: g == 0 && s.falling})
		s.before = append(s.before, s.last[it.unit])
		s.last[it.unit] = int32(len(s.c))
		for ; g != 0; g &= g - 1 {
			size[bits.TrailingZeros64(g)]++
		}
	}
	for i := range s.c {
		c := &s.c[i]
		c.clique = GroupsMax + c.unit
		most := int32(1)
		for g := c.groups; g != 0; g &= g - 1 {
			if b := bits.TrailingZeros64(g); size[b] > most {
				c.clique, most = int32(b), size[b]
			}
		}
	}
}

func (s *search) needless(groups uint64, it *item) bool {
	for j := s.last[it.unit]; j > 0; j = s.before[j-1] {
		c := &s.c[j-1]
		if c.groups&^groups == 0 && (s.falling || c.payout >= it.payout) {
			return true
		}
	}
	return false
}

// sized is a list of n zeros in the memory given, if it is enough.
func sized[T any](list []T, n int) []T {
	list = slices.Grow(list[:0], n)[:n]
	clear(list)
	return list
}

// walk goes on from candidate i with a set of that sum and payout.
func (s *search) walk(i int, sum, paid lead.Money) {
	for {
		if s.steps == 0 {
			s.cut = true
			return
		}
		s.steps--
		more, pays, clean := s.bound(i)
		left := s.k - len(s.chosen)
		if len(s.picks) < left {
			s.short = s.short || len(s.chosen) == 0 && i == 0
			return
		}
		if sum+more <= s.best {
			return
		}
		if s.least > 0 && !s.falling {
			pays = s.payable(i, left)
			clean = clean && paid+s.pays() >= s.least
		}
		if paid+pays < s.least {
			return
		}
		if clean {
			s.record(sum+more, paid+s.pays())
			return
		}
		j := int(s.picks[0])
		c := &s.c[j]
		was := s.used
		s.used |= c.groups
		s.taken[c.unit] = true
		s.chosen = append(s.chosen, int32(j))
		s.walk(j+1, sum+c.value, paid+c.payout)
		s.chosen = s.chosen[:len(s.chosen)-1]
		s.taken[c.unit] = false
		s.used = was
		if c.free {
			return // in any set without it, it could stand in place of another
		}
		i = j + 1
	}
}

// bound picks the first candidates from i on that can be added to the chosen ones, of different cliques, until the set
// is full: no set of this branch is worth more. clean tells that the picks can be sold together.
func (s *search) bound(i int) (sum, pays lead.Money, clean bool) {
	s.picks = s.picks[:0]
	s.round++
	clean = true
	var groups uint64
	units := GroupsMax + len(s.taken)
	left := s.k - len(s.chosen)
	for j := i; j < len(s.c) && len(s.picks) < left; j++ {
		c := &s.c[j]
		if c.groups&s.used != 0 || s.taken[c.unit] || s.seen[c.clique] == s.round {
			continue
		}
		s.seen[c.clique] = s.round
		unit := &s.seen[units+int(c.unit)]
		clean = clean && c.groups&groups == 0 && *unit != s.round
		*unit = s.round
		groups |= c.groups
		s.picks = append(s.picks, int32(j))
		sum += c.value
		pays += c.payout
	}
	return sum, pays, clean
}

// pays is the payout of the picks.
func (s *search) pays() (sum lead.Money) {
	for _, j := range s.picks {
		sum += s.c[j].payout
	}
	return sum
}

// payable is the greatest sum of n payouts of candidates from i on that can be added to the chosen ones.
func (s *search) payable(i, n int) (sum lead.Money) {
	top := s.payments[:0] // upwards
	for j := i; j < len(s.c); j++ {
		c := &s.c[j]
		if c.groups&s.used != 0 || s.taken[c.unit] || len(top) == n && (n == 0 || c.payout <= top[0]) {
			continue
		}
		at, _ := slices.BinarySearch(top, c.payout)
		if len(top) == n {
			copy(top, top[1:at])
			top[at-1] = c.payout
		} else {
			top = slices.Insert(top, at, c.payout)
		}
	}
	s.payments = top[:0]
	for _, m := range top {
		sum += m
	}
	return sum
}

func (s *search) record(sum, paid lead.Money) {
	s.best, s.paid, s.found = sum, paid, true
	s.got = s.got[:0]
	for _, j := range s.chosen {
		s.got = append(s.got, s.c[j].item)
	}
	for _, j := range s.picks {
		s.got = append(s.got, s.c[j].item)
	}
}
