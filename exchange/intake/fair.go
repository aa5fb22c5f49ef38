// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// fair bounds how many pings are let in where the processors do not keep up, and tells whose.
//
// It is by how many come, and not by how many are in flight: what buyers take long for costs the processors no more.
// Paces are counts a look, smoothed, in parts of paceUnit.
type fair struct {
	most   atomic.Int64 // the pace of pings that are let in at most, of modest sources or not; unbounded
	age    atomic.Int64 // looks since it is bounded, 0: it is not
	waited atomic.Int64 // for a processor in these looks, the longest, which fades, in nanoseconds
	modest atomic.Int64 // sources with at most this pace are modest; unbounded: all are
	reads  atomic.Int64 // pace of requests that were read
	takes  atomic.Int64 // what pings took at most since it is bounded, by how many were under way, in nanoseconds

	mu    sync.Mutex // guards what follows
	let   int64      // pace of pings that were let in
	done  int64      // pace of those of them that were answered
	lets  int64      // the same over ten seconds
	cut   int64      // the look at which most was lowered last
	paces []int64    // scratch
}

const (
	unbounded = math.MaxInt64
	paceUnit  = 1 << 10
	paceParts = 16  // one in so many of the difference is taken over in a look
	letParts  = 8   // and of that of what is let in
	letsParts = 200 // over ten seconds: what is borne for a moment less takes nothing from whoever sends little
	// percent of what is let in that goes to modest sources before anybody has more: they must not be what the
	// processors do not keep up with
	modestPercent = 90
	// The first time that looks are hot (see nextHeat) at least so many percent of what was answered are let in: there
	// may be pings under way that the processors have yet to work off. After that one look in cutLooks lets in so many
	// percent of what was let in; where none is hot, each lets in one in so many more. It is bounded no longer where so
	// many times as many might come as do.
	firstPercent = 50
	cutPercent   = 85
	cutLooks     = 4
	growParts    = 32
	freeTimes    = 8
)

// paceLeast is the pace that is always let in.
func paceLeast() int64 { return 4 * int64(runtime.GOMAXPROCS(0)) * paceUnit }

// smooth is a pace after one look more, in which n came.
func smooth(pace, n, parts int64) int64 { return pace + (n*paceUnit-pace)/parts }

// weigh follows what sources send and, where the processors do not keep up or did not a moment ago, says who is modest:
// whoever sends no more than a level at which the pings of all, each counted up to it, are most of what is let in. So a
// source that sends little is served wholly beside others that send more than the exchange can bear.
func (p *places) weigh(l look) {
	f := &p.fair
	if p.seats == nil || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	let := p.let.Swap(0)
	f.let, f.lets = smooth(f.let, let, letParts), smooth(f.lets, let, letsParts)
	done := p.done.Swap(0)
	f.done = smooth(f.done, done, letParts)
	f.paces = f.paces[:0]
	for _, s := range p.seats() {
		pace := smooth(s.pace.Load(), s.came.Swap(0), paceParts)
		if s.pace.Store(pace); pace > 0 {
			f.paces = append(f.paces, pace)
		}
	}
	most := nextPace(f.most.Load(), f.let, f.done, l, p.kept.Swap(0) > 0, l.no-f.cut >= cutLooks)
	if most < f.most.Load() {
		f.cut = l.no
	}
	if f.most.Store(most); most == unbounded {
		f.age.Store(0)
		f.waited.Store(0)
		f.takes.Store(0)
		f.modest.Store(unbounded)
		f.lets = f.let // of a pause nothing can be learned
		return
	}
	f.age.Add(1)
	// the smoothed pace of what is answered is too small after a start; and while the first are still awaited little
	// can be told of it
	t := min(takes(p.pings.Load(), max(f.done, done*paceUnit)), 2*time.Duration(f.age.Load())*sensorEvery)
	f.takes.Store(max(f.takes.Load(), int64(t)))
	f.waited.Store(max(int64(waitedMost), min(int64(l.waited), int64(waitedCap)),
		f.waited.Load()*(waitedParts-1)/waitedParts))
	slices.Sort(f.paces)
	f.modest.Store(level(f.paces, f.lets*modestPercent/100))
}

