// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// A resolution or correction of which nobody can tell whether it is stored changes nothing until the ledger knows, and
// keeps others off its lead; then, without a restart, the places follow what is stored.
func TestAChangeOfWhichNobodyCanTell(t *testing.T) {
	resolve := func(yes bool) func(x *rig, at lead.ID) error {
		return func(x *rig, at lead.ID) error {
			_, err := x.Exchange.Resolve(exchange.Resolution{Attempt: at, Accepted: yes, Why: "asked"})
			return err
		}
	}
	correct := func(x *rig, at lead.ID) error {
		_, _, err := x.Exchange.Correct(exchange.Correction{Name: at.String(), Why: "their mail"}, forNames)
		return err
	}
	for name, c := range map[string]struct {
		first, change func(x *rig, at lead.ID) error
		used          int64 // once it stands
	}{
		"resolved as rejected":  {nil, resolve(false), 0},
		"resolved as accepted":  {nil, resolve(true), 1},
		"corrected to rejected": {resolve(true), correct, 0},
	} {
		for fault, stored := range map[exchangetest.Fault]bool{exchangetest.Kept: true, exchangetest.Lost: false} {
			t.Run(fmt.Sprint(name, ", stored ", stored), func(t *testing.T) {
				setup := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(9),
					Post: exchangetest.Always(exchangetest.Silence())})
				exchangetest.Run(t, setup, func(x *rig) {
					id := x.Quote(8*dollar, nil)
					r, f := x.Post(id, nil, nil)
					wantPending(t, r, f)
					at := attemptOf(t, x, id, "a")
					if c.first != nil {
						if err := c.first(x, at); err != nil {
							t.Fatal(err)
						}
					}
					x.Disk.Fail(ledger.KindAdjusted, fault)
					if err := c.change(x, at); !errors.Is(err, ledger.ErrUncertain) {
						t.Fatalf("the change: %v", err)
					}
					x.Sleep(time.Minute)
					wantUsed(x, "a", 1)
					if err := c.change(x, at); err == nil {
						t.Error("it is changed a second time while nobody can tell of the first")
					}
					x.Disk.Repair()
					x.Sleep(time.Minute)
					if stored {
						wantUsed(x, "a", c.used)
					} else {
						wantUsed(x, "a", 1)
					}
					switch err := c.change(x, at); {
					case stored && c.first == nil && !errors.Is(err, exchange.ErrNotUnresolved),
						(!stored || c.first != nil) && err != nil:
						t.Errorf("once more: %v", err)
					}
					for range 2 {
						wantUsed(x, "a", c.used)
						if n := len(exchangetest.All[*ledger.Adjusted](x, id)); c.first == nil && n != 1 ||
							c.first != nil && n != 2 {
							t.Errorf("%d adjustments", n)
						}
						if r := x.Status(id); (r.Result == lead.ResultSuccess) != (c.used == 1) {
							t.Errorf("status: %+v", r)
						}
						x.Restart()
					}
				})
			})
		}
	}
}
