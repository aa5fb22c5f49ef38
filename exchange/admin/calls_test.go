// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/valyala/fasthttp"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

const dollar = lead.Unit

// desk is the operators' door of an exchange.
type desk struct {
	*exchangetest.Rig
	server *Server
}

// operate runs an exchange and its operators' door in virtual time.
func operate(t *testing.T, s exchangetest.Setup, f func(d *desk)) {
	t.Helper()
	exchangetest.Run(t, s, func(x *exchangetest.Rig) {
		d := newDesk(x)
		defer d.server.cancel()
		f(d)
	})
}

func newDesk(x *exchangetest.Rig) *desk {
	return &desk{x, New(x.Exchange, x.Ledger, "secret", Hooks{Config: func() ConfigStatus { return ConfigStatus{} },
		Statuses: func(func(status int, n int64)) {}}, nil)}
}

// ask makes one call. The answer goes into out, unless that is nil; raw is its body.
func (d *desk) ask(method, path string, in, out any) (status int, raw string) {
	d.T.Helper()
	return d.askAs("secret", method, path, in, out)
}

func (d *desk) askAs(token, method, path string, in, out any) (status int, raw string) {
	d.T.Helper()
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI(path)
	req.Header.Set("Authorization", "Bearer "+token)
	switch in := in.(type) {
	case nil:
	case string:
		req.SetBodyString(in)
	default:
		b, err := json.Marshal(in)
		if err != nil {
			d.T.Fatal(err)
		}
		req.SetBody(b)
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	d.server.handle(&ctx)
	raw = string(ctx.Response.Body())
	if out != nil {
		if err := json.Unmarshal([]byte(raw), out); err != nil {
			d.T.Fatalf("%s %s: %d %s: %v", method, path, ctx.Response.StatusCode(), raw, err)
		}
	}
	return ctx.Response.StatusCode(), raw
}

// silent is a buyer who takes leads and never says what became of them.
func silent() exchangetest.Setup {
	return exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 10 * dollar,
		Post: exchangetest.Always(exchangetest.Silence())}}}
}

// pending posts two leads of one seller's id, whose outcome nobody knows.
func (d *desk) pending() (attempts, leads []lead.ID) {
	d.T.Helper()
	for n := range 2 {
		r, f := d.LeadNow(exchangetest.Values{"phone": fmt.Sprint(2127365000 + n)}, func(p *exchange.Ping) {
			p.SellerLeadID = "same"
		})
		if f != nil || r.Result != lead.ResultPending {
			d.T.Fatalf("lead: %+v, %v", r, f)
		}
		attempts = append(attempts, exchangetest.Last[*ledger.Posting](d.Rig, r.LeadID).Attempt)
		leads = append(leads, r.LeadID)
		d.Sleep(1)
	}
	return attempts, leads
}

// A name of several leads or attempts is answered with the list: two open attempts of one buyer, which then get one
// reference, and of one seller's id.
func TestANameOfSeveralIsAnsweredWithTheList(t *testing.T) {
	operate(t, silent(), func(d *desk) {
		attempts, leads := d.pending()
		resolve := func(name string) (int, string) {
			return d.ask("POST", "/v1/resolve", Resolve{Name: name, Outcome: "accepted", Reference: "R/7",
				Why: "asked"}, nil)
		}
		status, text := resolve("acme:same")
		if status != 409 || !strings.Contains(text, attempts[0].String()) ||
			!strings.Contains(text, attempts[1].String()) {
			t.Errorf("a seller's id of two open attempts: %d %s", status, text)
		}
		if status, text := resolve(leads[0].String()); status != 200 {
			t.Errorf("by the lead: %d %s", status, text)
		}
		if status, text := resolve("acme:same"); status != 200 { // one is left
			t.Errorf("by the seller's id: %d %s", status, text)
		}
		if status, text := resolve(leads[0].String()); status != 404 || !strings.Contains(text, "has no open attempt") {
			t.Errorf("once more: %d %s", status, text)
		}
		if status, text := resolve("R/8"); status != 404 || !strings.Contains(text, "nothing is called") {
			t.Errorf("a reference that nobody gave: %d %s", status, text)
		}
		for _, name := range []string{"R/7", "a-co:R/7", "a:R/7"} {
			var told struct{ Error string }
			status, _ := d.ask("GET", "/v1/explain?name="+url.QueryEscape(name), nil, &told)
			if status != 409 || strings.Count(told.Error, "\n  lead ") != 2 ||
				strings.Index(told.Error, leads[1].String()) > strings.Index(told.Error, leads[0].String()) {
				t.Errorf("%s: %d %s: expected both leads, the newest first", name, status, told.Error)
			}
		}
		var x exchange.Explanation
		if status, _ := d.ask("GET", "/v1/explain?name=acme:same", nil, &x); status != 200 || x.Lead != leads[1] ||
			len(x.Others) != 1 || x.Others[0] != leads[0] {
			t.Errorf("a seller's id of two leads: %d, lead %s beside %v: expected the newest, and the other named",
				status, x.Lead, x.Others)
		}
		for _, path := range []string{"/v1/explain?name=" + attempts[0].String(), "/v1/explain/" + leads[0].String()} {
			if status, _ := d.ask("GET", path, nil, &x); status != 200 || x.Lead != leads[0] {
				t.Errorf("%s: %d, lead %s", path, status, x.Lead)
			}
		}
		for path, want := range map[string]int{"/v1/explain?name=": 400, "/v1/explain?name=nobody": 404,
			"/v1/explain/" + strings.Repeat("x", 513): 400, "/v1/explain/" + (lead.ID{7}).String(): 404} {
			if status, text := d.ask("GET", path, nil, nil); status != want {
				t.Errorf("%.40s: %d %s", path, status, text)
			}
		}
	})
}

