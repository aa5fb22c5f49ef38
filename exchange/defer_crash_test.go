// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// The machine is lost at each write of a lead's way through the queue, before, within or after it. Whatever is stored,
// the buyer is never given the lead again that it may have, and what the seller hears in the end is the truth: sold,
// once, or not known, where the crash came between the post and its end.
func TestQueuedLeadThroughACrashAtEveryWrite(t *testing.T) {
	for how, name := range map[exchangetest.Death]string{exchangetest.DiesBefore: "before",
		exchangetest.DiesWithin: "within", exchangetest.DiesAfter: "after"} {
		for n := 1; n <= 6; n++ {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) { crashInTheQueue(t, n, how) })
		}
	}
}

func crashInTheQueue(t *testing.T, n int, how exchangetest.Death) {
	var tries, bought atomic.Int64
	buyer := func(*exchangetest.Request) exchangetest.Answer {
		if tries.Add(1) <= 2 {
			return exchangetest.Unreachable()
		}
		bought.Add(1)
		return exchangetest.Accept("R")
	}
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: both(defers(forS(3600)), capped(3)), Post: buyer})
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		died := make(chan struct{})
		x.Disk.DieAt(n, how, func() { close(died) })
		first := post(x, id)
		dead := false
		for range 200 {
			x.Sleep(10 * time.Second)
			select {
			case <-died:
				dead = true
			default:
			}
			if dead {
				break
			}
		}
		if !dead {
			t.Fatal("it has fewer writes")
		}
		x.Crash()
		x.Exchange.Warm()
		if h := <-first; h.fault == nil && h.reply.Result == lead.ResultFailure {
			t.Errorf("its seller heard %+v", h.reply)
		}
		for range 10 { // the seller asks again until it knows
			if r, f := x.Post(id, nil, nil); f == nil && r.Result == lead.ResultSuccess {
				break
			}
			x.Sleep(5 * time.Minute)
		}
		x.Sleep(2 * time.Hour)
		r, open := x.Status(id), len(x.Open())
		switch {
		case bought.Load() > 1:
			t.Errorf("the buyer has it %d times", bought.Load())
		case r.Result == lead.ResultSuccess && (bought.Load() != 1 || open != 0):
			t.Errorf("sold, and the buyer has it %d times, %d attempts are open", bought.Load(), open)
		case r.Result == lead.ResultPending && open != 1:
			t.Errorf("pending, and %d attempts are open", open)
		case r.Result != lead.ResultSuccess && r.Result != lead.ResultPending && bought.Load() > 0:
			t.Errorf("%s, and the buyer has it", r.Result)
		case r.Result == lead.ResultQueued:
			t.Error("it is in the queue for ever")
		}
		wantDepth(x, 0)
		wantUsed(x, "a", min(1, int64(open)+boolToInt(r.Result == lead.ResultSuccess)))
		if sold := len(exchangetest.All[*ledger.Settled](x, id)); sold > 2 {
			t.Errorf("%d answers", sold)
		}
	})
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// While nobody can tell whether the ledger has the event that queues a lead, its seller hears nothing: it may not hear
// that nothing was taken of a lead that is sold later.
func TestQueueThatTheLedgerIsNotSureOf(t *testing.T) {
	for name, c := range map[string]struct {
		fault  exchangetest.Fault
		queued bool
	}{"kept": {exchangetest.Kept, true}, "lost": {exchangetest.Lost, false}, "refused": {exchangetest.Refused, false}} {
		t.Run(name, func(t *testing.T) {
			shut := keeps("mon 09:00-10:00")
			s := sellTo(1, lists("a", 25*dollar, both(shut, defers(when("closed"), forS(7*86400))), nil))
			s.Source = tells
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil)
				x.Disk.Fail(ledger.KindDeferred, c.fault)
				heard := post(x, id)
				x.Sleep(time.Minute)
				select {
				case h := <-heard:
					if c.fault != exchangetest.Refused {
						t.Fatalf("heard %+v while nobody knew", h)
					}
					wantFault(t, h.reply, h.fault, "unavailable")
				default:
					x.Disk.Repair()
					h := <-heard
					if c.queued {
						wantQueued(t, h.reply, h.fault)
					} else {
						wantFault(t, h.reply, h.fault, "unavailable")
					}
				}
				x.Sleep(time.Minute)
				wantDepth(x, boolToInt(c.queued))
				r, f := x.Post(id, nil, nil)
				wantQueued(t, r, f)
				wantDepth(x, 1)
			})
		})
	}
}
