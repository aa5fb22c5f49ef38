// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
)

const (
	jane      = `{"zip":"10001","phone":"212-736-5000","age":40}`
	otherSeat = "Authorization: Bearer other-key-0123456789"
)

// asked tells how often the buyer b was pinged.
func (h *house) asked() uint64 { return h.farm.Buyer("b").Calls(buyertest.Ping) }

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
		"URL's query string":     h.call("POST", "/v1/solar/leads?test=1", "{"+whole+"}"),
		"query string of a ping": h.call("POST", "/v1/solar/ping?lp_test=yes", `{"zip":"10001"}`),
		"query string of a form": h.call("POST", "/v1/solar/leads?Test_Lead=1", "zip=10001&phone=2127365000", asForm),
		"object with the lead":   h.lead(`{"lead":{` + whole + `,"test":true}}`),
		"object beside the lead": h.lead(`{` + whole + `,"meta":{"Test_Lead":1}}`),
		"mode beside the lead":   h.lead(`{` + whole + `,"meta":{"lead_mode":0}}`),
		"name in brackets": h.call("POST", "/v1/solar/leads",
			"lead[zip]=10001&lead[phone]=2127365000&lead[test]=true", asForm),
		"element of XML": h.call("POST", "/v1/solar/leads?format=json",
			"<r><lead><zip>10001</zip><phone>2127365000</phone><test>1</test></lead></r>",
			"Content-Type: application/xml"),
		"postal code of nine":      h.lead(`{"zip":"00501-1234","phone":"2127365000"}`),
		"postal code without dash": h.lead(`{"zip":"005011234","phone":"2127365000"}`), "name with a dash": h.lead(`{` +
			whole + `,"test-lead":"1"}`),
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
		if a := h.lead(body); a.Result != lead.ResultSuccess || strings.Contains(a.text, `"test"`) {
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

// conduit sends a call as sellers of the profile leadconduit do.
func (h *house) conduit(call, body string) heard {
	h.t.Helper()
	a := h.call("POST", "/flows/solar/sources/acme-key-0123456789/"+call, body, "Authorization: ")
	a.Result = gjson.Get(a.text, "outcome").Str
	a.LeadID = gjson.Get(a.text, "lead.id").Str
	return a
}

func TestASubmissionWithoutAnIDIsOfThePersonsQuote(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: "+
		"20}\nprofile: leadconduit\ntests: true\n")
	h.restart()
	const more = `{"zip":"10001","phone":"212-736-5000","age":40,"first_name":"Jane"}`
	p := h.conduit("ping", jane)
	h.conduit("ping", `{"zip":"10001","phone":"212-736-5001"}`)
	if test := h.conduit("submit", `{"test":true,`+more[1:]); !strings.Contains(test.text, `"test":true`) ||
		test.LeadID == p.LeadID {
		t.Errorf("a test: %s", test.text)
	}
	h.restart()
	asked := h.asked()
	if wrong := h.conduit("submit", `{"zip":"10002","phone":"212-736-5000"}`); wrong.status != 400 ||
		!strings.Contains(wrong.text, "as in the ping") {
		t.Errorf("another ZIP code: %d %s", wrong.status, wrong.text)
	}
	sold := h.conduit("submit", more)
	if sold.status != 201 || sold.Result != "success" || sold.LeadID != p.LeadID || sold.Price != 20 ||
		h.asked() != asked {
		t.Errorf("submission: %d %s, ping %s", sold.status, sold.text, p.text)
	}
	h.restart()
	h.ahead.Store(int64(10 * time.Minute))
	if again := h.conduit("submit", more); again.text != sold.text {
		t.Errorf("again: %s, first %s", again.text, sold.text)
	}
	if other := h.conduit("submit", `{"zip":"10001","phone":"212-736-5000","first_name":"Joan"}`); other.Result != "failure" || !strings.Contains(other.text, "duplicate") {
		t.Errorf("other values: %s", other.text)
	}
	late := h.conduit("submit", `{"zip":"10001","phone":"212-736-5001"}`) // its quote is over
	if late.Result != "success" || h.asked() != asked+1 {
		t.Errorf("after the quote's end: %s", late.text)
	}
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 2 {
		t.Errorf("%d posts", n)
	}
}

