// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

const forNames = time.Second

// corrects makes a correction and wants it to be one.
func corrects(t *testing.T, x *rig, r exchange.Correction) *ledger.Adjusted {
	t.Helper()
	r.Why, r.By = "their mail", "anna"
	adj, changed, err := x.Exchange.Correct(r, forNames)
	if err != nil || !changed {
		t.Fatalf("correct: %+v, changed %v, %v", adj, changed, err)
	}
	seq := x.Ledger.LastSeq()
	if again, changed, err := x.Exchange.Correct(r, forNames); err != nil || changed || x.Ledger.LastSeq() != seq ||
		again != nil && again.Outcome != adj.Outcome {
		t.Fatalf("once more: %+v, changed %v, %v", again, changed, err)
	}
	return adj
}

// attemptOf is the attempt of a campaign.
func attemptOf(t *testing.T, x *rig, id lead.ID, campaign string) lead.ID {
	t.Helper()
	for _, ev := range x.Events(id) {
		if p, ok := ev.(*ledger.Posting); ok && p.Campaign == campaign {
			return p.Attempt
		}
	}
	t.Fatalf("no attempt of %s", campaign)
	return lead.ID{}
}

func TestASaleThatNeverWasOne(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar, Spec: capped(2)}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 20*dollar)
		wantUsed(x, "a", 1)
		adj := corrects(t, x, exchange.Correction{Name: id.String()})
		if adj.Outcome != lead.Rejected || adj.Price != 0 || adj.Was.Price != 25*dollar ||
			adj.Was.Payout != 20*dollar || adj.Was.Reference != "ref-a" || len(adj.Charges) == 0 {
			t.Errorf("event: %+v, was %+v", adj, adj.Was)
		}
		if st := &x.Exchange.Stats; st.RevenueLess.Load() != int64(25*dollar) ||
			st.PayoutLess.Load() != int64(20*dollar) || st.RevenueMore.Load() != 0 {
			t.Errorf("counted: %d and %d less", st.RevenueLess.Load(), st.PayoutLess.Load())
		}
		stands := func() {
			t.Helper()
			wantUsed(x, "a", 0)
			wantUnsold(t, x.Status(id), nil, lead.BuyerRejected)
			if again, f := x.Post(id, nil, nil); f != nil || again.Result != lead.ResultFailure {
				t.Errorf("posted again: %+v, %v", again, f)
			}
			wantPosted(x, "a")
		}
		stands()
		x.Restart()
		stands()
		s := exchangetest.Last[*ledger.Settled](x, id)
		if s.Revenue != 0 || s.Payout != 0 || len(s.Sales) > 0 || s.Was == nil || s.Was.Result != lead.ResultSuccess {
			t.Errorf("settled: %+v", s)
		}
		// and back
		corrects(t, x, exchange.Correction{Name: id.String(), Accepted: true, Reference: "R-9"})
		for range 2 {
			wantUsed(x, "a", 1)
			if r := x.Status(id); r.Result != lead.ResultSuccess || r.Price != 20*dollar || r.Reference != "R-9" {
				t.Errorf("status: %+v", r)
			}
			x.Restart()
		}
	})
}

func TestAPlaceThatACorrectionGivesBackIsFilledAgain(t *testing.T) {
	exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: capped(1)}), func(x *rig) {
		first := x.Quote(20*dollar, nil)
		r, f := x.Post(first, nil, nil)
		wantSold(t, r, f, 20*dollar)
		corrects(t, x, exchange.Correction{Name: first.String()})
		second := x.Quote(20*dollar, nil)
		r, f = x.Post(second, nil, nil)
		wantSold(t, r, f, 20*dollar)
		// The first was a sale after all: it counts beyond the cap, and nothing is sold beside it.
		corrects(t, x, exchange.Correction{Name: first.String(), Accepted: true})
		wantUsed(x, "a", 2)
		if q, f := x.Ping(nil, nil); f != nil || q.Result != lead.ResultFailure {
			t.Errorf("a ping beyond the cap: %+v, %v", q, f)
		}
		x.Restart()
		wantUsed(x, "a", 2)
	})
}

