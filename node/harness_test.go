// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/lead"
	"clearpost/ledger"
)

// house is an exchange with its buyers, for tests: real doors, real ledger, real HTTP to a farm.
type house struct {
	t    *testing.T
	dir  string
	farm *buyertest.Farm
	node *Node

	ahead atomic.Int64 // what is added to the clock
}

// verticalYAML is a small vertical; %s takes more of its settings.
const verticalYAML = `
id: solar
name: Solar
currency: USD
invalid: refuse
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: age, type: integer, min: 18, max: 120}
person_key: [phone]
dedupe_hours: 24
ping_ttl_s: 300
ping_deadline_ms: 400
post_total_ms: 3000
`

// campaignYAML is one campaign of one buyer that bids by ping. The farm's FormatJSON is its dialect.
const campaignYAML = `
id: %[1]s
name: %[1]s
timezone: America/New_York
allow_private_addresses: true
campaigns:
  - id: %[1]s-main
    vertical: solar
    %[3]s
    ping:
      timeout_ms: 300
      request:
        url: %[2]s/%[1]s/ping
        fields: [{to: ref, from: lead_id}, {to: zip, from: zip}]
      answer: {success: [{path: status, equals: accepted}], price: {path: price}, token: {path: token}, reason: {path: reason}}
    post:
      timeout_ms: 400
      request:
        url: %[2]s/%[1]s/post
        fields: [{to: ref, from: lead_id}, {to: token, from: token}, {to: phone, from: phone, format: digits10}, {to: zip, from: zip}]
      answer:
        success: [{path: status, equals: accepted}]
        price: {path: price}
        reference: {path: reference}
        reason: {path: reason}
        reasons: [{match: duplicate, refusal: duplicate}]
`

func script(id string, price lead.Money) buyertest.Script {
	rule := buyertest.Rule{Yes: 1, Min: price, Max: price}
	return buyertest.Script{ID: id, Ping: rule, Post: rule, Lead: "ref", Token: "token", Person: "phone"}
}

// build writes a configuration for these buyers and starts its exchange. Each buyer's extra YAML stands under its
// campaign.
func build(t *testing.T, vertical string, more map[string]string, scripts ...buyertest.Script) *house {
	t.Helper()
	return buildWith(t, vertical, more, nil, scripts...)
}

// buildWith is build with pairs of texts that replace one another in the buyers' YAML.
func buildWith(t *testing.T, vertical string, more map[string]string, edit []string,
	scripts ...buyertest.Script) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	if h.farm, err = buyertest.New(buyertest.Config{Buyers: scripts, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.farm.Close() })
	h.write("clearpost.yaml", "node: n1\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\n")
	h.write("verticals/solar.yaml", verticalYAML+vertical)
	h.write("sources/acme.yaml",
		"id: acme\nname: Acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\n")
	h.write("sources/other.yaml", "id: other\nname: Other\nkeys: [other-key-0123456789]\nverticals: [solar]\nmargin: "+
		"{percent: 10}\nrate: {per_second: 1000, burst: 1000}\n")
	for _, s := range scripts {
		h.write("buyers/"+s.ID+".yaml", strings.NewReplacer(append([]string{"FARM", "http://" + h.farm.Addr()},
			edit...)...).Replace(fmt.Sprintf(campaignYAML, s.ID, "http://"+h.farm.Addr(), more[s.ID])))
	}
	h.start()
	return h
}

func (h *house) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func (h *house) start() {
	h.t.Helper()
	cfg, err := config.Load(h.dir, os.LookupEnv)
	if err != nil {
		h.t.Fatal(err)
	}
	cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }
	h.node, err = New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	if err != nil {
		h.t.Fatal(err)
	}
	n := h.node
	h.t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			h.t.Error(err)
		}
	})
	if err := n.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// restart stops the exchange and starts it again on the same data.
func (h *house) restart() {
	h.t.Helper()
	if err := h.node.Stop(); err != nil {
		h.t.Fatal(err)
	}
	h.start()
}

