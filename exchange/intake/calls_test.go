// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
)

func TestBadRequestsAreNamedAndConsumeNothing(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	seq := h.ledger.LastSeq()
	big := `{"zip":"10001","city":"` + strings.Repeat("x", 70<<10) + `"}`
	for _, c := range []struct {
		name, method, path, body, header string
		status                           int
		reason                           string
	}{
		{"no key", "POST", "/v1/solar/ping", `{}`, "Authorization: ", 401, "unauthorized"},
		{"wrong key", "POST", "/v1/solar/ping", `{}`, "Authorization: Bearer nobody", 401, "unauthorized"},
		{"unknown vertical", "POST", "/v1/roof/ping", `{}`, "", 404, "unknown_vertical"},
		{"unknown call", "POST", "/v1/solar/bid", `{}`, "", 404, "not_found"},
		{"unknown path", "POST", "/nothing", `{}`, "", 404, "not_found"},
		{"method", "GET", "/v1/solar/ping", ``, "", 405, "method_not_allowed"},
		{"method of leads", "POST", "/v1/leads/x", `{}`, "", 405, "method_not_allowed"},
		{"type", "POST", "/v1/solar/ping", `zip=1`, "Content-Type: text/plain", 415, "unsupported_media_type"},
		{"encoding", "POST", "/v1/solar/ping", `{}`, "Content-Encoding: br", 415, "unsupported_encoding"},
		{"too large", "POST", "/v1/solar/ping", big, "", 413, "body_too_large"},
		{"torn JSON", "POST", "/v1/solar/ping", `{"zip":"10001"`, "", 400, "bad_json"},
		{"a list", "POST", "/v1/solar/ping", `[1]`, "", 400, "bad_json"},
		{"empty", "POST", "/v1/solar/ping", ``, "", 400, "bad_json"},
		{"post without ping_id", "POST", "/v1/solar/post", `{"phone":"2127365000"}`, "", 400, "invalid_lead"},
		{"post of nothing", "POST", "/v1/solar/post", `{"ping_id":"x","phone":"2127365000"}`, "", 404, "not_found"},
		{"post of another's", "POST", "/v1/solar/post", `{"ping_id":"0193b2c4-0000-7000-8000-000000000000"}`, "", 404,
			"not_found"},
		{"unknown lead", "GET", "/v1/leads/0193b2c4-0000-7000-8000-000000000000", ``, "", 404, "not_found"},
		{"search for nothing", "GET", "/v1/leads", ``, "", 400, "bad_request"},
		{"long key", "POST", "/v1/solar/ping", `{"zip":"10001"}`, "Idempotency-Key: " + strings.Repeat("k", 201), 400,
			"bad_idempotency_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.call(c.method, c.path, c.body, c.header)
			if a.status != c.status || a.Reason != c.reason || a.Result != "error" || a.Details == "" {
				t.Errorf("got %d %s, want %d %s", a.status, a.text, c.status, c.reason)
			}
		})
	}
	if now := h.ledger.LastSeq(); now != seq {
		t.Errorf("%d events were written", now-seq)
	}
}

func TestInvalidLeadListsEveryProblemAtOnce(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	a := h.ping(`{"phone":"555-GET-SOLAR-NOW","age":"old","AGE":41,"state":"Zanzibar","city":["a","b"],"min_price":"lots","lead_id":"7"}`)
	want := map[string]string{"phone": "****OW", "age": "", "state": "Zanzibar", "city": `["a","b"]`,
		"min_price": "lots", "lead_id": "7", "zip": ""}
	if a.status != 400 || a.Reason != "invalid_lead" {
		t.Fatalf("got %d %s", a.status, a.text)
	}
	for _, e := range a.Errors {
		v, ok := want[e.Field]
		if !ok || e.Expected == "" || v != "" && v != e.Value {
			t.Errorf("unexpected: %+v", e)
		}
		delete(want, e.Field)
	}
	if len(want) > 0 {
		t.Errorf("not reported: %v in %s", want, a.text)
	}
	if a = h.ping(`{}`); a.status != 400 || len(a.Errors) != 1 || a.Errors[0].Field != "zip" {
		t.Errorf("a missing field: %s", a.text)
	}
}

