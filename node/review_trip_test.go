// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

// personOfTwo makes phone and e-mail together the person key of the house's vertical.
func personOfTwo(h *house) {
	h.t.Helper()
	h.write("verticals/solar.yaml", strings.Replace(verticalYAML, "[phone]", "[phone, email]", 1))
	h.restart()
}

func TestAnotherPersonIsSeenByAnyFieldThatNamesThem(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	personOfTwo(h)
	p := h.ping(`{"zip":"10001","phone":"2127365000"}`)
	h.expect(p, 200, ledger.ResultSuccess)
	post := func(phone string) heard {
		return h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":%q,"email":"b@example.com"}`,
			p.PingID, phone))
	}
	if a := post("2127365999"); a.status != 409 || a.Reason != "other_person" {
		t.Errorf("another phone: %d %s", a.status, a.text)
	}
	first := post("2127365000")
	h.expect(first, 200, ledger.ResultSuccess)
	if a := h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","email":"c@example.com"}`,
		p.PingID)); a.status != 409 {
		t.Errorf("another address after the sale: %d %s", a.status, a.text)
	}
}

func TestQuoteOutlivesAChangeOfThePersonKey(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.ping(`{"zip":"10001","phone":"2127365000","email":"b@example.com"}`)
	personOfTwo(h)
	h.expect(h.call("POST", "/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000","email":"b@example.com"}`,
		p.PingID)), 200, ledger.ResultSuccess)
}

func TestIdempotencyKeyNamesOneCallOnly(t *testing.T) {
	h := build(t, "dedupe: {refuse: none}\n", nil, script("b", 25*dollar))
	h.write("verticals/roof.yaml", strings.Replace(strings.Replace(verticalYAML, "id: solar", "id: roof", 1),
		"name: Solar", "name: Roof", 1))
	h.write("sources/acme.yaml",
		"id: acme\nname: Acme\nkeys: [acme-key-0123456789]\nverticals: [solar, roof]\nmargin: {percent: 20}\n")
	h.restart()
	p := h.quote(20)
	body := fmt.Sprintf(`{"ping_id":%q,"zip":"10001","phone":"2127365000"}`, p.PingID)
	calls := []string{"/v1/solar/ping", "/v1/solar/post", "/v1/solar/leads", "/v1/roof/ping"}
	for i, first := range calls[:3] {
		key := "Idempotency-Key: k" + first
		h.expect(h.call("POST", first, body, key), 200, ledger.ResultSuccess)
		for k, other := range calls {
			a := h.call("POST", other, body, key)
			if k == i && a.status != 200 || k != i && (a.status != 409 || a.Reason != "idempotency_key_reused") {
				t.Errorf("key of %s sent to %s: %d %s", first, other, a.status, a.text)
			}
		}
	}
}

func TestRefusedRequestsDoNotUseTheirKeyUp(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	key := "Idempotency-Key: again"
	for _, bad := range []heard{
		h.ping(`{"zip":"x"}`, key), h.post("0193b2c4-0000-7000-8000-000000000000", "2127365000", key),
		h.post(p.PingID, "12", key), h.call("POST", "/v1/solar/leads", `{"zip":"10001"}`, key),
	} {
		if bad.status != 400 && bad.status != 404 {
			t.Errorf("%d %s", bad.status, bad.text)
		}
	}
	h.expect(h.post(p.PingID, "2127365000", key), 200, ledger.ResultSuccess)
}

func TestAnswerOfAPostMayBeRepeatedAtOnce(t *testing.T) {
	no := script("b", 25*dollar)
	no.Post.Yes = 0
	h := build(t, "", nil, no)
	ex := h.node.Exchange
	on := ex.Snapshot()
	v, src := on.Vertical("solar"), on.Config().Sources[0]
	post := func(id lead.ID) (exchange.Reply, *exchange.Fault) {
		l := &lead.Lead{}
		l.Reset(v.Schema)
		pos, _ := v.Schema.Position("phone")
		l.Set(pos, []byte("2127365000"))
		return ex.Post(&exchange.PostIn{On: on, Source: src, Vertical: v, PingID: id, Lead: l, ReceivedAt: ex.Now()})
	}
	for range 100 {
		id, _ := lead.ParseID(h.quote(20).PingID)
		first, f := post(id)
		if f != nil {
			t.Fatal(f)
		}
		again, f := post(id)
		if f != nil {
			t.Fatalf("repeated as soon as it was answered: %v", f)
		}
		if again.Result != first.Result || again.Refusal != first.Refusal {
			t.Fatalf("again %+v, first %+v", again, first)
		}
	}
}

func TestPanicLeavesNoClaimBehind(t *testing.T) {
	criterion := map[string]string{"b": "criteria: [{field: age, min: 20}]"}
	h := build(t, "", criterion, script("b", 25*dollar))
	ex := h.node.Exchange
	on := ex.Snapshot()
	v, src := on.Vertical("solar"), on.Config().Sources[0]
	try := func(what string, do func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s did not panic: this test must find another way", what)
			}
		}()
		do()
	}
	wide, errs := lead.NewSchema("solar", []lead.Field{{Name: "age", Type: lead.TypeInteger},
		{Name: "more", Type: lead.TypeText}})
	if errs != nil {
		t.Fatal(errs)
	}
	p := h.ping(`{"zip":"10001","age":40}`)
	id, _ := lead.ParseID(p.PingID)
	try("post", func() {
		l := &lead.Lead{}
		l.Reset(wide)
		more, _ := wide.Position("more")
		l.Set(more, []byte("x"))
		ex.Post(&exchange.PostIn{On: on, Source: src, Vertical: v, PingID: id, Lead: l, ReceivedAt: ex.Now(),
			IdempotencyKey: "k", BodyHash: "h"})
	})
	h.expect(h.post(p.PingID, "2127365000", "Idempotency-Key: k"), 200, ledger.ResultSuccess)
	narrow, _ := lead.NewSchema("solar", nil)
	try("one shot", func() {
		in := ex.NewPing(on, src, v)
		in.Lead.Reset(narrow)
		pos, _ := narrow.Position("phone")
		in.Lead.Set(pos, []byte("2127365001"))
		ex.LeadNow(in)
	})
	h.expect(h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365001","age":40}`), 200,
		ledger.ResultSuccess)
}

