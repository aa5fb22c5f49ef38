// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"clearpost/lead"
)

func compileAnswer(t testing.TB, spec string, post bool) *Answer {
	var s Spec
	decode(t, spec, &s)
	a, defects := Compile(&s, post)
	if defects != nil {
		t.Fatal(showDefects(defects))
	}
	return a
}

func propAnswers(t testing.TB) []*Answer {
	const rest = `
success: [{path: status, equals: ok}]
price: {path: price}
token: {path: id}
reference: {path: ref}
reason: {path: why}
reasons: [{match: dup, refusal: duplicate}]
`
	return []*Answer{
		compileAnswer(t, rest, false),
		compileAnswer(t, "format: form"+rest, false),
		compileAnswer(t, strings.Replace("format: text"+rest, "path: status, equals: ok", "matches: accepted", 1),
			false),
		compileAnswer(t, rest, true),
	}
}

// TestTornAnswer: no proper beginning of a success is ever accepted: of JSON in either reading, of a form or a text
// unless its end is proven.
func TestTornAnswer(t *testing.T) {
	as := propAnswers(t)
	rapid.Check(t, func(r *rapid.T) {
		odd := func(label string) string {
			b, err := json.Marshal(rapid.String().Draw(r, label))
			if err != nil {
				r.Fatal(err)
			}
			return string(b)
		}
		price := fmt.Sprintf("%d.%02d", rapid.IntRange(1, 2000).Draw(r, "units"), rapid.IntRange(0, 99).Draw(r,
			"cents"))
		if rapid.Bool().Draw(r, "quoted") {
			price = `"` + price + `"`
		}
		pairs := rapid.Permutation([]string{`"status":"ok"`, `"price" : ` + price, `"id":"t"`, `"x":{"status":` +
			odd("x") + `}`, `"why":` + odd("why")}).Draw(r, "order")
		whole := []byte("{" + strings.Join(pairs, ",\n") + "}")
		for _, a := range []*Answer{as[0], as[3]} {
			if got := a.Read(200, nil, whole); got.Outcome != lead.Accepted || !got.HasPrice {
				r.Fatalf("%s: %+v", whole, got)
			}
			for n := range whole {
				if got := a.Read(200, nil, whole[:n]); got.Outcome == lead.Accepted {
					r.Fatalf("accepted %q", whole[:n])
				}
				if got := a.ReadWhole(200, nil, whole[:n]); got.Outcome == lead.Accepted {
					r.Fatalf("accepted %q", whole[:n])
				}
			}
		}
		price = strings.Trim(price, `"`)
		for i, body := range []string{1: "id=t&status=ok&price=" + price, 2: "id=t accepted price=" + price} {
			if i == 0 {
				continue
			}
			if got := as[i].ReadWhole(200, nil, []byte(body)); got.Outcome != lead.Accepted {
				r.Fatalf("%s: %+v", body, got)
			}
			for n := range len(body) + 1 {
				if got := as[i].Read(200, nil, []byte(body[:n])); got.Outcome == lead.Accepted {
					r.Fatalf("accepted %q", body[:n])
				}
			}
		}
	})
}

// checkReceipt holds a receipt to what must be true of any.
func checkReceipt(t testing.TB, a *Answer, body []byte, r Receipt) {
	t.Helper()
	if (r.Outcome == lead.Accepted) != (r.Refusal == lead.NoRefusal) || r.Rule == "" || r.Outcome == lead.OutcomeNone {
		t.Fatalf("%+v", r)
	}
	if r.HasPrice != (r.Price > 0) || r.Price%lead.Cent != 0 || r.Price > lead.PriceMax {
		t.Fatalf("price of %+v", r)
	}
	if r.Outcome == lead.Accepted && !a.post && (!r.HasPrice || r.Token == nil) {
		t.Fatalf("a ping accepted without price or token: %+v", r)
	}
	for _, v := range []struct {
		text []byte
		max  int
	}{{r.Token, TokenBytesMax}, {r.Reference, ReferenceBytesMax}, {r.Reason, ReasonBytesMax}} {
		if v.text != nil && len(v.text) == 0 || len(v.text) > v.max || !utf8.Valid(v.text) ||
			bytes.ContainsAny(v.text, "\r\n\x00\x7f") {
			t.Fatalf("%q in %q", v.text, body)
		}
	}
}

