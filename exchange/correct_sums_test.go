// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// Whatever is sold, resolved, corrected and booked anew, in whatever order and with restarts in between: what sellers
// hear, what histories add up to, what caps have counted and what the auditor finds is the same.
func TestSumsAgreeAfterAnyCorrections(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			some := func() exchangetest.Buyer {
				var script []exchangetest.Answer
				for range 8 {
					script = append(script, []exchangetest.Answer{exchangetest.Accept("R"), exchangetest.Decline("no"),
						exchangetest.Silence()}[min(rnd.IntN(5), 2)])
				}
				return exchangetest.Script(script...)
			}
			s := reprice(sellTo(2, campaign{ID: "a", Price: 30 * dollar, MaxSold: 2, Post: some(), Spec: capped(50)},
				campaign{ID: "b", Price: 25 * dollar, MaxSold: 2, Post: some(), Spec: capped(50)},
				campaign{ID: "c", Price: 21 * dollar, MaxSold: 1, Post: some(), Spec: capped(50)}))
			exchangetest.Run(t, s, func(x *rig) { wander(t, x, rnd) })
		})
	}
}

func wander(t *testing.T, x *rig, rnd *rand.Rand) {
	var leads, attempts []lead.ID
	for i := range 6 {
		q, f := x.Ping(nil, nil)
		if f != nil {
			t.Fatal(f)
		}
		x.Post(q.LeadID, values{"phone": fmt.Sprintf("602555%04d", 1000+i)}, nil)
		leads = append(leads, q.LeadID)
		for _, ev := range x.Events(q.LeadID) {
			if p, ok := ev.(*ledger.Posting); ok {
				attempts = append(attempts, p.Attempt)
			}
		}
	}
	x.Sleep(10 * time.Second)
	for i := range 30 {
		at, amount := attempts[rnd.IntN(len(attempts))], lead.Money(rnd.IntN(4000))*lead.Cent
		yes := rnd.IntN(2) == 0
		var price *lead.Money
		if yes && rnd.IntN(2) == 0 {
			price = &amount
		}
		// What is not possible is refused, and changes nothing: the sums tell.
		switch rnd.IntN(8) {
		case 0, 1:
			_, _ = x.Exchange.Resolve(exchange.Resolution{Attempt: at, Accepted: yes, Price: price, Why: "asked"})
		case 2, 3, 4:
			_, _, _ = x.Exchange.Correct(exchange.Correction{Name: at.String(), Accepted: yes, Price: price,
				Oversell: rnd.IntN(2) == 0, Why: "their mail"}, forNames)
		case 5, 6:
			other := lead.Money(rnd.IntN(4000)) * lead.Cent
			_, _, _ = x.Exchange.Rebook(exchange.Rebooking{Name: at.String(), Price: price, Payout: &other,
				Ref: fmt.Sprint(rnd.IntN(9)), Why: "agreed"}, forNames)
		case 7:
			x.Restart()
		}
		if i%10 == 9 {
			agree(t, x, leads)
		}
	}
	x.Restart()
	agree(t, x, leads)
}

// agree compares what the histories of all leads come to with all that sums.
func agree(t *testing.T, x *rig, leads []lead.ID) {
	t.Helper()
	var revenue, payout lead.Money
	sales, used := 0, map[string]int64{}
	for _, id := range leads {
		h := history.History{ID: id}
		for _, ev := range x.Events(id) {
			h.Add(ev)
		}
		var owed lead.Money
		for _, s := range h.Sales() {
			revenue, owed, sales = revenue+s.Price, owed+s.Payout, sales+1
		}
		payout += owed
		for i := range h.Attempts {
			if h.Attempts[i].Outcome().Standing() {
				used[h.Attempts[i].Posting.Campaign]++
			}
		}
		if r := x.Status(id); !h.Open() && r.Price != owed {
			t.Errorf("lead %s: the seller hears %s, its sales pay %s", id, r.Price, owed)
		}
	}
	for _, c := range []string{"a", "b", "c"} {
		wantUsed(x, c, used[c])
	}
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
	}}, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		t.Errorf("auditor: %+v", f)
	}
	if c := rep.Counts; c.Sales != sales || c.Revenue != int64(revenue) || c.Payout != int64(payout) {
		t.Errorf("the auditor has %d sales of %d for %d, the histories %d of %d for %d", c.Sales, c.Revenue, c.Payout,
			sales, revenue, payout)
	}
}
