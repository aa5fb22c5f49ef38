// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

const (
	ageMax = 130 // years: nobody has been older
	// a two-digit year of a plain date may lie this far ahead; farther, it belongs to the last century
	futureYears = 20
)

const monthNames = "january february march april may june july august september october november december"
const weekdayNames = "monday tuesday wednesday thursday friday saturday sunday"

// nameIndex finds the name that begins with the word, which has at least three letters; -1 if there is none.
func nameIndex(names string, word []byte) int {
	if len(word) < 3 || len(word) > 9 {
		return -1
	}
	for i := 0; len(names) > 0; i++ {
		name, rest, _ := strings.Cut(names, " ")
		names = rest
		if _, ok := cutFold([]byte(name), lowerString(asString(word))); ok {
			return i
		}
	}
	return -1
}

// days are those since 1970-01-01 of a date that there is, from the year 1800 to 9999.
func days(y, m, d int) (int64, Why) {
	if y < 1800 || y > 9999 {
		return 0, WhyYear
	}
	if m < 1 || m > 12 || d < 1 {
		return 0, WhyNoDay
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d {
		return 0, WhyNoDay
	}
	return t.Unix() / 86400, WhyNone
}

// dayPart is a word or number of a date and the separator behind it.
type dayPart struct {
	text []byte
	num  int // -1 for words
	sep  byte
}

// cutDayPart cuts a run of digits or letters and one separator; what follows a comma or a point may be spaces too.
func cutDayPart(b []byte) (p dayPart, rest []byte, ok bool) {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n > 8 {
		return p, b, false
	}
	if p.num = number(b[:n]); n == 0 {
		p.num = -1
		for n < len(b) && lower(b[n]) >= 'a' && lower(b[n]) <= 'z' {
			n++
		}
	}
	if n == 0 {
		return p, b, false
	}
	p.text, rest = b[:n], b[n:]
	if p.num >= 0 { // 1st, 22nd
		for _, th := range []string{"st", "nd", "rd", "th"} {
			if after, has := cutFold(rest, th); has {
				rest = after
				break
			}
		}
	}
	if len(rest) > 0 && strings.IndexByte("-/., ", rest[0]) >= 0 {
		p.sep = rest[0]
		rest = rest[1:]
		if p.sep == ',' || p.sep == '.' && p.num < 0 {
			rest = bytes.TrimLeft(rest, " ")
			p.sep = ' '
		}
	}
	return p, rest, true
}

// readDay reads a date at the beginning of a text: ISO, with or without hyphens; numbers in the vertical's order; with
// the month's name. What follows is returned as rest.
func (l *Lead) readDay(b []byte, birth bool) (day int64, rest []byte, why Why) {
	var p [3]dayPart
	rest = b
	ok := true
	for i := 0; i < len(p); i++ {
		if p[i], rest, ok = cutDayPart(rest); !ok {
			return 0, b, WhyType
		}
		if i == 0 && len(p[0].text) == 8 && p[0].num >= 0 && p[0].sep != '-' && p[0].sep != '/' {
			day, why = l.eightDigits(p[0].num)
			return day, b[8:], why
		}
		if i == 0 && p[0].num < 0 && nameIndex(weekdayNames, p[0].text) >= 0 && p[0].sep == ' ' {
			p[0] = dayPart{}
			i--
			b = rest
		}
	}
	if p[2].sep != 0 && len(p[2].text) > 0 { // what separates the date from what follows is left to that
		end := len(b) - len(rest)
		for end > 0 && !isDigit(b[end-1]) && lower(b[end-1]) < 'a' {
			end--
		}
		rest = b[end:]
	}
	return l.dayOf(p, rest, birth)
}

// eightDigits reads YYYYMMDD, and where there is no such day, month, day and year in the sender's order. No eight
// digits are days in both ways.
func (l *Lead) eightDigits(n int) (int64, Why) {
	day, why := days(n/10000, n/100%100, n%100)
	if why == WhyNone {
		return day, WhyNone
	}
	m, d := l.order(n/1_000_000, n/10_000%100)
	if day, other := days(n%10_000, m, d); other == WhyNone {
		return day, WhyNone
	}
	return 0, why
}

// order tells month and day apart by the sender's order, and where there is no such month by the other one.
func (l *Lead) order(first, second int) (m, d int) {
	if m, d = first, second; l.dayFirst {
		m, d = d, m
	}
	if m > 12 && d <= 12 {
		m, d = d, m
	}
	return m, d
}

// dayOf tells year, month and day apart.
func (l *Lead) dayOf(p [3]dayPart, rest []byte, birth bool) (int64, []byte, Why) {
	var y, m, d *dayPart
	switch named := nameIndex(monthNames, p[0].text); {
	case p[0].num < 0 && named >= 0: // March 22, 1984
		p[0].num = named + 1
		m, d, y = &p[0], &p[1], &p[2]
	case p[0].num >= 0 && p[1].num < 0: // 22 March 1984
		if named = nameIndex(monthNames, p[1].text); named < 0 {
			return 0, rest, WhyType
		}
		p[1].num = named + 1
		d, m, y = &p[0], &p[1], &p[2]
	case p[0].sep != p[1].sep || p[0].sep == ' ' || p[0].sep == 0:
		return 0, rest, WhyType
	case len(p[0].text) == 4:
		y, m, d = &p[0], &p[1], &p[2]
	default:
		m, d, y = &p[0], &p[1], &p[2]
		if swapped, _ := l.order(m.num, d.num); p[1].num >= 0 && swapped != m.num {
			m, d = d, m
		}
	}
	if y.num < 0 || m.num < 0 || d.num < 0 || len(d.text) > 2 || len(y.text) != 4 && len(y.text) != 2 || m.num > 99 {
		return 0, rest, WhyType
	}
	if len(y.text) == 4 {
		day, why := days(y.num, m.num, d.num)
		return day, rest, why
	}
	if l.now.IsZero() {
		return 0, rest, WhyTwoDigitYear
	}
	day, why := days(2000+y.num, m.num, d.num)
	far := 2000+y.num > l.now.Year()+futureYears
	if birth {
		far = why == WhyNone && day > l.today() || why != WhyNone
	}
	if far {
		day, why = days(1900+y.num, m.num, d.num)
	}
	return day, rest, why
}

// date takes a day; a time of day behind it is passed over.
func (l *Lead) date(s *Slot, raw []byte, birth bool) Why {
	day, rest, why := l.readDay(l.clockLast(raw), birth)
	if why != WhyNone {
		return why
	}
	if len(rest) > 0 {
		if _, _, why := readTimeOfDay(rest); why != WhyNone {
			return WhyType
		}
	}
	if birth && !l.now.IsZero() {
		if day > l.today() {
			return WhyFuture
		}
		if age(day, l.now) > ageMax {
			return WhyTooOld
		}
	}
	s.Num = day
	var b [10]byte
	s.normal = l.put(time.Unix(day*86400, 0).UTC().AppendFormat(b[:0], time.DateOnly))
	return WhyNone
}

// today is the day of the lead's time.
func (l *Lead) today() int64 { return dayOfTime(l.now) }

func dayOfTime(t time.Time) int64 {
	sec := t.Unix()
	if sec < 0 {
		sec -= 86399
	}
	return sec / 86400
}

// age is the number of whole years from a day to a time. Who was born on 29 February is a year older on 1 March where
// the year has no such day.
func age(day int64, now time.Time) int64 {
	by, bm, bd := time.Unix(day*86400, 0).UTC().Date()
	y, m, d := now.UTC().Date()
	n := y - by
	if m < bm || m == bm && d < bd {
		n--
	}
	return int64(n)
}

// zones are the names of RFC 822 and their offsets in minutes.
var zones = map[string]int{"z": 0, "utc": 0, "gmt": 0, "ut": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300,
	"mst": -420, "mdt": -360, "pst": -480, "pdt": -420}

// noZone is the offset of a time that has none.
const noZone = 1 << 20

// readTimeOfDay reads what may follow a date: T or a space, a time of day, a zone. at is nanoseconds of the day, east
// minutes or noZone.
func readTimeOfDay(b []byte) (at int64, east int, why Why) {
	switch {
	case len(b) > 1 && (b[0] == 'T' || b[0] == 't'):
		b = b[1:]
	case len(b) > 1 && (b[0] == ' ' || b[0] == ','):
		b = trimSpace(b[1:])
	default:
		return 0, 0, WhyType
	}
	if len(b) >= 6 && digitsOnly(b[:6]) { // 150405, as in ISO 8601 without colons
		at, _, why = readClock([]byte{b[0], b[1], ':', b[2], b[3], ':', b[4], b[5]})
		b = b[6:]
	} else {
		at, b, why = readClock(b)
	}
	if why != WhyNone {
		return 0, 0, why
	}
	if b = trimSpace(b); len(b) == 0 {
		return at, noZone, WhyNone
	}
	east, why = readZone(b)
	return at, east, why
}

// readClock reads 15:04, 15:04:05.999, 3:04 PM or 3pm at the beginning of a text, in nanoseconds of the day.
func readClock(b []byte) (at int64, rest []byte, why Why) {
	var v [3]int
	n := 0
	for {
		w := 0
		for w < len(b) && w < 2 && isDigit(b[w]) {
			w++
		}
		if w == 0 || n > 0 && w != 2 {
			return 0, b, WhyType
		}
		v[n] = number(b[:w])
		n++
		b = b[w:]
		if n == 3 || len(b) == 0 || b[0] != ':' {
			break
		}
		b = b[1:]
	}
	nanos := int64(0)
	if n == 3 && len(b) > 1 && (b[0] == '.' || b[0] == ',') && isDigit(b[1]) {
		scale := int64(100_000_000)
		for b = b[1:]; len(b) > 0 && isDigit(b[0]); b = b[1:] {
			nanos += int64(b[0]-'0') * scale
			scale /= 10
		}
	}
	half, rest := cutHalf(b)
	switch {
	case half == 0 && n == 1, v[1] > 59, v[2] > 59, half == 0 && v[0] > 23, half > 0 && (v[0] < 1 || v[0] > 12):
		return 0, b, WhyClock
	case half == 'a':
		v[0] %= 12
	case half == 'p':
		v[0] = v[0]%12 + 12
	}
	return int64(v[0]*3600+v[1]*60+v[2])*1_000_000_000 + nanos, rest, WhyNone
}

// cutHalf takes am, pm, a.m. or p.m. off the front; half is a, p or 0.
func cutHalf(b []byte) (half byte, rest []byte) {
	t := bytes.TrimLeft(b, " ")
	for _, h := range []string{"am", "pm", "a.m.", "p.m."} {
		if rest, ok := cutFold(t, h); ok && (len(rest) == 0 || rest[0] == ' ') {
			return h[0], rest
		}
	}
	return 0, b
}

// datetime takes a date and a time of day; without a zone they are UTC. It also takes seconds (ten digits) and
// milliseconds (thirteen) since
// 1970. Normal is RFC 3339 in UTC.
func (l *Lead) datetime(s *Slot, raw []byte) Why {
	var t time.Time
	if n := len(raw); (n == 10 || n == 13) && digitsOnly(raw) {
		v, _ := strconv.ParseInt(asString(raw), 10, 64)
		if t = time.UnixMilli(v); n == 10 {
			t = time.Unix(v, 0)
		}
	} else {
		day, rest, why := l.readDay(l.clockLast(raw), false)
		if why != WhyNone {
			return why
		}
		if len(rest) == 0 {
			return WhyNoClock
		}
		at, east, why := readTimeOfDay(rest)
		if why != WhyNone {
			return why
		}
		if t = time.Unix(day*86400, at).UTC(); east != noZone {
			t = t.Add(-time.Duration(east) * time.Minute)
		} else if l.zone != nil { // of a time that the clock shows twice it is one of both
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), l.zone)
		}
	}
	// The year is judged in UTC: that is how the normal text has it.
	if t = t.UTC(); t.Year() < 1800 || t.Year() > 9998 {
		return WhyYear
	}
	s.Num = t.UnixMicro()
	var b [40]byte
	s.normal = l.put(t.AppendFormat(b[:0], time.RFC3339Nano))
	return WhyNone
}

