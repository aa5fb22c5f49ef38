// SPDX-License-Identifier: Apache-2.0

package audit

type sourceKey struct{ source, key string }

// heard is what was answered under a key: how often 503, and how often something else, or nobody knows what. A 503 that
// says that nobody can tell yet is something else.
type heard struct{ refused, other int }

// notBegun is why an attempt was not sent whose posting nobody knew to be stored.
const notBegun = 220

// calledBy notes under which key the next attempts of a lead are made.
func (a *auditor) calledBy(e *event) {
	if !a.all {
		return
	}
	switch {
	case e.Kind == "deferred":
		a.trip(e.Lead).call = sourceKey{} // its seller has its answer
	case e.Kind == "pinged" && e.oneShot:
		a.trip(e.Lead).call = sourceKey{a.name(e.Source), e.Key}
	case e.Post != nil:
		a.trip(e.Lead).call = sourceKey{a.name(e.Source), e.Post.Key}
	case e.Kind == "posted" && e.Refusal == notBegun, e.Kind == "adjusted" && e.Lead != (id{}):
		a.trip(e.Lead).call = sourceKey{} // what comes now comes of another call, which the ledger does not name
	}
}

// finishUnavailable judges the calls that were answered 503 and nothing else: they have sold nothing, and what they
// began was never sent.
func (a *auditor) finishUnavailable() {
	refused := func(p *attempt) bool {
		c := a.calls[p.call]
		return p.call.key != "" && c != nil && c.refused > 0 && c.other == 0
	}
	for _, c := range a.calls {
		if c.refused > 0 && c.other == 0 {
			a.report.Counts.Unavailable++
		}
	}
	for i := range a.trips {
		t := &a.trips[i]
		for _, p := range t.attempts {
			if !refused(p) {
				continue
			}
			if p.outcome == accepted && !p.corrected {
				a.found(RuleUnavailableSold, t.lead, "attempt %s to %s was accepted, its call %q was answered 503",
					p.id, p.buyer, p.call.key)
			}
			others := 0
			for _, o := range t.attempts {
				if o.buyer == p.buyer && !refused(o) {
					others += 1 + len(o.resends)
				}
			}
			if b := a.books[bookKey{t.lead, p.buyer}]; b != nil && b.posts > others {
				a.found(RuleUnavailableSold, t.lead, "%s saw %d posts, its call %q was answered 503 and others made %d",
					p.buyer, b.posts, p.call.key, others)
			}
		}
	}
}

// answer takes one answer that a seller saw.
func (a *auditor) answer(s *Answer) {
	if a.all && s.Key != "" {
		a.hear(s)
	}
	result := s.Result
	if result == "" || s.Status != 200 && s.Status != 202 {
		a.report.Counts.Answers[s.Op+" status "+statusText(s.Status)]++
		return
	}
	a.report.Counts.Answers[s.Op+" "+result]++
	if lead, ok := parseID(s.Lead); ok {
		if l := a.leads[lead]; l.pinged && l.test != s.Test {
			a.found(RuleTestMixed, lead, "%s was answered %s, and the answer says test: %v", s.Op, result, s.Test)
			return
		} else if l.test {
			a.testAnswer(s, lead, l)
			return
		}
	}
	if s.Op == OpPing {
		a.pingAnswer(s)
		return
	}
	lead, ok := parseID(s.Lead)
	if !ok {
		a.found(RuleAnswerUnknown, id{}, "%s of %s was answered %s without a lead id (%q)", s.Op, s.Source, result,
			s.Lead)
		return
	}
	l, known := a.leads[lead]
	if !known || !l.pinged {
		a.found(RuleAnswerUnknown, lead, "%s was answered %s, the ledger does not have the lead", s.Op, result)
		return
	}
	var t *trip
	if l.trip > 0 {
		t = &a.trips[l.trip-1]
	}
	switch result {
	case "success":
		a.successAnswer(s, lead, t)
	case "failure":
		a.failureAnswer(s, lead, l, t)
	case "queued", "pending":
		if t == nil || !t.said[result] {
			a.pendingAnswer(s, lead, t)
		}
	default:
		a.found(RuleAnswerUnknown, lead, "%s was answered with the result %q", s.Op, result)
	}
}