func TestASubmissionIsOfTheQuoteThatItsSellerCallsAlike(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nprofile: leadconduit\n")
	h.restart()
	const whole = `"zip":"10001","phone":"212-736-5000"}`
	first, second := h.conduit("ping", `{"reference":"A",`+whole), h.conduit("ping", `{"reference":"B",`+whole)
	if a := h.conduit("submit", `{"reference":"C",`+whole); a.LeadID == first.LeadID || a.LeadID == second.LeadID {
		t.Errorf("another reference: %s", a.text)
	}
	h = build(t, "", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nprofile: leadconduit\n")
	h.restart()
	first = h.conduit("ping", `{"reference":"A",`+whole)
	h.conduit("ping", `{"reference":"B",`+whole)
	h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	pending := h.conduit("submit", `{"reference":"A",`+whole)
	if pending.LeadID != first.LeadID || pending.Result != "queued" {
		t.Errorf("the same reference: %s, ping %s", pending.text, first.text)
	}
	if again := h.conduit("submit", `{"reference":"A",`+whole); again.text != pending.text {
		t.Errorf("again: %s, first %s", again.text, pending.text)
	}
}

// The very same submission again has the first answer, though another live quote of the person would take it too.
func TestASubmissionAgainIsNotOfAnotherQuote(t *testing.T) {
	for _, dedupe := range []string{"", "dedupe: {refuse: none}\n"} {
		h := build(t, dedupe, nil, script("b", 25*dollar))
		h.write("sources/acme.yaml",
			"id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nprofile: leadconduit\n")
		h.restart()
		h.conduit("ping", `{"zip":"10001","phone":"212-736-5000"}`)
		h.conduit("ping", `{"zip":"10001","phone":"212-736-5000","reference":"A"}`)
		const whole = `{"zip":"10001","phone":"212-736-5000","reference":"A","first_name":"Jane"}`
		sold := h.conduit("submit", whole)
		if sold.Result != "success" {
			t.Fatalf("%s: %s", dedupe, sold.text)
		}
		if again := h.conduit("submit", whole); again.text != sold.text {
			t.Errorf("%s: again %s, first %s", dedupe, again.text, sold.text)
		}
		if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
			t.Errorf("%s: %d posts", dedupe, n)
		}
	}
}

func TestAnotherSocialSecurityNumberThanThatOfThePingIsAChange(t *testing.T) {
	const ping = "{to: zip, from: zip}]\n      answer: {success"
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("verticals/solar.yaml", strings.Replace(verticalYAML, "person_key",
		"  - {name: ssn, type: ssn, personal: true}\nperson_key", 1))
	h.edit("buyers/b.yaml", ping, strings.Replace(ping, "]", ", {to: ssn, from: ssn}]", 1))
	h.restart()
	p := h.ping(`{"zip":"10001","ssn":"523-45-6799"}`)
	h.expect(p, 200, lead.ResultSuccess)
	send := func(ssn string) heard {
		return h.call("POST", "/v1/solar/post", `{"ping_id":"`+p.PingID+`","phone":"2127365000","ssn":"`+ssn+`"}`)
	}
	a := send("523-45-6762")
	if a.status != 400 || a.Reason != "changed_since_ping" || len(a.Errors) != 1 || a.Errors[0].Value != "****62" ||
		a.Errors[0].Expected != "****99, as in the ping" {
		t.Errorf("another number: %d %s", a.status, a.text)
	}
	h.expect(send("523 45 6799"), 200, lead.ResultSuccess)
}

func TestSubmissionsWithoutAnIDAtOnceAreOneSale(t *testing.T) {
	slow := script("b", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(50 * time.Millisecond)
	h := build(t, "", nil, slow)
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nprofile: leadconduit\n")
	h.restart()
	p := h.conduit("ping", jane)
	got := make([]heard, 6)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			body := jane
			if i%2 == 1 {
				body = `{"lead_id":"` + p.LeadID + `",` + jane[1:]
			}
			got[i] = h.conduit("submit", body)
		})
	}
	all.Wait()
	sold := 0
	for _, a := range got {
		switch {
		case a.Result == "success" && a.LeadID == p.LeadID:
			sold++
		case a.Result == "queued":
		default:
			t.Errorf("answer: %d %s", a.status, a.text)
		}
	}
	if n := h.farm.Buyer("b").Calls(buyertest.Post); sold < 1 || n != 1 {
		t.Errorf("%d heard of the sale, %d posts", sold, n)
	}
}
