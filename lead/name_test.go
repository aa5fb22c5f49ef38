// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// Every part of a split name stands in the name, and no word is lost but commas.
func FuzzSplitName(f *testing.F) {
	for _, seed := range []string{"Dr. Jan van der Berg Jr.", "Smith, John Q.", "mr & mrs smith", ", ,",
		"a b c d e f g h i j k l m n o p q r s", "II", "é ñ", "Jr., Sr."} {
		f.Add(seed)
	}
	s := typeSchema(f)
	pos, _ := s.Position("a_name")
	var l Lead
	f.Fuzz(func(t *testing.T, text string) {
		l.Reset(s)
		l.Set(pos, []byte(text))
		if l.Slot(pos).State != Valid {
			return
		}
		n := l.Normal(pos)
		p := splitName(n)
		words := 0
		for _, part := range [][]byte{p.salutation, p.first, p.middle, p.last, p.suffix} {
			if !bytes.Contains(n, part) {
				t.Fatalf("%q: %q does not stand in it", n, part)
			}
			words += len(bytes.Fields(part))
		}
		if all := len(strings.FieldsFunc(string(n), func(r rune) bool { return r == ' ' })); words > all {
			t.Fatalf("%q: %d words of %d", n, words, all)
		}
	})
}

// Ranges read what people write, and a range's ends are never the wrong way round.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"25-64", "720+", "under 10", "10k–20k", "500 or more", "between $1,000 and $2.5m",
		"from 1..2", "<=", "1-", "1.5-1.6", "0-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, why := readRange(trimSpace([]byte(text)))
		if why != WhyNone {
			return
		}
		if !r.hasMin && !r.hasMax || r.hasMin && r.hasMax && r.min > r.max || r.max > MoneyMax || r.min < -MoneyMax ||
			r.min > MoneyMax {
			t.Fatalf("%q reads %+v", text, r)
		}
	})
}

// Money agrees with plain decimal text where that is what it is, and every digit that was sent, and no other, stands in
// it: multiples are powers of ten.
func FuzzAmount(f *testing.F) {
	for _, seed := range []string{"$1,234.50", "(100)", "1.2k", "-$5", "1.234", "1e5", "£", "12 usd", "1,000,000.00",
		"$1,23", "$1100 per month", "1 000", "3 bedrooms", "12O", "5 or 6", "５%"} {
		f.Add(seed)
	}
	s := typeSchema(f)
	pos, _ := s.Position("a_money")
	var l Lead
	f.Fuzz(func(t *testing.T, text string) {
		l.Reset(s)
		l.Set(pos, []byte(text))
		slot := l.Slot(pos)
		if m, err := ParseMoney(trimSpace([]byte(text))); err == nil && slot.Why != WhyThousands &&
			(slot.State != Valid || slot.Num != int64(m)) {
			t.Fatalf("%q is %s, read as %d (%s)", text, m, slot.Num, slot.Why)
		}
		if slot.State == Valid {
			digits := func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}
			sent := strings.Trim(strings.Map(digits, string(AppendSeen(nil, []byte(text)))), "0")
			if got := strings.Trim(strings.Map(digits, strconv.FormatInt(slot.Num, 10)), "0"); got != sent {
				t.Fatalf("%q is taken as %d", text, slot.Num)
			}
		}
	})
}
