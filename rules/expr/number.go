// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// number is a whole number of 127 bits and a sign. With its scale, which is known when an expression is compiled, it is
// an exact decimal: the number of units of ten to the power of minus scale.
type number struct {
	hi, lo uint64 // the magnitude
	neg    bool   // never of zero
}

// scaleMax is how many decimals a sum, difference or product may have.
const scaleMax = 18

func numberOf(n int64) number {
	if n < 0 {
		return number{lo: -uint64(n), neg: true}
	}
	return number{lo: uint64(n)}
}

func (n number) zero() bool { return n.hi|n.lo == 0 }

func (n number) negated() number {
	n.neg = !n.neg && !n.zero()
	return n
}

// small is the number as an int64, where it is one.
func (n number) small() (int64, bool) {
	switch {
	case n.hi != 0 || n.lo > 1<<63 || n.lo == 1<<63 && !n.neg:
		return 0, false
	case n.neg:
		return -int64(n.lo), true
	}
	return int64(n.lo), true
}

// sign is -1, 0 or 1.
func (n number) sign() int {
	switch {
	case n.neg:
		return -1
	case n.zero():
		return 0
	}
	return 1
}

func compareMagnitudes(a, b number) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

func compare(a, b number) int {
	switch {
	case a.neg != b.neg:
		return cmp.Compare(a.sign(), b.sign())
	case a.neg:
		return compareMagnitudes(b, a)
	}
	return compareMagnitudes(a, b)
}

// plus is the sum; false where it has no room.
func (n number) plus(m number) (number, bool) {
	if n.neg == m.neg {
		lo, carry := bits.Add64(n.lo, m.lo, 0)
		hi, over := bits.Add64(n.hi, m.hi, carry)
		return number{hi, lo, n.neg}, over == 0 && hi>>63 == 0
	}
	if compareMagnitudes(n, m) < 0 {
		n, m = m, n
	}
	lo, borrow := bits.Sub64(n.lo, m.lo, 0)
	hi, _ := bits.Sub64(n.hi, m.hi, borrow)
	return number{hi, lo, n.neg && hi|lo != 0}, true
}

// times is the product; false where it has no room.
func (n number) times(m number) (number, bool) {
	if n.hi != 0 {
		n, m = m, n
	}
	if n.hi != 0 {
		return number{}, false
	}
	hi, lo := bits.Mul64(n.lo, m.lo)
	over, more := bits.Mul64(n.lo, m.hi)
	hi, carry := bits.Add64(hi, more, 0)
	return number{hi, lo, n.neg != m.neg && hi|lo != 0}, over == 0 && carry == 0 && hi>>63 == 0
}

var powers = func() (out [scaleMax + 1]int64) {
	out[0] = 1
	for i := 1; i < len(out); i++ {
		out[i] = out[i-1] * 10
	}
	return out
}()

// raised is the number in units of a greater scale, by so many decimals.
func (n number) raised(by uint8) (number, bool) {
	if by == 0 {
		return n, true
	}
	return n.times(number{lo: uint64(powers[by])})
}

// parseNumber reads a literal as it stands in an expression, exactly: its decimals are counted, never rounded.
func parseNumber(text string) (n number, scale uint8, ok bool) {
	text = strings.ReplaceAll(text, "_", "")
	if len(text) > 2 && text[0] == '0' && strings.IndexByte("xXoObB", text[1]) >= 0 {
		v, err := strconv.ParseInt(text, 0, 64)
		return numberOf(v), 0, err == nil
	}
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	shift := 0
	if scientific {
		v, err := strconv.Atoi(exponent)
		if err != nil || v < -scaleMax || v > scaleMax {
			return n, 0, false
		}
		shift = v
	}
	whole, decimals, _ := strings.Cut(mantissa, ".")
	decimals = strings.TrimRight(decimals, "0")
	shift -= len(decimals)
	digits := strings.TrimLeft(whole+decimals, "0")
	if digits == "" {
		return n, 0, true
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 0 || shift < -scaleMax || shift > scaleMax {
		return n, 0, false
	}
	if n = numberOf(v); shift >= 0 {
		n, ok = n.raised(uint8(shift))
		return n, 0, ok
	}
	return n, uint8(-shift), true
}
