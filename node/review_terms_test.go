// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/ledger"
)

const marginYAML = "margin: {percent: 20}"

// openOneShot sends a one-shot lead of which nobody knows whether it is bought.
func (h *house) openOneShot() heard {
	h.t.Helper()
	h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
	h.expect(a, 202, ledger.ResultPending)
	return a
}

// What a sale pays was agreed when the lead was posted: a margin that is changed, or a source that is gone, changes
// nothing of it.
func TestResolvedPayoutIsByTheTermsOfThePosting(t *testing.T) {
	for name, change := range map[string]func(h *house){
		"margin raised":  func(h *house) { h.edit("sources/acme.yaml", marginYAML, "margin: {percent: 60}") },
		"margin lowered": func(h *house) { h.edit("sources/acme.yaml", marginYAML, "margin: {percent: 0}") },
		"source gone": func(h *house) {
			if err := os.Remove(filepath.Join(h.dir, "sources/acme.yaml")); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		for price, payout := range map[string]int64{"10.00": 8, "30.00": 24, "": 20} {
			h := build(t, "", nil, script("b", 25*dollar))
			id := h.openOneShot().LeadID
			change(h)
			h.restart()
			in := map[string]string{"outcome": "accepted"}
			if price != "" {
				in["price"] = price
			}
			h.resolve(in)
			adj, end := last[*ledger.Adjusted](h, id), last[*ledger.Settled](h, id)
			if int64(adj.Payout) != payout*1e6 || end.Payout != adj.Payout || end.Revenue != adj.Price {
				t.Errorf("%s: sold for %q: payout %v of %v, settled %v", name, price, adj.Payout, adj.Price, end.Payout)
			}
			if price == "" { // the buyer's own book has its bid
				h.audited()
			}
		}
	}
}

// An event of an earlier version has no terms: then the source gets the share of the price that the posting said, and
// no more than that price.
func TestResolvedPayoutWithoutTermsKeepsThePostingsShare(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	id := h.openOneShot().LeadID
	at := h.node.Exchange.Now()
	old := *last[*ledger.Posting](h, id)
	if old.Terms == nil || old.Terms.MarginPPM != 200_000 || !old.Terms.PayoutFollows || old.Terms.PostPrice {
		t.Errorf("terms: %+v", old.Terms)
	}
	pinged := *last[*ledger.Pinged](h, id)
	pinged.EventID[15]++
	pinged.Lead[15]++
	pinged.IdempotencyKey = ""
	old.Head.EventID[15]++
	old.Head.Lead, old.At, old.Terms = pinged.Lead, at, nil
	old.Attempt[15]++
	if err := h.node.Ledger.Append(&pinged, &old); err != nil {
		t.Fatal(err)
	}
	h.edit("sources/acme.yaml", marginYAML, "margin: {percent: 0}")
	h.restart()
	if code := h.admin("POST", "/v1/resolve", map[string]string{"attempt": old.Attempt.String(), "outcome": "accepted",
		"price": "10.00", "why": "asked"}, nil); code != 200 {
		t.Fatal(code)
	}
	if adj := last[*ledger.Adjusted](h, pinged.Lead.String()); adj.Payout != 8*dollar || adj.Price != 10*dollar {
		t.Errorf("payout %v of %v", adj.Payout, adj.Price)
	}
}

// The automatic resend and the status URL book what the campaign's terms said when the lead was posted, too.
func TestResendBooksByTheTermsOfThePosting(t *testing.T) {
	for _, before := range []string{"post_price", "ping_price"} {
		after := map[string]string{"post_price": "ping_price", "ping_price": "post_price"}[before]
		yaml := strings.Replace(resendYAML, "after_ms: 0", "after_ms: 1500", 1)
		h := buildWith(t, "", map[string]string{"b": yaml + "\n    pay: " + before}, keyedYAML, keyed("b"))
		h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilence, 1)
		sent := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
		h.expect(sent, 202, ledger.ResultPending)
		h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultPriceDrop, 1)
		id := sent.LeadID
		h.edit("sources/acme.yaml", marginYAML, "margin: {percent: 60}")
		h.edit("buyers/b.yaml", "pay: "+before, "pay: "+after)
		h.reload("applied")
		h.settles(id, ledger.ResultSuccess)
		end := last[*ledger.Settled](h, id)
		price := last[*ledger.Posting](h, id).Price
		if before == "post_price" {
			if price = last[*ledger.Posted](h, id).AnswerPrice; price >= 25*dollar {
				t.Errorf("the buyer answered %v", price)
			}
		}
		if end.Revenue != price || end.Payout != price.MulPPM(800_000).FloorCents() {
			t.Errorf("%s: settled for %v, payout %v; want %v", before, end.Revenue, end.Payout, price)
		}
	}
}