// checkJSON reads an accepted JSON answer again with encoding/json.
func checkJSON(t testing.TB, body []byte, r Receipt) {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	if err := d.Decode(&m); err != nil || !json.Valid(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))) {
		t.Fatalf("accepted %q: %v", body, err)
	}
	if s, ok := m["status"].(string); !ok || !strings.EqualFold(strings.TrimSpace(s), "ok") {
		t.Fatalf("accepted %q", body)
	}
	if id, ok := m["id"].(string); ok && strings.Count(string(body), "id") == 1 && utf8.Valid(body) {
		if strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r == 0x7f }) || len(id) > TokenBytesMax {
			id = "" // it could not be sent back
		}
		if id != string(r.Token) {
			t.Fatalf("token %q of %q", r.Token, body)
		}
	}
	if n, ok := m["price"].(json.Number); ok && r.HasPrice {
		checkRounded(t, n.String(), r.Price)
	}
}

// checkRounded holds a price to the exact value of its text, rounded to cents.
func checkRounded(t testing.TB, text string, price lead.Money) {
	t.Helper()
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("price %s from %q", price, text)
	}
	off := new(big.Rat).Sub(exact, big.NewRat(int64(price), int64(lead.Unit)))
	// down, but for what a float leaves of a cent
	if off.Cmp(big.NewRat(1, 100)) >= 0 || off.Cmp(big.NewRat(-1, 1_000_000)) < 0 {
		t.Fatalf("price %s from %q", price, text)
	}
}

func FuzzRead(f *testing.F) {
	as := propAnswers(f)
	for _, s := range []string{
		`{"status":"ok","price":22.5,"id":"t"}`, `{"status":"ok","status":"no","price":"$1,234.50","id":7}`,
		`{"st\u0061tus":"OK","price":"12","id":"\ud83d\ude00"}`, `[{"status":"ok"}]`,
		`{"status":"ok","price":1e3,"id":{"a":[]}}`, "status=ok&price=12.5&id=a%2Bb", "accepted price: 12.50 id=x; dup",
		"not accepted", "\xef\xbb\xbf{}", "", "[[[[", `{"why":"a\nb\uD800","ref":-0.5e1}`, "\xff",
		`{"a":"\\","status":"o`,
	} {
		f.Add(uint8(0), 200, []byte(s))
		f.Add(uint8(1), 400, []byte(s))
		f.Add(uint8(2), 200, []byte(s))
		f.Add(uint8(3), 200, []byte(s))
	}
	f.Fuzz(func(t *testing.T, which uint8, status int, body []byte) {
		i := int(which) % len(as)
		a := as[i]
		kept := bytes.Clone(body)
		whole := a.ReadWhole(status, []byte("text/plain"), body)
		checkReceipt(t, a, body, whole)
		torn := a.Read(status, []byte("text/plain"), body)
		checkReceipt(t, a, body, torn)
		if torn.Outcome == lead.Accepted && (a.format != formatJSON || showReceipt(torn) != showReceipt(whole)) {
			t.Fatalf("%q: %+v and %+v", body, torn, whole)
		}
		if whole.Outcome == lead.Accepted {
			if status < 200 || status > 299 {
				t.Fatalf("accepted with status %d", status)
			}
			if a.format == formatJSON {
				checkJSON(t, body, whole)
			}
		}
		if a.Explain(status, nil, body) == "" || !bytes.Equal(kept, body) {
			t.Fatal("no explanation, or the body was changed")
		}
	})
}

