// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"maps"
	"testing"
	"time"
)

// covers are the words of a statement of sunco's sales up to the events of now.
func (h *history) covers(change ev) ev {
	until := h.at.Add(time.Second).Format(time.RFC3339Nano)
	s := ev{"up_to_seq": h.n, "until": until, "lines": 4, "after_time": h.at.Add(-time.Hour).Format(time.RFC3339Nano),
		"after_seq": h.n}
	maps.Copy(s, change)
	return s
}

// Where all events are there a statement is held to what the events that it covers come to, in its currency.
func TestStatementsAreHeldToTheEventsTheyCover(t *testing.T) {
	euro := func(h *history) {
		for _, e := range h.events {
			if e["kind"] == "pinged" && e["lead_id"] == leadN(exclusive) {
				e["currency"] = "EUR"
			}
		}
	}
	for name, c := range map[string]struct {
		sales  int64
		change ev
		edit   func(*history)
	}{
		"":                          {74 * unit, nil, nil},
		"a sum that nothing books":  {73 * unit, nil, nil},
		"a line too many":           {74 * unit, ev{"lines": 3}, nil},
		"up to before the sales":    {74 * unit, ev{"up_to_seq": 1}, nil},
		"of a time before":          {74 * unit, ev{"until": "2026-01-01T00:00:00Z"}, nil},
		"events that come after it": {74 * unit, ev{"up_to_seq": 1000}, nil},
		"sales of another currency": {74 * unit, nil, euro},
	} {
		h := clean(t)
		h.whole = true
		for _, e := range h.events {
			if e["kind"] == "pinged" {
				e["currency"] = "USD"
			}
		}
		if c.edit != nil {
			c.edit(h)
		}
		h.states("sunco", 1, 0, c.sales, h.covers(c.change))
		r := h.judge()
		if name == "" && !r.OK || name != "" && (len(r.ByRule) != 1 || r.ByRule[RuleStatement] != 1) {
			t.Errorf("%s: %v, %s", name, r.ByRule, r.Verdict())
		}
	}
}

// What a buyer's own buyer has told lies between the sale and the last day, and stands for one lead.
func TestRefundChainsAreAudited(t *testing.T) {
	type told struct{ reference, date, until string }
	good := told{"K-1", "2026-11-24", "2026-11-26"}
	for name, c := range map[string]struct {
		first, second told
		denied, bad   bool
	}{
		"two references":   {first: good, second: told{"K-2", "2026-11-23", "2026-11-26"}},
		"one twice":        {first: good, second: good, bad: true},
		"after a denial":   {first: good, second: good, denied: true},
		"before the sale":  {first: good, second: told{"K-2", "2026-11-20", "2026-11-26"}, bad: true},
		"too late":         {first: good, second: told{"K-2", "2026-11-27", "2026-11-26"}, bad: true},
		"not come yet":     {first: good, second: told{"K-2", "2026-12-20", "2026-12-26"}, bad: true},
		"no date":          {first: good, second: told{"K-2", "?", "2026-11-26"}, bad: true},
		"no reference":     {first: good, second: told{"", "2026-11-24", "2026-11-26"}, bad: true},
		"a person decides": {first: good, second: told{"K-1", "2020-01-01", ""}},
	} {
		h := clean(t)
		h.at = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
		gives := func(sold, attempt int, kind string, of told) {
			h.add("adjusted", sold, ev{"adjustment": kind, "attempt": attemptN(attempt), "campaign": "c2",
				"buyer": "moon", "why": "bad", "return": ev{"reason": "bad",
					"credit_ppm": 1_000_000, "sale_at": "2026-11-23T14:05:00Z",
					"chain": ev{"reference": of.reference, "date": of.date, "until": of.until}}})
		}
		if gives(second, 3, "return_asked", c.first); c.denied {
			gives(second, 3, "return_denied", c.first)
		}
		gives(oneShot, 8, "return_asked", c.second)
		r := h.judge()
		if !c.bad && !r.OK || c.bad && (len(r.ByRule) != 1 || r.ByRule[RuleReturn] != 1) {
			t.Errorf("%s: %v, %s", name, r.ByRule, r.Verdict())
		}
	}
}
