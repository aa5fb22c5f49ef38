// SPDX-License-Identifier: Apache-2.0

package node

import (
	"strings"
	"testing"

	"clearpost/exchange"
	"clearpost/ledger"
)

// What the exchange knows of a lead reaches the requests: who sent it, how often it was sold and may be sold, in the
// ping and in each post. Explain renders the ping as it was.
func TestRequestsKnowWhatTheExchangeKnows(t *testing.T) {
	const more = `, {to: of, template: "{{ source }} {{ source_name }} {{ sold }}/{{ left }} {{ test }} {{ price }}"}]` + "\n"
	edit := []string{"{to: zip, from: zip}]\n", "{to: zip, from: zip}" + more}
	shared := map[string]string{"a": "max_sold: 2", "b": "max_sold: 2"}
	h := buildWith(t, "sell_limit: 2\n", shared, edit, script("a", 25*dollar), script("b", 24*dollar))
	p := h.quote(39.2)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	var posts []string
	for _, ev := range h.events(p.PingID) {
		if ev, ok := ev.(*ledger.Posting); ok {
			posts = append(posts, ev.Private.Request.Text)
		}
	}
	want := []string{`"of":"acme Acme 0/2 false 25.00"}`, `"of":"acme Acme 1/1 false 24.00"}`}
	if len(posts) != 2 || !strings.HasSuffix(posts[0], want[0]) || !strings.HasSuffix(posts[1], want[1]) {
		t.Errorf("posts: %q", posts)
	}
	var x exchange.Explanation
	if code := h.admin("GET", "/v1/explain/"+p.PingID, nil, &x); code != 200 {
		t.Fatalf("explain: %d", code)
	}
	for _, c := range x.Campaigns {
		if !strings.HasSuffix(c.Request, `"of":"acme Acme 0/2 false "}`) {
			t.Errorf("ping of %s: %q", c.Campaign, c.Request)
		}
	}
}
