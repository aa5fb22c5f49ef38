// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

const dollar = lead.Unit

func TestPingAsksAllAndPostSellsToTheHighest(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("low", 10*dollar), script("high", 25*dollar))
	p := h.quote(20)
	if p.Currency != "USD" || p.ExpiresAt == "" {
		t.Errorf("quote: %s", p.text)
	}
	a := h.post(p.PingID, "212-736-5000")
	h.expect(a, 200, lead.ResultSuccess)
	if a.LeadID != p.PingID || a.Price != 20 || !strings.HasPrefix(a.ID, "high-") {
		t.Errorf("sale: %s", a.text)
	}
	if strings.Contains(a.text, "25.00") {
		t.Errorf("the buyer's price is shown to the seller: %s", a.text)
	}
	ev := last[*ledger.Posted](h, a.LeadID)
	if ev.Outcome != lead.Accepted || ev.Price != 25*dollar || ev.Payout != 20*dollar || ev.Reference != a.ID {
		t.Errorf("posted: %+v", ev)
	}
	if n := h.farm.Buyer("low").Calls(buyertest.Post); n != 0 {
		t.Errorf("the loser was posted to %d times", n)
	}
	again := h.call("GET", "/v1/leads/"+a.LeadID, "")
	h.expect(again, 200, lead.ResultSuccess)
	if again.ID != a.ID || again.Price != a.Price {
		t.Errorf("status says %s, the answer was %s", again.text, a.text)
	}
	h.restart()
	if again = h.call("GET", "/v1/leads/"+a.LeadID, ""); again.ID != a.ID {
		t.Errorf("after a restart the status is %s", again.text)
	}
}

func TestRepeatedPostGetsTheFirstAnswerAndSellsOnce(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	first := h.post(p.PingID, "212-736-5000")
	h.expect(first, 200, lead.ResultSuccess)
	for _, restart := range []bool{false, true} {
		if restart {
			h.restart()
		}
		if again := h.post(p.PingID, "2127365000"); again.text != first.text {
			t.Errorf("repeat: %s, first %s", again.text, first.text)
		}
	}
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
		t.Errorf("the buyer got %d posts", n)
	}
	if other := h.post(p.PingID, "212-736-5999"); other.status != 409 {
		t.Errorf("another person: %d %s", other.status, other.text)
	}
	if foreign := h.post(p.PingID, "2127365000", "Authorization: Bearer other-key-0123456789"); foreign.status != 404 {
		t.Errorf("another source: %d %s", foreign.status, foreign.text)
	}
}

func TestSharedLeadSellsToSeveralAndNoMore(t *testing.T) {
	t.Parallel()
	shared := map[string]string{"a": "max_sold: 3", "b": "max_sold: 3", "c": "max_sold: 3", "d": "max_sold: 3"}
	h := build(t, "sell_limit: 3\n", shared, script("a", 20*dollar), script("b", 15*dollar), script("c", 10*dollar),
		script("d", 5*dollar))
	p := h.quote(36)
	a := h.post(p.PingID, "2127365000")
	h.expect(a, 200, lead.ResultSuccess)
	if a.Price != 36 || len(a.Sales) != 3 || a.ID != a.Sales[0].ID || a.Sales[0].Price != 16 || a.Sales[2].Price != 8 {
		t.Errorf("sales: %s", a.text)
	}
	h.restart()
	if again := h.post(p.PingID, "2127365000"); again.text != a.text {
		t.Errorf("after a restart: %s, first %s", again.text, a.text)
	}
	if n := len(h.farm.AcceptedBy(p.PingID)); n != 3 {
		t.Errorf("%d buyers have it", n)
	}
}

func TestSellerWhoWaitsLessHearsPendingAndTheTripGoesOn(t *testing.T) {
	t.Parallel()
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(250 * time.Millisecond)
	h := build(t, "", nil, slow)
	p := h.quote(20)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","max_wait_ms":120}`,
		p.PingID))
	h.expect(a, 202, lead.ResultPending)
	eventually(t, "the status is a success", func() bool {
		s := h.call("GET", a.StatusURL, "")
		return s.Result == lead.ResultSuccess && s.Price == 20
	})
	if n := h.farm.Buyer("slow").Calls(buyertest.Post); n != 1 {
		t.Errorf("%d posts", n)
	}
}

