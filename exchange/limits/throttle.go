// SPDX-License-Identifier: Apache-2.0

// Package limits holds a campaign's calls back: by rate, and by a breaker while its buyer fails. It is pure: clocks are
// passed in.
package limits

import (
	"sync/atomic"
	"time"

	"clearpost/buyers"
)

// Throttle spaces the calls of one endpoint. It is the generic cell rate algorithm: one word holds when a call would be
// due if the calls so far had come evenly, and a call may be early by no more than the burst allows. It takes no lock.
// A nil Throttle lets everything through.
type Throttle struct {
	rate    buyers.Rate
	due     atomic.Int64 // Unix nanoseconds
	carried int64        // what due was under an earlier rate, 0 if there was none
}

// NewThrottle makes a throttle of a rate; nil of none.
func NewThrottle(r *buyers.Rate) *Throttle {
	if r == nil {
		return nil
	}
	return &Throttle{rate: *r}
}

// Allow takes a place for a call at this time; false: there is none, and nothing was taken.
func (t *Throttle) Allow(now time.Time) bool {
	if t == nil {
		return true
	}
	at, every := now.UnixNano(), int64(t.rate.Every)
	early := every * int64(t.rate.Burst-1)
	for {
		due := t.due.Load()
		next := max(due, at)
		switch ahead := next - at; {
		case ahead > early+every && due == t.carried: // by calls of a slower rate: this one's burst is used up
			t.due.CompareAndSwap(due, at+early+every)
			continue
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

// After is the throttle in place of an earlier one: that one where the rate is the same; else a change of the rate is
// no further burst. Either may be nil.
func (t *Throttle) After(old *Throttle) *Throttle {
	if old == nil || t == nil {
		return t
	}
	if old.rate == t.rate {
		return old
	}
	t.carried = old.due.Load()
	t.due.Store(t.carried)
	return t
}
