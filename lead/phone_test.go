// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"
)

// libraryTakes is what the library says of a text.
func libraryTakes(text, region string) (e164 string, ok bool) {
	num, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(num) {
		return "", false
	}
	return phonenumbers.Format(num, phonenumbers.E164), true
}

func checkPhone(t interface {
	Fatalf(string, ...any)
}, l *Lead, pos int, text string) {
	var d [11]byte
	raw := trimSpace([]byte(text))
	if _, plain := plainDigits(raw, &d); !plain || len(raw) == 0 {
		return
	}
	l.Reset(l.schema)
	l.Set(pos, raw)
	want, ok := libraryTakes(string(raw), l.schema.region)
	got := l.Slot(pos).State == Valid
	// what the library does not know: no table of it stands in the way of a number that has the form of one
	if got && !ok {
		n := string(l.Normal(pos))
		if num, err := phonenumbers.Parse(n, ""); err == nil && len(n) == 12 && n[:2] == "+1" && n[5] >= '2' &&
			areaPossible([]byte(n[2:5])) &&
			phonenumbers.IsPossibleNumber(num) {
			return
		}
	}
	if got != ok || ok && string(l.Normal(pos)) != want {
		t.Fatalf("%q: %v %q (%s), the library says %v %q", raw, got, l.Normal(pos), l.Slot(pos).Why, ok, want)
	}
}

// The fast path takes the numbers that the library takes, in every area code and exchange, and beside them only what
// has the form of a number.
func TestPhoneAgreesWithTheLibrary(t *testing.T) {
	s := typeSchema(t)
	pos, _ := s.Position("phone")
	var l Lead
	l.Reset(s)
	step := 37
	if testing.Short() {
		step = 331
	}
	for area := 200; area < 1000; area++ {
		for exchange := 100 + area%step; exchange < 1000; exchange += step {
			checkPhone(t, &l, pos, fmt.Sprintf("(%d) %d-%04d", area, exchange, area*exchange%10000))
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		checkPhone(r, &l, pos,
			rapid.StringMatching(`\+?1?[ (-]?[2-9][0-9]{2}[) .-]{0,2}[1-9][0-9]{2}[ .-]?[0-9]{3,5}`).Draw(r, "text"))
	})
}

// The table of area codes tells the country that the library tells.
func TestAreaCodesAgreeWithTheLibrary(t *testing.T) {
	used := 0
	for code := 200; code < 1000; code++ {
		a := &areaCodes[code]
		if a.country == "" {
			continue
		}
		used++
		num, err := phonenumbers.Parse(fmt.Sprintf("+1%d5550123", code), "")
		if err != nil {
			t.Fatal(err)
		}
		// of many codes the library takes some exchanges only, of those of kind unknown none
		if !phonenumbers.IsValidNumber(num) {
			continue
		}
		if region := phonenumbers.GetRegionCodeForNumber(num); region != a.country {
			t.Errorf("%d is of %s, the library says %s", code, a.country, region)
		}
		kind := phoneKinds[phonenumbers.GetNumberType(num)]
		if kind != a.kind && !(a.kind == "fixed_or_mobile" && (kind == "mobile" || kind == "fixed")) {
			t.Errorf("%d is %s, the library says %s", code, a.kind, kind)
		}
	}
	if used < 400 {
		t.Fatalf("only %d area codes", used)
	}
}

func FuzzPhone(f *testing.F) {
	s := typeSchema(f)
	pos, _ := s.Position("phone")
	for _, seed := range []string{"2125550123", "+1 (212) 555-0123", "1-876-555-0123", "+18005550123", "8885550123",
		"+ 1 212 555 0123", "(1) 212-555-0123", "212.555.0123/", "1 242 357 0123", "671 646 0123", "+441212555012"} {
		f.Add(seed)
	}
	var l Lead
	l.Reset(s)
	f.Fuzz(func(t *testing.T, text string) { checkPhone(t, &l, pos, text) })
}
