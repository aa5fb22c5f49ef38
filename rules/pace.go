// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math/bits"
	"time"
)

// Pace spreads what a cap allows over the open time of its window: at any instant no more may have been counted than
// the share of the limit that the open time so far has in all of it, and the burst.
type Pace struct {
	Burst int64       // how far ahead of its share the count may be, in what the cap counts; at least 1
	Open  []*Schedule // open is when all of them are; none: always
}

// PacePlan is the open time of one window. It does not change.
type PacePlan struct {
	Span
	open  []Span          // ascending
	sums  []time.Duration // open time before each of them
	total time.Duration
}

// Plan finds the open time of a window. Of one that is never open all of it counts.
func (p *Pace) Plan(window Span) *PacePlan {
	out := &PacePlan{Span: window}
	for t := window.Start; t.Before(window.End); {
		open, until := true, window.End
		for _, s := range p.Open {
			is, end := s.At(t)
			switch {
			case !is && open:
				open, until = false, end
			case is && open:
				until = earlier(until, end)
			case !is:
				if until.Before(end) {
					until = end
				}
			}
		}
		until = earlier(until, window.End)
		if open {
			out.open, out.sums = append(out.open, Span{t, until}), append(out.sums, out.total)
			out.total += until.Sub(t)
		}
		t = until
	}
	if out.total == 0 {
		out.open, out.sums, out.total = []Span{window}, []time.Duration{0}, window.End.Sub(window.Start)
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Allowed is how much may have been counted at an instant of the window, of a limit and with a burst; never more than
// the limit.
func (p *PacePlan) Allowed(limit, burst int64, now time.Time) int64 {
	var past time.Duration
	for i := len(p.open) - 1; i >= 0; i-- {
		if s := p.open[i]; !now.Before(s.Start) {
			past = p.sums[i] + earlier(now, s.End).Sub(s.Start)
			break
		}
	}
	if past >= p.total {
		return limit
	}
	hi, lo := bits.Mul64(uint64(limit), uint64(past))
	share, _ := bits.Div64(hi, lo, uint64(p.total)) // past < total: the share fits
	return min(limit, int64(share)+burst)
}
