// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
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

func TestThrottledCampaignIsNotAsked(t *testing.T) {
	h := buildWith(t, "", nil, []string{"timeout_ms: 300",
		"timeout_ms: 300\n      rate: {per_second: 0.001, burst: 2}"}, script("a", 25*dollar))
	for range 2 {
		h.quote(20)
	}
	p := h.ping(`{"zip":"10001"}`)
	h.expect(p, 200, ledger.ResultFailure)
	if no := h.refusalOf(p.PingID, "a-main"); no != lead.Throttled {
		t.Errorf("refused as %v", no)
	}
	if n := h.farm.Buyer("a").Calls(buyertest.Ping); n != 2 {
		t.Errorf("%d pings", n)
	}
	if n := h.node.Exchange.Campaigns()[0].ThrottleSkips.Load(); n != 1 {
		t.Errorf("%d counted", n)
	}
}

func TestThrottledPostLeavesTheTurnToTheNext(t *testing.T) {
	h := buildWith(t, "", nil, []string{"timeout_ms: 400",
		"timeout_ms: 400\n      rate: {per_second: 0.001, burst: 1}"}, script("a", 25*dollar),
		script("b", 25*dollar-lead.Cent))
	p, q := h.quote(20), h.quote(20)
	if a := h.post(p.PingID, "2127365000"); a.ID[:2] != "a-" {
		t.Fatalf("first: %s", a.text)
	}
	if a := h.post(q.PingID, "2127365001"); a.Result != ledger.ResultSuccess || a.ID[:2] != "b-" {
		t.Errorf("second: %s", a.text)
	}
	tried := last[*ledger.Settled](h, q.PingID).Tried
	if len(tried) != 1 || tried[0].Refusal != lead.Throttled {
		t.Errorf("tried: %+v", tried)
	}
	if n := h.farm.Buyer("a").Calls(buyertest.Post); n != 1 {
		t.Errorf("%d posts", n)
	}
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

func TestBreakerLeavesAFailingCampaignAlone(t *testing.T) {
	h := build(t, "", map[string]string{"a": breakerYAML}, script("a", 25*dollar), script("b", 10*dollar))
	early := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Ping, buyertest.Fault500, 3)
	for range 3 {
		h.quote(8)
	}
	p := h.quote(8)
	if no := h.refusalOf(p.PingID, "a-main"); no != lead.BreakerOpen {
		t.Errorf("refused as %v", no)
	}
	var st admin.Status
	h.admin("GET", "/v1/status", nil, &st)
	if c := st.Campaigns[0]; c.Breaker != "refusing" || c.Counts["breaker_skips"] != 1 {
		t.Errorf("status: %+v", c)
	}
	// A post of a quote that counted on it is made all the same.
	if a := h.post(early.PingID, "2127365000"); a.Result != ledger.ResultSuccess || a.ID[:2] != "a-" {
		t.Errorf("post: %s", a.text)
	}
	h.ahead.Store(int64(31 * time.Second))
	h.quote(20) // the probe
	if state, _, _ := h.node.Exchange.Campaigns()[0].Breaker(); state != limits.BreakerClosed {
		t.Errorf("state %d after a good probe", state)
	}
}

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
