// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// keyed is a buyer that knows idempotency keys, and the YAML of a campaign that sends them.
func keyed(id string) buyertest.Script {
	s := script(id, 25*dollar)
	s.Key = "header:Idempotency-Key"
	return s
}

var keyedYAML = []string{"timeout_ms: 400", "timeout_ms: 400\n      idempotency: {header: Idempotency-Key}"}

const (
	resendYAML = "caps: [{per: total, limit: 5}]\n    unknown: {resend: {times: 2, after_ms: 0, every_ms: 100}}"
	statusYAML = `caps: [{per: total, limit: 5}]
    unknown:
      status:
        after_ms: 0
        every_ms: 100
        request: {method: POST, url: "FARM/a/status", fields: [{to: ref, from: lead_id}]}
        answer:
          rules: [{outcome: accepted, when: {path: status, equals: accepted}}, {outcome: rejected, when: {path: reason, matches: unknown}}]
          reference: {path: reference}
          reason: {path: reason}`
)

// audited holds the ledger against the buyers' books.
func (h *house) audited() {
	h.t.Helper()
	var lines bytes.Buffer
	if err := h.node.Ledger.Scan(h.node.Ledger.FirstSeq(), func(r ledger.Record) error {
		lines.Write(append(r.Bytes, '\n'))
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	receipts := func(each func(audit.Receipt) error) error {
		return h.farm.EachReceipt(func(r buyertest.Receipt) error {
			return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
				Price: int64(r.Price), At: r.At})
		})
	}
	rep, err := audit.Run(audit.Input{Events: audit.Lines(&lines), Receipts: receipts},
		audit.Options{Caps: []audit.Cap{{Key: "campaign:a-main:total", Who: "campaign:a-main", Per: "total", Max: 5}}})
	if err != nil || !rep.OK {
		h.t.Errorf("audit: %v, %v", rep.Verdict(), err)
	}
}

func (h *house) used() int64 {
	n, _ := h.node.Exchange.CapUse(h.node.Exchange.Campaigns()[0].Caps[0])
	return n
}

// settles waits until a lead's seller hears this.
func (h *house) settles(id, result string) heard {
	h.t.Helper()
	var a heard
	eventually(h.t, "the status is "+result, func() bool {
		a = h.call("GET", "/v1/leads/"+id, "")
		return a.Result == result
	})
	return a
}

func TestResendFindsOutThatTheLeadIsSold(t *testing.T) {
	h := buildWith(t, "", map[string]string{"a": resendYAML}, keyedYAML, keyed("a"))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	a := h.settles(p.PingID, ledger.ResultSuccess)
	if a.Price != 20 || a.ID != "a-000001" {
		t.Errorf("sold as %s", a.text)
	}
	if n := len(h.farm.AcceptedBy(p.PingID)); n != 1 || h.used() != 1 {
		t.Errorf("bought %d times, %d under the cap", n, h.used())
	}
	adj := last[*ledger.Adjusted](h, p.PingID)
	again := last[*ledger.Posting](h, p.PingID)
	if adj.By != "clearpost" || adj.From == nil || *adj.From != again.Attempt || again.Of == nil ||
		*again.Of != adj.Attempt || len(again.Charges) != 0 {
		t.Errorf("resolution %+v of %+v", adj, again)
	}
	h.audited()
	h.restart()
	if n := h.used(); n != 1 {
		t.Errorf("%d under the cap after a restart", n)
	}
}

func TestResendThatIsRefusedReleasesTheHold(t *testing.T) {
	no := keyed("a")
	no.Post.Yes = 0
	h := buildWith(t, "", map[string]string{"a": resendYAML}, keyedYAML, no)
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilence, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	h.settles(p.PingID, ledger.ResultFailure)
	// it is given back once the end is durable
	eventually(t, "the place under the cap is free", func() bool { return h.used() == 0 })
	h.audited()
}

func TestResendsAreBoundedAndLeaveTheRestToAPerson(t *testing.T) {
	h := buildWith(t, "", map[string]string{"a": resendYAML}, keyedYAML, keyed("a"))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilence, 9)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	eventually(t, "two resends", func() bool { return h.node.Exchange.Campaigns()[0].Resends.Load() == 2 })
	eventually(t, "nobody is at it", func() bool {
		open, err := h.node.Exchange.Unresolved()
		return err == nil && len(open) == 1
	})
	h.resolve(map[string]string{"outcome": "rejected"})
	if n := h.farm.Buyer("a").Calls(buyertest.Post); n != 3 {
		t.Errorf("%d posts", n)
	}
	h.audited()
}

func TestResendGoesOnAfterARestart(t *testing.T) {
	h := buildWith(t, "", map[string]string{"a": strings.Replace(resendYAML, "after_ms: 0", "after_ms: 1500", 1)},
		keyedYAML, keyed("a"))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	h.restart()
	if n := h.used(); n != 1 {
		t.Errorf("%d under the cap", n)
	}
	h.settles(p.PingID, ledger.ResultSuccess)
	if n := len(h.farm.AcceptedBy(p.PingID)); n != 1 {
		t.Errorf("bought %d times", n)
	}
	h.audited()
}

