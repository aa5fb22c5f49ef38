// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"clearpost/lead"
)

// state is what is open, counted and paused as of the last stored event. The writer changes it, anyone reads it.
type state struct {
	mu     sync.Mutex
	open   map[lead.ID]*OpenAttempt
	counts map[window]int64
	pauses map[string]PauseInfo
	depth  map[Waits]int64 // of the queue
	came   map[int64]int64 // leads of the queue, by the hour in which they came
}

type window struct{ cap, name string }

// windowTotal is the name of the window that has no end.
const windowTotal = "total"

func newState() *state {
	return &state{open: map[lead.ID]*OpenAttempt{}, counts: map[window]int64{}, pauses: map[string]PauseInfo{},
		depth: map[Waits]int64{}, came: map[int64]int64{}}
}

// change is what one event asks of the state; take fills in what it did, for the views.
type change struct {
	kind       Kind
	attempt    OpenAttempt // posting: the whole; posted, adjusted: Attempt and Outcome
	adjustment string
	subject    string
	pause      PauseInfo
	enters     *Waits // what the lead waits for in the queue from now on
	leaves     *Waits // what it waited for
	came       int64  // the hour in which that lead has come

	opened  *OpenAttempt  // to be written, a copy
	closed  bool          // attempt.Attempt is to be removed
	charges []lead.Charge // that are to be added to counts; taken back where they are below zero
	was     lead.Outcome
	price   lead.Money // booked for an accepted attempt
}

// changeOf returns nil for events that leave the state alone. It copies everything.
func changeOf(f *Facts) *change {
	switch {
	case f.Kind == KindPosting && f.Attempt.IsZero():
		return nil // a resend
	case f.Test: // it takes no place and nobody has to settle it
		return nil
	case f.Enters != nil || f.Leaves != nil:
		return &change{kind: f.Kind, enters: f.Enters.waits(), leaves: f.Leaves.waits(), came: cameIn(f.Lead)}
	case f.Kind == KindPosting, f.Kind == KindPosted, f.Kind == KindAdjusted && f.Adjustment == AdjustResolved:
	case (f.Kind == KindPinged || f.Kind == KindAdjusted && countsItself(f.Adjustment)) && len(f.Charges) > 0:
	case f.Kind == KindAdjusted && (f.Adjustment == AdjustPaused || f.Adjustment == AdjustResumed):
	case f.Kind == KindAdjusted && f.Adjustment == AdjustStanding && strings.HasPrefix(f.Subject, "buyer:"):
		return standingOf(f)
	default:
		return nil
	}
	c := &change{kind: f.Kind, adjustment: strings.Clone(f.Adjustment), subject: strings.Clone(f.Subject)}
	at := time.UnixMicro(f.At).UTC()
	c.pause = PauseInfo{Why: strings.Clone(f.Why), By: strings.Clone(f.By), At: at}
	c.attempt = OpenAttempt{Attempt: f.Attempt, Lead: f.Lead, Source: strings.Clone(f.Source),
		Vertical: strings.Clone(f.Vertical), Since: at, Outcome: f.Outcome}
	c.was, c.price = f.Was, f.Price
	if f.Kind == KindPosting || f.Kind == KindPinged || countsItself(f.Adjustment) {
		c.attempt.Charges = make([]lead.Charge, len(f.Charges))
		for i, ch := range f.Charges {
			c.attempt.Charges[i] = lead.Charge{Cap: strings.Clone(ch.Cap),
				Window: strings.Clone(ch.Window), N: ch.N, Of: chargeOf(ch.Of)}
		}
	}
	return c
}

// standingOf is how a buyer pays, kept as a pause that ends when it pays well.
func standingOf(f *Facts) *change {
	c := &change{kind: f.Kind, adjustment: AdjustPaused,
		subject: StandingSubject(strings.TrimPrefix(f.Subject, "buyer:"))}
	if f.Pays == PaysWell {
		c.adjustment = AdjustResumed
	}
	c.pause = PauseInfo{Why: strings.Clone(f.Why), By: strings.Clone(f.By), At: time.UnixMicro(f.At).UTC(),
		Pays: strings.Clone(f.Pays)}
	return c
}

// countsItself tells whether an adjustment tells all that it changes of counts.
func countsItself(adjustment string) bool {
	return adjustment == AdjustCorrected || adjustment == AdjustRebooked || adjustment == AdjustDeposited ||
		adjustment == AdjustImported || adjustment == AdjustStated || OfReturn(adjustment)
}

