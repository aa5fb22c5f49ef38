// SPDX-License-Identifier: Apache-2.0

package audit

// Account is what the events come to for one buyer or source, in micros. It is added up from what each attempt is in
// the end, where a journal adds up event by event: both come to the same.
type Account struct {
	Sold int64 `json:"sold_micros"` // a buyer: the prices of its leads; a source: what its leads earned it
	Back int64 `json:"back_micros"` // what came back to a buyer for returns; what a source gave back
	Paid int64 `json:"paid_micros"` // what a buyer has paid, less what was paid back; 0 of a source
	// a buyer: what it owes; a source: what it is owed
	Stands int64 `json:"stands_micros"`
}

// payment is what a payment is known by.
type payment struct{ buyer, ref string }

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
	if told := (payment{e.Buyer, e.Ref}); e.Ref != "" && a.payments[told] {
		a.found(RulePayment, e.Lead, "event %s books the payment %s of %s again", e.EventID, e.Ref, e.Buyer)
	} else {
		a.payments[told] = true
	}
	a.report.Counts.Payments++
	a.report.Counts.Paid += e.Price
	a.account("buyer:" + e.Buyer).Paid += e.Price
}

// finishAccounts says what stands on each account.
func (a *auditor) finishAccounts() {
	for _, x := range a.report.Accounts {
		x.Stands = x.Sold - x.Back - x.Paid
	}
}
