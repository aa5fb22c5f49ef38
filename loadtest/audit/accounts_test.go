// SPDX-License-Identifier: Apache-2.0

package audit

import "testing"

// pays adds a payment of a buyer.
func (h *history) pays(buyer, ref string, amount int64, more ev) {
	e := ev{"adjustment": "deposited", "subject": "buyer:" + buyer, "buyer": buyer, "ref": ref, "price_micros": amount,
		"why": "wire"}
	for k, v := range more {
		e[k] = v
	}
	delete(h.add("adjusted", 0, e), "lead_id")
}

// paidOut adds a payout to a source.
func (h *history) paidOut(source, ref string, amount int64, more ev) {
	e := ev{"adjustment": "paid_out", "subject": "source:" + source, "source": source, "ref": ref,
		"payout_micros": amount, "currency": "USD", "why": "wire"}
	for k, v := range more {
		e[k] = v
	}
	delete(h.add("adjusted", 0, e), "lead_id")
}

// What each buyer owes is what it has bought, less what came back and what it has paid.
func TestAccountsAreAddedUp(t *testing.T) {
	h := clean(t)
	h.pays("sunco", "w1", 50*unit, nil)
	h.pays("sunco", "w2", -5*unit, nil)
	h.pays("moon", "w1", 100*unit, ev{"charges": []ev{{"cap": "buyer:moon:balance", "window": "total", "n": -100 * unit,
		"of": "spend"}}})
	h.paidOut("acme", "w1", 30*unit, nil)
	h.paidOut("acme", "w2", -4*unit, nil)
	h.add("adjusted", exclusive, ev{"adjustment": "returned", "attempt": attemptN(1), "campaign": "c1",
		"buyer": "sunco", "why": "bad", "return": ev{"reason": "bad", "credit_micros": 20 * unit,
			"credit_ppm": 1_000_000, "clawback_micros": 8 * unit, "clawback_ppm": 500_000, "decided": "rule",
			"sale_at": "2026-11-23T14:05:00Z"}})
	r := h.judge()
	if !r.OK {
		t.Error(r.Verdict())
	}
	for name, want := range map[string]Account{
		"buyer:sunco": {Sold: 74 * unit, Back: 20 * unit, Paid: 45 * unit, Stands: 9 * unit},
		"buyer:moon":  {Sold: 70 * unit, Paid: 100 * unit, Stands: -30 * unit},
		"source:acme": {Paid: 26 * unit, Stands: -26 * unit}, // its leads are another's
	} {
		if got := r.Accounts[name]; got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if c := r.Counts; c.Payouts != 2 || c.PaidOut != 26*unit {
		t.Errorf("%+v", c)
	}
	if c := r.Counts; c.Payments != 3 || c.Paid != 145*unit || c.Returns != 1 || c.Credits != 20*unit {
		t.Errorf("%+v", c)
	}
}

func TestPaymentsAreAudited(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *history)
		rule   string
	}{
		{"of nobody", func(h *history) { h.pays("", "w1", 5*unit, nil) }, RulePayment},
		{"of nothing", func(h *history) { h.pays("sunco", "w1", 0, nil) }, RulePayment},
		{"twice", func(h *history) {
			h.pays("sunco", "w1", 5*unit, nil)
			h.pays("sunco", "w1", 5*unit, nil)
		}, RulePayment},
		{"under a ref that another buyer has", func(h *history) {
			h.pays("sunco", "w1", 5*unit, nil)
			h.pays("moon", "w1", 5*unit, nil)
		}, ""},
		{"out twice", func(h *history) {
			h.paidOut("acme", "w1", 5*unit, nil)
			h.paidOut("acme", "w1", 5*unit, nil)
		}, RulePayment},
		{"out and in under one ref", func(h *history) {
			h.paidOut("acme", "w1", 5*unit, nil)
			h.pays("acme", "w1", 5*unit, nil)
		}, ""},
		{"out, of nothing", func(h *history) { h.paidOut("acme", "w1", 0, nil) }, RulePayment},
		{"out, to nobody", func(h *history) { h.paidOut("", "w1", 5*unit, nil) }, RulePayment},
		{"out, of another subject", func(h *history) { h.paidOut("acme", "w1", 5*unit, ev{"subject": "source:b"}) },
			RulePayment},
		{"out, with a count", func(h *history) {
			h.paidOut("acme", "w1", 5*unit, ev{"charges": []ev{{"cap": "buyer:sunco:balance", "window": "total",
				"n": 5 * unit, "of": "spend"}}})
		}, RulePayment},
		{"and the balance gets more", func(h *history) {
			h.pays("sunco", "w1", 5*unit, ev{"charges": []ev{{"cap": "buyer:sunco:balance", "window": "total",
				"n": -6 * unit, "of": "spend"}}})
		}, RuleChargeUnknown},
	} {
		h := clean(t)
		c.change(h)
		r := h.judge()
		if c.rule == "" && !r.OK || c.rule != "" && (len(r.ByRule) != 1 || r.ByRule[c.rule] != 1) {
			t.Errorf("%s: %v, %s", c.name, r.ByRule, r.Verdict())
		}
	}
}
