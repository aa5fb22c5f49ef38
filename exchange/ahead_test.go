// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// A lead that a clock queued which stood hours ahead is offered to nobody when that time has come at last: it ends when
// it has waited for as long as it may. One that waits while the clock is behind, as that of a machine may be when it
// starts, is left alone until the clock is right.
func TestLeadsOfTheQueueWhileTheClockIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		back  time.Duration // the clock falls back by this much,
		right time.Duration // and is right again after so long; 0: it was right
		sold  bool
	}{
		"it stood ahead":                        {back: 3 * time.Hour},
		"it stood a year ahead":                 {back: 365 * 24 * time.Hour},
		"it is behind for a while":              {back: 3 * time.Hour, right: 5 * time.Minute, sold: true},
		"it goes back by less than can be told": {back: 2 * time.Minute, sold: true},
	} {
		t.Run(name, func(t *testing.T) {
			first, then := exchangetest.Unreachable(), exchangetest.Accept("R-1")
			s := sellTo(1, lists("a", 25*dollar, defers(forS(3600), func(d *buyers.DeferSpec) { d.AfterS = ptr(1200) }),
				exchangetest.Script(first, then)))
			s.Source = tells
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				r, f := x.LeadNow(nil, nil)
				wantQueued(t, r, f)
				x.SetClock(-c.back)
				x.Crash()
				x.Exchange.Warm()
				if c.right > 0 {
					x.Sleep(c.right)
					x.SetClock(c.back)
				}
				x.Sleep(50 * time.Minute)
				if !c.sold {
					wantDepth(x, 1)
				}
				x.Sleep(15 * time.Minute)
				wantDepth(x, 0)
				if c.sold {
					wantCalls(x, "a", 2)
					return
				}
				wantCalls(x, "a", 1)
				end := exchangetest.Last[*ledger.Settled](x, r.LeadID)
				if end.Result != lead.ResultFailure || !strings.Contains(end.Why, "a clock that stood ahead") {
					t.Errorf("it ended as %s: %q", end.Result, end.Why)
				}
				x.Sleep(c.back % (24 * time.Hour))
				wantCalls(x, "a", 1)
			})
		})
	}
}

// How long a lead waits counts from its post, not from its ping: also where it waits after an attempt.
func TestWaitingCountsFromThePost(t *testing.T) {
	for _, tried := range []bool{false, true} {
		s := sellTo(1, lists("a", 25*dollar, defers(forS(3600), when("paused", "not_sent")),
			exchangetest.Script(exchangetest.Unreachable())))
		s.Source = tells
		exchangetest.Run(t, s, func(x *rig) {
			x.Exchange.Warm()
			ping, f := x.Ping(phoneN(1), nil)
			if f != nil || ping.Result != lead.ResultSuccess {
				t.Fatalf("ping: %+v, fault %v", ping, f)
			}
			if !tried {
				if _, _, err := x.Exchange.Pause("campaign:a", true, "late", "op"); err != nil {
					t.Fatal(err)
				}
			}
			x.Sleep(2 * time.Minute)
			at := x.Exchange.Now()
			r, f := x.Post(ping.LeadID, phoneN(1), nil)
			wantQueued(t, r, f)
			w := exchangetest.Last[*ledger.Deferred](x, r.LeadID).Waits[0]
			if left := w.Until.Sub(at); left < time.Hour || left > time.Hour+time.Second || (w.Attempts > 0) != tried {
				t.Errorf("it waits for %s after the post, after %d attempts: want an hour", left, w.Attempts)
			}
		})
	}
}

// A lead that was put off while the clock was a month ahead is delivered when it is due, once the clock is right again.
func TestLeadsPutOffWhileTheClockIsAheadAreDelivered(t *testing.T) {
	first, then := exchangetest.Unreachable(), exchangetest.Accept("R-1")
	s := sellTo(1, lists("a", 25*dollar, defers(forS(7200), func(d *buyers.DeferSpec) { d.AfterS = ptr(600) }),
		exchangetest.Script(first, then)))
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		r, f := x.LeadNow(nil, nil)
		wantQueued(t, r, f)
		pause := func(on bool) {
			if _, _, err := x.Exchange.Pause("source:acme", on, "late", "op"); err != nil {
				t.Fatal(err)
			}
		}
		pause(true)
		x.SetClock(30 * 24 * time.Hour)
		x.Sleep(15 * time.Minute) // then it is believed, and the lead due
		x.SetClock(-30 * 24 * time.Hour)
		x.Sleep(15 * time.Minute)
		wantDepth(x, 1)
		pause(false)
		x.Sleep(20 * time.Minute)
		wantDepth(x, 0)
		wantCalls(x, "a", 2)
	})
}
