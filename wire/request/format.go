// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clearpost/lead"
)

// formatKind is how a value is shown.
type formatKind uint8

const (
	formatNone formatKind = iota // the normal text
	formatPhoneMask
	formatSSNMask
	formatStateName
	formatTimeMask
	formatUnix
	formatUnixMilli
	formatUpper
	formatLower
	formatInteger
	formatDecimal2
	formatCents
	formatDecimal  // with width decimals
	formatGrouped  // thousands with commas, no decimals
	formatGrouped2 // thousands with commas, two decimals
)

// number tells whether the format shows a JSON number.
func (k formatKind) number() bool {
	switch k {
	case formatUnix, formatUnixMilli, formatInteger, formatDecimal2, formatCents, formatDecimal:
		return true
	}
	return false
}

type format struct {
	kind  formatKind
	width int // decimals of formatDecimal
	mask  []maskPart
	zone  *time.Location // nil: UTC
}

// maskPart is plain text, one phone digit ('#'), or a part of a time: the letter and how often it stands.
type maskPart struct {
	plain  string
	letter byte
	width  int
}

const (
	phoneFormats  = "digits10, digits11, e164, dashes, or a mask with ten # such as (###) ###-####"
	timeFormats   = "a mask of YYYY YY MM M DD D HH H hh h mm ss SSS A such as MM/DD/YYYY, or unix, unix_ms"
	dateFormats   = "a mask of YYYY YY MM M DD D such as MM/DD/YYYY, or unix, unix_ms"
	numberFormats = "integer, cents, decimal1 to decimal6, grouped (1,235) or grouped2 (1,234.50)"
	clockFormats  = "a mask of HH H hh h mm ss A such as hh:mm A"
	ssnFormats    = "digits9, or a mask with nine # such as ###-##-####"
	caseFormats   = "upper or lower"
)

// compileFormat reads a format for values of a type. The error says which formats the type has.
func compileFormat(s string, t lead.Type) (format, error) {
	if s == "" {
		if t == lead.TypePhone {
			s = "e164"
		} else {
			return format{}, nil
		}
	}
	if len(s) > FormatBytesMax || !printable(s) {
		return format{}, fmt.Errorf("at most %d signs of printable ASCII", FormatBytesMax)
	}
	expected := ""
	switch t {
	case lead.TypePhone:
		if mask, ok := phoneMask(s); ok {
			return format{kind: formatPhoneMask, mask: mask}, nil
		}
		expected = phoneFormats
	case lead.TypeState:
		switch s {
		case "code":
			return format{}, nil
		case "name":
			return format{kind: formatStateName}, nil
		}
		expected = "code or name"
	case lead.TypeDate, lead.TypeDOB, lead.TypeDateTime, lead.TypeTime:
		return timeFormat(s, t)
	case lead.TypeSSN:
		if s == "digits9" {
			s = "#########"
		}
		if mask, ok := digitMask(s, 9); ok {
			return format{kind: formatSSNMask, mask: mask}, nil
		}
		expected = ssnFormats
	case lead.TypeInteger, lead.TypeDecimal, lead.TypeMoney:
		if f, ok := numberFormat(s); ok {
			return f, nil
		}
		expected = numberFormats
	case lead.TypeText, lead.TypeName, lead.TypeStreet, lead.TypeCity, lead.TypeEmail, lead.TypeEnum,
		lead.TypePostalCode, lead.TypeGender, lead.TypeHash:
		switch s {
		case "upper":
			return format{kind: formatUpper}, nil
		case "lower":
			return format{kind: formatLower}, nil
		}
		expected = caseFormats
	default:
		expected = "no format"
	}
	return format{}, fmt.Errorf("%s, for a value of type %s", expected, t)
}

func phoneMask(s string) ([]maskPart, bool) {
	switch s {
	case "digits10":
		s = "##########"
	case "digits11":
		s = "1##########"
	case "e164":
		s = "+1##########"
	case "dashes":
		s = "###-###-####"
	}
	return digitMask(s, 10)
}

// digitMask reads a mask with so many #.
func digitMask(s string, digits int) ([]maskPart, bool) {
	if strings.Count(s, "#") != digits {
		return nil, false
	}
	var mask []maskPart
	for i := 0; i < len(s); {
		n := 0
		for i+n < len(s) && s[i+n] == '#' {
			n++
		}
		if n > 0 {
			mask = append(mask, maskPart{letter: '#', width: n})
			i += n
			continue
		}
		n = strings.IndexByte(s[i:], '#')
		if n < 0 {
			n = len(s) - i
		}
		mask = append(mask, maskPart{plain: s[i : i+n]})
		i += n
	}
	return mask, true
}

// timeParts lists the widths that each letter of a time mask may have; T and Z stand for themselves.
var timeParts = map[byte]string{'Y': "24", 'M': "12", 'D': "12", 'H': "12", 'h': "12", 'm': "2", 's': "2", 'S': "3",
	'A': "1"}