// An attempt of unknown end keeps its hold, over a restart too, until a person says what became of it.
func TestUnknownAttemptKeepsItsHoldUntilAPersonResolvesIt(t *testing.T) {
	t.Parallel()
	for _, outcome := range []string{"accepted", "rejected"} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			h := build(t, "", map[string]string{"b": "caps: [{per: total, limit: 1}]"}, script("b", 25*dollar))
			p := h.quote(20)
			h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
			h.expect(h.post(p.PingID, "2127365000"), 202, lead.ResultPending)
			h.restart()
			if other := h.ping(`{"zip":"10001"}`); other.Result != lead.ResultFailure ||
				other.Reason != "no_bids" {
				t.Fatalf("the cap of one is held, but another ping heard %s", other.text)
			}
			var open struct {
				Unresolved []exchange.OpenAttempt `json:"unresolved"`
			}
			h.admin("GET", "/v1/unresolved", nil, &open)
			if len(open.Unresolved) != 1 || open.Unresolved[0].Lead.String() != p.PingID ||
				open.Unresolved[0].Why != "timed_out" {
				t.Fatalf("unresolved: %+v", open)
			}
			in := map[string]string{"attempt": open.Unresolved[0].Attempt.String(), "outcome": outcome,
				"why": "asked them"}
			if outcome == "accepted" {
				in["price"], in["reference"] = "24.00", "R-1"
			}
			if code := h.admin("POST", "/v1/resolve", in, nil); code != 200 {
				t.Fatalf("resolve: %d", code)
			}
			if code := h.admin("POST", "/v1/resolve", in, nil); code != 404 {
				t.Errorf("resolved twice: %d", code)
			}
			a := h.post(p.PingID, "2127365000")
			other := h.ping(`{"zip":"10001"}`)
			if outcome == "accepted" {
				h.expect(a, 200, lead.ResultSuccess)
				if a.ID != "R-1" || a.Price != 20 || last[*ledger.Settled](h, p.PingID).Revenue != 24*dollar {
					t.Errorf("resolved sale: %s", a.text)
				}
				h.expect(other, 200, lead.ResultFailure)
			} else {
				h.expect(a, 200, lead.ResultFailure)
				h.expect(other, 200, lead.ResultSuccess)
			}
		})
	}
}

func TestPausesAreAtOnceAndDurable(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("a", 20*dollar), script("b", 15*dollar))
	p := h.quote(16)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "a", "why": "unpaid"}, nil)
	h.quote(12)
	h.restart()
	h.quote(12)
	if a := h.post(p.PingID, "2127365000"); a.Result != lead.ResultFailure || a.Reason != "quote_lost" {
		t.Errorf("the paused winner's quote: %s", a.text)
	}
	h.admin("POST", "/v1/resume", map[string]string{"subject": "buyer:a", "why": "paid"}, nil)
	p = h.quote(16)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "acme", "why": "bad leads"}, nil)
	if a := h.ping(`{"zip":"10001"}`); a.status != 503 || a.Reason != "source_paused" ||
		a.header.Get("Retry-After") == "" {
		t.Errorf("ping of a paused source: %s", a.text)
	}
	if a := h.post(p.PingID, "2127365000"); a.Reason != "source_paused" {
		t.Errorf("post of a paused source: %s", a.text)
	}
	whole := `{"zip":"10001","phone":"2127365077"}`
	if a := h.call("POST", "/v1/solar/leads", whole); a.status != 503 || a.Reason != "source_paused" {
		t.Errorf("lead of a paused source: %s", a.text)
	}
	h.admin("POST", "/v1/resume", map[string]string{"subject": "source:acme", "why": "talked"}, nil)
	h.expect(h.call("POST", "/v1/solar/leads", whole), 200, lead.ResultSuccess)
	h.expect(h.post(p.PingID, "2127365000"), 200, lead.ResultSuccess)
	if code := h.admin("POST", "/v1/pause", map[string]string{"subject": "nobody", "why": "x"}, nil); code != 404 {
		t.Errorf("pause of an unknown subject: %d", code)
	}
}
