// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/ledger"
)

const unfitVertical = `
id: solar
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: source_url}
  - {name: wording, type: text, max_bytes: 16384, personal: true}
  - {name: age, type: integer, min: 18, max: 120}
  - {name: bill, type: money, invalid: drop}
  - {name: roof, type: enum, values: [flat, pitched], invalid: refuse}
  - {name: ssn, type: ssn}
person_key: [phone]
`

// A value that nobody needs and that does not fit costs no lead: it counts as missing, and is told where people look
// for it.
func TestOptionalValueThatDoesNotFitCostsNoLead(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("verticals/solar.yaml", unfitVertical)
	h.restart()
	long := "http://example.com/?q=" + strings.Repeat("x", 2100)
	p := h.ping(fmt.Sprintf(`{"zip":"10001","age":"old","bill":"lots","ssn":"000-22-1234","source_url":%q,"wording":%q,"debug":true}`, long, strings.Repeat("I agree. ", 1000)))
	h.expect(p, 200, ledger.ResultSuccess)
	for _, want := range []string{`{"field":"age","sent":"old","valid":false,"expected":"a whole number","left_out":true}`, `"field":"bill","valid":false`,
		`"field":"wording","sent":"****`, `at most 2048 bytes`} {
		if !strings.Contains(p.text, want) {
			t.Errorf("no %s in %s", want, p.text)
		}
	}
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","opt_in":"perhaps"}`,
		p.PingID))
	h.expect(a, 200, ledger.ResultSuccess)
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
		t.Errorf("%d posts", n)
	}
	ev := last[*ledger.Pinged](h, p.PingID)
	names := func(f ledger.Fields) (out []string) {
		for _, v := range f {
			out = append(out, v.Name)
		}
		slices.Sort(out)
		return out
	}
	if got := names(ev.Unfit); !slices.Equal(got, []string{"age", "bill", "source_url", "ssn"}) {
		t.Errorf("unfit: %v", ev.Unfit)
	}
	if raw, _ := ev.Raw.Get("source_url"); raw != long {
		t.Errorf("the long URL is kept as %q", raw)
	}
	if raw, ok := ev.Raw.Get("bill"); ok {
		t.Errorf("what was to be dropped is kept: %q", raw)
	}
	if _, ok := ev.Fields.Get("age"); ok {
		t.Error("a value that does not fit stands among the fields")
	}
	if text := string(ev.AppendJSON(nil)); strings.Contains(text, "000-22") {
		t.Errorf("an event holds the number: %s", text)
	}
	if post := last[*ledger.Posting](h, p.PingID).Post; !slices.Equal(names(post.Unfit), []string{"opt_in"}) {
		t.Errorf("the post's unfit: %v", post.Unfit)
	}
	var story map[string]any
	if code := h.admin("GET", "/v1/explain/"+p.PingID, nil, &story); code != 200 ||
		!strings.Contains(fmt.Sprint(story["unfit"]), "expected a whole number") ||
		!strings.Contains(fmt.Sprint(story["unfit"]), "opt_in") {
		t.Errorf("explained with %d: %v", code, story["unfit"])
	}
	for body, field := range map[string]string{
		`{"zip":"1"}`:                         "zip",  // required
		`{"zip":"10001","roof":"thatched"}`:   "roof", // the operator wants it so
		`{"zip":"10001","age":20,"Age":"21"}`: "age",  // nobody knows which one counts
	} {
		if bad := h.ping(body); bad.status != 400 || !strings.Contains(bad.text, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", body, bad.text)
		}
	}
	if bad := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"x","age":"old"}`); bad.status != 400 ||
		strings.Contains(bad.text, `"field":"age"`) {
		t.Errorf("a one-shot lead: %s", bad.text)
	}
	one := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365111","age":"old"}`)
	h.expect(one, 200, ledger.ResultSuccess)
	if got := names(last[*ledger.Pinged](h, one.LeadID).Unfit); !slices.Equal(got, []string{"age"}) {
		t.Errorf("a one-shot lead's unfit: %v", got)
	}
}
