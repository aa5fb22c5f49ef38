// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// marginOf is a margin of so much percent.
func marginOf(percent int64) *buyers.MarginSpec {
	return &buyers.MarginSpec{Percent: money(lead.Money(percent) * dollar)}
}

// Of campaign, buyer, source and vertical the most specific that has a margin decides, for quotes and one-shot leads,
// and the posting says whose it is.
func TestTheMostSpecificMarginDecides(t *testing.T) {
	ten, twenty := &auction.Margin{PPM: 100_000}, &auction.Margin{PPM: 200_000}
	for whose, c := range map[string]struct {
		source, vertical *auction.Margin
		buyer, campaign  *buyers.MarginSpec
		payout           lead.Money
	}{
		"":         {nil, nil, nil, nil, 50 * dollar},
		"vertical": {nil, ten, nil, nil, 45 * dollar},
		"source":   {twenty, ten, nil, nil, 40 * dollar},
		"buyer":    {twenty, ten, marginOf(30), nil, 35 * dollar},
		"campaign": {twenty, ten, marginOf(30), marginOf(40), 30 * dollar},
	} {
		t.Run("of "+whose, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 50 * dollar, Spec: func(s *buyers.CampaignSpec) {
				s.Margin = c.campaign
			}})
			s = vertical(s, func(v *exchange.Vertical) { v.Margin = c.vertical })
			s.Source = func(s *exchange.Source) { s.Margin = c.source }
			s.Buyer = func(b *buyers.BuyerSpec) { b.Margin = c.buyer }
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(c.payout, nil)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, c.payout)
				if p := exchangetest.Last[*ledger.Posting](x, id); p.Terms.MarginOf != whose {
					t.Errorf("the margin is that of %q", p.Terms.MarginOf)
				}
				r, f = x.LeadNow(values{"phone": "2127365001"}, nil)
				wantSold(t, r, f, c.payout)
			})
		})
	}
}

// The winner is who pays the source most only where all margins are the same: bids rank by price, and each pays by its
// own margin.
func TestBidsRankByPriceWhateverTheirMargins(t *testing.T) {
	with := func(m *buyers.MarginSpec) func(*buyers.CampaignSpec) {
		return func(s *buyers.CampaignSpec) { s.Margin = m }
	}
	s := sellTo(1, campaign{ID: "a", Price: 30 * dollar, Spec: with(marginOf(50))},
		campaign{ID: "b", Price: 20 * dollar})
	exchangetest.Run(t, s, func(x *rig) { x.Quote(15*dollar, nil) })
	s = sellTo(2, campaign{ID: "a", Price: 30 * dollar, MaxSold: 2, Spec: with(marginOf(50))},
		campaign{ID: "b", Price: 20 * dollar, MaxSold: 2})
	exchangetest.Run(t, s, func(x *rig) { x.Quote(31*dollar, nil) })
}

// Bands and a minimum hold by the price that is booked, also where it is known only after a restart under another
// configuration.
func TestASaleIsBookedByTheTermsOfItsPosting(t *testing.T) {
	margin := &auction.Margin{PPM: 300_000, Minimum: 5 * dollar,
		Bands: []auction.Band{{From: 40 * dollar, PPM: 100_000}}}
	setup := func(m *auction.Margin) setup {
		s := sellTo(1, campaign{ID: "a", Price: 12 * dollar, Post: silent, Spec: func(s *buyers.CampaignSpec) {
			s.Pay = "post_price"
		}})
		s.Source = func(s *exchange.Source) { s.Margin = m }
		s.Differs = true // in the end another configuration is in force
		return s
	}
	exchangetest.Run(t, setup(margin), func(x *rig) {
		for i, c := range []struct{ price, payout lead.Money }{
			{12 * dollar, 7 * dollar}, {20 * dollar, 14 * dollar}, {40 * dollar, 36 * dollar}, {4 * dollar, 0}} {
			r, f := x.LeadNow(values{"phone": "212736500" + string('0'+rune(i))}, nil)
			wantPending(t, r, f)
			x.Reload(setup(&auction.Margin{PPM: 900_000}))
			x.Restart()
			attempt := exchangetest.Last[*ledger.Posting](x, r.LeadID).Attempt
			ev, err := x.Exchange.Resolve(exchange.Resolution{Attempt: attempt, Accepted: true, Price: &c.price,
				Why: "their list", By: "anna"})
			if err != nil || ev.Payout != c.payout {
				t.Errorf("%s is booked with the payout %v (%v), want %s", c.price, ev, err, c.payout)
			}
			x.Reload(setup(margin))
		}
	})
}

