// SPDX-License-Identifier: Apache-2.0

package exchangetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// Whatever the broker does, it has everything once it answers, and what it has meanwhile is the ledger's.
func TestBrokerFailsAsOrderedAndHasAllInTheEnd(t *testing.T) {
	for fault, name := range map[exchangetest.BrokerFault]string{exchangetest.Away: "is away",
		exchangetest.Hangs: "hangs", exchangetest.Unheard: "its reply is lost", exchangetest.Partly: "stores a part"} {
		t.Run(name, func(t *testing.T) {
			s := one(10 * dollar)
			s.Ships = true
			exchangetest.Run(t, s, func(x *exchangetest.Rig) {
				x.Quote(8*dollar, nil)
				x.Sleep(time.Second)
				if n := x.Ledger.Stats().LagEvents; n != 0 {
					t.Errorf("%d events have not come", n)
				}
				x.Broker.Fail(fault, -1)
				id := x.Quote(8*dollar, exchangetest.Values{"zip": "10002"})
				if _, f := x.Post(id, nil, nil); f != nil {
					t.Fatal(f)
				}
				x.Sleep(time.Minute)
				if n := x.Ledger.Stats().LagEvents; n != 4 || x.Faults()["broker: "+name] == 0 {
					t.Errorf("%d events count as not come, want 4; faults %v", n, x.Faults())
				}
				if wrong := x.Broker.Check(x.Ledger); wrong != nil {
					t.Errorf("meanwhile: %q", wrong)
				}
				x.Crash()
				x.Broker.Fail(exchangetest.Answers, 0)
				x.Sleep(time.Minute)
				if n := x.Ledger.Stats().LagEvents; n != 0 {
					t.Errorf("%d events have not come after all", n)
				}
				if wrong := x.Broker.Check(x.Ledger); wrong != nil {
					t.Errorf("in the end: %q", wrong)
				}
			})
		})
	}
}

// The check of the broker finds what must not be.
func TestBrokerCheckFinds(t *testing.T) {
	type write struct {
		seq       uint64
		partition int
		more      string
	}
	s := one(10 * dollar)
	s.Ships = true
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		x.Quote(8*dollar, nil)
		x.Quote(8*dollar, exchangetest.Values{"zip": "10002"})
		x.Sleep(time.Second)
		for want, writes := range map[string][]write{
			"":                           {{1, 0, ""}, {2, 0, ""}, {1, 0, ""}},
			"event 1 is ":                {{1, 0, "x"}, {2, 0, ""}},
			"event 1 came after 2":       {{2, 0, ""}, {1, 0, ""}},
			"stands in partitions 0 and": {{1, 0, ""}, {1, 1, ""}, {2, 0, ""}},
			"event 2 counts as shipped":  {{1, 0, ""}},
		} {
			b := &exchangetest.Broker{}
			for _, w := range writes {
				if err := x.Ledger.Scan(w.seq, func(r ledger.Record) error {
					if r.Seq != w.seq {
						return nil
					}
					r.Bytes = append(slices.Clip(r.Bytes), w.more...)
					return b.Write(t.Context(), "t", w.partition, []ledger.Record{r})
				}); err != nil {
					t.Fatal(err)
				}
			}
			wrong := b.Check(x.Ledger)
			if want == "" && wrong != nil || want != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], want)) {
				t.Errorf("found %q, want %q", wrong, want)
			}
		}
	})
}

// The wall clock is set, and what elapses stays what it is.
func TestClockIsSetAndElapsedTimeGoesOn(t *testing.T) {
	exchangetest.Run(t, one(10*dollar), func(x *exchangetest.Rig) {
		begin, wall := x.Exchange.Now(), time.Now()
		for _, by := range []time.Duration{time.Hour, -2 * time.Hour} {
			x.SetClock(by)
			x.Sleep(5 * time.Minute)
			if got := x.Exchange.Now().Sub(begin); got != time.Since(wall) {
				t.Errorf("%v elapsed by an exchange that does not believe the clock, want %v", got, time.Since(wall))
			}
		}
		x.Sleep(20 * time.Minute)
		if got, want := x.Exchange.Now().Sub(begin), time.Since(wall)-time.Hour; got != want {
			t.Errorf("the clock has stood back for long: %v elapsed, want %v", got, want)
		}
		x.SetClock(30 * time.Second)
		if got, want := x.Exchange.Now().Sub(begin), time.Since(wall)-time.Hour+30*time.Second; got != want {
			t.Errorf("a small step: %v elapsed, want %v", got, want)
		}
		if f := x.Faults(); f["clock: forward"] != 2 || f["clock: back"] != 1 {
			t.Errorf("counted: %v", f)
		}
	})
}

// A machine that is lost at a write has stored all of it, or nothing, and nobody has heard of it.
func TestDeathAtAWrite(t *testing.T) {
	for how, want := range map[exchangetest.Death]int{exchangetest.DiesBefore: 0, exchangetest.DiesWithin: 0,
		exchangetest.DiesAfter: 1} {
		exchangetest.Run(t, one(10*dollar), func(x *exchangetest.Rig) {
			died := 0
			x.Disk.DieAt(2, how, func() { died++ })
			adjusted := func(n byte) error {
				return x.Ledger.Append(&ledger.Adjusted{Head: ledger.Head{Lead: lead.ID{n}},
					Adjustment: ledger.AdjustResolved})
			}
			if err := adjusted(1); err != nil || died != 0 {
				t.Errorf("before: %v, died %d times", err, died)
			}
			if err := adjusted(2); err == nil || died != 1 {
				t.Errorf("at the write: %v, died %d times", err, died)
			}
			if err := adjusted(3); err == nil || died != 1 {
				t.Errorf("after it: %v, died %d times", err, died)
			}
			x.Crash()
			for n, events := range []int{1: 1, 2: want, 3: 0} {
				if got := len(x.Events(lead.ID{byte(n)})); got != events {
					t.Errorf("death %d: %d events of write %d, want %d", how, got, n, events)
				}
			}
		})
	}
}
