// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"clearpost/ledger"
)

// With map_missing: refuse a campaign is not asked with a value that its map does not have; what only the post brings
// sends the lead on to the next buyer, before anything is held.
func TestUnmappedValuesAreNotSent(t *testing.T) {
	var mu sync.Mutex
	calls := map[string]int{}
	buyer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls[r.URL.Path]++
		mu.Unlock()
		fmt.Fprint(w, `{"status":"ok","price":25}`)
	}))
	defer buyer.Close()
	h := build(t, "", nil, script("x", 20*dollar))
	h.write("verticals/solar.yaml", `
id: solar
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: roof, type: enum, values: [tile, flat]}
  - {name: shade, type: enum, values: [none, full], required: post}
sell_limit: 1
`)
	h.write("buyers/b.yaml", fmt.Sprintf(`
id: b
allow_private_addresses: true
campaigns:
  - id: b-main
    vertical: solar
    caps: [{per: total, limit: 1}]
    ping:
      request: {url: "%[1]s/ping", fields: [{to: r, from: roof, map: {tile: 1}, map_missing: refuse}]}
      answer: {success: [{path: status, equals: ok}], price: {path: price}}
    post:
      request: {url: "%[1]s/post", fields: [{to: s, from: shade, map: {none: 1}, map_missing: refuse}]}
      answer: {success: [{path: status, equals: ok}]}
`, buyer.URL))
	h.restart()
	p := h.ping(`{"zip":"10001","roof":"flat"}`)
	told := string(h.events(p.PingID)[0].AppendJSON(nil))
	var story map[string]any
	h.admin("GET", "/v1/explain/"+p.PingID, nil, &story)
	if calls["/ping"] > 0 || !strings.Contains(told, `"refusal":221`) ||
		!strings.Contains(fmt.Sprint(story), "fields[0].map, of roof") {
		t.Fatalf("%v\n%s\n%v", calls, told, story)
	}
	p = h.ping(`{"zip":"10001","roof":"tile"}`)
	h.expect(p, 200, ledger.ResultSuccess)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"(212) 736-5000","shade":"full"}`, p.PingID))
	if calls["/post"] > 0 || a.Result == ledger.ResultPending {
		t.Fatalf("%v %s", calls, a.text)
	}
	p = h.ping(`{"zip":"10001","roof":"tile"}`)
	a = h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"(212) 736-5001","shade":"none"}`, p.PingID))
	h.expect(a, 200, ledger.ResultSuccess) // the cap of one was free
}
