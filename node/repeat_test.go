// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

const (
	jane      = `{"zip":"10001","phone":"212-736-5000","age":40}`
	otherSeat = "Authorization: Bearer other-key-0123456789"
)

func (h *house) tally(source string) (suppressed, repeated int64) {
	h.node.Exchange.Stats.Sources(func(id string, t *exchange.SourceTally) {
		if id == source {
			suppressed, repeated = t.Suppressed.Load(), t.Repeated.Load()
		}
	})
	return suppressed, repeated
}

func (h *house) asked() uint64 { return h.farm.Buyer("b").Calls(buyertest.Ping) }

// lead sends a one-shot lead.
func (h *house) lead(body string, headers ...string) heard {
	h.t.Helper()
	return h.call("POST", "/v1/solar/leads", body, headers...)
}

// duplicate expects a failure as a repeat.
func (h *house) duplicate(a heard, details string) {
	h.t.Helper()
	h.expect(a, 200, ledger.ResultFailure)
	if a.Reason != "duplicate" || a.Details != details {
		h.t.Errorf("answer: %s, want the reason duplicate and %q", a.text, details)
	}
}

func today() string { return "Lead previously received " + time.Now().UTC().Format(time.DateOnly) }

func TestIdenticalPingsGetOneQuote(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	first := h.ping(jane)
	h.expect(first, 200, ledger.ResultSuccess)
	for i, same := range []string{jane, `{"phone":"(212) 736-5000","age":"40","zip":10001}`} {
		if again := h.ping(same); again.text != first.text {
			t.Errorf("%d: %s, first %s", i, again.text, first.text)
		}
	}
	h.restart()
	if again := h.ping(jane); again.text != first.text {
		t.Errorf("after a restart: %s, first %s", again.text, first.text)
	}
	if n := h.asked(); n != 1 {
		t.Errorf("the buyer was asked %d times", n)
	}
	if n, _ := h.tally("acme"); n != 1 { // since the restart
		t.Errorf("%d were suppressed", n)
	}
	var status struct {
		Pings   int64
		Sources []struct {
			Source     string
			Suppressed int64
		}
	}
	h.admin("GET", "/v1/status", nil, &status)
	if status.Pings != 0 || len(status.Sources) != 2 || status.Sources[0].Source != "acme" ||
		status.Sources[0].Suppressed != 1 {
		t.Errorf("status: %+v", status)
	}
	for name, other := range map[string]heard{
		"another value":        h.ping(`{"zip":"10001","phone":"212-736-5000","age":41}`),
		"another minimum":      h.ping(`{"zip":"10001","phone":"212-736-5000","age":40,"min_price":1}`),
		"another id":           h.ping(`{"zip":"10001","phone":"212-736-5000","age":40,"seller_lead_id":"S-2"}`),
		"another person":       h.ping(`{"zip":"10001","phone":"212-736-5001","age":40}`),
		"no person":            h.ping(`{"zip":"10001","age":40}`),
		"no person again":      h.ping(`{"zip":"10001","age":40}`),
		"another source":       h.ping(jane, otherSeat),
		"an idempotency key":   h.ping(jane, "Idempotency-Key: one"),
		"an idempotency key 2": h.ping(jane, "Idempotency-Key: two"),
	} {
		if other.Result != ledger.ResultSuccess || other.PingID == first.PingID {
			t.Errorf("%s: %s", name, other.text)
		}
	}
	h.ahead.Store(int64(301 * time.Second))
	late := h.ping(jane)
	if late.Result != ledger.ResultSuccess || late.PingID == first.PingID {
		t.Errorf("after the quote's end: %s", late.text)
	}
}

