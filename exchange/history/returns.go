// SPDX-License-Identifier: Apache-2.0

package history

import (
	"clearpost/lead"
	"clearpost/ledger"
)

// LastReturn is what stands of an attempt's return: asked for, returned, denied, revoked or replaced. nil: nobody has
// wanted to give it back.
func (a *Attempt) LastReturn() *ledger.Adjusted {
	if n := len(a.Returns); n > 0 {
		return a.Returns[n-1]
	}
	return nil
}

// Returned tells whether the sale is given back.
func (a *Attempt) Returned() bool {
	r := a.LastReturn()
	return r != nil && (r.Adjustment == ledger.AdjustReturned || r.Adjustment == ledger.AdjustReplaced)
}

// Asked tells whether a person has to decide whether it is given back.
func (a *Attempt) Asked() bool {
	r := a.LastReturn()
	return r != nil && r.Adjustment == ledger.AdjustReturnAsked
}

// GivenBack is what the buyer has got back of what is booked for the attempt, and the source given back.
func (a *Attempt) GivenBack() (credit, clawback lead.Money) {
	for _, r := range a.Returns {
		credit, clawback = credit+r.Return.Credit, clawback+r.Return.Clawback
	}
	return credit, clawback
}
