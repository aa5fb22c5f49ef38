// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// keyed is a buyer that knows idempotency keys, and the YAML of a campaign that sends them.
func keyed(id string) buyertest.Script {
	s := script(id, 25*dollar)
	s.Key = "header:Idempotency-Key"
	return s
}

var keyedYAML = []string{"timeout_ms: 400", "timeout_ms: 400\n      idempotency: {header: Idempotency-Key}"}

const (
	resendYAML = "caps: [{per: total, limit: 5}]\n    unknown: {resend: {times: 2, after_ms: 0, every_ms: 100}}"
	statusYAML = `caps: [{per: total, limit: 5}]
    unknown:
      status:
        after_ms: 0
        every_ms: 100
        request: {method: POST, url: "FARM/a/status", fields: [{to: ref, from: lead_id}]}
        answer:
          rules: [{outcome: accepted, when: {path: status, equals: accepted}}, {outcome: rejected, when: {path: reason, matches: unknown}}]
          reference: {path: reference}
          reason: {path: reason}`
)

// audited holds the ledger against the buyers' books.
func (h *house) audited() {
	h.t.Helper()
	var lines bytes.Buffer
	if err := h.node.Ledger.Scan(h.node.Ledger.FirstSeq(), func(r ledger.Record) error {
		lines.Write(append(r.Bytes, '\n'))
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	receipts := func(each func(audit.Receipt) error) error {
		return h.farm.EachReceipt(func(r buyertest.Receipt) error {
			return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
				Price: int64(r.Price), At: r.At})
		})
	}
	rep, err := audit.Run(audit.Input{Events: audit.Lines(&lines), Receipts: receipts},
		audit.Options{Caps: []audit.Cap{{Key: "campaign:a-main:total", Who: "campaign:a-main", Per: "total", Max: 5}}})
	if err != nil || !rep.OK {
		h.t.Errorf("audit: %v, %v", rep.Verdict(), err)
	}
}

func (h *house) used() int64 {
	n, _ := h.node.Exchange.CapUse(h.node.Exchange.Campaigns()[0].Caps[0])
	return n
}

// settles waits until a lead's seller hears this.
func (h *house) settles(id, result string) heard {
	h.t.Helper()
	var a heard
	eventually(h.t, "the status is "+result, func() bool {
		a = h.call("GET", "/v1/leads/"+id, "")
		return a.Result == result
	})
	return a
}

func TestResendFindsOutThatTheLeadIsSold(t *testing.T) {
	h := buildWith(t, "", map[string]string{"a": resendYAML}, keyedYAML, keyed("a"))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	a := h.settles(p.PingID, ledger.ResultSuccess)
	if a.Price != 20 || a.ID != "a-000001" {
		t.Errorf("sold as %s", a.text)
	}
	if n := len(h.farm.AcceptedBy(p.PingID)); n != 1 || h.used() != 1 {
		t.Errorf("bought %d times, %d under the cap", n, h.used())
	}
	adj := last[*ledger.Adjusted](h, p.PingID)
	again := last[*ledger.Posting](h, p.PingID)
	if adj.By != "clearpost" || adj.From == nil || *adj.From != again.Attempt || again.Of == nil ||
		*again.Of != adj.Attempt || len(again.Charges) != 0 {
		t.Errorf("resolution %+v of %+v", adj, again)
	}
	h.audited()
	h.restart()
	if n := h.used(); n != 1 {
		t.Errorf("%d under the cap after a restart", n)
	}
}

// A status URL that answers "duplicate", or speaks of an earlier lead, may speak of the attempt itself: it settles
// nothing.
func TestStatusURLThatTellsOfADuplicateLeavesTheAttemptOpen(t *testing.T) {
	for _, answer := range []string{`{"status":"duplicate"}`,
		`{"status":"refused","reason":"the lead exists already"}`} {
		var asked atomic.Int64
		desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			fmt.Fprint(w, answer)
		}))
		defer desk.Close()
		status := strings.NewReplacer("FARM/a/status", desk.URL,
			"{outcome: rejected, when: {path: reason, matches: unknown}}",
			"{outcome: duplicate, when: {path: status, equals: duplicate}}, {outcome: rejected, when: {path: status, "+
				"equals: refused}}").Replace(statusYAML)
		h := buildWith(t, "", map[string]string{"a": status}, nil, script("a", 25*dollar))
		p := h.quote(20)
		h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		eventually(t, "three questions", func() bool { return asked.Load() >= 3 })
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		if h.used() != 1 {
			t.Errorf("%s: %d stand under the cap", answer, h.used())
		}
	}
}

// A buyer that has queued a lead is asked by the name that it gave it.
func TestStatusIsAskedByTheBuyersReference(t *testing.T) {
	asked := make(chan string, 100)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		fmt.Fprint(w, `{"status":"accepted"}`)
	}))
	defer desk.Close()
	queued := []string{"        success: [{path: status, equals: accepted}]\n",
		"        rules: [{outcome: queued, when: {path: status, equals: accepted}}]\n"}
	status := strings.NewReplacer("FARM/a/status", desk.URL+"/of/{{ reference }}",
		"          reference: {path: reference}\n", "").Replace(statusYAML)
	h := buildWith(t, "", map[string]string{"a": status}, queued, script("a", 25*dollar))
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	h.settles(p.PingID, ledger.ResultSuccess)
	if bought := h.farm.AcceptedBy(p.PingID); len(bought) != 1 || <-asked != "/of/"+bought[0].Reference {
		t.Errorf("bought %+v", bought)
	}
}

// A buyer whose status says no while its body says yes may have bought the lead: nobody else gets it.
func TestNoByStatusAndYesByBodyIsUnknown(t *testing.T) {
	for _, status := range []int{400, 401, 403, 503} {
		var posts atomic.Int64
		desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			posts.Add(1)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"ok":true}`)
		}))
		h := build(t, "", nil, script("z", 5*dollar))
		h.write("buyers/o.yaml", strings.ReplaceAll(`
id: o
allow_private_addresses: true
campaigns:
  - {id: o-main, vertical: solar, price: 30.00, post: {request: {url: URL/post, fields: [{to: zip, from: zip}]}, answer: {success: [{path: ok, equals: true}]}}}
`, "URL", desk.URL))
		h.restart()
		p := h.quote(24)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		if n := h.farm.Buyer("z").Calls(buyertest.Post); n != 0 || posts.Load() != 1 {
			t.Errorf("%d: %d posts to the buyer, %d to the next", status, posts.Load(), n)
		}
		desk.Close()
	}
}
