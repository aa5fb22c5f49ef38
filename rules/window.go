// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strconv"
	"time"

	"clearpost/lead"
)

// Per is the length of a cap's window.
type Per uint8

// The windows.
const (
	Minute Per = iota + 1 // a minute of the local clock
	Hour                  // an hour of the local clock
	Day                   // a date of the local calendar: 23 or 25 hours long where the clock changes
	Week                  // seven dates, from a Monday, as ISO 8601 counts weeks, or from another day
	Month                 // a month of the local calendar
	Total                 // all time
)

var perNames = [...]string{"none", "minute", "hour", "day", "week", "month", "total"}

// String is the name as it stands in a file and in a cap's key.
func (p Per) String() string { return perNames[p] }

// Window tells when a cap counts anew. Zone is of no account for Total.
type Window struct {
	Per  Per
	Zone *time.Location
	// of Week: how many days after Monday its weeks begin, 6 for those that begin on Sunday. Else 0
	WeekFrom uint8
}

// Span is a stretch of time, from its start (included) to its end (excluded).
type Span struct{ Start, End time.Time }

// Holds tells whether the instant lies in the span.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// Ever is the span of the window "total": the years that RFC 3339 can write.
var Ever = Span{Start: time.Time{}, End: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}

// At names the window that holds the instant, and tells the longest stretch around it that bears the name.
//
// A day is "2026-11-23", a month "2026-11", a week "2026-W48", or "2026-11-22w" by its first date where it does not
// begin on a Monday. An hour is "2026-11-23T14-08:00": the offset keeps the two hours apart that one clock shows twice,
// and an hour that a change of the clock cuts short is as long as the clock showed it; a minute is
// "2026-11-23T14:05-08:00". "total" is everything. The name alone identifies a window: where a zone went back over
// midnight a date has two stretches.
func (w Window) At(now time.Time) (name string, start, end time.Time) {
	if w.Per == Total {
		return "total", Ever.Start, Ever.End
	}
	var b [32]byte
	t := now.In(w.Zone)
	name = string(w.AppendName(b[:0], t))
	s := w.stretch(t)
	return name, s.Start, s.End
}

// Around is the stretch that At tells; it names nothing, so it allocates nothing.
func (w Window) Around(now time.Time) Span {
	if w.Per == Total {
		return Ever
	}
	return w.stretch(now.In(w.Zone))
}

// AppendName writes the name of the window that holds the instant.
func (w Window) AppendName(dst []byte, now time.Time) []byte {
	if w.Per == Total {
		return append(dst, "total"...)
	}
	t := now.In(w.Zone)
	switch w.Per {
	case Week:
		if w.WeekFrom != 0 {
			year, month, day := t.Date()
			return append(date(year, month, day-w.intoWeek(t)).AppendFormat(dst, time.DateOnly), 'w')
		}
		year, week := t.ISOWeek()
		dst = append(dst, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10))
		return append(dst, '-', 'W', byte('0'+week/10), byte('0'+week%10))
	case Month:
		return t.AppendFormat(dst, monthOnly)
	}
	dst = t.AppendFormat(dst, time.DateOnly)
	if w.Per == Day {
		return dst
	}
	h := t.Hour()
	dst = append(dst, 'T', byte('0'+h/10), byte('0'+h%10))
	if w.Per == Minute {
		dst = append(dst, ':', byte('0'+t.Minute()/10), byte('0'+t.Minute()%10))
	}
	_, off := t.Zone()
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append(dst, sign, byte('0'+off/36000), byte('0'+off/3600%10), ':', byte('0'+off/600%6), byte('0'+off/60%10))
	if sec := off % 60; sec != 0 {
		dst = append(dst, ':', byte('0'+sec/10), byte('0'+sec%10))
	}
	return dst
}

// stretch finds how far the name reaches around t, in seconds: the zone's offset changes only at whole seconds.
func (w Window) stretch(t time.Time) Span {
	from, until := w.piece(t)
	for {
		p := time.Unix(from-1, 0).In(w.Zone)
		if !w.same(p, t) {
			break
		}
		from, _ = w.piece(p)
	}
	for {
		n := time.Unix(until, 0).In(w.Zone)
		if !w.same(n, t) {
			break
		}
		_, until = w.piece(n)
	}
	return Span{time.Unix(from, 0).UTC(), time.Unix(until, 0).UTC()}
}

