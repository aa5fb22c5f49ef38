// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync/atomic"
	"time"

	"clearpost/buyers"
)

// throttle spaces the calls of one endpoint. It is the generic cell rate algorithm: one word holds when a call would be
// due if the calls so far had come evenly, and a call may be early by no more than the burst allows. It takes no lock.
// A nil throttle lets everything through.
type throttle struct {
	rate buyers.Rate
	due  atomic.Int64 // Unix nanoseconds
}

func newThrottle(r *buyers.Rate) *throttle {
	if r == nil {
		return nil
	}
	return &throttle{rate: *r}
}

// allow takes a place for a call at this time; false: there is none, and nothing was taken.
func (t *throttle) allow(now time.Time) bool {
	if t == nil {
		return true
	}
	at, every := now.UnixNano(), int64(t.rate.Every)
	early := every * int64(t.rate.Burst-1)
	for {
		due := t.due.Load()
		next := max(due, at)
		switch ahead := next - at; {
		case ahead > early+every:
			next = at // further ahead than calls can bring it: the clock was set back
		case ahead > early:
			return false
		}
		if t.due.CompareAndSwap(due, next+every) {
			return true
		}
	}
}
