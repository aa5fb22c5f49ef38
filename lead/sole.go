// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strings"
	"unicode"
)

// soleBytesMax bounds a text in which one number is looked for.
const soleBytesMax = 96

// Words that change the number beside them, or say that it is not the value: what has one is refused.
const changingWords = " hundred hundreds dozen dozens thousands millions billion billions bn b trillion lakh lac " +
	"crore crores half quarter third point minus negative neg" +
	" under below less fewer lower to than most max maximum not none x times off one two three four five six seven " +
	"eight nine ten eleven twelve twenty" +
	" thirty forty fifty sixty seventy eighty ninety "

// soleNumber reads the one number that stands in a text, if there is exactly one: "$1100 per month", "3 bedrooms", "1
// 000", "25000+". unit is the word or sign behind it, as sent. What may change the number, or make it mean something
// else, is refused.
func soleNumber(b []byte, of Type) (m Money, unit []byte, why Why) {
	if len(b) > soleBytesMax {
		return 0, nil, WhyType
	}
	from := bytes.IndexAny(b, "0123456789")
	if HasWide(b) && bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x80 && unicode.IsNumber(r) }) {
		return 0, nil, WhyTwoNumbers // ½, ², or digits of another script
	}
	if from < 0 {
		return 0, nil, WhyType
	}
	if from > 0 && b[from-1] == '.' && (from == 1 || b[from-2] == ' ' || b[from-2] == '$' || b[from-2] == '-') {
		from--
	}
	var buf [32]byte
	plain, to, why := soleDigits(buf[:0], b, from)
	if why != WhyNone {
		return 0, nil, why
	}
	before, after := b[:from], b[to:]
	if bytes.ContainsAny(after, "0123456789") {
		return 0, nil, WhyTwoNumbers
	}
	neg, why := soleFront(before)
	if why != WhyNone {
		return 0, nil, why
	}
	by, unit, why := soleBack(after, of == TypeMoney)
	if why != WhyNone {
		return 0, nil, why
	}
	if bytes.IndexAny(b[from:to], ", '") > 0 && plain[0] == '0' {
		return 0, nil, WhyTwoNumbers
	}
	if by == 1 && of != TypeDecimal && thousandth(plain) {
		return 0, nil, WhyThousands
	}
	m, err := ParseMoney(plain)
	if err != nil || int64(m) > int64(MoneyMax)/by {
		return 0, nil, WhyTooLarge
	}
	if m *= Money(by); neg {
		m = -m
	}
	return m, unit, WhyNone
}

// soleDigits copies the number that begins at a place, without what stands between its groups of three digits: commas,
// spaces or apostrophes, all the same.
func soleDigits(dst, b []byte, from int) (plain []byte, to int, why Why) {
	between, group, grouped, point := byte(0), 0, false, false
	i := from
	for ; i < len(b); i++ {
		c := b[i]
		next := i+1 < len(b) && isDigit(b[i+1])
		switch {
		case isDigit(c):
			if len(dst) == 31 {
				return nil, 0, WhyTooLarge
			}
			dst = append(dst, c)
			group++
			continue
		case c == '.' && !point && (next || i+1 == len(b) || b[i+1] == ' ' || group == 0):
			if grouped && group != 3 {
				return nil, 0, WhyCommas
			}
			if !next {
				return dst, i + 1, soleGroups(grouped, point, group)
			}
			dst = append(dst, c)
			point, group = true, 0
			continue
		case (c == ',' || c == ' ' || c == '\'') && next && !point:
			if between != 0 && between != c || group == 0 || group > 3 || grouped && group != 3 {
				if c == ' ' {
					return nil, 0, WhyTwoNumbers
				}
				return nil, 0, WhyCommas
			}
			if n := digitRun(b[i+1:]); n != 3 {
				if c == ' ' {
					return nil, 0, WhyTwoNumbers
				}
				return nil, 0, WhyCommas
			}
			between, group, grouped = c, 0, true
			continue
		case (c == '.' || c == ',') && next:
			return nil, 0, WhyCommas
		}
		break
	}
	return dst, i, soleGroups(grouped, point, group)
}

func soleGroups(grouped, point bool, group int) Why {
	if grouped && !point && group != 3 {
		return WhyCommas
	}
	return WhyNone
}

func digitRun(b []byte) (n int) {
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	return n
}