func timeFormat(s string, t lead.Type) (format, error) {
	all, dateOnly := timeFormats, false
	switch {
	case t == lead.TypeTime:
		all = clockFormats
	case t != lead.TypeDateTime:
		all, dateOnly = dateFormats, true
	}
	switch {
	case s == "unix" && t != lead.TypeTime:
		return format{kind: formatUnix}, nil
	case s == "unix_ms" && t != lead.TypeTime:
		return format{kind: formatUnixMilli}, nil
	}
	f := format{kind: formatTimeMask}
	letters := false
	for i := 0; i < len(s); {
		c := s[i]
		if c == 'T' || c == 'Z' || !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			f.mask = append(f.mask, maskPart{plain: s[i : i+1]})
			i++
			continue
		}
		n := 1
		for i+n < len(s) && s[i+n] == c {
			n++
		}
		if !strings.Contains(timeParts[c], string(rune('0'+n))) {
			return format{}, fmt.Errorf("%s; %q is none of them", all, s[i:i+n])
		}
		if dateOnly && c != 'Y' && c != 'M' && c != 'D' {
			return format{}, fmt.Errorf("%s; a date has no time of day (%q; month is MM)", all, s[i:i+n])
		}
		if t == lead.TypeTime && (c == 'Y' || c == 'M' || c == 'D' || c == 'S') {
			return format{}, fmt.Errorf("%s; %q is none of them", all, s[i:i+n])
		}
		f.mask = append(f.mask, maskPart{letter: c, width: n})
		letters = true
		i += n
	}
	if !letters {
		return format{}, fmt.Errorf("%s", all)
	}
	return f, nil
}

func (f *format) appendPhone(dst []byte, digits *[10]byte) []byte {
	return f.appendDigits(dst, digits[:])
}

// appendDigits writes digits by a mask, which takes as many.
func (f *format) appendDigits(dst, digits []byte) []byte {
	at := 0
	for i := range f.mask {
		p := &f.mask[i]
		dst = append(dst, p.plain...)
		if p.letter != 0 {
			dst = append(dst, digits[at:at+p.width]...)
			at += p.width
		}
	}
	return dst
}

// appendTime writes an instant, in the format's zone or in UTC.
func (f *format) appendTime(dst []byte, t time.Time) []byte {
	if f.zone != nil {
		t = t.In(f.zone)
	} else {
		t = t.UTC()
	}
	switch f.kind {
	case formatUnix:
		return appendInt(dst, t.Unix(), 0)
	case formatUnixMilli:
		return appendInt(dst, t.UnixMilli(), 0)
	case formatNone:
		return t.AppendFormat(dst, time.RFC3339)
	}
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for i := range f.mask {
		p := &f.mask[i]
		v := 0
		switch p.letter {
		case 0:
			dst = append(dst, p.plain...)
			continue
		case 'A':
			dst = append(dst, "AP"[hour/12], 'M')
			continue
		case 'Y':
			if v = year; p.width == 2 {
				v %= 100
			}
		case 'M':
			v = int(month)
		case 'D':
			v = day
		case 'H':
			v = hour
		case 'h':
			v = (hour+11)%12 + 1
		case 'm':
			v = minute
		case 's':
			v = second
		case 'S':
			v = t.Nanosecond() / 1_000_000
		}
		dst = appendInt(dst, int64(v), p.width)
	}
	return dst
}

// appendCase writes a text in upper or lower case.
func (f *format) appendCase(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case f.kind == formatLower:
				c = lower(c)
			case c >= 'a' && c <= 'z':
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, c)
		case f.kind == formatUpper:
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}

// phoneDigits finds the ten national digits of a phone slot. Numbers that the lead's own check refuses have them too:
// buyers' examples and test systems are full of 555-123-4567.
func phoneDigits(l *lead.Lead, pos int, d *[10]byte) bool {
	s := l.Slot(pos)
	if s.State == lead.Valid {
		n := l.Normal(pos)
		if len(n) != 12 || n[1] != '1' {
			return false
		}
		copy(d[:], n[2:])
		return true
	}
	if s.State != lead.Bad || !s.Why.OfType() {
		return false
	}
	return tenDigits(l.Raw(pos), d)
}

// tenDigits finds the ten national digits of a number as people write it, with or without the country's 1.
func tenDigits(raw []byte, d *[10]byte) bool {
	n, ones := 0, 0
	for i, c := range raw {
		switch {
		case isDigit(c):
			if n == 0 && ones == 0 && c == '1' {
				ones = 1 // the country's own, if ten more follow
				continue
			}
			if n == len(d) {
				return false
			}
			d[n] = c
			n++
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/' || c == '+' && i == 0:
		default:
			return false
		}
	}
	if n == 9 && ones == 1 { // ten digits that begin with 1
		copy(d[1:], d[:9])
		d[0] = '1'
		n = 10
	}
	return n == 10
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
