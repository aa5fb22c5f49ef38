// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"clearpost/wire"
)

// FuzzTemplate: any text is a template or a defect; a template renders within its limits, the same each time, and its
// JSON is valid.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{ first_name | upper }} {{ last_name }}",
		`{{ phone | phone "(###) ###-####" | sha256 base64 }}`, "{{ '{{' }}", "{{ city | default 'x' }}",
		`{{ timestamp | date "MM/DD/YYYY hh:mm A" America/New_York }}`, "{{ roof | map Tile 1 other }}", "a{{",
		"{{ | }}", "${env:KEY}", "{{ numbers | join \", \" | ascii }}",
		"{{ bill | number grouped2 | replace ',' '' | number cents }}",
		"{{ notes | substring -3 2 | title | json | url | xml | base64 url }}", "{{ \"\\"} {
		f.Add(s, "Zoë O'Brien")
	}
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, text, value string) {
		spec := Spec{URL: "https://buyer.example/x", Fields: []FieldSpec{{To: "a", Template: text},
			{To: "b", From: "notes", Filters: text}}}
		r, defects := Compile(&spec, s, true, Options{Secrets: testSecrets})
		if r == nil {
			for _, d := range defects {
				if strings.Contains(d.Value+d.Expected, "s3cr") {
					t.Fatalf("a secret in %+v", d)
				}
			}
			spec.Fields = spec.Fields[:1]
			if r, _ = Compile(&spec, s, true, Options{Secrets: testSecrets}); r == nil {
				return
			}
		}
		in := testInputs(fillLead(t, s, map[string]string{"first_name": value, "notes": value, "city": value,
			"phone": value, "bill": value, "numbers": value}))
		in.Token = []byte(value)
		for _, render := range []func([]byte, *Inputs) ([]byte, error){r.AppendHTTP, r.AppendRedacted} {
			out, err := render(nil, in)
			if err != nil {
				continue
			}
			again, _ := render(nil, in)
			if _, body := splitRequest(t, out); !json.Valid(body) || !bytes.Equal(out, again) {
				t.Fatalf("%q: %q", text, body)
			}
		}
	})
}

// TestTemplateLimits: what grows without end is refused, when compiled or when rendered.
func TestTemplateLimits(t *testing.T) {
	s := testSchema(t)
	grow := strings.Repeat(` | replace "a" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, 12)
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Fields: []FieldSpec{{To: "a", Template: "{{ notes" + grow + " }}"}}}, ErrTooLarge.Error()},
		{Spec{Fields: []FieldSpec{{To: "a", From: "notes", Filters: strings.TrimPrefix(grow, " | ")}}},
			ErrTooLarge.Error()},
		{Spec{Headers: wire.Headers{{Name: "X-A", Value: *wire.Text("{{ notes }}{{ notes }}{{ notes }}")}}},
			ErrTooLarge.Error()},
		{Spec{Fields: []FieldSpec{{To: "a", Template: strings.Repeat("x", TemplateBytesMax+1)}}},
			"a template of at most"},
		{Spec{Fields: []FieldSpec{{To: "a", Template: strings.Repeat("{{age}}", ExpressionsMax+1)}}},
			"at most 128 expressions"},
		{Spec{Fields: []FieldSpec{{To: "a", Template: "{{ age " + strings.Repeat("x ", 5000) + "}}"}}},
			"a shorter expression"},
	} {
		c.spec.URL = "https://buyer.example/x"
		r, defects := Compile(&c.spec, s, true, Options{})
		got := showDefects(defects)
		if r != nil {
			_, err := r.AppendHTTP(nil,
				testInputs(fillLead(t, s, map[string]string{"notes": strings.Repeat("a", 2000)})))
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%.60s: %s", c.want, got)
		}
	}
}

// TestASCII: whatever the text is, only ASCII is left of it, and ASCII stays as it is.
func TestASCII(t *testing.T) {
	for in, want := range map[string]string{"José Ñandú": "Jose Nandu", "Straße Æsir œuvre": "Strasse AEsir oeuvre",
		"Łódź Đorđe þorn": "Lodz Dorde thorn", "“a”–b… ½": `"a"-b... 1/2`, "日本 x": " x", "e\u0301": "e", "ﬁ": "fi",
		"Ångström": "Angstrom", "İstanbul": "Istanbul"} {
		if got := string(appendASCII(nil, []byte(in))); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.String().Draw(r, "text")
		got := appendASCII(nil, []byte(s))
		for _, c := range got {
			if c >= utf8.RuneSelf {
				t.Fatalf("%q became %q", s, got)
			}
		}
		if again := appendASCII(nil, got); !bytes.Equal(again, got) {
			t.Fatalf("%q became %q", got, again)
		}
	})
}

// TestSigningAllocatesNothing: hashes with their keys are kept.
func TestSigningAllocatesNothing(t *testing.T) {
	r := compileText(t, `
url: http://buyer.example/{{ lead_id }}
headers: {X-T: "{{ now | date unix }}"}
auth:
  oauth2: {token_url: "http://id.example/t", client_id: me, client_secret: x}
  cookies: true
  hmac: {key: k, header: X-Sig, sign: "{{ path }}{{ body | sha256 }}"}
fields:
- {to: a, template: '{{ first_name | ascii | title }} {{ phone | hmac sha256 "k" }}', when: {field: phone, exists: true}}
`)
	in := inputsFor(t, r, "t", "s")
	in.Bearer, in.Cookies = []byte("tok"), []byte("sid=1")
	dst, err := r.AppendHTTP(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	// under the race detector a pool forgets on purpose
	if n := testing.AllocsPerRun(100, func() { dst, _ = r.AppendHTTP(dst[:0], in) }); n != 0 && !raceOn {
		t.Errorf("%v allocations", n)
	}
}
