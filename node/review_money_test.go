// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/ledger"
)

// resolve settles the only unresolved attempt.
func (h *house) resolve(in map[string]string) {
	h.t.Helper()
	var open struct {
		Unresolved []exchange.OpenAttempt `json:"unresolved"`
	}
	h.admin("GET", "/v1/unresolved", nil, &open)
	if len(open.Unresolved) != 1 {
		h.t.Fatalf("unresolved: %+v", open)
	}
	in["attempt"], in["why"] = open.Unresolved[0].Attempt.String(), "asked them"
	if code := h.admin("POST", "/v1/resolve", in, nil); code != 200 {
		h.t.Fatalf("resolve: %d", code)
	}
}

// A clock that was two days ahead has dated a sale and a quote. When it is right again, the sale stays what it is, the
// quote does not last for two days more, and today's caps are those of today.
func TestQuoteOfAClockThatWasAheadIsOver(t *testing.T) {
	h := build(t, "", map[string]string{"a": "caps: [{per: day, limit: 1}]"}, script("a", 25*dollar))
	h.ahead.Store(int64(48 * time.Hour))
	p, q := h.quote(20), h.quote(20)
	sold := h.post(p.PingID, "2127365000")
	h.expect(sold, 200, ledger.ResultSuccess)
	h.ahead.Store(0)
	h.restart()
	if a := h.post(q.PingID, "2127365001"); a.status != 410 {
		t.Errorf("the quote of the day after tomorrow: %d %s", a.status, a.text)
	}
	if again := h.post(p.PingID, "2127365000"); again.text != sold.text {
		t.Errorf("the sale again: %s, first %s", again.text, sold.text)
	}
	today := h.quote(20)
	h.expect(h.post(today.PingID, "2127365002"), 200, ledger.ResultSuccess)
	if a := h.ping(`{"zip":"10001"}`); a.Result != ledger.ResultFailure {
		t.Errorf("today's cap is full: %s", a.text)
	}
	if n := h.node.Ledger.Stats().ClockJumps; n == 0 {
		t.Error("nobody was told of the event ahead")
	}
}

func TestExplainAfterTheCampaignHasMovedToAnotherVertical(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	wide := strings.NewReplacer("id: solar", "id: roof", "name: Solar", "name: Roof", "- {name: age",
		"- {name: storeys, type: integer}\n  - {name: age").Replace(verticalYAML)
	h.write("verticals/roof.yaml", strings.Replace(wide, "  - {name: storeys, type: integer}\n",
		"  - {name: storeys, type: integer}\n  - {name: slope, type: integer}\n", 1))
	moved := strings.NewReplacer("vertical: solar", "vertical: roof", "{to: zip, from: zip}",
		"{to: zip, from: zip}, {to: slope, from: slope}, {to: age, from: age}")
	h.write("buyers/b.yaml", moved.Replace(fmt.Sprintf(campaignYAML, "b", "http://"+h.farm.Addr(), "")))
	h.restart()
	var x exchange.Explanation
	if code := h.admin("GET", "/v1/explain/"+p.PingID, nil, &x); code != 200 {
		t.Fatalf("explain: %d", code)
	}
	if len(x.Campaigns) != 1 || x.Campaigns[0].Verdict != "winner" || len(x.Attempts) != 1 || x.SameConfig {
		t.Errorf("explanation: %+v", x)
	}
	if q := h.ping(`{"zip":"10001"}`); q.Result != ledger.ResultFailure {
		t.Errorf("ping of the vertical it left: %s", q.text)
	}
}
