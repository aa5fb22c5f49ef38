// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// Money is an amount in millionths of the vertical's currency unit (micros).
// It is never computed through a float. In JSON it is an integer of micros; fields that hold it are named *_micros.
type Money int64

const (
	// Unit is one currency unit (one dollar).
	Unit Money = 1_000_000
	// Cent is a hundredth of a unit.
	Cent Money = 10_000
	// MoneyMax bounds every amount that is parsed: a thousand million units, more than any home or loan.
	MoneyMax Money = 1_000_000_000 * Unit
	// PriceMax bounds what a buyer may bid or pay for one lead: ten million units.
	PriceMax Money = 10_000_000 * Unit
)

// ErrMoney is returned for text that is not a plain decimal amount.
var ErrMoney = errors.New("expected a decimal amount such as 12.50, at most 6 decimals and at most 1000000000")

// ParseMoney reads a plain decimal amount ("12", "12.5", "-0.25", ".5"): at most six decimals, no signs of
// currency, no separators, no exponent, magnitude at most MoneyMax. Anything else is ErrMoney.
func ParseMoney(text []byte) (Money, error) {
	i, neg := 0, false
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		neg = text[i] == '-'
		i++
	}
	var whole int64
	digits := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		whole = whole*10 + int64(text[i]-'0')
		digits++
		if whole > int64(MoneyMax/Unit) {
			return 0, ErrMoney
		}
	}
	frac, scale := int64(0), int64(Unit)
	if i < len(text) && text[i] == '.' {
		i++
		for ; i < len(text) && isDigit(text[i]); i++ {
			digits++
			if scale == 1 {
				if text[i] != '0' {
					return 0, ErrMoney
				}
				continue
			}
			scale /= 10
			frac += int64(text[i]-'0') * scale
		}
	}
	if digits == 0 || i != len(text) {
		return 0, ErrMoney
	}
	m := Money(whole)*Unit + Money(frac)
	if m > MoneyMax {
		return 0, ErrMoney
	}
	if neg {
		m = -m
	}
	return m, nil
}

// Append writes the amount as decimal text with at least two decimals and no more than it needs.
func (m Money) Append(dst []byte) []byte {
	u := uint64(m)
	if m < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/uint64(Unit), 10)
	frac := u % uint64(Unit)
	var b [6]byte
	for i := 5; i >= 0; i-- {
		b[i] = byte('0' + frac%10)
		frac /= 10
	}
	n := 6
	for n > 2 && b[n-1] == '0' {
		n--
	}
	dst = append(dst, '.')
	return append(dst, b[:n]...)
}

// String is Append as a string.
func (m Money) String() string { return string(m.Append(nil)) }

// RoundCents rounds half away from zero to whole cents: buyers' prices when they are set. The magnitude must be at
// least a cent below what an int64 holds.
func (m Money) RoundCents() Money {
	r := m % Cent
	switch m -= r; {
	case r >= Cent/2:
		m += Cent
	case r <= -Cent/2:
		m -= Cent
	}
	return m
}

// FloorCents rounds down to whole cents: payouts when they are set. The magnitude is bounded as for RoundCents.
func (m Money) FloorCents() Money {
	r := m % Cent
	if r < 0 {
		r += Cent
	}
	return m - r
}

// MulPPM multiplies by parts per million (1_000_000 = 1) rounding down; m and ppm must not be negative. A product that
// an int64 does not hold, which no amount up to MoneyMax has with ppm up to 9_000_000_000, becomes the greatest one.
func (m Money) MulPPM(ppm int64) Money {
	hi, lo := bits.Mul64(uint64(m), uint64(ppm))
	if hi >= 1_000_000 {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, 1_000_000)
	return Money(min(q, math.MaxInt64))
}

// SharePPM is what a part is of a whole above zero, in parts per million, rounded towards zero. One that an int64 does
// not hold becomes the greatest, or the least.
func SharePPM(part, whole int64) int64 {
	sign, n := int64(1), uint64(part)
	if part < 0 {
		sign, n = -1, -n
	}
	hi, lo := bits.Mul64(n, 1_000_000) // micros of millions are too many for 64 bits
	if hi >= uint64(whole) {
		return sign * math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return sign * int64(min(q, math.MaxInt64))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
