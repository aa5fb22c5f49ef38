// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// Today's money and that since the start are the same at each step of an exchange that was started today.
func TestMoneyOfTodayAndSinceTheStartMeansTheSame(t *testing.T) {
	operate(t, exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 10 * dollar}}}, func(d *desk) {
		var sold []lead.ID
		for n := range 3 {
			r, f := d.LeadNow(exchangetest.Values{"phone": fmt.Sprint(2127365000 + n)}, nil)
			if f != nil || r.Result != lead.ResultSuccess {
				t.Fatal(r, f)
			}
			sold = append(sold, r.LeadID)
		}
		d.Sleep(time.Second)
		want := func(step string, revenue, payout lead.Money) {
			t.Helper()
			var s Status
			status, raw := d.ask("GET", "/v1/status", nil, &s)
			if status != 200 || s.Today == nil || !s.Today.Complete {
				t.Fatalf("%s: %d %s", step, status, raw)
			}
			if s.Revenue != revenue || s.Payout != payout || s.Today.Revenue != revenue || s.Today.Payout != payout {
				t.Errorf("%s: today %s and %s, since the start %s and %s, expected %s and %s", step, s.Today.Revenue,
					s.Today.Payout, s.Revenue, s.Payout, revenue, payout)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		want("three sales", 30*dollar, 24*dollar)
		credit := 4 * dollar
		_, _, err := d.Exchange.Return(exchange.ReturnAsk{Name: sold[0].String(), Reason: "x", Grant: true,
			Credit: &credit, By: "ann"})
		must(err)
		want("a return of a part", 26*dollar, 24*dollar)
		_, _, err = d.Exchange.DecideReturn(exchange.ReturnDecision{Name: sold[0].String(), Why: "oops",
			What: exchange.ReturnRevoke, By: "ann", Budget: time.Second})
		must(err)
		want("that is revoked", 30*dollar, 24*dollar)
		_, _, err = d.Exchange.Correct(exchange.Correction{Name: sold[1].String(), Why: "no sale", By: "ann"},
			time.Second)
		must(err)
		want("a sale that is none", 20*dollar, 16*dollar)
		price := 12 * dollar
		_, _, err = d.Exchange.Rebook(exchange.Rebooking{Name: sold[2].String(), Price: &price, Why: "dearer",
			By: "ann"}, time.Second)
		must(err)
		want("a higher price", 22*dollar, 16*dollar)
	})
}
