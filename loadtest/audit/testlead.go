// SPDX-License-Identifier: Apache-2.0

package audit

import "slices"

// testTrip is what is kept of a test lead. It is judged apart from all others, since nothing of it may count.
type testTrip struct {
	postings int
	ended    map[id]bool // by attempt, true once it has ended
	answers  []testAnswer
}

type testAnswer struct {
	result, reason string
	payout         int64
}

// mixed notes which leads are tests, and tells whether the event says otherwise than its lead's ping.
func (a *auditor) mixed(e *event) bool {
	l := a.leads[e.Lead]
	if e.Kind == "pinged" && !l.pinged {
		l.test = e.Test
		a.leads[e.Lead] = l
	}
	if l.test != e.Test {
		a.found(RuleTestMixed, e.Lead, "event %s of kind %q is marked otherwise than the lead's ping", e.EventID,
			e.Kind)
		return true
	}
	return false
}

// testEvent takes an event of a test lead.
func (a *auditor) testEvent(e *event) {
	l := a.leads[e.Lead]
	t := a.tests[e.Lead]
	if t == nil {
		t = &testTrip{ended: map[id]bool{}}
		a.tests[e.Lead] = t
	}
	bad := func(what string) {
		a.found(RuleTestCounts, e.Lead, "event %s of kind %q of a test has %s", e.EventID, e.Kind, what)
	}
	if len(e.Charges) > 0 {
		bad("charges")
	}
	if len(e.Sales) > 0 || e.Revenue != 0 {
		bad("sales")
	}
	if e.Kind == "pinged" {
		if l.pinged {
			a.found(RulePingTwice, e.Lead, "pinged twice, the second time by event %s", e.EventID)
		}
		l.pinged, l.oneShot, l.quoted, l.quote, l.expiresAt = true, e.oneShot, e.Result == "success", e.Price,
			e.expiresAt
		a.leads[e.Lead] = l
		a.report.Counts.Tests++
		return
	}
	if !l.pinged {
		a.found(RuleNoPing, e.Lead, "event %s of kind %q of a lead that was never pinged", e.EventID, e.Kind)
	}
	switch e.Kind {
	case "posting":
		if _, twice := t.ended[e.Attempt]; twice {
			a.found(RuleAttemptTwice, e.Lead, "attempt %s has no id of its own", e.Attempt)
		}
		t.postings++
		t.ended[e.Attempt] = false
	case "posted":
		a.testEnded(e, t, bad)
	case "settled":
		if e.Payout != 0 {
			bad("a payout")
		}
		s := testAnswer{result: e.Result, reason: e.Reason}
		for _, x := range e.TestSales {
			s.payout += x.Payout
		}
		if (e.Result == "success") != (len(e.TestSales) > 0) {
			a.found(RuleSettledEmpty, e.Lead, "a test was settled as %s with %d sales", e.Result, len(e.TestSales))
		}
		t.answers = append(t.answers, s)
	default:
		bad("no place in the ledger")
	}
}

func (a *auditor) testEnded(e *event, t *testTrip, bad func(string)) {
	if ended, began := t.ended[e.Attempt]; !began {
		a.found(RuleNoPosting, e.Lead, "attempt %s ended and never began", e.Attempt)
	} else if ended {
		a.found(RuleEndedTwice, e.Lead, "attempt %s ended again as %s", e.Attempt, e.Outcome)
	}
	t.ended[e.Attempt] = true
	if o, ok := readOutcome(e.Outcome); e.Outcome != "test" && (!ok || o.standing()) {
		bad("the outcome " + e.Outcome)
	}
	if e.Price != 0 || e.Payout != 0 {
		bad("booked money")
	}
}

// realEvent holds an event of a real lead to having nothing of a test.
func (a *auditor) realEvent(e *event) {
	if e.Outcome == "test" || len(e.TestSales) > 0 {
		a.found(RuleTestCounts, e.Lead, "event %s of kind %q of a real lead ends as a test", e.EventID, e.Kind)
	}
}

// testAnswer judges what a seller heard of a test lead.
func (a *auditor) testAnswer(s *Answer, lead id, l pinged) {
	t := a.tests[lead]
	if s.Op == OpPing {
		if l.quoted != (s.Result == "success") || l.quoted && l.quote != s.Price {
			a.found(RuleAnswerFigures, lead, "a test's ping was answered %s of %s, the ledger says otherwise", s.Result,
				money(s.Price))
		}
		return
	}
	if s.Result == "failure" && !l.quoted || s.Result == "pending" && t != nil && t.postings > 0 {
		return // nobody wanted it, or the answer was still on its way
	}
	if t == nil || !slices.ContainsFunc(t.answers, func(v testAnswer) bool {
		return v.result == s.Result && (s.Result != "success" || v.payout == s.Price) &&
			(s.Result != "failure" || v.reason == s.Reason)
	}) {
		a.found(RuleAnswerUnknown, lead, "a test's %s was answered %s of %s, the ledger has no such settlement", s.Op,
			s.Result, money(s.Price))
	}
}

// testInBook judges a test lead that a buyer has seen, at whichever of its endpoints.
func (a *auditor) testInBook(k bookKey, b *booked) {
	t := a.tests[k.lead]
	switch {
	case t == nil || t.postings == 0:
		a.found(RuleBookNoPosting, k.lead, "%s saw %d posts of a test that was simulated", k.buyer, b.posts)
	case b.posts > t.postings:
		a.found(RuleSentTwice, k.lead, "%s saw %d posts of a test, the ledger has %d postings", k.buyer, b.posts,
			t.postings)
	}
}
