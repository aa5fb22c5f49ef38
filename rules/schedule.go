// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"slices"
	"time"
)

// Schedule says when leads are taken. It is made by CompileSchedule, never changes, and may be shared. A nil schedule
// is always open.
//
// It goes by what the local clock of its zone shows, minute by minute: an hour that the clock shows twice counts twice,
// one that it never shows does not count. Hours over midnight belong to the day on which they begin; a day that is
// closed is so from its midnight to the next, also for hours that began on the day before.
type Schedule struct {
	zone                *time.Location
	from, until         int64 // in seconds of the local clock since 1970
	fromText, untilText string
	open, closed        []dayRule
	last                int64 // the last day that is named by its date, ends included, since 1970
	recurs              bool  // it has hours of days that come again
	named               bool  // it has holidays
	horizon             int64 // in seconds: without a change for so long, and no date ahead, there will be none
}

// After so many days every day of the week, or every holiday, has come by more than once.
const (
	horizonDays      = 15
	horizonDaysNamed = 2 * 366
	horizonTogether  = 3 * 366 // of several schedules, whose clocks may change at other times of the year
)

// seal makes what is looked up of a schedule's lists.
func (s *Schedule) seal() {
	for _, list := range [][]dayRule{s.open, s.closed} {
		for i := range list {
			r := &list[i]
			for _, d := range r.dates {
				s.last = max(s.last, d.to)
			}
			s.named = s.named || r.federal || r.holidays != 0
		}
	}
	for i := range s.open {
		r := &s.open[i]
		s.recurs = s.recurs || r.week != 0 || r.federal || r.holidays != 0
	}
	if s.from != math.MinInt64 {
		s.last = max(s.last, floor(s.from, secondsOfDay))
	}
	if s.until != math.MaxInt64 {
		s.last = max(s.last, floor(s.until, secondsOfDay))
	}
	if s.horizon = horizonDays * secondsOfDay; s.named {
		s.horizon = horizonDaysNamed * secondsOfDay
	}
}

// beginning is an instant before all that the schedule may be open at.
func (s *Schedule) beginning() time.Time {
	first := time.Date(ScheduleYearMin, time.January, 1, 0, 0, 0, 0, time.UTC)
	if s.from != math.MinInt64 {
		first = time.Unix(s.from, 0)
	}
	return first.Add(-2 * secondsOfDay * time.Second)
}

// At tells whether the schedule is open, and until when that answer holds: at that instant it is another one. An answer
// that holds for good does so until Ever.End.
func (s *Schedule) At(now time.Time) (open bool, until time.Time) {
	if s == nil {
		return true, Ever.End
	}
	t := now.Unix()
	offset, end := s.piece(t)
	local := t + offset
	open = s.holds(local)
	if local > s.until && local-s.until > 2*secondsOfDay {
		return false, Ever.End // no clock goes so far back
	}
	stop := max(local, s.last*secondsOfDay) + s.horizon
	for {
		if next, ok := s.change(t+offset, open, min(end+offset, stop)); ok {
			return open, time.Unix(next-offset, 0).UTC()
		}
		if t = end; t+offset >= stop {
			return open, Ever.End
		}
		if offset, end = s.piece(t); s.holds(t+offset) != open {
			return open, time.Unix(t, 0).UTC()
		}
	}
}

// Next tells when the schedule is open at the earliest: now, if it is. ok is false if it never is again.
func (s *Schedule) Next(now time.Time) (at time.Time, ok bool) {
	open, until := s.At(now)
	if open {
		return now, true
	}
	return until, until.Before(Ever.End)
}

// NextOf tells when schedules are all open at the earliest: now, if they are. ok is false if they never are: not
// within three years of now, nor of the last date that one of them names.
func NextOf(list []*Schedule, now time.Time) (at time.Time, ok bool) {
	at = now
	end := now.Unix()
	for _, s := range list {
		if s != nil {
			end = max(end, s.last*secondsOfDay)
		}
	}
	for end += horizonTogether * secondsOfDay; at.Unix() < end; {
		before := at
		for _, s := range list {
			if at, ok = s.Next(at); !ok {
				return at, false
			}
		}
		if at.Equal(before) {
			return at, true
		}
	}
	return at, false
}

// piece is the zone's offset at an instant, in seconds east of UTC, and until when it is surely that.
func (s *Schedule) piece(t int64) (offset, end int64) {
	in := time.Unix(t, 0).In(s.zone)
	_, east := in.Zone()
	_, e := in.ZoneBounds()
	switch {
	case e.IsZero():
		return int64(east), math.MaxInt64 / 2
	case e.Unix() > t:
		return int64(east), e.Unix()
	}
	// See Window.piece: such a bound is a mistake of ZoneBounds, and nothing changes there.
	return int64(east), t + 3600
}

// holds tells whether the schedule is open at a second of the local clock.
func (s *Schedule) holds(local int64) bool {
	if local < s.from || local >= s.until {
		return false
	}
	day := floor(local, secondsOfDay)
	today, before := s.plan(day), s.plan(day-1)
	return s.openIn(&today, &before, int(local-day*secondsOfDay)/60)
}

