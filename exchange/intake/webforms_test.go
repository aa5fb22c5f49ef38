// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/ledger"
)

const googleForm = `{"lead_id":"TeSter-1","api_version":"1.0","google_key":"acme-key-0123456789","is_test":TEST,"user_column_data":[
 {"column_id":"FULL_NAME","string_value":"Jane Doe"},{"column_id":"PHONE_NUMBER","string_value":"+12127365000"},{"column_id":"POSTAL_CODE","string_value":"10001"}]}`

// A seller on Google's lead forms needs no more than a source: the key is taken from the body, and stands in nothing
// that is kept.
func TestGooglesLeadFormsNeedYAMLOnly(t *testing.T) {
	h := build(t, "unknown_fields: keep\n", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml",
		"id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\ntests: true\n")
	h.restart()
	send := func(test, key string) said {
		body := strings.NewReplacer("TEST", test, "acme-key-0123456789", key).Replace(googleForm)
		return h.tell("POST", "/v1/solar/leads", body, "Content-Type: application/json")
	}
	if a := send("true", "acme-key-0123456789"); a.status != 200 || !strings.Contains(a.text, `"test":true`) {
		t.Errorf("the platform's test: %+v", a)
	}
	a := send("false", "acme-key-0123456789")
	if a.status != 200 || !strings.Contains(a.text, `"result":"success"`) ||
		!strings.Contains(a.text, `"seller_lead_id":"TeSter-1"`) {
		t.Fatalf("a lead: %+v", a)
	}
	nested := `{"zip":"10001","data":{"google_key":"acme-key-0123456789","hat":"red"}}` // the header's counts
	if a := h.tell("POST", "/v1/solar/ping", nested, "Content-Type: application/json", keyHeader); a.status != 200 {
		t.Errorf("a key within an object: %+v", a)
	}
	if a := send("false", "wrong-key-0123456789"); a.status != 401 {
		t.Errorf("another key: %+v", a)
	}
	events := 0
	err := h.ledger.Scan(0, func(r ledger.Record) error {
		events++
		if strings.Contains(string(r.Bytes), "acme-key") || strings.Contains(string(r.Bytes), "google_key") {
			t.Errorf("the key stands in an event: %s", r.Bytes)
		}
		return nil
	})
	if err != nil || events == 0 {
		t.Fatalf("%d events, %v", events, err)
	}
}

// What a browser asks before its script may send a lead, and what the script hears.
func TestScriptsInBrowsers(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	source := "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\n"
	h.write("sources/acme.yaml", source+"origins: [\"https://forms.example\"]\n")
	h.restart()
	ask := func(origin string) http.Header {
		a := h.tell("OPTIONS", "/v1/solar/ping", "", "Origin: "+origin, "Access-Control-Request-Method: POST",
			"Access-Control-Request-Headers: x-api-key,content-type")
		want := 204
		if a.header.Get("Access-Control-Allow-Origin") == "" {
			want = 403
		}
		if a.status != want || a.header.Get("Vary") != "Origin" || want == 204 && a.text != "" {
			t.Errorf("a preflight from %s: %+v", origin, a)
		}
		return a.header
	}
	if got := ask("https://forms.example"); got.Get("Access-Control-Allow-Origin") != "https://forms.example" ||
		got.Get("Access-Control-Allow-Methods") != "GET, POST" ||
		!strings.Contains(got.Get("Access-Control-Allow-Headers"), "X-Api-Key") ||
		got.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a page of the source: %v", got)
	}
	for _, other := range []string{"https://forms.example.evil.example", "http://forms.example",
		"https://forms.example:444", "null"} {
		if got := ask(other).Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s is told %q", other, got)
		}
	}
	ping := func(key string, headers ...string) said {
		return h.tell("POST", "/v1/solar/ping", `{"zip":"10001"}`, append(headers, "Content-Type: application/json",
			"X-Api-Key: "+key)...)
	}
	if a := ping("acme-key-0123456789", "Origin: https://forms.example"); a.status != 200 ||
		a.header.Get("Access-Control-Allow-Origin") != "https://forms.example" ||
		a.header.Get("Vary") != "Origin" {
		t.Errorf("a ping from the page: %+v", a)
	}
	seq := h.ledger.LastSeq()
	if a := ping("acme-key-0123456789", "Origin: https://other.example"); a.status != 403 ||
		!strings.Contains(a.text, "origin_not_allowed") ||
		a.header.Get("Access-Control-Allow-Origin") != "" || h.ledger.LastSeq() != seq {
		t.Errorf("a ping from another page: %+v", a)
	}
	if a := ping("acme-key-0123456789"); a.status != 200 {
		t.Errorf("a ping from a server: %+v", a)
	}
	if a := ping("other-key-0123456789", "Origin: https://forms.example"); a.status != 200 ||
		a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a source without origins: %+v", a)
	}
	h.write("sources/acme.yaml", source+"origins: [\"*\"]\n")
	h.restart()
	if got := ask("https://anybody.example").Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("everybody's pages: %q", got)
	}
}

// One source's dates and times are its own, at ping and post.
func TestSourceWritesDatesItsOwnWay(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: "+
		"20}\ndate_order: day_first\ntimezone: America/New_York\nzip_without_zeros: true\n"+
		"unescape: [html]\n")
	h.restart()
	a := h.tell("POST", "/v1/solar/ping", `{"zip":2134,"timestamp":"1/7/2026 12:00","city":"O&#039;Fallon"}`,
		"Content-Type: application/json", keyHeader)
	var got struct {
		PingID string `json:"ping_id"`
	}
	if err := json.Unmarshal([]byte(a.text), &got); err != nil || got.PingID == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if text := h.canonical(got.PingID); !strings.Contains(text, "2026-07-01T16:00:00Z") ||
		!strings.Contains(text, "02134") || !strings.Contains(text, "O'Fallon") {
		t.Errorf("the lead is %s", text)
	}
}
