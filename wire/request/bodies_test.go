// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// oddText is text that breaks what is not escaped.
func oddText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string {
		return string(b)
	}),
		rapid.SampledFrom([]string{"a\r\nX: y", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xff\xfe", "\xed\xa0\x80", "😀é\u2028",
			"a&b=c%20+d", "${env:KEY}", "{{ token }}", "</Lead>", "]]>", "]]]]>>", "<![CDATA[", "<!--", "&amp;",
			"\ufffe\uffff", "\r", "\r\n", "..", ".", "/", "a/../b", "?x#y", "--clearpost-",
			"--clearpost-018f3c2e7c1a7e559d6b0a1b2c3d4e60-a",
			"clearpost-018f3c2e7c1a7e559d6b0a1b2c3d4e60-a\r\n--clearpost-018f3c2e7c1a7e559d6b0a1b2c3d4e60-b"}))
}

func compileText(t testing.TB, text string) *Request {
	t.Helper()
	var spec Spec
	decode(t, text, &spec)
	r, defects := Compile(&spec, testSchema(t), true, Options{Secrets: testSecrets})
	if defects != nil {
		t.Fatal(showDefects(defects))
	}
	return r
}

// inputsFor are inputs of the request's own schema with an odd token and source.
func inputsFor(t testing.TB, r *Request, token, source string) *Inputs {
	in := testInputs(fillLead(t, r.schema, map[string]string{"first_name": "John", "phone": "5551234567"}))
	in.Token, in.Source = []byte(token), source
	return in
}

// throughXML is what an XML document can hold of a text.
func throughXML(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// parsed renders a request and has it read by the standard library's server side.
func parsed(t testing.TB, r *Request, in *Inputs) (*http.Request, []byte) {
	t.Helper()
	out, err := r.AppendHTTP([]byte("kept"), in)
	if err != nil {
		t.Fatal(err)
	}
	splitRequest(t, out[4:])
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out[4:])))
	if err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil || req.ContentLength != int64(len(body)) {
		t.Fatalf("%v, %d of %d: %q", err, len(body), req.ContentLength, out)
	}
	return req, body
}

// TestXMLRoundTrip: whatever the values are, the document is well-formed and a standard parser reads them back.
func TestXMLRoundTrip(t *testing.T) {
	fields := `
- {to: a.@attr, from: token}
- {to: a, from: token}
- {to: "b[0]", from: token, cdata: true}
- {to: "b[1]", from: source, missing: empty}
- {to: c, template: "<{{ source }}>{{ token }}"}
- {to: d, value: "${env:KEY}"}
`
	plain := compileText(t, "url: http://buyer.example\nformat: xml\nxml: {root: Lead}\nfields:"+fields)
	soap := compileText(t, "url: http://buyer.example\nformat: soap12\nxml: {root: Lead}\nfields:"+fields+
		"- {to: k, in: soap_header, from: token}\n")
	rapid.Check(t, func(r *rapid.T) {
		token, source := oddText().Draw(r, "token"), oddText().Draw(r, "source")
		type lead struct {
			A struct {
				Attr string `xml:"attr,attr"`
				Text string `xml:",chardata"`
			} `xml:"a"`
			B []string `xml:"b"`
			C string   `xml:"c"`
			D string   `xml:"d"`
		}
		check := func(got lead, body []byte) {
			want := throughXML(token)
			if token != "" && (got.A.Attr != want || got.A.Text != want || got.B[0] != want) ||
				got.B[len(got.B)-1] != throughXML(source) || got.D != "s3cr&t\"/\\ü" {
				t.Fatalf("%q, %q became %+v in %s", token, source, got, body)
			}
			if all := throughXML("<" + source + ">" + token); token+source != "" && got.C != all {
				t.Fatalf("%q became %q", all, got.C)
			}
		}
		var got lead
		_, body := parsed(t, plain, inputsFor(t, plain, token, source))
		if err := xml.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		check(got, body)
		var envelope struct {
			Key  string `xml:"Header>k"`
			Lead lead   `xml:"Body>Lead"`
		}
		_, body = parsed(t, soap, inputsFor(t, soap, token, source))
		if err := xml.Unmarshal(body, &envelope); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		check(envelope.Lead, body)
		if envelope.Key != throughXML(token) {
			t.Fatalf("%q became %q", token, envelope.Key)
		}
	})
}

// TestMultipartRoundTrip: no value ends its part, the boundary itself included.
func TestMultipartRoundTrip(t *testing.T) {
	m := compileText(t, `
url: http://buyer.example/{{ token }}?s={{ source }}
format: multipart
wrap: {in: doc, format: json}
headers: {X-Source: "{{ source }}", X-Token: "a {{ token }}"}
fields:
- {to: token, from: token}
- {to: source, in: form, from: source, missing: empty}
- {to: token, in: form, from: token}
- {to: q, in: query, from: token}
`)
	rapid.Check(t, func(r *rapid.T) {
		token, source := oddText().Draw(r, "token"), oddText().Draw(r, "source")
		in := inputsFor(t, m, token, source)
		if _, err := m.AppendHTTP(nil, in); err != nil {
			if !errors.Is(err, ErrPath) || token != "." && token != ".." {
				t.Fatalf("%q: %v", token, err)
			}
			return
		}
		req, body := parsed(t, m, in)
		if req.URL.Path != "/"+token || req.URL.Query().Get("s") != source || req.URL.Query().Get("q") != token {
			t.Fatalf("%q, %q became %q", token, source, req.RequestURI)
		}
		if len(req.Header) > 6 {
			t.Fatalf("a header broke out: %v", req.Header)
		}
		_, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatalf("%v: %q", err, body)
		}
		if form.Value["source"][0] != source || token != "" && form.Value["token"][0] != token || len(form.Value) > 3 {
			t.Fatalf("%q, %q became %q", token, source, form.Value)
		}
		var doc map[string]string
		if err := json.Unmarshal([]byte(form.Value["doc"][0]), &doc); err != nil ||
			doc["token"] != throughJSON(t, token) && token != "" {
			t.Fatalf("%v: %q became %q", err, token, form.Value["doc"])
		}
	})
}

// TestWrappedRoundTrip: an XML document within a form survives both.
func TestWrappedRoundTrip(t *testing.T) {
	w := compileText(t, `
url: http://buyer.example/
format: form
wrap: {in: data, format: xml}
xml: {root: Lead}
fields:
- {to: a.@b, from: token}
- {to: key, in: form, from: token}
`)
	rapid.Check(t, func(r *rapid.T) {
		token := oddText().Draw(r, "token")
		_, body := parsed(t, w, inputsFor(t, w, token, ""))
		v, err := url.ParseQuery(string(body))
		if err != nil || v.Get("key") != token {
			t.Fatalf("%v: %q became %q", err, token, body)
		}
		var got struct {
			A struct {
				B string `xml:"b,attr"`
			} `xml:"a"`
		}
		if err := xml.Unmarshal([]byte(v.Get("data")), &got); err != nil || got.A.B != throughXML(token) {
			t.Fatalf("%v: %q became %q in %s", err, token, got.A.B, body)
		}
	})
}