func TestSoldPersonIsARepeat(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p, spare := h.ping(jane), h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 200, ledger.ResultSuccess)
	for _, restart := range []bool{false, true} {
		if restart {
			h.restart()
		}
		asked := h.asked()
		again := h.ping(jane)
		h.duplicate(again, today())
		if ev := last[*ledger.Pinged](h, again.PingID); ev.Refusal != lead.LeadRepeated || len(ev.Bids) != 0 {
			t.Errorf("pinged: %+v", ev)
		}
		if x, ok, err := h.node.Exchange.Explain(last[*ledger.Pinged](h, again.PingID).Lead); err != nil || !ok ||
			x.Campaigns[0].Verdict != "repeated_lead" {
			t.Errorf("explained: %+v %v", x, err)
		}
		h.duplicate(h.post(again.PingID, "2127365000"), today())
		h.duplicate(h.lead(`{"zip":"10001","phone":"2127365000","city":"Reno"}`), today())
		h.duplicate(h.lead(jane, fmt.Sprint("Idempotency-Key: k", restart)), today())
		if h.asked() != asked {
			t.Error("buyers were asked about a repeat")
		}
	}
	// The ping did not say who it was about.
	late := h.post(spare.PingID, "2127365000")
	h.duplicate(late, today())
	if again := h.post(spare.PingID, "2127365000"); again.text != late.text {
		t.Errorf("repeat: %s, first %s", again.text, late.text)
	}
	if ev := last[*ledger.Settled](h, spare.PingID); ev.Refusal != lead.LeadRepeated || ev.Reason != "duplicate" ||
		ev.Post == nil {
		t.Errorf("settled: %+v", ev)
	}
	if _, n := h.tally("acme"); n != 3 {
		t.Errorf("%d repeats were counted since the restart", n)
	}
	h.expect(h.lead(jane, otherSeat), 200, ledger.ResultSuccess)
	if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 2 {
		t.Errorf("%d posts", n)
	}
	h.ahead.Store(int64(25 * time.Hour))
	h.expect(h.lead(`{"zip":"10001","phone":"2127365000","city":"Reno"}`), 200, ledger.ResultSuccess)
}

func TestSourceHasAPersonKeyAndAWindowOfItsOwn(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("sources/acme.yaml", "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: "+
		"20}\ndedupe: {person_key: [email], window_hours: 1}\n")
	h.restart()
	body := func(phone, email string) string {
		return fmt.Sprintf(`{"zip":"10001","phone":%q,"email":%q}`, phone, email)
	}
	h.expect(h.lead(body("2127365000", "jane@example.com")), 200, ledger.ResultSuccess)
	h.expect(h.lead(body("2127365000", "joe@example.com")), 200, ledger.ResultSuccess)
	h.duplicate(h.lead(body("2127365001", "JANE@example.com")), today())
	h.ahead.Store(int64(61 * time.Minute))
	h.expect(h.lead(body("2127365001", "jane@example.com")), 200, ledger.ResultSuccess)
}

func TestHashesMeetThePerson(t *testing.T) {
	const vertical = `
id: solar
currency: USD
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: phone_hash, type: hash, personal: true%s}
person_key: [%s]
ping_deadline_ms: 400
post_total_ms: 3000
`
	sums := map[string]string{
		"md5":    fmt.Sprintf("%x", md5.Sum([]byte("2127365000"))),
		"sha1":   fmt.Sprintf("%X", sha1.Sum([]byte("2127365000"))),
		"sha256": fmt.Sprintf("%x", sha256.Sum256([]byte("2127365000"))),
	}
	for name, v := range map[string]string{"named": fmt.Sprintf(vertical, "", "phone|phone_hash"),
		"derived": fmt.Sprintf(vertical, ", derive: phone.md5", "phone")} {
		t.Run(name, func(t *testing.T) {
			h := build(t, "", nil, script("b", 25*dollar))
			h.write("verticals/solar.yaml", v)
			h.restart()
			hashed := func(sum string) heard { return h.ping(fmt.Sprintf(`{"zip":"10001","phone_hash":%q}`, sum)) }
			early := hashed(sums["sha1"])
			h.expect(early, 200, ledger.ResultSuccess)
			if again := hashed(strings.ToLower(sums["sha1"])); again.text != early.text {
				t.Errorf("the same hash: %s, first %s", again.text, early.text)
			}
			if wrong := h.post(early.PingID, "2127365001"); wrong.status != 409 || wrong.Reason != "other_person" {
				t.Errorf("another person's number: %s", wrong.text)
			}
			h.expect(h.post(early.PingID, "2127365000"), 200, ledger.ResultSuccess)
			h.restart()
			for _, sum := range sums {
				h.duplicate(hashed(sum), today())
			}
			h.duplicate(h.ping(`{"zip":"10001","phone":"2127365000"}`), today())
			h.expect(hashed(strings.Replace(sums["md5"], sums["md5"][:4], "0000", 1)), 200, ledger.ResultSuccess)
		})
	}
}
