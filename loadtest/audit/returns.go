// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// giveBack is what an event says of a return.
type giveBack struct {
	Reason      string     `json:"reason"`
	Credit      int64      `json:"credit_micros"`
	Clawback    int64      `json:"clawback_micros"`
	Replace     bool       `json:"replace"`
	ReplacedBy  id         `json:"replaced_by"`
	CreditPPM   int64      `json:"credit_ppm"`
	ClawbackPPM int64      `json:"clawback_ppm"`
	Until       *time.Time `json:"until"`
	Period      string     `json:"period"`
	Before      int64      `json:"before"`
	Allowed     *int64     `json:"allowed"`
	Decided     string     `json:"decided"`
	Sold        time.Time  `json:"sale_at"`
	Chain       *struct {
		Reference string `json:"reference"`
		Date      string `json:"date"`
		Until     string `json:"until"`
	} `json:"chain"`
}

// returned is how a return of an attempt stands.
type returned struct {
	state            string // the adjustment that was last
	replace          bool
	credit, clawback int64
	added            map[tallied]int64 // to counts, by all its events
}

// tallied is a count that charges change.
type tallied struct{ cap, window, of string }

// givesBack takes an adjustment of a return: that it may follow what was before, that the money is what its terms make
// of the sale's, that what it frees was charged by the sale, once, and that window and limit were kept unless a person
// has decided.
func (a *auditor) givesBack(e *event) {
	p, r := a.attempts[e.Attempt], e.Return
	if p == nil || r == nil || !slices.Contains(a.trip(e.Lead).attempts, p) || e.Campaign != p.campaign ||
		e.Buyer != p.buyer {
		a.found(RuleReturn, e.Lead, "%s of attempt %s, which never began, or of another lead or campaign", e.Adjustment,
			e.Attempt)
		return
	}
	was := p.returned
	if was == nil {
		was = &returned{added: map[tallied]int64{}}
		p.returned = was
	}
	back := was.state == "returned" || was.state == "replaced"
	follows := map[string]bool{"return_asked": was.state == "", "returned": !back, "return_denied": was.state ==
		"return_asked", "return_revoked": back, "replaced": was.state == "returned" && was.replace}[e.Adjustment]
	if !follows {
		a.found(RuleReturn, e.Lead, "attempt %s: %s after %q", e.Attempt, e.Adjustment, was.state)
	}
	if e.Adjustment != "return_denied" && p.outcome != accepted {
		a.found(RuleReturn, e.Lead, "attempt %s: %s of what is %s", e.Attempt, e.Adjustment, outcomeNames[p.outcome])
	}
	byRule := e.Adjustment == "return_asked" || e.Adjustment == "returned" && r.Decided == "rule"
	if byRule && r.Until != nil && !e.At.Before(*r.Until) {
		a.found(RuleReturn, e.Lead, "attempt %s: given back at %s, after %s", e.Attempt, e.At, *r.Until)
	}
	a.chained(e, r, byRule)
	if (byRule || e.Adjustment == "returned" && was.state != "return_asked") && r.Allowed != nil {
		if n := a.tally["buyer:"+e.Buyer+":returned"+perOf(e.Charges)+"\x00"+r.Period]; n != r.Before ||
			byRule && n >= *r.Allowed {
			a.found(RuleReturn, e.Lead, "attempt %s: number %d of at most %d in %s, there were %d", e.Attempt,
				r.Before+1, *r.Allowed, r.Period, n)
		}
	}
	a.due(e, p, was)
	a.freed(e, p, was)
	was.state, was.replace = e.Adjustment, r.Replace
	was.credit, was.clawback = was.credit+r.Credit, was.clawback+r.Clawback
	a.lineOf(e, p, lineReturn, -r.Credit, -r.Clawback)
	if e.Adjustment == "returned" {
		a.report.Counts.Returns++
	} else if e.Adjustment == "return_revoked" {
		a.report.Counts.Returns--
	}
}

// chained holds a return of a buyer that resells to what its own buyer has told: between the sale and the last day, not
// of a day that has not come, and under a reference that no other return has which waits or stands.
func (a *auditor) chained(e *event, r *giveBack, byRule bool) {
	if e.Adjustment == "return_denied" || e.Adjustment == "return_revoked" {
		maps.DeleteFunc(a.chains, func(k [2]string, of id) bool { return of == e.Attempt })
	}
	c := r.Chain
	if !byRule || c == nil || c.Until == "" {
		return
	}
	// in whichever zone the dates are
	date, err := time.Parse(time.DateOnly, c.Date)
	early := date.AddDate(0, 0, 2).Before(r.Sold)
	if err != nil || early || c.Reference == "" || c.Date > c.Until || date.AddDate(0, 0, -1).After(e.At) {
		a.found(RuleReturn, e.Lead, "attempt %s, sold at %s: its buyer's own buyer gave it back on %q, after %s, "+
			"under %q", e.Attempt, r.Sold, c.Date, c.Until, c.Reference)
	}
	k := [2]string{e.Buyer, c.Reference}
	if of, has := a.chains[k]; has && of != e.Attempt {
		a.found(RuleReturn, e.Lead, "attempt %s: its buyer's own buyer gave it back under %q, and attempt %s, too",
			e.Attempt, c.Reference, of)
	}
	a.chains[k] = e.Attempt
}

