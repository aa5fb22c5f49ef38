// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strings"
	"time"
)

// shownTime is a time as explanations have it; the zone's name follows.
const shownTime = "Mon 2006-01-02 15:04"

// Explain tells for people whether the schedule is open and until when, or why it is closed and when it opens, such as
// "closed: thanksgiving, opens Fri 2026-11-27 08:00 America/New_York".
func (s *Schedule) Explain(now time.Time) string {
	open, until := s.At(now)
	if s == nil {
		return "always open"
	}
	text, more, never := "open", " until ", ", without an end"
	if !open {
		why, _ := s.Why(now)
		text, more, never = "closed: "+why, ", opens ", ", and does not open again"
	}
	if !until.Before(Ever.End) {
		return text + never
	}
	return text + more + until.In(s.zone).Format(shownTime) + " " + s.zone.String()
}

// Why tells why the schedule is closed, in a few words, and where in the schedule that stands, such as closed[1]; both
// are empty while it is open.
func (s *Schedule) Why(now time.Time) (why, at string) {
	if open, _ := s.At(now); open {
		return "", ""
	}
	t := now.Unix()
	offset, _ := s.piece(t)
	local := t + offset
	switch {
	case local < s.from:
		return "before " + s.fromText, "from"
	case local >= s.until:
		return "after " + s.untilText, "until"
	}
	p := s.plan(floor(local, secondsOfDay))
	if p.closed != nil {
		return p.closed.names(&p), p.closed.at
	}
	var hours []string
	for i := range s.open {
		if r := &s.open[i]; p.near != notAtAll && r.nearness(&p) == p.near {
			hours, at = append(hours, r.text), r.at
		}
	}
	switch len(hours) {
	case 0:
		return fmt.Sprintf("no hours on %.3s", weekdayOf(p.day)), "open"
	case 1:
		return "outside " + hours[0], at
	}
	return "outside " + strings.Join(hours, ", "), "open"
}

// names tells of the days of an entry that one which it closes is.
func (r *dayRule) names(p *dayPlan) string {
	set := r.holidays
	switch r.nearness(p) {
	case byHolidays:
		set = federalHolidays
	case byHoliday:
	default:
		return r.text
	}
	name := (set & p.holidays).name()
	if set&p.holidays&^p.observed == 0 {
		name += " (observed)"
	}
	return name
}

// Idle tells which entries of `open` never count, since `closed` has all their days of the week, each as its place and
// why.
func (s *Schedule) Idle() (out [][2]string) {
	if s == nil {
		return nil
	}
	var closed uint8
	for i := range s.closed {
		closed |= s.closed[i].week
	}
	for i := range s.open {
		r := &s.open[i]
		if r.week != 0 && r.week&^closed == 0 && len(r.dates) == 0 && r.holidays == 0 && !r.federal {
			out = append(out, [2]string{r.at,
				fmt.Sprintf("%q never counts: `closed` has these days of the week", r.text)})
		}
	}
	return out
}
