// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"testing"
)

// Leads of this file are tests: one at a buyer's test endpoint, one simulated, one that ended with a crash.
const (
	testSent = 300 + iota
	testMadeUp
	testCut
)

// withTests adds test leads to a clean history.
func withTests(t *testing.T) *history {
	h := clean(t)
	from := len(h.events)
	for _, lead := range []int{testSent, testMadeUp, testCut} {
		h.ping(lead, 16*unit, "ping")
	}
	for i, lead := range []int{testSent, testCut} {
		h.posting(lead, 300+i, sunco)["charges"] = nil
	}
	e := h.posted(testSent, 300, sunco, "test")
	delete(e, "charges")
	h.seen(testCut, 301, sunco, true)
	sold := []ev{{"price_micros": 20 * unit, "payout_micros": 16 * unit, "reference": "test-1"}}
	for _, lead := range []int{testSent, testMadeUp} {
		h.settled(lead, OpPost, "success")["test_sales"] = sold
		h.last(lead).Price = 16 * unit
	}
	h.settled(testCut, OpPost, "failure")["reason"] = "quote_lost"
	h.last(testCut).Reason = "quote_lost"
	for _, e := range h.events[from:] {
		e["test"] = true
	}
	for i := range h.answers {
		h.answers[i].Test = slices.Contains([]string{leadN(testSent), leadN(testMadeUp), leadN(testCut)},
			h.answers[i].Lead)
	}
	return h
}

func TestTestLeadsCountNowhere(t *testing.T) {
	want, got := clean(t).judge(), withTests(t).judge()
	if !got.OK || got.Counts.Tests != 3 {
		t.Fatalf("%s, %d tests", got.Verdict(), got.Counts.Tests)
	}
	if a, b := want.Counts, got.Counts; a.Sales != b.Sales || a.Revenue != b.Revenue || a.Payout != b.Payout ||
		a.Windows != b.Windows || a.BookedOnly != b.BookedOnly {
		t.Errorf("without tests %+v\nwith tests %+v", a, b)
	}
}

func TestViolationsOfTests(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *history)
		want   []string
	}{
		{"an event without the mark", func(h *history) {
			delete(h.of("settled", testMadeUp, 0), "test")
		}, []string{RuleTestMixed, RuleAnswerUnknown}},
		{"a real lead with the mark", func(h *history) {
			h.of("settled", refusedBy, 0)["test"] = true
		}, []string{RuleTestMixed, RuleAnswerUnknown}},
		{"charged", func(h *history) {
			h.of("posting", testSent, 0)["charges"] = h.charges(sunco)
		}, []string{RuleTestCounts}},
		{"accepted", func(h *history) {
			h.of("posted", testSent, 0)["outcome"] = "accepted"
		}, []string{RuleTestCounts}},
		{"unknown", func(h *history) { h.of("posted", testSent, 0)["outcome"] = "unknown" }, []string{RuleTestCounts}},
		{"booked", func(h *history) {
			h.of("posted", testSent, 0)["price_micros"] = int64(unit)
		}, []string{RuleTestCounts}},
		{"owed", func(h *history) {
			h.of("settled", testSent, 0)["payout_micros"] = int64(unit)
		}, []string{RuleTestCounts}},
		{"a sale", func(h *history) {
			h.of("settled", testSent, 0)["sales"] = []ev{saleOf(300, sunco)}
		}, []string{RuleTestCounts}},
		{"resolved", func(h *history) {
			h.add("adjusted", testCut, ev{"adjustment": "resolved", "attempt": attemptN(301), "outcome": "accepted",
				"test": true})
		}, []string{RuleTestCounts}},
		{"success of nothing", func(h *history) {
			delete(h.of("settled", testMadeUp, 0), "test_sales")
		}, []string{RuleSettledEmpty, RuleAnswerUnknown}},
		{"pinged twice", func(h *history) {
			h.add("pinged", testCut, ev{"mode": "ping", "result": "failure", "test": true})
		}, []string{RulePingTwice, RuleAnswerFigures}},
		{"ended twice", func(h *history) {
			h.add("posted", testSent, ev{"attempt": attemptN(300), "outcome": "rejected", "test": true})
		}, []string{RuleEndedTwice}},
		{"ended without a posting", func(h *history) {
			h.add("posted", testMadeUp, ev{"attempt": attemptN(399), "outcome": "rejected", "test": true})
		}, []string{RuleNoPosting}},
		{"attempt id used twice", func(h *history) {
			h.add("posting", testSent, ev{"attempt": attemptN(300), "test": true})
		}, []string{RuleAttemptTwice}},
		{"a real lead that ends as a test", func(h *history) {
			h.of("settled", refusedBy, 0)["test_sales"] = []ev{saleOf(1, sunco)}
		}, []string{RuleTestCounts}},
		{"an answer without the mark", func(h *history) { h.last(testMadeUp).Test = false }, []string{RuleTestMixed}},
		{"an answer with other figures", func(h *history) {
			h.last(testMadeUp).Price = unit
		}, []string{RuleAnswerUnknown}},
		{"a quote with other figures", func(h *history) {
			h.answers[findAnswer(h, testMadeUp, OpPing)].Price = unit
		}, []string{RuleAnswerFigures}},
		{"a buyer saw what was simulated", func(h *history) {
			h.seen(testMadeUp, 1, moon, false)
		}, []string{RuleBookNoPosting}},
		{"a buyer saw it twice", func(h *history) { h.seen(testSent, 300, sunco, false) }, []string{RuleSentTwice}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := withTests(t)
			c.change(h)
			r := h.judge()
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Rule)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Fatalf("found %v, want %v\n%v", got, c.want, r.Findings)
			}
		})
	}
}
