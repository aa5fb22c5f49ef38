// SPDX-License-Identifier: Apache-2.0

package audit

// Account is what the events come to for one buyer or source, in micros. It is added up from what each attempt is in
// the end, where a journal adds up event by event: both come to the same.
type Account struct {
	Sold int64 `json:"sold_micros"` // a buyer: the prices of its leads; a source: what its leads earned it
	Back int64 `json:"back_micros"` // what came back to a buyer for returns; what a source gave back
	Paid int64 `json:"paid_micros"` // what a buyer has paid, or a source was paid, less what was paid back
	// a buyer: what it owes; a source: what it is owed
	Stands int64 `json:"stands_micros"`
}

// payment is what a payment is known by.
type payment struct{ account, ref string }

// account gives the account of "buyer:ID" or "source:ID".
func (a *auditor) account(name string) *Account {
	x := a.report.Accounts[name]
	if x == nil {
		x = &Account{}
		a.report.Accounts[name] = x
	}
	return x
}

// owe takes a sale as it stands at the end.
func (a *auditor) owe(p *attempt) {
	buyer, source := a.account("buyer:"+p.buyer), a.account("source:"+p.source)
	buyer.Sold += p.price
	source.Sold += p.payout
	if r := p.returned; r != nil {
		buyer.Back += r.credit
		source.Back += r.clawback
	}
}

// paid takes money that came in from a buyer, or went back.
func (a *auditor) paid(e *event) {
	if e.Buyer == "" || e.Price == 0 {
		a.found(RulePayment, e.Lead, "event %s books %s of the buyer %q", e.EventID, money(e.Price), e.Buyer)
		return
	}
	for _, ch := range e.Charges {
		if ch.Of != "spend" || ch.N != -e.Price {
			a.found(RuleChargeUnknown, e.Lead, "the payment %s of %s adds %d to %s", e.EventID, money(e.Price), ch.N,
				ch.Cap)
		}
	}
	a.once("buyer:"+e.Buyer, e)
	a.report.Counts.Payments++
	a.report.Counts.Paid += e.Price
	a.account("buyer:" + e.Buyer).Paid += e.Price
	a.line(e, "buyer:"+e.Buyer, linePayment, -e.Price)
}

// paidOut takes money that went to a source, or that it has paid back.
func (a *auditor) paidOut(e *event) {
	if e.Source == "" || e.Subject != "source:"+e.Source || e.Payout == 0 || e.Price != 0 || len(e.Charges) > 0 {
		a.found(RulePayment, e.Lead, "event %s books the payout of %s to the source %q, of the subject %q, with %d "+
			"charges", e.EventID, money(e.Payout), e.Source, e.Subject, len(e.Charges))
		return
	}
	a.once("source:"+e.Source, e)
	a.report.Counts.Payouts++
	a.report.Counts.PaidOut += e.Payout
	a.account("source:" + e.Source).Paid += e.Payout
	a.line(e, "source:"+e.Source, linePayment, -e.Payout)
}

// once looks whether a payment of an account was booked before.
func (a *auditor) once(account string, e *event) {
	told := payment{account, e.Ref}
	if e.Ref != "" && a.payments[told] {
		a.found(RulePayment, e.Lead, "event %s books the payment %s of %s again", e.EventID, e.Ref, account)
	}
	a.payments[told] = true
}

// finishAccounts says what stands on each account.
func (a *auditor) finishAccounts() {
	for _, x := range a.report.Accounts {
		x.Stands = x.Sold - x.Back - x.Paid
	}
}
