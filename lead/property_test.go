// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"math"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func drawMoney(t *rapid.T) Money {
	return Money(rapid.Int64Range(-int64(MoneyMax), int64(MoneyMax)).Draw(t, "money"))
}

func TestMoneyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMoney(t)
		got, err := ParseMoney(m.Append(nil))
		if err != nil || got != m {
			t.Fatalf("%d writes %s, reads %d, %v", m, m, got, err)
		}
		// At least two decimals, and no zero more than that.
		s := m.String()
		dot := strings.IndexByte(s, '.')
		if d := len(s) - dot - 1; dot < 1 || d < 2 || d > 2 && s[len(s)-1] == '0' {
			t.Fatalf("%d writes %s", m, s)
		}
	})
}

func TestMoneyAtTheEnds(t *testing.T) {
	for m, want := range map[Money]string{0: "0.00", 1: "0.000001", -1: "-0.000001", Unit: "1.00", -Cent: "-0.01",
		1<<63 - 1: "9223372036854.775807", -1 << 63: "-9223372036854.775808", 12_340_000: "12.34",
		12_345_000: "12.345"} {
		if got := m.String(); got != want {
			t.Errorf("%d writes %q, want %q", int64(m), got, want)
		}
	}
}

// ParseMoney agrees with exact arithmetic on everything that has the shape of an amount, and refuses the rest.
func TestParseMoneyIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[+-]?[0-9]{0,9}(\.[0-9]{0,9})?`),
			rapid.StringMatching(`[0-9+\-., eE$]{0,12}`)).Draw(t, "text")
		got, err := ParseMoney([]byte(text))
		want, ok := exactMoney(text)
		if (err == nil) != ok || ok && got != want {
			t.Fatalf("%q reads %d, %v; want %d, %v", text, got, err, want, ok)
		}
	})
}

func exactMoney(text string) (Money, bool) {
	if strings.Trim(text, "+-.0123456789") != "" || strings.Trim(text, "+-.") == "" {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(int64(Unit), 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	m := Money(r.Num().Int64())
	return m, m <= MoneyMax && m >= -MoneyMax
}

func TestMulPPMIsExact(t *testing.T) {
	most := big.NewInt(1<<63 - 1)
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Int64Min(0).Draw(t, "m")
		ppm := rapid.OneOf(rapid.Int64Range(0, 1_000_000), rapid.Int64Min(0)).Draw(t, "ppm")
		want := new(big.Int).Mul(big.NewInt(m), big.NewInt(ppm))
		want.Div(want, big.NewInt(1_000_000))
		if want.Cmp(most) > 0 {
			want = most
		}
		if got := Money(m).MulPPM(ppm); int64(got) != want.Int64() {
			t.Fatalf("%d × %d ppm is %d, want %s", m, ppm, got, want)
		}
	})
}

func TestRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMoney(t)
		floor, round := m.FloorCents(), m.RoundCents()
		if floor%Cent != 0 || floor > m || m-floor >= Cent {
			t.Fatalf("%s rounds down to %s", m, floor)
		}
		off := m - round
		if round%Cent != 0 || off > Cent/2 || off < -Cent/2 || off == Cent/2 && m > 0 || off == -Cent/2 && m < 0 {
			t.Fatalf("%s rounds to %s", m, round)
		}
		if (-m).RoundCents() != -round {
			t.Fatalf("%s and its negative round apart", m)
		}
	})
	if got := Money(-1<<63 + int64(Cent)).RoundCents(); got%Cent != 0 {
		t.Fatalf("the least amount rounds to %d", got)
	}
}

func TestIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
			got, err := ParseID(text)
			if err != nil || got != id {
				t.Fatalf("%s reads %v, %v", text, got, err)
			}
		}
		text, err := id.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		back := ID{1}
		if err := back.UnmarshalText(text); err != nil || back != id {
			t.Fatalf("%s reads %v, %v", text, back, err)
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	const good = "018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f"
	for i := range good {
		for _, c := range []byte("g-/:@`\x00") {
			bad := []byte(good)
			if bad[i] == c {
				continue
			}
			bad[i] = c
			if _, err := ParseID(string(bad)); err == nil {
				t.Errorf("%q was read", bad)
			}
		}
	}
	for _, bad := range []string{"", good[1:], good + "0", "{" + good + "}", strings.ReplaceAll(good, "-", "")} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// Every refusal has a name of its own, and its name finds it.
func TestRefusalTable(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range Refusals() {
		if i.Name == "" || i.Published == "" || i.Meaning == "" || seen[i.Name] {
			t.Errorf("refusal %d: %+v", i.Number, i)
		}
		seen[i.Name] = true
		if r, ok := RefusalByName(i.Name); !ok || r != i.Number || r.String() != i.Name {
			t.Errorf("%s is found as %d, %v", i.Name, r, ok)
		}
	}
	if NoRefusal.String() != "none" || Refusal(99).String() != "refusal_99" {
		t.Errorf("%s, %s", NoRefusal, Refusal(99))
	}
}