func (a *auditor) hear(s *Answer) {
	k := sourceKey{a.name(s.Source), s.Key}
	if a.calls[k] == nil {
		a.calls[k] = &heard{}
	}
	if s.Status == 503 && !s.Unsure {
		a.calls[k].refused++
	} else {
		a.calls[k].other++
	}
}

func statusText(n int) string {
	if n < 100 || n > 999 {
		return "none"
	}
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func (a *auditor) pingAnswer(s *Answer) {
	lead, ok := parseID(s.Lead)
	if !ok {
		if s.Result == "success" {
			a.found(RuleAnswerUnknown, id{}, "a ping of %s was answered success without a ping id (%q)", s.Source,
				s.Lead)
		}
		return
	}
	l := a.leads[lead]
	switch {
	case !l.pinged:
		a.found(RuleAnswerUnknown, lead, "a ping was answered %s, the ledger does not have it", s.Result)
	case l.quoted != (s.Result == "success"):
		a.found(RuleAnswerFigures, lead, "a ping was answered %s, the ledger says otherwise", s.Result)
	case l.quoted && l.quote != s.Price:
		a.found(RuleAnswerFigures, lead, "a ping was answered with a quote of %s, the ledger has %s", money(s.Price),
			money(l.quote))
	}
}

func (a *auditor) successAnswer(s *Answer, lead id, t *trip) {
	if s.Key != "" {
		k := sourceKey{a.name(s.Source), s.Key}
		if first, had := a.keys[k]; had && first != lead {
			a.found(RuleKeyTwice, lead, "key %q of %s has sold lead %s already", s.Key, s.Source, first)
		} else {
			a.keys[k] = lead
		}
	}
	settled := false
	if t != nil {
		for i := range t.settled {
			v := &t.settled[i]
			settled = settled || v.result == "success"
			if v.answers(s) {
				return
			}
		}
	}
	if !settled {
		a.found(RuleAnswerUnknown, lead, "%s was answered success of %s, the ledger has no success", s.Op,
			money(s.Price))
		return
	}
	a.found(RuleAnswerFigures, lead,
		"%s was answered success of %s with id %q and %d sales, no settlement of the ledger has these figures", s.Op,
		money(s.Price), s.Reference, len(s.Sales))
}

// answers tells whether the answer is what this settlement should have been told as.
func (v *settlement) answers(s *Answer) bool {
	if v.result != "success" || v.payout != s.Price || len(v.sales) == 0 {
		return false
	}
	if v.sales[0].Reference != "" && v.sales[0].Reference != s.Reference {
		return false
	}
	if len(s.Sales) == 0 {
		return len(v.sales) == 1
	}
	if len(s.Sales) != len(v.sales) {
		return false
	}
	for i, x := range s.Sales {
		if x.Price != v.sales[i].Payout || v.sales[i].Reference != "" && x.Reference != v.sales[i].Reference {
			return false
		}
	}
	return true
}

func (a *auditor) failureAnswer(s *Answer, lead id, l pinged, t *trip) {
	if t != nil {
		for _, p := range t.attempts {
			if p.outcome.standing() && !p.corrected {
				a.found(RuleAnswerFailure, lead, "%s was answered failure (%s), attempt %s to %s is %s", s.Op, s.Reason,
					p.id, p.buyer, outcomeNames[p.outcome])
				return
			}
		}
		for i := range t.settled {
			if v := &t.settled[i]; v.result == "failure" && v.reason == s.Reason {
				return
			}
		}
	}
	if l.oneShot && !l.quoted {
		// Nobody wanted it: the ping's event is all there is to tell.
		return
	}
	a.found(RuleAnswerUnknown, lead, "%s was answered failure (%s), the ledger has no such settlement", s.Op, s.Reason)
}

func (a *auditor) pendingAnswer(s *Answer, lead id, t *trip) {
	if s.Result == "queued" {
		a.found(RuleAnswerUnknown, lead, "%s was answered queued, and the ledger does not say so", s.Op)
		return
	}
	if t == nil || len(t.attempts) == 0 {
		a.found(RuleAnswerPending, lead, "%s was answered pending, nothing was ever posted", s.Op)
		return
	}
	if n := len(t.settled); n > 0 && t.settled[n-1].result != "pending" {
		return
	}
	for _, p := range t.attempts {
		if p.outcome == open || p.outcome == unknown {
			return
		}
	}
	a.found(RuleAnswerPending, lead, "%s was answered pending, all attempts have ended and no settlement tells it",
		s.Op)
}
