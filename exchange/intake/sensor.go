// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sensor looks, now and then, at how the process does.
type sensor struct {
	limit int64 // bytes of memory; 0: not known
	full  atomic.Bool
	due   atomic.Int64 // Unix nanoseconds of the next look

	mu     sync.Mutex // guards what follows
	read   []metrics.Sample
	before []uint64 // the histogram of waits at the last look
	heat   int64    // see nextHeat
	looks  int64
}

const sensorEvery = 100 * time.Millisecond

// Parts of the limit, in percent, at which memory is full, and at which it is not any more.
const (
	memoryFull   = 85
	memoryRoomIn = 78
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

// sample looks if it is time to, and tells how hot it is and which look it was. Else, and where somebody else is
// looking, due is false.
func (s *sensor) sample() (heat, look int64, due bool) {
	now, at := time.Now().UnixNano(), s.due.Load()
	if now < at || !s.due.CompareAndSwap(at, now+int64(sensorEvery)) || !s.mu.TryLock() {
		return 0, 0, false
	}
	defer s.mu.Unlock()
	if s.read == nil {
		s.read = make([]metrics.Sample, len(sampleNames))
		for i, name := range sampleNames {
			s.read[i].Name = name
		}
	}
	metrics.Read(s.read)
	h := s.read[sampleWaits].Value.Float64Histogram()
	s.heat = nextHeat(s.heat, ninetieth(h.Buckets, h.Counts, s.before) > waitedMost)
	s.looks++
	s.before = append(s.before[:0], h.Counts...)
	if s.limit > 0 {
		var used uint64
		for _, i := range []int{sampleLive, sampleStacks, sampleMetadata, sampleOther, sampleOS} {
			used += s.read[i].Value.Uint64()
		}
		if percent := int64(used) * 100 / s.limit; percent >= memoryFull {
			s.full.Store(true)
		} else if percent < memoryRoomIn {
			s.full.Store(false)
		}
	}
	return s.heat, s.looks, true
}

// ninetieth is the lower end of the bucket in which the 90th of 100 stands, of what came since an earlier count; 0
// where little came.
func ninetieth(bounds []float64, counts, before []uint64) time.Duration {
	const least = 20
	if len(before) != len(counts) {
		return 0
	}
	news, n := slices.Clone(counts), uint64(0)
	for i := range news {
		news[i] -= before[i]
		n += news[i]
	}
	if n < least {
		return 0
	}
	left := n - n/10
	for i, c := range news {
		if c >= left {
			return time.Duration(max(bounds[i], 0) * float64(time.Second))
		}
		left -= c
	}
	return 0
}
