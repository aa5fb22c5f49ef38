// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
)

// testHouse is a house whose seller may send tests.
func testHouse(t *testing.T, vertical string, more map[string]string, scripts ...buyertest.Script) *house {
	t.Helper()
	h := build(t, vertical, more, scripts...)
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: "+
		"20}\nallow_get: true\ntests: true\n")
	h.restart()
	return h
}

// staged says that a campaign's tests go to the farm's buyer "staging".
func staged(h *house, id string) {
	h.t.Helper()
	url := "http://" + h.farm.Addr() + "/staging"
	h.write("buyers/"+id+".yaml", fmt.Sprintf(campaignYAML, id, "http://"+h.farm.Addr(),
		"caps: [{per: day, limit: 1}]\n    test: {ping_url: "+url+"/ping, post_url: "+url+"/post}"))
	h.restart()
}

// untouched tells that a test has left nothing behind: no call, no money, no charge, nobody's work, no person.
func (h *house) untouched(id string) {
	h.t.Helper()
	st := &h.exchange.Stats
	if st.Pings.Load()+st.Posts.Load()+st.Quotes.Load()+st.RevenueMicros.Load()+st.PayoutMicros.Load() != 0 ||
		st.Tests.Load() == 0 {
		h.t.Errorf("counts: %d pings, %d posts, %d of revenue, %d tests", st.Pings.Load(), st.Posts.Load(),
			st.RevenueMicros.Load(), st.Tests.Load())
	}
	for _, l := range h.exchange.Campaigns() {
		if l.Asked.Load()+l.Bids.Load()+l.Won.Load()+l.Posted.Load()+l.Accepted.Load()+l.Rejected.Load()+
			l.RevenueMicros.Load() != 0 {
			h.t.Errorf("campaign %s has counted a test", l.ID)
		}
		for i := range l.Caps {
			if u := h.exchange.CapState(&l.Caps[i]); u.Used() != 0 {
				h.t.Errorf("cap %s: %d used", u.Key, u.Used())
			}
		}
	}
	if open, err := h.exchange.Unresolved(); err != nil || len(open) != 0 {
		h.t.Errorf("unresolved: %+v, %v", open, err)
	}
	for _, ev := range h.events(id) {
		if !ev.Header().Test {
			h.t.Errorf("%s is not marked", ev.Header().Kind)
		}
		switch ev := ev.(type) {
		case *ledger.Pinged:
			if ev.Private.Person != "" {
				h.t.Error("a test names a person")
			}
		case *ledger.Posting:
			if len(ev.Charges) != 0 || ev.Private.Person != "" {
				h.t.Errorf("posting: %+v", ev)
			}
		case *ledger.Posted:
			if ev.Price != 0 || ev.Payout != 0 || ev.Outcome.Standing() {
				h.t.Errorf("posted: %+v", ev)
			}
		case *ledger.Settled:
			if ev.Revenue != 0 || ev.Payout != 0 || len(ev.Sales) != 0 || ev.Private.Person != "" {
				h.t.Errorf("settled: %+v", ev)
			}
		}
	}
}

func TestATestIsSimulatedWhereNoBuyerTakesTests(t *testing.T) {
	h := testHouse(t, "", map[string]string{"a": "caps: [{per: day, limit: 1}]"}, script("a", 25*dollar))
	p := h.ping(`{"zip":"10001","test":true}`)
	h.expect(p, 200, lead.ResultSuccess)
	a := h.post(p.PingID, "2127365000")
	h.expect(a, 200, lead.ResultSuccess)
	if !strings.Contains(p.text, `"test":true`) || a.Price != 8 || a.ID != "test-1" ||
		!strings.Contains(a.text, `"test":true`) {
		t.Errorf("%s\n%s", p.text, a.text)
	}
	h.restart() // so that nothing but the ledger can know it
	for range 2 {
		if again := h.post(p.PingID, "2127365000"); again.text != a.text {
			t.Errorf("again: %s\nfirst: %s", again.text, a.text)
		}
	}
	if now := h.call("GET", "/v1/leads/"+p.PingID, ""); now.text != a.text {
		t.Errorf("status: %s", now.text)
	}
	if b := h.farm.Buyer("a"); b.Calls(buyertest.Ping)+b.Calls(buyertest.Post) != 0 {
		t.Error("the buyer was called")
	}
	x, ok, err := h.exchange.Explain(idOf(t, p.PingID))
	if err != nil || !ok || !x.Test || x.TestResult != "accepted" || x.Now != lead.ResultSuccess ||
		x.Campaigns[0].Request != "" {
		t.Errorf("explain: %+v, %v, %v", x, ok, err)
	}
	h.ping(`{"zip":"10001","test":true}`) // the restart has emptied the counts
	h.untouched(p.PingID)
}

