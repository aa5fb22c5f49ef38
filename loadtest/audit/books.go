// SPDX-License-Identifier: Apache-2.0

package audit

// bookKey is one lead in one buyer's book.
type bookKey struct {
	lead  id
	buyer string
}

// booked is what a buyer has of a lead.
type booked struct {
	posts     int
	accepted  int
	price     int64 // of the first acceptance
	reference string
}

// receipt takes one post as a buyer saw it.
func (a *auditor) receipt(r *Receipt) {
	a.report.Counts.Receipts++
	buyer := a.name(r.Buyer)
	a.bought[buyer] = true
	lead, ok := parseID(r.Lead)
	if !ok {
		a.found(RuleBookNoLead, id{}, "%s was sent a post at %s with the lead id %q", r.Buyer, r.At, r.Lead)
		return
	}
	k := bookKey{lead, buyer}
	b := a.books[k]
	if b == nil {
		b = &booked{}
		a.books[k] = b
	}
	b.posts++
	if !r.Accepted {
		return
	}
	if b.accepted++; b.accepted == 1 {
		b.price, b.reference = r.Price, r.Reference
		return
	}
	a.found(RuleBookTwice, lead, "%s has accepted this lead %d times", r.Buyer, b.accepted)
}

// finishBooks compares the books with the ledger, both ways.
func (a *auditor) finishBooks() {
	for i := range a.trips {
		t := &a.trips[i]
		for _, p := range t.attempts {
			if p.outcome == accepted && !p.corrected && !p.assumed {
				a.inBook(t.lead, p)
			}
		}
	}
	for k, b := range a.books {
		if a.leads[k.lead].test {
			a.testInBook(k, b)
			continue
		}
		a.inLedger(k, b)
	}
}

// inBook looks for a sale of ours in its buyer's book.
func (a *auditor) inBook(lead id, p *attempt) {
	b := a.books[bookKey{lead, p.buyer}]
	if b == nil || b.accepted == 0 {
		a.found(RuleNotInBook, lead, "attempt %s is sold to %s, who has not accepted it", p.id, p.buyer)
		return
	}
	price := p.answerPrice
	if price == 0 {
		price = p.bid
	}
	if b.price != price {
		a.found(RuleBookPrice, lead, "attempt %s: %s has it at %s, the ledger at %s", p.id, p.buyer, money(b.price),
			money(price))
	}
	if p.reference != "" && b.reference != p.reference {
		a.found(RuleBookReference, lead, "attempt %s: %s has it as %q, the ledger as %q", p.id, p.buyer, b.reference,
			p.reference)
	}
}

// inLedger looks for what a buyer has in the ledger.
func (a *auditor) inLedger(k bookKey, b *booked) {
	var postings, unsent int
	ours, maybe := false, false
	if l := a.leads[k.lead]; l.trip > 0 {
		for _, p := range a.trips[l.trip-1].attempts {
			if p.buyer != k.buyer {
				continue
			}
			postings += 1 + len(p.resends)
			for _, r := range p.resends {
				if r.outcome == notSent {
					unsent++
				}
			}
			switch p.outcome {
			case notSent:
				unsent++
			case accepted:
				ours = true
			case refused:
				ours = ours || p.corrected || p.assumed // the book is what was corrected, or what nobody has asked
			case open, unknown:
				maybe = true
			}
		}
	}
	switch {
	case postings == 0:
		a.found(RuleBookNoPosting, k.lead, "%s saw %d posts, the ledger has no posting to it", k.buyer, b.posts)
	case b.posts > postings:
		a.found(RuleSentTwice, k.lead, "%s saw %d posts, the ledger has %d postings", k.buyer, b.posts, postings)
	case b.posts > postings-unsent:
		a.found(RuleNotSentArrived, k.lead, "%s saw %d posts, of %d postings %d are booked as not sent", k.buyer,
			b.posts, postings, unsent)
	}
	if b.accepted == 0 || ours || postings == 0 {
		return
	}
	if maybe {
		a.report.Counts.BookedOnly++
		return
	}
	a.found(RuleRefusedInLedger, k.lead, "%s has accepted it at %s as %q, the ledger has it as refused", k.buyer,
		money(b.price), b.reference)
}
