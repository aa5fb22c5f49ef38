// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
)

var benchQueued = flag.Int("queued", 20_000, "how many leads wait in BenchmarkQueue")

const (
	drainFor = 10 * time.Second // a queue is drained at most
	dueIn    = 3 * 24 * time.Hour
)

// BenchmarkQueue puts leads into the queue of a real ledger, half of them for campaign a and half for c, and measures
// what it is to have them: `go test ./exchange -run xxx -bench Queue -benchtime 1x -queued 1000000`.
//
//   - start: the heap, and an exchange that starts anew with them
//   - ping: the CPU of a ping beside them, from one caller and from several, and held to the same without a queue
//   - drain: how many turns a second each of the two has for ten seconds. Buyer c answers at once, and so the rate is
//     that of the exchange and its disk; buyer a answers as the name says
func BenchmarkQueue(b *testing.B) {
	q := &queueBench{x: exchangetest.Start(b, shutUntilMonday("a", "c")), callers: []int{1, 4, 16}}
	for _, n := range q.callers {
		q.alone = append(q.alone, q.pings(b, n))
	}
	q.fill(b)
	q.later(shutUntilMonday("a", "c"), time.Hour) // they came an hour ago
	b.Run("start", q.start)
	for i, n := range q.callers {
		b.Run(fmt.Sprint("ping/callers-", n), func(b *testing.B) {
			beside := q.pings(b, n)
			report(b, map[string]float64{"µs/ping-alone": q.alone[i], "µs/ping-beside": beside,
				"beside/alone": beside / q.alone[i]})
		})
	}
	for _, m := range []struct {
		name string
		post exchangetest.Buyer
	}{
		{"slow-300ms", exchangetest.Always(exchangetest.Accept("ref-a").In(300 * time.Millisecond))},
		{"silent", silent},
		{"refuses-for-now", exchangetest.Always(exchangetest.Answer{Status: 503})},
		{"unreachable", unreachable},
		{"closes-the-connection", exchangetest.Always(exchangetest.Torn(""))},
		{"prompt", yes},
	} {
		b.Run("drain/"+m.name, func(b *testing.B) { q.drain(b, m.post) })
	}
	q.x.Stop()
}

// queueBench is an exchange with a queue.
type queueBench struct {
	x       *rig
	callers []int
	alone   []float64
	like    [][]ledger.Event // of leads that wait for a, and for c
	made    int
	by      time.Duration // the clock is ahead
}

func report(b *testing.B, figures map[string]float64) {
	b.ReportMetric(0, "ns/op")
	for unit, v := range figures {
		b.ReportMetric(v, unit)
	}
}

// later has another setup be in force from a later time on.
func (q *queueBench) later(s setup, by time.Duration) {
	q.x.Reload(s) // first, so that nobody is woken under what was in force before
	q.x.SetClock(by)
	q.by += by
	q.x.Restart()
	q.x.Exchange.Warm()
}

func (q *queueBench) start(b *testing.B) {
	begin := time.Now()
	q.x.Restart()
	took := time.Since(begin)
	q.x.Exchange.Warm()
	report(b, map[string]float64{"s-restart": took.Seconds(), "MB-heap": float64(heapInUse()) / 1e6,
		"leads": float64(depthOf(q.x, "a", "c"))})
}