func idOf(t *testing.T, s string) lead.ID {
	t.Helper()
	id, err := lead.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestMarkedCampaignsTakeTestsAtTheirTestEndpoint(t *testing.T) {
	h := testHouse(t, "", nil, script("a", 25*dollar), script("b", 99*dollar), script("staging", 20*dollar))
	staged(h, "a")
	h.write("buyers/staging.yaml", "id: staging\n")
	h.restart()
	for range 3 { // more often than its cap allows
		p := h.ping(`{"zip":"10001","test":"yes"}`)
		h.expect(p, 200, lead.ResultSuccess)
		a := h.post(p.PingID, "2127365000")
		h.expect(a, 200, lead.ResultSuccess)
		if p.Price != 16 || a.Price != 16 || a.ID == "" {
			t.Errorf("%s\n%s", p.text, a.text)
		}
		if got := last[*ledger.Posted](h, p.PingID); got.Outcome != lead.TestAccepted || got.Campaign != "a-main" ||
			got.Reference != a.ID {
			t.Errorf("posted: %+v", got)
		}
		h.untouched(p.PingID)
		if !slices.ContainsFunc(last[*ledger.Pinged](h, p.PingID).Bids, func(b ledger.Bid) bool {
			return b.Refusal == lead.NoTestEndpoint
		}) {
			t.Error("the campaign that takes no tests is not listed with the reason")
		}
	}
	for id, want := range map[string]uint64{"a": 0, "b": 0, "staging": 3} {
		if b := h.farm.Buyer(id); b.Calls(buyertest.Ping) != want || b.Calls(buyertest.Post) != want {
			t.Errorf("%s had %d pings and %d posts, want %d", id, b.Calls(buyertest.Ping), b.Calls(buyertest.Post),
				want)
		}
	}
	// b outbids a: nothing of the tests stands in the way
	if p := h.ping(`{"zip":"10001"}`); p.Price != 79.2 || strings.Contains(p.text, "test") {
		t.Errorf("a real lead: %s", p.text)
	}
	if c := h.audited().Counts; c.Tests != 3 || c.Sales != 0 || c.Revenue != 0 {
		t.Errorf("the auditor counts %+v", c)
	}
}

func TestFlagsOfTests(t *testing.T) {
	h := testHouse(t, "test_zips: {\"00001\": accepted}\n", nil, script("a", 25*dollar))
	for body, isTest := range map[string]bool{
		`"test":true`: true, `"test":1`: true, `"TEST":"Yes"`: true, `"test":[true]`: true, `"test":"perhaps"`: true,
		`"Test_Lead":"1"`: true, `"lp_test":1`: true, `"testMode":1`: true, `"is_test":"on"`: true,
		`"lead_mode":0`: true, `"lead_mode":"test"`: true, `"TestResult":"Accepted"`: true,
		`"test_result":"rejected"`: true, `"test":false,"test_lead":1`: true, `"zip":"00001"`: true,
		`"test":false`: false, `"test":null`: false, `"test":""`: false, `"lp_test":"0"`: false, `"lead_mode":1`: false,
		`"lead_mode":"live"`: false, `"TestResult":""`: false, `"tested":true`: false,
		`"meta":{"test":"perhaps"}`: false,
	} {
		if !strings.Contains(body, "zip") {
			body += `,"zip":"10001"`
		}
		p := h.ping("{" + body + "}")
		if got := strings.Contains(p.text, `"test":true`); p.status != 200 || got != isTest ||
			last[*ledger.Pinged](h, p.PingID).Test != isTest {
			t.Errorf("%s: %d %s", body, p.status, p.text)
		}
		refused := h.ping("{"+body+"}", "Authorization: Bearer other-key-0123456789")
		if isTest != (refused.status == 400) {
			t.Errorf("%s without permission: %d %s", body, refused.status, refused.text)
			continue
		}
		if isTest {
			name := strings.Trim(strings.Split(body, ":")[0], `"`)
			if strings.Contains(body, "test_lead") {
				name = "test_lead"
			}
			if len(refused.Errors) != 1 || refused.Errors[0].Field != name {
				t.Errorf("%s without permission: %s", body, refused.text)
			}
		}
	}
	for _, body := range []string{`"lead_mode":2`, `"test_result":"maybe"`, `"TestResult":{}`} {
		if p := h.ping(`{"zip":"10001",` + body + `}`); p.status != 400 || len(p.Errors) != 1 {
			t.Errorf("%s: %d %s", body, p.status, p.text)
		}
	}
}

func TestWhatIsATestStaysOne(t *testing.T) {
	h := testHouse(t, "", nil, script("a", 25*dollar))
	p := h.ping(`{"zip":"10001","test":true}`)
	a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","test":false}`, p.PingID))
	if a.Result != lead.ResultSuccess || !strings.Contains(a.text, `"test":true`) {
		t.Errorf("the post of a test: %s", a.text)
	}
	h.untouched(p.PingID)
	p = h.ping(`{"zip":"10001"}`)
	a = h.call("POST", "/v1/solar/post",
		fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","Test_Lead":1,"max_wait_ms":0}`, p.PingID))
	if a.status != 400 || len(a.Errors) != 2 || a.Errors[1].Field != "Test_Lead" {
		t.Errorf("a test as the post of a real lead: %d %s", a.status, a.text)
	}
	if a = h.post(p.PingID, "2127365000"); a.Result != lead.ResultSuccess || a.Price != 20 ||
		strings.Contains(a.text, "test") {
		t.Errorf("the real lead afterwards: %s", a.text)
	}
}

func TestResultsOfTests(t *testing.T) {
	h := testHouse(t, "sell_limit: 2\ntest_price: 12.34\n", map[string]string{"a": "max_sold: 2\n    price: 30.00",
		"b": "max_sold: 2"}, script("a", 25*dollar), script("b", 25*dollar))
	for want, reason := range map[string]string{"accepted": "", "rejected": "rejected", "duplicate": "duplicate",
		"invalid": "invalid_data", "no_bids": "no_bids", "pending": ""} {
		p := h.ping(`{"zip":"10001","test_result":"` + want + `"}`)
		if want == "no_bids" {
			if p.Result != lead.ResultFailure || p.Reason != reason {
				t.Errorf("%s: %s", want, p.text)
			}
		} else if p.Result != lead.ResultSuccess || p.Price != 9.87 { // 80 % of the vertical's price for tests
			t.Errorf("%s: %s", want, p.text)
		}
		for _, a := range []heard{h.post(p.PingID, "2127365000"), h.call("POST", "/v1/solar/leads",
			`{"zip":"10001","phone":"2127365000","test_result":"`+strings.ToUpper(want)+`"}`)} {
			switch {
			case want == "accepted" && (a.Result != lead.ResultSuccess || a.Price != 9.87),
				want == "pending" && (a.status != 202 || a.Result != lead.ResultPending),
				reason != "" && (a.Result != lead.ResultFailure || a.Reason != reason):
				t.Errorf("%s: %d %s", want, a.status, a.text)
			}
			if now := h.call("GET", "/v1/leads/"+a.LeadID, ""); now.Result != a.Result {
				t.Errorf("%s: the status is %s", want, now.text)
			}
		}
	}
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000","test":1}`)
	if a.Price != 33.87 || len(a.Sales) != 2 { // a's list price, and the vertical's price for tests in place of b's bid
		t.Errorf("to two buyers: %s", a.text)
	}
	p := h.ping(`{"zip":"10001","test":1}`)
	if a = h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","test_result":"pending"}`,
		p.PingID)); a.Result != lead.ResultPending {
		t.Errorf("a result that the post asks for: %s", a.text)
	}
	h.untouched(p.PingID)
	h.audited()
}

