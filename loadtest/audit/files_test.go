// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"testing"
)

func fileN(n int) string { return fmt.Sprintf("0193dddd-0000-7000-8000-%012d", n) }

// filed adds a lead that has waited in the queue and then for a file, and is sold when that is stored.
func (h *history) filed(lead, attempt, file int) {
	h.ping(lead, 16*unit, "ping")
	h.add("deferred", lead, ev{"said": "pending", "post": ev{"received_at": h.at}, "waits": []ev{}, "private": ev{}})
	h.posting(lead, attempt, sunco)["batch"] = true
	h.events[len(h.events)-1]["woken_at"] = h.at
	h.add("posted", lead, ev{"attempt": attemptN(attempt), "campaign": "c1", "buyer": "sunco", "outcome": "unknown",
		"charges": h.charges(sunco), "private": ev{}})
	h.row(lead, attempt, file)
	h.stands(lead, attempt, file, "storing")
	h.stands(lead, attempt, file, "stored")
	h.seen(lead, attempt, sunco, true)
	h.add("adjusted", lead, ev{"adjustment": "resolved", "why": "stored", "by": "clearpost",
		"attempt": attemptN(attempt), "campaign": "c1", "buyer": "sunco", "outcome": "accepted",
		"price_micros": sunco.price, "payout_micros": sunco.price * 4 / 5,
		"reference": fmt.Sprintf("ref-%d", attempt), "charges": h.charges(sunco)})
	h.settled(lead, OpPost, "success", saleOf(attempt, sunco))
}

func (h *history) row(lead, attempt, file int) ev {
	return h.add("adjusted", lead, ev{"adjustment": "batched", "by": "clearpost", "attempt": attemptN(attempt),
		"campaign": "c1", "buyer": "sunco", "file": ev{"id": fileN(file), "row": 1, "rows": 1}})
}

func (h *history) stands(lead, attempt, file int, state string) ev {
	return h.add("adjusted", lead, ev{"adjustment": "file", "by": "clearpost", "attempt": attemptN(attempt),
		"campaign": "c1", "buyer": "sunco", "file": ev{"id": fileN(file), "state": state}})
}

// nth is the n-th adjustment of a kind of a lead.
func (h *history) nth(lead int, adjustment string, n int) ev {
	h.t.Helper()
	for i := 0; ; i++ {
		if e := h.of("adjusted", lead, i); e["adjustment"] == adjustment {
			if n == 0 {
				return e
			}
			n--
		}
	}
}

// A row stands in one file, and a lead that has waited is delivered in one.
func TestFilesOfLeads(t *testing.T) {
	const waited, second = 301, 302
	if h := clean(t); true {
		h.filed(waited, 401, 1)
		if r := h.judge(); !r.OK || r.Counts.Files != 1 || r.Counts.Deferred != 1 {
			t.Fatalf("%s %+v", r.Verdict(), r.Counts)
		}
	}
	for name, change := range map[string]func(*history){
		"in two files":      func(h *history) { h.row(waited, 401, 2) },
		"two rows are one":  func(h *history) { h.filed(second, 402, 1) },
		"stored twice":      func(h *history) { h.stands(waited, 401, 1, "stored") },
		"undone after all":  func(h *history) { h.stands(waited, 401, 1, "undone") },
		"no file":           func(h *history) { h.stands(waited, 401, 9, "stored") },
		"no row of a file":  func(h *history) { delete(h.of("posting", waited, 0), "batch") },
		"sold by no file":   func(h *history) { h.nth(waited, "file", 1)["file"].(ev)["state"] = "waiting" },
		"a row is missing":  func(h *history) { h.nth(waited, "batched", 0)["file"].(ev)["rows"] = 2 },
		"without its place": func(h *history) { delete(h.nth(waited, "batched", 0)["file"].(ev), "row") },
	} {
		h := clean(t)
		h.filed(waited, 401, 1)
		change(h)
		if r := h.judge(); r.ByRule[RuleFile] == 0 {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

// What an undone file had may go into another one.
func TestRowsOfAnUndoneFile(t *testing.T) {
	h := clean(t)
	h.ping(301, 16*unit, "ping")
	h.posting(301, 401, sunco)["batch"] = true
	h.row(301, 401, 1)
	h.stands(301, 401, 1, "undone")
	h.row(301, 401, 2)
	h.stands(301, 401, 2, "storing")
	if r := h.judge(); r.ByRule[RuleFile] != 0 {
		t.Errorf("%v", r.Findings)
	}
}
