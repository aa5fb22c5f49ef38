// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"clearpost/lead"
)

const exampleBuyer = `
id: acme
campaigns:
  - id: acme-auto
    vertical: auto
    ping:
      request:
        url: https://acme.example/ping?v=2
        headers: {X-Key: "${env:ACME_KEY}"}
        fields: [{to: ref, from: lead_id}, {to: lead.zip, from: zip}, {to: lead.state, from: state}, {to: at, from: now, format: unix}]
      answer: {success: [{path: ok, equals: true}], price: {path: bid}, token: {path: id}, reason: {path: why}}
    post:
      request:
        url: https://acme.example/post
        format: form
        fields: [{to: id, from: token}, {to: price, from: price}, {to: zip, from: zip}, {to: try, from: attempt_id}, {to: by, from: source}]
      answer: {success: [{path: ok, equals: true}], reference: {path: no}, reason: {path: why}, reasons: [{match: twice, refusal: duplicate}]}
    examples:
`

func exampleBook(t *testing.T, examples string) (*Book, []lead.Defect) {
	t.Helper()
	var spec BuyerSpec
	if err := yaml.Unmarshal([]byte(exampleBuyer+examples), &spec); err != nil {
		t.Fatal(err)
	}
	return Compile([]BuyerSpec{spec}, map[string]*lead.Schema{"auto": testSchema(t)}, Options{
		Secrets: func(string) (string, bool) { return "s3cret", true }})
}

const goodExample = `
      - name: a lead
        lead: {state: California, zip: 90210}
        ping:
          request:
            method: POST
            url: https://acme.example/ping?v=2
            headers: {x-key: "${env:ACME_KEY}", content-type: application/json}
            json: |
              {"ref": "019bc225-4e88-7000-8000-000000000001",
               "lead": {"zip": "90210", "state": "CA"}, "at": 1768489445}
          answer: {type: application/json, body: '{"ok":true,"bid":12.5,"id":"T 1"}'}
          receipt: {outcome: accepted, refusal: none, price: 12500000, token: T 1, reason: "", rule: success}
        post:
          request: {joined: "id=T+1\n  &price=12.50\n  &zip=90210\n&try=019bc225-4e88-7000-8000-000000000002&by=example-source"}
          answer: {body: '{"ok":true,"no":7}'}
          receipt: {reference: "7", price: 0}
      - name: the same lead, given otherwise
        given: {now: 2026-02-01T00:00:00Z, lead_id: 019bc225-4e88-7000-8000-00000000000a, token: t9, price: 3000000, source: s, attempt_id: 019bc225-4e88-7000-8000-00000000000b}
        ping:
          request: {body: '{"ref":"019bc225-4e88-7000-8000-00000000000a","lead":{"zip":"90210","state":"CA"},"at":1769904000}'}
        post:
          request:
            text: |-
              POST /post HTTP/1.1
              Host: acme.example
              User-Agent: clearpost
              Accept: */*
              Content-Type: application/x-www-form-urlencoded
              Connection: close
              Content-Length: 72

              id=t9&price=3.00&zip=90210&try=019bc225-4e88-7000-8000-00000000000b&by=s
      - name: a duplicate
        post:
          answer: {status: 200, body: '{"ok":false,"why":"seen twice"}'}
          receipt: {outcome: duplicate, refusal: duplicate, published: duplicate, reason: seen twice, rule: 'reasons[0]', reference: ""}
`

func TestExamplesThatHold(t *testing.T) {
	book, ds := exampleBook(t, goodExample)
	if ds != nil {
		t.Fatal(ds)
	}
	if ran, failures := book.RunExamples(); ran != 3 || failures != nil {
		t.Errorf("%d ran: %+v", ran, failures)
	}
	x := book.Campaigns[0].Examples
	if !x[0].Own() || x[1].Own() || string(x[2].Lead().Raw(x[0].values[0].pos)) != "California" {
		t.Error("the lead of the first example is not that of the others")
	}
}

func TestExamplesThatDoNotHold(t *testing.T) {
	book, ds := exampleBook(t, strings.NewReplacer("/ping?v=2\n            headers", "/ping?v=3\n            headers",
		`"CA"}, "at"`, `"NV"}, "at"`, "x-key", "x-keys", "method: POST", "method: PUT", "price: 12500000, token",
		"price: 12000000, token", "outcome: duplicate", "outcome: rejected", "id=t9", "id=t8", "price: 0}",
		"price: 1}").Replace(goodExample))
	if ds != nil {
		t.Fatal(ds)
	}
	_, failures := book.RunExamples()
	var got []string
	for _, f := range failures {
		got = append(got, strings.TrimPrefix(f.Path, "[0].campaigns[0].examples"))
		if f.Campaign != "acme-auto" || f.Example == "" || f.Message == "" || f.Expected == f.Actual || f.Diff == "" ||
			strings.Contains(fmt.Sprint(f), "s3cret") {
			t.Errorf("failure %+v", f)
		}
	}
	want := []string{"[0].ping.request.method", "[0].ping.request.url", "[0].ping.request.headers.x-keys",
		"[0].ping.request.json", "[0].ping.receipt", "[0].post.receipt", "[1].post.request.text", "[2].post.receipt"}
	if !slices.Equal(got, want) {
		t.Fatalf("failures at\n%q, expected\n%q", got, want)
	}
	if d := failures[3].Diff; !strings.Contains(d, "\n-    \"state\": \"NV\"\n+    \"state\": \"CA\"\n") ||
		!strings.Contains(d, `"state":"NV"`) || !strings.HasSuffix(d, "^\n") {
		t.Errorf("the diff of a body:\n%s", d)
	}
	if d := failures[4].Diff; !strings.Contains(d, "-price: 12.00\n+price: 12.50\n") ||
		!strings.Contains(failures[7].Message, "reasons[0]") {
		t.Errorf("the diff of a receipt:\n%s", d)
	}
}

