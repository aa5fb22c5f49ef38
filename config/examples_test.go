// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers"
	"clearpost/buyers/buyertest"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/request"
)

const examplesDir = "../examples"

func loadExamples(t *testing.T, opt Options) *Config {
	t.Helper()
	cfg, err := LoadWith(examplesDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// sampleValues is one person's answers, for whatever fields a vertical has.
var sampleValues = map[string]string{
	"first_name": "Zoë", "last_name": `O"Neil`, "email": "Zoe@Example.com", "phone": "(602) 555-0188",
	"address": "12 Palm & Pine Rd", "city": "Phoenix", "state": "Arizona", "zip": "85004-1201",
	"ip_address": "203.0.113.9", "timestamp": "2026-11-23T14:05:00Z",
	"source_url": "https://quotes.example.com/auto?a=1&b=2", "opt_in": "yes", "age": "34", "dob": "03/22/1992",
	"gender": "f", "married": "true", "homeowner": "1", "credit": "Good", "incidents": "0", "vehicle_year": "2019",
	"vehicle_make": "Toyota", "vehicle_model": "Camry SE", "currently_insured": "yes", "current_insurer": "GEICO",
	"monthly_bill": "180", "utility": "APS", "shade": "some", "roof_type": "tile",
}

func sampleLead(t *testing.T, v *exchange.Vertical) *lead.Lead {
	t.Helper()
	l := new(lead.Lead)
	l.Reset(v.Schema)
	for name, value := range sampleValues {
		if pos, ok := v.Schema.Position(name); ok {
			l.Set(pos, []byte(value))
		}
	}
	if p := l.Problems(lead.AtPing | lead.AtPost); len(p) > 0 {
		t.Fatalf("vertical %s: the sample has problems: %v", v.ID, p)
	}
	return l
}

// rendered is a request as a server would see it: its fields flat, those of JSON by their paths.
type rendered struct {
	*http.Request
	fields map[string]any
}

func render(t *testing.T, e *buyers.Endpoint, in *request.Inputs) rendered {
	t.Helper()
	raw, err := e.Request.AppendHTTP(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	redacted, err := e.Request.AppendRedacted(nil, in)
	if err != nil || len(redacted) == 0 {
		t.Fatalf("redacted: %q, %v", redacted, err)
	}
	rd := bufio.NewReader(bytes.NewReader(raw))
	req, err := http.ReadRequest(rd)
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	if rd.Buffered() > 0 {
		t.Fatalf("bytes behind the body of %q", raw)
	}
	out := rendered{req, map[string]any{}}
	if strings.Contains(req.Header.Get("Content-Type"), "json") {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%v in %q", err, body)
		}
		flatten(out.fields, "", v)
		return out
	}
	values := req.URL.Query()
	if len(body) > 0 {
		if values, err = url.ParseQuery(string(body)); err != nil {
			t.Fatalf("%v in %q", err, body)
		}
	}
	for k, v := range values {
		if len(v) != 1 {
			t.Fatalf("field %s stands there %d times", k, len(v))
		}
		out.fields[k] = v[0]
	}
	return out
}

func flatten(to map[string]any, path string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		to[path] = v
		return
	}
	for k, e := range m {
		flatten(to, tree.Join(path, k), e)
	}
}

// Each campaign's calls for the sample, by a few of their fields that show the buyer's own way of writing.
var wantCalls = map[string]struct{ ping, post map[string]any }{
	"harborline-standard": {
		map[string]any{"program": "standard", "risk.zip": "85004", "risk.state": "AZ", "risk.driver.age": 34.0,
			"risk.driver.married": true, "risk.vehicle.year": 2019.0},
		map[string]any{"quoteRef": "tok/1", "risk.driver.birthDate": "1992-03-22", "contact.phone": "(602) 555-0188",
			"contact.lastName": `O"Neil`, "consent.optIn": true}},
	"harborline-preferred": {
		map[string]any{"program": "preferred", "risk.driver.credit": "good", "risk.prior.carrier": "GEICO"},
		map[string]any{"quoteRef": "tok/1", "apiKey": "demo-harborline-key"}},
	"leadspring-auto": {
		map[string]any{"lp_action": "ping", "gender": "Female", "vehicle_make": "TOYOTA", "insured": "Yes",
			"lp_s2": "quotemill"},
		map[string]any{"lp_ping_id": "tok/1", "phone_home": "6025550188", "dob": "03/22/1992",
			"email_address": "zoe@example.com", "first_name": "Zoë"}},
	"leadspring-solar": {
		map[string]any{"lp_campaign_id": "LS-SOLAR", "roof_shade": "A Little Shade", "electric_bill": "180"},
		map[string]any{"lp_action": "post", "address": "12 Palm & Pine Rd"}},
	"matchpoint-auto": {
		map[string]any{"Mode": "ping", "TYPE": "19", "Marital_Status": "Married", "Credit": "Good"},
		map[string]any{"Lead_ID": "tok/1", "Phone": "602-555-0188", "TCPA_Consent": "Yes"}},
	"matchpoint-solar": {
		map[string]any{"TYPE": "31", "Home_Owner": "Yes", "Roof_Type": "Tile"},
		map[string]any{"Mode": "post", "Landing_Page": "https://quotes.example.com/auto?a=1&b=2"}},
	"coverlane-auto": {
		map[string]any{"partnerid": "4417", "gen": "1", "mar": "2", "ins": "1", "own": "1", "crd": "2",
			"vmd": "camry se"},
		map[string]any{"TXID": "tok/1", "ph": "6025550188", "ts": "1795442700", "st": "AZ"}},
	"sunharvest-exclusive": {
		map[string]any{"offer": "EX", "lead.bill": 180.0, "lead.owns": true, "lead.shade": "some"},
		map[string]any{"pingToken": "tok/1", "person.phone": "+16025550188", "person.name.first": "Zoë",
			"consent.given": true}},
	"sunharvest-shared": {
		map[string]any{"offer": "SH"},
		map[string]any{"pingToken": "tok/1"}},
	"brightroof-fixed": {
		nil,
		map[string]any{"tel": "602.555.0188", "st": "Arizona", "bill": 180.0, "town": "Phoenix"}},
	"brightroof-hometown": {
		nil,
		map[string]any{"zip": "86001", "st": "Arizona"}},
	"brightroof-weekend": {
		nil,
		map[string]any{"zip": "85004", "st": "Arizona"}},
}

// Buyers without a ping are told nothing of the price: what a campaign sells at is what the demo's buyer books.
func TestListPricesAreWhatTheBuyersBook(t *testing.T) {
	cfg := loadExamples(t, Options{})
	scripts := buyertest.Demo()
	for i := range scripts {
		scripts[i].Post.Yes, scripts[i].Post.Latency = 1, buyertest.Latency{}
		scripts[i].PingFaults, scripts[i].PostFaults = nil, nil
	}
	farm, err := buyertest.New(buyertest.Config{Seed: 3, Buyers: scripts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	verticals := map[string]*exchange.Vertical{}
	for _, v := range cfg.Exchange.Verticals {
		verticals[v.ID] = v
	}
	listed := 0
	for i, c := range cfg.Exchange.Book.Campaigns {
		if c.Ping != nil {
			continue
		}
		l := sampleLead(t, verticals[c.Vertical])
		for name, value := range map[string]string{"phone": fmt.Sprintf("602555%04d", i),
			"zip": map[bool]string{true: "86001", false: "85004"}[c.ID == "brightroof-hometown"]} {
			pos, _ := l.Schema().Position(name)
			l.Set(pos, []byte(value))
		}
		id := lead.ID{15: byte(i + 1)}
		r := render(t, c.Post, &request.Inputs{Lead: l, LeadID: id, Attempt: id, Source: "quotemill",
			Vertical: c.Vertical, Now: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)})
		body, err := json.Marshal(r.fields)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post("http://"+farm.Addr()+r.URL.RequestURI(), "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		listed++
		if has := farm.AcceptedBy(id.String()); len(has) != 1 || has[0].Price != c.Price {
			t.Errorf("%s sells at %s, its buyer has %+v", c.ID, c.Price, has)
		}
	}
	if listed < 3 {
		t.Errorf("%d campaigns have list prices", listed)
	}
}

func TestExamplesSpeakTheBuyersFormats(t *testing.T) {
	cfg := loadExamples(t, Options{})
	verticals := map[string]*exchange.Vertical{}
	for _, v := range cfg.Exchange.Verticals {
		verticals[v.ID] = v
	}
	id, _ := lead.ParseID("01935e2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
	at := map[string]string{"harborline": "requestId", "leadspring": "lp_s1", "matchpoint": "Sub_ID",
		"coverlane": "subid", "sunharvest": "lead.ref", "brightroof": "ref"}
	if len(cfg.Exchange.Book.Campaigns) != len(wantCalls) {
		t.Fatalf("%d campaigns, %d are expected", len(cfg.Exchange.Book.Campaigns), len(wantCalls))
	}
	for _, c := range cfg.Exchange.Book.Campaigns {
		l := sampleLead(t, verticals[c.Vertical])
		if c.ID == "brightroof-hometown" {
			zip, _ := l.Schema().Position("zip")
			l.Set(zip, []byte("86001"))
		}
		if why := c.Why(&rules.Facts{Lead: l, Stage: lead.AtPing | lead.AtPost}); len(why) > 0 {
			t.Errorf("%s does not want the sample: %v", c.ID, why)
		}
		in := &request.Inputs{Lead: l, LeadID: id, Attempt: id, Price: 25 * lead.Unit, Source: "quotemill",
			Vertical: c.Vertical, Now: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)}
		want := wantCalls[c.ID]
		check := func(e *buyers.Endpoint, call string, want map[string]any) {
			r := render(t, e, in)
			if p := "/" + c.Buyer.ID + "/" + call; r.URL.Path != p {
				t.Errorf("%s: %s goes to %s, expected %s", c.ID, call, r.URL.Path, p)
			}
			if got := r.fields[at[c.Buyer.ID]]; got != id.String() {
				t.Errorf("%s: %s carries lead id %v at %s", c.ID, call, got, at[c.Buyer.ID])
			}
			for k, v := range want {
				if r.fields[k] != v {
					t.Errorf("%s: %s has %s = %#v, expected %#v", c.ID, call, k, r.fields[k], v)
				}
			}
			for k, v := range r.fields {
				if v == nil || v == "" {
					t.Errorf("%s: %s has an empty %s", c.ID, call, k)
				}
			}
		}
		if (c.Ping == nil) != (want.ping == nil) {
			t.Fatalf("%s: a ping where none is expected, or none where one is", c.ID)
		}
		if c.Ping != nil {
			check(c.Ping, "ping", want.ping)
		}
		in.Token = []byte("tok/1")
		check(c.Post, "post", want.post)
	}
	brightroof := render(t, cfg.Exchange.Book.Campaign("brightroof-fixed").Post,
		&request.Inputs{Lead: sampleLead(t, verticals["solar"])})
	if got := brightroof.Header.Get("Authorization"); got != "Bearer demo-brightroof-token" {
		t.Errorf("brightroof hears Authorization %q", got)
	}
}

// answers are what the buyers say, and what it means.
var answers = []struct {
	campaign, call string
	status         int
	body           string
	want           lead.Refusal // zero: a success
	price          string
	token          string // ping: token; post: reference
}{
	{"harborline-standard", "ping", 200,
		`{"decision":"BID","bid":{"amount":31.5,"currency":"USD"},"quoteRef":"HB-8812","expiresIn":300}`, 0, "31.50",
		"HB-8812"}, {"harborline-standard", "ping", 200, `{"decision":"PASS","reason":"territory closed"}`,
		lead.OutsideServiceArea, "",
		""},
	{"harborline-standard", "ping", 200, `{"decision":"BID","bid":{"amount":31.5`, lead.MalformedAnswer, "", ""},
	{"harborline-preferred", "post", 200, `{"decision":"ACCEPT","lead":{"id":"HB-L-1","price":31.5}}`, 0, "31.50",
		"HB-L-1"},
	{"harborline-preferred", "post", 200, `{"decision":"REJECT","reason":"failed underwriting prefill"}`,
		lead.BuyerRejected, "", ""},
	{"harborline-preferred", "post", 200, `{"decision":"REJECT","reason":"duplicate of HB-L-1"}`, lead.BuyerDuplicate,
		"", ""},
	{"leadspring-auto", "ping", 200, `{"result":"success","msg":"Ping Accepted","lp_ping_id":"LS77","price":"22.50"}`,
		0, "22.50", "LS77"},
	{"leadspring-auto", "ping", 200, `{"result":"failed","msg":"No coverage","price":"0.00"}`, lead.OutsideServiceArea,
		"", ""},
	{"leadspring-solar", "post", 200, `{"result":"success","msg":"Lead Accepted","lead_id":"LS-1","price":"22.50"}`, 0,
		"22.50", "LS-1"},
	{"leadspring-solar", "post", 200, `{"result":"failed","msg":"Lead Rejected"}`, lead.BuyerRejected, "", ""},
	{"leadspring-solar", "post", 200, `{"result":"failed","msg":"Duplicate Lead"}`, lead.BuyerDuplicate, "", ""},
	{"leadspring-solar", "post", 200, `{"result":"failed","msg":"Missing Consent"}`, lead.MissingConsent, "", ""},
	{"matchpoint-auto", "ping", 200, `{"response":{"status":"Matched","price":"14.00","lead_id":"8831902"}}`, 0,
		"14.00", "8831902"},
	{"matchpoint-auto", "ping", 200, `{"response":{"status":"Unmatched"}}`, lead.NoBid, "", ""},
	{"matchpoint-auto", "ping", 200, `{"response":{"status":"Error","error":"Invalid ZIP"}}`, lead.OutsideServiceArea,
		"", ""},
	{"matchpoint-solar", "post", 200, `{"response":{"status":"Matched","price":"14.00","lead_id":"8831902"}}`, 0,
		"14.00", "8831902"},
	{"matchpoint-solar", "post", 200, `{"response":{"status":"Unmatched","error":"No buyer took the lead"}}`,
		lead.BuyerRejected, "", ""},
	{"matchpoint-solar", "post", 200, `{"response":{"status":"Unmatched","error":"Duplicate lead"}}`,
		lead.BuyerDuplicate, "", ""},
	{"coverlane-auto", "ping", 200, `{"code":1,"offer":"$22.50","TXID":"ab12-cd34"}`, 0, "22.50", "ab12-cd34"},
	{"coverlane-auto", "ping", 200, `{"code":0,"offer":"$0.00","TXID":"","why":"no match"}`, lead.NoBid, "", ""},
	{"coverlane-auto", "ping", 200, `{"code":1,"offer":"$0.00","TXID":"ab12-cd34"}`, lead.MissingPrice, "", ""},
	{"coverlane-auto", "post", 200, `{"code":1,"confirmation":"CL-1","paid":"$22.50"}`, 0, "22.50", "CL-1"},
	{"coverlane-auto", "post", 200, `{"code":0,"why":"REJECTED"}`, lead.BuyerRejected, "", ""},
	{"coverlane-auto", "post", 200, `{"code":2,"why":"DUPLICATED"}`, lead.BuyerDuplicate, "", ""},
	{"coverlane-auto", "post", 200, `{"code":3,"why":"BAD PHONE"}`, lead.InvalidPhone, "", ""},
	{"sunharvest-exclusive", "ping", 200, `{"status":"ok","payload":{"pingToken":"sh-1","offer":{"cents":4500}}}`, 0,
		"45.00", "sh-1"},
	{"sunharvest-exclusive", "ping", 200,
		`{"status":"error","error":{"code":"NO_MATCH","text":"outside service area"}}`, lead.OutsideServiceArea, "",
		""}, {"sunharvest-shared", "post", 200, `{"status":"ok","payload":{"leadNumber":"SH-1","cents":4500}}`, 0,
		"45.00",
		"SH-1"},
	{"sunharvest-shared", "post", 200, `{"status":"error","error":{"code":"REJECTED","text":"credit"}}`,
		lead.BuyerRejected, "", ""},
	{"sunharvest-shared", "post", 200, `{"status":"error","error":{"code":"DUPLICATE","text":"Lead previously received 2026-01-08"}}`, lead.BuyerDuplicate, "", ""},
	{"brightroof-fixed", "post", 201, `{"created":true,"ref":"BR-1"}`, 0, "", "BR-1"},
	{"brightroof-fixed", "post", 200, `{"created":false,"error":"not interested"}`, lead.BuyerRejected, "", ""},
	{"brightroof-fixed", "post", 200, `{"created":false,"error":"duplicate homeowner"}`, lead.BuyerDuplicate, "", ""},
	{"brightroof-fixed", "post", 500, `{"created":true,"ref":"BR-1"}`, lead.ServerError, "", ""},
}

func TestExamplesReadTheBuyersAnswers(t *testing.T) {
	book := loadExamples(t, Options{}).Exchange.Book
	for _, a := range answers {
		c := book.Campaign(a.campaign)
		e := c.Ping
		if a.call == "post" {
			e = c.Post
		}
		r := e.Answer.ReadWhole(a.status, []byte("text/html"), []byte(a.body))
		token, price := string(r.Token), ""
		if a.call == "post" {
			token = string(r.Reference)
		}
		if r.HasPrice {
			price = r.Price.String()
		}
		if (a.want == 0) != (r.Outcome == lead.Accepted) || r.Refusal != a.want {
			t.Errorf("%s %s %d %s: %s, %s", a.campaign, a.call, a.status, a.body, r.Outcome, r.Refusal)
		} else if a.want == 0 && (price != a.price || token != a.token) {
			t.Errorf("%s %s %d %s: price %q, token or reference %q", a.campaign, a.call, a.status, a.body, price, token)
		}
	}
}

func TestExamplesDecideAsTheyAreMeantTo(t *testing.T) {
	cfg := loadExamples(t, Options{})
	x := cfg.Exchange
	if len(x.Verticals) != 4 || len(x.Sources) != 3 || len(x.Book.Buyers) != 6 {
		t.Fatalf("%d verticals, %d sources, %d buyers", len(x.Verticals), len(x.Sources), len(x.Book.Buyers))
	}
	solar := x.Verticals[3]
	if solar.ID != "solar" || solar.Plan.Routing == nil || len(solar.Plan.Routing.Plan.Tiers) != 3 ||
		solar.Plan.Routing.SellLimit() != 3 || solar.PingDeadline != 800*time.Millisecond {
		t.Errorf("solar is %+v", solar)
	}
	if key := solar.Dedupe.Key; len(key) != 1 || solar.Schema.Fields[key[0].Pos].Name != "phone" {
		t.Errorf("solar's person key is %v", key)
	}
	payout := map[string]string{"quotemill": "16.00", "bluekite": "17.00", "sunpath": "17.00"}
	for _, s := range x.Sources {
		if got := s.Margin.Payout(20 * lead.Unit).String(); got != payout[s.ID] {
			t.Errorf("%s gets %s of 20.00", s.ID, got)
		}
		if len(s.KeyHashes) != 1 || s.RatePerSecond < 1 || s.Burst < 1 {
			t.Errorf("source %+v", s)
		}
	}
	bright := x.Book.Campaign("brightroof-fixed")
	if !bright.Fixed || bright.Price != 27*lead.Unit+50*lead.Cent || bright.MaxSold != 3 || len(bright.Caps) != 2 {
		t.Errorf("brightroof-fixed is %+v", bright)
	}
	if cover := x.Book.Campaign("coverlane-auto"); !cover.PayPostPrice || cover.Post.Timeout != 3*time.Second {
		t.Errorf("coverlane-auto is %+v", cover)
	}
	if sun := x.Book.Campaign("sunharvest-exclusive"); len(sun.Caps) != 3 || sun.Caps[1].Key != "buyer:sunharvest:day" {
		t.Errorf("sunharvest-exclusive has caps %+v", sun.Caps)
	}
}

func TestRewriteMovesBuyersAndNotTheHash(t *testing.T) {
	plain := loadExamples(t, Options{})
	moved := loadExamples(t, Options{Rewrite: map[string]string{"http://127.0.0.1:9700": "http://127.0.0.1:40123"}})
	for _, cfg := range []*Config{plain, moved} {
		if cfg.Examples.Ran < len(cfg.Exchange.Book.Campaigns) || cfg.Examples.Err() != nil {
			t.Errorf("%d examples: %v", cfg.Examples.Ran, cfg.Examples.Err())
		}
	}
	for _, c := range plain.Exchange.Book.Campaigns {
		if len(c.Examples) == 0 {
			t.Errorf("%s has no example", c.ID)
		}
	}
	if plain.Hash != moved.Hash || len(plain.Hash) != 32 {
		t.Errorf("hashes %s and %s", plain.Hash, moved.Hash)
	}
	for _, c := range moved.Exchange.Book.Campaigns {
		if addr, _, _ := c.Post.Request.Host(); addr != "127.0.0.1:40123" {
			t.Errorf("%s posts to %s", c.ID, addr)
		}
	}
	if addr, _, _ := plain.Exchange.Book.Campaigns[0].Post.Request.Host(); addr != "127.0.0.1:9700" {
		t.Errorf("without rewriting it posts to %s", addr)
	}
}