func TestARefusalThatWasASale(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 25 * dollar, MaxSold: 2, Spec: capped(5), Post: declines},
		campaign{ID: "b", Price: 24 * dollar, MaxSold: 1, Spec: capped(5)})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 20*dollar)
		at := attemptOf(t, x, id, "a").String()
		seq := x.Ledger.LastSeq()
		two := exchange.Correction{Name: at, Accepted: true, Why: "on their invoice", By: "anna"}
		if _, _, err := x.Exchange.Correct(two, forNames); !errors.Is(err, exchange.ErrOversold) ||
			x.Ledger.LastSeq() != seq {
			t.Fatalf("a second sale of an exclusive lead: %v", err)
		}
		two.Oversell = true
		adj := corrects(t, x, two)
		if !adj.Oversold || adj.Price != 25*dollar {
			t.Errorf("event: %+v", adj)
		}
		for range 2 {
			wantUsed(x, "a", 1)
			wantUsed(x, "b", 1)
			if r := x.Status(id); r.Price != 40*dollar || len(r.Sales) != 2 {
				t.Errorf("status: %+v", r)
			}
			x.Restart()
		}
		// The other one gives way.
		corrects(t, x, exchange.Correction{Name: attemptOf(t, x, id, "b").String()})
		wantUsed(x, "b", 0)
		if r := x.Status(id); r.Price != 20*dollar || len(r.Sales) != 1 {
			t.Errorf("status: %+v", r)
		}
	})
}

func TestAnotherPriceOfASale(t *testing.T) {
	twenty, eleven := 20*dollar, 11*dollar
	exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: capped(5)}), func(x *rig) {
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 20*dollar)
		adj := corrects(t, x, exchange.Correction{Name: id.String(), Accepted: true, Price: &twenty})
		if adj.Price != 20*dollar || adj.Payout != 20*dollar || len(adj.Charges) > 0 {
			t.Errorf("the seller was promised 20: %+v", adj)
		}
		note := exchange.Rebooking{Name: id.String(), Payout: &eleven, Ref: "CN-1", Why: "agreed", By: "anna"}
		for i := range 3 {
			adj, changed, err := x.Exchange.Rebook(note, forNames)
			if err != nil || changed != (i == 0) || adj.Payout != eleven || adj.Price != twenty {
				t.Fatalf("%d: %+v, %v, %v", i, adj, changed, err)
			}
			if i == 1 {
				x.Restart()
			}
		}
		wantSold(t, x.Status(id), nil, eleven)
		void := exchange.Rebooking{Name: id.String(), Price: new(lead.Money), Payout: new(lead.Money), Why: "goodwill"}
		if _, changed, err := x.Exchange.Rebook(void, forNames); err != nil || !changed {
			t.Fatal(changed, err)
		}
		if adj, changed, err := x.Exchange.Rebook(note, forNames); err != nil || changed || adj.Payout != eleven {
			t.Errorf("a note that comes late: %+v, %v, %v", adj, changed, err)
		}
		void.Ref = "CN-1"
		if adj, changed, err := x.Exchange.Rebook(void, forNames); changed || err == nil && adj.Payout != eleven {
			t.Errorf("another note under the same name: %+v, %v, %v", adj, changed, err)
		}
		for range 2 {
			wantUsed(x, "a", 1) // it is delivered
			s := exchangetest.Last[*ledger.Settled](x, id)
			if r := x.Status(id); r.Result != lead.ResultSuccess || r.Price != 0 || s.Revenue != 0 || s.Payout != 0 {
				t.Errorf("status: %+v, settled %+v", r, s)
			}
			x.Restart()
		}
	})
}

func TestWhatCannotBeCorrected(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Post: exchangetest.Script(exchangetest.Silence(),
		exchangetest.Decline("no"))})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		wrong := func(name string, want error) {
			t.Helper()
			seq := x.Ledger.LastSeq()
			_, _, err := x.Exchange.Correct(exchange.Correction{Name: name, Why: "x"}, forNames)
			if !errors.Is(err, want) || x.Ledger.LastSeq() != seq {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		wrong(id.String(), exchange.ErrUncertain)
		wrong("nobody", exchange.ErrNoAttempt)
		refused := x.Quote(20*dollar, nil)
		r, f = x.Post(refused, values{"phone": "6025550199"}, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wrong(refused.String(), exchange.ErrNoAttempt) // it is no sale: which of its attempts is meant?
		note := exchange.Rebooking{Name: refused.String(), Price: new(lead.Money), Why: "x"}
		if _, _, err := x.Exchange.Rebook(note, forNames); !errors.Is(err, exchange.ErrNoAttempt) {
			t.Errorf("money of no sale: %v", err)
		}
	})
}

// A person whose lead was no sale is no repeat any more, and is one again if it was.
func TestAPersonsClaimFollowsACorrection(t *testing.T) {
	exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 25 * dollar}), func(x *rig) {
		same := values{"phone": "6025550199"}
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, same, nil)
		wantSold(t, r, f, 20*dollar)
		repeated := func() bool {
			t.Helper()
			r, f := x.Post(x.Quote(20*dollar, nil), same, nil)
			if f != nil {
				t.Fatal(f)
			}
			return r.Refusal == lead.LeadRepeated
		}
		if !repeated() {
			t.Fatal("the second lead of a person was sold")
		}
		corrects(t, x, exchange.Correction{Name: id.String()})
		if repeated() {
			t.Error("the person counts as sold")
		}
	})
}