func TestExamplesWithDefects(t *testing.T) {
	for _, c := range []struct{ example, path, value string }{
		{"{lead: {zip: 90210}, ping: {request: {method: GET}}}", "name", ""},
		{"{name: x, lead: {zipp: 90210}, ping: {request: {method: GET}}}", "lead.zipp", "zipp"},
		{"{name: x, lead: {zip: {a: 1}}, ping: {request: {method: GET}}}", "lead.zip", ""},
		{"{name: x, lead: 7, ping: {request: {method: GET}}}", "lead", "7"},
		{"{name: x, ping: {request: {method: GET}}}", "lead", ""},
		{"{name: x}", "", ""},
		{"{name: x, ping: {}}", "ping", ""},
		{"{name: x, ping: {answer: {body: '{}'}}}", "ping.receipt", ""},
		{"{name: x, lead: {zip: 1}, ping: {request: {method: GET}, receipt: {outcome: accepted}}}", "ping.answer", ""},
		{"{name: x, ping: {answer: {status: 99}, receipt: {outcome: rejected}}}", "ping.answer.status", "99"},
		{"{name: x, ping: {answer: {headers: {A: [1]}}, receipt: {outcome: rejected}}}", "ping.answer.headers", "A"},
		{"{name: x, ping: {answer: {}, receipt: {}}}", "ping.receipt", ""},
		{"{name: x, ping: {answer: {}, receipt: {outcome: sold}}}", "ping.receipt.outcome", "sold"},
		{"{name: x, ping: {answer: {}, receipt: {refusal: sold}}}", "ping.receipt.refusal", "sold"},
		{"{name: x, ping: {answer: {}, receipt: {price: -1000000}}}", "ping.receipt.price", "-1.00"},
		{"{name: x, lead: {zip: 1}, ping: {request: {}}}", "ping.request", ""},
		{"{name: x, lead: {zip: 1}, ping: {request: {body: a, json: '1'}}}", "ping.request", ""},
		{"{name: x, lead: {zip: 1}, ping: {request: {text: a, method: GET}}}", "ping.request.text", ""},
		{"{name: x, lead: {zip: 1}, ping: {request: {json: '{'}}}", "ping.request.json", ""},
		{"{name: x, lead: {zip: 1}, ping: {request: {headers: {A: [1]}}}}", "ping.request.headers", "A"},
		{"{name: x, lead: {zip: 1}, given: {now: noon}, ping: {request: {method: GET}}}", "given.now", "noon"},
		{"{name: x, lead: {zip: 1}, given: {lead_id: a}, ping: {request: {method: GET}}}", "given.lead_id", "a"},
		{"{name: x, lead: {zip: 1}, given: {attempt_id: a}, ping: {request: {method: GET}}}", "given.attempt_id", "a"},
		{"{name: x, lead: {zip: 1}, given: {token: " + strings.Repeat("t", 513) + "}, ping: {request: {method: GET}}}",
			"given.token", ""},
		{"{name: x, lead: {zip: " + strings.Repeat("1", 2049) + "}, ping: {request: {method: GET}}}", "lead.zip", ""},
	} {
		_, ds := exampleBook(t, "      - "+c.example+"\n")
		at := strings.TrimSuffix("[0].campaigns[0].examples[0]."+c.path, ".")
		if len(ds) != 1 || ds[0].Path != at || c.value != "" && ds[0].Value != c.value || ds[0].Expected == "" {
			t.Errorf("%.100s: %v, expected one at %s", c.example, ds, at)
		}
	}
	if _, ds := exampleBook(t, strings.Repeat("      - {name: x}\n", ExamplesMax+1)); len(ds) != 1 ||
		!strings.HasSuffix(ds[0].Path, ".examples") {
		t.Errorf("too many: %v", ds)
	}
	two := "      - {name: x, ping: {answer: {}, receipt: {refusal: no_bid}}}\n"
	if _, ds := exampleBook(t, two+two); len(ds) != 1 || !strings.HasSuffix(ds[0].Path, "[1].name") {
		t.Errorf("one name twice: %v", ds)
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ want, got, diff string }{
		{"a", "a", ""},
		{"one two", "one too",
			"the first difference is at byte 5:\n  expected: one two\n  actual:   one too\n                 ^\n"},
		{"é\tx", "é\ty",
			"the first difference is at byte 3:\n  expected: é\\tx\n  actual:   é\\ty\n               ^\n"},
		{"", "x", "the first difference is at byte 0:\n  expected: \n  actual:   x\n            ^\n"},
		{"x: 1\n", "x: 2\n", "--- expected\n+++ actual\n@@ -1 +1 @@\n-x: 1\n+x: 2\n"},
	} {
		if d := Diff(c.want, c.got); d != c.diff {
			t.Errorf("%q, %q:\n%s\nexpected\n%s", c.want, c.got, d, c.diff)
		}
	}
	if d := Diff(`{"a": 1}`, `{"a":1}`); !strings.Contains(d, "byte 5") {
		t.Errorf("bodies that differ in space alone:\n%s", d)
	}
}