func TestStatusURLTellsTheOutcome(t *testing.T) {
	for fault, want := range map[buyertest.Fault]string{buyertest.FaultSilentAccept: ledger.ResultSuccess,
		buyertest.FaultSilence: ledger.ResultFailure} {
		h := buildWith(t, "", map[string]string{"a": statusYAML}, nil, script("a", 25*dollar))
		p := h.quote(20)
		h.farm.Buyer("a").FailNext(buyertest.Post, fault, 1)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		h.settles(p.PingID, want)
		eventually(t, "as many stand under the cap as were bought", func() bool {
			return h.used() == int64(len(h.farm.AcceptedBy(p.PingID)))
		})
		if n := h.farm.Buyer("a").Calls(buyertest.Post); n != 1 || h.farm.Buyer("a").Statuses() == 0 {
			t.Errorf("%s: %d posts, %d questions", want, n, h.farm.Buyer("a").Statuses())
		}
		h.audited()
	}
}

func TestStatusURLThatDoesNotKnowLeavesTheAttemptOpen(t *testing.T) {
	h := buildWith(t, "", map[string]string{"a": strings.Replace(statusYAML, "matches: unknown", "matches: refused",
		1)}, nil, script("a", 25*dollar))
	p := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilence, 1)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	eventually(t, "three questions", func() bool { return h.farm.Buyer("a").Statuses() >= 3 })
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	h.resolve(map[string]string{"outcome": "rejected"})
	h.settles(p.PingID, ledger.ResultFailure)
}

// A status URL that answers "duplicate", or speaks of an earlier lead, may speak of the attempt itself: it settles
// nothing.
func TestStatusURLThatTellsOfADuplicateLeavesTheAttemptOpen(t *testing.T) {
	for _, answer := range []string{`{"status":"duplicate"}`,
		`{"status":"refused","reason":"the lead exists already"}`} {
		var asked atomic.Int64
		desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			fmt.Fprint(w, answer)
		}))
		defer desk.Close()
		status := strings.NewReplacer("FARM/a/status", desk.URL,
			"{outcome: rejected, when: {path: reason, matches: unknown}}",
			"{outcome: duplicate, when: {path: status, equals: duplicate}}, {outcome: rejected, when: {path: status, "+
				"equals: refused}}").Replace(statusYAML)
		h := buildWith(t, "", map[string]string{"a": status}, nil, script("a", 25*dollar))
		p := h.quote(20)
		h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultSilentAccept, 1)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		eventually(t, "three questions", func() bool { return asked.Load() >= 3 })
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		if h.used() != 1 {
			t.Errorf("%s: %d stand under the cap", answer, h.used())
		}
	}
}

// A buyer that has queued a lead is asked by the name that it gave it.
func TestStatusIsAskedByTheBuyersReference(t *testing.T) {
	asked := make(chan string, 100)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		fmt.Fprint(w, `{"status":"accepted"}`)
	}))
	defer desk.Close()
	queued := []string{"        success: [{path: status, equals: accepted}]\n",
		"        rules: [{outcome: queued, when: {path: status, equals: accepted}}]\n"}
	status := strings.NewReplacer("FARM/a/status", desk.URL+"/of/{{ reference }}",
		"          reference: {path: reference}\n", "").Replace(statusYAML)
	h := buildWith(t, "", map[string]string{"a": status}, queued, script("a", 25*dollar))
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	h.settles(p.PingID, ledger.ResultSuccess)
	if bought := h.farm.AcceptedBy(p.PingID); len(bought) != 1 || <-asked != "/of/"+bought[0].Reference {
		t.Errorf("bought %+v", bought)
	}
}

