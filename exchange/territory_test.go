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
	"clearpost/ledger"
	"clearpost/rules"
)

// holds gives a campaign the sole right to leads of ZIP codes.
func holds(whenAway string, more func(*buyers.CampaignSpec), zips ...string) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		c.Territory = &buyers.TerritorySpec{Of: []rules.CriterionSpec{{Field: "zip", In: zips}}, WhenAway: whenAway}
		if more != nil {
			more(c)
		}
	}
}

// pauses pauses the campaign holder.
func pauses(x *rig) {
	x.T.Helper()
	if _, _, err := x.Exchange.Pause("campaign:holder", true, "a test", "op"); err != nil {
		x.T.Fatal(err)
	}
}

// sellsOne has a lead of the territory sold.
func sellsOne(x *rig) {
	x.LeadNow(values{"zip": "10001", "phone": "2127365009"}, nil)
}

func TestSoleRightToATerritory(t *testing.T) {
	adults := func(c *buyers.CampaignSpec) {
		min := "40"
		c.Criteria = []rules.CriterionSpec{{Field: "age", Min: &min}}
	}
	inside, outside := values{"zip": "10001", "age": "50"}, values{"zip": "90210", "age": "50"}
	for name, c := range map[string]struct {
		away   string
		more   func(*buyers.CampaignSpec)
		change func(x *rig)
		kin    bool
		lead   values
		posted []string
	}{
		"a lead of it":        {lead: inside, posted: []string{"holder"}},
		"a lead of elsewhere": {lead: outside, posted: []string{"rich"}},
		"one that the holder wants not": {more: adults, lead: values{"zip": "10001", "age": "30"},
			posted: []string{"rich"}},
		"one that it wants":              {more: adults, lead: inside, posted: []string{"holder"}},
		"a sister company of the holder": {kin: true, lead: inside, posted: []string{"rich"}},
		"the holder is full":             {more: capped(1), change: sellsOne, lead: inside, posted: []string{"holder"}},
		"the holder is full, for others": {away: "others", more: capped(1), change: sellsOne, lead: inside,
			posted: []string{"holder", "rich"}},
		"the holder is there, for others":  {away: "others", lead: inside, posted: []string{"holder"}},
		"the holder is paused":             {change: pauses, lead: inside},
		"the holder is paused, for others": {away: "others", change: pauses, lead: inside, posted: []string{"rich"}},
		"the holder is closed": {more: func(c *buyers.CampaignSpec) {
			c.Schedule = &rules.ScheduleSpec{Zone: "America/New_York", Open: []string{"sat 08:00-09:00"}}
		}, lead: inside},
		"the holder is closed, for others": {away: "others", more: func(c *buyers.CampaignSpec) {
			c.Schedule = &rules.ScheduleSpec{Zone: "America/New_York", Open: []string{"sat 08:00-09:00"}}
		}, lead: inside, posted: []string{"rich"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "rich", Price: 90 * dollar},
				campaign{ID: "holder", Price: 10 * dollar, Spec: holds(c.away, c.more, "10001", "10002")})
			if c.kin {
				s.Buyer = func(b *buyers.BuyerSpec) { b.Parent = "group" }
			}
			exchangetest.Run(t, s, func(x *rig) {
				if c.change != nil {
					c.change(x)
				}
				r, _ := x.LeadNow(c.lead, nil)
				wantPosted(x, c.posted...)
				rich := len(c.posted) > 0 && c.posted[len(c.posted)-1] == "rich"
				if b, ok := bids(x, r.LeadID)["rich"]; ok && (b.Refusal == lead.Territory) == rich {
					t.Errorf("rich: %v", b.Refusal)
				}
			})
		})
	}
}

// Others stand in the event with the reason, and it is told who has the right.
func TestTerritoryIsExplained(t *testing.T) {
	s := sellTo(1, campaign{ID: "rich", Price: 90 * dollar},
		campaign{ID: "holder", Price: 10 * dollar, Spec: holds("", nil, "10001")})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, values{"zip": "10001"})
		for _, c := range explain(x, id).Campaigns {
			why := strings.Join(c.Why, "")
			if c.Campaign == "rich" && (c.Verdict != "territory" || !strings.Contains(why, "holder")) {
				t.Errorf("%+v", c)
			}
		}
		if n := len(x.Buyers.Calls("rich", exchangetest.Ping)); n != 0 {
			t.Errorf("rich was asked %d times", n)
		}
	})
}

