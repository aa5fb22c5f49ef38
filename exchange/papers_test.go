// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
)

// A configuration that is no longer in force is read once for many questions, and forgotten when nobody asks any more.
func TestKeptConfigurationsAreForgotten(t *testing.T) {
	s, reads := one(), 0
	s.Deps = func(d *exchange.Deps) {
		kept := d.Kept
		d.Kept = func(hash string) (exchange.Config, error) { reads++; return kept(hash) }
	}
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, nil, nil)
		x.Reload(s)
		for i, want := range []int{1, 1, 2} {
			if c, _, err := x.Exchange.CheckLead(r.LeadID); err != nil || len(c.Defects)+len(c.Unchecked) > 0 {
				t.Fatalf("%+v, %v", c, err)
			}
			if reads != want {
				t.Errorf("after question %d: read %d times, want %d", i+1, reads, want)
			}
			x.Sleep(time.Duration(i*10+4) * time.Minute)
		}
		reads = 0
	})
}