// timeOfDay takes a time of day without a zone; normal is 15:04:05, Num the second of the day.
func (l *Lead) timeOfDay(s *Slot, raw []byte) Why {
	at, rest, why := readClock(raw)
	switch {
	case why != WhyNone:
		return why
	case len(rest) > 0:
		return WhyType
	}
	s.Num = at / 1_000_000_000
	var b [8]byte
	h, m, sec := s.Num/3600, s.Num/60%60, s.Num%60
	s.normal = l.put(append(b[:0], byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':',
		byte('0'+sec/10), byte('0'+sec%10)))
	return WhyNone
}

// dayNum is a numeric part of a valid date, dob, datetime or time.
func (l *Lead) dayNum(pos int, p Part) (int64, bool) {
	n, typ := l.slots[pos].Num, l.schema.Fields[pos].Type
	var t time.Time
	switch typ {
	case TypeTime:
		t = time.Unix(n, 0).UTC()
	case TypeDateTime:
		t = time.UnixMicro(n).UTC()
	default:
		t = time.Unix(n*86400, 0).UTC()
	}
	switch p {
	case PartYear:
		return int64(t.Year()), true
	case PartMonth:
		return int64(t.Month()), true
	case PartDay:
		return int64(t.Day()), true
	case PartHour:
		return int64(t.Hour()), true
	case PartMinute:
		return int64(t.Minute()), true
	}
	if l.now.IsZero() {
		return 0, false
	}
	switch p {
	case PartAge:
		a := age(n, l.now)
		return a, a >= 0
	case PartAgeDays:
		return l.today() - dayOfTime(t), true
	}
	return (l.now.Unix() - t.Unix()) / 60, true // PartAgeMinutes
}