func TestOutcomeNames(t *testing.T) {
	for o := OutcomeNone; o <= Unknown; o++ {
		if got, err := ParseOutcome(o.String()); err != nil || got != o {
			t.Errorf("%s reads %v, %v", o, got, err)
		}
		if o.Standing() != (o == Accepted || o == Unknown) {
			t.Errorf("%s stands: %v", o, o.Standing())
		}
	}
}

// checkSet sets a value of each type and checks what holds for all: nothing panics, a valid value's normal text sets
// the same value again, and a bad one is explained in clean text.
func checkSet(t *testing.T, s *Schema, raw []byte) {
	var l, again Lead
	l.Reset(s)
	again.Reset(s)
	l.SetNow(testNow)
	again.SetNow(testNow)
	for pos := range s.Fields {
		f := &s.Fields[pos]
		l.Set(pos, raw)
		slot := *l.Slot(pos)
		if slot.State != Valid {
			nothing := len(TrimUnseen(raw)) == 0 || s.absent(pos, f, TrimUnseen(raw))
			if slot.State == Missing != nothing && f.Type != TypeList || len(l.Normal(pos)) != 0 {
				t.Fatalf("%s: %q: state %d, normal %q", f.Name, raw, slot.State, l.Normal(pos))
			}
			continue
		}
		again.Set(pos, l.Normal(pos))
		twice := again.Slot(pos)
		if twice.State != Valid || twice.Num != slot.Num || string(again.Normal(pos)) != string(l.Normal(pos)) {
			t.Fatalf("%s: %q is normally %q (%d), and that is %q (%d, state %d)", f.Name, raw, l.Normal(pos), slot.Num,
				again.Normal(pos), twice.Num, twice.State)
		}
		if !utf8.Valid(l.Normal(pos)) {
			t.Fatalf("%s: %q is normally %q", f.Name, raw, l.Normal(pos))
		}
		checkParts(t, &l, &again, pos)
		if f.Type == TypeURL {
			u, err := url.Parse(string(l.Normal(pos)))
			if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
				t.Fatalf("%q is taken as a URL: %v, %v", raw, u, err)
			}
		}
	}
	for _, p := range l.Problems(AtPing | AtPost) {
		if !utf8.ValidString(p.Value) || strings.ContainsRune(p.Value, 0) || p.Expected == "" {
			t.Fatalf("%q: problem %+v", raw, p)
		}
	}
}

// checkParts holds what is true of every part: it is clean text, its number agrees, and the normal text has the same
// one, but for what only the text as sent tells.
func checkParts(t *testing.T, l, again *Lead, pos int) {
	f := &l.Schema().Fields[pos]
	for _, p := range f.Type.Parts() {
		v, ok := l.AppendPart([]byte("x"), pos, p)
		if v[0] != 'x' || !ok && len(v) != 1 || !utf8.Valid(v) {
			t.Fatalf("%s.%s of %q: %q, %v", f.Name, p, l.Raw(pos), v, ok)
		}
		if p == PartExtension || p == PartPlus4 {
			continue
		}
		if w, okToo := again.AppendPart([]byte("x"), pos, p); string(w) != string(v) || ok != okToo {
			t.Fatalf("%s.%s of %q is %q, of its normal text %q", f.Name, p, l.Raw(pos), v, w)
		}
		n, has := l.PartNum(pos, p)
		switch p.Type() {
		case TypeText:
			if has {
				t.Fatalf("%s.%s has a number", f.Name, p)
			}
		case TypeBoolean:
			if ok != has || ok && (string(v[1:]) == "true") != (n == 1) {
				t.Fatalf("%s.%s of %q is %q and %d", f.Name, p, l.Raw(pos), v, n)
			}
		case TypeInteger:
			if ok != has || ok && string(v[1:]) != strconv.FormatInt(n, 10) {
				t.Fatalf("%s.%s of %q is %q and %d", f.Name, p, l.Raw(pos), v, n)
			}
		}
	}
}

