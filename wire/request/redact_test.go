// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// authPages has a page of each row of the table of schemes, with gaps for the secret.
var authPages = map[string]string{
	"header":  `{header: {name: X-Key, value: "%[1]s"}}`,
	"basic":   `{basic: {user: me, password: "%[1]s"}}`,
	"bearer":  `{bearer: "%[1]s"}`,
	"query":   `{query: {name: key, value: "%[1]s"}}`,
	"body":    `{body: {name: auth.key, value: "%[1]s"}}`,
	"oauth2":  `{oauth2: {token_url: "https://id.example/t", client_id: "%[1]s", client_secret: "%[1]s"}}`,
	"cookies": `{cookies: true, header: {name: X-Key, value: "%[1]s"}}`,
	"hmac":    `{hmac: {key: "%[1]s", header: X-Sig}}`,
	"signed":  `{hmac: {key: "%[1]s", query: sig, sign: "{{ method }} {{ path }} {{ body }}"}}`,
}

// TestEverySchemeIsARow: the table of schemes and the keys of auth are the same, and each has a page that
// TestNoAuthSecretIsShown takes.
func TestEverySchemeIsARow(t *testing.T) {
	keys := map[string]bool{}
	for i := range reflect.TypeFor[AuthSpec]().NumField() {
		keys[reflect.TypeFor[AuthSpec]().Field(i).Tag.Get("yaml")] = true
	}
	for i := range schemes {
		s := &schemes[i]
		if !keys[s.key] {
			t.Errorf("%s: a row of the table, and no key of AuthSpec of its own", s.key)
		}
		delete(keys, s.key)
		if (s.head == nil) != (s.redact == nil) || s.compile == nil && s.body == nil {
			t.Errorf("%s: a row without what it needs", s.key)
		}
		var spec Spec
		decode(t, fmt.Sprintf("auth: "+authPages[s.key], "x"), &spec)
		if spec.Auth == nil || !s.given(spec.Auth) {
			t.Errorf("%s: no page in this file has it", s.key)
		}
		for other := range schemes {
			if o := &schemes[other]; o != s && spec.Auth != nil && s.key != "cookies" && o.given(spec.Auth) {
				t.Errorf("%s: its page has %s too", s.key, o.key)
			}
		}
	}
	for key := range keys {
		t.Errorf("%s: a key of AuthSpec without a row in the table", key)
	}
}

// TestNoAuthSecretIsShown: every kind of auth, in every format, with the secret behind a placeholder and written out.
func TestNoAuthSecretIsShown(t *testing.T) {
	const secret = "Pa55-w0rd"
	formats := []string{"json", "form", "query", "multipart", "xml", "soap11", "soap12", "text"}
	opt := Options{Secrets: func(string) (string, bool) { return secret, true }}
	s := testSchema(t)
	for kind, auth := range authPages {
		for _, format := range formats {
			for _, value := range []string{"${env:KEY}", secret} {
				text := "url: https://buyer.example/x\nformat: " + format + "\nauth: " + fmt.Sprintf(auth, value)
				switch {
				case format == "text" && kind == "body":
					continue
				case format == "text":
					text += "\nbody: \"{{ zip }} ${env:KEY}\""
				case format == "xml" || strings.HasPrefix(format, "soap"):
					text += "\nxml: {root: Lead}\nfields: [{to: a, value: \"${env:KEY}\"}]"
				default:
					text += "\nfields: [{to: a, value: \"${env:KEY}\"}]"
				}
				var spec Spec
				decode(t, text, &spec)
				r, defects := Compile(&spec, s, true, opt)
				if r == nil {
					t.Fatalf("%s, %s: %s", kind, format, showDefects(defects))
				}
				if o := r.OAuth2(); (o != nil) != (kind == "oauth2") || o != nil && (o.ClientSecret != secret ||
					strings.Contains(fmt.Sprintf("%v %+v %#v", o, o, o), secret)) {
					t.Errorf("%s: %v", kind, o)
				}
				in := testInputs(fillLead(t, s, map[string]string{"zip": "10001"}))
				in.Bearer, in.Cookies = []byte(secret), []byte("sid="+secret)
				red, err := r.AppendRedacted(nil, in)
				if err != nil || strings.Contains(string(red), secret) || strings.Contains(string(red), "UGE1NS") {
					t.Errorf("%s, %s: %v %s", kind, format, err, red)
				}
				splitRequest(t, red)
				whole, err := r.AppendHTTP(nil, in)
				if err != nil || len(whole) == 0 || string(whole) == string(red) {
					t.Errorf("%s, %s: %v %s", kind, format, err, whole)
				}
			}
		}
	}
}

// TestSegmentsAreTheTree: the short way of writing JSON writes what the tree does, whatever is missing.
func TestSegmentsAreTheTree(t *testing.T) {
	s := testSchema(t)
	sources := []string{"from: first_name", "from: age", "from: phone", "from: state, format: name", "from: own_home",
		"value: 1", "from: city, missing: empty", "from: token", "from: zip, default: x",
		"from: date_of_birth, format: unix", "from: numbers", "from: city, missing: json_null", `value: "${env:KEY}"`,
		"from: zip, when: {field: city, exists: true}", "from: lead_id", `template: "{{ city }}"`,
		"from: roof, map: {Tile: 1}"}
	given := map[string]string{"first_name": "Zoë \"", "age": "42", "phone": "5551234567", "state": "NY",
		"own_home": "no", "city": "Berlin", "zip": "10001", "date_of_birth": "1984-03-22", "numbers": "212-555-0123",
		"roof": "tile"}
	rapid.Check(t, func(r *rapid.T) {
		text := "url: https://buyer.example/x\nfields:\n"
		for i := range rapid.IntRange(1, 12).Draw(r, "fields") {
			path := ""
			for range rapid.IntRange(0, 3).Draw(r, "depth") {
				path += rapid.SampledFrom([]string{"a.", "b.", "l[0]."}).Draw(r, "step")
			}
			text += fmt.Sprintf("- {to: \"%sf%d\", %s}\n", path, i, rapid.SampledFrom(sources).Draw(r, "source"))
		}
		var spec Spec
		decode(t, text, &spec)
		req, defects := Compile(&spec, s, true, Options{Secrets: testSecrets})
		if req == nil {
			t.Fatalf("%s\n%s", text, showDefects(defects))
		}
		l := map[string]string{}
		for name, v := range given {
			if rapid.Bool().Draw(r, name) {
				l[name] = v
			}
		}
		in := testInputs(fillLead(t, s, l))
		if rapid.Bool().Draw(r, "bare") {
			*in = Inputs{Lead: in.Lead}
		}
		tree := *req
		tree.segs = segments{}
		for _, redact := range []bool{false, true} {
			got, err := req.appendAll(nil, &pass{Inputs: in, redact: redact})
			want, err2 := tree.appendAll(nil, &pass{Inputs: in, redact: redact})
			if err != nil || err2 != nil || string(got) != string(want) {
				t.Fatalf("%v, %v\n%s\n%s\n%s", err, err2, text, got, want)
			}
		}
	})
}
