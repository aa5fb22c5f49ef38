// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clearpost/lead"
	"clearpost/wire"
)

const propFields = `
- {to: token, from: token}
- {to: "deep.source[0]", from: source, missing: empty}
- {to: vertical, from: vertical, missing: empty}
- {to: "k\"e\ny", from: notes}
- {to: notes, from: notes, format: upper}
- {to: first, from: first_name, format: lower}
- {to: phone, from: phone, format: "\"#####\\#####&="}
- {to: dob, from: date_of_birth, format: "MM/DD YYYY"}
- {to: secret, value: "${env:KEY}"}
- {to: bill, from: bill}
- {to: price, from: price}
- {to: age, from: age, type: string, default: "?"}
`

// propRequests are a JSON, a form and a query request with the same fields.
func propRequests(t testing.TB, s *lead.Schema) (j, f, q *Request) {
	compile := func(method, format, fields string) *Request {
		var spec Spec
		decode(t, "method: "+method+"\nformat: "+format+
			"\nurl: http://buyer.example/x?k=${env:KEY}\nheaders: {X-Key: \"${env:NUMBER}\"}\nfields:"+fields, &spec)
		r, defects := Compile(&spec, s, true, Options{Secrets: testSecrets})
		if defects != nil {
			t.Fatal(showDefects(defects))
		}
		return r
	}
	plain := strings.ReplaceAll(propFields, `e\ny`, "ey")
	return compile("POST", "json", propFields), compile("PUT", "form", plain), compile("GET", "query", plain)
}

