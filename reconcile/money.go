// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"clearpost/lead"
)

// Decimals says which sign stands before the cents: '.' or ','. The other one, spaces and apostrophes may stand between
// thousands.
type Decimals byte

// Errors of amounts.
var (
	errAmount      = errors.New("expected an amount such as 1,234.50, (12.00) or -12.00")
	errAmountGroup = errors.New("expected an amount: the digits are grouped as those of no number. " +
		"The mapping's decimals says which sign stands before the cents")
	errAmountBig = errors.New("expected an amount of at most 1000000000")
)

// numeral is an amount as it is written: sign, digits and separators, and the words that stood around it.
type numeral struct {
	neg      bool
	body     string // digits, dots, commas, spaces and apostrophes; begins and ends with a digit or a sign of decimals
	currency string // a code such as USD, by a word or a sign; empty where there is none
}

// currencySigns are what stands for a currency in amounts. A dollar may be of many countries: it says nothing.
var currencySigns = map[rune]string{'$': "", '€': "EUR", '£': "GBP", '¥': "JPY", '₹': "INR", '¢': "", '¤': ""}

// readNumeral takes apart what stands around a number: "$1,234.50", "(12.00)", "12.00-", "USD -12", "12,50 €", "-$4".
func readNumeral(text string) (n numeral, ok bool) {
	s := strings.TrimSpace(text)
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && len(s) > 2 {
		n.neg, s = true, s[1:len(s)-1]
	}
	signed, begun := false, -1
	end := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9' || (r == '.' || r == ',') && (begun >= 0 || digitAfter(s[i+1:])):
			if begun < 0 {
				begun = i
			} else if end < i && !separates(s[end:i]) {
				return n, false
			}
			end = i + 1
		case r == '-' || r == '−' || r == '–' || r == '+':
			if signed || n.neg && r != '+' {
				return n, false
			}
			signed = true
			n.neg = n.neg || r != '+'
		case r == '\'' || r == '’' || unicode.IsSpace(r):
		case unicode.IsLetter(r):
		default:
			code, sign := currencySigns[r]
			if !sign || n.currency != "" && code != "" && code != n.currency {
				return n, false
			}
			if code != "" {
				n.currency = code
			}
		}
	}
	if begun < 0 {
		return n, false
	}
	n.body = s[begun:end]
	return n, n.words(s[:begun]) && n.words(s[end:])
}

// dollars are what stands before the sign of a dollar and says whose it is.
var dollars = map[string]string{"U": "USD", "US": "USD", "C": "CAD", "CA": "CAD", "CAN": "CAD", "A": "AUD", "AU": "AUD",
	"NZ": "NZD", "MX": "MXN", "R": "BRL"}

// words takes the letters beside a number: a currency's code and nothing else. "CR" marks a credit, "DR" what is owed.
func (n *numeral) words(s string) bool {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) {
		w = strings.ToUpper(w)
		if code := dollars[w]; code != "" && strings.Contains(s, "$") {
			w = code
		}
		switch {
		case w == "CR":
			n.neg = true
		case w == "DR":
		case isCurrency(w) && (n.currency == "" || n.currency == w):
			n.currency = w
		default:
			return false
		}
	}
	return true
}

// isCurrency tells of the code of a currency.
func isCurrency(s string) bool {
	_, err := currency.ParseISO(s)
	return err == nil
}

