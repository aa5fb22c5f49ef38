// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"maps"
	"testing"
)

// states adds a statement of a buyer, after change has made it another one than it has to be.
func (h *history) states(buyer string, n int, opening, sales int64, change ev) {
	s := ev{"number": fmt.Sprintf("INV-%04d", n), "series": "INV-", "n": n, "month": fmt.Sprintf("2026-%02d", n),
		"up_to_seq": 10 * n, "opening_micros": opening, "sales_micros": sales, "closing_micros": opening + sales}
	if n > 1 {
		s["before"] = fmt.Sprintf("INV-%04d", n-1)
	}
	maps.Copy(s, change)
	delete(h.add("adjusted", 0, ev{"adjustment": "stated", "subject": "statement:buyer:" + buyer, "currency": "USD",
		"statement": s, "why": "month"}), "lead_id")
}

func TestStatementsAreAudited(t *testing.T) {
	for name, change := range map[string]ev{
		"": {}, "a number is left out": {"n": 4}, "a number twice": {"n": 2},
		"another opening": {"opening_micros": 6 * unit, "closing_micros": 9 * unit},
		"another sum":     {"closing_micros": 9 * unit}, "another one before": {"before": "INV-0001"},
		"an earlier month": {"month": "2026-01"}, "less than the one before": {"up_to_seq": 3},
	} {
		h := clean(t)
		h.states("sunco", 1, 0, 5*unit, nil)
		h.states("sunco", 2, 5*unit, 2*unit, nil)
		h.states("sunco", 3, 7*unit, 3*unit, change)
		r := h.judge()
		if name == "" && !r.OK || name != "" && (len(r.ByRule) != 1 || r.ByRule[RuleStatement] != 1) {
			t.Errorf("%s: %v, %s", name, r.ByRule, r.Verdict())
		}
	}
	h := clean(t)
	h.states("sunco", 41, 9*unit, 2*unit, nil) // those before were dropped with age
	if r := h.judge(); !r.OK {
		t.Error(r.Verdict())
	}
}
