// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"net/netip"
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
			return f.noun() + " from " + f.numText(*f.Min) + " to " + f.numText(*f.Max)
		case f.Min != nil:
			return f.noun() + " of at least " + f.numText(*f.Min)
		}
		return f.noun() + " of at most " + f.numText(*f.Max)
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

func (f *Field) noun() string {
	switch f.Type {
	case TypeDate:
		return "a date"
	case TypeDateTime:
		return "a time"
	}
	return "a number"
}

func (f *Field) numText(n int64) string {
	switch f.Type {
	case TypeDecimal, TypeMoney:
		return Money(n).String()
	case TypeDate:
		return time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
	case TypeDateTime:
		return time.UnixMicro(n).UTC().Format(time.RFC3339Nano)
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
	var b [EnumValueMax]byte
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

// asString views bytes as a string for a call that does not keep it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