// pings is the CPU time of the process that a ping takes, in microseconds: the best of some rounds.
func (q *queueBench) pings(b *testing.B, callers int) float64 {
	const rounds, each = 6, 4000
	best := time.Duration(1 << 62)
	for range rounds {
		var bad atomic.Int64
		var wg sync.WaitGroup
		runtime.GC()
		begin := cpuTime(b)
		for range callers {
			wg.Go(func() {
				for range each / callers {
					if r, f := q.x.Ping(nil, nil); f != nil || r.Result != lead.ResultSuccess {
						bad.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if best = min(best, cpuTime(b)-begin); bad.Load() > 0 {
			b.Fatal(bad.Load(), " pings were not quoted")
		}
	}
	return float64(best.Nanoseconds()) / 1e3 / each
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain has a's buyer answer in a way, and c's at once.
func (q *queueBench) drain(b *testing.B, post exchangetest.Buyer) {
	q.fill(b)
	var a, c turns
	q.later(queueSetup(lists("a", 25*dollar, open, a.count(post)), lists("c", 25*dollar, open, c.count(yes))),
		dueIn)
	a.begin()
	c.begin()
	until(drainFor, func() bool { return depthOf(q.x, "a", "c") == 0 })
	report(b, map[string]float64{"a-turns/s": a.rate(), "c-turns/s": c.rate(), "a-left": float64(depthOf(q.x, "a")),
		"c-left": float64(depthOf(q.x, "c"))})
}

// turns are the calls that a buyer gets.
type turns struct {
	n, last atomic.Int64
	from    time.Time
}

func (n *turns) begin() {
	n.from = time.Now()
	n.n.Store(0)
}

// rate is how many came a second until the last one.
func (n *turns) rate() float64 {
	took := time.Unix(0, n.last.Load()).Sub(n.from).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(n.n.Load()) / took
}

func (n *turns) count(b exchangetest.Buyer) exchangetest.Buyer {
	return func(r *exchangetest.Request) exchangetest.Answer {
		n.n.Add(1)
		n.last.Store(time.Now().UnixNano())
		return b(r)
	}
}

var yes = exchangetest.Always(exchangetest.Accept("ref"))

// open has a campaign come again an hour later after whatever is only a no for now.
func open(c *buyers.CampaignSpec) {
	both(defers(when("closed", "not_sent"), forS(29*86400), func(d *buyers.DeferSpec) {
		after, tries := 3600, 1000
		d.RetryOn, d.AfterS, d.Tries = wire.Scalars{number("503")}, &after, &tries
	}))(c)
}

// until waits for a condition, at most so long.
func until(most time.Duration, ok func() bool) bool {
	tick, end := time.NewTicker(20*time.Millisecond), time.After(most)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			return false
		}
	}
	return true
}

// fill has as many leads wait as shall, half of them for a and half for c, each as one does that really came.
func (q *queueBench) fill(b *testing.B) {
	q.x.Buyers.Forget()
	for i := range []string{"a", "c"}[len(q.like):] {
		q.x.Reload(shutUntilMonday([]string{"a", "c"}[i]))
		r, f := q.x.LeadNow(phoneN(1+i), nil)
		if f != nil || r.Result != lead.ResultQueued {
			b.Fatal(r, f)
		}
		q.like = append(q.like, q.x.Events(r.LeadID))
	}
	for i, id := range []string{"a", "c"} {
		q.addLike(b, q.like[i], *benchQueued/2-int(depthOf(q.x, id)))
	}
}

func (q *queueBench) addLike(b *testing.B, like []ledger.Event, n int) {
	for n > 0 {
		var group []ledger.Event
		for range min(500, n) {
			p, d := *like[0].(*ledger.Pinged), *like[1].(*ledger.Deferred)
			p.Lead = ledger.NewID(time.Now())
			d.Lead, d.Waits = p.Lead, slices.Clone(d.Waits)
			d.Due = time.Now().Add(q.by + dueIn - time.Minute)
			d.Waits[0].Due = d.Due
			p.EventID, d.EventID = ledger.NewID(time.Now()), ledger.NewID(time.Now())
			p.Private.Person, p.Private.Content = fmt.Sprint("person", q.made), fmt.Sprint("content", q.made)
			d.Private.Person = p.Private.Person
			group = append(group, &p, &d)
			n--
			q.made++
		}
		if err := q.x.Ledger.Append(group...); err != nil {
			b.Fatal(err)
		}
	}
}

// shutUntilMonday is a setup of campaigns that have leads wait, and of b, which takes all.
func shutUntilMonday(ids ...string) setup {
	var cs []campaign
	for _, id := range ids {
		shut := both(keeps("mon 09:00-10:00"), defers(when("closed"), forS(29*86400)))
		cs = append(cs, lists(id, 25*dollar, shut, yes))
	}
	if len(ids) > 1 {
		cs = append(cs, lists("b", 5*dollar, nil, nil))
	}
	return queueSetup(cs...)
}

func queueSetup(cs ...campaign) setup {
	s := sellTo(1, cs...)
	s.Source, s.Differs = tells, true
	return s
}

// depthOf is how many leads wait for campaigns.
func depthOf(x *rig, campaigns ...string) (n int64) {
	for w, of := range x.Ledger.QueueDepth() {
		if slices.Contains(campaigns, w.Campaign) {
			n += of
		}
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
