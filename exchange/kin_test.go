// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// related gives buyers a parent or competitor groups.
func related(s setup, parent, groups map[string]string) setup {
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.Parent = parent[b.ID]
		if g := groups[b.ID]; g != "" {
			b.CompetitorGroups = []string{g}
		}
	}
	return s
}

// Of a company's buyers one gets a lead, and of competitors one, in place of the next best.
func TestOneOfACompanyAndOneOfCompetitorsBuys(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2}, campaign{ID: "b", Price: 15 * dollar, MaxSold: 2},
		campaign{ID: "c", Price: 10 * dollar, MaxSold: 2})
	ab := map[string]string{"a-co": "x", "b-co": "x"}
	for name, s := range map[string]setup{"company": related(s, ab, nil), "competitors": related(s, nil, ab)} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(24*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, 24*dollar)
				wantPosted(x, "a", "c")
			})
		})
	}
}

// A campaign may have competitor groups of its own: its buyer's other campaigns stand beside those that it does not.
func TestCompetitorsByCampaign(t *testing.T) {
	in := func(group string) func(*buyers.CampaignSpec) {
		return func(c *buyers.CampaignSpec) { c.CompetitorGroups = []string{group} }
	}
	for name, c := range map[string]struct {
		b      func(*buyers.CampaignSpec)
		posted []string
		payout lead.Money
	}{
		"the same group":    {in("x"), []string{"a", "c"}, 24 * dollar},
		"groups of its own": {in("y"), []string{"a", "b"}, 28 * dollar},
		"none":              {nil, []string{"a", "b"}, 28 * dollar},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Spec: in("x")},
				campaign{ID: "b", Price: 15 * dollar, MaxSold: 2, Spec: c.b},
				campaign{ID: "c", Buyer: "b-co", Price: 10 * dollar, MaxSold: 2})
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(c.payout, nil)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, c.payout)
				wantPosted(x, c.posted...)
			})
		})
	}
	// One that stands by is passed over where a competitor of its campaign has the lead by then.
	s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Spec: in("x")},
		campaign{ID: "b", Price: 19 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "d", Price: 18 * dollar, MaxSold: 2, Spec: in("x")},
		campaign{ID: "e", Price: 17 * dollar, MaxSold: 2})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(31_200_000, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 31_200_000)
		wantPosted(x, "a", "b", "e")
		wantTried(x, id, map[string]lead.Refusal{"d": lead.Competitor})
	})
}

// What stands by is judged by who has the lead when its turn comes: beside a sale to its company, or to a competitor,
// it is not asked; where that one refuses, it has its turn.
func TestStandByBesideItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		refuses string
		posted  []string
		tried   map[string]lead.Refusal
		parent  map[string]string
		groups  map[string]string
	}{
		"its company has bought": {"c", []string{"a", "c", "d"}, map[string]lead.Refusal{"b": lead.SameCompany},
			map[string]string{"a-co": "x", "b-co": "x"}, nil},
		"the parent itself has bought": {"c", []string{"a", "c", "d"}, map[string]lead.Refusal{"b": lead.SameCompany},
			map[string]string{"b-co": "a-co"}, nil},
		"its company has refused": {"a", []string{"a", "c", "b"}, map[string]lead.Refusal{},
			map[string]string{"a-co": "x", "b-co": "x"}, nil},
		"a competitor has bought": {"c", []string{"a", "c", "d"}, map[string]lead.Refusal{"b": lead.Competitor}, nil,
			map[string]string{"a-co": "x", "b-co": "x"}},
		"a competitor has refused": {"a", []string{"a", "c", "b"}, map[string]lead.Refusal{}, nil,
			map[string]string{"a-co": "x", "b-co": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2},
				campaign{ID: "b", Price: 19 * dollar, MaxSold: 2}, campaign{ID: "c", Price: 10 * dollar, MaxSold: 2},
				campaign{ID: "d", Price: 9 * dollar, MaxSold: 2})
			for i := range s.Campaigns {
				if s.Campaigns[i].ID == c.refuses {
					s.Campaigns[i].Post = declines
				}
			}
			exchangetest.Run(t, related(s, c.parent, c.groups), func(x *rig) {
				id := x.Quote(24*dollar, nil)
				if _, f := x.Post(id, nil, nil); f != nil {
					t.Fatal(f)
				}
				wantPosted(x, c.posted...)
				wantTried(x, id, c.tried)
			})
		})
	}
}

// A one-shot lead's first sale may count on a second one for the seller's minimum, but not on one that it keeps out.
func TestMinimumDoesNotCountOnTheSameCompany(t *testing.T) {
	shared := func(id string, price lead.Money, post exchangetest.Buyer) campaign {
		return campaign{ID: id, Price: price, MaxSold: 2, Post: post}
	}
	s := sellTo(2, shared("a", 20*dollar, declines), shared("b", 19*dollar, declines), shared("c", 10*dollar, nil),
		shared("d", 9*dollar, nil))
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, least(14*dollar))
		wantSold(t, r, f, 15200*dollar/1000)
	})
	exchangetest.Run(t, related(s, map[string]string{"c-co": "x", "d-co": "x"}, nil), func(x *rig) {
		r, f := x.LeadNow(nil, least(14*dollar))
		if f != nil || r.Result != lead.ResultFailure {
			t.Errorf("%+v, %v: 8.00 is below the minimum", r, f)
		}
		wantPosted(x, "a", "b")
		wantTried(x, r.LeadID, map[string]lead.Refusal{"c": lead.NotCovered, "d": lead.NotCovered})
	})
}
