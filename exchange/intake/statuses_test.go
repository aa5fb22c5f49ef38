// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"clearpost/exchange/intake"
)

// otherStatuses brings the calls without a lead to their statuses.
func (d *openDoors) otherStatuses() {
	_, text := d.make(call{pattern: "/v1/{vertical}/ping", method: "POST", values: url.Values{"zip": {"10001"},
		"seller_lead_id": {"A-1"}}})
	pingID := uuid.FindString(text)
	v := d.good("/v1/{vertical}/leads", false)
	v.Set("seller_lead_id", "A-2")
	_, text = d.make(call{pattern: "/v1/{vertical}/leads", method: "POST", values: v})
	sold := uuid.FindString(text)
	v = d.good("/v1/{vertical}/leads", false)
	v.Set("test_result", "pending")
	_, text = d.make(call{pattern: "/v1/{vertical}/leads", method: "POST", values: v})
	pending := uuid.FindString(text)
	for _, pattern := range []string{"/v1/leads/{id}", "/v1/leads", "/spec/{source}/{vertical}", "/openapi.yaml"} {
		for _, accept := range []string{"Accept: application/json", "Accept: application/xml"} {
			do := func(c call) {
				d.house.t.Helper()
				c.pattern, c.method, c.header = pattern, "GET", append([]string{accept}, c.header...)
				d.make(c)
			}
			values := url.Values{}
			if pattern == "/v1/leads" {
				values.Set("seller_lead_id", "A-2")
			}
			for _, id := range []string{pingID, sold, pending, "none"} {
				do(call{id: id, values: values})
			}
			do(call{id: sold, values: url.Values{"format": {"odd"}}})
			do(call{id: sold, values: values, header: []string{"X-Api-Key: nobody-key-0123456789"}})
			do(call{id: sold, values: values, send: "DELETE"})
			do(call{id: sold, values: values, header: []string{"X-Long: " + strings.Repeat("x", 20<<10)}})
			if pattern == "/v1/leads" || pattern == "/v1/leads/{id}" {
				do(call{id: sold, values: values, header: []string{"Accept: image/png"}})
				do(call{id: sold, values: values, source: "slow"})
			}
			if pattern == "/spec/{source}/{vertical}" {
				do(call{vertical: "none"})
				for _, format := range []string{"html", "md", "openapi", "openapi-json"} {
					do(call{values: url.Values{"format": {format}}})
				}
			}
		}
	}
	d.tooManySpecs()
	d.returns(sold, pending)
	d.accounts()
}

// returns brings the buyers' call to its statuses, and looks at what it does.
func (d *openDoors) returns(sold, pending string) {
	d.house.t.Helper()
	do := func(want int, body string, header ...string) string {
		d.house.t.Helper()
		status, text := d.make(call{pattern: "/v1/buyers/{id}/returns", method: "POST", id: "b", body: body,
			header: append([]string{"X-Api-Key: b-key-0123456789"}, header...)})
		if status != want {
			d.house.t.Errorf("%.100s: %d %s", body, status, text)
		}
		return text
	}
	one := func(name, reason string) string { return `{"returns":[{` + name + `,"reason":"` + reason + `"}]}` }
	byID := func(id string) string { return `"lead_id":"` + id + `"` }
	for _, c := range []struct{ body, want string }{
		{one(byID(sold), "bored"), `"refused"`},
		{one(byID(pending), "wrong_number"), `"not_sold"`},
		{one(byID(sold), "quality"), `"waiting"`},
		{one(byID(sold), "wrong_number"), `"waiting"`},
		{one(`"reference":"none"`, "wrong_number"), `"not_sold"`},
		{one(`"phone":"(212) 736-5000"`, "wrong_number"), `"no_phones"`},
	} {
		if text := do(200, c.body); !strings.Contains(text, c.want) {
			d.house.t.Errorf("%s: %s, want %s", c.body, text, c.want)
		}
	}
	for _, bad := range []string{`{`, `{"returns":[]}`, one(`"lead_id":"x"`, "quality"), one(byID(sold), ""),
		`{"returns":[{"reason":"quality"}]}`, `{"returns":[{"reason":"quality","phone":"1","reference":"2"}]}`,
		`{"return":[]}`, `{"returns":[` + strings.Repeat(`{"reason":"quality","reference":"2"},`, 100) +
			`{"reason":"quality","reference":"2"}]}`} {
		do(400, bad)
	}
	for _, key := range []string{"X-Api-Key: nobody-key-0123456789", "X-Api-Key: own-main-key-0123456789",
		"X-Api-Key: "} {
		do(401, one(byID(sold), "quality"), key)
	}
	if status, _ := d.make(call{pattern: "/v1/buyers/{id}/returns", method: "POST", id: "a", body: one(byID(sold),
		"quality"), header: []string{"X-Api-Key: b-key-0123456789"}}); status != 401 {
		d.house.t.Errorf("another buyer's path: %d", status)
	}
	d.make(call{pattern: "/v1/buyers/{id}/returns", method: "POST", send: "DELETE", id: "b"})
	do(413, one(`"reference":"`+strings.Repeat("x", 128<<10)+`"`, "quality"))
	do(431, one(byID(sold), "quality"), "X-Long: "+strings.Repeat("x", 20<<10))
	for range 200 {
		if status, _ := d.make(call{pattern: "/v1/buyers/{id}/returns", method: "POST", id: "b",
			body: one(byID(sold), "quality"), header: []string{"X-Api-Key: b-key-0123456789"}}); status == 429 {
			break
		}
	}
}

// tooManySpecs asks for a posting spec while others ask for as many as they can: one after the other would be slower
// than the rate on a busy machine.
func (d *openDoors) tooManySpecs() {
	d.house.t.Helper()
	var stop atomic.Bool
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			for !stop.Load() {
				req, _ := http.NewRequest("GET", "http://"+d.addr+"/spec/own-main/solar?format=md", nil)
				req.Header.Set("X-Api-Key", "own-main-key-0123456789")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return
				}
				resp.Body.Close()
			}
		})
	}
	for range 20 * intake.SpecsBurst {
		if status, _ := d.make(call{pattern: "/spec/{source}/{vertical}", method: "GET",
			values: url.Values{"format": {"md"}}}); status == 429 {
			break
		}
	}
	stop.Store(true)
	others.Wait()
}
