// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/ledger"
)

// A buyer that takes the lead and decides later keeps it: nobody else is asked, and a person settles it.
func TestQueuedLeadStaysWithItsBuyer(t *testing.T) {
	edit := []string{"        success: [{path: status, equals: accepted}]\n",
		"        rules: [{outcome: queued, when: {path: status, equals: accepted}}, {outcome: accepted, when: {path: " +
			"status, equals: sold}}]\n"}
	h := buildWith(t, "", nil, edit, script("a", 25*dollar), script("b", 25*dollar))
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	posts := func() uint64 {
		return h.farm.Buyer("a").Calls(buyertest.Post) + h.farm.Buyer("b").Calls(buyertest.Post)
	}
	if n := posts(); n != 1 {
		t.Fatalf("%d posts of a lead that the first buyer has taken", n)
	}
	var open struct {
		Unresolved []exchange.OpenAttempt `json:"unresolved"`
	}
	h.admin("GET", "/v1/unresolved", nil, &open)
	if len(open.Unresolved) != 1 || open.Unresolved[0].Why != "queued" {
		t.Fatalf("unresolved: %+v", open)
	}
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	in := map[string]string{"attempt": open.Unresolved[0].Attempt.String(), "outcome": "accepted", "price": "25.00",
		"reference": "R-1", "why": "they told us"}
	if code := h.admin("POST", "/v1/resolve", in, nil); code != 200 {
		t.Fatalf("resolve: %d", code)
	}
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	if n := posts(); n != 1 {
		t.Errorf("%d posts after the resolution", n)
	}
}