func TestUnknownFields(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			vertical := ""
			if keep {
				vertical = "unknown_fields: keep\n"
			}
			h := build(t, vertical, nil, script("a", 25*dollar))
			p := h.ping(`{"zip":"10001","hat":"red","hat":"blue","own":{"shoe":44,"ssn":"536221234"},"list":["a","b"],"n\u0001":true,"gap":"","id":"536-22-1234","zip2":{}}`)
			h.expect(p, 200, lead.ResultSuccess)
			a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","coat":"%s"}`,
				p.PingID, strings.Repeat("x", 1000)))
			h.expect(a, 200, lead.ResultSuccess)
			ping, post := last[*ledger.Pinged](h, p.PingID).Private.Unknown,
				last[*ledger.Posting](h, p.PingID).Private.Unknown
			if !keep {
				if len(ping)+len(post) != 0 {
					t.Errorf("kept: %+v %+v", ping, post)
				}
				return
			}
			b, err := json.MarshalWithOption(ping, json.DisableHTMLEscape())
			if want := `{"hat":"red","own.shoe":"44","own.ssn":"***-**-****","list":"[\"a\",\"b\"]","n?":"true","id":"***-**-****"}`; err != nil || string(b) != want {
				t.Errorf("got  %s\nwant %s", b, want)
			}
			if v, ok := post.Get("coat"); !ok || len(v) != 512 {
				t.Errorf("kept of the post: %+v", post)
			}
			many := `{"zip":"10001"`
			for i := range 200 {
				many += fmt.Sprintf(`,"unknown_%d":"%s"`, i, strings.Repeat("y", 300))
			}
			p = h.ping(many + "}")
			size := 0
			for _, f := range last[*ledger.Pinged](h, p.PingID).Private.Unknown {
				size += len(f.Name) + len(f.Value)
			}
			if size == 0 || size > 4096 {
				t.Errorf("%d bytes kept", size)
			}
			x, _, err := h.exchange.Explain(idOf(t, a.LeadID))
			if v, ok := x.Unknown.Get("hat"); err != nil || !ok || v != "red" {
				t.Errorf("explain: %+v, %v", x.Unknown, err)
			}
		})
	}
}

