// SPDX-License-Identifier: Apache-2.0

package conform_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/conform"
	"clearpost/config"
	"clearpost/examples"
	"clearpost/node"
)

// Buyers in formats unlike each other, each with the least that a mock needs.
var pages = map[string]string{
	"json with a key, ping and post at one URL": `
    ping:
      timeout_ms: 2000
      request: {url: "http://buyer.example/api", headers: {X-Key: k1}, fields: [{to: do, value: ping}, {to: lead.zip, from: zip}, {to: lead.state, from: state}, {to: note, from: city, default: none}]}
      answer: {success: [{path: ok, equals: true}], price: {path: bid}, token: {path: id}}
    post:
      timeout_ms: 2000
      request: {url: "http://buyer.example/api", headers: {X-Key: k1}, fields: [{to: do, value: post}, {to: id, from: token}, {to: try, from: attempt_id}, {to: lead.zip, from: zip}, {to: lead.phone, from: phone}, {to: lead.first, from: first_name}]}
      answer: {success: [{path: ok, equals: true}], price: {path: paid}, reference: {path: sale}, reason: {path: why}, reasons: [{match: twice, refusal: duplicate}, {match: token, refusal: bad_token}]}
    examples:
      - name: sold
        lead: &lead {zip: 85004, state: AZ, phone: 6025550188, first_name: Zoe, last_name: Fox, email: zoe@example.com, city: Phoenix}
        ping: {answer: {type: application/json, body: '{"ok":true,"bid":12.5,"id":4711}'}, receipt: {outcome: accepted}}
        post: {answer: {type: application/json, headers: {X-Served-By: mock}, body: '{"ok":true,"paid":12.5,"sale":"S-1"}'}, receipt: {outcome: accepted}}
      - {name: refused, post: {answer: {type: application/json, body: '{"ok":false,"why":"no"}'}, receipt: {outcome: rejected}}}
      - {name: twice, post: {answer: {type: application/json, body: '{"ok":false,"why":"seen twice"}'}, receipt: {outcome: duplicate}}}
      - {name: token, post: {answer: {type: application/json, body: '{"ok":false,"why":"no such token"}'}, receipt: {refusal: bad_token}}}
      - name: a lead that it never wants
        lead: {zip: 10001, state: NY, phone: 2125550188, first_name: Ann, last_name: Fox, email: ann@example.com, city: New York}
        ping: {answer: {type: application/json, body: '{"ok":false}'}, receipt: {refusal: no_bid}}
`,
	"xml": `
    ping:
      timeout_ms: 2000
      request: {url: "http://buyer.example/ping.xml", format: xml, xml: {root: Ping}, fields: [{to: Key, value: k1}, {to: Lead.Zip, from: zip}]}
      answer: {format: xml, success: [{path: /Answer/Result, equals: "yes"}], price: {path: /Answer/Bid}, token: {path: /Answer/Id}}
    post:
      timeout_ms: 2000
      request: {url: "http://buyer.example/post.xml", format: xml, xml: {root: Post}, fields: [{to: Id, from: token}, {to: Try, from: attempt_id}, {to: Lead.Phone, from: phone}, {to: Lead.First, from: first_name}]}
      answer: {format: xml, success: [{path: /Answer/Result, equals: "yes"}], reference: {path: /Answer/No}, reason: {path: /Answer/Why}, reasons: [{match: twice, refusal: duplicate}]}
    examples:
      - name: sold
        lead: &lead {zip: 85004, state: AZ, phone: 6025550188, first_name: Zoe, last_name: Fox, email: zoe@example.com}
        ping: {answer: {type: text/xml, body: '<Answer><Result>yes</Result><Bid>9.00</Bid><Id>abc</Id></Answer>'}, receipt: {outcome: accepted}}
        post: {answer: {type: text/xml, body: '<Answer><Result>yes</Result><No>77</No></Answer>'}, receipt: {outcome: accepted}}
      - {name: refused, post: {answer: {type: text/xml, body: '<Answer><Result>no</Result><Why>no</Why></Answer>'}, receipt: {outcome: rejected}}}
      - {name: twice, post: {answer: {type: text/xml, body: '<Answer><Result>no</Result><Why>twice</Why></Answer>'}, receipt: {outcome: duplicate}}}
`,
	"multipart, post alone": `
    price: 20
    post:
      timeout_ms: 2000
      request: {url: "http://buyer.example/post", format: multipart, fields: [{to: ref, from: lead_id}, {to: phone, from: phone}, {to: first, from: first_name}]}
      answer: {success: [{path: ok, equals: true}], reason: {path: why}, reasons: [{match: twice, refusal: duplicate}]}
    examples:
      - name: sold
        lead: &lead {zip: 85004, state: AZ, phone: 6025550188, first_name: Zoe, last_name: Fox, email: zoe@example.com}
        post: {answer: {body: '{"ok":true}'}, receipt: {outcome: accepted}}
      - {name: refused, post: {answer: {body: '{"ok":false,"why":"no"}'}, receipt: {outcome: rejected}}}
      - {name: twice, post: {answer: {body: '{"ok":false,"why":"twice"}'}, receipt: {outcome: duplicate}}}
`,
}

