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

func TestOneShotMinimumMayBeMetBySalesTogether(t *testing.T) {
	shared := map[string]string{"a": "max_sold: 3", "b": "max_sold: 3", "c": "max_sold: 3"}
	h := build(t, "sell_limit: 3\n", shared, script("a", 20*dollar), script("b", 15*dollar), script("c", 10*dollar))
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000","min_price":36}`)
	h.expect(a, 200, ledger.ResultSuccess)
	if a.Price != 36 || len(a.Sales) != 3 {
		t.Errorf("sales: %s", a.text)
	}
	if a = h.call("POST", "/v1/solar/leads",
		`{"zip":"10001","phone":"2127365001","min_price":36.01}`); a.Result != ledger.ResultFailure {
		t.Errorf("above what all pay together: %s", a.text)
	}
}

func TestOneShotThatCannotReachItsMinimumIsNotSoldInPart(t *testing.T) {
	shared := map[string]string{"a": "max_sold: 2", "b": "max_sold: 2", "c": "max_sold: 2"}
	no := script("a", 20*dollar)
	no.Post.Yes = 0
	h := build(t, "sell_limit: 2\n", shared, no, script("b", 15*dollar), script("c", 10*dollar))
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000","min_price":28}`)
	h.expect(a, 200, ledger.ResultFailure)
	if n := len(h.farm.AcceptedBy(a.LeadID)); n != 0 {
		t.Errorf("%d buyers have it", n)
	}
	a = h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365001","min_price":20}`)
	h.expect(a, 200, ledger.ResultSuccess)
	if a.Price != 20 || len(a.Sales) != 2 {
		t.Errorf("sales: %s", a.text)
	}
}

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

func TestResolvedOneShotPaysByItsPrice(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
	h.expect(a, 202, ledger.ResultPending)
	h.resolve(map[string]string{"outcome": "accepted", "price": "10.00"})
	a = h.call("GET", a.StatusURL, "")
	h.expect(a, 200, ledger.ResultSuccess)
	if a.Price != 8 {
		t.Errorf("payout of a sale for 10.00 at a margin of 20 %%: %s", a.text)
	}
}

func TestSellerInAHurryHearsPendingAndTheLeadIsStillSold(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(150 * time.Millisecond)
	h := build(t, "", nil, slow)
	for path, body := range map[string]string{
		"/v1/solar/post":  fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","max_wait_ms":1}`, h.quote(20).PingID),
		"/v1/solar/leads": `{"zip":"10001","phone":"2127365001","max_wait_ms":1}`,
	} {
		a := h.call("POST", path, body)
		h.expect(a, 202, ledger.ResultPending)
		eventually(t, "the status is a success", func() bool {
			return h.call("GET", a.StatusURL, "").Result == ledger.ResultSuccess
		})
	}
}

func TestOneShotAnswersWithinTheSellersTime(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(250 * time.Millisecond)
	slow.Post.Latency = buyertest.Fixed(350 * time.Millisecond)
	h := build(t, "", nil, slow)
	begin := time.Now()
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000","max_wait_ms":300}`)
	took := time.Since(begin)
	h.expect(a, 202, ledger.ResultPending)
	if took > 500*time.Millisecond {
		t.Errorf("answered after %v, the seller waits 300 ms", took)
	}
	eventually(t, "the status is a success", func() bool {
		return h.call("GET", a.StatusURL, "").Result == ledger.ResultSuccess
	})
}

// openAttempt writes an attempt of a quoted lead that a crash has cut off, and starts again.
func (h *house) openAttempt(p heard) {
	h.t.Helper()
	ev := last[*ledger.Pinged](h, p.PingID)
	var b *ledger.Bid
	for i := range ev.Bids {
		if ev.Bids[i].Rank == 1 {
			b = &ev.Bids[i]
		}
	}
	at := h.node.Exchange.Now()
	id := ev.EventID
	id[15]++
	err := h.node.Ledger.Append(&ledger.Posting{Head: ledger.Head{Kind: ledger.KindPosting, At: at, Schema: 1,
		Config: ev.Config, Lead: ev.Lead, Source: ev.Source, Vertical: ev.Vertical}, Post: &ledger.Post{ReceivedAt: at,
		SellerLeadID: "S-2", IdempotencyKey: "first", BodyHash: "x"}, Attempt: id, Campaign: b.Campaign, Buyer: b.Buyer,
		Rank: 1, Price: b.Price, Payout: b.Payout, MaxSold: b.MaxSold, SellLimit: 1,
		Charges: []lead.Charge{{Cap: "campaign:" + b.Campaign + ":total", Window: "total", N: 1}}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.restart()
}

func TestTripThatACrashCutOffIsResolvedAndResumed(t *testing.T) {
	h := build(t, "", map[string]string{"a": "caps: [{per: total, limit: 5}]"}, script("a", 25*dollar),
		script("b", 24*dollar))
	used := func() int64 {
		n, _ := h.node.Exchange.CapUse(h.node.Exchange.Campaigns()[0].Caps[0])
		return n
	}
	p := h.quote(20)
	h.openAttempt(p)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	if n := used(); n != 1 {
		t.Errorf("the open hold counts %d", n)
	}
	if a := h.farm.Buyer("b").Calls(buyertest.Post); a != 0 {
		t.Error("another buyer was asked")
	}
	h.resolve(map[string]string{"outcome": "rejected"})
	if n := used(); n != 0 {
		t.Errorf("the released hold counts %d", n)
	}
	a := h.post(p.PingID, "2127365000")
	h.expect(a, 200, ledger.ResultSuccess)
	if !strings.HasPrefix(a.ID, "b-") || a.SellerID != "S-2" {
		t.Errorf("resumed: %s", a.text)
	}
	h.restart()
	if again := h.post(p.PingID, "2127365000"); again.text != a.text {
		t.Errorf("again %s, first %s", again.text, a.text)
	}
	if n := h.farm.Buyer("a").Calls(buyertest.Post); n != 0 {
		t.Errorf("the attempt was sent again %d times", n)
	}
}

func TestCutOffTripWhoseQuoteIsOverIsAFailure(t *testing.T) {
	h := build(t, "", map[string]string{"a": "caps: [{per: total, limit: 5}]"}, script("a", 25*dollar),
		script("b", 24*dollar))
	p := h.quote(20)
	h.openAttempt(p)
	h.resolve(map[string]string{"outcome": "rejected"})
	h.ahead.Store(int64(301 * time.Second))
	a := h.call("GET", "/v1/leads/"+p.PingID, "")
	h.expect(a, 200, ledger.ResultFailure)
	if again := h.post(p.PingID, "2127365000"); again.text != a.text {
		t.Errorf("post %s, status %s", again.text, a.text)
	}
	last[*ledger.Settled](h, p.PingID)
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

func TestOneShotPayoutFollowsAPriceThatDropped(t *testing.T) {
	h := build(t, "", map[string]string{"b": "pay: post_price"}, script("b", 25*dollar))
	h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultPriceDrop, 1)
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
	h.expect(a, 200, ledger.ResultSuccess)
	ev := last[*ledger.Posted](h, a.LeadID)
	if ev.Price >= 25*dollar || ev.Payout != ev.Price.MulPPM(800_000).FloorCents() ||
		lead.Money(a.Price*1e6) != ev.Payout {
		t.Errorf("booked %v, payout %v, answer %s", ev.Price, ev.Payout, a.text)
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