// piece is the part of t's window in which the zone's offset rule does not change.
func (w Window) piece(t time.Time) (from, until int64) {
	_, off := t.Zone()
	local := t.Unix() + int64(off)
	length := int64(3600)
	switch w.Per {
	case Minute:
		length = 60
	case Day:
		length = 86400
	case Week:
		length = 7 * 86400
	}
	switch w.Per {
	case Week: // the first day of 1970 was a Thursday
		from = local - mod(local+(3-int64(w.WeekFrom))*86400, length)
	case Month:
		year, month, _ := t.Date()
		from = date(year, month, 1).Unix()
		length = date(year, month+1, 1).Unix() - from
	default:
		from = local - mod(local, length)
	}
	from -= int64(off)
	until = from + length
	// Bounds that do not hold t are left alone: ZoneBounds ends a leap year a day early in the years after a zone's
	// table (2038 and on), with no change of the clock there.
	zs, ze := t.ZoneBounds()
	if !zs.IsZero() && zs.Unix() <= t.Unix() {
		from = max(from, zs.Unix())
	}
	if !ze.IsZero() && ze.Unix() > t.Unix() {
		until = min(until, ze.Unix())
	}
	return from, until
}

// intoWeek is how many days of its week are over.
func (w Window) intoWeek(t time.Time) int { return (int(t.Weekday()) + 13 - int(w.WeekFrom)) % 7 }

// same tells whether two instants, both in the zone, have one name.
func (w Window) same(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	switch w.Per {
	case Week:
		return date(ay, am, ad-w.intoWeek(a)).Equal(date(by, bm, bd-w.intoWeek(b)))
	case Month:
		return ay == by && am == bm
	}
	if ay != by || am != bm || ad != bd {
		return false
	}
	if w.Per == Day {
		return true
	}
	_, ao := a.Zone()
	_, bo := b.Zone()
	return a.Hour() == b.Hour() && ao == bo && (w.Per == Hour || a.Minute() == b.Minute())
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// monthOnly is the layout of a month's name.
const monthOnly = "2006-01"

func mod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// Spans lists every stretch of time that bears the name, earliest first; none if the name is not one of this window's.
// It is for windows that are known by their recorded name only.
func (w Window) Spans(name string) []Span {
	if w.Per == Total {
		if name != "total" {
			return nil
		}
		return []Span{Ever}
	}
	from, until, ok := w.around(name)
	if !ok {
		return nil
	}
	var out []Span
	for t := from; t.Before(until); {
		n, s, e := w.At(t)
		if n == name {
			out = append(out, Span{s, e})
		}
		t = e
	}
	return out
}

// around reads a name and tells between which instants all its stretches lie.
func (w Window) around(name string) (from, until time.Time, ok bool) {
	switch w.Per {
	case Minute:
		return aroundClock(name, "2006-01-02T15:04", time.Minute)
	case Hour:
		return aroundClock(name, "2006-01-02T15", time.Hour)
	case Week:
		return w.aroundWeek(name)
	case Month:
		t, err := time.Parse(monthOnly, name)
		return t.Add(-mostOffset), t.AddDate(0, 1, 0).Add(mostOffset), err == nil
	}
	t, err := time.Parse(time.DateOnly, name)
	return t.Add(-mostOffset), t.Add(24*time.Hour + mostOffset), err == nil
}

// mostOffset is more than any zone is away from UTC.
const mostOffset = 26 * time.Hour

// aroundClock is around for names that have an offset, which may have seconds.
func aroundClock(name, layout string, length time.Duration) (from, until time.Time, ok bool) {
	if len(name) > len(layout)+len("-07:00") {
		layout += "Z07:00:00"
	} else {
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, name)
	return t, t.Add(length), err == nil
}

// aroundWeek is around for the name of a week, such as 2026-W48, or 2026-11-22w.
func (w Window) aroundWeek(name string) (from, until time.Time, ok bool) {
	first, ok := isoMonday(name)
	if w.WeekFrom != 0 {
		var err error
		first, err = time.Parse(time.DateOnly+"w", name)
		ok = err == nil && w.intoWeek(first) == 0
	}
	return first.Add(-mostOffset), first.AddDate(0, 0, 7).Add(mostOffset), ok
}

// isoMonday is the first day of an ISO week.
func isoMonday(name string) (monday time.Time, ok bool) {
	if len(name) != len("2026-W48") || name[4:6] != "-W" {
		return monday, false
	}
	year, err := strconv.Atoi(name[:4])
	if err != nil {
		return monday, false
	}
	week, err := strconv.Atoi(name[6:])
	if err != nil {
		return monday, false
	}
	fourth := date(year, time.January, 4) // it always lies in the first week
	monday = fourth.AddDate(0, 0, (week-1)*7-(int(fourth.Weekday())+6)%7)
	y, n := monday.ISOWeek()
	return monday, y == year && n == week
}

// LoadZone is lead.LoadZone: the zone of an IANA name, and no other.
func LoadZone(name string) (*time.Location, error) { return lead.LoadZone(name) }
