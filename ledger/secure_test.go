// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"testing"

	"github.com/goccy/go-json"
)

func TestSplitPrivate(t *testing.T) {
	for _, c := range []struct{ in, rest, private string }{
		{`{"kind":"pinged","private":{"fields":{"phone":"+1"}}}`, `{"kind":"pinged"}`, `{"fields":{"phone":"+1"}}`},
		{`{"kind":"pinged","private":{"a":["}",{"b":"\"]"}]},"z":1}`, `{"kind":"pinged","z":1}`,
			`{"a":["}",{"b":"\"]"}]}`},
		{`{"kind":"x","why":",\"private\":{}","post":{"x":1,"private":2},"private":{}}`,
			`{"kind":"x","why":",\"private\":{}","post":{"x":1,"private":2}}`, `{}`},
		{`{"kind":"adjusted","why":"w"}`, `{"kind":"adjusted","why":"w"}`, ``},
		{`{"a":1,"private":null}`, `{"a":1}`, `null`},
	} {
		rest, private := splitPrivate([]byte(c.in))
		if string(rest) != c.rest || string(private) != c.private {
			t.Errorf("%s: %s and %s", c.in, rest, private)
		}
	}
}

// FuzzSplitPrivate holds the split to a JSON reader: of any event's text nothing is lost and nothing personal stays.
func FuzzSplitPrivate(f *testing.F) {
	f.Add("Jane", `","private":{"x":1}`, "+12125550123")
	f.Add("\\", `}]"`, "{")
	f.Fuzz(func(t *testing.T, name, details, value string) {
		p := ping(testID(1, 1))
		p.Details, p.Fields = details, Fields{{name, details}}
		p.Private.Fields = Fields{{name, value}, {"phone", "+12125550123"}}
		whole := p.AppendJSON(nil)
		rest, private := splitPrivate(whole)
		var all, left, apart map[string]any
		if json.Unmarshal(whole, &all) != nil {
			t.Skip("no JSON") // a field's name may be anything here, twice the same included
		}
		if json.Unmarshal(rest, &left) != nil || json.Unmarshal(private, &apart) != nil {
			t.Fatalf("%s: %s and %s", whole, rest, private)
		}
		if _, still := left["private"]; still || len(left) != len(all)-1 {
			t.Fatalf("%s leaves %s", whole, rest)
		}
		if !bytes.Contains(private, []byte("+12125550123")) {
			t.Fatalf("the private part of %s is %s", whole, private)
		}
	})
}
