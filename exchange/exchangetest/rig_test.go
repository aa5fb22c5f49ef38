// SPDX-License-Identifier: Apache-2.0

package exchangetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

const dollar = lead.Unit

func one(price lead.Money) exchangetest.Setup {
	return exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: price}}}
}

func TestPingAndPostGoTheWholeWay(t *testing.T) {
	exchangetest.Run(t, one(10*dollar), func(x *exchangetest.Rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		if f != nil || r.Result != lead.ResultSuccess || r.Price != 8*dollar || r.Reference != "ref-a" {
			t.Errorf("post: %+v, %v", r, f)
		}
		sent := x.Buyers.Calls("a", exchangetest.Post)
		if len(sent) != 1 || sent[0].Field("phone") != "+12127365000" || sent[0].Field("ref") != id.String() {
			t.Errorf("sent: %+v", sent)
		}
		if n := len(x.Events(id)); n != 4 {
			t.Errorf("%d events, want pinged, posting, posted and settled", n)
		}
	})
}

func TestSilenceTakesTheCallsTimeAndNoLonger(t *testing.T) {
	s := one(10 * dollar)
	s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Silence())
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		begin := time.Now()
		r, f := x.Ping(nil, nil)
		if took := time.Since(begin); took != 400*time.Millisecond {
			t.Errorf("the ping took %v, its deadline is 400 ms", took)
		}
		if f != nil || r.Result != lead.ResultFailure {
			t.Errorf("ping: %+v, %v", r, f)
		}
		if b := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0]; b.Refusal != lead.TimedOut {
			t.Errorf("bid: %+v", b)
		}
	})
}

// Each fault is what the ledger makes of it, and passes.
func TestDiskFailsAsOrdered(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  exchangetest.Fault
		want   error // nil: the append waits for the repair and succeeds
		stored bool  // in the end
		waits  bool  // the append has not ended after five seconds
	}{
		{name: "refused", fault: exchangetest.Refused, want: ledger.ErrUnavailable},
		{name: "stalled", fault: exchangetest.Stalled, stored: true, waits: true},
		{name: "lost", fault: exchangetest.Lost, want: ledger.ErrUncertain},
		{name: "kept", fault: exchangetest.Kept, want: ledger.ErrUncertain, stored: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			exchangetest.Run(t, one(10*dollar), func(x *exchangetest.Rig) {
				x.Disk.Fail(ledger.KindAdjusted, c.fault)
				ev := &ledger.Adjusted{Head: ledger.Head{Lead: lead.ID{1}}, Adjustment: ledger.AdjustResolved}
				done := make(chan error, 1)
				go func() { done <- x.Ledger.Append(ev) }()
				x.Sleep(5 * time.Second)
				if waits := len(done) == 0; waits != c.waits {
					t.Errorf("the append waits: %v, want %v", waits, c.waits)
				}
				if x.Disk.Hits() != 1 {
					t.Errorf("%d faults have struck, want 1", x.Disk.Hits())
				}
				x.Disk.Repair()
				err := <-done
				if !errors.Is(err, c.want) {
					t.Errorf("append: got %v, want %v", err, c.want)
				}
				var u *ledger.Uncertain
				if errors.As(err, &u) {
					if stored, err := u.Stored(context.Background()); err != nil || stored != c.stored {
						t.Errorf("stored: %v, %v", stored, err)
					}
				}
				if n := len(x.Events(lead.ID{1})); (n == 1) != c.stored {
					t.Errorf("%d events", n)
				}
				if err := x.Ledger.Append(&ledger.Adjusted{Head: ledger.Head{Lead: lead.ID{2}}}); err != nil {
					t.Errorf("append after the fault: %v", err)
				}
			})
		})
	}
}

func TestCrashKeepsWhatWasDurableAndNothingElse(t *testing.T) {
	s := one(10 * dollar)
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		id := x.Quote(8*dollar, nil)
		go func() { _, _ = x.Post(id, nil, nil) }()
		x.Sleep(500 * time.Millisecond)
		x.Crash()
		x.Sleep(10 * time.Second) // the trip of before has come to its end, and wrote nothing
		if open := x.Open(); len(open) != 1 || open[0].Lead != id {
			t.Errorf("open attempts: %+v", open)
		}
		if n := len(x.Events(id)); n != 2 {
			t.Errorf("%d events, want the ping's and the attempt's", n)
		}
	})
}
