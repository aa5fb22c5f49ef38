// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"maps"
	"testing"
	"time"
)

// payerIs has a buyer pay so from now on, by an event that change makes another one than it has to be.
func (h *history) payerIs(buyer, was, is string, change ev) {
	s := ev{"is": is, "was": was, "day": "2026-11-23", "overdue_micros": 5 * unit, "owes_micros": 9 * unit,
		"up_to_seq": 3}
	maps.Copy(s, change)
	delete(h.add("adjusted", 0, ev{"adjustment": "standing", "subject": "buyer:" + buyer, "buyer": buyer,
		"standing": s, "why": "late"}), "lead_id")
}

// asks is a ping of which a buyer has a bid.
func (h *history) asks(lead int, buyer string, bid ev) {
	bid["buyer"], bid["campaign"] = buyer, "c1"
	h.ping(lead, 0, "ping")
	h.events[len(h.events)-1]["bids"] = []ev{bid}
}

func TestHowBuyersPayIsAudited(t *testing.T) {
	late := func(h *history) { h.at = h.at.Add(time.Minute) }
	tm := soldTerms{"sunco", "c1", 20 * unit, 1, 1}
	for _, c := range []struct {
		name   string
		change func(h *history)
		wrong  int
	}{
		{"stopped, and refused", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.asks(91, "sunco", ev{"refusal": 234})
		}, 0},
		{"stopped, and a lead waits for it", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.asks(91, "sunco", ev{"held": 234, "price_micros": 5 * unit, "slow_payer": true})
		}, 0},
		{"stopped, and asked", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.asks(91, "sunco", ev{"refusal": 102})
		}, 1},
		{"stopped just now, and asked", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			h.asks(91, "sunco", ev{"refusal": 102})
		}, 0},
		{"stopped, and another one is asked", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.asks(91, "moon", ev{"refusal": 102})
		}, 0},
		{"stopped, and sent a lead", func(h *history) {
			h.ping(91, 16*unit, "ping")
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.posting(91, 91, tm)
		}, 1},
		{"stopped, and paid meanwhile", func(h *history) {
			h.ping(91, 16*unit, "ping")
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.payerIs("sunco", "stopped", "good", ev{"overdue_micros": 0})
			late(h)
			h.posting(91, 91, tm)
		}, 0},
		{"good, and refused", func(h *history) {
			h.payerIs("sunco", "good", "slow", nil)
			h.payerIs("sunco", "slow", "good", ev{"overdue_micros": 0})
			late(h)
			h.asks(91, "sunco", ev{"refusal": 234})
		}, 1},
		{"slow, and not told as such", func(h *history) {
			h.payerIs("sunco", "good", "slow", nil)
			late(h)
			h.asks(91, "sunco", ev{"price_micros": 5 * unit})
		}, 1},
		{"slow, and told", func(h *history) {
			h.payerIs("sunco", "good", "slow", nil)
			late(h)
			h.asks(91, "sunco", ev{"price_micros": 5 * unit, "slow_payer": true})
		}, 0},
		{"overdue only, and told as slow", func(h *history) {
			h.payerIs("sunco", "good", "overdue", nil)
			late(h)
			h.asks(91, "sunco", ev{"price_micros": 5 * unit, "slow_payer": true})
		}, 1},
		{"of another configuration", func(h *history) {
			h.payerIs("sunco", "good", "stopped", nil)
			late(h)
			h.asks(91, "sunco", ev{"refusal": 102})
			h.events[len(h.events)-1]["config"] = "next"
		}, 0},
		{"after what was not", func(h *history) { h.payerIs("sunco", "slow", "stopped", nil) }, 1},
		{"as before", func(h *history) { h.payerIs("sunco", "good", "good", nil) }, 1},
		{"for nothing", func(h *history) { h.payerIs("sunco", "good", "slow", ev{"overdue_micros": 0}) }, 1},
		{"for more than it owes", func(h *history) {
			h.payerIs("sunco", "good", "slow", ev{"overdue_micros": 10 * unit})
		}, 1},
		{"by events that are not there", func(h *history) {
			h.payerIs("sunco", "good", "slow", ev{"up_to_seq": 9999})
		}, 1},
	} {
		h := clean(t)
		c.change(h)
		if r := h.judge(); r.ByRule[RuleStanding] != c.wrong {
			t.Errorf("%s: %v, %s", c.name, r.ByRule, r.Verdict())
		}
	}
}
