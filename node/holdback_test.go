// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
)

// refusalOf is why a campaign did not bid on a lead.
func (h *house) refusalOf(id, campaign string) lead.Refusal {
	h.t.Helper()
	for _, b := range last[*ledger.Pinged](h, id).Bids {
		if b.Campaign == campaign {
			return b.Refusal
		}
	}
	h.t.Fatalf("campaign %s has no bid on %s", campaign, id)
	return 0
}

func TestCampaignHasALimitInFlightOfItsOwn(t *testing.T) {
	slow := script("a", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(200 * time.Millisecond)
	h := build(t, "", map[string]string{"a": "in_flight_max: 1"}, slow)
	first := make(chan heard, 1)
	go func() { first <- h.ping(`{"zip":"10001"}`) }()
	eventually(t, "the first is at the buyer", func() bool { return h.farm.Buyer("a").Calls(buyertest.Ping) == 1 })
	p := h.ping(`{"zip":"10001"}`)
	if no := h.refusalOf(p.PingID, "a-main"); no != lead.InFlightLimit {
		t.Errorf("refused as %v", no)
	}
	h.expect(<-first, 200, ledger.ResultSuccess)
}

const breakerYAML = "breaker: {failures_percent: 50, requests_min: 4, window_s: 60, open_s: 30, probes: 1}"

func TestBreakerThatSimulatesCounts(t *testing.T) {
	h := build(t, "", map[string]string{"a": breakerYAML[:len(breakerYAML)-1] + ", simulate_only: true}"},
		script("a", 25*dollar))
	h.farm.Buyer("a").FailNext(buyertest.Ping, buyertest.Fault500, 4)
	for range 4 {
		h.ping(`{"zip":"10001"}`)
	}
	h.quote(20)
	l := h.node.Exchange.Campaigns()[0]
	if state, simulates, _ := l.Breaker(); state != limits.BreakerRefusing || !simulates ||
		l.BreakerSkips.Load() != 1 {
		t.Errorf("state %d, simulates %v, %d counted", state, simulates, l.BreakerSkips.Load())
	}
}
