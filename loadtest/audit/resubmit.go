// SPDX-License-Identifier: Apache-2.0

package audit

// resubmission is what two events tell of a lead that is offered anew: the ping of the new one of the old one, and the
// adjustment of the old one of the new one.
type resubmission struct {
	Lead  id     `json:"lead_id"`
	First id     `json:"first_lead"`
	Hop   int    `json:"hop"`
	Ref   string `json:"ref"`
}

// wentOn takes the adjustment of an old lead: it had its answer, is not sold and may not be, and goes on once.
func (a *auditor) wentOn(e *event) {
	r := e.Resubmission
	if r == nil || r.Lead == (id{}) || r.Lead == e.Lead || r.Hop < 1 {
		a.found(RuleResubmitted, e.Lead, "resubmitted as nothing, or as itself")
		return
	}
	if to, twice := a.anew[e.Lead]; twice {
		a.found(RuleResubmitted, e.Lead, "resubmitted as lead %s and once more as lead %s", to, r.Lead)
		return
	}
	a.anew[e.Lead] = r.Lead
	t := a.trip(e.Lead)
	for _, p := range t.attempts {
		if p.outcome.standing() {
			a.found(RuleResubmitted, e.Lead, "resubmitted while attempt %s is %s", p.id, outcomeNames[p.outcome])
		}
	}
	if n := len(t.settled); n == 0 || t.settled[n-1].result != "failure" || t.waits {
		a.found(RuleResubmitted, e.Lead, "resubmitted without an answer that says it is unsold")
	}
	if a.leads[r.Lead].pinged {
		a.found(RuleResubmitted, e.Lead, "resubmitted as lead %s, which was there before", r.Lead)
	}
	hop := 1
	if before, ok := a.offered[e.Lead]; ok {
		hop = before.Hop + 1
	}
	if r.Hop != hop {
		a.found(RuleResubmitted, e.Lead, "resubmitted for the time number %d, and it says %d", hop, r.Hop)
	}
}

// offeredAnew takes the ping of a new lead: the old one has told of it, in the same words.
func (a *auditor) offeredAnew(e *event) {
	r := e.Resubmission
	if r == nil {
		return
	}
	if to := a.anew[r.Lead]; to != e.Lead {
		a.found(RuleResubmitted, e.Lead, "it says that it resubmits lead %s, which does not say so", r.Lead)
	}
	if !e.oneShot {
		a.found(RuleResubmitted, e.Lead, "it resubmits lead %s and is no whole lead", r.Lead)
	}
	if r.First == e.Lead {
		a.found(RuleResubmitted, e.Lead, "its chain begins with itself")
	}
	a.offered[e.Lead] = *r
}

// finishResubmitted judges chains when all events have been read: each new lead is there, and of a chain one is sold,
// unless somebody has corrected one of them.
func (a *auditor) finishResubmitted() {
	for old, to := range a.anew {
		if _, there := a.offered[to]; !there {
			a.found(RuleResubmitted, old, "resubmitted as lead %s, which was never offered", to)
		}
		if a.soldFor(old) && a.soldFor(to) {
			a.found(RuleResubmitted, old, "it is sold, and so is lead %s as which it was resubmitted", to)
		}
	}
	a.report.Counts.Resubmitted = len(a.anew)
}

// soldFor tells whether a lead has an attempt that is a sale or may be, as its trip has left it.
func (a *auditor) soldFor(lead id) bool {
	l := a.leads[lead]
	if l.trip == 0 {
		return false
	}
	for _, p := range a.trips[l.trip-1].attempts {
		if p.outcome.standing() && !p.corrected {
			return true
		}
	}
	return false
}
