// SPDX-License-Identifier: Apache-2.0

package audit

// resend is a posting of the same request again, after an attempt whose outcome is not known.
type resend struct {
	of          *attempt
	outcome     outcome
	answerPrice int64
}

// resent takes the posting of a resend. It must be of an attempt of this lead, to the same campaign on the same terms,
// whose outcome is not known; it takes nothing of any cap and is no sale of its own.
func (a *auditor) resent(e *event) {
	p := a.attempts[e.Of]
	switch {
	case e.Attempt == (id{}) || a.attempts[e.Attempt] != nil || a.resends[e.Attempt] != nil:
		a.found(RuleAttemptTwice, e.Lead, "resend %s has no id of its own", e.Attempt)
		return
	case p == nil || !a.holds(e.Lead, p):
		a.found(RuleResend, e.Lead, "resend %s is of attempt %s, which is none of this lead", e.Attempt, e.Of)
		return
	case p.outcome != open && p.outcome != unknown:
		a.found(RuleResend, e.Lead, "resend %s of attempt %s, which is %s", e.Attempt, e.Of, outcomeNames[p.outcome])
	case e.Campaign != p.campaign || e.Buyer != p.buyer || e.Price != p.bid || e.MaxSold != p.maxSold ||
		e.SellLimit != p.limit:
		a.found(RuleResend, e.Lead, "resend %s goes to %s of %s on other terms than attempt %s", e.Attempt, e.Campaign,
			e.Buyer, e.Of)
	case len(e.Charges) > 0:
		a.found(RuleResend, e.Lead, "resend %s charges %d caps: its first attempt has charged them", e.Attempt,
			len(e.Charges))
	}
	for _, r := range p.resends {
		if r.outcome == accepted {
			a.found(RuleResend, e.Lead, "resend %s of attempt %s, of which an earlier resend was accepted", e.Attempt,
				e.Of)
		}
	}
	r := &resend{of: p}
	p.resends = append(p.resends, r)
	a.resends[e.Attempt] = r
	a.report.Counts.Resends++
}

// resendEnded takes the end of a resend.
func (a *auditor) resendEnded(e *event, r *resend) {
	o, ok := readOutcome(e.Outcome)
	switch {
	case !ok:
		a.found(RuleUnreadable, e.Lead, "resend %s ended with the outcome %q", e.Attempt, e.Outcome)
		return
	case !a.holds(e.Lead, r.of) || e.Campaign != r.of.campaign || e.Buyer != r.of.buyer:
		a.found(RuleNoPosting, e.Lead, "resend %s ended as one of another lead or campaign", e.Attempt)
		return
	case r.outcome != open:
		a.found(RuleEndedTwice, e.Lead, "resend %s was %s and ended again as %s", e.Attempt, outcomeNames[r.outcome],
			e.Outcome)
		return
	case len(e.Charges) > 0:
		a.found(RuleChargeChanged, e.Lead, "resend %s ended with %d charges and has none", e.Attempt, len(e.Charges))
	}
	r.outcome, r.answerPrice = o, e.AnswerPrice
}

// told judges a resolution that names the resend by whose answer it was found out.
func (a *auditor) told(e *event, p *attempt) {
	if e.FromAttempt == (id{}) {
		return
	}
	r := a.resends[e.FromAttempt]
	switch {
	case r == nil || r.of != p:
		a.found(RuleResend, e.Lead, "attempt %s is resolved by %s, which is no resend of it", e.Attempt, e.FromAttempt)
	case (r.outcome == accepted) != (e.Outcome == "accepted") || r.outcome.standing() && r.outcome != accepted:
		a.found(RuleResend, e.Lead, "attempt %s is resolved as %s by resend %s, which is %s", e.Attempt, e.Outcome,
			e.FromAttempt, outcomeNames[r.outcome])
	}
}

// finishResends judges what can be judged only when all events have been read: what a buyer accepted again, it
// accepted, until somebody agreed otherwise.
func (a *auditor) finishResends(lead id, p *attempt) {
	for _, r := range p.resends {
		if r.outcome == accepted && p.outcome != accepted && !p.corrected {
			a.found(RuleResend, lead, "attempt %s is %s, a resend of it was accepted", p.id, outcomeNames[p.outcome])
		}
	}
}

// holds tells whether an attempt is one of the lead.
func (a *auditor) holds(lead id, p *attempt) bool {
	l := a.leads[lead]
	if l.trip == 0 {
		return false
	}
	for _, o := range a.trips[l.trip-1].attempts {
		if o == p {
			return true
		}
	}
	return false
}
