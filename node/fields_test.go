// SPDX-License-Identifier: Apache-2.0

package node

import (
	"clearpost/lead"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// partsVertical and partsBuyer speak of parts, derived fields and a social security number.
const partsVertical = `
id: solar
invalid: refuse
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: state, required: ping, derive: zip.state}
  - {name: dob, type: dob, personal: true}
  - {name: age, type: integer, derive: dob.age}
  - {name: ssn, type: ssn}
  - {name: services, type: list, of: text}
rules:
  - {together: [zip, state]}
sell_limit: 1
`

const partsBuyer = `
id: b
name: b
timezone: America/New_York
allow_private_addresses: true
campaigns:
  - id: b-main
    vertical: solar
    criteria: [{field: zip.prefix, in: [100, 101]}, {field: dob.age, min: 25}, {field: phone.type, not_in: [toll_free]}]
    ping:
      request:
        url: %[1]s/ping
        fields: [{to: state, from: state.name}, {to: age, from: dob.age}, {to: ssn, from: ssn}, {to: services, from: services}]
      answer: {success: [{path: status, equals: ok}], price: {path: price}}
    post:
      request:
        url: %[1]s/post
        fields: [{to: area, from: phone.area}, {to: ext, from: phone.extension}, {to: ssn, from: ssn, format: digits9}, {to: age, from: age}]
      answer: {success: [{path: status, equals: ok}], price: {path: price}}
`

func TestPartsReachCriteriaAndBuyersAndTheSocialSecurityNumberNothingElse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]string{}
	buyer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got[r.URL.Path] = string(b)
		mu.Unlock()
		fmt.Fprint(w, `{"status":"ok","price":25}`)
	}))
	defer buyer.Close()
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("verticals/solar.yaml", partsVertical)
	h.write("buyers/b.yaml", fmt.Sprintf(partsBuyer, buyer.URL))
	h.restart()
	p := h.ping(`{"zip":"10001-1234","dob":"2/29/1984","ssn":"536-22-1234","services":["roof","panels"]}`)
	h.expect(p, 200, lead.ResultSuccess)
	h.restart() // the number is not in the ledger: the post must bring it again
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"(212) 736-5000 x7","ssn":"536221234"}`,
		p.PingID))
	h.expect(a, 200, lead.ResultSuccess)
	mu.Lock()
	if !strings.Contains(got["/ping"], `"state":"New York","age":4`) ||
		!strings.Contains(got["/ping"], `"ssn":"536-22-1234","services":["roof","panels"]`) {
		t.Errorf("the buyer's ping: %s", got["/ping"])
	}
	if !strings.Contains(got["/post"], `"area":"212","ext":"7","ssn":"536221234","age":4`) {
		t.Errorf("the buyer's post: %s", got["/post"])
	}
	mu.Unlock()
	for _, ev := range h.events(p.PingID) {
		if text := string(ev.AppendJSON(nil)); strings.Contains(text, "536-22") || strings.Contains(text, "5362212") {
			t.Errorf("an event holds the number: %s", text)
		}
	}
	var story map[string]any
	if code := h.admin("GET", "/v1/explain/"+p.PingID, nil, &story); code != 200 ||
		strings.Contains(fmt.Sprint(story), "536-22") || strings.Contains(fmt.Sprint(story), "5362212") {
		t.Errorf("explained with %d: %v", code, story)
	}
	for body, want := range map[string]string{
		`{"zip":"90210","dob":"2/29/1984"}`:                      "no_coverage",
		`{"zip":"10001","dob":"1/1/2020"}`:                       "no_coverage",
		`{"zip":"10001","state":"NV"}`:                           "state",
		`{"zip":"10001","ssn":"000-22-1234","services":{"a":1}}`: "ssn services",
	} {
		bad := h.ping(body)
		for _, w := range strings.Fields(want) {
			if bad.Result == lead.ResultSuccess || bad.status == 400 && !strings.Contains(bad.text, `"field":"`+w+
				`"`) {
				t.Errorf("%s: %s", body, bad.text)
			}
		}
		if strings.Contains(bad.text, "000-22") {
			t.Errorf("%s: the number is shown: %s", body, bad.text)
		}
	}
}
