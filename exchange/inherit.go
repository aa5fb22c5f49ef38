// SPDX-License-Identifier: Apache-2.0

package exchange

import "clearpost/exchange/history"

// A data directory that was copied holds the leads of another node, which may go on with them. The node that has
// adopted the copy answers for them from the ledger, and does nothing about them by itself: their open attempts are
// never pursued, nobody is told of them, and their quotes are over, since the other node may have sold by them.

// inherits tells whether the lead was begun by the node whose directory was copied.
func (e *Exchange) inherits(h *history.History) bool {
	return len(h.Seqs) > 0 && h.Seqs[0] <= e.inherited
}

// inheritedQuote is the answer to a post of such a lead that has no answer yet.
func inheritedQuote() *Fault {
	return &Fault{Kind: FaultGone, Code: "ping_expired",
		Message: "the quote is from before this exchange took the ledger over: ping again"}
}
