// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/rules"
)

// hours tell whether some schedules are all open, for the price of a look: what they said last stands with the time for
// which it holds, and only outside of that they are asked. The clock may go back. nil hours are always open.
type hours struct {
	of   []*rules.Schedule
	last atomic.Pointer[stretch]
}

// stretch is a time in which an answer holds, from its start (included) to its end (excluded), in seconds since 1970.
type stretch struct {
	from, until int64
	open        bool
}

func newHours(s *rules.Schedule) *hours { return (*hours)(nil).and(s) }

// hoursOf are the hours of a campaign.
func hoursOf(c *buyers.Campaign) (h *hours) {
	for _, own := range c.Hours {
		h = h.and(own.Schedule)
	}
	return h
}

// and are the hours in which one more schedule is open too.
func (h *hours) and(s *rules.Schedule) *hours {
	switch {
	case s == nil:
		return h
	case h == nil:
		return &hours{of: []*rules.Schedule{s}}
	}
	return &hours{of: append(h.of[:len(h.of):len(h.of)], s)}
}

// open tells whether a time, in seconds since 1970, is within the hours.
func (h *hours) open(now int64) bool {
	if h == nil {
		return true
	}
	if s := h.last.Load(); s != nil && s.from <= now && now < s.until {
		return s.open
	}
	return h.ask(now)
}

func (h *hours) ask(now int64) bool {
	x := &stretch{from: now, until: rules.Ever.End.Unix(), open: true}
	for _, s := range h.of {
		open, until := s.At(time.Unix(now, 0))
		switch end := until.Unix(); {
		case open && x.open:
			x.until = min(x.until, end)
		case !open && x.open:
			x.open, x.until = false, end
		case !open:
			x.until = max(x.until, end)
		}
	}
	h.last.Store(x)
	return x.open
}
