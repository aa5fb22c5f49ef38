// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"testing"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
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

const resendYAML = "caps: [{per: total, limit: 5}]\n    unknown: {resend: {times: 2, after_ms: 0, every_ms: 100}}"

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
	u := h.node.Exchange.CapState(&h.node.Exchange.Campaigns()[0].Caps[0])
	return u.Used()
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
	t.Parallel()
	h := buildWith(t, "", map[string]string{"a": resendYAML}, keyedYAML, keyed("a"))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, lead.ResultPending)
	a := h.settles(p.PingID, lead.ResultSuccess)
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
