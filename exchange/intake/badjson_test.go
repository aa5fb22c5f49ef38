// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/tidwall/gjson"
)

// What a seller hears of a body that is no JSON object, as it stands in testdata.
func TestBadJSONIsToldWithItsPlace(t *testing.T) {
	datadriven.RunTest(t, "testdata/badjson", func(t *testing.T, d *datadriven.TestData) string {
		body := strings.NewReplacer("\\t", "\t", "EMPTY", "", "ÿ", "\xff").Replace(d.Input)
		var l list
		no := walkJSON([]byte(body), &l)
		if no == nil {
			return "well-formed\n"
		}
		return no.message + "\n"
	})
}

// Whatever is refused has a place, and whatever is well formed has none.
func FuzzBadJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":tru}`, `{"a":"\u12"}`, `{"a":01}`, `{"a":1.}`,
		`[1,2`, `"x"`, "", "{\"a\":\n'b'}", `{"a":1}x`, `{"a":1e}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := jsonPlace{b: body}
		ok := p.value(0) && space(body, p.at) == len(body)
		if valid := gjson.ValidBytes(body); ok != valid && !strings.Contains(p.want, "levels") {
			t.Errorf("%q: valid %v, read %v: %s", body, valid, ok, jsonFault(body))
		}
		if text := jsonFault(body); len(text) > 250 || text == "" {
			t.Errorf("%q: %s", body, text)
		}
	})
}