// A resolution says what became of which attempt, and why; what is short of that, or does not fit, changes nothing.
func TestResolutionsAreAskedForInFull(t *testing.T) {
	operate(t, silent(), func(d *desk) {
		attempts, leads := d.pending()
		var open struct{ Unresolved []exchange.OpenAttempt }
		d.ask("GET", "/v1/unresolved", nil, &open)
		if o := open.Unresolved; len(o) != 2 || o[0].Attempt != attempts[0] || o[1].Lead != leads[1] ||
			o[0].Why != "timed_out" {
			t.Errorf("unresolved: %+v", open)
		}
		right := Resolve{Attempt: attempts[0], Outcome: "accepted", Price: "7.00", Reference: "R", Why: "asked",
			By: "me"}
		seq := d.Ledger.LastSeq()
		for name, wrong := range map[string]func(*Resolve){
			"no attempt":            func(r *Resolve) { r.Attempt = lead.ID{} },
			"an attempt and a name": func(r *Resolve) { r.Name = "acme:same" },
			"no reason":             func(r *Resolve) { r.Why = " " },
			"a long reason":         func(r *Resolve) { r.Why = strings.Repeat("x", 1001) },
			"a long name":           func(r *Resolve) { r.By = strings.Repeat("x", 201) },
			"a long reference":      func(r *Resolve) { r.Reference = strings.Repeat("x", 257) },
			"another outcome":       func(r *Resolve) { r.Outcome = "maybe" },
			"a price of nothing":    func(r *Resolve) { r.Outcome, r.Reference = "rejected", "" },
			"a reference of it":     func(r *Resolve) { r.Outcome, r.Price = "rejected", "" },
			"a price below zero":    func(r *Resolve) { r.Price = "-1.00" },
			"a price that is none":  func(r *Resolve) { r.Price = "much" },
		} {
			in := right
			wrong(&in)
			if status, text := d.ask("POST", "/v1/resolve", in, nil); status != 400 {
				t.Errorf("%s: %d %s", name, status, text)
			}
		}
		if status, text := d.ask("POST", "/v1/resolve", "{", nil); status != 400 {
			t.Errorf("torn: %d %s", status, text)
		}
		if d.Ledger.LastSeq() != seq {
			t.Error("a resolution that was refused stands in the ledger")
		}
		var adj ledger.Adjusted
		if status, text := d.ask("POST", "/v1/resolve", right, &adj); status != 200 || adj.Price != 7*dollar ||
			adj.By != "me" || adj.Reference != "R" {
			t.Errorf("resolve: %d %s", status, text)
		}
		if status, _ := d.ask("POST", "/v1/resolve", right, nil); status != 404 {
			t.Errorf("resolved twice: %d", status)
		}
		no := Resolve{Attempt: attempts[1], Outcome: "rejected", Why: "asked"}
		if status, text := d.ask("POST", "/v1/resolve", no, nil); status != 200 {
			t.Errorf("rejected: %d %s", status, text)
		}
		if st := d.Status(leads[0]); st.Result != lead.ResultSuccess || st.Price != 5_600_000 {
			t.Errorf("the seller hears %+v", st)
		}
	})
}

func TestPausesAreAskedForInFull(t *testing.T) {
	operate(t, silent(), func(d *desk) {
		for name, c := range map[string]struct {
			in     any
			status int
		}{"torn": {"{", 400}, "nobody": {Change{Subject: "nobody", Why: "x"}, 404},
			"no subject":    {Change{Why: "x"}, 400},
			"no reason":     {Change{Subject: "a", Why: " "}, 400},
			"a long reason": {Change{Subject: "a", Why: strings.Repeat("x", 1001)}, 400},
			"a long name":   {Change{Subject: "a", Why: "x", By: strings.Repeat("x", 201)}, 400}} {
			if status, text := d.ask("POST", "/v1/pause", c.in, nil); status != c.status {
				t.Errorf("%s: %d %s", name, status, text)
			}
		}
		var c Change
		for _, step := range []struct {
			path    string
			changed bool
		}{{"/v1/pause", true}, {"/v1/pause", false}, {"/v1/resume", true}, {"/v1/resume", false}} {
			if status, text := d.ask("POST", step.path, Change{Subject: "a", Why: "unpaid"}, &c); status != 200 ||
				c.Subject != "campaign:a" || c.Changed != step.changed {
				t.Errorf("%s: %d %s, want changed %v", step.path, status, text, step.changed)
			}
		}
	})
}

