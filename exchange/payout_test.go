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
)

// reprice lets acme's leads be sold below their quotes, at its margin of 20 percent.
func reprice(s setup) setup {
	s.Source = func(s *exchange.Source) { s.Reprice = true }
	return s
}

// When the winner refuses, those who cover the quote go first, whatever their rank; then, where the source takes less,
// the others at what their price leaves.
func TestWhatBecomesOfAQuoteThatNobodyLeftCovers(t *testing.T) {
	none := campaign{ID: "z", Price: dollar, Post: declines}
	for name, c := range map[string]struct {
		campaigns []campaign
		minimum   lead.Money
		reprice   bool
		payout    lead.Money // 0: it is not sold
		posted    []string
		tried     map[string]lead.Refusal
	}{
		"fail": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines}, {ID: "b", Price: 15 * dollar}}, 0, false, 0,
			[]string{"a"}, map[string]lead.Refusal{"b": lead.NotCovered}},
		"a smaller margin still covers it": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines},
			{ID: "b", Price: 16 * dollar}}, 0, false, 16 * dollar, []string{"a", "b"}, nil},
		"reprice": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines}, {ID: "b", Price: 15 * dollar}}, 0, true,
			12 * dollar, []string{"a", "b"}, nil},
		"reprice by rank": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines}, {ID: "b", Price: 12 * dollar},
			{ID: "c", Price: 15 * dollar, Post: declines}}, 0, true, 9_600_000, []string{"a", "c", "b"}, nil},
		"the seller's minimum holds": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines},
			{ID: "b", Price: 15 * dollar}, none}, 12*dollar + lead.Cent, true, 0, []string{"a"},
			map[string]lead.Refusal{"b": lead.NotCovered, "z": lead.NotCovered}},
		"and is met by what just meets it": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines},
			{ID: "b", Price: 15 * dollar}}, 12 * dollar, true, 12 * dollar, []string{"a", "b"}, nil},
		"no more than was refused is refused twice": {[]campaign{{ID: "a", Price: 20 * dollar, Post: declines},
			{ID: "b", Price: 15 * dollar, Post: declines}}, 0, true, 0, []string{"a", "b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, c.campaigns...)
			if c.reprice {
				s = reprice(s)
			}
			exchangetest.Run(t, s, func(x *rig) {
				q, f := x.Ping(nil, func(p *exchange.Ping) { p.MinPrice = c.minimum })
				if f != nil || q.Price != 16*dollar {
					t.Fatalf("quote %+v, %v", q, f)
				}
				r, f := x.Post(q.LeadID, nil, nil)
				if c.payout > 0 {
					wantSold(t, r, f, c.payout)
				} else {
					wantUnsold(t, r, f, lead.BuyerRejected)
				}
				wantPosted(x, c.posted...)
				wantTried(x, q.LeadID, c.tried)
				if again, f := x.Post(q.LeadID, nil, nil); f != nil || again.Price != r.Price ||
					again.Result != r.Result {
					t.Errorf("again: %+v, %v", again, f)
				}
				x.Restart()
				if s := x.Status(q.LeadID); s.Price != r.Price || s.Result != r.Result {
					t.Errorf("after a restart: %+v", s)
				}
			})
		})
	}
}