// checkRequests renders the inputs in all three ways and holds the results to what went in.
func checkRequests(t testing.TB, j, f, q *Request, in *Inputs) {
	t.Helper()
	out, err := j.AppendHTTP([]byte("kept"), in)
	if err != nil || !bytes.HasPrefix(out, []byte("kept")) {
		t.Fatalf("%q, %v", out, err)
	}
	_, body := splitRequest(t, out[4:])
	var got struct {
		Token    *string
		Vertical string
		Deep     struct{ Source []string }
		Secret   string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	if (got.Token == nil) != (len(in.Token) == 0) || got.Token != nil &&
		*got.Token != throughJSON(t, string(in.Token)) {
		t.Fatalf("token %q became %v in %s", in.Token, got.Token, body)
	}
	if got.Vertical != throughJSON(t, in.Vertical) || len(got.Deep.Source) != 1 ||
		got.Deep.Source[0] != throughJSON(t, in.Source) {
		t.Fatalf("%q, %q became %q, %q", in.Vertical, in.Source, got.Vertical, got.Deep.Source)
	}
	pos, _ := in.Lead.Schema().Position("notes")
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	if notes, v := in.Lead.Normal(pos), all["k\"e\ny"]; v == nil && len(notes) > 0 || v != nil && v != string(notes) {
		t.Fatalf("notes %q became %v", notes, v)
	}
	if secret, _ := testSecrets("${env:KEY}"); got.Secret != secret {
		t.Fatalf("secret became %q", got.Secret)
	}

	out, err = f.AppendHTTP(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	_, body = splitRequest(t, out)
	checkForm(t, string(body), in)

	out, err = q.AppendHTTP(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	head, _ := splitRequest(t, out)
	target := strings.Split(head, " ")[1]
	if !strings.HasPrefix(head, "GET "+target+" HTTP/1.1\r\n") {
		t.Fatalf("the target of %q has spaces", head)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	checkForm(t, u.RawQuery, in)

	for _, r := range []*Request{j, f, q} {
		red, err := r.AppendRedacted(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		splitRequest(t, red)
		for _, secret := range []string{"s3cr", "X-Key: 42"} {
			if bytes.Contains(red, []byte(secret)) && !strings.Contains(in.Source+in.Vertical+string(in.Token),
				"s3cr") {
				t.Fatalf("a secret in %q", red)
			}
		}
	}
}

func checkForm(t testing.TB, text string, in *Inputs) {
	t.Helper()
	v, err := url.ParseQuery(text)
	if err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	if v.Get("token") != string(in.Token) || v.Get("deep.source[0]") != in.Source || v.Get("vertical") != in.Vertical {
		t.Fatalf("%q, %q, %q became %q", in.Token, in.Source, in.Vertical, text)
	}
	if v.Has("token") != (len(in.Token) > 0) || !v.Has("vertical") {
		t.Fatalf("omitted or not: %q", text)
	}
	if secret, _ := testSecrets("${env:KEY}"); v.Get("secret") != secret {
		t.Fatalf("secret became %q", v.Get("secret"))
	}
}

// throughJSON is what encoding/json makes of a text.
func throughJSON(t testing.TB, s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var out string
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func propInputs(t testing.TB, s *lead.Schema, token []byte, source, name, phone, birth, notes string, price,
	micros int64) *Inputs {
	l := fillLead(t, s, map[string]string{"first_name": name, "phone": phone, "date_of_birth": birth, "notes": notes,
		"bill": "12.5"})
	return &Inputs{Lead: l, Token: token, Source: source, Vertical: name, Price: lead.Money(price),
		Now: time.UnixMicro(micros)}
}

// TestRequestRoundTrip: whatever the values are, a body is valid and says what went in, and nothing breaks out of the
// head.
func TestRequestRoundTrip(t *testing.T) {
	s := testSchema(t)
	j, f, q := propRequests(t, s)
	odd := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string {
		return string(b)
	}),
		rapid.SampledFrom([]string{"a\r\nX: y", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xff\xfe", "\xed\xa0\x80", "😀é\u2028",
			"a&b=c%20+d", "${env:KEY}", "</script>"}))
	rapid.Check(t, func(r *rapid.T) {
		in := propInputs(t, s, []byte(odd.Draw(r, "token")), odd.Draw(r, "source"), odd.Draw(r, "name"),
			odd.Draw(r, "phone"), odd.Draw(r, "birth"), odd.Draw(r, "notes"), rapid.Int64().Draw(r, "price"),
			rapid.Int64Range(0, 4e15).Draw(r, "now"))
		checkRequests(t, j, f, q, in)
	})
}

func FuzzAppendHTTP(f *testing.F) {
	s := testSchema(f)
	j, form, q := propRequests(f, s)
	f.Add([]byte("tok"), "acme", "John", "5551234567", "1984-03-22", "note", int64(22_500_000),
		int64(1_800_000_000_000_000))
	f.Add([]byte("a\r\nX: y"), "\x00", "Zoë\xff", "+1 (212) 555-0123", "3/22/1984", "\"\\\u2028😀", int64(-1), int64(0))
	f.Add([]byte{}, "", "", "", "", "", int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, token []byte, source, name, phone, birth, notes string, price, micros int64) {
		if len(token)+len(source)+len(name) > 1<<13 || micros < 0 || micros > 4e15 {
			return
		}
		checkRequests(t, j, form, q, propInputs(t, s, token, source, name, phone, birth, notes, price, micros))
	})
}

// TestRequestLimits: too large a request, and a lead of another schema, append nothing.
func TestRequestLimits(t *testing.T) {
	s := testSchema(t)
	j, _, _ := propRequests(t, s)
	in := testInputs(fillLead(t, s, nil))
	in.Token = bytes.Repeat([]byte{0}, BytesMax)
	if out, err := j.AppendHTTP([]byte("kept"), in); !errors.Is(err, ErrTooLarge) || string(out) != "kept" {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	in = testInputs(fillLead(t, testSchema(t), nil))
	if out, err := j.AppendHTTP([]byte("kept"), in); !errors.Is(err, ErrSchema) || string(out) != "kept" {
		t.Fatalf("%q, %v", out, err)
	}
	var spec Spec
	spec.URL = "http://buyer.example/" + strings.Repeat("x", URLBytesMax)
	spec.Fields = make([]FieldSpec, FieldsMax+1)
	for range HeadersMax + 1 {
		spec.Headers = append(spec.Headers, wire.Header{Name: "X", Value: *wire.Text("y")})
	}
	_, defects := Compile(&spec, s, true, Options{})
	var paths []string
	for _, d := range defects {
		paths = append(paths, d.Path)
	}
	if got := strings.Join(paths, " "); got != "url headers fields" {
		t.Fatal(showDefects(defects))
	}
}