// soleFront judges what stands before the number. A hyphen is a minus sign only where nothing but a currency stands
// before it.
func soleFront(b []byte) (neg bool, why Why) {
	// as a + behind it
	for _, w := range []string{"over ", "more than ", "greater than ", "at least ", "no less than ", "not less than "} {
		if rest, ok := cutFold(b, w); ok {
			b = rest
		}
	}
	if n := len(b); n > 0 && wordByte(b[n-1]) && !currencyWord(b) {
		return false, WhyNumberWord // A4, O5
	}
	words := 0
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case wordByte(c):
			n := i
			for n < len(b) && wordByte(b[n]) {
				n++
			}
			if changes(b[i:n]) {
				return false, WhyNumberWord
			}
			if !currencyWord(b[i:n]) {
				words++
			}
			i = n
			continue
		case c == '-' || c == '+':
			if words > 0 || neg || c == '+' && i > 0 {
				return false, WhyNegative
			}
			neg = c == '-'
		case c == '<' || c == '(' || c == '[' || c == '/' || c == '=' && i > 0 && b[i-1] == '<':
			return false, WhyNumberWord
		case c == ' ' || c == '.' || c == ':' || c == '$' || c == '~' || c == '#' || c == '>' || c == '=' || c == '*':
		default:
			return false, WhyType
		}
		i++
	}
	return neg, WhyNone
}

// soleBack judges what stands behind the number, and finds its multiple and its unit.
func soleBack(b []byte, money bool) (by int64, unit []byte, why Why) {
	by = 1
	glued := len(b) > 0 && wordByte(b[0])
	first := true
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case wordByte(c):
			n := i
			for n < len(b) && wordByte(b[n]) {
				n++
			}
			w := b[i:n]
			if first {
				if by = multipleOf(w); by > 1 {
					if !money && lower(w[0]) == 'm' && len(w) < 3 {
						return 0, nil, WhyNumberWord // metres, minutes or millions
					}
					i, first = n, false
					continue
				}
				if glued && len(w) == 1 {
					return 0, nil, WhyNumberWord // 12O
				}
			}
			switch {
			case changes(w):
				return 0, nil, WhyNumberWord
			case unit == nil && !currencyWord(w):
				unit = w
			}
			first = false
			i = n
			continue
		case c == '%':
			if unit == nil {
				unit = b[i : i+1]
			}
			first = false
		case c == '-': // 3-bedroom, but not 5-
			if i != 0 || i+1 >= len(b) || !wordByte(b[i+1]) {
				return 0, nil, WhyNegative
			}
		case c == '+':
			if i+1 < len(b) && wordByte(b[i+1]) {
				return 0, nil, WhyNumberWord
			}
		case c == ')' && !bytes.ContainsRune(b[:i], '('):
			return 0, nil, WhyNegative
		case c == ' ' || c == '.' || c == ',' || c == ':' || c == ';' || c == '!' || c == '$' || c == '/' || c == '(' ||
			c == ')' || c == '\'' || c == '*':
		default:
			return 0, nil, WhyType
		}
		i++
	}
	return by, unit, WhyNone
}

// wordByte tells letters, in any script, from other signs; the signs of currencies that are not ASCII count as letters.
func wordByte(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80 }

func multipleOf(w []byte) int64 {
	for _, m := range multiples {
		if rest, ok := cutFold(w, m.word); ok && len(rest) == 0 {
			return m.by
		}
	}
	return 1
}

func changes(w []byte) bool {
	var b [soleBytesMax + 2]byte
	k := append(b[:0], ' ')
	for _, c := range w {
		k = append(k, lower(c))
	}
	return strings.Contains(changingWords, asString(append(k, ' ')))
}

// currencyWord tells whether the last word of a text is a currency's code or sign.
func currencyWord(b []byte) bool {
	from := len(b)
	for from > 0 && wordByte(b[from-1]) {
		from--
	}
	w := b[from:]
	for _, c := range currencies {
		if rest, ok := cutFold(w, c); ok && len(rest) == 0 {
			return true
		}
	}
	for _, c := range []string{"us", "dollars", "dollar", "euro", "euros", "pounds", "aud", "nzd", "chf", "¥", "jpy",
		"mxn", "inr", "₹"} {
		if rest, ok := cutFold(w, c); ok && len(rest) == 0 {
			return true
		}
	}
	return false
}

// soleInteger is integer for a number with something beside it.
func (l *Lead) soleInteger(s *Slot, raw []byte) Why {
	m, _, why := soleNumber(raw, TypeInteger)
	switch {
	case why != WhyNone:
		return why
	case m%Unit != 0:
		return WhyNotWhole
	}
	s.Num = int64(m / Unit)
	l.putInt(s, nil)
	return WhyNone
}
