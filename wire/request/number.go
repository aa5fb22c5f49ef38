// SPDX-License-Identifier: Apache-2.0

package request

import "clearpost/lead"

// numberFormat reads a format of numbers.
func numberFormat(s string) (format, bool) {
	switch s {
	case "integer":
		return format{kind: formatInteger}, true
	case "decimal2":
		return format{kind: formatDecimal2}, true
	case "cents":
		return format{kind: formatCents}, true
	case "grouped":
		return format{kind: formatGrouped}, true
	case "grouped2":
		return format{kind: formatGrouped2}, true
	case "decimal1", "decimal3", "decimal4", "decimal5", "decimal6":
		return format{kind: formatDecimal, width: int(s[len(s)-1] - '0')}, true
	}
	return format{}, false
}

// appendMoney writes an amount of micros by one of the number formats.
func (f *format) appendMoney(dst []byte, m lead.Money) []byte {
	switch f.kind {
	case formatInteger:
		return appendInt(dst, roundDiv(int64(m), int64(lead.Unit)), 0)
	case formatCents:
		return appendInt(dst, roundDiv(int64(m), int64(lead.Cent)), 0)
	case formatDecimal2:
		return m.RoundCents().Append(dst)
	case formatDecimal:
		return appendDecimals(dst, m, f.width)
	case formatGrouped:
		return appendGrouped(dst, m, 0)
	case formatGrouped2:
		return appendGrouped(dst, m, 2)
	}
	return m.Append(dst)
}

// appendDecimals writes an amount with exactly so many decimals.
func appendDecimals(dst []byte, m lead.Money, decimals int) []byte {
	by := int64(lead.Unit)
	for range decimals {
		by /= 10
	}
	n := roundDiv(int64(m), by)
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	mark := len(dst)
	dst = appendInt(dst, n, decimals+1)
	if decimals == 0 {
		return dst
	}
	at := len(dst) - decimals
	dst = append(dst, 0)
	copy(dst[at+1:], dst[at:])
	dst[max(at, mark)] = '.'
	return dst
}

// appendGrouped writes an amount with commas between the thousands.
func appendGrouped(dst []byte, m lead.Money, decimals int) []byte {
	var b [32]byte
	s := appendDecimals(b[:0], m, decimals)
	whole := len(s)
	if decimals > 0 {
		whole -= decimals + 1
	}
	for i, c := range s {
		if i > 0 && i < whole && (whole-i)%3 == 0 && isDigit(s[i-1]) {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	return dst
}

// appendInteger writes a whole number by one of the number formats.
func (f *format) appendInteger(dst []byte, n int64) []byte {
	switch f.kind {
	case formatCents:
		return appendInt(dst, n*100, 0)
	case formatDecimal2:
		return append(appendInt(dst, n, 0), ".00"...)
	case formatDecimal:
		return append(append(appendInt(dst, n, 0), '.'), "000000"[:f.width]...)
	case formatGrouped, formatGrouped2:
		var b [20]byte
		s := appendInt(b[:0], n, 0)
		for i, c := range s {
			if i > 0 && (len(s)-i)%3 == 0 && isDigit(s[i-1]) {
				dst = append(dst, ',')
			}
			dst = append(dst, c)
		}
		if f.kind == formatGrouped2 {
			dst = append(dst, ".00"...)
		}
		return dst
	}
	return appendInt(dst, n, 0)
}

// roundDiv divides by an even number and rounds half away from zero.
func roundDiv(n, by int64) int64 {
	q, r := n/by, n%by
	switch {
	case r >= by-by/2:
		q++
	case -r >= by-by/2:
		q--
	}
	return q
}

// appendInt writes at least width digits.
func appendInt(dst []byte, n int64, width int) []byte {
	if width == 2 && n >= 0 && n < 100 {
		return append(dst, byte('0'+n/10), byte('0'+n%10))
	}
	u := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	var b [20]byte
	i := len(b)
	for u > 0 || width > 0 || i == len(b) {
		i--
		b[i] = byte('0' + u%10)
		u /= 10
		width--
	}
	return append(dst, b[i:]...)
}