// openIn tells whether a minute of a day lies in its hours, or in those of the day before.
func (s *Schedule) openIn(today, before *dayPlan, minute int) bool {
	if s.within(today, minute) != nil {
		return true
	}
	return today.closed == nil && s.within(before, minute+minutesOfDay) != nil
}

// within finds the entry by which a minute of a day is open, nil if there is none.
func (s *Schedule) within(p *dayPlan, minute int) *dayRule {
	if p.closed != nil || p.near == notAtAll {
		return nil
	}
	for i := range s.open {
		r := &s.open[i]
		if r.nearness(p) != p.near {
			continue
		}
		for _, h := range r.hours {
			if h.from <= minute && minute < h.to {
				return r
			}
		}
	}
	return nil
}

// nearness is how near to a day an entry speaks of it.
type nearness uint8

const (
	notAtAll nearness = iota
	byWeekday
	byHolidays
	byHoliday
	byDate
)

// dayPlan is what a schedule says of one day.
type dayPlan struct {
	day                int64 // since 1970
	holidays, observed holidays
	near               nearness // of the entries of `open` that have its hours
	closed             *dayRule // the entry that closes it; nil: none
}

// nearness is how near the entry speaks of the day; notAtAll also where it does not.
func (r *dayRule) nearness(p *dayPlan) nearness {
	for _, d := range r.dates {
		if d.from <= p.day && p.day <= d.to {
			return byDate
		}
	}
	switch {
	case r.holidays&p.holidays != 0:
		return byHoliday
	case r.federal && p.holidays&federalHolidays != 0:
		return byHolidays
	case r.week>>weekdayOf(p.day)&1 == 1:
		return byWeekday
	}
	return notAtAll
}

// plan finds which entries decide of a day.
func (s *Schedule) plan(day int64) dayPlan {
	p := dayPlan{day: day}
	if s.named {
		p.holidays, p.observed = holidaysOn(day)
	}
	for i := range s.open {
		p.near = max(p.near, s.open[i].nearness(&p))
	}
	closes := notAtAll
	for i := range s.closed {
		r := &s.closed[i]
		if n := r.nearness(&p); n > closes && (n > p.near || n == byWeekday && p.near == byWeekday) {
			closes, p.closed = n, r
		}
	}
	return p
}

// change finds the first second of the local clock after one, and before limit, at which the schedule is not what it is
// at that one. The clock must not be put forward or back between them.
func (s *Schedule) change(local int64, is bool, limit int64) (at int64, ok bool) {
	if !is && local < s.from {
		if s.from >= limit {
			return 0, false
		}
		if local = s.from; s.holds(local) {
			return local, true
		}
	}
	day := floor(local, secondsOfDay)
	before := s.plan(day - 1)
	for day*secondsOfDay < limit {
		today := s.plan(day)
		var buf [16]int64
		for _, at := range s.marks(buf[:0], &today, &before) {
			if at <= local || at >= limit {
				continue
			}
			in := at >= s.from && at < s.until && s.openIn(&today, &before, int(at-day*secondsOfDay)/60)
			if in != is {
				return at, true
			}
		}
		next := s.following(day, is)
		if before = today; next != day+1 {
			before = s.plan(next - 1)
		}
		day = next
	}
	return 0, false
}

// marks lists the seconds of the local clock within a day at which the schedule may change, ascending.
func (s *Schedule) marks(dst []int64, today, before *dayPlan) []int64 {
	midnight := today.day * secondsOfDay
	dst = append(dst, midnight)
	add := func(at int64) {
		if at > midnight && at < midnight+secondsOfDay {
			dst = append(dst, at)
		}
	}
	add(s.from)
	add(s.until)
	for _, p := range [...]*dayPlan{before, today} {
		for i := range s.open {
			if p.closed != nil || p.near == notAtAll || s.open[i].nearness(p) != p.near {
				continue
			}
			for _, h := range s.open[i].hours {
				add(p.day*secondsOfDay + int64(h.from)*60)
				add(p.day*secondsOfDay + int64(h.to)*60)
			}
		}
	}
	slices.Sort(dst)
	return dst
}

// following is the next day at which to look for a change: where only dates are open, the next one of them, or the day
// after it; where nothing but an end changes anything, the day of the end.
func (s *Schedule) following(day int64, is bool) int64 {
	first := &s.open[0]
	switch {
	case is && len(s.closed) == 0 && len(s.open) == 1 && first.week == everyDay && first.hours[0] == wholeDay[0]:
		return max(day+1, floor(s.until, secondsOfDay))
	case is || s.recurs:
		return day + 1
	}
	next := int64(math.MaxInt64 / secondsOfDay)
	for i := range s.open {
		for _, d := range s.open[i].dates {
			if day <= d.to {
				next = min(next, max(day+1, d.from))
			}
		}
	}
	return next
}

func floor(a, b int64) int64 { return (a - mod(a, b)) / b }
