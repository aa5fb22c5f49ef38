// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"testing"
	"time"
)

// The leads of a chain: one that is refused, what it was resubmitted as, and that one again.
const anewFirst, anewSecond, anewThird = 101, 102, 103

// anew adds a resubmission of a lead as another one, and its sale or refusal.
func (h *history) anew(old, lead, attempt, hop int, outcome string) {
	link := func(other int) ev {
		return ev{"lead_id": leadN(other), "first_lead": leadN(anewFirst), "hop": hop,
			"received_at": h.at.Format(time.RFC3339Nano)}
	}
	h.add("adjusted", old, ev{"adjustment": "resubmitted", "why": "mended", "resubmission": link(lead)})
	h.ping(lead, 16*unit, "lead")
	h.events[len(h.events)-1]["resubmits"] = link(old)
	h.posting(lead, attempt, moon)
	h.posted(lead, attempt, moon, outcome)
	if outcome == "accepted" {
		h.settled(lead, OpLead, "success", saleOf(attempt, moon))
	} else {
		h.settled(lead, OpLead, "failure")
	}
	h.answers = h.answers[:len(h.answers)-1] // nobody has sent it
}

func resubmitted(t *testing.T) *history {
	h := clean(t)
	h.ping(anewFirst, 16*unit, "ping")
	h.posting(anewFirst, 201, moon)
	h.posted(anewFirst, 201, moon, "rejected")
	h.settled(anewFirst, OpPost, "failure")
	h.anew(anewFirst, anewSecond, 202, 1, "rejected")
	h.anew(anewSecond, anewThird, 203, 2, "accepted")
	return h
}

func TestResubmissions(t *testing.T) {
	if r := resubmitted(t).judge(); !r.OK || r.Counts.Resubmitted != 2 {
		t.Fatalf("%s: %+v", r.Verdict(), r.Counts)
	}
	for name, change := range map[string]func(*history){
		"the new lead does not say so": func(h *history) { delete(h.of("pinged", anewSecond, 0), "resubmits") },
		"the old lead does not say so": func(h *history) { h.drop("adjusted", anewFirst, 0) },
		"it names another":             func(h *history) { h.link(anewFirst)["lead_id"] = leadN(anewThird) },
		"the new lead never came": func(h *history) {
			h.add("adjusted", refusedBy, ev{"adjustment": "resubmitted", "resubmission": ev{"lead_id": leadN(109),
				"hop": 1}})
		},
		"sold before":      func(h *history) { h.anew(exclusive, 104, 204, 1, "rejected") },
		"not known":        func(h *history) { h.anew(lost, 104, 204, 1, "rejected") },
		"twice":            func(h *history) { h.anew(anewFirst, 104, 204, 1, "rejected") },
		"a hop is missing": func(h *history) { h.link(anewSecond)["hop"] = 1 },
		"a ping": func(h *history) {
			h.of("pinged", anewSecond, 0)["mode"] = "ping"
		},
	} {
		h := resubmitted(t)
		change(h)
		if r := h.judge(); r.OK || r.ByRule[RuleResubmitted] == 0 {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

// link is what a lead's adjustment says of its resubmission.
func (h *history) link(lead int) ev { return h.of("adjusted", lead, 0)["resubmission"].(ev) }

// A person that was sold meanwhile counts from when it came, and the resubmitted lead from when the first of its chain
// did: it may be sold once the other is old enough.
func TestRepeatsOfAResubmittedLead(t *testing.T) {
	for minutes, ok := range map[int]bool{40: false, 70: true} {
		h := clean(t)
		h.repeats = []Repeat{{Source: "s1", Vertical: "v", Key: []string{"phone"}, Window: time.Hour}}
		who := ev{"source": "s1", "vertical": "v", "fields": ev{"phone": "1"}}
		named := func(lead int) {
			e := h.of("pinged", lead, 0)
			for k, v := range who {
				e[k] = v
			}
			e["received_at"] = e["at"]
		}
		came := h.at
		h.ping(anewFirst, 16*unit, "ping")
		named(anewFirst)
		h.posting(anewFirst, 201, moon)
		h.posted(anewFirst, 201, moon, "rejected")
		h.settled(anewFirst, OpPost, "failure")
		h.at = h.at.Add(30 * time.Minute)
		h.ping(104, 16*unit, "lead")
		named(104)
		h.posting(104, 204, moon)
		h.posted(104, 204, moon, "accepted")
		h.settled(104, OpLead, "success", saleOf(204, moon))
		h.at = h.at.Add(time.Duration(minutes) * time.Minute)
		h.anew(anewFirst, anewSecond, 202, 1, "accepted")
		named(anewSecond)
		h.of("pinged", anewSecond, 0)["resubmits"].(ev)["received_at"] = came.Format(time.RFC3339Nano)
		for _, e := range h.events { // one-shot leads have no post
			if e["kind"] == "posting" && slices.Contains([]any{leadN(104), leadN(anewSecond)}, e["lead_id"]) {
				delete(e, "post")
			}
		}
		if r := h.judge(); r.OK != ok || !ok && r.ByRule[RuleSoldAgain] != 1 {
			t.Errorf("%d minutes later: %s", minutes, r.Verdict())
		}
	}
}
