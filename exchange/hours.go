// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync/atomic"
	"time"

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

// keepOpen leaves out the campaigns that are closed. They do not stand in the event: what keeps them closed does not
// hang on state, and is told again when somebody asks. A test is asked at any time.
func (p *Ping) keepOpen(now time.Time) {
	if p.Test.On {
		return
	}
	n, at := 0, now.Unix()
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if !l.hours.open(at) {
			l.ClosedSkips.Add(1)
			continue
		}
		p.eligible[n] = ci
		n++
	}
	p.eligible = p.eligible[:n]
}

// closed says no to a lead that comes outside its source's hours. Like a pause it takes nothing; but the repeat of what
// was taken before is answered as ever, and so is the post of a quote.
func (e *Exchange) closed(p *Ping) *Fault {
	now := e.now()
	if p.Test.On || p.on.source[p.Source.ID].hours.open(now.Unix()) {
		return nil
	}
	return sourceClosed(p.Source.Schedule, now)
}

// Hours tells why the campaign is closed and when it opens; empty while it is open.
func (l *LiveCampaign) Hours(now time.Time) (text string) {
	if l.hours.open(now.Unix()) {
		return ""
	}
	for _, x := range l.Closed(now) {
		if text != "" {
			text += "; "
		}
		text += x.Why
	}
	return text
}

// SourceHours tells why a source is closed and when it opens; empty while it is open, and of one that there is not.
func (e *Exchange) SourceHours(id string, now time.Time) string {
	s := e.inForce.Load().source[id]
	if s == nil || s.hours.open(now.Unix()) {
		return ""
	}
	return s.Schedule.Explain(now)
}
