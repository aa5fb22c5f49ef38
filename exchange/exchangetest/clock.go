// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"time"
	"unsafe"
)

// wall is the wall clock of the exchange. As that of a machine it may be set, and elapsed time goes on regardless.
func (x *Rig) wall() time.Time {
	now := time.Now()
	if outside := now != now.Round(0); outside && x.later.Load() == 0 {
		return now // real calls measure their deadlines by it
	}
	return withElapsed(now.Add(time.Duration(x.later.Load())), now.Sub(x.begun))
}

// SetClock sets the wall clock forward, or back, by so much. Time that elapses is not touched.
func (x *Rig) SetClock(by time.Duration) {
	x.T.Helper()
	x.later.Add(int64(by))
	switch {
	case by > 0:
		x.struck.add("clock: forward")
	case by < 0:
		x.struck.add("clock: back")
	}
}

// withElapsed is a time between 1885 and 2157 with a monotonic reading, which times of a bubble have not: only with one
// a wall clock can be set and leave alone what was measured. No function of the package time makes one, so it is put
// together; TestClockIsSetAndElapsedTimeGoesOn holds that it is whole.
func withElapsed(wall time.Time, elapsed time.Duration) time.Time {
	const (
		monotonic  = 1 << 63    // there is a reading
		from1885   = 2682288000 // to 1970, in seconds
		nanosecond = 30         // bits
	)
	type parts struct { // of a time.Time
		wall uint64
		ext  int64
		loc  *time.Location
	}
	out := wall.UTC()
	p := (*parts)(unsafe.Pointer(&out))
	p.wall = monotonic | uint64(wall.Unix()+from1885)<<nanosecond | uint64(wall.Nanosecond())
	p.ext = int64(elapsed) + 1
	return out
}
