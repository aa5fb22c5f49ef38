// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

var benchQueued = flag.Int("queued", 20_000, "how many leads wait in BenchmarkQueue")

// BenchmarkQueue puts leads into the queue of a real ledger, starts the exchange anew with them, pings beside them, and
// drains them for ten seconds: `go test ./exchange -run xxx -bench Queue -benchtime 1x -queued 1000000`. Buyers answer
// at once, so that the rate is that of the exchange and its disk.
func BenchmarkQueue(b *testing.B) {
	for range b.N {
		shut := both(keeps("mon 09:00-10:00"), defers(when("closed"), forS(29*86400)))
		s := sellTo(1, lists("a", 25*dollar, shut, nil), lists("b", 5*dollar, nil, nil))
		s.Source, s.Differs = tells, true
		x := exchangetest.Start(b, s)
		pings := func() float64 {
			n, begin := 2000, time.Now()
			for range n {
				if r, f := x.Ping(nil, nil); f != nil || r.Result != lead.ResultSuccess {
					b.Fatal(r, f)
				}
			}
			return float64(time.Since(begin).Microseconds()) / float64(n)
		}
		pings()
		before := pings()
		fillQueue(b, x, *benchQueued)
		x.Reload(s)
		x.Exchange.Warm()
		x.SetClock(24 * time.Hour) // they came yesterday
		x.Restart()
		begin := time.Now()
		x.Restart()
		start := time.Since(begin)
		x.Exchange.Warm()
		b.ReportMetric(float64(heapInUse())/1e6, "MB-heap")
		b.ReportMetric(start.Seconds(), "s-restart")
		b.ReportMetric(before, "µs/ping-alone")
		pings()
		b.ReportMetric(pings(), "µs/ping-beside")
		open := sellTo(1, lists("a", 25*dollar, defers(when("closed"), forS(29*86400)), nil))
		open.Source, open.Differs = tells, true
		x.Reload(open)
		x.SetClock(8 * 24 * time.Hour) // all are due
		x.Restart()
		begin = time.Now()
		x.Exchange.Warm()
		all, left := depthOf(x), int64(1)
		tick := time.NewTicker(10 * time.Millisecond)
		for left > 0 && time.Since(begin) < 10*time.Second {
			<-tick.C
			left = depthOf(x)
		}
		tick.Stop()
		b.ReportMetric(float64(all-left)/time.Since(begin).Seconds(), "leads/s-drained")
		x.Stop()
	}
}

// fillQueue has as many leads wait as one lead does that really came.
func fillQueue(b *testing.B, x *rig, n int) {
	x.Reload(queueOnly())
	r, f := x.LeadNow(phoneN(1), nil)
	if f != nil || r.Result != lead.ResultQueued {
		b.Fatal(r, f)
	}
	evs := x.Events(r.LeadID)
	ping, wait := evs[0].(*ledger.Pinged), evs[1].(*ledger.Deferred)
	for done := 0; done < n; {
		var group []ledger.Event
		for range 500 {
			p, d := *ping, *wait
			id := ledger.NewID(time.Now())
			p.Lead, d.Lead = id, id
			p.EventID, d.EventID = ledger.NewID(time.Now()), ledger.NewID(time.Now())
			p.Private.Person, p.Private.Content = fmt.Sprint("person", done), fmt.Sprint("content", done)
			d.Private.Person = p.Private.Person
			group = append(group, &p, &d)
			done++
		}
		if err := x.Ledger.Append(group...); err != nil {
			b.Fatal(err)
		}
	}
}

func queueOnly() setup {
	shut := both(keeps("mon 09:00-10:00"), defers(when("closed"), forS(29*86400)))
	s := sellTo(1, lists("a", 25*dollar, shut, nil))
	s.Source, s.Differs = tells, true
	return s
}

func depthOf(x *rig) (n int64) {
	for _, of := range x.Ledger.QueueDepth() {
		n += of
	}
	return n
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