// chargeOf is a copy that takes no memory of what it is of.
func chargeOf(of string) string {
	for _, known := range [...]string{lead.OfAccepted, lead.OfAttempts, lead.OfPings, lead.OfSpend, lead.OfTally} {
		if of == known {
			return known
		}
	}
	return strings.Clone(of)
}

// take applies a change. An attempt is charged once, by its posting, and given back at most once, by its own record: an
// end or a resolution of an attempt that is not open changes nothing, however often it is told.
func (s *state) take(c *change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue(c.enters, c.came, 1)
	s.queue(c.leaves, c.came, -1)
	switch {
	case c.kind == KindPosting:
		if s.open[c.attempt.Attempt] != nil {
			return
		}
		o := c.attempt
		o.Outcome = lead.OutcomeNone
		s.open[o.Attempt] = &o
		c.opened = ptr(o)
		s.charge(c, o.Charges)
	case c.kind == KindPinged:
		s.charge(c, c.attempt.Charges)
	case c.kind == KindPosted, c.adjustment == AdjustResolved:
		o := s.open[c.attempt.Attempt]
		if o == nil {
			return
		}
		if out := c.attempt.Outcome; out == lead.Unknown || out == lead.OutcomeNone {
			o.Outcome = lead.Unknown
			c.opened = ptr(*o)
			return
		}
		s.charge(c, lead.AtEnd(o.Charges, c.attempt.Outcome, c.price))
		delete(s.open, o.Attempt)
		c.closed = true
	case countsItself(c.adjustment):
		s.charge(c, lead.Corrected(c.attempt.Charges, c.was, c.attempt.Outcome))
	case c.adjustment == AdjustPaused:
		s.pauses[c.subject] = c.pause
	case c.adjustment == AdjustResumed:
		delete(s.pauses, c.subject)
	}
}

func ptr[T any](v T) *T { return &v }

// charge adds to counts. Of a window that was forgotten nothing is taken back; what has no end is never forgotten.
func (s *state) charge(c *change, charges []lead.Charge) {
	c.charges = nil
	for _, ch := range charges {
		w := window{ch.Cap, ch.Window}
		old, ok := s.counts[w]
		if ch.N < 0 && !ok && ch.Window != windowTotal {
			continue
		}
		c.charges = append(c.charges, ch)
		n := old + ch.N
		if n == 0 {
			delete(s.counts, w)
			continue
		}
		s.counts[w] = n
	}
}

func (s *state) unresolved() []OpenAttempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]OpenAttempt, 0, len(s.open))
	for _, o := range s.open {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b OpenAttempt) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return slices.Compare(a.Attempt[:], b.Attempt[:])
	})
	return out
}

func (s *state) eachCount(fn func(cap, window string, n int64)) {
	s.mu.Lock()
	all := maps.Clone(s.counts)
	s.mu.Unlock()
	for w, n := range all {
		fn(w.cap, w.name, n)
	}
}

// count is what stands in a window of a key.
func (s *state) count(cap, name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[window{cap, name}]
}

func (s *state) paused() map[string]PauseInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.pauses)
}

// forgetWindows drops the counts of windows that began before a day ("2006-01-02"), of weeks ("2006-W01") of earlier
// years and of earlier months ("2006-01"), and those of hours and minutes that lie far enough before the last event.
// Windows whose names do not begin with a date, such as "total", are kept.
func (s *state) forgetWindows(day string, last time.Time) []window {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []window
	for w := range s.counts {
		if !begunBefore(w.name, day) && !over(w.name, last) {
			continue
		}
		gone = append(gone, w)
		delete(s.counts, w)
	}
	return gone
}

func begunBefore(window, day string) bool {
	switch {
	case len(window) == len("2006-W01") && window[4:6] == "-W":
		return window[:4] < day[:4]
	case len(window) == len("2006-01") && window[4] == '-':
		return window < day[:len("2006-01")]
	case len(window) < len(day) || window[4] != '-' || window[7] != '-':
		return false
	}
	return window[:len(day)] < day
}

// over tells whether a window is one of an hour ("2006-01-02T15-07:00") or a minute ("2006-01-02T15:04-07:00") that is
// long over. Of an offset with seconds these are of no account.
func over(window string, last time.Time) bool {
	const hour, minute = "2006-01-02T15Z07:00", "2006-01-02T15:04Z07:00"
	if len(window) < len(hour) || window[10] != 'T' {
		return false
	}
	layout, kept := hour, hoursKept
	if window[13] == ':' {
		layout, kept = minute, minutesKept
	}
	t, err := time.Parse(layout, window[:min(len(window), len(layout))])
	return err == nil && t.Before(last.Add(-kept))
}
