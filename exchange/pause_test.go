// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

func TestPausesAreByNameAtOnceAndDurable(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		for name, want := range map[string]string{"a": "campaign:a", "campaign:a": "campaign:a", "a-co": "buyer:a-co",
			"acme": "source:acme", "source:acme": "source:acme"} {
			if got, err := x.Exchange.Subject(name); err != nil || got != want {
				t.Errorf("%s: %s, %v", name, got, err)
			}
		}
		var no *exchange.ErrSubject
		if _, _, err := x.Exchange.Pause("nobody", true, "", ""); !errors.As(err, &no) || len(no.Found) != 0 ||
			!strings.Contains(err.Error(), `"nobody"`) {
			t.Errorf("nobody: %v", err)
		}
		pause := func(name string, on, changes bool) {
			t.Helper()
			if _, changed, err := x.Exchange.Pause(name, on, "unpaid", "me"); err != nil || changed != changes {
				t.Errorf("%s: changed %v, %v", name, changed, err)
			}
		}
		pause("a", true, true)
		seq := x.Ledger.LastSeq()
		pause("a", true, false)
		if x.Ledger.LastSeq() != seq {
			t.Error("what changes nothing stands in the ledger")
		}
		x.Quote(7_200_000, nil)
		x.Restart()
		x.Quote(7_200_000, nil)
		pause("a-co", true, true)
		pause("a", false, true)
		x.Quote(7_200_000, nil) // its buyer is paused still
		if n := x.Exchange.Campaigns()[0].PauseSkips.Load(); n != 2 {
			t.Errorf("%d skips", n)
		}
		pause("a-co", false, true)
		x.Quote(8*dollar, nil)
	})
}

// Pauses and resumptions hold at once, also while configurations are swapped.
func TestPausesDuringReloadsAreNotLost(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		var stop atomic.Bool
		var work sync.WaitGroup
		work.Go(func() {
			for !stop.Load() {
				x.Reload(s)
			}
		})
		for n := range 100 {
			on := n%2 == 0
			if _, changed, err := x.Exchange.Pause("campaign:a", on, "", ""); err != nil || !changed {
				t.Errorf("pause %v: changed %v, %v", on, changed, err)
			}
			x.Quote(map[bool]lead.Money{true: 7_200_000, false: 8 * dollar}[on], nil)
		}
		stop.Store(true)
		work.Wait()
	})
}
