// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/exchange/limits"
	"clearpost/lead"
)

// Calls in flight are bounded by campaign and by buyer, and a call that was begun before a reload counts after it. The
// calls are real ones, since the transport counts them.
func TestCallsInFlightAreBounded(t *testing.T) {
	for name, limit := range map[string]func(b *buyers.BuyerSpec, c *buyers.CampaignSpec, most int){
		"by campaign": func(_ *buyers.BuyerSpec, c *buyers.CampaignSpec, most int) { c.InFlight = most },
		"by buyer":    func(b *buyers.BuyerSpec, _ *buyers.CampaignSpec, most int) { b.InFlightMax = most },
	} {
		for _, reload := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " reload=", reload), func(t *testing.T) {
				asked, answer := make(chan struct{}, 9), make(chan struct{})
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked <- struct{}{}
					<-answer
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(w, `{"status":"accepted","price":10}`)
				}))
				defer srv.Close()
				of := func(most int) setup {
					return inFlight(srv.URL, func(b *buyers.BuyerSpec, c *buyers.CampaignSpec) { limit(b, c, most) })
				}
				before := of(1)
				if reload {
					before = of(5)
				}
				x := exchangetest.Start(t, before)
				first := beside(func() (exchange.Reply, *exchange.Fault) { return x.Ping(nil, nil) })
				<-asked
				if reload {
					x.Reload(of(1))
				}
				r, f := x.Ping(nil, nil)
				wantUnsold(t, r, f, lead.NoBids)
				if b := bids(x, r.LeadID)["a"]; b.Refusal != lead.InFlightLimit {
					t.Errorf("bid: %+v", b)
				}
				close(answer)
				if a := <-first; a.fault != nil || a.reply.Price != 8*dollar {
					t.Errorf("the first heard %+v", a)
				}
				x.Quote(8*dollar, nil) // its place is free again
			})
		}
	}
}

// inFlight is one buyer at a real address, who has plenty of time.
func inFlight(url string, limit func(*buyers.BuyerSpec, *buyers.CampaignSpec)) setup {
	s := vertical(one(), func(v *exchange.Vertical) { v.PingDeadline = time.Minute })
	s.Deps = func(d *exchange.Deps) { d.Calls = nil }
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Ping.Request.URL, c.Ping.TimeoutMS = url+"/ping", 30_000
		limit(&buyers.BuyerSpec{}, c)
	}
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.AllowPrivate = true
		limit(b, &buyers.CampaignSpec{})
	}
	return s
}

func TestBreakerThatSimulatesRefusesNothingAndCounts(t *testing.T) {
	s := one()
	least := 4
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Breaker = &buyers.BreakerSpec{RequestsMin: &least, SimulateOnly: true}
	}
	s.Campaigns[0].Ping = exchangetest.Script(exchangetest.Silence(), exchangetest.Silence(), exchangetest.Silence(),
		exchangetest.Silence(), exchangetest.Bid(10*dollar))
	exchangetest.Run(t, s, func(x *rig) {
		for range least {
			r, f := x.Ping(nil, nil)
			wantUnsold(t, r, f, lead.NoBids)
		}
		x.Quote(8*dollar, nil)
		l := x.Exchange.Campaigns()[0]
		if state, simulates, ok := l.Breaker(); !ok || state != limits.BreakerRefusing || !simulates ||
			l.BreakerSkips.Load() != 1 {
			t.Errorf("state %d, simulates %v, %d counted", state, simulates, l.BreakerSkips.Load())
		}
	})
}
