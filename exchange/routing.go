// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"sync/atomic"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/rules"
)

// Routing is a plan of tiers, by which the leads of a vertical or of a source are sold. It never changes.
type Routing struct {
	Plan auction.Plan // each tier has a sell limit of its own
	// by tier, as far as the list goes: criteria that a lead must be known to meet when it is pinged, else the tier is
	// closed to it
	When  [][]rules.Criterion
	Seats map[string][]auction.Seat // by campaign, in the order of tiers; those without any get no lead
	// a tier's campaigns are pinged when those of the tiers before it cannot sell; the plan is walked in order
	TierByTier bool
	// unsold leads stand in the list of them only, also where the vertical has a remediation
	UnsoldListed bool
	// TierByTier: by tier, percent of the time for bids; 0, or no entry: an even part of what is left
	Shares []int
}

// SellLimit is how often a lead may be sold in all: as often as the tier that sells most often lets it.
func (r *Routing) SellLimit() (most int) {
	for i := range r.Plan.Tiers {
		most = max(most, r.Plan.Tiers[i].SellLimit)
	}
	return most
}

// route is a plan at work: what a snapshot makes of it.
type route struct {
	*Routing
	limit int                      // sales in all
	seats map[int32][]auction.Seat // by campaign index
	// by tier: how many leads it has taken, under whatever configuration; nil for one whose order hangs on no turn. No
	// list: there is no other
	turns []*atomic.Uint64
	uses  lead.Positions // fields by which a tier is open
}

// newRoute makes a plan. turns gives the count of a tier by its name.
func newRoute(r *Routing, s *lead.Schema, book *buyers.Book, turns func(tier string) *atomic.Uint64) (*route, error) {
	if err := r.Plan.Check(); err != nil {
		return nil, err
	}
	out := &route{Routing: r, limit: r.SellLimit(), seats: make(map[int32][]auction.Seat, len(r.Seats))}
	for id, seats := range r.Seats {
		c := book.Campaign(id)
		if c == nil {
			return nil, fmt.Errorf("no campaign %q", id)
		}
		out.seats[c.Index] = seats
	}
	for _, when := range r.When {
		for i := range when {
			when[i].AddUses(&out.uses)
			s.AddOrigins(&out.uses)
		}
	}
	for i := range r.Plan.Tiers {
		t := &r.Plan.Tiers[i]
		if t.SellLimit < 1 {
			return nil, fmt.Errorf("tier %s has no sell limit", t.Name)
		}
		if t.Mode != auction.RoundRobin && t.Mode != auction.Weighted {
			continue
		}
		if out.turns == nil {
			out.turns = make([]*atomic.Uint64, len(r.Plan.Tiers))
		}
		out.turns[i] = turns(t.Name)
	}
	return out, nil
}

// firstTier is the first tier that has a campaign and is not closed, -1 if there is none.
func (r *route) firstTier(campaign int32, closed uint64) int {
	for _, s := range r.seats[campaign] {
		if closed>>s.Tier&1 == 0 {
			return s.Tier
		}
	}
	return -1
}

// share is a tier's part of the time for bids, in percent; 0: it has none of its own.
func (r *route) share(tier int) int {
	if tier < len(r.Shares) {
		return r.Shares[tier]
	}
	return 0
}

// closedTo is the set of tiers that a lead does not get to. What a criterion waits for keeps a tier closed.
func (r *route) closedTo(f *rules.Facts) (closed uint64) {
	for i, when := range r.When {
		for n := range when {
			if when[n].Test(f) != rules.Met {
				closed |= 1 << i
				break
			}
		}
	}
	return closed
}