// A buyer whose status says no while its body says yes may have bought the lead: nobody else gets it.
func TestNoByStatusAndYesByBodyIsUnknown(t *testing.T) {
	for _, status := range []int{400, 401, 403, 503} {
		var posts atomic.Int64
		desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			posts.Add(1)
			w.WriteHeader(status)
			fmt.Fprint(w, `{"ok":true}`)
		}))
		h := build(t, "", nil, script("z", 5*dollar))
		h.write("buyers/o.yaml", strings.ReplaceAll(`
id: o
allow_private_addresses: true
campaigns:
  - {id: o-main, vertical: solar, price: 30.00, post: {request: {url: URL/post, fields: [{to: zip, from: zip}]}, answer: {success: [{path: ok, equals: true}]}}}
`, "URL", desk.URL))
		h.restart()
		p := h.quote(24)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		if n := h.farm.Buyer("z").Calls(buyertest.Post); n != 0 || posts.Load() != 1 {
			t.Errorf("%d: %d posts to the buyer, %d to the next", status, posts.Load(), n)
		}
		desk.Close()
	}
}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestBackupURLHasItsTurnOnlyWhenNothingWasSent(t *testing.T) {
	dead := nobody(t)
	edit := []string{"fields: [{to: ref, from: lead_id}, {to: token",
		"headers: {X-Way: post}\n        fields: [{to: ref, from: lead_id}, {to: token"}
	h := buildWith(t, "", nil, edit, script("a", 25*dollar))
	name := "buyers/a.yaml"
	live := "http://" + h.farm.Addr() + "/a/post"
	text := h.read(name)
	h.write(name, strings.Replace(text, "url: "+live, "url: http://"+dead+"/a/post", 1))
	h.write(name, strings.Replace(h.read(name), "timeout_ms: 400", "timeout_ms: 400\n      backup_url: "+live, 1))
	h.restart()
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	if ev := last[*ledger.Posted](h, p.PingID); !ev.Backup || ev.Private.Request == nil {
		t.Errorf("posted: %+v", ev)
	}
	// The other way round: the first URL is reached, so the backup never is.
	h.write(name, strings.Replace(text, "timeout_ms: 400", "timeout_ms: 400\n      backup_url: http://"+h.farm.Addr()+
		"/a/other", 1))
	h.restart()
	q := h.quote(20)
	h.farm.Buyer("a").FailNext(buyertest.Post, buyertest.FaultClose, 1)
	h.expect(h.post(q.PingID, "2127365001"), 202, ledger.ResultPending)
	if n := h.farm.Stray(); n != 0 {
		t.Errorf("%d calls of the backup URL after bytes had left", n)
	}
}

func TestTokenThatIsRefusedIsRenewedAndThePostMadeOnceMore(t *testing.T) {
	var issued, posts atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"secret-token-%d","token_type":"Bearer","expires_in":3600}`, issued.Add(1))
	})
	mux.HandleFunc("/ping", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1"})
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true,"offers":[{"price":30,"max":1,"brand":"Sun","t":"leg-1"},{"price":20,"max":3,"brand":"Moon","t":"leg-2"}],"ttl":60}`)
	})
	mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		n := posts.Add(1)
		if n == 1 || r.Header.Get("Authorization") != "Bearer secret-token-2" || r.Header.Get("Cookie") != "sid=s1" {
			w.WriteHeader(401)
			return
		}
		fmt.Fprint(w, `{"ok":true,"id":"R1","go":"https://buyer.example/welcome"}`)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	h := build(t, "", map[string]string{"z": "criteria: [{field: zip, in: ['99999']}]"}, script("z", 5*dollar))
	h.write("buyers/o.yaml", strings.ReplaceAll(`
id: o
name: O
allow_private_addresses: true
campaigns:
  - id: o-main
    vertical: solar
    ping:
      request: {url: URL/ping, fields: [{to: zip, from: zip}], auth: {oauth2: {token_url: URL/token, client_id: us, client_secret: hush-hush}}}
      answer:
        success: [{path: ok, equals: true}]
        expires: {path: ttl, unit: seconds}
        legs: {list: offers, price: {path: price}, max_sold: {path: max}, brand: {path: brand}, token: {path: t}}
    post:
      request:
        url: URL/post
        fields: [{to: token, from: token}, {to: phone, from: phone}]
        auth: {cookies: true, oauth2: {token_url: URL/token, client_id: us, client_secret: hush-hush}}
      answer: {success: [{path: ok, equals: true}], reference: {path: id}, redirect: {path: go}}
`, "URL", srv.URL))
	h.restart()
	eventually(t, "the token is there", func() bool { return h.node.Exchange.Campaigns()[0].TokenProblem() == "" })
	p := h.quote(24)
	if end, err := time.Parse(time.RFC3339, p.ExpiresAt); err != nil || time.Until(end) > 61*time.Second {
		t.Errorf("the quote lasts until %s, its bid a minute", p.ExpiresAt)
	}
	bids := last[*ledger.Pinged](h, p.PingID).Bids
	if len(bids) != 2 || bids[0].Leg != 1 || !bids[0].Winner || bids[1].Leg != 2 || bids[1].Brand != "Moon" ||
		bids[1].Refusal != lead.Outbid {
		t.Errorf("bids: %+v", bids)
	}
	a := h.post(p.PingID, "2127365000")
	h.expect(a, 200, ledger.ResultSuccess)
	if a.ID != "R1" || !strings.Contains(a.text, `"redirect_url":"https://buyer.example/welcome"`) ||
		posts.Load() != 2 {
		t.Errorf("%s after %d posts", a.text, posts.Load())
	}
	if again := h.post(p.PingID, "2127365000"); again.text != a.text {
		t.Errorf("again %s, first %s", again.text, a.text)
	}
	second := last[*ledger.Posting](h, p.PingID)
	if second.Again != ledger.AgainAuth || second.Of == nil || second.Leg != 1 {
		t.Errorf("posting: %+v", second)
	}
	recs, _ := h.node.Ledger.Lead(second.Lead)
	for _, r := range recs {
		if bytes.Contains(r.Bytes, []byte("secret-token")) || bytes.Contains(r.Bytes, []byte("hush-hush")) {
			t.Errorf("a secret stands in the ledger: %s", r.Bytes)
		}
	}
}