// The status tells what happens by itself: pings that get another's quote, repeats, campaigns that are left alone.
func TestStatusTellsOfSourcesAndBreakers(t *testing.T) {
	jane := exchangetest.Values{"phone": "2127365000"}
	least := 2
	s := exchangetest.Setup{Sources: []*exchange.Source{exchangetest.NewSource("other", "solar")},
		Campaigns: []exchangetest.Campaign{{ID: "a", Price: 10 * dollar}, {ID: "bad",
			Ping: exchangetest.Always(exchangetest.Answer{Status: 500}), Spec: func(c *buyers.CampaignSpec) {
				c.Breaker = &buyers.BreakerSpec{RequestsMin: &least}
			}}}}
	operate(t, s, func(d *desk) {
		for range 3 { // two of them get the first one's quote
			d.Quote(8*dollar, jane)
		}
		d.Quote(8*dollar, nil)
		d.Quote(8*dollar, nil) // now the buyer that answers with errors is left alone
		if r, f := d.LeadNow(jane, nil); f != nil || r.Result != lead.ResultSuccess {
			t.Fatalf("lead: %+v, %v", r, f)
		}
		if r, f := d.Ping(jane, func(p *exchange.Ping) { p.MinPrice = 1 }); f != nil || r.Refusal != lead.LeadRepeated {
			t.Fatalf("repeat: %+v, %v", r, f)
		}
		var st Status
		if status, text := d.ask("GET", "/v1/status", nil, &st); status != 200 || len(st.Sources) != 2 ||
			st.Sources[0] != (SourceStatus{Source: "acme", Suppressed: 2, Repeated: 1}) ||
			st.Sources[1] != (SourceStatus{Source: "other"}) {
			t.Errorf("status: %d %s", status, text)
		}
		if c := st.Campaigns; len(c) != 2 || c[0].Breaker != "" || c[1].Breaker != "refusing" ||
			c[1].Counts["breaker_skips"] != 2 || c[0].Counts["accepted"] != 1 || c[0].Revenue != 10*dollar {
			t.Errorf("campaigns: %+v", c)
		}
		if st.Pings != 5 || st.Sold != 1 || st.Payout != 8*dollar || st.Ledger.LastSeq != d.Ledger.LastSeq() {
			t.Errorf("status: %+v", st)
		}
	})
}

// All but the health of a node is for who has the token.
func TestAllButHealthNeedsTheToken(t *testing.T) {
	operate(t, silent(), func(d *desk) {
		for _, path := range []string{"/metrics", "/v1/status", "/v1/unresolved", "/v1/events", "/v1/explain/x",
			"/debug/pprof/heap", "/nothing"} {
			for _, token := range []string{"", "another", "secret "} {
				if status, text := d.askAs(token, "GET", path, nil, nil); status != 401 {
					t.Errorf("%s with %q: %d %s", path, token, status, text)
				}
			}
		}
		if status, text := d.askAs("", "GET", "/healthz", nil, nil); status != 200 {
			t.Errorf("health: %d %s", status, text)
		}
		if status, text := d.ask("GET", "/nothing", nil, nil); status != 404 || !strings.Contains(text, "/v1/resolve") {
			t.Errorf("nothing: %d %s", status, text)
		}
		if status, text := d.ask("GET", "/metrics", nil, nil); status != 200 ||
			!strings.Contains(text, `clearpost_pings_total{result="success"} 0`) {
			t.Errorf("metrics: %d %.400s", status, text)
		}
		d.Stop()
		if status, text := d.askAs("", "GET", "/healthz", nil, nil); status != 503 ||
			!strings.Contains(text, "stopping") {
			t.Errorf("health of an exchange that stops: %d %s", status, text)
		}
	})
}

// Profiles are bounded in time and by name, and end when the door does.
func TestProfilesAreBounded(t *testing.T) {
	d := newDesk(exchangetest.Start(t, silent()))
	d.server.cancel()
	for path, begins := range map[string]string{"heap": "\x1f\x8b", "goroutine?debug=1": "goroutine profile",
		"profile?seconds=60": "\x1f\x8b"} {
		if status, text := d.ask("GET", "/debug/pprof/"+path, nil, nil); status != 200 ||
			!strings.HasPrefix(text, begins) {
			t.Errorf("%s: %d %.20q", path, status, text)
		}
	}
	for path, want := range map[string]int{"profile?seconds=61": 400, "profile?seconds=0": 400,
		"profile?seconds=x": 400, "none": 404} {
		if status, text := d.ask("GET", "/debug/pprof/"+path, nil, nil); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
