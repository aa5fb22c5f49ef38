// SPDX-License-Identifier: Apache-2.0

package conform_test

import (
	"net/http"
	"strings"
	"testing"
)

// A mock tells which leads the exchange would not have sent, however the campaign writes their values.
func TestMockTellsOfLeadsThatTheCampaignDoesNotWant(t *testing.T) {
	page := strings.Replace(pages["json with a key, ping and post at one URL"], "\n    ping:", `
    criteria: [{field: state, in: [AZ]}, {field: zip.prefix, in: ["850"]}, {field: city, not_in: [Tucson]}]
    ping:`, 1)
	page = strings.Replace(page, "{to: lead.state, from: state}", "{to: lead.state, from: state, format: name}", 1)
	addr, served := mocked(t, page, nil)
	for _, c := range []struct{ body, unmet string }{
		{`{"do":"ping","lead":{"zip":"85004","state":"Arizona"},"note":"Phoenix"}`, ""},
		{`{"do":"ping","lead":{"zip":"89101","state":"Nevada"},"note":"Phoenix"}`, "state is NV"},
		{`{"do":"ping","lead":{"zip":"85701","state":"Arizona"},"note":"Tucson"}`, "zip.prefix is 857"},
		{`{"do":"ping","lead":{"zip":"85004","state":"Atlantis"},"note":"none"}`, ""}, // not a value that it could send
	} {
		resp, err := http.DefaultClient.Do(request(t, addr+"/api", c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		all := served()
		got := strings.Join(all[len(all)-1].Unmet, "; ")
		if c.unmet == "" && got != "" || !strings.Contains(got, c.unmet) {
			t.Errorf("%s: unmet: %q, expected %q", c.body, got, c.unmet)
		}
		if strings.Contains(c.body, "Tucson") && !strings.Contains(got, "city") {
			t.Errorf("%s: unmet: %q", c.body, got)
		}
	}
}

func request(t *testing.T, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Key", "k1")
	return r
}

// Groups and tests of every kind are told of as far as the request shows what they hang on.
func TestMockTellsOfGroupsThatALeadDoesNotMeet(t *testing.T) {
	page := strings.Replace(pages["json with a key, ping and post at one URL"], "\n    ping:", `
    criteria:
      - {any: [{field: state, in: [AZ]}, {field: zip, prefix: "891"}]}
      - {not: {field: city, contains: lake}}
      - {any: [{field: state, in: [AZ]}, {field: phone.area, in: ["702"]}]}
      - {field: source, in: [acme]}
      - {field: sold, max: 0}
    ping:`, 1)
	page = strings.Replace(page, "{to: lead.state, from: state}", "{to: lead.state, from: state, format: name}", 1)
	addr, served := mocked(t, page, nil)
	for _, c := range []struct{ body, unmet string }{
		{`{"do":"ping","lead":{"zip":"85004","state":"Arizona"},"note":"Phoenix"}`, ""},
		{`{"do":"ping","lead":{"zip":"89101","state":"Nevada"},"note":"Elko"}`, ""}, // the ping does not show its phone
		{`{"do":"ping","lead":{"zip":"98101","state":"Washington"},"note":"Seattle"}`,
			"none of these holds: state is WA, expected one of AZ; zip is 98101, expected text that begins with 891"},
		{`{"do":"ping","lead":{"zip":"85004","state":"Arizona"},"note":"Lakeside"}`,
			"city is Lakeside, expected not text that contains lake"},
	} {
		resp, err := http.DefaultClient.Do(request(t, addr+"/api", c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		all := served()
		if got := strings.Join(all[len(all)-1].Unmet, "; "); got != c.unmet {
			t.Errorf("%s: unmet: %q, expected %q", c.body, got, c.unmet)
		}
	}
}
