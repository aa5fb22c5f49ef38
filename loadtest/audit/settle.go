// SPDX-License-Identifier: Apache-2.0

package audit

import "fmt"

// settle takes a settlement: what a seller's post was answered.
func (a *auditor) settle(e *event) {
	l := a.leads[e.Lead]
	if !l.pinged {
		a.found(RuleNoPing, e.Lead, "settled, and never pinged")
	}
	t := a.trip(e.Lead)
	if n := len(t.settled); n > 0 && t.settled[n-1].result == "success" && !t.corrected &&
		(e.Result != "success" || e.Payout < t.settled[n-1].payout) {
		a.found(RuleSuccessWithdrawn, e.Lead, "a success of %s was replaced by %s of %s", money(t.settled[n-1].payout),
			e.Result, money(e.Payout))
	}
	t.waits = false
	t.settled = append(t.settled, settlement{result: e.Result, reason: a.name(e.Reason), payout: e.Payout,
		sales: e.Sales})
	for _, p := range t.attempts {
		p.settled, p.untold = false, false
	}
	var payout, revenue int64
	for i := range e.Sales {
		s := &e.Sales[i]
		payout += s.Payout
		revenue += s.Price
		a.settledSale(e, t, s)
	}
	if payout != e.Payout || revenue != e.Revenue {
		a.found(RuleSettledSum, e.Lead, "settled with payout %s and revenue %s, the sales add up to %s and %s",
			money(e.Payout), money(e.Revenue), money(payout), money(revenue))
	}
	a.settledResult(e, t)
	a.keepsQuote(e, t, l)
}

// deferred holds a lead that waits to having no attempt that is a sale, or may be one: it is offered again.
func (a *auditor) deferred(e *event) {
	if l := a.leads[e.Lead]; !l.pinged {
		a.found(RuleNoPing, e.Lead, "deferred, and never pinged")
	}
	t := a.trip(e.Lead)
	for _, p := range t.attempts {
		if p.outcome.standing() {
			a.found(RuleDeferred, e.Lead, "deferred while attempt %s is %s", p.id, outcomeNames[p.outcome])
		}
	}
	if len(t.settled) > 0 {
		a.found(RuleDeferred, e.Lead, "deferred after it was settled")
	}
	if e.Said != "queued" && e.Said != "pending" {
		a.found(RuleUnreadable, e.Lead, "deferred with the answer %q", e.Said)
	}
	if t.said == nil {
		t.said = map[string]bool{}
	}
	if len(t.said) == 0 {
		a.report.Counts.Deferred++
	}
	t.said[e.Said], t.waits = true, true
}

func (a *auditor) settledSale(e *event, t *trip, s *sale) {
	s.Buyer, s.Campaign = a.name(s.Buyer), a.name(s.Campaign)
	for _, p := range t.attempts {
		if p.id != s.Attempt {
			continue
		}
		switch {
		case p.outcome != accepted:
			a.found(RuleSettledSale, e.Lead, "settled with attempt %s as a sale, which is %s", s.Attempt,
				outcomeNames[p.outcome])
		case p.settled:
			a.found(RuleSettledSale, e.Lead, "settled with attempt %s listed twice", s.Attempt)
		case p.campaign != s.Campaign || p.buyer != s.Buyer || p.price != s.Price || p.payout != s.Payout ||
			p.reference != s.Reference:
			a.found(RuleSettledSale, e.Lead,
				"settled with attempt %s at %s for %s under %q, it was accepted at %s for %s under %q", s.Attempt,
				money(s.Price), money(s.Payout), s.Reference, money(p.price), money(p.payout), p.reference)
		}
		p.settled = true
		return
	}
	a.found(RuleSettledSale, e.Lead, "settled with attempt %s as a sale, which is none of this lead", s.Attempt)
}

func (a *auditor) settledResult(e *event, t *trip) {
	waits := false
	for _, p := range t.attempts {
		waits = waits || p.outcome == open || p.outcome == unknown
	}
	switch e.Result {
	case "success":
		if len(e.Sales) == 0 {
			a.found(RuleSettledEmpty, e.Lead, "settled as a success without a sale")
		}
	case "failure":
		if len(e.Sales) > 0 {
			a.found(RuleSettledEmpty, e.Lead, "settled as a failure with %d sales", len(e.Sales))
		}
		if waits {
			a.found(RuleSettledOpen, e.Lead, "settled as a failure while an attempt may have been accepted")
		}
	case "pending":
		if !waits {
			a.found(RuleSettledOpen, e.Lead, "settled as pending while nothing is open")
		}
	default:
		a.found(RuleUnreadable, e.Lead, "settled with the result %q", e.Result)
	}
}

// keepsQuote holds a success with one exclusive sale to the quote.
func (a *auditor) keepsQuote(e *event, t *trip, l pinged) {
	if e.Result != "success" || len(e.Sales) != 1 || t.corrected || l.oneShot || !l.quoted || e.Payout == l.quote {
		return
	}
	for _, p := range t.attempts {
		if below := p.booking != nil && p.booking.Follows; below && e.Payout < l.quote {
			continue // its source takes less, where nobody who is left covers the quote
		}
		if p.id == e.Sales[0].Attempt && (p.maxSold == 1 || p.limit == 1) {
			a.found(RuleQuoteBroken, e.Lead, "quoted %s, settled with %s for an exclusive sale", money(l.quote),
				money(e.Payout))
		}
	}
}

// finishLeads judges what can be judged only when all events have been read, and counts.
func (a *auditor) finishLeads() {
	c := &a.report.Counts
	c.Leads, c.Chained = len(a.leads), len(a.chains)
	for i := range a.trips {
		t := &a.trips[i]
		waits := false
		for _, p := range t.attempts {
			c.Attempts[outcomeNames[p.outcome]]++
			a.finishResends(t.lead, p)
			waits = waits || p.outcome == open || p.outcome == unknown
			if p.untold {
				a.found(RuleSaleNotSettled, t.lead, "attempt %s was corrected, and no settlement has come since", p.id)
			}
			if p.outcome == accepted {
				c.Sales++
				c.Revenue += p.price
				c.Payout += p.payout
				a.owe(p)
				if r := p.returned; r != nil {
					c.Revenue, c.Credits = c.Revenue-r.credit, c.Credits+r.credit
					c.Payout, c.Clawbacks = c.Payout-r.clawback, c.Clawbacks+r.clawback
				}
			}
		}
		if waits {
			// The settlement comes when the open attempt has ended or was resolved.
			continue
		}
		for _, p := range t.attempts {
			if p.outcome == accepted && !p.settled {
				a.found(RuleSaleNotSettled, t.lead, "attempt %s was accepted by %s and stands in no last settlement",
					p.id, p.buyer)
			}
		}
	}
}

// money is an amount of micros as text.
func money(m int64) string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	if m%10_000 == 0 {
		return fmt.Sprintf("%s%d.%02d", sign, m/1_000_000, m/10_000%100)
	}
	return fmt.Sprintf("%s%d.%06d", sign, m/1_000_000, m%1_000_000)
}