func TestForeignSourceCannotTellALeadFromNone(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(300 * time.Millisecond)
	h := build(t, "", nil, slow)
	p := h.quote(20)
	foreign := "Authorization: Bearer other-key-0123456789"
	same := func(when string) {
		t.Helper()
		none := "0193b2c4-0000-7000-8000-000000000000"
		a, b := h.post(p.PingID, "2127365999", foreign), h.post(none, "2127365999", foreign)
		if a.status != 404 || a.text != strings.ReplaceAll(b.text, none, p.PingID) {
			t.Errorf("%s: %d %s, of no lead %s", when, a.status, a.text, b.text)
		}
		a, b = h.call("GET", "/v1/leads/"+p.PingID, "", foreign), h.call("GET", "/v1/leads/"+none, "", foreign)
		if a.status != 404 || a.text != strings.ReplaceAll(b.text, none, p.PingID) {
			t.Errorf("%s: %d %s, of no lead %s", when, a.status, a.text, b.text)
		}
	}
	same("quoted")
	done := make(chan heard, 1)
	go func() { done <- h.post(p.PingID, "2127365000") }()
	eventually(t, "the post is on the wire", func() bool { return h.farm.Buyer("slow").Calls(buyertest.Post) == 1 })
	same("under way")
	h.expect(<-done, 200, ledger.ResultSuccess)
	same("sold")
}

