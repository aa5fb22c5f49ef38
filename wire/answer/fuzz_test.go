// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// fuzzAnswers fuzzes the specs of one format with the bodies of the corpus that are written for it.
func fuzzAnswers(f *testing.F, format string) {
	cases, as := hostileCases(f)
	var names []string
	for name := range as {
		if strings.HasPrefix(name, format) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		f.Fatalf("no spec of %s", format)
	}
	slices.Sort(names)
	for _, h := range cases {
		if n := slices.Index(names, h.spec); n >= 0 && len(h.body) < 5000 {
			f.Add(uint8(n), h.status, h.contentType, h.body)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, status int, contentType string, body []byte) {
		a := as[names[int(which)%len(names)]]
		kept := bytes.Clone(body)
		whole := a.ReadWhole(status, []byte(contentType), body)
		checkAnyReceipt(t, a, status, body, whole)
		part := a.Read(status, []byte(contentType), body)
		checkAnyReceipt(t, a, status, body, part)
		if part.Outcome == lead.Accepted && showReceipt(part) != showReceipt(whole) {
			t.Fatalf("%q: %+v and %+v", body, part, whole)
		}
		proves := format == "json" || format == "xml" || format == "legs" || format == "inside"
		if part.Outcome == lead.Accepted && !proves && a.auto == nil {
			t.Fatalf("%q: accepted without a proven end", body)
		}
		trace := a.Trace(status, []byte(contentType), body)
		if last := trace[len(trace)-1]; last.Rule != whole.Rule || !last.Matched {
			t.Fatalf("%q: %s decided, the trace ends with %+v", body, whole.Rule, last)
		}
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was changed")
		}
	})
}

// checkAnyReceipt holds a receipt to what must be true of any.
func checkAnyReceipt(t testing.TB, a *Answer, status int, body []byte, r Receipt) {
	t.Helper()
	if (r.Outcome == lead.Accepted) != (r.Refusal == lead.NoRefusal) || r.Rule == "" || r.Outcome == lead.OutcomeNone {
		t.Fatalf("%+v", r)
	}
	if r.Outcome == lead.Accepted && (status < 200 || status > 299 || len(trim(body)) == 0) {
		t.Fatalf("accepted with status %d: %q", status, body)
	}
	if r.Outcome == lead.Accepted && !a.post && !r.HasPrice && len(r.Legs) == 0 {
		t.Fatalf("a bid without a price: %+v", r)
	}
	if r.HasPrice != (r.Price > 0) || r.Price%lead.Cent != 0 || r.Price > lead.PriceMax || len(r.Legs) > LegsMax {
		t.Fatalf("price of %+v", r)
	}
	texts := [][]byte{r.Token, r.Reference, r.Reason, r.Redirect}
	for _, l := range r.Legs {
		if l.Price <= 0 || l.Price%lead.Cent != 0 || l.Price > lead.PriceMax || l.MaxSold < 0 ||
			l.MaxSold > legSoldMax {
			t.Fatalf("leg %+v", l)
		}
		texts = append(texts, l.Brand, l.Token)
	}
	for _, l := range r.Ends {
		if !a.post || r.Outcome != lead.Accepted || l.HasPrice != (l.Price > 0) || l.Price%lead.Cent != 0 ||
			l.Price > lead.PriceMax || l.Outcome != lead.Accepted && l.Outcome != lead.Rejected &&
			l.Outcome != lead.Unknown {
			t.Fatalf("end of a leg %+v", l)
		}
		texts = append(texts, l.Token, l.Reference, l.Reason)
	}
	for _, text := range texts {
		if text != nil && len(text) == 0 || len(text) > RedirectBytesMax || !utf8.Valid(text) ||
			bytes.ContainsAny(text, "\r\n\x00\x7f") {
			t.Fatalf("%q in %q", text, body)
		}
	}
}

func FuzzJSON(f *testing.F)   { fuzzAnswers(f, "json") }
func FuzzLegs(f *testing.F)   { fuzzAnswers(f, "legs") }
func FuzzXML(f *testing.F)    { fuzzAnswers(f, "xml") }
func FuzzHTML(f *testing.F)   { fuzzAnswers(f, "html") }
func FuzzForm(f *testing.F)   { fuzzAnswers(f, "form") }
func FuzzText(f *testing.F)   { fuzzAnswers(f, "text") }
func FuzzAuto(f *testing.F)   { fuzzAnswers(f, "auto") }
func FuzzInside(f *testing.F) { fuzzAnswers(f, "inside") }

// FuzzScanJSON holds the one-pass reader to a decoder that only checks: they agree on what is one JSON document, but
// for its depth.
func FuzzScanJSON(f *testing.F) {
	cases, as := hostileCases(f)
	for _, h := range cases {
		if len(h.body) < 5000 {
			f.Add(h.body)
		}
	}
	plain, wild := as["json-ping"], as["json-any-ping"]
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := gjson.ValidBytes(body)
		for _, a := range []*Answer{plain, wild} {
			g := found{body: body}
			if ok := a.findJSON(&g); ok != valid && (ok || depthOf(body) <= DepthMax) {
				t.Fatalf("%q: read %t, valid %t", body, ok, valid)
			}
			if !valid {
				continue
			}
			for i, p := range g.at {
				if !p.filled() || i >= len(a.paths) || strings.ContainsAny(a.paths[i].text, "[$*") {
					continue
				}
				if want := gjson.GetBytes(body, a.paths[i].text); p.kind == foundNumber && want.Type == gjson.Number &&
					want.Raw != string(g.decode(nil, p)) && !g.twice {
					t.Fatalf("%q: %s is %q, expected %q", body, a.paths[i].text, g.decode(nil, p), want.Raw)
				}
			}
		}
	})
}

// depthOf counts more than is there at worst: brackets in texts count too.
func depthOf(b []byte) int {
	return bytes.Count(b, []byte{'['}) + bytes.Count(b, []byte{'{'})
}