// nextPace is how many pings may come after a look, where so many were let in and answered. kept tells that the bound
// has kept pings out since the last look: where it has not, fewer would have freed nothing, and it goes by what comes
// now. may tells that it may be fewer: what is under way since the last cut has had time to end.
func nextPace(most, let, done int64, l look, kept, may bool) int64 {
	hot := l.hot && l.heat >= hotLooks
	switch {
	case l.missed > 0:
		return unbounded
	case hot && (most == unbounded || !kept):
		return max(paceLeast(), firstPace(let, done))
	case hot && may:
		return max(paceLeast(), min(most, let)*cutPercent/100)
	case l.heat > 0 || most == unbounded:
		return most
	case most/freeTimes > let:
		return unbounded
	}
	return most + most/growParts + 1
}

// firstPace is how many pings may come once there are too many: fewer than were answered by what came beyond those, but
// not fewer than half of them.
func firstPace(let, done int64) int64 {
	return max(done*firstPercent/100, min(let, done)*cutPercent/100-max(0, let-done))
}

// level is where the sum of all paces, each counted up to it, is as much as there is; unbounded if all together are no
// more. The paces are in ascending order.
func level(paces []int64, much int64) int64 {
	for i, pace := range paces {
		left := int64(len(paces) - i)
		if pace*left > much {
			return much / left
		}
		much -= pace
	}
	return unbounded
}

// How many are let in is bounded for pings only once it has been too many for this part of the time that they have:
// what ends before costs time and nothing else. And only where a processor is waited for longer than this part of it: a
// ping waits for one some twenty times, and has the rest of its time for its buyers. And only if, since, so many
// were under way that the last would take longer than this part of it, for its buyers and all else; or, of a long time,
// so long that it leaves no more than what the bound takes to be felt.
const (
	burstPart = 4
	bornePart = 40
	takenPart = 4
	feltFor   = 2500 * time.Millisecond
	// a look's wait is one in so many parts shorter in the next, and never taken for longer than the cap
	waitedParts = 16
	waitedCap   = 5 * time.Second
	takesCap    = time.Hour // more than any deadline
)

// takes is for how long pings are under way if so many are and so many are answered a look (Little's law, J. Little, "A
// proof for the queuing formula L = λW", 1961): it tells at once what the last of a queue will see when it is answered.
func takes(pings, done int64) time.Duration {
	if pings <= 0 {
		return 0
	}
	if done <= 0 || pings > int64(takesCap/sensorEvery)*done/paceUnit {
		return takesCap
	}
	return time.Duration(pings*paceUnit) * sensorEvery / time.Duration(done)
}

// begin and end count a ping that was let in.
func (p *places) begin() {
	p.let.Add(1)
	p.pings.Add(1)
}

func (p *places) end() {
	p.done.Add(1)
	p.pings.Add(-1)
}

// held tells whether it is bounded how many pings that have so much time are let in.
func (p *places) held(deadline time.Duration) bool {
	age := p.fair.age.Load()
	return age > 0 && time.Duration(age)*sensorEvery >= deadline/burstPart &&
		time.Duration(p.fair.waited.Load()) >= deadline/bornePart &&
		time.Duration(p.fair.takes.Load()) >= max(deadline/takenPart, deadline-feltFor)
}

// pacePerSecond is how many pings a second are let in at most; 0: as many as come.
func (p *places) pacePerSecond() int64 {
	most := p.fair.most.Load()
	if most == unbounded {
		return 0
	}
	return most * int64(time.Second/sensorEvery) / paceUnit
}

// crowded tells whether more requests wait or are in flight than may always be: with fewer it is not the sellers who
// keep the processors busy, and sending their pings away would free nothing. How many wait follows from how many are
// read and for how long they waited.
func (p *places) crowded(waited time.Duration) bool {
	waiting := p.fair.reads.Load() * int64(waited/time.Millisecond) / (paceUnit * sensorEvery.Milliseconds())
	return p.flying.Load()+waiting > placesLeast()
}
