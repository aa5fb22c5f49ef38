// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// fair tells who may go on as always where the processors do not keep up.
//
// It is by how many pings a source sends, and not by how many it has in flight: what buyers take long for costs the
// processors no more. Paces are counts a look, smoothed, in sixteenths.
type fair struct {
	modest atomic.Int64 // sources with at most this pace are modest; math.MaxInt64: all are
	reads  atomic.Int64 // pace of requests that were read

	mu    sync.Mutex // guards what follows
	let   int64      // pace of pings that were let in
	paces []int64    // scratch
}

const (
	paceUnit  = 16
	paceParts = 8 // one in so many of the difference is taken over in a look
	// percent of what is let in that goes to modest sources before anybody has more: they must not be what the
	// processors do not keep up with
	modestPercent = 75
)

// smooth is a pace after one look more, in which n came.
func smooth(pace, n int64) int64 { return pace + (n*paceUnit-pace)/paceParts }

// weigh follows what sources send and, where the processors do not keep up or did not a moment ago, says who is modest:
// whoever sends no more than a level at which the pings of all, each counted up to it, are most of what is let in. So a
// source that sends little is served wholly beside others that send more than the exchange can bear.
func (p *places) weigh(l look) {
	f := &p.fair
	if p.seats == nil || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	f.let = smooth(f.let, p.let.Swap(0))
	f.paces = f.paces[:0]
	for _, s := range p.seats() {
		pace := smooth(s.pace.Load(), s.came.Swap(0))
		if s.pace.Store(pace); pace > 0 {
			f.paces = append(f.paces, pace)
		}
	}
	if l.heat < hotLooks && p.now.Load() == p.max {
		f.modest.Store(math.MaxInt64)
		return
	}
	slices.Sort(f.paces)
	f.modest.Store(level(f.paces, f.let*modestPercent/100))
}

// level is where the sum of all paces, each counted up to it, is as much as there is; math.MaxInt64 if all together are
// no more. The paces are in ascending order.
func level(paces []int64, much int64) int64 {
	for i, pace := range paces {
		left := int64(len(paces) - i)
		if pace*left > much {
			return much / left
		}
		much -= pace
	}
	return math.MaxInt64
}

// crowded tells whether more requests wait or are in flight than may always be: with fewer it is not the sellers who
// keep the processors busy, and sending their pings away would free nothing. How many wait follows from how many are
// read and for how long they waited.
func (p *places) crowded(waited time.Duration) bool {
	waiting := p.fair.reads.Load() * int64(waited/time.Millisecond) / (paceUnit * sensorEvery.Milliseconds())
	return p.flying.Load()+waiting > placesLeast()
}