// heard is an answer as a seller sees it.
type heard struct {
	status int
	header http.Header
	text   string

	Result    string  `json:"result"`
	PingID    string  `json:"ping_id"`
	LeadID    string  `json:"lead_id"`
	SellerID  string  `json:"seller_lead_id"`
	ID        string  `json:"id"`
	Price     float64 `json:"price"`
	Currency  string  `json:"currency"`
	ExpiresAt string  `json:"expires_at"`
	Reason    string  `json:"reason"`
	Details   string  `json:"details"`
	Reference string  `json:"reference"`
	StatusURL string  `json:"status_url"`
	Sales     []struct {
		ID    string  `json:"id"`
		Price float64 `json:"price"`
	} `json:"sales"`
	Errors []lead.Problem `json:"errors"`
	Leads  []heard        `json:"leads"`
}

// call makes one request to the sellers' door. Headers are "Name: value".
func (h *house) call(method, path, body string, headers ...string) heard {
	h.t.Helper()
	req, err := http.NewRequest(method, "http://"+h.node.SellerAddr+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer acme-key-0123456789")
	req.Header.Set("Content-Type", "application/json")
	for _, x := range headers {
		k, v, _ := strings.Cut(x, ": ")
		if v == "" {
			req.Header.Del(k)
			continue
		}
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := heard{status: resp.StatusCode, header: resp.Header, text: string(b)}
	if err := json.Unmarshal(b, &out); err != nil {
		h.t.Fatalf("%s %s answered %d %q: %v", method, path, resp.StatusCode, b, err)
	}
	return out
}

func (h *house) ping(body string, headers ...string) heard {
	h.t.Helper()
	return h.call("POST", "/v1/solar/ping", body, headers...)
}

// post posts a pinged lead with a phone number.
func (h *house) post(pingID, phone string, headers ...string) heard {
	h.t.Helper()
	return h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":%q}`, pingID, phone), headers...)
}

// quote pings and expects a price.
func (h *house) quote(want float64) heard {
	h.t.Helper()
	p := h.ping(`{"zip":"10001"}`)
	h.expect(p, 200, lead.ResultSuccess)
	if p.Price != want || p.PingID == "" {
		h.t.Fatalf("quote: got %s, want a price of %v", p.text, want)
	}
	return p
}

func (h *house) expect(a heard, status int, result string) {
	h.t.Helper()
	if a.status != status || a.Result != result {
		h.t.Fatalf("answer: got %d %s, want %d %s", a.status, a.text, status, result)
	}
}

// events reads the ledger's events of a lead.
func (h *house) events(id string) []ledger.Event {
	h.t.Helper()
	lid, err := lead.ParseID(id)
	if err != nil {
		h.t.Fatal(err)
	}
	recs, err := h.node.Ledger.Lead(lid)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []ledger.Event
	for _, r := range recs {
		ev, err := ledger.Decode(r.Bytes)
		if err != nil {
			h.t.Fatalf("%s: %v", r.Bytes, err)
		}
		out = append(out, ev)
	}
	return out
}

// last is the newest event of a kind of a lead.
func last[T ledger.Event](h *house, id string) T {
	h.t.Helper()
	var out T
	found := false
	for _, ev := range h.events(id) {
		if e, ok := ev.(T); ok {
			out, found = e, true
		}
	}
	if !found {
		h.t.Fatalf("lead %s has no %T", id, out)
	}
	return out
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if cond() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

// admin makes one call to the operators' door.
func (h *house) admin(method, path string, in, out any) int {
	h.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			h.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, _ := http.NewRequest(method, "http://"+h.node.AdminAddr+path, body)
	req.Header.Set("Authorization", "Bearer "+h.node.Token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if out != nil { // an error too is a JSON object
		if err := json.Unmarshal(b, out); err != nil {
			h.t.Fatalf("%s: %v", b, err)
		}
	}
	return resp.StatusCode
}
