// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Type is a field's type.
type Type uint8

// The types.
const (
	TypeNone Type = iota
	TypeText
	TypeName
	TypeStreet
	TypeCity
	TypeEmail
	TypePhone
	TypeState
	TypePostalCode
	TypeBoolean
	TypeInteger
	TypeDecimal
	TypeMoney
	TypeDate
	TypeDateTime
	TypeIP
	TypeURL
	TypeEnum
)

var typeNames = [...]string{"none", "text", "name", "street", "city", "email", "phone", "state", "postal_code", "boolean",
	"integer", "decimal", "money", "date", "datetime", "ip", "url", "enum"}

// String is the type's name as it stands in a schema.
func (t Type) String() string { return typeNames[t] }

// TypeNames lists the names of all types.
func TypeNames() []string { return typeNames[1:] }

// ParseType reads a type's name.
func ParseType(s string) (Type, error) {
	for i, n := range typeNames[1:] {
		if n == s {
			return Type(i + 1), nil
		}
	}
	return TypeNone, fmt.Errorf("type %q: expected one of %s", s, strings.Join(typeNames[1:], ", "))
}

// Numeric tells whether values have an order, so that a range makes sense.
func (t Type) Numeric() bool {
	switch t {
	case TypeInteger, TypeDecimal, TypeMoney, TypeDate, TypeDateTime:
		return true
	}
	return false
}

// Why tells what is wrong with a value.
type Why uint8

// The reasons for which a value is bad.
const (
	WhyNone Why = iota
	WhyType     // not of the field's type
	WhyTooLong
	WhyNotSingle // a list or an object where one value is expected
	WhyTwice     // the field was sent more than once
	WhyRange     // outside the field's min and max
	WhyText      // not valid UTF-8, or control characters
)

func (f *Field) expectation(w Why) string {
	switch w {
	case WhyTooLong:
		return fmt.Sprintf("at most %d bytes", ValueBytesMax)
	case WhyNotSingle:
		return "one value, not a list or an object"
	case WhyTwice:
		return "the field once only (its aliases are the same field)"
	case WhyText:
		return "text in UTF-8 without control characters"
	case WhyRange:
		switch {
		case f.Min != nil && f.Max != nil:
			return "a number from " + f.numText(*f.Min) + " to " + f.numText(*f.Max)
		case f.Min != nil:
			return "a number of at least " + f.numText(*f.Min)
		}
		return "a number of at most " + f.numText(*f.Max)
	}
	switch f.Type {
	case TypeEmail:
		return "an e-mail address such as jane@example.com"
	case TypePhone:
		return "a North American phone number of ten digits such as (212) 555-0123"
	case TypeState:
		return "a US state or territory or a Canadian province, by code or name"
	case TypePostalCode:
		return "a US ZIP code of 5 or 9 digits or a Canadian postal code"
	case TypeBoolean:
		return "true or false (also yes/no, 1/0, on/off, y/n)"
	case TypeInteger:
		return "a whole number"
	case TypeDecimal, TypeMoney:
		return "a decimal number such as 12.50"
	case TypeDate:
		return "a date such as 1984-03-22 or 03/22/1984"
	case TypeDateTime:
		return "a time such as 2026-01-31T15:04:05Z"
	case TypeIP:
		return "an IP address"
	case TypeURL:
		return "an http or https URL"
	case TypeEnum:
		if len(f.Values) <= 20 {
			return "one of " + strings.Join(f.Values, ", ")
		}
		return fmt.Sprintf("one of %d allowed values", len(f.Values))
	}
	return "text"
}

func (f *Field) numText(n int64) string {
	switch f.Type {
	case TypeDecimal, TypeMoney:
		return Money(n).String()
	case TypeDate:
		return time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
	}
	return strconv.FormatInt(n, 10)
}

