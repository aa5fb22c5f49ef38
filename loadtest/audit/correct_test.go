// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"testing"
)

// correction of the sale of lead "exclusive": to what it is, with the answer that follows.
func (h *history) correction(to string, more ev) ev {
	e := ev{"adjustment": "corrected", "why": "their mail", "attempt": attemptN(1), "campaign": sunco.campaign,
		"buyer": sunco.buyer, "outcome": to, "was": ev{"outcome": "accepted", "price_micros": sunco.price,
			"payout_micros": sunco.price * 4 / 5, "reference": "ref-1"},
		"charges": h.of("posting", exclusive, 0)["charges"]}
	for k, v := range more {
		e[k] = v
	}
	return h.add("adjusted", exclusive, e)
}

func (h *history) answer(result string, sales ...ev) {
	e := ev{"result": result, "payout_micros": 0, "revenue_micros": 0, "was": ev{"result": "success",
		"at": "2026-11-23T14:05:00Z"}}
	for _, s := range sales {
		e["sales"], e["payout_micros"], e["revenue_micros"] = sales, s["payout_micros"], s["price_micros"]
	}
	h.add("settled", exclusive, e)
}

func TestCorrectionsAreAudited(t *testing.T) {
	none := func(h *history) {
		h.correction("rejected", nil)
		h.answer("failure")
	}
	cheaper := saleOf(1, sunco)
	cheaper["price_micros"], cheaper["payout_micros"] = int64(7*unit), int64(9*unit)
	for _, c := range []struct {
		name   string
		change func(h *history)
		want   []string
	}{
		{"no sale in truth", none, nil},
		{"and a sale all the same", func(h *history) {
			none(h)
			h.correction("accepted", ev{"price_micros": sunco.price, "payout_micros": sunco.price * 4 / 5,
				"reference": "ref-1", "was": ev{"outcome": "rejected"}})
			h.answer("success", saleOf(1, sunco))
		}, nil},
		{"a sale in truth, of which the seller had heard that it was none", func(h *history) {
			e := h.correction("accepted", ev{"attempt": attemptN(9), "campaign": moon.campaign, "buyer": moon.buyer,
				"was": ev{"outcome": "duplicate"}, "price_micros": moon.price, "payout_micros": moon.price * 4 / 5,
				"reference": "ref-9", "charges": h.of("posting", refusedBy, 0)["charges"]})
			h.answer("success", saleOf(9, moon))
			e["lead_id"], h.events[len(h.events)-1]["lead_id"] = leadN(refusedBy), leadN(refusedBy)
		}, nil},
		{"other money", func(h *history) {
			h.correction("accepted", ev{"adjustment": "rebooked", "price_micros": 7 * unit, "payout_micros": 9 * unit,
				"reference": "ref-1", "charges": nil})
			h.answer("success", cheaper)
		}, nil},
		{"an answer that does not follow", func(h *history) { h.correction("rejected", nil) },
			[]string{RuleSaleNotSettled}},
		{"an answer that says otherwise", func(h *history) {
			h.correction("rejected", nil)
			h.answer("success", saleOf(1, sunco))
		}, []string{RuleSettledSale}},
		{"it was something else", func(h *history) {
			h.correction("rejected", ev{"was": ev{"outcome": "rejected"}})
		}, []string{RuleEndedTwice}},
		{"it had another price", func(h *history) {
			h.correction("rejected", ev{"was": ev{"outcome": "accepted", "price_micros": 1}})
			h.answer("failure")
		}, []string{RuleSettledSale}},
		{"a booking makes no sale", func(h *history) {
			h.correction("rejected", ev{"adjustment": "rebooked"})
		}, []string{RuleEndedTwice}},
		{"it tells nothing of before", func(h *history) { h.correction("rejected", ev{"was": nil}) },
			[]string{RuleNoPosting}},
		{"charges that it never had", func(h *history) {
			h.correction("rejected", ev{"charges": []ev{{"cap": "buyer:x:day", "window": "2026-11-23", "n": 1}}})
			h.answer("failure")
		}, []string{RuleChargeChanged}},
		{"nobody knows the attempt", func(h *history) { h.correction("rejected", ev{"attempt": attemptN(77)}) },
			[]string{RuleNoPosting}},
		{"a second sale of an exclusive lead", func(h *history) {
			e := h.correction("accepted", ev{"attempt": attemptN(2), "was": ev{"outcome": "rejected"},
				"price_micros": sunco.price, "payout_micros": sunco.price * 4 / 5})
			e["lead_id"] = leadN(second)
		}, []string{RuleOversold, RuleSaleNotSettled}},
		{"as told", func(h *history) {
			e := h.correction("accepted", ev{"attempt": attemptN(2), "was": ev{"outcome": "rejected"},
				"price_micros": sunco.price, "payout_micros": sunco.price * 4 / 5, "oversold": true})
			e["lead_id"] = leadN(second)
		}, []string{RuleSaleNotSettled}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := clean(t)
			c.change(h)
			rep := h.judge()
			var got []string
			for rule := range rep.ByRule {
				got = append(got, rule)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v: %+v", got, c.want, rep.Findings)
			}
		})
	}
}
