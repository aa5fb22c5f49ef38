// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Orders of days, months and years in dates of numbers. Dates that begin with a year of four digits, and dates with a
// month's name, are read under each.
var Orders = []string{"MDY", "DMY", "YMD"}

// Span is the time that a text tells: [From, To), a second, a minute or a whole day.
type Span struct{ From, To time.Time }

// Dates reads times.
type Dates struct {
	Order string         // one of Orders
	Zone  *time.Location // of times that do not tell theirs
	// serial days count from 1 January 1904, as in workbooks of old Macs
	From1904 bool
}

var errDate = errors.New("expected a time such as 2026-10-03 14:05, 10/03/2026 2:05 PM or 3 Oct 2026")

// Years that dates may be of.
const (
	yearMin = 2000
	yearMax = 2100
)

// Read reads a time: a date, with a time of day or without, a number of days as spreadsheets count them, or Unix
// seconds or milliseconds. Fractions of a second are left out.
func (d *Dates) Read(text string) (Span, error) {
	text = strings.TrimSpace(text)
	if s, ok := d.number(text); ok {
		return s, nil
	}
	p := dateParts{loc: d.Zone}
	if !p.take(text) {
		return Span{}, errDate
	}
	y, m, day, ok := p.date(d.Order)
	if !ok || !p.clock() {
		return Span{}, errDate
	}
	from := time.Date(y, time.Month(m), day, p.hms[0], p.hms[1], p.hms[2], 0, p.loc)
	switch {
	case from.Day() != day && len(p.time) == 0 || m < 1 || m > 12 || day < 1 || day > daysIn(y, m):
		return Span{}, errDate
	case len(p.time) == 0:
		return Span{from, time.Date(y, time.Month(m), day+1, 0, 0, 0, 0, p.loc)}, nil
	case len(p.time) == 2:
		return Span{from, from.Add(time.Minute)}, nil
	}
	return Span{from, from.Add(time.Second)}, nil
}

func daysIn(y, m int) int { return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// number reads times that are one number.
func (d *Dates) number(text string) (Span, bool) {
	if strings.Trim(text, "0123456789.") != "" || text == "" {
		return Span{}, false
	}
	whole, frac, dotted := strings.Cut(text, ".")
	if strings.Contains(frac, ".") { // 01.10.2026
		return Span{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case err != nil:
	case len(whole) == 10 && n < 4_102_444_800:
		at := time.Unix(n, 0)
		return Span{at, at.Add(time.Second)}, true
	case len(whole) == 13 && n < 4_102_444_800_000:
		at := time.Unix(n/1000, 0)
		return Span{at, at.Add(time.Second)}, true
	case len(whole) == 8 && !dotted && n >= yearMin*10000:
		y, m, day := int(n/10000), int(n/100%100), int(n%100)
		if y <= yearMax && m >= 1 && m <= 12 && day >= 1 && day <= daysIn(y, m) {
			return Span{time.Date(y, time.Month(m), day, 0, 0, 0, 0, d.Zone),
				time.Date(y, time.Month(m), day+1, 0, 0, 0, 0, d.Zone)}, true
		}
	case len(whole) == 5 && n >= 36_000 && n < 75_000: // 1998 to 2105
		epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
		if d.From1904 {
			epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		day := epoch.AddDate(0, 0, int(n))
		if !dotted || strings.Trim(frac, "0") == "" {
			return Span{time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, d.Zone),
				time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, d.Zone)}, true
		}
		part, err := strconv.ParseFloat("0."+frac, 64) // a time of day, no money
		if err != nil {
			return Span{}, false
		}
		sec := int(math.Round(part * 86400))
		at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, sec, 0, d.Zone)
		return Span{at, at.Add(time.Second)}, true
	}
	return Span{}, false
}

// dateParts are the pieces of a written time.
type dateParts struct {
	nums  []string // of the date, in order
	time  []string // hours, minutes, seconds
	hms   [3]int
	month int // by its name
	named int // how many numbers stood before it
	half  string
	loc   *time.Location
}

var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	dayNames   = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	zoneHours  = map[string]int{"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
)

// take takes a text apart into numbers and words.
func (p *dateParts) take(text string) bool {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			end := i
			for end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			if !p.number(text, i, end) {
				return false
			}
			if p.inFraction(text, end) {
				for end++; end < len(text) && text[end] >= '0' && text[end] <= '9'; end++ {
				}
			}
			i = end
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			end := i
			for end < len(text) && unicode.IsLetter(rune(text[end])) && text[end] < 0x80 {
				end++
			}
			if !p.word(strings.ToLower(text[i:end])) {
				return false
			}
			i = end
		case (c == '+' || c == '-') && len(p.time) >= 2 && p.offset(text[i:]):
			return true
		case strings.IndexByte(" \t/-.,:()", c) >= 0:
			i++
		case strings.HasPrefix(text[i:], "\u00a0") || strings.HasPrefix(text[i:], "\u202f"):
			i += len("\u00a0")
			if text[i-2] != 0xc2 {
				i++
			}
		default:
			return false
		}
	}
	return true
}

