// SPDX-License-Identifier: Apache-2.0

package node

import (
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
)

// TestStatusSaysWhatIsSentAwayAndWhy: a request that finds no place hears 503 with Retry-After and consumes nothing;
// status and metrics count it by its reason, beside the node's memory.
func TestStatusSaysWhatIsSentAwayAndWhy(t *testing.T) {
	slow := script("b", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(150 * time.Millisecond)
	h := build(t, "", nil, slow)
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	h.edit("clearpost.yaml", "node: n1\n", "node: n1\nlimits: {in_flight_max: 1, memory_mb: 512}\n")
	h.edit("sources/other.yaml", "{per_second: 1000, burst: 1000}", "{per_second: 0.01, burst: 1}")
	h.start()

	first := make(chan heard)
	go func() { first <- h.ping(`{"zip":"10001"}`) }()
	buyer := h.farm.Buyer("b")
	eventually(t, "the buyer is asked", func() bool { return buyer.Calls(buyertest.Ping) == 1 })
	before := h.node.Ledger.LastSeq()
	busy := h.ping(`{"zip":"94110"}`)
	if busy.status != 503 || busy.Reason != "too_busy" || busy.header.Get("Retry-After") != "1" {
		t.Errorf("with no place it heard %+v", busy)
	}
	if h.node.Ledger.LastSeq() != before || buyer.Calls(buyertest.Ping) != 1 {
		t.Error("a request that was sent away has consumed something")
	}
	h.expect(<-first, 200, lead.ResultSuccess)
	for _, want := range []int{404, 429} { // an unknown lead, then one more than the rate
		if a := h.call("GET", "/v1/leads/01932b7e-3f64-7a51-8d0c-5b1f0f3c2a11", "",
			"Authorization: Bearer other-key-0123456789"); a.status != want {
			t.Errorf("it heard %d, want %d", a.status, want)
		}
	}

	var s admin.Status
	if status := h.admin("GET", "/v1/status", nil, &s); status != 200 || s.Load == nil {
		t.Fatalf("status: %d, %+v", status, s.Load)
	}
	if s.Load.InFlight != 0 || s.Load.InFlightMax != 1 || s.Memory.Limit != 512<<20 ||
		s.Memory.Resident <= s.Memory.Alive || s.Memory.Alive == 0 {
		t.Errorf("memory %+v, load %+v", s.Memory, s.Load)
	}
	for _, reason := range []string{"overloaded", "rate"} {
		found := false
		for _, x := range s.Load.Sheds {
			found = found || x.Reason == reason && x.Count == 1 && time.Since(x.Last) < time.Hour
		}
		if !found || !strings.Contains(h.metrics(), `clearpost_shed_total{reason="`+reason+`"} 1`) {
			t.Errorf("%s is not counted once: %+v", reason, s.Load.Sheds)
		}
	}
}

func TestRequestsInFlightFollowTheMemoryThatThereIs(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		limit, used int64
		want        int
	}{
		{100 << 30, mb, InFlightMost},
		{512 * mb, 12 * mb, 500 * mb * waitingPercent / 100 / WaitingBytes},
		{128 * mb, 100 * mb, InFlightLeast},
		{128 * mb, 500 * mb, InFlightLeast},
	} {
		if got := inFlightFor(tt.limit, tt.used); got != tt.want {
			t.Errorf("%d MiB of which %d are in use: %d, want %d", tt.limit/mb, tt.used/mb, got, tt.want)
		}
	}
}
