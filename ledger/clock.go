// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// The bounds of what a clock may do before it is an alarm and not a fact.
const (
	clockStep   = time.Minute      // the wall clock may be set by so much at once, as by NTP
	clockDoubt  = 10 * time.Minute // a larger step is believed when it has stood for so long
	clockSlower = 50               // the pull falls by one part in so many of the time that goes by
)

// ClockAhead is how far ahead of the wall clock an event may be and still pull the time with it.
const ClockAhead = 5 * time.Minute

// clock is the ledger's time: the wall clock as far as it goes along with elapsed time, and never before the last
// event, unless that one is further ahead than any clock should be. Where the wall clock jumps, the time goes on by
// what has elapsed.
type clock struct {
	zero  time.Time // from which elapsed time counts; has a monotonic reading
	now   atomic.Pointer[clockState]
	jumps atomic.Uint64
	ahead atomic.Bool // told of events that are too far ahead
	log   *slog.Logger
}

// clockState is never changed, only replaced.
type clockState struct {
	base  time.Duration // elapsed then
	at    time.Time     // what the time was then
	doubt time.Duration // elapsed when a jump was seen first; 0: there is none
	pull  time.Duration // how far events were ahead at base
}

// time is what a reading of the wall clock means after such an elapsed time, given the time of the last event (zero:
// there is none).
func (c *clock) time(wall time.Time, elapsed time.Duration, last time.Time) time.Time {
	wall = wall.Round(0)
	s := c.now.Load()
	if s == nil {
		s = &clockState{base: elapsed, at: wall}
		c.now.CompareAndSwap(nil, s)
	}
	t := s.at.Add(elapsed - s.base)
	switch off := wall.Sub(t); {
	case off.Abs() <= clockStep:
		if t = wall; off.Abs() > time.Second || s.doubt != 0 {
			c.now.CompareAndSwap(s, &clockState{base: elapsed, at: t, pull: s.pulled(elapsed)})
		}
	case s.doubt == 0:
		next := *s
		if next.doubt = max(elapsed, 1); c.now.CompareAndSwap(s, &next) {
			c.jumps.Add(1)
			c.log.Error("the wall clock has jumped: time goes on by what elapses, until the clock is right again or "+
				"has stood for "+clockDoubt.String(), "by", off)
		}
	case elapsed-s.doubt >= clockDoubt:
		if c.now.CompareAndSwap(s, &clockState{base: elapsed, at: wall}) {
			c.log.Warn("the wall clock is believed after its jump", "by", off)
		}
		t = wall
	}
	t = t.Add(s.pulled(elapsed))
	switch behind := last.Sub(t); {
	case behind <= 0:
		if c.ahead.Load() { // every ping comes here: no write that all of them share
			c.ahead.Store(false)
		}
	case behind > ClockAhead:
		if !c.ahead.Swap(true) {
			c.jumps.Add(1)
			c.log.Error("the last event is further ahead than a clock may be: it does not count as the time", "at",
				last, "by", behind)
		}
	default: // go on from there, at the same pace
		next := *s
		next.base, next.at, next.pull = elapsed, t.Add(-s.pulled(elapsed)), s.pulled(elapsed)+behind
		c.now.CompareAndSwap(s, &next)
		t = last
	}
	return t.UTC()
}

// pulled is what is left of the pull.
func (s *clockState) pulled(elapsed time.Duration) time.Duration {
	return max(0, s.pull-(elapsed-s.base)/clockSlower)
}

// Time is the time of events: what a reading of the wall clock (with its monotonic part) means. It never goes back
// behind a durable event, but where one is more than five minutes ahead of the clock, and it does not follow a jump of
// the wall clock until that has stood for ten minutes.
func (l *Ledger) Time(wall time.Time) time.Time {
	elapsed := wall.Sub(l.clock.zero)
	if l.in.elapsed != nil {
		elapsed = l.in.elapsed(wall)
	}
	return l.clock.time(wall, elapsed, l.LastTime())
}

// now is the time for what forgets.
func (l *Ledger) now() time.Time { return l.Time(l.cfg.Now()) }