func TestKeyMayStandInTheBodyOrInAHeader(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	for _, c := range [][]string{
		{`{"zip":"10001"}`, "Authorization: ", "X-Api-Key: acme-key-0123456789"},
		{`{"key":"acme-key-0123456789","zip":"10001"}`, "Authorization: "},
		{`{"zip":"10001"}`, "Authorization: bearer acme-key-0123456789"},
	} {
		if a := h.ping(c[0], c[1:]...); a.status != 200 {
			t.Errorf("%v: %d %s", c, a.status, a.text)
		}
	}
}

func TestIdempotencyKeyOfEachCall(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	whole := `{"zip":"10001","phone":"2127365000"}`
	for _, c := range []struct{ call, body, other string }{
		{"/v1/solar/ping", `{"zip":"10001"}`, `{"zip":"10002"}`},
		{"/v1/solar/leads", whole, `{"zip":"10001","phone":"2127365001"}`},
	} {
		key := "Idempotency-Key: k" + c.call
		first := h.call("POST", c.call, c.body, key)
		h.expect(first, 200, lead.ResultSuccess)
		h.restart()
		if again := h.call("POST", c.call, c.body, key); again.text != first.text {
			t.Errorf("%s: again %s, first %s", c.call, again.text, first.text)
		}
		if other := h.call("POST", c.call, c.other, key); other.status != 409 ||
			other.Reason != "idempotency_key_reused" {
			t.Errorf("%s: another body: %s", c.call, other.text)
		}
		if foreign := h.call("POST", c.call, c.other, key,
			"Authorization: Bearer other-key-0123456789"); foreign.status != 200 {
			t.Errorf("%s: another source's key: %s", c.call, foreign.text)
		}
	}
	p := h.quote(20)
	first := h.post(p.PingID, "2127365002", "Idempotency-Key: kp")
	h.expect(first, 200, lead.ResultSuccess)
	if again := h.post(p.PingID, "2127365002", "Idempotency-Key: kp"); again.text != first.text {
		t.Errorf("post again: %s, first %s", again.text, first.text)
	}
	if other := h.post(p.PingID, "2127365003", "Idempotency-Key: kp"); other.status != 409 {
		t.Errorf("post with another body: %s", other.text)
	}
}

func TestOneShotLead(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	first := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000","seller_lead_id":"S-1"}`)
	h.expect(first, 200, lead.ResultSuccess)
	if first.Price != 20 || first.SellerID != "S-1" || first.LeadID == "" || first.ID == "" {
		t.Errorf("sale: %s", first.text)
	}
	// The same person again, without a key: the first answer.
	again := h.call("POST", "/v1/solar/leads", `{"phone":"(212) 736-5000","zip":"10001"}`)
	if again.LeadID != first.LeadID || again.ID != first.ID {
		t.Errorf("again: %s, first %s", again.text, first.text)
	}
	other := h.call("POST", "/v1/solar/leads", `{"phone":"(212) 736-5000","zip":"10001"}`,
		"Authorization: Bearer other-key-0123456789")
	if other.LeadID == first.LeadID {
		t.Errorf("another source hears of it: %s", other.text)
	}
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 2 {
		t.Errorf("%d posts", n)
	}
	found := h.call("GET", "/v1/leads?seller_lead_id=S-1", "")
	if len(found.Leads) != 1 || found.Leads[0].LeadID != first.LeadID {
		t.Errorf("search: %s", found.text)
	}
	if none := h.call("GET", "/v1/leads?seller_lead_id=S-1", "", "Authorization: Bearer other-key-0123456789"); len(
		none.Leads) != 0 {
		t.Errorf("another source's search: %s", none.text)
	}
	h.ahead.Store(int64(25 * time.Hour))
	late := h.call("POST", "/v1/solar/leads", `{"phone":"(212) 736-5000","zip":"10001"}`)
	if late.status != 200 || late.LeadID == first.LeadID {
		t.Errorf("after the dedupe window: %s", late.text)
	}
}