func TestDebugReplies(t *testing.T) {
	h := testHouse(t, "", nil, script("a", 25*dollar))
	h.write("verticals/solar.yaml", strings.Replace(verticalYAML, "{name: age,",
		"{name: region, type: state, derive: zip.state}\n  - {name: color, type: text, default: blue}\n  - {name: age,",
		1))
	h.restart()
	const want = `"debug":{"fields":[{"field":"phone","sent_as":"primary_phone","sent":"****00","value":"****00","valid":true},` +
		`{"field":"zip","sent":"10001","value":"10001","valid":true},{"field":"region","value":"NY","valid":true,"made":true},` +
		`{"field":"color","value":"blue","valid":true,"made":true}],"unknown":["hat"]}`
	body := `{"zip":"10001","primary_phone":"212-736-5000","hat":"red"`
	for _, a := range []heard{h.ping(body + `,"debug":true}`), h.ping(body+"}", "X-Clearpost-Debug: 1"),
		h.call("POST", "/v1/solar/ping?debug=yes", body+"}")} {
		if a.Result != lead.ResultSuccess || !strings.Contains(a.text, want) || strings.Contains(a.text, "a-main") {
			t.Errorf("got %s\nwant %s", a.text, want)
		}
	}
	for _, a := range []heard{h.ping(body + "}"), h.ping(body + `,"debug":0}`),
		h.ping(body+"}", "X-Clearpost-Debug: false")} {
		if strings.Contains(a.text, "debug") {
			t.Errorf("nobody asked: %s", a.text)
		}
	}
	a := h.ping(`{"zip":"1","phone":"555-SECRET","debug":true}`)
	if a.status != 400 || strings.Contains(a.text, "SECRET") ||
		!strings.Contains(a.text, `{"field":"zip","sent":"1","valid":false,"expected":"a US ZIP code`) {
		t.Errorf("a lead that is refused: %s", a.text)
	}
	p := h.ping(`{"zip":"10001"}`)
	a = h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","debug":1}`, p.PingID))
	if !strings.Contains(a.text,
		`"debug":{"fields":[{"field":"phone","sent":"****00","value":"****00","valid":true}]}`) {
		t.Errorf("a post tells of what it brings: %s", a.text)
	}
}