// Those who have refused the lead already are no prospect of more: what the seller asks for at least is not hoped for
// from them.
func TestWhoHasRefusedIsNoProspect(t *testing.T) {
	counting := func(as lead.Money) func(*buyers.CampaignSpec) {
		return func(s *buyers.CampaignSpec) { s.Multiplier = &as }
	}
	s := reprice(sellTo(2, campaign{ID: "a", Price: 30 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "b", Price: 30 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "c", Price: 10 * dollar, MaxSold: 2, Spec: counting(2_900_000)},
		campaign{ID: "d", Price: 30 * dollar, MaxSold: 2, Post: declines, Spec: counting(900_000)}))
	exchangetest.Run(t, s, func(x *rig) {
		q, f := x.Ping(nil, func(p *exchange.Ping) { p.MinPrice = 20 * dollar })
		if f != nil || q.Price != 48*dollar {
			t.Fatalf("quote %+v, %v", q, f)
		}
		r, f := x.Post(q.LeadID, nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wantTried(x, q.LeadID, map[string]lead.Refusal{"c": lead.NotCovered})
	})
}

// Of a quote of two sales the part that nobody covers is sold for less, and the other as it was quoted.
func TestOnePartOfAQuoteIsSoldForLess(t *testing.T) {
	s := reprice(sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "b", Price: 18 * dollar, MaxSold: 2}, campaign{ID: "c", Price: 10 * dollar, MaxSold: 2}))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(30_400_000, nil)
		r, f := x.Post(id, nil, nil)
		// b covers the part of a, the larger one; that of b is covered by nobody.
		wantSold(t, r, f, 16*dollar+8*dollar)
		wantPosted(x, "a", "b", "c")
		terms := map[string]bool{}
		for _, ev := range x.Events(id) {
			if p, ok := ev.(*ledger.Posting); ok {
				terms[p.Campaign] = p.Terms.PayoutFollows
			}
		}
		if terms["a"] || terms["b"] || !terms["c"] {
			t.Errorf("payouts that follow: %v", terms)
		}
	})
}

// An unknown outcome ends the trip: nobody buys below the quote beside it.
func TestNobodyBuysBelowTheQuoteBesideWhatIsUnknown(t *testing.T) {
	s := reprice(sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Post: silent},
		campaign{ID: "b", Price: 10 * dollar, MaxSold: 2}))
	s.Campaigns = append(s.Campaigns, campaign{ID: "c", Price: 5 * dollar, MaxSold: 1})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(24*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		wantPosted(x, "a")
	})
}

// A trip that was cut off between the refusal and the sale below the quote goes on where it was.
func TestASaleBelowTheQuoteAfterACrash(t *testing.T) {
	s := reprice(sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines},
		campaign{ID: "b", Price: 15 * dollar, Post: exchangetest.Script(exchangetest.Decline("no").In(time.Second))},
		campaign{ID: "c", Price: 10 * dollar}))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(16*dollar, nil)
		heard := post(x, id)
		x.Sleep(500 * time.Millisecond) // b has it
		x.Crash()
		<-heard
		attempt := exchangetest.Last[*ledger.Posting](x, id)
		if attempt.Campaign != "b" || attempt.Payout != 12*dollar || !attempt.Terms.PayoutFollows {
			t.Fatalf("open: %+v", attempt)
		}
		no := exchange.Resolution{Attempt: attempt.Attempt, Why: "they have it not", By: "anna"}
		if _, err := x.Exchange.Resolve(no); err != nil {
			t.Fatal(err)
		}
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
	})
}

// With a margin that allows a loss a stand-by that does not cover the quote fulfils it all the same.
func TestAQuoteIsKeptAtALossWhereThatIsAllowed(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}, campaign{ID: "b", Price: 15 * dollar})
	s.Source = func(s *exchange.Source) { s.Margin = &auction.Margin{PPM: 200_000, Loss: true} }
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(16*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 16*dollar)
		if p := exchangetest.Last[*ledger.Posting](x, id); !p.Terms.MarginLoss || p.Terms.PayoutFollows {
			t.Errorf("terms: %+v", p.Terms)
		}
	})
}

// The margin of a campaign's own decides, also whether its sales may be at a loss.
func TestALossIsForTheMarginOfTheBidToAllow(t *testing.T) {
	none := lead.Money(0)
	s := sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}, campaign{ID: "b", Price: 15 * dollar,
		Spec: func(s *buyers.CampaignSpec) { s.Margin = &buyers.MarginSpec{Percent: &none} }})
	s.Source = func(s *exchange.Source) { s.Margin = &auction.Margin{PPM: 200_000, Loss: true} }
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(16*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wantTried(x, id, map[string]lead.Refusal{"b": lead.NotCovered})
	})
}
