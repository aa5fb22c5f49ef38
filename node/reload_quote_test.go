// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
)

// TestPostsOfQuotesGivenBeforeAChange pings, changes the configuration, and posts.
func TestPostsOfQuotesGivenBeforeAChange(t *testing.T) {
	const buyer, vertical = "buyers/b.yaml", "verticals/solar.yaml"
	for _, c := range []struct {
		name, file, old, text string
		status                int
		result                string
		tried                 lead.Refusal // of a failure
		field                 string       // of a fault
	}{
		{"the buyer's list price", buyer, "price: 25", "price: 99", 200, ledger.ResultSuccess, 0, ""},
		{"criteria that the lead does not meet", buyer, "['10001']", "['94110']", 200, ledger.ResultFailure,
			lead.CriteriaMismatch, ""},
		{"the campaign's id", buyer, "id: b-main", "id: b-next", 200, ledger.ResultFailure, lead.CampaignWithdrawn, ""},
		{"the currency", vertical, "currency: USD", "currency: EUR", 200, ledger.ResultFailure, lead.CampaignWithdrawn,
			""},
		{"a field is gone", vertical, "  - {name: age, type: integer, min: 18, max: 120}\n", "", 200,
			ledger.ResultSuccess, 0, ""},
		{"fields in another order", vertical, "  - {name: phone, required: post}\n  - {name: zip, required: ping}\n",
			"  - {name: zip, required: ping}\n  - {name: city}\n  - {name: phone, required: post}\n", 200,
			ledger.ResultSuccess, 0, ""}, {"a field takes less", vertical, "min: 18, max: 120", "min: 18, max: 30", 400,
			"error", 0, "age"}, {"a field has another type", vertical, "age, type: integer, min: 18, max: 120",
			"age, type: boolean", 400,
			"error", 0, "age"},
		{"a field is required now", vertical, "  - {name: age", "  - {name: city, required: post}\n  - {name: age", 400,
			"error", 0, "city"},
		{"a person key of other fields", vertical, "person_key: [phone]", "person_key: [zip]", 200,
			ledger.ResultSuccess, 0, ""},
		{"the sell limit", vertical, "sell_limit: 1", "sell_limit: 3", 200, ledger.ResultSuccess, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, "sell_limit: 1\n",
				map[string]string{"b": "price: 25\n    criteria: [{field: zip, in: ['10001']}]"},
				script("b", 25*dollar))
			p := h.ping(`{"zip":"10001","age":40}`)
			h.expect(p, 200, ledger.ResultSuccess)
			h.edit(c.file, c.old, c.text)
			hash := h.reload(admin.Applied).Config
			a := h.post(p.PingID, "2127365000")
			h.expect(a, c.status, c.result)
			if c.field != "" {
				if len(a.Errors) != 1 || a.Errors[0].Field != c.field || len(h.events(p.PingID)) != 1 {
					t.Fatalf("got %s after %d events, want an error of %s and nothing consumed", a.text,
						len(h.events(p.PingID)), c.field)
				}
				return
			}
			ev := last[*ledger.Settled](h, p.PingID)
			if ev.Config != hash {
				t.Errorf("decided by %s, want %s", ev.Config, hash)
			}
			if c.tried != 0 {
				if len(ev.Tried) != 1 || ev.Tried[0].Refusal != c.tried || len(ev.Sales) > 0 {
					t.Errorf("tried %+v, sold %+v", ev.Tried, ev.Sales)
				}
				return
			}
			if a.Price != 20 || a.Currency != "USD" || len(ev.Sales) != 1 || ev.Sales[0].Price != 25*dollar {
				t.Errorf("quoted 20 for 25, sold %s: %+v", a.text, ev.Sales)
			}
		})
	}
}

func TestVerticalThatIsGoneAnswersForItsQuotes(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	p := h.quote(20)
	sold := h.quote(20)
	h.expect(h.post(sold.PingID, "2127365000"), 200, ledger.ResultSuccess)
	away := t.TempDir()
	move := func(from, to string) {
		t.Helper()
		for _, name := range []string{"verticals/solar.yaml", "buyers/b.yaml"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	move(h.dir, away)
	h.write("verticals/roof.yaml", strings.Replace(verticalYAML, "id: solar", "id: roof", 1))
	for _, s := range []string{"sources/acme.yaml", "sources/other.yaml"} {
		h.edit(s, "[solar]", "[roof]")
	}
	h.reload(admin.Applied)
	if a := h.post(p.PingID, "2127365001"); a.status != 404 || a.Reason != "unknown_vertical" {
		t.Errorf("a post: %d %s", a.status, a.text)
	}
	if a := h.call("POST", "/v1/roof/post", `{"ping_id":"`+p.PingID+`","phone":"2127365001"}`); a.status != 404 ||
		a.Reason != "not_found" {
		t.Errorf("a post to another vertical: %d %s", a.status, a.text)
	}
	for id, want := range map[string]float64{p.PingID: 20, sold.PingID: 20} {
		if a := h.call("GET", "/v1/leads/"+id, ""); a.status != 200 || a.Result != ledger.ResultSuccess ||
			a.Price != want || a.Currency != "USD" {
			t.Errorf("status of %s: %d %s", id, a.status, a.text)
		}
	}
	if status := h.admin("GET", "/v1/explain/"+sold.PingID, nil, nil); status != 200 {
		t.Errorf("explain: %d", status)
	}
	move(away, h.dir)
	for _, s := range []string{"sources/acme.yaml", "sources/other.yaml"} {
		h.edit(s, "[roof]", "[roof, solar]")
	}
	h.reload(admin.Applied)
	h.expect(h.post(p.PingID, "2127365001"), 200, ledger.ResultSuccess)
}

// TestInFlightLimitHoldsAcrossReloads counts a call that was begun before a change against the limit after it.
func TestInFlightLimitHoldsAcrossReloads(t *testing.T) {
	slow := script("b", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(250 * time.Millisecond)
	h := build(t, "", nil, slow)
	first := make(chan heard)
	go func() { first <- h.ping(`{"zip":"10001"}`) }()
	eventually(t, "the buyer is asked", func() bool { return h.farm.Buyer("b").Calls(buyertest.Ping) == 1 })
	h.edit("buyers/b.yaml", "name: b\n", "name: b\nin_flight_max: 1\n")
	h.reload(admin.Applied)
	second := h.ping(`{"zip":"10001"}`)
	h.expect(second, 200, ledger.ResultFailure)
	if bids := last[*ledger.Pinged](h, second.PingID).Bids; len(bids) != 1 || bids[0].Refusal != lead.InFlightLimit {
		t.Errorf("bids %+v", bids)
	}
	h.expect(<-first, 200, ledger.ResultSuccess)
	h.quote(20)
}