// TestParsePrice: what is a price and what is none.
func TestParsePrice(t *testing.T) {
	for _, c := range []struct {
		text  string
		cents bool
		want  string // empty: none
	}{
		{"22.50", false, "22.50"}, {"22.5", false, "22.50"}, {"22", false, "22.00"}, {"$22.50", false, "22.50"},
		{"US$ 22.50", false, "22.50"}, {"usd 22.5", false, "22.50"}, {"22.50 USD", false, "22.50"},
		{"22.50$", false, "22.50"}, {"1,234.50", false, "1234.50"}, {"1,234,567", false, "1234567.00"},
		{".5", false, "0.50"}, {"007", false, "7.00"}, {"17.849999999999998", false, "17.85"}, {"0.005", false, ""},
		{"12.345", false, "12.34"}, {"22.555", false, "22.55"}, {"22.499999999999996", false,
			"22.50"}, {"22.499999", false, "22.50"}, {"22.499998", false, "22.49"}, {"0.009999999", false, "0.01"},
		{"1 234.50", false, "1234.50"}, {"1,234 567", false, ""}, {"1 23", false, ""}, {"12.3449999", false, "12.34"},
		{"0.1", false, "0.10"}, {"10000000", false, "10000000.00"}, {"10000000.01", false, ""},
		{"9999999999999999999999", false, ""}, {"2250", true, "22.50"}, {"2250.4", true, "22.50"},
		{"2250.5", true, "22.50"}, {"2249.9999", true, "22.50"}, {"2249.9998", true, "22.49"}, {"1,000", true, "10.00"},
		{"0.4", true, ""}, {"", false, ""}, {"0", false, ""}, {"0.004", false, ""}, {"-5", false, ""},
		{"+5", false, ""}, {"$-5", false, ""}, {"12.5.0", false, ""}, {"12.", false, ""}, {".", false, ""},
		{"$", false, ""}, {"$$5", false, ""}, {"1e2", false, ""}, {"2.25E1", false, ""}, {"0x10", false, ""},
		{"1,23", false, ""}, {"1234,567", false, ""}, {",123", false, ""}, {"1,234,", false, ""}, {"12,50", false, ""},
		{"1.234,50", false, ""}, {"12 50", false, ""}, {"12.5x", false, ""}, {"€12.50", false, ""},
		{"12.50 EUR", false, ""}, {"NaN", false, ""}, {"Infinity", false, ""}, {"twelve", false, ""}, {"١٢", false, ""},
		{strings.Repeat("0", 41), false, ""}, {"1" + strings.Repeat("0", 39), false, ""},
	} {
		m, _ := parsePrice([]byte(c.text), &moneyForm{cents: c.cents, signs: []string{"US$", "$", "USD"}})
		got := ""
		if m > 0 {
			got = m.String()
		}
		if got != c.want {
			t.Errorf("%q (cents %t): %q, expected %q", c.text, c.cents, got, c.want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,7}(\.[0-9]{1,20})?`).Draw(r, "text")
		if m, _ := parsePrice([]byte(text), &moneyForm{}); m > 0 {
			checkRounded(t, text, m)
		} else if exact, _ := new(big.Rat).SetString(text); exact.Cmp(big.NewRat(1, 100)) >= 0 {
			r.Fatalf("%q is no price", text)
		}
	})
}

// TestAnswerLimits: too much of anything is refused or cut, never an effort without end.
func TestAnswerLimits(t *testing.T) {
	a := propAnswers(t)[0]
	body := func(format string, args ...any) []byte {
		return []byte(`{"status":"ok","price":5,` + fmt.Sprintf(format, args...) + `}`)
	}
	long := strings.Repeat("é", 600)
	for _, c := range []struct {
		body []byte
		want lead.Refusal
	}{
		{body(`"id":"%s"`, strings.Repeat("x", TokenBytesMax)), lead.NoRefusal},
		{body(`"id":"%s"`, strings.Repeat("x", TokenBytesMax+1)), lead.UnclearAnswer},
		{body(`"id":"t","x":"%s"`, strings.Repeat("x", BytesMax)), lead.OversizedAnswer},
		{body(`"id":"t","x":%s%s`, strings.Repeat("[", DepthMax-1), strings.Repeat("]", DepthMax-1)),
			lead.NoRefusal},
		{body(`"id":"t","x":%s%s`, strings.Repeat("[", DepthMax), strings.Repeat("]", DepthMax)),
			lead.MalformedAnswer},
		{body(`"id":"t","x":["%s"]`, strings.Repeat("[", 1000)), lead.NoRefusal},
		{body(`"id":"t","x":[%s{}]`, strings.Repeat("{},", 1000)), lead.NoRefusal},
		{bytes.Repeat([]byte("["), BytesMax), lead.MalformedAnswer},
		{bytes.Repeat([]byte(`{"a":`), BytesMax/5), lead.MalformedAnswer},
		{body(`"id":"t","ref":"%s","why":"%s"`, long, long), lead.NoRefusal},
	} {
		r := a.ReadWhole(200, nil, c.body)
		checkReceipt(t, a, c.body, r)
		if r.Refusal != c.want {
			t.Errorf("%.60q: %s, expected %s", c.body, r.Refusal, c.want)
		}
	}
	r := a.ReadWhole(200, nil, body(`"id":"t","ref":"%s","why":"%s"`, long, long))
	if len(r.Reference) != ReferenceBytesMax || len(r.Reason) != ReasonBytesMax {
		t.Errorf("cut to %d and %d bytes", len(r.Reference), len(r.Reason))
	}
	pairs := "status=ok&price=5&id=t"
	form := propAnswers(t)[1]
	if r := form.ReadWhole(200, nil, []byte(pairs+strings.Repeat("&a=b", FormPairsMax-3))); r.Outcome != lead.Accepted {
		t.Errorf("%+v", r)
	}
	if r := form.ReadWhole(200, nil,
		[]byte(pairs+strings.Repeat("&a=b", FormPairsMax-2))); r.Refusal != lead.MalformedAnswer {
		t.Errorf("%+v", r)
	}
}
