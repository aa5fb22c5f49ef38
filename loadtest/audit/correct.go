// SPDX-License-Identifier: Apache-2.0

package audit

import "slices"

// corrected takes a change of an attempt that had ended: how it ended in truth, or what is booked for it.
func (a *auditor) corrected(e *event) {
	p := a.attempts[e.Attempt]
	if p == nil || e.Was == nil {
		a.found(RuleNoPosting, e.Lead, "attempt %s was corrected, and never began or tells not what it was", e.Attempt)
		return
	}
	t := a.trip(e.Lead)
	was, ok := readOutcome(e.Was.Outcome)
	is, known := readOutcome(e.Outcome)
	switch {
	case !slices.Contains(t.attempts, p) || e.Campaign != p.campaign || e.Buyer != p.buyer:
		a.found(RuleNoPosting, e.Lead, "attempt %s to %s of %s was corrected as one of another lead or campaign",
			e.Attempt, p.campaign, p.buyer)
		return
	case !ok, !known, was != p.outcome, is != accepted && is != refused, was != accepted && was != refused,
		e.Adjustment == "rebooked" && (was != accepted || is != accepted):
		a.found(RuleEndedTwice, e.Lead, "attempt %s was %s, and is %s from %s to %s", e.Attempt,
			outcomeNames[p.outcome], e.Adjustment, e.Was.Outcome, e.Outcome)
		return
	case was == accepted && (e.Was.Price != p.price || e.Was.Payout != p.payout || e.Was.Reference != p.reference):
		a.found(RuleSettledSale, e.Lead, "attempt %s at %s for %s under %q is corrected as one at %s for %s under %q",
			e.Attempt, money(p.price), money(p.payout), p.reference, money(e.Was.Price), money(e.Was.Payout),
			e.Was.Reference)
	}
	if r := p.returned; r != nil && (r.state == "returned" || r.state == "replaced") {
		a.found(RuleReturn, e.Lead, "attempt %s is %s while it is given back", e.Attempt, e.Adjustment)
	}
	p.corrected, p.untold, t.corrected = true, true, true
	a.report.Counts.Corrections++
	a.recount(e, p, was, is)
	if was != is {
		if n, limit := a.sales(t, p); is == accepted && n > limit && !e.Oversold {
			a.found(RuleOversold, e.Lead, "attempt %s to %s is corrected to sale %d, where %d are allowed", e.Attempt,
				e.Campaign, n, limit)
		}
	}
	price, payout := int64(0), int64(0)
	if was == accepted {
		price, payout = p.price, p.payout
	}
	p.outcome, p.price, p.payout, p.reference = is, e.Price, e.Payout, e.Reference
	if is != accepted {
		a.lineOf(e, p, lineCorrection, -price, -payout)
	} else {
		a.lineOf(e, p, lineCorrection, p.price-price, p.payout-payout)
	}
	a.turned(e, p)
	if is == accepted && p.payout > p.price {
		a.report.Counts.Losses++ // somebody has agreed to it
	}
}

// recount moves the charges of a correction: those of the posting, or as many of them as are kept. What is a sale in
// truth counts whatever room there is; posts that went out stay counted; money follows what is booked.
func (a *auditor) recount(e *event, p *attempt, was, is outcome) {
	for _, ch := range e.Charges {
		i := slices.IndexFunc(p.charges, func(o charge) bool {
			return o.Cap == ch.Cap && o.Window == ch.Window && o.Of == ch.Of
		})
		want := int64(1)
		switch {
		case was == accepted && is == accepted:
			want = e.Price - e.Was.Price
		case ch.Of == "spend" && was == accepted:
			want = e.Was.Price
		case ch.Of == "spend":
			want = e.Price
		}
		if i < 0 || ch.N != want || ch.Of == "attempts" || was == is && ch.Of != "spend" {
			a.found(RuleChargeChanged, e.Lead, "attempt %s is corrected with %d of %s of %s, expected %d of what it "+
				"charged", e.Attempt, ch.N, ch.Cap, ch.Window, want)
			continue
		}
		k := windowKey{ch.Cap, ch.Window}
		if a.windows[k] == nil {
			continue
		}
		if was == accepted && is != accepted {
			want = -want
		}
		a.add(k, want)
	}
}

// sales are the sales of a lead and what may be one, with an attempt among them, and how many are allowed.
func (a *auditor) sales(t *trip, with *attempt) (n, limit int) {
	for _, p := range t.attempts {
		if p != with && !p.outcome.standing() {
			continue
		}
		most := max(p.maxSold, 1)
		if p.limit > 0 {
			most = min(most, p.limit)
		}
		if n++; n == 1 || most < limit {
			limit = most
		}
	}
	return n, limit
}