// digitAfter tells whether a text begins with a digit, so that ".50" is a number and "No. 5" is not.
func digitAfter(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// separates tells whether what stands between two digits may stand between thousands.
func separates(s string) bool {
	if utf8.RuneCountInString(s) != 1 {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r == '\'' || r == '’' || unicode.IsSpace(r)
}

// ReadMoney reads an amount as statements write them. More than six decimals, which spreadsheets make of sums, are
// rounded half away from zero; "1.5E+3" is read too. code is a currency that stands beside the number, or empty.
func ReadMoney(text string, d Decimals) (m lead.Money, code string, err error) {
	if m, ok := scientific(text); ok {
		return m, "", nil
	}
	n, ok := readNumeral(text)
	if !ok {
		return 0, "", errAmount
	}
	whole, frac, err := n.parts(d)
	if err != nil {
		return 0, "", err
	}
	if m, err = micros(whole, frac); err != nil {
		return 0, "", err
	}
	if n.neg {
		m = -m
	}
	return m, n.currency, nil
}

// parts are the digits before and after the sign of decimals.
func (n *numeral) parts(d Decimals) (whole, frac string, err error) {
	body, group := n.body, byte(',')
	if d == ',' {
		group = '.'
	}
	whole = body
	if i := strings.LastIndexByte(body, byte(d)); i >= 0 {
		if whole, frac = body[:i], body[i+1:]; strings.IndexByte(whole, byte(d)) >= 0 || !digits(frac) {
			return "", "", errAmountGroup
		}
	}
	groups := strings.FieldsFunc(whole, func(r rune) bool { return r < '0' || r > '9' })
	var kind string // of the separator, the same throughout
	for i, at := 0, 0; i < len(groups); i++ {
		next := at + strings.Index(whole[at:], groups[i])
		if sep := whole[at:next]; i == 0 && sep != "" || i > 0 && (kind != "" && sep != kind) {
			return "", "", errAmountGroup
		} else if i > 0 {
			kind = sep
		}
		if i > 0 && len(groups[i]) != 3 || i == 0 && len(groups) > 1 && len(groups[i]) > 3 {
			return "", "", errAmountGroup
		}
		at = next + len(groups[i])
	}
	if kind != "" && len(kind) == 1 && (kind[0] == '.' || kind[0] == ',') && kind[0] != group {
		return "", "", errAmountGroup
	}
	if !endsInDigit(whole) && whole != "" {
		return "", "", errAmountGroup
	}
	return strings.Join(groups, ""), frac, nil
}

func endsInDigit(s string) bool { return s != "" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' }

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// micros puts an amount together of its digits.
func micros(whole, frac string) (lead.Money, error) {
	if whole = strings.TrimLeft(whole, "0"); len(whole) > 10 {
		return 0, errAmountBig
	}
	var m lead.Money
	for _, c := range []byte(whole) {
		m = m*10 + lead.Money(c-'0')
	}
	m *= lead.Unit
	scale := lead.Unit
	for i, c := range []byte(frac) {
		if i == 6 {
			if c >= '5' {
				m++
			}
			break
		}
		scale /= 10
		m += lead.Money(c-'0') * scale
	}
	if m > lead.MoneyMax {
		return 0, errAmountBig
	}
	return m, nil
}

// scientific reads a number as programs write floats, exactly.
func scientific(text string) (lead.Money, bool) {
	s := strings.TrimSpace(text)
	mantissa, exp, ok := strings.Cut(strings.ToUpper(s), "E")
	if !ok || mantissa == "" || exp == "" {
		return 0, false
	}
	neg := mantissa[0] == '-'
	mantissa = strings.TrimLeft(mantissa, "+-")
	whole, frac, _ := strings.Cut(mantissa, ".")
	down := exp[0] == '-'
	exp = strings.TrimLeft(exp, "+-")
	if !digits(whole) || !digits(frac) || !digits(exp) || whole+frac == "" || exp == "" || len(exp) > 3 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(exp) {
		n = n*10 + int(c-'0')
	}
	if n > 40 {
		return 0, false
	}
	if down {
		whole = strings.Repeat("0", n) + whole
		whole, frac = whole[:len(whole)-n], whole[len(whole)-n:]+frac
	} else {
		frac += strings.Repeat("0", n)
		whole, frac = whole+frac[:n], frac[n:]
	}
	m, err := micros(whole, frac)
	if neg {
		m = -m
	}
	return m, err == nil
}

// looksLike tells by which signs of decimals a text could be an amount.
func looksLike(text string) (dot, comma bool) {
	_, _, err := ReadMoney(text, '.')
	_, _, err2 := ReadMoney(text, ',')
	return err == nil, err2 == nil
}
