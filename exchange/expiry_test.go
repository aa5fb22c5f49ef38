// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// Whatever time a buyer's bid ends at, the ping is stored as it can be read back, and its lead is sold.
func TestBidsThatNeverEndStopNothing(t *testing.T) {
	for _, end := range []string{"9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00+05:00", "0001-01-01T00:00:00+14:00",
		"253402300800", "-62135596800", "99999999999999"} {
		s := one()
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Ping.Answer.Expires.Unit = "" }
		s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10*dollar, "expires", end))
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Ping(jane, nil)
			switch {
			case f != nil:
				t.Errorf("%s: %v", end, f)
			case r.Result == lead.ResultSuccess:
				sold, f := x.Post(r.LeadID, nil, nil)
				wantSold(t, sold, f, 8*dollar)
			default:
				wantUnsold(t, r, f, lead.NoBids)
			}
			now := x.Status(r.LeadID)
			x.Restart() // reads every event
			if again := x.Status(r.LeadID); again.Result != now.Result || again.Price != now.Price {
				t.Errorf("%s: status %+v, before the restart %+v", end, again, now)
			}
		})
	}
}
