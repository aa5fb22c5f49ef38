// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"

	"clearpost/lead"
)

// priceBytesMax is enough for the longest text that a float prints, and short of anything that is no price.
const priceBytesMax = 40

// moneyForm is how a buyer writes amounts.
type moneyForm struct {
	cents bool
	comma bool // 1.234,50
	signs []string
}

// currencySigns are the signs of currencies beside their codes, the longer first.
var currencySigns = map[string][]string{
	"USD": {"US$", "$"}, "CAD": {"CA$", "C$", "$"}, "AUD": {"AU$", "A$", "$"}, "NZD": {"NZ$", "$"}, "MXN": {"MX$", "$"},
	"EUR": {"€"}, "GBP": {"£"}, "INR": {"₹"}, "BRL": {"R$"}, "ZAR": {"R"}, "CHF": {"Fr."}, "PLN": {"zł"},
	"SEK": {"kr"}, "NOK": {"kr"}, "DKK": {"kr"},
}

// parsePrice reads a price from its decimal text, never through a float, and rounds it to cents once: down, for nobody
// has bid more, but up where it is within a millionth of the next cent, as what a float prints for 22.50 may be
// 22.499999999999996. It takes digits with or without marks between groups of three, one decimal mark, and the sign or
// code of the currency before or behind. It refuses everything else, among it minus signs, exponents, a decimal mark
// without a digit behind it, other currencies, and amounts above lead.PriceMax. The price is positive or there is none;
// zero tells that the text says 0, or less than a cent.
func parsePrice(b []byte, m *moneyForm) (price lead.Money, zero bool) {
	group, point := byte(','), byte('.')
	if m.comma {
		group, point = point, group
	}
	b = m.cutCurrency(b)
	if len(b) > 0 && bytes.IndexByte(b, ' ') >= 0 {
		var buf [priceBytesMax]byte
		b = spacesAsMarks(buf[:0], b, group)
	}
	if len(b) == 0 || len(b) > priceBytesMax {
		return 0, false
	}
	end := 0
	for end < len(b) && (isDigit(b[end]) || b[end] == group) {
		end++
	}
	whole, ok := groupedDigits(b[:end], group)
	if !ok {
		return 0, false
	}
	var decimals []byte
	if end < len(b) {
		decimals = b[end+1:]
		if b[end] != point || len(decimals) == 0 || !allDigits(decimals) {
			return 0, false
		}
	}
	n := whole
	if !m.cents {
		n = n*100 + digitAt(decimals, 0)*10 + digitAt(decimals, 1)
		decimals = decimals[min(2, len(decimals)):]
	}
	if nearlyOne(decimals) {
		n++
	}
	if n > int64(lead.PriceMax/lead.Cent) {
		return 0, false
	}
	return lead.Money(n) * lead.Cent, n == 0
}

// spacesAsMarks puts marks in the place of the single spaces between groups of digits, as in 1 234,50. What has marks
// as well is no number.
func spacesAsMarks(buf, b []byte, group byte) []byte {
	if len(b) > priceBytesMax || bytes.IndexByte(b, group) >= 0 {
		return nil
	}
	for _, c := range b {
		if c == ' ' {
			c = group
		}
		buf = append(buf, c)
	}
	return buf
}

// nearlyOne tells whether what stands behind the cents is within a millionth of a unit of the next cent.
func nearlyOne(decimals []byte) bool {
	for i := range 4 {
		if digitAt(decimals, i) != 9 {
			return false
		}
	}
	return true
}

// cutCurrency cuts one sign or code of the currency, before or behind.
func (m *moneyForm) cutCurrency(b []byte) []byte {
	if len(b) == 0 || isDigit(b[0]) && isDigit(b[len(b)-1]) {
		return b
	}
	for _, sign := range m.signs {
		if n := len(sign); len(b) > n && equalFold(b[:n], sign) {
			return trim(b[n:])
		}
	}
	for _, sign := range m.signs {
		if n := len(b) - len(sign); n > 0 && equalFold(b[n:], sign) {
			return trim(b[:n])
		}
	}
	return b
}

// groupedDigits reads a whole number whose digits may stand in groups of three. No digits are zero, as in ".50".
func groupedDigits(b []byte, mark byte) (int64, bool) {
	var n int64
	group, groups := 0, 0
	for _, c := range b {
		if c == mark {
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
