// SPDX-License-Identifier: Apache-2.0

package node

import (
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/ledger"
)

// isTest expects an answer about a test lead.
func (h *house) isTest(what string, a heard) {
	h.t.Helper()
	if a.status != 200 || !strings.Contains(a.text, `"test":true`) {
		h.t.Errorf("%s: %d %s, want a test", what, a.status, a.text)
	}
}

func TestFlagsInOddPlacesMakeATestAndNoSale(t *testing.T) {
	h := testHouse(t, "test_zips: {\"00501\": accepted}\n", nil, script("a", 25*dollar))
	const whole = `"zip":"10001","phone":"2127365000"`
	const asForm = "Content-Type: application/x-www-form-urlencoded"
	for what, a := range map[string]heard{
		"URL's query string":       h.call("POST", "/v1/solar/leads?test=1", "{"+whole+"}"),
		"query string of a ping":   h.call("POST", "/v1/solar/ping?lp_test=yes", `{"zip":"10001"}`),
		"query string of a form":   h.call("POST", "/v1/solar/leads?Test_Lead=1", "zip=10001&phone=2127365000", asForm),
		"object with the lead":     h.lead(`{"lead":{` + whole + `,"test":true}}`),
		"object beside the lead":   h.lead(`{` + whole + `,"meta":{"Test_Lead":1}}`),
		"mode beside the lead":     h.lead(`{` + whole + `,"meta":{"lead_mode":0}}`),
		"name in brackets":         h.call("POST", "/v1/solar/leads", "lead[zip]=10001&lead[phone]=2127365000&lead[test]=true", asForm),
		"element of XML":           h.call("POST", "/v1/solar/leads?format=json", "<r><lead><zip>10001</zip><phone>2127365000</phone><test>1</test></lead></r>", "Content-Type: application/xml"),
		"postal code of nine":      h.lead(`{"zip":"00501-1234","phone":"2127365000"}`),
		"postal code without dash": h.lead(`{"zip":"005011234","phone":"2127365000"}`),
		"name with a dash":         h.lead(`{` + whole + `,"test-lead":"1"}`),
	} {
		h.isTest(what, a)
	}
	if b := h.farm.Buyer("a"); b.Calls(buyertest.Ping)+b.Calls(buyertest.Post) != 0 {
		t.Error("the buyer was called")
	}
	for what, body := range map[string]string{
		"live":    `{` + whole + `,"testMode":"live"}`,
		"nothing": `{"zip":"10001","phone":"2127365001","meta":{"test":false}}`,
		"result":  `{"zip":"10001","phone":"2127365002","ab":{"test":"variant B"}}`,
	} {
		if a := h.lead(body); a.Result != ledger.ResultSuccess || strings.Contains(a.text, `"test"`) {
			t.Errorf("%s: %s, want a real sale", what, a.text)
		}
	}
}

func TestOneKeyIsNotForATestAndARealLead(t *testing.T) {
	h := testHouse(t, "", nil, script("a", 25*dollar))
	const whole, key = `{"zip":"10001","phone":"2127365000"}`, "Idempotency-Key: k1"
	h.isTest("test", h.call("POST", "/v1/solar/leads?test=1", whole, key))
	if a := h.lead(whole, key); a.status != 409 {
		t.Errorf("the real one: %d %s", a.status, a.text)
	}
}

func TestAnIdenticalPingIsNotGivenAQuoteThatNobodyWillKeep(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar), script("c", 20*dollar))
	first := h.ping(jane)
	h.expect(first, 200, ledger.ResultSuccess)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "b-main", "why": "asked"}, nil)
	paused := h.ping(jane)
	if paused.PingID == first.PingID || paused.Price != 16 {
		t.Errorf("its buyer is paused: %s", paused.text)
	}
	h.admin("POST", "/v1/resume", map[string]string{"subject": "b-main", "why": "asked"}, nil)
	second := h.ping(jane)
	h.write("sources/acme.yaml", "id: acme\nname: Acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 40}\n")
	h.reload(admin.Applied)
	if other := h.ping(jane); other.PingID == second.PingID || other.Price != 15 {
		t.Errorf("another margin is configured: %s, before %s", other.text, second.text)
	}
}

func TestAnIdenticalPingIsNotGivenAQuoteThatIsNearlyOver(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	first := h.ping(jane)
	h.ahead.Store(int64(200 * time.Second))
	if again := h.ping(jane); again.PingID != first.PingID {
		t.Errorf("with 100 s left: %s", again.text)
	}
	h.ahead.Store(int64(299 * time.Second))
	if again := h.ping(jane); again.PingID == first.PingID {
		t.Errorf("with a second left: %s", again.text)
	}
}