func TestFloorsCeilingsAndMultipliersDecideWhoBuys(t *testing.T) {
	plain := func(id string, price lead.Money, change func(*buyers.CampaignSpec)) campaign {
		return campaign{ID: id, Price: price, Spec: change}
	}
	counts := func(at lead.Money) func(*buyers.CampaignSpec) {
		return func(s *buyers.CampaignSpec) { s.Multiplier = &at }
	}
	for name, c := range map[string]struct {
		a, b   campaign
		source func(*exchange.Source)
		buyer  func(*buyers.BuyerSpec)
		quote  lead.Money // 80 percent of the winner's price; 0: nobody
		no     map[string]lead.Refusal
	}{
		"a price above max_bid is a mistake": {plain("a", 900*dollar, func(s *buyers.CampaignSpec) {
			s.MaxBid = money(90 * dollar)
		}), plain("b", 10*dollar, nil), nil, nil, 8 * dollar, map[string]lead.Refusal{"a": lead.AboveCeiling}},
		"a price at max_bid is none": {plain("a", 90*dollar, func(s *buyers.CampaignSpec) {
			s.MaxBid = money(90 * dollar)
		}), plain("b", 10*dollar, nil), nil, nil, 72 * dollar, nil},
		"a price below the campaign's floor": {plain("a", 10*dollar, func(s *buyers.CampaignSpec) {
			s.Floor = money(10*dollar + lead.Cent)
		}), plain("b", 5*dollar, nil), nil, nil, 4 * dollar, map[string]lead.Refusal{"a": lead.BelowFloor}},
		"a price below the source's floor": {plain("a", 10*dollar, nil), plain("b", 5*dollar, nil),
			func(s *exchange.Source) { s.Floor = 6 * dollar }, nil, 8 * dollar,
			map[string]lead.Refusal{"b": lead.BelowFloor}},
		"nobody reaches the source's floor": {plain("a", 10*dollar, nil), plain("b", 5*dollar, nil),
			func(s *exchange.Source) { s.Floor = 11 * dollar }, nil, 0,
			map[string]lead.Refusal{"a": lead.BelowFloor, "b": lead.BelowFloor}},
		"what returns much counts less, and pays its price": {plain("a", 20*dollar, counts(900_000)),
			plain("b", 19*dollar, nil), nil, nil, 15_200_000, nil},
		"and wins if it is still worth more": {plain("a", 22*dollar, counts(900_000)), plain("b", 19*dollar, nil), nil,
			nil, 17_600_000, nil},
		"a buyer's and its campaign's multipliers are one": {plain("a", 20*dollar, counts(1_500_000)),
			plain("b", 20*dollar, counts(1_400_000)), nil, func(b *buyers.BuyerSpec) {
				if b.ID == "a-co" {
					b.Multiplier = money(900_000) // 1.35
				}
			}, 16 * dollar, nil},
		"one who never pays is left alone": {plain("a", 20*dollar, nil), plain("b", 10*dollar, nil), nil,
			func(b *buyers.BuyerSpec) {
				if b.ID == "a-co" {
					b.Pays = "never"
				}
			}, 8 * dollar, map[string]lead.Refusal{"a": lead.Paused}},
		"one who pays late waits behind the others": {plain("a", 20*dollar, nil), plain("b", 10*dollar, nil), nil,
			func(b *buyers.BuyerSpec) {
				if b.ID == "a-co" {
					b.Pays = "slow"
				}
			}, 8 * dollar, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, c.a, c.b)
			s.Source, s.Buyer = c.source, c.buyer
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.Ping(nil, nil)
				if f != nil || r.Price != c.quote {
					t.Errorf("quoted %s, %v, want %s", r.Price, f, c.quote)
				}
				for id, b := range bids(x, r.LeadID) {
					if b.Refusal != c.no[id] {
						t.Errorf("%s: %s, want %s", id, b.Refusal, c.no[id])
					}
				}
			})
		})
	}
}

// The first rule that a lead is known to meet gives the list price. A quote keeps it; what comes only with the post
// decides it only where nothing more will come.
func TestListPricesByRule(t *testing.T) {
	when := func(field string, in ...string) rules.When { return rules.When{{Field: field, In: in}} }
	ten, age := "10:00", "30"
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Fixed: true, Spec: func(s *buyers.CampaignSpec) {
		s.Prices = []buyers.PriceSpec{
			{Price: money(40 * dollar), When: when("zip", "10002")},
			{Price: money(30 * dollar), When: rules.When{{Field: "zip", In: []string{"10003"}}, {Field: "age",
				Max: &age}}},
			{Price: money(20 * dollar), When: when("weekday", "sun")},
			{Price: money(15 * dollar), When: rules.When{{Field: "phone.area", In: []string{"305"}}}},
			{Price: money(12 * dollar), When: rules.When{{Field: "time", Max: &ten}}},
		}
	}})
	exchangetest.Run(t, s, func(x *rig) { // it is Friday, 19:00 in New York
		x.Quote(8*dollar, nil)
		x.Quote(32*dollar, values{"zip": "10002"})
		x.Quote(8*dollar, values{"zip": "10003"})
		x.Quote(24*dollar, values{"zip": "10003", "age": "30"})
		x.Quote(8*dollar, values{"zip": "10003", "age": "31"})
		late := x.Quote(8*dollar, values{"zip": "10009"})
		r, f := x.Post(late, values{"phone": "3055550144"}, nil)
		wantSold(t, r, f, 8*dollar)
		r, f = x.LeadNow(values{"phone": "3055550145"}, nil)
		wantSold(t, r, f, 12*dollar)
		x.Sleep(10 * time.Hour) // Saturday, 5:00
		x.Quote(9_600_000, nil)
		x.Sleep(24 * time.Hour)
		x.Quote(16*dollar, nil)
	})
}
