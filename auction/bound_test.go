// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"testing"

	"clearpost/lead"
)

// Whatever Run refuses for its price has a bound that the price misses, on the side that the refusal says.
func TestBoundOfARefusal(t *testing.T) {
	const u = lead.Unit
	plan := &Plan{Tiers: []Tier{{Name: "high", Floor: 30 * u, Ceiling: 60 * u},
		{Name: "low", Floor: 10 * u}}}
	terms := Terms{SellLimit: 1, Floor: 5 * u, MinPayout: 8 * u}
	in := func(tiers ...int) (out []Seat) {
		for _, i := range tiers {
			out = append(out, Seat{Tier: i, Weight: 1})
		}
		return out
	}
	for name, c := range map[string]struct {
		bid    Bid
		plan   *Plan
		closed uint64
		want   lead.Money
		whose  string
	}{
		"the plan's floor":   {Bid{Price: 4 * u}, nil, 0, 5 * u, "the floor of plan and source"},
		"its own floor":      {Bid{Price: 9 * u, Floor: 10 * u}, nil, 0, 10 * u, "the floor of its campaign"},
		"its own maximum":    {Bid{Price: 9 * u, Max: 8 * u}, nil, 0, 8 * u, "the maximum of its campaign"},
		"the seller's":       {Bid{Price: 7 * u}, nil, 0, 8 * u, "the least payout that the seller asked for"},
		"a tier's floor":     {Bid{Price: 20 * u, Seats: in(0)}, plan, 0, 30 * u, "the floor of tier high"},
		"a tier's ceiling":   {Bid{Price: 70 * u, Seats: in(0)}, plan, 0, 60 * u, "the ceiling of tier high"},
		"of a later tier":    {Bid{Price: 9 * u, Seats: in(0, 1)}, plan, 1, 10 * u, "the floor of tier low"},
		"in none of them":    {Bid{Price: 9 * u, Seats: in(0)}, plan, 1, 0, ""},
		"nothing against it": {Bid{Price: 40 * u, Seats: in(0)}, plan, 0, 0, ""},
	} {
		own, r := terms, Result{}
		own.Plan, own.Closed = c.plan, c.closed
		Run([]Bid{c.bid}, own, &r)
		no := lead.NoRefusal
		if len(r.Lost) > 0 {
			no = r.Lost[0].Refusal
		}
		if at, whose := c.bid.Bound(&own, no); at != c.want || whose != c.whose {
			t.Errorf("%s: refused as %s: got %s of %q, want %s of %q", name, no, at, whose, c.want, c.whose)
		}
	}
}