func TestStoppingLetsPostsEndAndTellsTheTruth(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(300 * time.Millisecond)
	h := build(t, "", nil, slow)
	p := h.quote(20)
	done := make(chan heard, 1)
	go func() { done <- h.post(p.PingID, "2127365000") }()
	eventually(t, "the post is on the wire", func() bool { return h.farm.Buyer("slow").Calls(buyertest.Post) == 1 })
	h.restart()
	a := <-done
	h.expect(a, 200, ledger.ResultSuccess)
	if again := h.call("GET", "/v1/leads/"+p.PingID, ""); again.text != a.text {
		t.Errorf("status %s, answer %s", again.text, a.text)
	}
}

func TestPostOfAPausedSourceHearsNothingThatTheLedgerDoesNotHold(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	h.admin("POST", "/v1/pause", map[string]string{"subject": "acme", "why": "bad leads"}, nil)
	seq := h.node.Ledger.LastSeq()
	a := h.post(p.PingID, "2127365000")
	if a.status == 200 && h.node.Ledger.LastSeq() == seq {
		t.Errorf("a business answer that no event tells of: %s", a.text)
	}
	if a.status != 503 || a.Reason != "source_paused" || a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	h.admin("POST", "/v1/resume", map[string]string{"subject": "acme", "why": "talked"}, nil)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
}

func TestCapsAreNotPassedInTheOrderOfTheLedger(t *testing.T) {
	const limit = 2
	no := script("no", 40*dollar)
	no.Post.Yes = 0
	h := build(t, "", map[string]string{"no": fmt.Sprintf("caps: [{per: total, limit: %d}]", limit)}, no,
		script("next", 30*dollar))
	// Campaigns that fall out at the post, one by one, between the first buyer's refusal and the next event.
	var many strings.Builder
	many.WriteString("id: many\nname: Many\nallow_private_addresses: true\ncampaigns:\n")
	for i := range 300 {
		fmt.Fprintf(&many, "  - id: m%d\n    vertical: solar\n    price: 35.00\n    criteria: [{field: age, min: "+
			"20}]\n    post: {request: {url: http://%s/no/post, fields: [{to: ref, from: lead_id}]}, answer: "+
			"{success: [{path: status, equals: accepted}]}}\n", i, h.farm.Addr())
	}
	h.write("buyers/many.yaml", many.String())
	h.restart()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				h.call("POST", "/v1/solar/leads", fmt.Sprintf(`{"zip":"10001","phone":"2127%03d%03d"}`, 300+i, k),
					"Authorization: Bearer other-key-0123456789")
			}
		})
	}
	wg.Wait()
	var n, most, ends int
	count := func(cs []lead.Charge, by int) {
		for range cs {
			n += by
			most = max(most, n)
		}
	}
	err := h.node.Ledger.Scan(0, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		switch ev := ev.(type) {
		case *ledger.Posting:
			count(ev.Charges, 1)
		case *ledger.Posted:
			if !ev.Outcome.Standing() {
				ends++
				count(ev.Charges, -1)
			}
		}
		return err
	})
	if err != nil || ends < 20 {
		t.Fatalf("%v; %d refused attempts", err, ends)
	}
	if most > limit {
		t.Errorf("the ledger shows %d holds at once in a cap of %d", most, limit)
	}
}

func TestASecondCampaignOfABuyerMayTakeTheCapOfTheFirst(t *testing.T) {
	first, no := script("first", 50*dollar), script("b", 40*dollar)
	first.Post.Yes, no.Post.Yes = 0, 0
	h := build(t, "", nil, first, no, script("c", 30*dollar))
	at := "http://" + h.farm.Addr()
	_, second, _ := strings.Cut(fmt.Sprintf(campaignYAML, "c", at, ""), "campaigns:\n")
	h.write("buyers/b.yaml", strings.Replace(fmt.Sprintf(campaignYAML, "b", at, ""), "campaigns:",
		"caps: [{per: total, limit: 1}]\ncampaigns:", 1)+second)
	if err := os.Remove(filepath.Join(h.dir, "buyers/c.yaml")); err != nil {
		t.Fatal(err)
	}
	h.restart()
	a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`)
	h.expect(a, 200, ledger.ResultSuccess)
	if !strings.HasPrefix(a.ID, "c-") {
		t.Errorf("sale: %s", a.text)
	}
}
