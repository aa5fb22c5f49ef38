// SPDX-License-Identifier: Apache-2.0

package wire

import "clearpost/lead"

// priceBytesMax is enough for the longest text that a float prints, and short of anything that is no price.
const priceBytesMax = 40

// parsePrice reads a price from its decimal text, never through a float, and rounds it to cents once, half up. It takes digits with or
// without commas between groups of three, one point, and a dollar sign or USD before or behind. It refuses everything else, among
// it signs, exponents, a point without a digit behind it, amounts above lead.PriceMax, and what is not positive in cents.
func parsePrice(b []byte, cents bool) (lead.Money, bool) {
	b = cutCurrency(b)
	if len(b) == 0 || len(b) > priceBytesMax {
		return 0, false
	}
	end := 0
	for end < len(b) && (isDigit(b[end]) || b[end] == ',') {
		end++
	}
	whole, ok := groupedDigits(b[:end])
	if !ok {
		return 0, false
	}
	var decimals []byte
	if end < len(b) {
		decimals = b[end+1:]
		if b[end] != '.' || len(decimals) == 0 || !allDigits(decimals) {
			return 0, false
		}
	}
	n := whole
	if !cents {
		n = n*100 + digitAt(decimals, 0)*10 + digitAt(decimals, 1)
		decimals = decimals[min(2, len(decimals)):]
	}
	if digitAt(decimals, 0) >= 5 {
		n++
	}
	if n <= 0 || n > int64(lead.PriceMax/lead.Cent) {
		return 0, false
	}
	return lead.Money(n) * lead.Cent, true
}

// cutCurrency cuts one sign of the currency, before or behind.
func cutCurrency(b []byte) []byte {
	for _, sign := range [...]string{"US$", "USD", "$"} {
		if n := len(sign); len(b) > n && equalFold(b[:n], sign) {
			return trim(b[n:])
		}
	}
	for _, sign := range [...]string{"USD", "$"} {
		if n := len(b) - len(sign); n > 0 && equalFold(b[n:], sign) {
			return trim(b[:n])
		}
	}
	return b
}

// groupedDigits reads a whole number whose digits may stand in groups of three. No digits are zero, as in ".50".
func groupedDigits(b []byte) (int64, bool) {
	var n int64
	group, groups := 0, 0
	for _, c := range b {
		if c == ',' {
			if group == 0 || group > 3 || groups > 0 && group != 3 {
				return 0, false
			}
			group, groups = 0, groups+1
			continue
		}
		group++
		if n = n*10 + int64(c-'0'); n > int64(lead.PriceMax/lead.Cent) {
			return 0, false
		}
	}
	return n, groups == 0 || group == 3
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func digitAt(b []byte, i int) int64 {
	if i >= len(b) {
		return 0
	}
	return int64(b[i] - '0')
}