var seeds = []string{"", " ", "x", "(212) 555-0123", "+1 212 555 0123", "Jane@Example.com", "a..b@x.co", "ca", "N.Y.",
	"Québec", "90210-1234", "k1a 0b1", "yes", "-0", "0012", "12.50", "-.5", "1984-03-22", "02/29/1900", "2/29/2000",
	"2026-01-31T15:04:05.5+05:30", "1800-01-01T00:00:00+05:00", "9998-12-31T23:00:00-05:00", "::ffff:203.0.113.9",
	"fe80::1%eth0", "HTTPS://Example.com:443/a b?c=%zz#d", "http://[::1]:80/", "http://a:b@c/", "http://:80",
	"http://x/%", "http://x/#a?%", "25-64", "720+", "under 10", "10k–20k", "500 or more", "$1,234.50", "(100)", "1.2k",
	"Thu, 22 Mar 1984 01:02:03 GMT", "22-Mar-84", "3:04 PM", "Dr. Jan van der Berg, Jr.", "536-22-1234",
	"1-800-FLOWERS", "212-555-0123 x5", "Jane <jane@example.com> (home)", "[\"2125550123\",null,5]", "SW1A 1AA",
	"+44 20 7946 0958", "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567", "geico", "ÉTÉ",
	"a\x00b", "\xff\xfe", "\u0085", "999999999999999", "10000000.000001", "1000000000.000001", "jane@gmail.com\u200b",
	"$1100 per month", "- 5", "1 000", "25000+", "Good (680-719)", "10+ years", "-5 - 5", "18 months - 24 months",
	"18-7-14", "06022014", "google.com/é x", "1.2.3.4:80, 5.6.7.8", "78704 - 1234", "Calif.", "TX - Texas", "\"true\"",
	"foo @bar.com", "N/A", "jane@exämple.com", "Mon Nov 23 2026 18:05:00 GMT-0500 (EST)", "Nov 23 18:05:00 EST 2026",
	"０２１３４"}

func FuzzSet(f *testing.F) {
	s := typeSchema(f)
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkSet(t, s, raw) })
}

// Values that are nearly right, which blind fuzzing seldom makes.
func TestSetNearlyRight(t *testing.T) {
	s := typeSchema(t)
	rapid.Check(t, func(r *rapid.T) {
		checkSet(t, s, []byte(rapid.OneOf(
			rapid.StringMatching(`\+?1?[ (-]?[2-9][0-9]{2}[) .-]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}`),
			rapid.StringMatching(`[a-z.+"]{1,8}@([a-z0-9-]{1,6}\.){1,2}(com|c0m|123|xn--p1ai|-)`),
			rapid.StringMatching(`[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}`),
			rapid.StringMatching(`(1[78]|99|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.,][0-9]{1,10})?(Z|[+-][01][0-9]:[0-5]0)?`),
			rapid.StringMatching(`[A-Za-z][0-9][A-Za-z][ -]{0,2}[0-9][A-Za-z][0-9]|[0-9]{5}[ -]{0,2}([0-9]{4})?`),
			rapid.StringMatching(`[hH]ttps?://[a-z0-9.@:\[\]%_-]{0,10}(/[a-z%0-9# ?]{0,8})?(\?[a-z%0-9#]{0,6})?`),
			rapid.StringMatching(`[0-9a-f:.]{2,20}`),
			rapid.StringMatching(
				`[$-]? ?([0-9]{1,3}[ ,'.]){0,2}[0-9]{1,4}[+%km-]?( (bedrooms|per month|k|million|or [0-9]))?`),
			rapid.StringMatching(
				`([A-Z][a-z]{1,4} )?\(?-?[0-9]{1,3}[+%k]?( ?(-|to|–) ?-?[0-9]{1,3}[%k]?)?( months| years)?\)?`),
			rapid.StringMatching(`[a-z]{1,4} ?@ ?[a-zé]{1,4} ?\. ?com\.?`),
			rapid.StringMatching(
				`[\x{200b}\x{a0}\x{feff}]?[0-9０-９]{1,8}[\x{ad}\x{2011}/-]?[0-9]{0,4}[\x{200b}\x{3000}]?`),
			rapid.SampledFrom(seeds),
			rapid.String(),
		).Draw(r, "raw")))
	})
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range []string{"12.50", "-0.25", ".5", "5.", "10000000.000000", "1000000000.000000", "1e5", "+",
		"00000000000012"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseMoney([]byte(text))
		want, ok := exactMoney(text)
		if (err == nil) != ok || ok && got != want {
			t.Fatalf("%q reads %d, %v; want %d, %v", text, got, err, want, ok)
		}
	})
}

func TestSharePPM(t *testing.T) {
	for _, c := range []struct{ part, whole, want int64 }{
		{0, 5, 0}, {1, 3, 333_333}, {-1, 3, -333_333}, {5, 5, 1_000_000}, {3, 2, 1_500_000},
		{11_000_000_000_000, 12_000_000_000_000, 916_666}, // 11 million dollars of 12
		{math.MaxInt64, math.MaxInt64, 1_000_000}, {math.MinInt64, math.MaxInt64, -1_000_000},
		{math.MaxInt64, 1, math.MaxInt64}, {math.MinInt64, 1, -math.MaxInt64},
	} {
		if got := SharePPM(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.part, c.whole, got, c.want)
		}
	}
}
