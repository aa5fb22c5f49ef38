// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/rules"
)

// Of each bid that did not win the explanation tells why, and by how much; and the campaigns stand in the order in
// which they were decided on.
func TestExplanationTellsByHowMuchABidLost(t *testing.T) {
	elsewhere := func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"99999"}}}
	}
	s := sellTo(1, campaign{ID: "far", Price: 50 * dollar, Spec: elsewhere}, campaign{ID: "no", Ping: declines},
		campaign{ID: "low", Price: 3 * dollar}, campaign{ID: "second", Price: 10 * dollar},
		campaign{ID: "first", Price: 12 * dollar})
	s.Vertical = func(v *exchange.Vertical) { v.Plan.SellLimit, v.Plan.Floor = 1, 4*dollar }
	tiers := planned(t, []campaign{{ID: "a", Price: 30 * dollar}, {ID: "b", Price: 20 * dollar}, {ID: "c",
		Price: 70 * dollar}, {ID: "d", Price: 35 * dollar}}, auction.InOrder,
		tier{Tier: auction.Tier{Mode: auction.Waterfall, Floor: 25 * dollar, Ceiling: 60 * dollar},
			campaigns: "a d b c"}, tier{campaigns: "b"})
	young := []rules.CriterionSpec{{When: text("lead.age < 35")}}
	closed := planned(t, []campaign{{ID: "a", Price: 30 * dollar}, {ID: "b", Price: 20 * dollar},
		{ID: "c", Price: 10 * dollar}}, auction.InOrder, tier{when: young, campaigns: "a"}, tier{campaigns: "b"})
	exchangetest.Run(t, closed, func(x *rig) {
		v := verdicts(explain(x, pinged(t, x, values{"age": "40"}, nil).LeadID))
		for id, want := range map[string]string{"b": "", "c": "it is in no tier of the plan",
			"a": "tier tier1 is closed to the lead: lead.age is 40, expected lead.age < 35"} {
			if got := strings.Join(v[id].Why, "; "); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
				t.Errorf("%s (%s): %q, want %q", id, v[id].Verdict, got, want)
			}
		}
	})
	type story struct {
		campaign, verdict, lost string
		by                      lead.Money
	}
	for name, c := range map[string]struct {
		s    setup
		want []story
	}{
		"an auction": {s, []story{{"first", "winner", "", 0}, {"second", "backup", "first is worth 12.00", 2 * dollar},
			{"low", "below_floor", "below the floor of plan and source, 4.00", dollar}, {"no", "no_bid", "", 0},
			{"far", "criteria", "", 0}}},
		"tiers": {tiers, []story{{"a", "winner", "", 0}, {"d", "backup", "a has its turn before it in this tier", 0},
			{"b", "backup", "tier tier1 sells the lead before tier tier2", 0},
			{"c", "above_ceiling", "above the ceiling of tier tier1, 60.00", 10 * dollar}}},
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, c.s, func(x *rig) {
				e := explain(x, pinged(t, x, nil, nil).LeadID)
				if len(e.Campaigns) != len(c.want) {
					t.Fatalf("campaigns: %+v", e.Campaigns)
				}
				for i, want := range c.want {
					got := e.Campaigns[i]
					if (story{got.Campaign, got.Verdict, got.Lost, got.ShortBy}) != want {
						t.Errorf("place %d: %s %s %q by %s, want %+v", i, got.Campaign, got.Verdict, got.Lost,
							got.ShortBy, want)
					}
				}
			})
		})
	}
}
