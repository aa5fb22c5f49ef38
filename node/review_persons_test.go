// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/ledger"
)

const thirdSeat = "Authorization: Bearer third-key-0123456789"

// thirdSource adds a source that is compared with its own leads only.
func (h *house) thirdSource() {
	h.write("sources/third.yaml",
		"id: third\nkeys: [third-key-0123456789]\nverticals: [solar]\ndedupe: {scope: source}\n")
}

// What a delivery has begun on one configuration excludes what begins on the next, whatever scope either has, and
// though its source is gone by then.
func TestPersonIsSoldOnceAcrossAReloadOfTheScope(t *testing.T) {
	for name, x := range map[string]struct {
		before string
		change func(h *house)
	}{
		"source, then vertical": {"", func(h *house) {
			h.edit("verticals/solar.yaml", "dedupe_hours: 24", "dedupe_hours: 24\ndedupe: {scope: vertical}")
		}},
		"vertical, then source": {"dedupe: {scope: vertical}\n", func(h *house) {
			h.edit("verticals/solar.yaml", "scope: vertical", "scope: source")
		}},
		"none, then vertical": {"dedupe: {refuse: none}\n", func(h *house) {
			h.edit("verticals/solar.yaml", "refuse: none", "scope: vertical")
		}},
		"the source is gone": {"dedupe: {scope: vertical}\n", func(h *house) {
			if err := os.Remove(filepath.Join(h.dir, "sources/acme.yaml")); err != nil {
				h.t.Fatal(err)
			}
		}},
	} {
		slow := script("b", 25*dollar)
		slow.Ping.Latency = buyertest.Fixed(250 * time.Millisecond)
		h := build(t, x.before, nil, slow)
		first := make(chan heard, 1)
		go func() { first <- h.lead(jane) }()
		eventually(t, "the buyer is asked", func() bool { return h.asked() == 1 })
		x.change(h)
		h.reload("applied")
		second := h.lead(jane, otherSeat)
		if a := <-first; a.Result != ledger.ResultSuccess {
			t.Errorf("%s: the first: %s", name, a.text)
		}
		if second.Result == ledger.ResultSuccess || second.status != 409 && second.status != 503 {
			t.Errorf("%s: meanwhile: %d %s", name, second.status, second.text)
		}
		if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
			t.Errorf("%s: %d posts", name, n)
		}
	}
}

// An attempt that a kill has cut off may be a sale: it counts as one among the person's leads, also behind a later one
// of another source that is not sold.
func TestCutOffAttemptIsKnownAsSoldInMixedScopes(t *testing.T) {
	for _, oneShot := range []bool{false, true} {
		no := script("b", 25*dollar)
		no.Post.Yes = 0
		h := build(t, "dedupe: {scope: vertical}\n", nil, no)
		h.thirdSource()
		h.restart()
		h.cutOff(oneShot)
		h.expect(h.lead(jane, thirdSeat), 200, ledger.ResultFailure)
		for _, again := range []heard{h.lead(jane, otherSeat), h.ping(jane, otherSeat),
			h.lead(`{"zip":"10002","phone":"212-736-5000"}`)} {
			if again.Result != ledger.ResultFailure || again.Reason != "duplicate" {
				t.Errorf("one shot %v: %s", oneShot, again.text)
			}
		}
		if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
			t.Errorf("one shot %v: %d posts", oneShot, n)
		}
	}
}

// cutOff writes a lead of Jane's whose attempt has no end, as a kill leaves it, and starts again.
func (h *house) cutOff(oneShot bool) {
	h.t.Helper()
	p := h.ping(jane)
	h.expect(p, 200, ledger.ResultSuccess)
	ev := *last[*ledger.Pinged](h, p.PingID)
	at, id := h.node.Exchange.Now(), ev.EventID
	id[15]++
	posting := &ledger.Posting{Head: ledger.Head{Kind: ledger.KindPosting, EventID: id, Node: "n1", At: at, Schema: 1,
		Config: ev.Config, Lead: ev.Lead, Source: ev.Source, Vertical: ev.Vertical}, Attempt: id, Campaign: "b-main",
		Buyer: "b", Rank: 1, Price: 25 * dollar, Payout: 20 * dollar, MaxSold: 1, SellLimit: 1}
	group := []ledger.Event{posting}
	if oneShot {
		ev.Mode, ev.EventID[14], ev.Lead[15] = "lead", ev.EventID[14]+1, ev.Lead[15]+1
		posting.Lead = ev.Lead
		group = []ledger.Event{&ev, posting}
	} else {
		posting.Post, posting.Private.Person = &ledger.Post{ReceivedAt: at}, ev.Private.Person
	}
	if err := h.node.Ledger.Append(group...); err != nil {
		h.t.Fatal(err)
	}
	h.restart()
}

// What is sold stays known behind later leads of the same person that are not, whatever the rules were when those came.
func TestSoldLeadIsKnownBehindLaterOnesThatAreNot(t *testing.T) {
	h := build(t, "dedupe: {refuse: none}\n", nil, script("b", 25*dollar))
	h.thirdSource()
	h.restart()
	h.expect(h.lead(jane), 200, ledger.ResultSuccess)
	h.farm.Buyer("b").FailNext(buyertest.Post, buyertest.FaultSilence, 2)
	for _, seat := range []string{"Authorization: Bearer acme-key-0123456789", otherSeat} {
		h.expect(h.lead(`{"zip":"10002","phone":"212-736-5000"}`, seat), 202, ledger.ResultPending)
		h.resolve(map[string]string{"outcome": "rejected"})
	}
	h.edit("verticals/solar.yaml", "refuse: none", "scope: vertical")
	for _, file := range []string{"", "sources/acme.yaml"} { // and then its source is gone
		if file != "" {
			if err := os.Remove(filepath.Join(h.dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		h.reload("applied")
		h.duplicate(h.ping(`{"zip":"10003","phone":"212-736-5000"}`, otherSeat), "Lead previously received")
		h.restart()
		h.duplicate(h.lead(`{"zip":"10003","phone":"212-736-5000"}`, otherSeat), "Lead previously received")
	}
}
