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
	h := build(t, "", nil, script("low", 10*dollar), script("high", 25*dollar))
	p := h.quote(20)
	if p.Currency != "USD" || p.ExpiresAt == "" {
		t.Errorf("quote: %s", p.text)
	}
	a := h.post(p.PingID, "212-736-5000")
	h.expect(a, 200, ledger.ResultSuccess)
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
	h.expect(again, 200, ledger.ResultSuccess)
	if again.ID != a.ID || again.Price != a.Price {
		t.Errorf("status says %s, the answer was %s", again.text, a.text)
	}
	h.restart()
	if again = h.call("GET", "/v1/leads/"+a.LeadID, ""); again.ID != a.ID {
		t.Errorf("after a restart the status is %s", again.text)
	}
}

func TestRepeatedPostGetsTheFirstAnswerAndSellsOnce(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	first := h.post(p.PingID, "212-736-5000")
	h.expect(first, 200, ledger.ResultSuccess)
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

func TestEachFaultOfAPingIsNamedAndTheRestStillBids(t *testing.T) {
	want := map[buyertest.Fault][]lead.Refusal{
		buyertest.FaultSilence: {lead.TimedOut}, buyertest.FaultHang: {lead.TimedOut},
		buyertest.FaultSilentAccept: {lead.TimedOut}, buyertest.FaultClose: {lead.ConnectionLost},
		buyertest.FaultReset: {lead.ConnectionLost}, buyertest.Fault500: {lead.ServerError},
		buyertest.FaultRedirect307: {lead.RedirectAnswer}, buyertest.FaultRedirect302: {lead.RedirectAnswer},
		buyertest.FaultTorn: {lead.TornAnswer}, buyertest.FaultTornChunked: {lead.TornAnswer},
		buyertest.FaultTornUnframed: {lead.TornAnswer, lead.MalformedAnswer},
		buyertest.FaultInvalid:      {lead.MalformedAnswer, lead.UnclearAnswer},
		buyertest.FaultOversized:    {lead.OversizedAnswer}, buyertest.FaultNo: {lead.NoBid},
		buyertest.Fault503: {lead.ServerError}, buyertest.Fault409: {lead.ServerError},
		buyertest.FaultEmpty: {lead.MalformedAnswer}, buyertest.FaultAsync: {lead.UnclearAnswer},
		buyertest.FaultNotice: {lead.MalformedAnswer}, buyertest.FaultContentType: {lead.NoRefusal},
		buyertest.FaultPriceDrop: {lead.NoRefusal},
	}
	h := build(t, "", nil, script("bad", 40*dollar), script("good", 25*dollar))
	bad := h.farm.Buyer("bad")
	for _, f := range buyertest.Faults() {
		for _, state := range []string{"cold", "warm"} {
			t.Run(f.String()+"/"+state, func(t *testing.T) {
				if state == "warm" {
					h.ping(`{"zip":"10001"}`)
				}
				bad.SetFault(buyertest.Ping, f, 1)
				defer bad.Heal()
				begin := time.Now()
				p := h.ping(`{"zip":"10001"}`)
				took := time.Since(begin)
				h.expect(p, 200, ledger.ResultSuccess)
				ev := last[*ledger.Pinged](h, p.PingID)
				ok := false
				for _, b := range ev.Bids {
					for _, w := range want[f] {
						ok = ok || b.Buyer == "bad" && b.Refusal == w
					}
				}
				if !ok {
					t.Errorf("bids %+v, want refusal of bad in %v", ev.Bids, want[f])
				}
				if want[f][0] != lead.NoRefusal && p.Price != 20 {
					t.Errorf("quote %v, want that of the other buyer, 20", p.Price)
				}
				// A generous bound: it only tells a deadline that works from one that does not.
				if took > 3*time.Second {
					t.Errorf("answered after %v, the deadline is 0.4 s", took)
				}
			})
		}
	}
	if bad.Trapped() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestBuyersThatCannotBeReachedAreNamedAndPassedBy(t *testing.T) {
	stuck, err := buyertest.NewStuck()
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	refused, err := buyertest.NewRefused()
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	h := build(t, "", nil, script("good", 25*dollar))
	// Each bids by a list price above the good one's and is posted to first; each also has a twin that bids by ping.
	for id, at := range map[string]string{"tls": "https://" + stuck.Addr(), "port": "http://" + refused.Addr(),
		"tlsping": "https://" + stuck.Addr(), "portping": "http://" + refused.Addr()} {
		text := fmt.Sprintf(campaignYAML, id, at, "")
		if !strings.HasSuffix(id, "ping") {
			a, b := strings.Index(text, "    ping:"), strings.Index(text, "    post:")
			text = strings.Replace(text[:a]+"    price: 40.00\n"+text[b:], "{to: token, from: token}, ", "", 1)
		}
		h.write("buyers/"+id+".yaml", text)
	}
	h.restart()
	begin := time.Now()
	p := h.ping(`{"zip":"10001"}`)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("answered after %v, the deadline is 0.4 s", took)
	}
	h.expect(p, 200, ledger.ResultSuccess)
	got := map[string]lead.Refusal{}
	for _, b := range last[*ledger.Pinged](h, p.PingID).Bids {
		got[b.Buyer] = b.Refusal
	}
	if got["tlsping"] != lead.TLSFailed || got["portping"] != lead.Unreachable || got["good"] != lead.NoRefusal {
		t.Errorf("refusals: %v", got)
	}
	h.expect(h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`), 200, ledger.ResultSuccess)
	if a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365001"}`); !strings.HasPrefix(a.ID,
		"good-") {
		t.Errorf("sold to %s", a.text)
	} else {
		outcomes := map[string]lead.Outcome{}
		for _, ev := range h.events(a.LeadID) {
			if e, ok := ev.(*ledger.Posted); ok {
				outcomes[e.Buyer] = e.Outcome
			}
		}
		if outcomes["tls"] != lead.NotSent || outcomes["port"] != lead.NotSent || outcomes["good"] != lead.Accepted {
			t.Errorf("outcomes: %v", outcomes)
		}
	}
}

func TestNoFaultOfAPostLeadsToASecondSale(t *testing.T) {
	// What each fault must be read as. Where a byte was written and what came back is no sale and no clear no, it is
	// unknown.
	unknown := map[buyertest.Fault]bool{
		buyertest.FaultSilence: true, buyertest.FaultHang: true, buyertest.FaultSilentAccept: true,
		buyertest.FaultClose: true, buyertest.FaultReset: true, buyertest.FaultTorn: true,
		buyertest.FaultTornChunked: true, buyertest.FaultTornUnframed: true, buyertest.FaultOversized: true,
		buyertest.FaultInvalid: true, buyertest.Fault500: true, buyertest.FaultRedirect307: true,
		buyertest.FaultRedirect302: true, buyertest.Fault503: true, buyertest.Fault409: true,
		buyertest.FaultEmpty: true, buyertest.FaultAsync: true, buyertest.FaultNotice: true,
	}
	sold := map[buyertest.Fault]bool{buyertest.FaultPriceDrop: true, buyertest.FaultContentType: true}
	h := build(t, "dedupe: {refuse: none}\n", nil, script("bad", 40*dollar), script("next", 39*dollar))
	bad, next := h.farm.Buyer("bad"), h.farm.Buyer("next")
	for _, f := range buyertest.Faults() {
		t.Run(f.String(), func(t *testing.T) {
			p := h.quote(32)
			before := next.Calls(buyertest.Post)
			bad.FailNext(buyertest.Post, f, 1)
			a := h.post(p.PingID, "2127365000")
			accepted := len(h.farm.AcceptedBy(p.PingID))
			switch {
			case sold[f]:
				h.expect(a, 200, ledger.ResultSuccess)
			case unknown[f]:
				h.expect(a, 202, ledger.ResultPending)
				if next.Calls(buyertest.Post) != before {
					t.Error("the next buyer was posted to while the first may have bought")
				}
				if a.StatusURL != "/v1/leads/"+p.PingID {
					t.Errorf("pending: %s", a.text)
				}
				kept := last[*ledger.Posted](h, p.PingID).Private.Answer
				if torn := f == buyertest.FaultTorn || f == buyertest.FaultTornChunked; torn &&
					(kept == nil || !strings.HasPrefix(kept.Text, "{")) {
					t.Errorf("what came of the answer is not kept: %+v", kept)
				}
			default:
				h.expect(a, 200, ledger.ResultSuccess)
				if next.Calls(buyertest.Post) != before+1 {
					t.Errorf("want the next buyer to get it after a clear no: %s", a.text)
				}
			}
			if accepted > 1 {
				t.Errorf("%d buyers have accepted the lead", accepted)
			}
			if n := bad.Book.Posts(p.PingID); n > 1 {
				t.Errorf("the buyer got the lead %d times", n)
			}
			if again := h.post(p.PingID, "2127365000"); again.text != a.text {
				t.Errorf("repeat: %s, first %s", again.text, a.text)
			}
		})
	}
	if bad.Trapped() != 0 {
		t.Error("a post's redirect was followed")
	}
}

func TestUnknownAttemptKeepsItsHoldUntilAPersonResolvesIt(t *testing.T) {
	for _, restart := range []bool{false, true} {
		for _, outcome := range []string{"accepted", "rejected"} {
			t.Run(fmt.Sprintf("%s restart=%v", outcome, restart), func(t *testing.T) {
				h := build(t, "", map[string]string{"b": "caps: [{per: total, limit: 1}]"}, script("b", 25*dollar))
				p := h.quote(20)
				h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
				h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
				if restart {
					h.restart()
				}
				if other := h.ping(`{"zip":"10001"}`); other.Result != ledger.ResultFailure ||
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
					h.expect(a, 200, ledger.ResultSuccess)
					if a.ID != "R-1" || a.Price != 20 || last[*ledger.Settled](h, p.PingID).Revenue != 24*dollar {
						t.Errorf("resolved sale: %s", a.text)
					}
					h.expect(other, 200, ledger.ResultFailure)
				} else {
					h.expect(a, 200, ledger.ResultFailure)
					h.expect(other, 200, ledger.ResultSuccess)
				}
			})
		}
	}
}