// A place that only the post tells belongs to who took part in the auction.
func TestTerritoryThatThePostTells(t *testing.T) {
	s := sellTo(1, campaign{ID: "rich", Price: 90 * dollar}, campaign{ID: "holder", Price: 89 * dollar,
		Spec: func(c *buyers.CampaignSpec) {
			c.Territory = &buyers.TerritorySpec{Of: []rules.CriterionSpec{{Field: "age", In: []string{"50"}}}}
		}})
	s.Source = func(s *exchange.Source) { s.Reprice = true }
	exchangetest.Run(t, s, func(x *rig) {
		p, _ := x.Ping(values{"age": ""}, nil)
		r, f := x.Post(p.LeadID, values{"age": "50"}, nil)
		wantSold(t, r, f, 72*dollar)
		wantPosted(x, "holder")
		wantTried(x, p.LeadID, map[string]lead.Refusal{"rich": lead.Territory})
	})
}

// ages gives a campaign the sole right to leads of an age, which only the post may tell.
func ages(c *buyers.CampaignSpec) {
	c.Territory = &buyers.TerritorySpec{Of: []rules.CriterionSpec{{Field: "age", In: []string{"50"}}}}
}

// tierByTier asks one tier after the other.
func tierByTier(s setup) setup {
	return vertical(s, func(v *exchange.Vertical) { v.Plan.Routing.TierByTier = true })
}

// A holder that was not asked has its right all the same, when the post tells the place.
func TestTerritoryOfAHolderThatWasNotAsked(t *testing.T) {
	rich := campaign{ID: "rich", Price: 90 * dollar}
	closed := campaign{ID: "holder", Price: 89 * dollar, Spec: func(c *buyers.CampaignSpec) {
		ages(c)
		c.Schedule = &rules.ScheduleSpec{Zone: "America/New_York", Open: []string{"sat 08:00-09:00"}}
	}}
	later := campaign{ID: "holder", Price: 10 * dollar, Spec: ages}
	for name, s := range map[string]setup{"closed": sellTo(1, rich, closed),
		"of a later tier": tierByTier(planned(t, []campaign{rich, later}, auction.InOrder, tier{campaigns: "rich"},
			tier{campaigns: "holder"}))} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, s, func(x *rig) {
				p, _ := x.Ping(values{"age": ""}, nil)
				r, f := x.Post(p.LeadID, values{"age": "50"}, nil)
				if f != nil || r.Result != lead.ResultFailure {
					t.Errorf("%+v, %v", r, f)
				}
				wantPosted(x)
				wantTried(x, p.LeadID, map[string]lead.Refusal{"rich": lead.Territory})
			})
		})
	}
}

// Why a holder is away stands nowhere else than in the event where its bid says something else, or where it has none.
func TestTerritoryOfAHolderThatIsAway(t *testing.T) {
	cs := []campaign{{ID: "rich", Price: 90 * dollar},
		{ID: "holder", Price: 10 * dollar, Spec: holds("others", nil, "10001")}}
	excluded := withExclusions(sellTo(1, cs...))
	excluded.Source = func(s *exchange.Source) { s.Excluded = []string{"holder-co"} }
	for name, s := range map[string]setup{"and excluded": excluded,
		"and in no tier": planned(t, cs, auction.InOrder, tier{campaigns: "rich"}),
		"and in a later tier": tierByTier(planned(t, cs, auction.InOrder, tier{campaigns: "rich"},
			tier{campaigns: "holder"}))} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, s, func(x *rig) {
				before, _ := x.LeadNow(values{"zip": "10001", "phone": "2127365009"}, nil)
				if rights := exchangetest.Last[*ledger.Pinged](x, before.LeadID).Rights; len(rights) != 1 {
					t.Errorf("rights: %v", rights)
				}
				pauses(x)
				r, f := x.LeadNow(values{"zip": "10001"}, nil)
				wantSold(t, r, f, 72*dollar)
				if rights := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Rights; len(rights) != 0 {
					t.Errorf("rights: %v", rights)
				}
			})
		})
	}
}