func TestOneShotWithoutBidsIsAFailure(t *testing.T) {
	no := script("b", 25*dollar)
	no.Ping.Yes = 0
	h := build(t, "", nil, no)
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
	h.expect(a, 200, lead.ResultFailure)
	if a.Reason != "no_bids" || a.LeadID == "" {
		t.Errorf("failure: %s", a.text)
	}
	if s := h.call("GET", "/v1/leads/"+a.LeadID, ""); s.text != a.text {
		t.Errorf("status %s, answer %s", s.text, a.text)
	}
}

func TestExpiredPingIsGoneAndExpiryIsJudgedAtArrival(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	h.ahead.Store(int64(301 * time.Second))
	a := h.post(p.PingID, "2127365000")
	if a.status != 410 || a.Reason != "ping_expired" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 0 {
		t.Errorf("%d posts", n)
	}
}

func TestRateLimitAnswers429(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("sources/slow.yaml", "id: slow\nname: Slow\nkeys: [slow-key-0123456789]\nverticals: [solar]\nmargin: "+
		"{percent: 0}\nrate: {per_second: 0.01, burst: 2}\n")
	h.restart()
	codes := map[int]int{}
	for range 4 {
		a := h.ping(`{"zip":"10001"}`, "Authorization: Bearer slow-key-0123456789")
		codes[a.status]++
		if a.status == 429 && a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if codes[200] != 2 || codes[429] != 2 {
		t.Errorf("statuses: %v", codes)
	}
}

func TestConcurrentPostsOfOneLeadSellOnce(t *testing.T) {
	slow := script("b", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(50 * time.Millisecond)
	h := build(t, "", nil, slow)
	for _, one := range []bool{false, true} {
		path, body := "/v1/solar/leads", `{"zip":"10001","phone":"2127365009"}`
		if !one {
			path, body = "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000"}`, h.quote(20).PingID)
		}
		before := h.farm.Buyer("b").Calls(buyertest.Post)
		var wg sync.WaitGroup
		answers := make([]heard, 12)
		for i := range answers {
			wg.Go(func() { answers[i] = h.call("POST", path, body) })
		}
		wg.Wait()
		var sold string
		for _, a := range answers {
			switch {
			case a.status == 409 && a.Reason == "in_progress":
			case a.status == 200 && a.Result == lead.ResultSuccess && (sold == "" || sold == a.text):
				sold = a.text
			default:
				t.Errorf("answer: %d %s", a.status, a.text)
			}
		}
		if n := h.farm.Buyer("b").Calls(buyertest.Post) - before; n != 1 || sold == "" {
			t.Errorf("%s: %d posts, sold %q", path, n, sold)
		}
	}
}

func TestCapsHoldUnderConcurrency(t *testing.T) {
	h := build(t, "", map[string]string{"b": "caps: [{per: hour, limit: 5}]"}, script("b", 25*dollar))
	var wg sync.WaitGroup
	var mu sync.Mutex
	results := map[string]int{}
	for i := range 40 {
		wg.Go(func() {
			a := h.call("POST", "/v1/solar/leads", fmt.Sprintf(`{"zip":"10001","phone":"21273650%02d"}`, i))
			mu.Lock()
			results[a.Result]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if results[lead.ResultSuccess] != 5 || results[lead.ResultFailure] != 35 {
		t.Errorf("results: %v", results)
	}
	h.restart()
	if a := h.ping(`{"zip":"10001"}`); a.Result != lead.ResultFailure {
		t.Errorf("after a restart the full cap is open: %s", a.text)
	}
	c := h.exchange.Campaigns()[0].Caps[0]
	if u := h.exchange.CapState(&c).Uses[0]; u.Used != 5 || u.Limit != 5 {
		t.Errorf("cap: %+v", u)
	}
}

func TestPostedFieldsCompleteTheLeadAndPingFieldsStand(t *testing.T) {
	h := build(t, "on_change: keep\n", nil, script("b", 25*dollar))
	p := h.quote(20)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","zip":"90210","city":"Reno"}`,
		p.PingID))
	h.expect(a, 200, lead.ResultSuccess)
	ev := last[*ledger.Posting](h, p.PingID)
	if len(ev.Post.Changed) != 1 || ev.Post.Changed[0] != "zip" {
		t.Errorf("changed: %v", ev.Post.Changed)
	}
	if city, _ := ev.Post.Fields.Get("city"); city != "Reno" {
		t.Errorf("post fields: %v", ev.Post.Fields)
	}
	if phone, _ := ev.Private.Fields.Get("phone"); phone != "+12127365000" {
		t.Errorf("private fields: %v", ev.Private.Fields)
	}
	if !strings.Contains(ev.Private.Request.Text, `"zip":"10001"`) || !strings.Contains(ev.Private.Request.Text,
		`"phone":"2127365000"`) {
		t.Errorf("request: %s", ev.Private.Request.Text)
	}
	if missing := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q}`,
		h.quote(20).PingID)); missing.status != 400 || missing.Errors[0].Field != "phone" {
		t.Errorf("a post without a required field: %s", missing.text)
	}
}

func TestMinimumPriceOfTheSeller(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	if a := h.ping(`{"zip":"10001","min_price":"20.00"}`); a.Result != lead.ResultSuccess {
		t.Errorf("at the minimum: %s", a.text)
	}
	if a := h.ping(`{"zip":"10001","min_price":20.01}`); a.Result != lead.ResultFailure || a.Reason != "no_bids" {
		t.Errorf("below the minimum: %s", a.text)
	}
	if ev := h.exchange.Campaigns()[0].Won.Load(); ev != 1 {
		t.Errorf("won %d", ev)
	}
}

func TestFixedPriceNeedsNoPing(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("buyers/fixed.yaml", strings.Join([]string{"id: fixed", "name: Fixed", "allow_private_addresses: true",
		"campaigns:", "  - id: fixed-main", "    vertical: solar", "    price: 30.00",
		"    criteria: [{field: zip, in: [\"10001\"]}, {field: age, min: 30, max: 40}]", "    post:",
		"      request: {url: http://" + h.farm.Addr() +
			"/b/post, fields: [{to: ref, from: lead_id}, {to: phone, from: phone}]}",
		"      answer: {success: [{path: status, equals: accepted}], reference: {path: reference}}", ""}, "\n"))
	h.restart()
	for _, c := range []struct {
		age  string
		want float64
	}{{"30", 24}, {"40", 24}, {"29", 20}, {"41", 20}} {
		p := h.ping(`{"zip":"10001","age":` + c.age + `}`)
		if p.Price != c.want {
			t.Errorf("age %s: %s, want %v", c.age, p.text, c.want)
		}
	}
	if n := last[*ledger.Pinged](h, h.ping(`{"zip":"10001","age":30}`).PingID); n.Bids[0].Fixed == n.Bids[1].Fixed {
		t.Errorf("bids: %+v", n.Bids)
	}
}

// Whoever sends too much hears so, and not only that the connection was cut.
func TestOversizedRequestsHearWhy(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("a", 25*dollar))
	for range 8 {
		if a := h.ping(`{"zip":"` + strings.Repeat("1", 2<<20) + `"}`); a.status != 413 ||
			a.Reason != "body_too_large" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		if a := h.ping("{}", "X-Long: "+strings.Repeat("x", 40<<10)); a.status != 431 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
}
