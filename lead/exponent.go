// SPDX-License-Identifier: Apache-2.0

package lead

import "bytes"

// Limits of numbers with an exponent, as 1E+2.
const (
	ExponentMax       = 40 // beyond it, up or down, the number is left as it is: nothing reads it
	exponentDigitsMax = 64 // digits of the number as it is written
)

// AppendPlainNumber appends a JSON number without its exponent, exactly, digit by digit: 1E+2 as 100, 2.25e1 as 22.5,
// 5e-1 as 0.5. It appends the number as it is where it has no exponent, and where the exponent is above ExponentMax or
// the number longer than 64 bytes. The bytes must be a JSON number.
func AppendPlainNumber(dst, b []byte) []byte {
	at := bytes.IndexAny(b, "eE")
	if at < 0 || at > exponentDigitsMax {
		return append(dst, b...)
	}
	exp, ok := exponent(b[at+1:])
	if !ok {
		return append(dst, b...)
	}
	m := b[:at]
	if len(m) > 0 && m[0] == '-' {
		dst, m = append(dst, '-'), m[1:]
	}
	whole, decimals, _ := bytes.Cut(m, []byte{'.'})
	var buf [2 * exponentDigitsMax]byte
	digits := append(append(buf[:0], whole...), decimals...)
	point := len(whole) + exp // where it stands among the digits
	for len(digits) > 1 && digits[0] == '0' && point > 1 {
		digits, point = digits[1:], point-1
	}
	switch {
	case point <= 0:
		dst = append(dst, '0', '.')
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	case point < len(digits):
		dst = append(append(dst, digits[:point]...), '.')
		return append(dst, digits[point:]...)
	}
	dst = append(dst, digits...)
	for i := len(digits); i < point && string(digits) != "0"; i++ {
		dst = append(dst, '0')
	}
	return dst
}

// exponent reads what stands behind the e of a number.
func exponent(b []byte) (n int, ok bool) {
	b, neg := sign(b)
	b = bytes.TrimLeft(b, "0")
	if len(b) > 2 || len(b) > 0 && !digitsOnly(b) {
		return 0, false
	}
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	if neg {
		n = -n
	}
	return n, n <= ExponentMax && n >= -ExponentMax
}
