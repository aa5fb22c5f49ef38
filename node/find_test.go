// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
)

// TestANameOfSeveralIsAnsweredWithTheList has two open attempts of one buyer, which then get one reference, and of one
// seller's id.
func TestANameOfSeveralIsAnsweredWithTheList(t *testing.T) {
	h := build(t, "", nil, script("a", 25*dollar))
	var attempts, leads []lead.ID
	for n := range 2 {
		p := h.ping(fmt.Sprintf(`{"zip":"94110","state":"CA","age":%d,"seller_lead_id":"same"}`, 40+n))
		h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
		h.expect(h.post(p.PingID, fmt.Sprintf("212736500%d", n)), 202, ledger.ResultPending)
		posting := last[*ledger.Posting](h, p.PingID)
		attempts, leads = append(attempts, posting.Attempt), append(leads, posting.Lead)
	}
	var told struct {
		Error string `json:"error"`
	}
	resolve := func(name string) (int, string) {
		told.Error = ""
		status := h.admin("POST", "/v1/resolve", admin.Resolve{Name: name, Outcome: "accepted", Reference: "R/7",
			Why: "asked"}, &told)
		return status, told.Error
	}
	status, text := resolve("acme:same")
	if status != 409 || !strings.Contains(text, attempts[0].String()) || !strings.Contains(text, attempts[1].String()) {
		t.Errorf("a seller's id of two open attempts: %d %s", status, text)
	}
	if status, text := resolve(leads[0].String()); status != 200 {
		t.Errorf("by the lead: %d %s", status, text)
	}
	if status, text := resolve("acme:same"); status != 200 { // one is left
		t.Errorf("by the seller's id: %d %s", status, text)
	}
	if status, text := resolve(leads[0].String()); status != 404 || !strings.Contains(text, "has no open attempt") {
		t.Errorf("once more: %d %s", status, text)
	}
	if status, text := resolve("R/8"); status != 404 || !strings.Contains(text, "nothing is called") {
		t.Errorf("a reference that nobody gave: %d %s", status, text)
	}
	for _, name := range []string{"R/7", "a:R/7", "a-main:R/7"} {
		told.Error = ""
		status := h.admin("GET", "/v1/explain?name="+url.QueryEscape(name), nil, &told)
		if status != 409 || strings.Count(told.Error, "\n  lead ") != 2 ||
			strings.Index(told.Error, leads[1].String()) > strings.Index(told.Error, leads[0].String()) {
			t.Errorf("%s: %d %s: expected both leads, the newest first", name, status, told.Error)
		}
	}
	var x exchange.Explanation
	if status := h.admin("GET", "/v1/explain?name=acme:same", nil, &x); status != 200 || x.Lead != leads[1] ||
		len(x.Others) != 1 || x.Others[0] != leads[0] {
		t.Errorf("a seller's id of two leads: %d, lead %s beside %v: expected the newest, and the other named", status,
			x.Lead, x.Others)
	}
	if status := h.admin("GET", "/v1/explain?name="+attempts[0].String(), nil, &x); status != 200 ||
		x.Lead != leads[0] {
		t.Errorf("an attempt's id: %d, lead %s", status, x.Lead)
	}
}