// number takes one number: of the time of day if a colon stands beside it.
func (p *dateParts) number(text string, from, to int) bool {
	n := text[from:to]
	if len(n) > 4 {
		return false
	}
	before := from > 0 && text[from-1] == ':' && len(p.time) > 0
	after := to+1 < len(text) && text[to] == ':' && text[to+1] >= '0' && text[to+1] <= '9'
	if before || after {
		p.time = append(p.time, n)
		return len(p.time) <= 3 && len(n) <= 2
	}
	if rest := strings.ToLower(strings.TrimSpace(text[to:])); len(p.time) == 0 && (strings.HasPrefix(rest, "am") ||
		strings.HasPrefix(rest, "pm")) {
		p.time = append(p.time, n, "00") // "3 PM"
		return len(n) <= 2
	}
	p.nums = append(p.nums, n)
	return len(p.nums) <= 3
}

// inFraction tells whether fractions of a second follow.
func (p *dateParts) inFraction(text string, at int) bool {
	return len(p.time) == 3 && at+1 < len(text) && (text[at] == '.' || text[at] == ',') && text[at+1] >= '0' &&
		text[at+1] <= '9'
}

func (p *dateParts) word(w string) bool {
	short := w[:min(3, len(w))]
	switch hours, zone := zoneHours[w]; {
	case w == "t" || w == "at" || w == "of" || w == "st" || w == "nd" || w == "rd" || w == "th":
	case w == "z" || w == "utc" || w == "gmt":
		p.loc = time.UTC
	case zone:
		p.loc = time.FixedZone(strings.ToUpper(w), hours*3600)
	case w == "am" || w == "pm" || w == "a" || w == "p" || w == "m":
		if w != "m" {
			p.half = w[:1]
		}
	case slices.Contains(monthNames, short) && p.month == 0:
		p.month, p.named = slices.Index(monthNames, short)+1, len(p.nums)
	case slices.Contains(dayNames, short):
	default:
		return false
	}
	return true
}

// offset takes +02:00, -0500 or +1 at the end of a time.
func (p *dateParts) offset(text string) bool {
	digits := strings.ReplaceAll(strings.TrimSpace(text[1:]), ":", "")
	if digits == "" || len(digits) > 4 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	if len(digits) <= 2 {
		digits += "00"
	}
	n, _ := strconv.Atoi(digits)
	sec := n/100*3600 + n%100*60
	if n/100 > 14 || n%100 > 59 {
		return false
	}
	if text[0] == '-' {
		sec = -sec
	}
	p.loc = time.FixedZone("", sec)
	return true
}

// date tells year, month and day.
func (p *dateParts) date(order string) (y, m, d int, ok bool) {
	num := func(i int) int { n, _ := strconv.Atoi(p.nums[i]); return n }
	year := func(i int) int {
		if len(p.nums[i]) == 2 {
			return 2000 + num(i)
		}
		return num(i)
	}
	switch {
	case p.month > 0 && len(p.nums) == 2:
		m = p.month
		if len(p.nums[0]) == 4 {
			y, d = year(0), num(1)
		} else {
			d, y = num(0), year(1)
		}
	case p.month > 0 || len(p.nums) != 3:
		return 0, 0, 0, false
	case len(p.nums[0]) == 4 || order == "YMD":
		y, m, d = year(0), num(1), num(2)
	case order == "DMY":
		d, m, y = num(0), num(1), year(2)
	default:
		m, d, y = num(0), num(1), year(2)
	}
	return y, m, d, y >= yearMin && y <= yearMax
}

// clock reads the time of day.
func (p *dateParts) clock() bool {
	for i, n := range p.time {
		p.hms[i], _ = strconv.Atoi(n)
	}
	h := &p.hms[0]
	if p.half != "" {
		if *h < 1 || *h > 12 || len(p.time) == 0 {
			return false
		}
		*h %= 12
		if p.half == "p" {
			*h += 12
		}
	}
	return len(p.time) != 1 && *h < 24 && p.hms[1] < 60 && p.hms[2] < 61
}

// timeOnly tells whether a text is a time of day without a date.
func timeOnly(text string) bool {
	p := dateParts{loc: time.UTC}
	return p.take(strings.TrimSpace(text)) && len(p.nums) == 0 && p.month == 0 && len(p.time) >= 2 && p.clock()
}