// normalise fills Num, normal, State and Why of a slot whose raw text is set. It must not call for more than one pass.
func (l *Lead) normalise(pos int, s *Slot) {
	f := &l.schema.Fields[pos]
	raw := l.at(s.raw)
	s.State = Valid
	ok := true
	switch f.Type {
	case TypeText, TypeName, TypeStreet, TypeCity:
		if !plainText(raw) {
			s.State, s.Why = Bad, WhyText
			return
		}
		s.normal = s.raw
	case TypeEmail:
		ok = l.email(s, raw)
	case TypePhone:
		ok = l.phone(s, raw)
	case TypeState:
		var i int
		if i, ok = stateIndex(raw); ok {
			s.Num = int64(i)
			s.normal = l.put(stateTable[i].code)
		}
	case TypePostalCode:
		ok = l.postalCode(s, raw)
	case TypeBoolean:
		ok = l.boolean(s, raw)
	case TypeInteger:
		if s.Num, ok = parseInt(raw); ok {
			l.putInt(s, raw)
		}
	case TypeDecimal, TypeMoney:
		m, err := ParseMoney(raw)
		if ok = err == nil; ok {
			s.Num = int64(m)
			var b [32]byte
			s.normal = l.put(m.Append(b[:0]))
		}
	case TypeDate:
		ok = l.date(s, raw)
	case TypeDateTime:
		ok = l.datetime(s, raw)
	case TypeIP:
		a, err := netip.ParseAddr(asString(raw))
		if ok = err == nil && a.Zone() == ""; ok {
			var b [48]byte
			s.normal = l.put(a.Unmap().AppendTo(b[:0]))
		}
	case TypeURL:
		if ok = plainURL(raw); ok {
			s.normal = s.raw
		}
	case TypeEnum:
		var i int
		if i, ok = l.enum(pos, raw); ok {
			s.Num = int64(i)
			s.normal = l.putString(f.Values[i])
		}
	}
	if !ok {
		s.State, s.Why, s.Num, s.normal = Bad, WhyType, 0, span{}
		return
	}
	if f.Type.Numeric() && (f.Min != nil && s.Num < *f.Min || f.Max != nil && s.Num > *f.Max) {
		s.State, s.Why, s.normal = Bad, WhyRange, span{}
	}
}

func (l *Lead) putInt(s *Slot, raw []byte) {
	var b [24]byte
	n := strconv.AppendInt(b[:0], s.Num, 10)
	if string(n) == string(raw) {
		s.normal = s.raw
		return
	}
	s.normal = l.put(n)
}

func (l *Lead) putString(v string) span {
	off := len(l.text)
	l.text = append(l.text, v...)
	return span{uint32(off), uint32(len(v))}
}

func (l *Lead) enum(pos int, raw []byte) (int, bool) {
	var b [256]byte
	if len(raw) > len(b) {
		return 0, false
	}
	for i, c := range raw {
		b[i] = lower(c)
	}
	i, ok := l.schema.enums[pos][string(b[:len(raw)])]
	return i, ok
}

func (l *Lead) boolean(s *Slot, raw []byte) bool {
	var b [8]byte
	if len(raw) > len(b) {
		return false
	}
	for i, c := range raw {
		b[i] = lower(c)
	}
	switch string(b[:len(raw)]) {
	case "true", "1", "yes", "y", "on", "checked", "t":
		s.Num = 1
		s.normal = l.putString("true")
	case "false", "0", "no", "n", "off", "f":
		s.normal = l.putString("false")
	default:
		return false
	}
	return true
}

// email takes one plain address: a local part of 1–64 bytes, a domain of labels with a non-numeric last one.
func (l *Lead) email(s *Slot, raw []byte) bool {
	at := -1
	for i, c := range raw {
		switch {
		case c == '@':
			if at >= 0 {
				return false
			}
			at = i
		case c <= ' ' || c == 0x7f || c == ',' || c == ';' || c == '<' || c == '>' || c == '"' || c == '(' || c == ')':
			return false
		}
	}
	if at < 1 || at > 64 || len(raw) > 254 || raw[0] == '.' || raw[at-1] == '.' || !validDomain(raw[at+1:]) || !utf8.Valid(raw) {
		return false
	}
	s.normal = l.putLower(raw)
	return true
}

func (l *Lead) putLower(raw []byte) span {
	off := len(l.text)
	for _, c := range raw {
		l.text = append(l.text, lower(c))
	}
	return span{uint32(off), uint32(len(raw))}
}

func validDomain(d []byte) bool {
	dots, label := 0, 0
	alpha := true
	for i, c := range d {
		if c == '.' {
			if label == 0 || d[i-1] == '-' {
				return false
			}
			dots++
			label, alpha = 0, true
			continue
		}
		if c == '-' && label == 0 || label == 63 {
			return false
		}
		c = lower(c)
		if !(c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c >= 0x80) {
			return false
		}
		alpha = alpha && !isDigit(c)
		label++
	}
	return dots > 0 && label >= 2 && alpha && d[len(d)-1] != '-'
}

