// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
)

const (
	jane      = `{"zip":"10001","phone":"212-736-5000","age":40}`
	otherSeat = "Authorization: Bearer other-key-0123456789"
)

func (h *house) asked() uint64 { return h.farm.Buyer("b").Calls(buyertest.Ping) }

// lead sends a one-shot lead.
func (h *house) lead(body string, headers ...string) heard {
	h.t.Helper()
	return h.call("POST", "/v1/solar/leads", body, headers...)
}

// duplicate expects a failure as a repeat.
func (h *house) duplicate(a heard, details string) {
	h.t.Helper()
	h.expect(a, 200, lead.ResultFailure)
	if a.Reason != "duplicate" || a.Details != details {
		h.t.Errorf("answer: %s, want the reason duplicate and %q", a.text, details)
	}
}

func today() string { return "Lead previously received " + time.Now().UTC().Format(time.DateOnly) }

func TestSoldPersonIsARepeat(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	p, spare := h.ping(jane), h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 200, lead.ResultSuccess)
	for _, restart := range []bool{false, true} {
		if restart {
			h.restart()
		}
		asked := h.asked()
		again := h.ping(jane)
		h.duplicate(again, today())
		if ev := last[*ledger.Pinged](h, again.PingID); ev.Refusal != lead.LeadRepeated || len(ev.Bids) != 0 {
			t.Errorf("pinged: %+v", ev)
		}
		if x, ok, err := h.node.Exchange.Explain(last[*ledger.Pinged](h, again.PingID).Lead); err != nil || !ok ||
			x.Campaigns[0].Verdict != "repeated_lead" {
			t.Errorf("explained: %+v %v", x, err)
		}
		h.duplicate(h.post(again.PingID, "2127365000"), today())
		h.duplicate(h.lead(`{"zip":"10001","phone":"2127365000","city":"Reno"}`), today())
		h.duplicate(h.lead(jane, fmt.Sprint("Idempotency-Key: k", restart)), today())
		if h.asked() != asked {
			t.Error("buyers were asked about a repeat")
		}
	}
	// The ping did not say who it was about.
	late := h.post(spare.PingID, "2127365000")
	h.duplicate(late, today())
	if again := h.post(spare.PingID, "2127365000"); again.text != late.text {
		t.Errorf("repeat: %s, first %s", again.text, late.text)
	}
	if ev := last[*ledger.Settled](h, spare.PingID); ev.Refusal != lead.LeadRepeated || ev.Reason != "duplicate" ||
		ev.Post == nil {
		t.Errorf("settled: %+v", ev)
	}
	h.expect(h.lead(jane, otherSeat), 200, lead.ResultSuccess)
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 2 {
		t.Errorf("%d posts", n)
	}
	h.ahead.Store(int64(25 * time.Hour))
	h.expect(h.lead(`{"zip":"10001","phone":"2127365000","city":"Reno"}`), 200, lead.ResultSuccess)
}