func TestSharedLeadSellsToSeveralAndNoMore(t *testing.T) {
	shared := map[string]string{"a": "max_sold: 3", "b": "max_sold: 3", "c": "max_sold: 3", "d": "max_sold: 3"}
	h := build(t, "sell_limit: 3\n", shared, script("a", 20*dollar), script("b", 15*dollar), script("c", 10*dollar),
		script("d", 5*dollar))
	p := h.quote(36)
	a := h.post(p.PingID, "2127365000")
	h.expect(a, 200, ledger.ResultSuccess)
	if a.Price != 36 || len(a.Sales) != 3 || a.ID != a.Sales[0].ID || a.Sales[0].Price != 16 || a.Sales[2].Price != 8 {
		t.Errorf("sales: %s", a.text)
	}
	if n := len(h.farm.AcceptedBy(p.PingID)); n != 3 {
		t.Errorf("%d buyers have it", n)
	}
}

func TestSellerWhoWaitsLessHearsPendingAndTheTripGoesOn(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(250 * time.Millisecond)
	h := build(t, "", nil, slow)
	p := h.quote(20)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","max_wait_ms":120}`,
		p.PingID))
	h.expect(a, 202, ledger.ResultPending)
	eventually(t, "the status is a success", func() bool {
		s := h.call("GET", a.StatusURL, "")
		return s.Result == ledger.ResultSuccess && s.Price == 20
	})
	if n := h.farm.Buyer("slow").Calls(buyertest.Post); n != 1 {
		t.Errorf("%d posts", n)
	}
}

func TestPausesAreAtOnceAndDurable(t *testing.T) {
	h := build(t, "", nil, script("a", 20*dollar), script("b", 15*dollar))
	p := h.quote(16)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "a", "why": "unpaid"}, nil)
	h.quote(12)
	h.restart()
	h.quote(12)
	if a := h.post(p.PingID, "2127365000"); a.Result != ledger.ResultFailure || a.Reason != "quote_lost" {
		t.Errorf("the paused winner's quote: %s", a.text)
	}
	h.admin("POST", "/v1/resume", map[string]string{"subject": "buyer:a", "why": "paid"}, nil)
	p = h.quote(16)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "acme", "why": "bad leads"}, nil)
	if a := h.ping(`{"zip":"10001"}`); a.status != 503 || a.Reason != "source_paused" {
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
	h.expect(h.call("POST", "/v1/solar/leads", whole), 200, ledger.ResultSuccess)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	if code := h.admin("POST", "/v1/pause", map[string]string{"subject": "nobody", "why": "x"}, nil); code != 404 {
		t.Errorf("pause of an unknown subject: %d", code)
	}
}
