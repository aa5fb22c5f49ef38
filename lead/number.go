// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strconv"
)

// integer takes whole numbers, with a sign, with commas between groups of three digits, and with decimals that are all
// zero.
func (l *Lead) integer(s *Slot, raw []byte) Why {
	if n, ok := parseInt(raw); ok {
		s.Num = n
		l.putInt(s, raw)
		return WhyNone
	}
	var b [32]byte
	body, neg := sign(raw)
	plain, why := ungroup(b[:0], body)
	if why == WhyType {
		return l.soleInteger(s, raw)
	}
	if why != WhyNone {
		return why
	}
	if whole, decimals, ok := bytes.Cut(plain, []byte{'.'}); ok {
		if len(whole) == 0 || len(decimals) == 0 || len(bytes.Trim(decimals, "0")) > 0 {
			return WhyNotWhole
		}
		plain = whole
	}
	n, ok := parseInt(plain)
	if !ok {
		return WhyTooLarge
	}
	if s.Num = n; neg {
		s.Num = -n
	}
	l.putInt(s, raw)
	return WhyNone
}

// decimal takes a decimal number with a sign and commas between groups of three digits.
func (l *Lead) decimal(s *Slot, raw []byte) Why {
	m, err := ParseMoney(raw)
	if err != nil {
		var why Why
		if m, why = amount(raw, false); why == WhyType {
			m, _, why = soleNumber(raw, TypeDecimal)
		}
		if why != WhyNone {
			return why
		}
	}
	l.putMoney(s, m)
	return WhyNone
}

// money takes a decimal number with what may stand beside one: a sign of currency, k or m, brackets for a negative
// amount.
func (l *Lead) money(s *Slot, raw []byte) Why {
	m, err := ParseMoney(raw)
	if err != nil {
		var why Why
		if len(raw) > 2 && raw[0] == '(' && raw[len(raw)-1] == ')' {
			m, why = amount(trimSpace(raw[1:len(raw)-1]), true)
			if m < 0 || why == WhyNone && bytes.ContainsAny(raw, "+-") {
				why = WhyType
			}
			m = -m
		} else {
			if m, why = amount(raw, true); why == WhyType {
				m, _, why = soleNumber(raw, TypeMoney)
			}
		}
		if why != WhyNone {
			return why
		}
	}
	if thousandth(raw) || m%1000 == 0 && m%Cent != 0 && m.whole() >= 1 && m.whole() <= 999 {
		return WhyThousands
	}
	l.putMoney(s, m)
	return WhyNone
}

// whole is the number of whole units, without the sign.
func (m Money) whole() Money {
	if m < 0 {
		m = -m
	}
	return m / Unit
}

// thousandth tells whether a text ends in one to three digits, a point and three digits, such as 1.234: where the point
// stands between thousands that is a thousand times as much as elsewhere.
func thousandth(b []byte) bool {
	b = bytes.TrimRight(b, ") ")
	n := len(b) - 4
	if n < 1 || b[n] != '.' || !digitsOnly(b[n+1:]) {
		return false
	}
	from := n
	for from > 0 && isDigit(b[from-1]) {
		from--
	}
	return n-from <= 3 && n > from && b[from] != '0' && (from == 0 || b[from-1] != ',')
}

func (l *Lead) putMoney(s *Slot, m Money) {
	s.Num = int64(m)
	off := len(l.text)
	l.text = m.Append(l.text)
	s.normal = span{uint32(off), uint32(len(l.text) - off)}
}

func sign(b []byte) (rest []byte, neg bool) {
	if len(b) > 1 && (b[0] == '-' || b[0] == '+') {
		return b[1:], b[0] == '-'
	}
	return b, false
}

var currencies = []string{"us$", "usd", "cad", "gbp", "eur", "c$", "$", "£", "€"}

// cutCurrency takes one sign or code of a currency off one end.
func cutCurrency(b []byte) []byte {
	for _, c := range currencies {
		if rest, ok := cutFold(b, c); ok {
			return trimSpace(rest)
		}
		if n := len(b) - len(c); n > 0 {
			if _, ok := cutFold(b[n:], c); ok {
				return trimSpace(b[:n])
			}
		}
	}
	return b
}

// multiples are what may stand behind a number, longest first.
var multiples = []struct {
	word string
	by   int64
}{{"thousand", 1000}, {"million", 1_000_000}, {"mm", 1_000_000}, {"k", 1000}, {"m", 1_000_000}}

// cutMultiple takes k, m, thousand or million off the end; by is 1 where there is none.
func cutMultiple(b []byte) (rest []byte, by int64) {
	for _, m := range multiples {
		if n := len(b) - len(m.word); n > 0 {
			if _, ok := cutFold(b[n:], m.word); ok {
				return trimSpace(b[:n]), m.by
			}
		}
	}
	return b, 1
}

// amount reads a number of micros. Nothing is passed over in silence: what is left after the known signs must be
// digits, rightly grouped.
func amount(b []byte, money bool) (Money, Why) {
	b, neg := sign(b)
	by := int64(1)
	if money {
		b = cutCurrency(b)
		if !neg {
			b, neg = sign(b)
		}
		b, by = cutMultiple(b)
	}
	var buf [32]byte
	plain, why := ungroup(buf[:0], b)
	if why != WhyNone {
		return 0, why
	}
	m, err := ParseMoney(plain)
	if err != nil || int64(m) > int64(MoneyMax)/by {
		return 0, WhyTooLarge
	}
	if m *= Money(by); neg {
		m = -m
	}
	return m, WhyNone
}

// ungroup copies a number without its commas, which must stand before groups of three digits. It may hold one point.
func ungroup(dst, b []byte) ([]byte, Why) {
	group, commas, point, digits := 0, false, false, 0
	for _, c := range b {
		switch {
		case isDigit(c):
			group++
			digits++
		case c == ',' && !point:
			if group == 0 || group > 3 || commas && group != 3 {
				return nil, WhyCommas
			}
			group, commas = 0, true
			continue
		case c == ',':
			return nil, WhyCommas
		case c == '.' && !point:
			if commas && group != 3 {
				return nil, WhyCommas
			}
			point = true
		default:
			return nil, WhyType
		}
		if len(dst) == 31 {
			return nil, WhyTooLarge
		}
		dst = append(dst, c)
	}
	switch {
	case digits == 0:
		return nil, WhyType
	case commas && !point && group != 3:
		return nil, WhyCommas
	}
	return dst, WhyNone
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
