// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is what the process may take, in bytes.
type Memory struct {
	Limit    int64        // of the machine's memory; 0: not known
	Go       int64        // of the limit, what is left for Go's heap and stacks beside what is none of both
	Resident func() int64 // what the process has of the machine's memory; nil, or 0: not known
}

// sensor looks, now and then, at how the process does.
type sensor struct {
	memory Memory
	full   atomic.Bool
	due    atomic.Int64 // Unix nanoseconds of the next look

	mu     sync.Mutex // guards what follows
	read   []metrics.Sample
	before []uint64 // the histogram of waits at the last look
	last   int64    // when it looked last, Unix nanoseconds
	heat   int64    // see nextHeat
	looks  int64
}

const sensorEvery = 50 * time.Millisecond

// missedLeast is how many looks without a request are a pause. A process that is short of processors misses some too.
const missedLeast = 10

// Parts in percent at which memory is full, and at which it is not any more: of what Go may have, by what is alive and
// cannot be given back; and of the whole limit, by what the machine has given, though a collection may bring it back.
const (
	memoryFull     = 85
	memoryRoomIn   = 78
	residentFull   = 99
	residentRoomIn = 97
)

// What is read. Of the memory, what is alive after the last collection and what is no heap: what the collector cannot
// give back.
const (
	sampleWaits = iota
	sampleLive
	sampleStacks
	sampleMetadata
	sampleOther
	sampleOS
)

var sampleNames = [...]string{"/sched/latencies:seconds", "/gc/heap/live:bytes", "/memory/classes/heap/stacks:bytes",
	"/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/other:bytes",
	"/memory/classes/metadata/other:bytes"}

// look is what a look has found.
type look struct {
	hot    bool
	waited time.Duration // for a processor, where it is hot
	heat   int64         // see nextHeat
	no     int64         // of the look
	missed int64         // looks that would have been cool: there was nobody to have them
}

// sample looks if it is time to. Else, and where somebody else is looking, due is false. What lags behind makes a look
// hot by itself, if by anything.
func (s *sensor) sample(lagging func() time.Duration) (out look, due bool) {
	now, at := time.Now().UnixNano(), s.due.Load()
	if now < at || !s.due.CompareAndSwap(at, now+int64(sensorEvery)) || !s.mu.TryLock() {
		return look{}, false
	}
	defer s.mu.Unlock()
	if out.missed = (now-s.last)/int64(sensorEvery) - 1; s.last == 0 || out.missed < missedLeast {
		out.missed = 0
	}
	s.last = now
	for range min(out.missed, hotMost) {
		s.heat = nextHeat(s.heat, false)
	}
	if s.read == nil {
		s.read = make([]metrics.Sample, len(sampleNames))
		for i, name := range sampleNames {
			s.read[i].Name = name
		}
	}
	metrics.Read(s.read)
	h := s.read[sampleWaits].Value.Float64Histogram()
	out.waited = lagging()
	if waited := ninetieth(h.Buckets, h.Counts, s.before); waited > waitedMost {
		out.waited = max(out.waited, waited)
	}
	out.hot = out.waited > 0
	s.heat = nextHeat(s.heat, out.hot)
	s.looks++
	s.before = append(s.before[:0], h.Counts...)
	if s.memory.Limit > 0 {
		var used, resident int64
		for _, i := range []int{sampleLive, sampleStacks, sampleMetadata, sampleOther, sampleOS} {
			used += int64(s.read[i].Value.Uint64())
		}
		if s.memory.Resident != nil {
			resident = s.memory.Resident()
		}
		s.full.Store(s.memory.isFull(s.full.Load(), used, resident))
	}
	out.heat, out.no = s.heat, s.looks
	return out, true
}

// isFull tells whether memory is full, where it was or was not before.
func (m *Memory) isFull(was bool, used, resident int64) bool {
	atMost := func(part, of int64) int64 { return of / 100 * part }
	if was {
		return used >= atMost(memoryRoomIn, m.Go) || resident >= atMost(residentRoomIn, m.Limit)
	}
	return used >= atMost(memoryFull, m.Go) || resident >= atMost(residentFull, m.Limit)
}

// ninetieth is the lower end of the bucket in which the 90th of 100 stands, of what came since an earlier count; 0
// where little came.
func ninetieth(bounds []float64, counts, before []uint64) time.Duration {
	const least = 20
	if len(before) != len(counts) {
		return 0
	}
	since, n := slices.Clone(counts), uint64(0)
	for i := range since {
		since[i] -= before[i]
		n += since[i]
	}
	if n < least {
		return 0
	}
	left := n - n/10
	for i, c := range since {
		if c >= left {
			return time.Duration(max(bounds[i], 0) * float64(time.Second))
		}
		left -= c
	}
	return 0
}
