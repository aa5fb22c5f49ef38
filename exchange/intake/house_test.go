// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/capstore/memory"
	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/wire/transport"
)

const dollar = lead.Unit

// house is the sellers' door of an exchange that is made of YAML, with real calls to a farm of buyers.
type house struct {
	t        *testing.T
	dir      string // of the configuration
	data     string // of the ledger
	farm     *buyertest.Farm
	cfg      *config.Config
	ledger   *ledger.Ledger
	exchange *exchange.Exchange
	door     *intake.Server
	addr     string

	down  []func(context.Context) error
	ahead atomic.Int64 // what is added to the clock
}

// verticalYAML is a small vertical; more of its settings may follow.
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

// nodeYAML is the file of the node; more of its settings may follow.
const nodeYAML = "node: n1\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\n"

func script(id string, price lead.Money) buyertest.Script {
	rule := buyertest.Rule{Yes: 1, Min: price, Max: price}
	return buyertest.Script{ID: id, Ping: rule, Post: rule, Lead: "ref", Token: "token", Person: "phone"}
}

// build writes a configuration for these buyers and opens its door. Each buyer's extra YAML stands under its campaign.
func build(t *testing.T, vertical string, more map[string]string, scripts ...buyertest.Script) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), data: memoryDir(t)}
	var err error
	if h.farm, err = buyertest.New(buyertest.Config{Buyers: scripts, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.farm.Close() })
	h.write("clearpost.yaml", nodeYAML)
	h.write("verticals/solar.yaml", verticalYAML+vertical)
	h.write("sources/acme.yaml",
		"id: acme\nname: Acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\n")
	h.write("sources/other.yaml", "id: other\nname: Other\nkeys: [other-key-0123456789]\nverticals: [solar]\nmargin: "+
		"{percent: 10}\nrate: {per_second: 1000, burst: 1000}\n")
	for _, s := range scripts {
		h.write("buyers/"+s.ID+".yaml", strings.ReplaceAll(fmt.Sprintf(campaignYAML, s.ID, "http://"+h.farm.Addr(),
			more[s.ID]), "FARM", "http://"+h.farm.Addr()))
	}
	t.Cleanup(h.stop)
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

// edit replaces a text of a file, which must be there.
func (h *house) edit(name, old, now string) {
	h.t.Helper()
	text := h.read(name)
	if !strings.Contains(text, old) {
		h.t.Fatalf("%s has no %q", name, old)
	}
	h.write(name, strings.ReplaceAll(text, old, now))
}

// start opens the exchange on its ledger, and the door.
func (h *house) start() {
	h.t.Helper()
	var err error
	if h.cfg, err = config.Load(h.dir, os.LookupEnv); err != nil {
		h.t.Fatal(err)
	}
	h.open()
	history := h.cfg.SpecHistory()
	if err := intake.KeepSpecs(history, &h.cfg.Exchange, h.cfg.Limits.BodyBytesMax, h.exchange.Now()); err != nil {
		h.t.Fatal(err)
	}
	links, err := h.cfg.SpecLinks()
	if err != nil {
		h.t.Fatal(err)
	}
	h.serve(intake.Config{BodyBytesMax: h.cfg.Limits.BodyBytesMax, InFlightMax: h.cfg.Limits.InFlightMax,
		Proxies: h.cfg.Proxies, Specs: intake.SpecConfig{URL: h.cfg.SpecURL, Links: links, History: history},
		Books: madeUpBooks})
}

// open opens the ledger and an exchange on it.
func (h *house) open() {
	h.t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if h.ledger, err = ledger.Open(ledger.Config{Dir: h.data, Node: "n1", FreeBytesMin: 1, Logger: log}); err != nil {
		h.t.Fatal(err)
	}
	h.onStop(func(context.Context) error { return h.ledger.Close() })
	client, err := transport.New(transport.Config{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.onStop(client.Close)
	h.exchange, err = exchange.New(h.cfg.Exchange, exchange.Deps{Ledger: h.ledger, Store: memory.New(),
		Transport: client, Log: log, AnswerBytesMax: h.cfg.Limits.AnswerBytesMax,
		Now: func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }})
	if err != nil {
		h.t.Fatal(err)
	}
	h.onStop(h.exchange.Stop)
	if err := h.exchange.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// serve opens a door of the exchange.
func (h *house) serve(cfg intake.Config) {
	h.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.door, h.addr = intake.New(cfg, h.exchange, slog.New(slog.NewTextHandler(io.Discard, nil))), ln.Addr().String()
	door, served := h.door, make(chan error, 1)
	go func() { served <- door.Serve(ln) }()
	h.onStop(func(ctx context.Context) error {
		err := door.Shutdown(ctx)
		ln.Close() // the door knows nothing of it yet where it has just begun
		if e := <-served; !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
		return err
	})
}

func (h *house) onStop(f func(context.Context) error) { h.down = append(h.down, f) }

// stop closes all that is open, the last first.
func (h *house) stop() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, f := range slices.Backward(h.down) {
		if err := f(ctx); err != nil {
			h.t.Error(err)
		}
	}
	h.down = nil
}

// restart puts what is written now into force, on the same ledger.
func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.start()
}

// memoryDir is a directory for the test, in memory where the system has such a place: syncs of a disk would take most
// of a test's time.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "intake")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
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
	req, err := http.NewRequest(method, "http://"+h.addr+path, strings.NewReader(body))
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
	recs, err := h.ledger.Lead(lid)
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

// pause pauses a campaign, a buyer or a source, or has it go on.
func (h *house) pause(subject string, on bool) {
	h.t.Helper()
	if _, _, err := h.exchange.Pause(subject, on, "asked", "a test"); err != nil {
		h.t.Fatal(err)
	}
}

// lead sends a whole lead.
func (h *house) lead(body string, headers ...string) heard {
	h.t.Helper()
	return h.call("POST", "/v1/solar/leads", body, headers...)
}

// audited is the auditor's report of all events and of what the buyers have seen.
func (h *house) audited() *audit.Report {
	h.t.Helper()
	events := func(each func([]byte) error) error {
		return h.ledger.Scan(0, func(r ledger.Record) error { return each(r.Bytes) })
	}
	receipts := func(each func(audit.Receipt) error) error {
		return h.farm.EachReceipt(func(r buyertest.Receipt) error {
			return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
				Price: int64(r.Price), At: r.At})
		})
	}
	rep, err := audit.Run(audit.Input{Events: events, Receipts: receipts}, audit.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	if !rep.OK {
		h.t.Errorf("the auditor: %s", rep.Verdict())
	}
	return rep
}