// configured writes the example configuration with one more buyer and reads it, with that buyer at an address.
func configured(t *testing.T, page, addr string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	page = "id: tried\nallow_private_addresses: true\ncampaigns:\n  - id: tried-auto\n    vertical: auto\n" +
		strings.TrimPrefix(page, "\n")
	if err := os.WriteFile(filepath.Join(dir, "buyers", "tried.yaml"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadWith(dir, config.Options{Aim: func(campaign string, _ bool, url string) string {
		return strings.Replace(url, "http://buyer.example", addr, 1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Examples.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// mocked is a mock of the page as a server, and what it has served.
func mocked(t *testing.T, page string, change func(*conform.MockConfig)) (addr string, served func() []conform.Served) {
	t.Helper()
	cfg := configured(t, page, "http://buyer.example")
	rules, err := cfg.Rules("tried-auto", true)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var list []conform.Served
	mc := conform.MockConfig{Campaign: cfg.Exchange.Book.Campaign("tried-auto"), Sample: rules.Inputs.Lead, Seed: 1,
		Log: func(s conform.Served) {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, s)
		}}
	if change != nil {
		change(&mc)
	}
	m, err := conform.NewMock(mc)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	return srv.URL, func() []conform.Served {
		mu.Lock()
		defer mu.Unlock()
		return append([]conform.Served(nil), list...)
	}
}

func probed(t *testing.T, page, addr string, change func(*conform.ProbeConfig)) (*conform.Report,
	map[string]conform.Case) {
	t.Helper()
	cfg := configured(t, page, addr)
	rules, err := cfg.Rules("tried-auto", true)
	if err != nil {
		t.Fatal(err)
	}
	pc := conform.ProbeConfig{Campaign: cfg.Exchange.Book.Campaign("tried-auto"), Lead: rules.Inputs.Lead,
		Inputs: rules.Inputs, AllowPrivate: true, Pings: 6}
	if change != nil {
		change(&pc)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := conform.Run(ctx, pc)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]conform.Case{}
	for _, c := range r.Cases {
		cases[c.Name] = c
	}
	return r, cases
}

func TestAProbeOfAMockPasses(t *testing.T) {
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			addr, served := mocked(t, page, nil)
			r, cases := probed(t, page, addr, nil)
			if r.Fail > 0 || r.Unclear > 0 || r.Pass < 5 {
				t.Errorf("%d pass, %d fail, %d unclear: %+v\n%+v", r.Pass, r.Fail, r.Unclear, cases, served())
			}
			for _, s := range served() {
				if line := fmt.Sprint(s); strings.Contains(line, "555") || strings.Contains(line, "example.com") {
					t.Errorf("personal data in %s", line)
				}
			}
		})
	}
	_, cases := probed(t, pages["xml"], first(mocked(t, pages["xml"], nil)), nil)
	if c := cases["double post"]; c.Verdict != conform.Pass || !strings.Contains(c.Note, "the same answer twice") ||
		len(c.Exchanges) != 3 || !strings.Contains(c.Exchanges[1].Request, "<Phone>") {
		t.Errorf("double post: %+v", c)
	}
}

func first(addr string, _ func() []conform.Served) string { return addr }

func TestMockKnowsItsOwnLeadsAndKey(t *testing.T) {
	page := pages["json with a key, ping and post at one URL"]
	addr, _ := mocked(t, page, nil)
	ask := func(key, body string) (string, http.Header, int) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, addr+"/api", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), resp.Header, resp.StatusCode
	}
	if b, _,
		_ := ask("k1", `{"do":"ping","lead":{"zip":"10001","state":"NY"},"note":"New York"}`); b != `{"ok":false}` {
		t.Errorf("the lead that it never wants: %s", b)
	}
	// A value that has a default may be any; what is fixed in the body may differ where a default may have made it.
	a, _, _ := ask("k1", `{"do":"ping","lead":{"zip":"90210","state":"CA"},"note":"other"}`)
	b, _, _ := ask("k1", `{"do":"ping","lead":{"zip":"90211","state":"CA"},"note":"other"}`)
	if a != `{"ok":true,"bid":12.5,"id":4712}` || b != `{"ok":true,"bid":12.5,"id":4713}` {
		t.Errorf("bids %s and %s", a, b)
	}
	post := `{"do":"post","id":4712,"try":"t1","lead":{"zip":"90210","phone":"6025550101","first":"A"}}`
	b, h, _ := ask("k1", post)
	if !strings.Contains(b, `"sale":"S-1-`) || h.Get("X-Served-By") != "mock" {
		t.Errorf("post: %s with %v", b, h)
	}
	if again, _, _ := ask("k1", post); again != b {
		t.Errorf("the same post again: %s", again)
	}
	if b, _, _ := ask("k1", strings.Replace(post, "t1", "t2", 1)); !strings.Contains(b, "seen twice") {
		t.Errorf("the same person again: %s", b)
	}
	if b, _, _ := ask("k1", strings.Replace(post, "4712", "9", 1)); b == "" || strings.Contains(b, "true,") &&
		!strings.Contains(b, "S-1-") {
		t.Errorf("the key of another post counts first: %s", b)
	}
	if b, _, _ := ask("k1", strings.NewReplacer("4712", "9", "t1", "t3", "0101",
		"0102").Replace(post)); !strings.Contains(b, "no such token") {
		t.Errorf("a token that it never gave: %s", b)
	}
	if b, _, _ := ask("k2", strings.NewReplacer("t1", "t4", "0101", "0103").Replace(post)); !strings.Contains(b,
		`"why":"no"`) {
		t.Errorf("another key: %s", b)
	}
	if b, _, status := ask("k1", `{"do":"post",`); !strings.Contains(b, `"ok":false`) || status != 200 {
		t.Errorf("no JSON: %d %s", status, b)
	}
	if resp, err := http.Get(addr + "/elsewhere"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("elsewhere: %v, %v", resp, err)
	}
}

func TestProbeFindsWhatIsWrong(t *testing.T) {
	page := pages["json with a key, ping and post at one URL"]
	bad := func(h http.HandlerFunc) map[string]conform.Case {
		srv := httptest.NewServer(h)
		defer srv.Close()
		_, cases := probed(t, strings.ReplaceAll(page, "timeout_ms: 2000", "timeout_ms: 150"), srv.URL, nil)
		return cases
	}
	n := 0
	cases := bad(func(w http.ResponseWriter, r *http.Request) { // buys everything, again and again, and for less
		b, _ := io.ReadAll(r.Body)
		if n++; strings.Contains(string(b), `"do":"ping"`) {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, `{"ok":true,"bid":12.5,"id":1}`)
			return
		}
		fmt.Fprintf(w, `{"ok":true,"paid":10,"sale":"S-%d"}`, n)
	})
	for name, want := range map[string]conform.Verdict{"valid": conform.Pass, "price kept": conform.Fail,
		"missing field": conform.Fail, "malformed": conform.Fail, "duplicate": conform.Fail,
		"double post": conform.Fail, "wrong token": conform.Fail, "latency": conform.Pass,
		"keep-alive": conform.Unclear} {
		if c := cases[name]; c.Verdict != want || c.Note == "" {
			t.Errorf("%s: %s, %s; expected %s", name, c.Verdict, c.Note, want)
		}
	}
	cases = bad(func(_ http.ResponseWriter, r *http.Request) { // never answers
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	for _, name := range []string{"valid", "latency", "keep-alive", "wrong token"} {
		if c := cases[name]; c.Verdict != conform.Fail {
			t.Errorf("silent, %s: %s, %s", name, c.Verdict, c.Note)
		}
	}
	cases = bad(func(w http.ResponseWriter, r *http.Request) { // bids, and says of a post that it has the request
		b, _ := io.ReadAll(r.Body)
		if strings.Contains(string(b), `"do":"ping"`) {
			fmt.Fprint(w, `{"ok":true,"bid":12.5,"id":1}`)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"Status":"Request accepted."}`)
	})
	for _, name := range []string{"valid", "missing field", "wrong token"} {
		if c := cases[name]; c.Verdict != conform.Unclear || !strings.Contains(c.Note, "leaves the outcome unknown") {
			t.Errorf("nothing said, %s: %s, %s", name, c.Verdict, c.Note)
		}
	}
	cases = bad(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":false}`) }) // wants nothing
	for _, name := range []string{"valid", "price kept", "double post"} {
		if c := cases[name]; c.Verdict != conform.Unclear {
			t.Errorf("unwilling, %s: %s, %s", name, c.Verdict, c.Note)
		}
	}
}

func TestMockFailsOnPurpose(t *testing.T) {
	page := pages["json with a key, ping and post at one URL"]
	addr, served := mocked(t, page, func(c *conform.MockConfig) { c.FailRate = 1 })
	for range 2 {
		resp, err := http.Post(addr+"/api", "application/json", strings.NewReader(`{}`))
		if err == nil {
			resp.Body.Close()
		}
	}
	if s := served(); len(s) < 2 || s[0].Status != 500 || !strings.Contains(s[1].Note, "closed on purpose") {
		t.Errorf("served %+v", s)
	}
	addr, _ = mocked(t, page, func(c *conform.MockConfig) { c.Reject, c.Slow = true, time.Millisecond })
	if r, cases := probed(t, page, addr, nil); r.Fail > 0 || cases["valid"].Verdict != conform.Unclear {
		t.Errorf("rejecting: %+v", cases)
	}
	cfg := configured(t, strings.Replace(page,
		`body: '{"ok":true,"paid":12.5,"sale":"S-1"}'}, receipt: {outcome: accepted}`,
		`body: '{}'}, receipt: {refusal: unclear_answer}`, 1), "http://buyer.example")
	if _, err := conform.NewMock(conform.MockConfig{Campaign: cfg.Exchange.Book.Campaign("tried-auto")}); err == nil ||
		!strings.Contains(err.Error(), "accepts a post") {
		t.Errorf("a page without a sale: %v", err)
	}
}

// A seller's lead goes through a live exchange to a mock and is sold.
func TestALiveNodeSellsToAMock(t *testing.T) {
	page := pages["json with a key, ping and post at one URL"]
	addr, served := mocked(t, page, nil)
	cfg := configured(t, page, addr)
	cfg.DataDir, cfg.Listen, cfg.AdminListen, cfg.Kafka = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", nil
	cfg.Limits.FreeBytesMin = 0
	n, err := node.New(cfg, slog.New(slog.DiscardHandler), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}()
	call := func(path, body string) map[string]any {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+n.SellerAddr+"/v1/auto/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer demo-key-quotemill")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	ping := call("ping", `{"zip":"90210","state":"CA","age":34,"vehicle_year":2019,"vehicle_make":"Toyota","vehicle_model":"Camry","currently_insured":true}`)
	if ping["result"] != "success" {
		t.Fatalf("ping: %v", ping)
	}
	post := call("post", fmt.Sprintf(`{"ping_id":%q,"first_name":"Ann","last_name":"Lee","email":"ann@example.com","phone":"6025550142"}`, ping["ping_id"]))
	if post["result"] != "success" {
		t.Fatalf("post: %v\n%+v", post, served())
	}
	if s := served(); s[len(s)-1].Call != "post" || s[len(s)-1].Price != "12.50" {
		t.Errorf("served %+v", s)
	}
}
