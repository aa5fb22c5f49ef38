// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A trip ends on the configuration on which it began, whatever is configured meanwhile.
func TestTripEndsOnTheConfigurationThatItBeganOn(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: exchangetest.Always(exchangetest.Decline("no").In(
		time.Second))}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		first := exchangetest.Last[*ledger.Pinged](x, id).Config
		heard := post(x, id)
		x.Sleep(500 * time.Millisecond)
		x.Reload(sellTo(1, campaign{ID: "c", Price: 20 * dollar}))
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		wantPosted(x, "a", "b")
		for _, ev := range x.Events(id) {
			if ev.Header().Config != first {
				t.Errorf("%s is decided by another configuration", ev.Header().Kind)
			}
		}
		next := x.Quote(16*dollar, nil)
		if ev := exchangetest.Last[*ledger.Pinged](x, next); ev.Config == first {
			t.Error("the next ping is decided by the first configuration still")
		}
	})
}

// Counts and states go on by the campaigns' ids; a change of the rate is no further burst.
func TestCountsAndLimitsGoOnOverAReload(t *testing.T) {
	limited := func(rate lead.Money, burst int, inFlight int) setup {
		return sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
			c.Ping.Rate = &rules.RateSpec{PerSecond: &rate, Burst: &burst}
			c.InFlight = inFlight
			c.Breaker = &buyers.BreakerSpec{}
		}})
	}
	exchangetest.Run(t, limited(dollar, 3, 5), func(x *rig) {
		for range 3 {
			x.Quote(8*dollar, nil)
		}
		for _, next := range []setup{limited(dollar, 3, 5), limited(2*dollar, 3, 6), limited(2*dollar, 3, 0)} {
			x.Reload(next)
			if l := x.Exchange.Campaigns()[0]; l.Asked.Load() != 3 || l.Won.Load() != 3 {
				t.Errorf("after a reload it was asked %d times", l.Asked.Load())
			}
			r, f := x.Ping(nil, nil)
			wantUnsold(t, r, f, lead.NoBids)
		}
		x.Reload(one()) // without a rate
		x.Quote(8*dollar, nil)
	})
}

func TestReloadThatCannotBeIsRefusedAndChangesNothing(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		before := x.Exchange.Snapshot()
		bad := *before.Config()
		book := *bad.Book
		broken := *book.Campaigns[0]
		end := *broken.Post
		end.Request = nil
		broken.Post = &end
		book.Campaigns = []*buyers.Campaign{&broken}
		bad.Book = &book
		panics(t, func() { _, _ = x.Exchange.Reload(bad) }) // no loader makes such a campaign
		if x.Exchange.Snapshot() != before {
			t.Error("another configuration is in force")
		}
		x.Quote(8*dollar, nil)
		x.Stop()
		if _, err := x.Exchange.Reload(*before.Config()); err == nil {
			t.Error("an exchange that has stopped takes a configuration")
		}
	})
}

func TestConnectionsAreToldByBuyer(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Fixed: true}, campaign{ID: "b", Buyer: "a-co",
		Price: 9 * dollar, Backup: declines}, campaign{ID: "c", Price: 8 * dollar, Status: silent})
	exchangetest.Run(t, s, func(x *rig) {
		var of []string
		x.Exchange.Connections(func(buyer string, s exchange.Network) {
			of = append(of, buyer)
			if s.Calls != 0 || s.Conns != 0 {
				t.Errorf("%s: %+v", buyer, s)
			}
		})
		if len(of) != 2 || of[0] != "a-co" || of[1] != "c-co" {
			t.Errorf("told of %v", of)
		}
	})
}

func TestConfigurationTellsWhichLeadIsWanted(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"86001"}}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		v := x.Vertical("solar")
		zip, _ := v.Schema.Position("zip")
		texts := v.Schema.Example(lead.AtPing|lead.AtPost, 0, x.Exchange.Now())
		changed, ok := x.Exchange.Snapshot().Config().Wanted(v, x.Source("acme"), texts, x.Exchange.Now())
		if !ok || changed[zip] != "86001" {
			t.Errorf("changed %v, %v", changed, ok)
		}
		if _, ok = (*exchange.Config)(nil).Wanted(v, x.Source("acme"), texts, x.Exchange.Now()); ok {
			t.Error("no configuration wants a lead")
		}
		if x.Vertical("roof") != nil {
			t.Error("there is a vertical that nobody has configured")
		}
	})
}
