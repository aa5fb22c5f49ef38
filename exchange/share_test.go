// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// pinged pings and expects a quote.
func pinged(t *testing.T, x *rig, v values, edit func(*exchange.Ping)) exchange.Reply {
	t.Helper()
	r, f := x.Ping(v, edit)
	if f != nil || r.Result != lead.ResultSuccess {
		t.Errorf("ping: %+v, %v", r, f)
	}
	return r
}

// suppressed is how many pings of acme's were answered by another's quote.
func suppressed(x *rig) (n int64) {
	x.Exchange.Stats.Sources(func(id string, t *exchange.SourceTally) {
		if id == "acme" {
			n = t.Suppressed.Load()
		}
	})
	return n
}

func TestSamePingGetsTheFirstQuote(t *testing.T) {
	s := one()
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar")}
	exchangetest.Run(t, s, func(x *rig) {
		first := pinged(t, x, jane, nil)
		for i, same := range []values{jane, {"phone": "(212) 736-5000", "age": "40"}} {
			if again := pinged(t, x, same, nil); again.LeadID != first.LeadID || again.Price != first.Price ||
				again.ExpiresAt != first.ExpiresAt || !again.Quote || again.Currency != "USD" {
				t.Errorf("%d: %+v, first %+v", i, again, first)
			}
		}
		if n, asked := suppressed(x), len(x.Buyers.Calls("a", exchangetest.Ping)); n != 2 || asked != 1 {
			t.Errorf("%d were suppressed, the buyer was asked %d times", n, asked)
		}
		x.Restart()
		if again := pinged(t, x, jane, nil); again.LeadID != first.LeadID {
			t.Error("after a restart the same ping is another lead")
		}
		known := map[lead.ID]bool{first.LeadID: true}
		for name, other := range map[string]struct {
			v    values
			edit func(*exchange.Ping)
		}{"another value": {older("41"), nil}, "another person": {values{"phone": "2127365001", "age": "40"}, nil},
			"no person":       {values{"age": "40"}, nil},
			"no person again": {values{"age": "40"}, nil},
			"another minimum": {jane, func(p *exchange.Ping) { p.MinPrice = dollar }},
			"another id":      {jane, func(p *exchange.Ping) { p.SellerLeadID = "S-2" }},
			"another source":  {jane, func(p *exchange.Ping) { p.Source = x.Source("other") }},
			"a key":           {jane, func(p *exchange.Ping) { p.IdempotencyKey = "k" }},
			"a test":          {jane, func(p *exchange.Ping) { p.Test.On = true }}} {
			r := pinged(t, x, other.v, other.edit)
			if known[r.LeadID] {
				t.Errorf("%s: it has another's quote", name)
			}
			known[r.LeadID] = true
		}
	})
}

// Who posts late with a quote of another's could hardly use it: the last tenth of its life is not given away.
func TestQuoteIsGivenAwayForNineTenthsOfItsLife(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) { // quotes live for five minutes
		first := pinged(t, x, jane, nil)
		x.Sleep(270 * time.Second)
		if again := pinged(t, x, jane, nil); again.LeadID != first.LeadID {
			t.Error("after nine tenths of its life it is not given any more")
		}
		x.Sleep(time.Microsecond)
		if again := pinged(t, x, jane, nil); again.LeadID == first.LeadID {
			t.Error("a quote in the last tenth of its life is given away")
		}
	})
}

// A quote that could not be posted to now is not given to another ping.
func TestQuoteThatHasBecomeUselessIsNotGivenAway(t *testing.T) {
	no := exchangetest.Script(exchangetest.Decline("no"), exchangetest.Accept("r"))
	for name, spoil := range map[string]func(t *testing.T, x *rig, first lead.ID){
		"posted": func(t *testing.T, x *rig, first lead.ID) {
			r, f := x.Post(first, nil, nil)
			wantUnsold(t, r, f, lead.BuyerRejected)
		},
		"paused": func(t *testing.T, x *rig, _ lead.ID) {
			if _, _, err := x.Exchange.Pause("campaign:a", true, "", ""); err != nil {
				t.Fatal(err)
			}
		},
		"full": func(t *testing.T, x *rig, _ lead.ID) {
			x.Buyers.Set("a", exchangetest.Post, exchangetest.Always(exchangetest.Accept("r")))
			r, f := x.LeadNow(values{"phone": "2127365009"}, nil)
			wantSold(t, r, f, 8*dollar)
		},
		"configured anew": func(_ *testing.T, x *rig, _ lead.ID) {
			x.Reload(sellTo(1, campaign{ID: "b", Price: 9 * dollar}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(1), Post: no},
				campaign{ID: "b", Price: 7 * dollar})
			exchangetest.Run(t, s, func(x *rig) {
				first := pinged(t, x, jane, nil)
				spoil(t, x, first.LeadID)
				if again := pinged(t, x, jane, nil); again.LeadID == first.LeadID {
					t.Error("the quote is given away")
				}
			})
		})
	}
}

// What stands by only does not spoil a quote.
func TestQuoteIsGivenAwayWhateverBecomesOfStandBys(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar}, campaign{ID: "b", Price: 9 * dollar, Spec: capped(1)})
	exchangetest.Run(t, s, func(x *rig) {
		first := pinged(t, x, jane, nil)
		if _, _, err := x.Exchange.Pause("campaign:b", true, "", ""); err != nil {
			t.Fatal(err)
		}
		if again := pinged(t, x, jane, nil); again.LeadID != first.LeadID {
			t.Error("the quote is not given")
		}
	})
}

func TestPingWithoutABidIsAskedAboutAgain(t *testing.T) {
	s := one()
	s.Campaigns[0].Ping = exchangetest.Script(exchangetest.Decline("no"), exchangetest.Bid(10*dollar))
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.Ping(jane, nil)
		wantUnsold(t, r, f, lead.NoBids)
		pinged(t, x, jane, nil)
	})
}

func TestOwnAuctionsForSamePings(t *testing.T) {
	s := vertical(one(), func(v *exchange.Vertical) { v.Dedupe.OwnAuctions = true })
	exchangetest.Run(t, s, func(x *rig) {
		if a, b := pinged(t, x, jane, nil), pinged(t, x, jane, nil); a.LeadID == b.LeadID {
			t.Error("two pings are one lead")
		}
	})
}

func TestSamePingsAtOnceAreOneAuction(t *testing.T) {
	s := one()
	s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10 * dollar).In(100 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) {
		var heard []chan told
		for range 5 {
			heard = append(heard, beside(func() (exchange.Reply, *exchange.Fault) { return x.Ping(jane, nil) }))
		}
		var first told
		for i, c := range heard {
			a := <-c
			if i == 0 {
				first = a
			}
			if a.fault != nil || a.reply.LeadID != first.reply.LeadID || a.took != 100*time.Millisecond {
				t.Errorf("%d heard %+v, the first %+v", i, a, first)
			}
		}
		if n, asked := suppressed(x), len(x.Buyers.Calls("a", exchangetest.Ping)); n != 4 || asked != 1 {
			t.Errorf("%d were suppressed, the buyer was asked %d times", n, asked)
		}
	})
}