// perOf is the end of the key of a buyer's count of returns, by the charges of an event.
func perOf(charges []charge) string {
	for _, ch := range charges {
		if i := strings.Index(ch.Cap, ":returned:"); ch.Of == "tally" && i >= 0 {
			return ch.Cap[i+len(":returned"):]
		}
	}
	return ""
}

// due holds what comes back to what was booked.
func (a *auditor) due(e *event, p *attempt, was *returned) {
	r := e.Return
	credit, claw := int64(0), int64(0)
	switch e.Adjustment {
	case "returned":
		due := r.Credit
		if r.CreditPPM > 0 {
			due = min(share(p.price, r.CreditPPM, 1_000_000, 5_000), p.price)
		}
		if credit = due; r.Replace {
			credit = 0
		}
		if p.price > 0 && p.payout > 0 {
			n := new(big.Int).Mul(big.NewInt(p.payout), big.NewInt(due))
			n.Mul(n, big.NewInt(r.ClawbackPPM)).Quo(n, big.NewInt(p.price)).Quo(n, big.NewInt(1_000_000))
			claw = min(n.Int64(), p.payout) / 10_000 * 10_000
		}
	case "return_revoked":
		credit, claw = -was.credit, -was.clawback
	case "replaced":
		credit = min(share(p.price, r.CreditPPM, 1_000_000, 5_000), p.price)
		if n := a.attempts[r.ReplacedBy]; n == nil || n.outcome != accepted || n.buyer != p.buyer {
			a.found(RuleReturn, e.Lead, "attempt %s is replaced by %s, which is no sale to %s", e.Attempt, r.ReplacedBy,
				p.buyer)
		} else {
			credit = min(credit, n.price)
		}
	}
	if r.Credit != credit || r.Clawback != claw || credit > p.price-was.credit && credit > 0 {
		a.found(RuleReturn, e.Lead, "attempt %s: %s gives back %s and takes back %s of %s and %s, expected %s and %s",
			e.Attempt, e.Adjustment, money(r.Credit), money(r.Clawback), money(p.price), money(p.payout),
			money(credit), money(claw))
	}
}

// share is amount × ppm / of in whole cents; add is what decides how it is rounded.
func share(amount, ppm, of, add int64) int64 {
	n := new(big.Int).Mul(big.NewInt(amount), big.NewInt(ppm))
	return (n.Quo(n, big.NewInt(of)).Int64() + add) / 10_000 * 10_000
}

// freed takes what a return changes of counts.
func (a *auditor) freed(e *event, p *attempt, was *returned) {
	r := e.Return
	source := p
	if e.Adjustment == "replaced" && a.attempts[r.ReplacedBy] != nil {
		source = a.attempts[r.ReplacedBy]
	}
	for _, ch := range e.Charges {
		k := tallied{ch.Cap, ch.Window, ch.Of}
		i := slices.IndexFunc(source.charges, func(o charge) bool {
			return o.Cap == ch.Cap && o.Window == ch.Window && o.Of == ch.Of
		})
		place := ch.Of == "" && ch.N == -1 && e.Adjustment == "returned" && (r.Credit == p.price || r.Replace)
		good := i >= 0 && (place || ch.Of == "spend" && ch.N == -r.Credit)
		switch {
		case e.Adjustment == "return_revoked", ch.Of == "tally" && e.Adjustment == "return_denied":
			good = ch.N == -was.added[k]
		case ch.Of == "tally":
			good = ch.N == 1
		case e.Adjustment == "return_asked":
			good = false
		}
		if !good {
			a.found(RuleChargeChanged, e.Lead, "attempt %s: %s adds %d to %s of %s", e.Attempt, e.Adjustment, ch.N,
				ch.Cap, ch.Window)
			continue
		}
		was.added[k] += ch.N
		if ch.Of == "tally" {
			a.tally[ch.Cap+"\x00"+ch.Window] += ch.N
		}
		a.add(windowKey{ch.Cap, ch.Window}, ch.N)
	}
}
