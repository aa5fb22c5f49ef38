// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"testing"
	"time"
)

// known gives attempts of a lead to moon the person's telephone and its mark under moon's rule.
func (h *history) known(lead int, phone, mark string, at time.Time) {
	h.of("pinged", lead, 0)["received_at"] = at.Format(time.RFC3339Nano)
	for n := 0; n < 2; n++ {
		if n == 1 && lead != second && lead != unsent && lead != shared {
			return
		}
		e := h.of("posting", lead, n)
		e["at"], e["post"] = at.Format(time.RFC3339Nano), ev{"received_at": at.Format(time.RFC3339Nano)}
		private := ev{"fields": ev{"phone": phone}}
		if mark != "" && e["buyer"] == "moon" {
			private["marks"] = []ev{{"rule": "buyer:moon:phone", "names": []string{mark}}}
		}
		e["private"] = private
	}
}

// barred has a lead that nobody bids for be refused by moon's rule.
func (h *history) barred(rule string, first int, at time.Time) {
	e := h.of("pinged", unwanted, 0)
	e["received_at"], e["at"] = at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano)
	e["private"] = ev{"fields": ev{"phone": "1"}}
	e["bids"] = []ev{{"campaign": "c2", "buyer": "moon", "refusal": 228, "rule": rule, "first_lead": leadN(first)}}
}

// Whoever takes nobody twice must not have had a person twice; and whom it refused it must have had.
func TestDuplicateRulesAreKept(t *testing.T) {
	h0 := clean(t)
	at := h0.at.Add(-time.Hour)
	hour := []Unique{{Rule: "buyer:moon:phone", Who: "buyer:moon", Fields: []string{"phone"}, Window: time.Hour}}
	posted := []Unique{hour[0]}
	posted[0].Posted = true
	parent := []Unique{{Rule: "parent:big:phone", Who: "parent:big", Buyers: []string{"sunco", "moon"},
		Fields: []string{"phone"}, Window: time.Hour}}
	for _, c := range []struct {
		name string
		tell func(h *history)
		own  []Unique
		want string
	}{
		{"two persons", func(h *history) {
			h.known(second, "1", "m1", at)
			h.known(oneShot, "2", "m2", at.Add(time.Minute))
		}, nil, ""},
		{"one twice", func(h *history) {
			h.known(second, "1", "m1", at)
			h.known(oneShot, "1", "m1", at.Add(time.Minute))
		}, nil, RuleTakenTwice},
		{"one twice, by the mark alone", func(h *history) {
			h.known(second, "", "m1", at)
			h.known(oneShot, "", "m1", at.Add(time.Minute))
		}, nil, RuleTakenTwice},
		{"one twice, after the rule's time", func(h *history) {
			h.known(second, "1", "m1", at)
			h.known(oneShot, "1", "m1", at.Add(time.Hour))
		}, nil, ""},
		{"after one that was refused", func(h *history) {
			h.known(refusedBy, "1", "m1", at)
			h.again(at.Add(time.Minute), "m1")
		}, nil, ""},
		{"after one that was refused, where those count", func(h *history) {
			h.known(refusedBy, "1", "m1", at)
			h.again(at.Add(time.Minute), "m1")
		}, posted, RuleTakenTwice},
		{"after one that was refused, and is a sale by a correction", func(h *history) {
			h.known(refusedBy, "1", "m1", at)
			h.saleAfterAll(refusedBy, 9, at.Add(time.Second))
			for n := range lookEvents { // long ago, by events
				delete(h.add("adjusted", 0, ev{"adjustment": "paused", "subject": fmt.Sprint("buyer:b", n)}), "lead_id")
			}
			h.again(at.Add(time.Minute), "m1")
		}, nil, RuleTakenTwice},
		{"after one that is a sale by a correction of that moment", func(h *history) {
			h.known(refusedBy, "1", "m1", at)
			h.saleAfterAll(refusedBy, 9, at.Add(time.Minute-time.Millisecond))
			h.again(at.Add(time.Minute), "m1")
		}, nil, ""},
		{"without its mark", func(h *history) { h.known(second, "1", "", at) }, nil, RuleMarkMissing},
		{"one person, two marks", func(h *history) {
			h.known(second, "1", "m1", at)
			h.known(oneShot, "1", "m2", at.Add(2*time.Hour))
		}, nil, RuleMarkMissing},
		{"two persons, one mark", func(h *history) {
			h.known(second, "1", "m1", at)
			h.known(oneShot, "2", "m1", at.Add(2*time.Hour))
		}, nil, RuleMarkMissing},
		{"a rule of parents", func(h *history) {
			h.known(exclusive, "1", "", at)
			h.known(oneShot, "1", "", at.Add(time.Minute))
		}, parent, RuleTakenTwice},
		{"sold by another system", func(h *history) {
			e := h.add("adjusted", 0, ev{"adjustment": "imported", "subject": "rule:buyer:moon:phone",
				"sold_at": at.Add(-time.Minute).Format(time.RFC3339Nano),
				"private": ev{"marks": []ev{{"rule": "buyer:moon:phone", "names": []string{"m1"}}}}})
			delete(e, "lead_id")
			e["at"] = at.Add(-time.Second).Format(time.RFC3339Nano)
			n := len(h.events) - 1
			h.events = append([]ev{h.events[n]}, h.events[:n]...)
			h.known(unsent, "1", "m1", at)
		}, nil, RuleTakenTwice},
		{"refused rightly", func(h *history) {
			h.known(second, "1", "m1", at)
			h.barred("buyer:moon:phone", second, at.Add(time.Minute))
		}, nil, ""},
		{"refused after the rule's time", func(h *history) {
			h.known(second, "1", "m1", at)
			h.barred("buyer:moon:phone", second, at.Add(time.Hour+time.Minute))
		}, nil, RuleNoDuplicate},
		{"refused for another person", func(h *history) {
			h.known(second, "2", "m1", at)
			h.barred("buyer:moon:phone", second, at.Add(time.Minute))
		}, nil, RuleNoDuplicate},
		{"refused for one that never was there", func(h *history) {
			h.barred("buyer:moon:phone", 99, at.Add(time.Minute))
		}, nil, RuleNoDuplicate},
		{"refused by a rule that there is not", func(h *history) {
			h.known(second, "1", "m1", at)
			h.barred("buyer:moon:zip", second, at.Add(time.Minute))
		}, nil, RuleNoDuplicate},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := clean(t)
			if h.uniques = c.own; h.uniques == nil {
				h.uniques = hour
			}
			c.tell(h)
			r := h.judge()
			n := r.ByRule[c.want]
			if c.want == "" && r.ByRule[RuleTakenTwice]+r.ByRule[RuleMarkMissing]+r.ByRule[RuleNoDuplicate] > 0 ||
				c.want != "" && n == 0 {
				t.Errorf("want %q: %s", c.want, r.Verdict())
			}
		})
	}
}

