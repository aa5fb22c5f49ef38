// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// Per is the length of a cap's window.
type Per uint8

// The windows.
const (
	Hour  Per = iota + 1 // an hour of the local clock
	Day                  // a date of the local calendar: 23 or 25 hours long where the clock changes
	Week                 // from Monday to Sunday of the local calendar, as ISO 8601 counts weeks
	Total                // all time
)

var perNames = [...]string{"none", "hour", "day", "week", "total"}

// String is the name as it stands in a file and in a cap's key.
func (p Per) String() string { return perNames[p] }

// Window tells when a cap counts anew. Zone is of no account for Total.
type Window struct {
	Per  Per
	Zone *time.Location
}

// Cap is a bound on accepted leads in each window. Key names it for good, such as "campaign:sun-shared:day": counts are
// kept by it.
type Cap struct {
	Key    string
	Window Window
	Max    int64
}

// Span is a stretch of time, from its start (included) to its end (excluded).
type Span struct{ Start, End time.Time }

// Holds tells whether the instant lies in the span.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// Ever is the span of the window "total": the years that RFC 3339 can write.
var Ever = Span{Start: time.Time{}, End: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}

// At names the window that holds the instant, and tells the longest stretch around it that bears the name.
//
// A day is "2026-11-23", a week "2026-W48". An hour is "2026-11-23T14-08:00": the offset keeps the two hours apart that
// one clock shows twice, and an hour that a change of the clock cuts short is as long as the clock showed it. "total"
// is everything. The name alone identifies a window: where a zone went back over midnight a date has two stretches.
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

// AppendName writes the name of the window that holds the instant.
func (w Window) AppendName(dst []byte, now time.Time) []byte {
	if w.Per == Total {
		return append(dst, "total"...)
	}
	t := now.In(w.Zone)
	if w.Per == Week {
		year, week := t.ISOWeek()
		dst = append(dst, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10))
		return append(dst, '-', 'W', byte('0'+week/10), byte('0'+week%10))
	}
	dst = t.AppendFormat(dst, time.DateOnly)
	if w.Per == Day {
		return dst
	}
	h := t.Hour()
	dst = append(dst, 'T', byte('0'+h/10), byte('0'+h%10))
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
	length, begun := int64(3600), int64(0)
	switch w.Per {
	case Day:
		length = 86400
	case Week:
		length, begun = 7*86400, 3*86400 // the first day of 1970 was a Thursday
	}
	local := t.Unix() + int64(off)
	from = local - mod(local+begun, length) - int64(off)
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

// same tells whether two instants, both in the zone, have one name.
func (w Window) same(a, b time.Time) bool {
	if w.Per == Week {
		ay, aw := a.ISOWeek()
		by, bw := b.ISOWeek()
		return ay == by && aw == bw
	}
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	if ay != by || am != bm || ad != bd {
		return false
	}
	if w.Per == Day {
		return true
	}
	_, ao := a.Zone()
	_, bo := b.Zone()
	return a.Hour() == b.Hour() && ao == bo
}

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
	if w.Per == Hour {
		layout := "2006-01-02T15Z07:00"
		if len(name) > len("2006-01-02T15-07:00") {
			layout = "2006-01-02T15Z07:00:00"
		}
		t, err := time.Parse(layout, name)
		return t, t.Add(time.Hour), err == nil
	}
	if w.Per == Week {
		return aroundWeek(name)
	}
	// Offsets lie within 26 hours of UTC.
	t, err := time.Parse(time.DateOnly, name)
	return t.Add(-26 * time.Hour), t.Add(50 * time.Hour), err == nil
}

// aroundWeek is around for the name of a week, such as 2026-W48.
func aroundWeek(name string) (from, until time.Time, ok bool) {
	var year, week int
	if len(name) != len("2026-W48") || name[4:6] != "-W" {
		return from, until, false
	}
	year, err := strconv.Atoi(name[:4])
	if err != nil {
		return from, until, false
	}
	if week, err = strconv.Atoi(name[6:]); err != nil {
		return from, until, false
	}
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC) // it always lies in the first week
	monday := fourth.AddDate(0, 0, (week-1)*7-(int(fourth.Weekday())+6)%7)
	if y, n := monday.ISOWeek(); y != year || n != week {
		return from, until, false
	}
	return monday.Add(-26 * time.Hour), monday.Add((7*24 + 26) * time.Hour), true
}

// CompileCaps makes the caps of a campaign or buyer; who is "campaign:ID" or "buyer:ID". A spec without a zone counts
// in defaultZone. All mistakes are returned at once, and no caps if there is one. The paths of the defects begin with
// the index.
func CompileCaps(who string, specs []CapSpec, defaultZone string) ([]Cap, []lead.Defect) {
	var ds []lead.Defect
	if len(specs) > CapsMax {
		return nil, []lead.Defect{{Value: fmt.Sprint(len(specs), " caps"), Expected: fmt.Sprintf("at most %d caps",
			CapsMax)}}
	}
	out := make([]Cap, 0, len(specs))
	var seen [len(perNames)]bool
	for i := range specs {
		c, bad := compileCap(who, &specs[i], defaultZone)
		if p := c.Window.Per; p != 0 {
			if seen[p] {
				bad = append(bad, lead.Defect{Path: "per", Value: specs[i].Per, Expected: "one cap per " +
					specs[i].Per})
			}
			seen[p] = true
		}
		ds = append(ds, lead.DefectsIn(fmt.Sprintf("[%d]", i), bad)...)
		out = append(out, c)
	}
	if len(ds) > 0 {
		return nil, ds
	}
	return out, nil
}

func compileCap(who string, spec *CapSpec, zone string) (c Cap, ds []lead.Defect) {
	for p := Hour; p <= Total; p++ {
		if spec.Per == p.String() {
			c.Window.Per = p
		}
	}
	if c.Window.Per == 0 {
		ds = append(ds, lead.Defect{Path: "per", Value: spec.Per, Expected: "one of " + strings.Join(perNames[Hour:],
			", ")})
	}
	c.Key = who + ":" + spec.Per
	if c.Max = spec.Limit; c.Max < 1 || c.Max > CapLimitMax {
		ds = append(ds, lead.Defect{Path: "limit", Value: fmt.Sprint(spec.Limit),
			Expected: fmt.Sprintf("1 to %d accepted leads (to buy none, pause)", CapLimitMax)})
	}
	if spec.Zone != "" {
		zone = spec.Zone
	}
	c.Window.Zone = time.UTC
	if zone == "" && c.Window.Per == Total {
		return c, ds
	}
	loc, err := LoadZone(zone)
	if err != nil {
		return c, append(ds, lead.Defect{Path: "zone", Value: zone, Expected: err.Error()})
	}
	c.Window.Zone = loc
	return c, ds
}

// LoadZone is lead.LoadZone: the zone of an IANA name, and no other.
func LoadZone(name string) (*time.Location, error) { return lead.LoadZone(name) }