// phone takes plain NANP numbers: ten digits, or eleven with a leading 1, with the usual separators. Area code and
// exchange must begin with 2–9 and must not be N11.
func (l *Lead) phone(s *Slot, raw []byte) bool {
	var d [11]byte
	n := 0
	for i, c := range raw {
		switch {
		case isDigit(c):
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
	p := d[:n]
	if n == 11 && p[0] == '1' {
		p = p[1:]
	}
	if len(p) != 10 || raw[0] == '+' && n != 11 || p[0] < '2' || p[3] < '2' || p[1] == '1' && p[2] == '1' || p[4] == '1' && p[5] == '1' {
		return false
	}
	for _, c := range p {
		s.Num = s.Num*10 + int64(c-'0')
	}
	off := len(l.text)
	l.text = append(l.text, "+1"...)
	l.text = append(l.text, p...)
	s.normal = span{uint32(off), 12}
	return true
}

// postalCode takes US codes of 5 or 9 digits (normal: the first five) and Canadian codes (normal: "K1A 0B1").
func (l *Lead) postalCode(s *Slot, raw []byte) bool {
	var b [10]byte
	n := 0
	for _, c := range raw {
		if c == ' ' || c == '-' {
			continue
		}
		if n == len(b) {
			return false
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[n] = c
		n++
	}
	switch n {
	case 5, 9:
		v := int64(0)
		for i, c := range b[:n] {
			if !isDigit(c) {
				return false
			}
			if i < 5 {
				v = v*10 + int64(c-'0')
			}
		}
		if n == 5 && len(raw) != 5 || n == 9 && len(raw) > 10 {
			return false
		}
		s.Num = v
		s.normal = l.put(b[:5])
		return true
	case 6:
		for i, c := range b[:6] {
			if letter := c >= 'A' && c <= 'Z'; i%2 == 0 && !letter || i%2 == 1 && !isDigit(c) {
				return false
			}
		}
		s.Num = -1
		off := len(l.text)
		l.text = append(append(append(l.text, b[:3]...), ' '), b[3:6]...)
		s.normal = span{uint32(off), 7}
		return true
	}
	return false
}

func (l *Lead) date(s *Slot, raw []byte) bool {
	var y, m, d int64
	var ok1, ok2, ok3 bool
	if len(raw) == 10 && raw[4] == '-' && raw[7] == '-' {
		y, ok1 = parseInt(raw[:4])
		m, ok2 = parseInt(raw[5:7])
		d, ok3 = parseInt(raw[8:])
	} else {
		p := strings.Split(asString(raw), "/")
		if len(p) != 3 || len(p[2]) != 4 || len(p[0]) > 2 || len(p[1]) > 2 {
			return false
		}
		m, ok1 = parseInt([]byte(p[0]))
		d, ok2 = parseInt([]byte(p[1]))
		y, ok3 = parseInt([]byte(p[2]))
	}
	if !ok1 || !ok2 || !ok3 || y < 1800 || m < 1 || m > 12 || d < 1 {
		return false
	}
	t := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(d) {
		return false
	}
	s.Num = t.Unix() / 86400
	var b [10]byte
	s.normal = l.put(t.AppendFormat(b[:0], time.DateOnly))
	return true
}

var datetimeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "01/02/2006 15:04:05"}

// datetime takes RFC 3339 and a few plain forms, which are read as UTC; normal is RFC 3339 in UTC.
func (l *Lead) datetime(s *Slot, raw []byte) bool {
	for _, layout := range datetimeLayouts {
		t, err := time.Parse(layout, asString(raw))
		if err != nil || t.Year() < 1800 || t.Year() > 9998 {
			continue
		}
		t = t.UTC()
		s.Num = t.UnixMicro()
		var b [40]byte
		s.normal = l.put(t.AppendFormat(b[:0], time.RFC3339Nano))
		return true
	}
	return false
}

func parseInt(b []byte) (int64, bool) {
	i, neg := 0, false
	if len(b) > 1 && b[0] == '-' {
		neg, i = true, 1
	}
	if len(b)-i < 1 || len(b)-i > 15 {
		return 0, false
	}
	var v int64
	for ; i < len(b); i++ {
		if !isDigit(b[i]) {
			return 0, false
		}
		v = v*10 + int64(b[i]-'0')
	}
	if neg {
		v = -v
	}
	return v, true
}

func plainText(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return utf8.Valid(b) && noControl(b)
		}
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

func noControl(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

func plainURL(b []byte) bool {
	rest, ok := strings.CutPrefix(asString(b), "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(asString(b), "http://"); !ok {
			return false
		}
	}
	if rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#' || !plainText(b) {
		return false
	}
	u, err := url.Parse(string(b))
	return err == nil && u.Host != "" && u.User == nil
}

// asString views bytes as a string for a call that does not keep it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