// saleAfterAll corrects an attempt to moon that was refused.
func (h *history) saleAfterAll(lead, attempt int, at time.Time) {
	e := h.add("adjusted", lead, ev{"adjustment": "corrected", "attempt": attemptN(attempt), "campaign": "c2",
		"buyer": "moon", "outcome": "accepted", "price_micros": moon.price, "payout_micros": moon.price * 4 / 5,
		"reference": "ref-9", "was": ev{"outcome": "rejected"}, "charges": h.of("posting", lead, 0)["charges"]})
	e["at"] = at.Format(time.RFC3339Nano)
	h.settled(lead, OpPost, "success", saleOf(attempt, moon))
}

// again has moon accept another lead of a person.
func (h *history) again(at time.Time, mark string) {
	const lead, attempt = 21, 30
	h.ping(lead, 16*unit, "ping")
	e := h.posting(lead, attempt, moon)
	h.posted(lead, attempt, moon, "accepted")
	h.settled(lead, OpPost, "success", saleOf(attempt, moon))
	e["at"], e["post"] = at.Format(time.RFC3339Nano), ev{"received_at": at.Format(time.RFC3339Nano)}
	e["private"] = ev{"marks": []ev{{"rule": "buyer:moon:phone", "names": []string{mark}}}}
}

// Where nothing is under way beside a ping, what a cap has refused was full; and a parent's cap is one of its buyers.
func TestWhatCapsRefuseWasFull(t *testing.T) {
	parent := func(h *history, buyers ...string) {
		h.caps = append(h.caps, Cap{Who: "parent:big", Per: "total", Max: 100, Buyers: buyers})
	}
	refuse := func(h *history) {
		e := h.add("pinged", 40, ev{"result": "failure", "source": "s1", "vertical": "solar", "private": ev{}})
		e["bids"] = []ev{{"campaign": "c2", "buyer": "moon", "refusal": capReached}}
	}
	for _, c := range []struct {
		name string
		tell func(h *history)
		want string
	}{
		{"full", func(h *history) {
			for i := range h.caps {
				if h.caps[i].Who == "buyer:moon" && h.caps[i].Per == "total" {
					h.caps[i].Max = 4 // so many are sold
				}
			}
			refuse(h)
		}, ""},
		{"not full", refuse, RuleNotFull},
		{"the source's", func(h *history) {
			h.add("pinged", 40, ev{"result": "failure", "source": "s1", "private": ev{}})["refusal"] = sourceFull
		}, RuleNotFull},
		{"a parent's cap that was not charged", func(h *history) { parent(h, "moon") }, RuleChargeMissing},
		{"of a parent without these buyers", func(h *history) { parent(h, "star") }, ""},
		{"charged to a parent of others", func(h *history) {
			parent(h, "star")
			for _, kind := range []string{"posting", "posted"} {
				e := h.of(kind, oneShot, 0)
				e["charges"] = append(e["charges"].([]ev), ev{"cap": "parent:big:total", "window": "total", "n": 1})
			}
		}, RuleChargeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := clean(t)
			h.alone = true
			c.tell(h)
			if r := h.judge(); r.OK != (c.want == "") || c.want != "" && r.ByRule[c.want] == 0 {
				t.Errorf("want %q: %s", c.want, r.Verdict())
			}
		})
	}
}

// What nobody has found out counts as its campaign says, and not before.
func TestWhatCountsAsItsCampaignSays(t *testing.T) {
	for name, c := range map[string]struct {
		as    string
		after time.Duration
		want  string
	}{
		"as it says":        {"accepted", 0, ""},
		"otherwise":         {"rejected", 0, RuleAssumed},
		"too early":         {"accepted", time.Hour, RuleAssumed},
		"nothing of a kind": {"", 0, RuleAssumed},
	} {
		t.Run(name, func(t *testing.T) {
			h := clean(t)
			e := h.of("adjusted", resolved, 0)
			e["by"], e["why"] = "clearpost", "nobody has found out within 1 hours: the campaign has it count as it says"
			h.booked(resolved, 0).Accepted = false // nobody knows
			h.configs = map[string]*Config{"": {Campaigns: map[string]Terms{}, Caps: map[string]int64{}}}
			h.configs[""].Campaigns["c1"] = Terms{CountsAs: c.as, CountsAfter: c.after}
			r := h.judge()
			if r.ByRule[RuleAssumed] > 0 != (c.want != "") || r.ByRule[RuleNotInBook] > 0 || r.Counts.Assumed != 1 {
				t.Errorf("want %q: %s", c.want, r.Verdict())
			}
		})
	}
}
