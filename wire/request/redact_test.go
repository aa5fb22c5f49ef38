// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNoAuthSecretIsShown: every kind of auth, in every format, with the secret behind a placeholder and written out.
func TestNoAuthSecretIsShown(t *testing.T) {
	const secret = "Pa55-w0rd"
	kinds := map[string]string{
		"header": `{header: {name: X-Key, value: "%s"}}`,
		"basic":  `{basic: {user: me, password: "%s"}}`,
		"bearer": `{bearer: "%s"}`,
		"query":  `{query: {name: key, value: "%s"}}`,
		"body":   `{body: {name: auth.key, value: "%s"}}`,
		"oauth2": `{oauth2: {token_url: "https://id.example/t", client_id: "%[2]s", client_secret: "%[2]s"}, cookies: true}`,
		"hmac":   `{hmac: {key: "%s", header: X-Sig}}`,
		"signed": `{hmac: {key: "%s", query: sig, sign: "{{ method }} {{ path }} {{ body }}"}}`,
	}
	formats := []string{"json", "form", "query", "multipart", "xml", "soap11", "soap12", "text"}
	opt := Options{Secrets: func(string) (string, bool) { return secret, true }}
	s := testSchema(t)
	for kind, auth := range kinds {
		for _, format := range formats {
			for _, value := range []string{"${env:KEY}", secret} {
				text := fmt.Sprintf("url: https://buyer.example/x\nformat: %s\nauth: "+auth, format, value)
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
