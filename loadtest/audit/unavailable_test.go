// SPDX-License-Identifier: Apache-2.0

package audit

import "testing"

// A call that heard nothing but 503 has sold nothing and sent nothing.
func TestUnavailableMeansThatNothingWasSold(t *testing.T) {
	call := func(h *history, op, key string, status int) {
		h.answers = append(h.answers, Answer{Source: "s1", Op: op, Status: status, Key: key})
	}
	post := func(h *history, kind string, lead, n int, key string) {
		e := h.of(kind, lead, n)
		e["source"] = "s1"
		e["post"] = ev{"received_at": e["at"], "idempotency_key": key}
	}
	for _, c := range []struct {
		name  string
		tell  func(h *history)
		want  int
		calls int // that heard nothing but 503
	}{
		{"a sale under the call", func(h *history) {
			post(h, "posting", exclusive, 0, "k")
			call(h, OpPost, "k", 503)
		}, 2, 1}, // it is sold, and was sent
		{"a sale of a whole lead", func(h *history) {
			e := h.of("pinged", oneShot, 0)
			e["source"], e["idempotency_key"] = "s1", "k"
			delete(h.of("posting", oneShot, 0), "post")
			call(h, OpLead, "k", 503)
		}, 2, 1},
		{"the second attempt of the call", func(h *history) {
			post(h, "posting", second, 0, "k")
			delete(h.of("posting", second, 1), "post")
			call(h, OpPost, "k", 503)
		}, 3, 1}, // one was refused
		{"a call that was heard otherwise, too", func(h *history) {
			post(h, "posting", exclusive, 0, "k")
			call(h, OpPost, "k", 503)
			call(h, OpPost, "k", 200)
		}, 0, 0},
		{"a call that nobody heard, too", func(h *history) {
			post(h, "posting", exclusive, 0, "k")
			call(h, OpPost, "k", 0)
			call(h, OpPost, "k", 503)
		}, 0, 0},
		{"a call that heard that nobody can tell", func(h *history) {
			post(h, "posting", exclusive, 0, "k")
			h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 503, Key: "k", Unsure: true})
		}, 0, 0},
		{"a sale under a later call", func(h *history) {
			post(h, "posting", unsent, 0, "k")
			post(h, "posting", unsent, 1, "later")
			call(h, OpPost, "k", 503)
			call(h, OpPost, "later", 200)
		}, 0, 1},
		{"a sale after the call's attempt was found never to have been sent", func(h *history) {
			post(h, "posting", unsent, 0, "k")
			h.of("posted", unsent, 0)["refusal"] = notBegun
			delete(h.of("posting", unsent, 1), "post")
			call(h, OpPost, "k", 503)
		}, 0, 1},
		{"another source's key", func(h *history) {
			post(h, "posting", exclusive, 0, "k")
			h.of("posting", exclusive, 0)["source"] = "s2"
			call(h, OpPost, "k", 503)
		}, 0, 1},
	} {
		h := clean(t)
		h.every = true
		c.tell(h)
		if r := h.judge(); r.ByRule[RuleUnavailableSold] != c.want || r.Counts.Unavailable != c.calls {
			t.Errorf("%s: %d findings and %d such calls, want %d and %d: %v", c.name, r.ByRule[RuleUnavailableSold],
				r.Counts.Unavailable, c.want, c.calls, r.Findings)
		}
	}
	h := clean(t)
	post(h, "posting", exclusive, 0, "k")
	call(h, OpPost, "k", 503)
	if r := h.judge(); r.ByRule[RuleUnavailableSold] != 0 {
		t.Error("judged although not all calls are among the answers")
	}
}

// What a ping has counted is counted here too.
func TestCapsOnPingsArePassedByPings(t *testing.T) {
	for most, want := range map[int64]int{3: 0, 2: 1} {
		h := clean(t)
		h.caps = append(h.caps, Cap{Who: "campaign:c1", Key: "campaign:c1:pings:day", Of: "pings", Per: "day",
			Max: most})
		for _, lead := range []int{exclusive, second, shared} {
			h.of("pinged", lead, 0)["charges"] = []ev{{"cap": "campaign:c1:pings:day", "window": "2026-11-23", "n": 1,
				"of": "pings"}}
		}
		r := h.judge()
		if r.ByRule[RuleCapPassed] != want || r.ByRule[RuleChargeUnknown]+r.ByRule[RuleChargeWindow] != 0 {
			t.Errorf("three under a cap of %d: %v", most, r.ByRule)
		}
	}
	h := clean(t)
	h.of("pinged", exclusive, 0)["charges"] = []ev{{"cap": "campaign:c1:day", "window": "2026-11-23", "n": 1}}
	if r := h.judge(); r.ByRule[RuleChargeUnknown] != 1 {
		t.Errorf("a ping that counts as a sale: %v", r.ByRule)
	}
}
