// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// Report is what somebody has learned of a sale: that the buyer gave the lead back, paid for it, or will not pay. It
// books nothing and frees no place under a cap: it stands in the ledger, and teaches what the buyer's bids are worth.
type Report struct {
	Name    string // of the attempt: any name that leads to one sale
	Fate    string // one of ledger.Fates
	Why, By string
}

// Errors of Report.
var (
	ErrNoSale   = errors.New("this name leads to no sale, or to several")
	ErrReported = errors.New("this was reported before")
)

// Report puts a report into the ledger. When it returns nil it is durable. A sale is given back once, and paid or not
// paid once; what was reported stands.
func (e *Exchange) Report(r Report, budget time.Duration) (*ledger.Adjusted, error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	h, a, err := e.saleOf(r.Name, budget)
	if err != nil {
		return nil, err
	}
	if a.Returned() && r.Fate == ledger.FateReturned {
		return nil, fmt.Errorf("%w, as a return of %s", ErrReported, a.LastReturn().At.Format(time.DateOnly))
	}
	for _, ev := range h.Events {
		adj, ok := ev.(*ledger.Adjusted)
		if ok && adj.Adjustment == ledger.AdjustReported && adj.Attempt == a.Posting.Attempt &&
			(adj.Fate == ledger.FateReturned) == (r.Fate == ledger.FateReturned) {
			return nil, fmt.Errorf("%w, as %s on %s", ErrReported, adj.Fate, adj.At.Format(time.DateOnly))
		}
	}
	p := a.Posting
	adj := &ledger.Adjusted{Head: e.inForce.Load().head(ledger.KindAdjusted, h.ID, p.Source, p.Vertical, e.now()),
		Adjustment: ledger.AdjustReported, Why: r.Why, By: r.By, Attempt: p.Attempt, Campaign: p.Campaign,
		Buyer: p.Buyer, Fate: r.Fate, Bid: p.Price, Segment: p.Segment}
	if err := e.led.Append(adj); err != nil {
		return nil, fmt.Errorf("not reported: %w", err)
	}
	return adj, nil
}

// saleOf finds the one sale that a name leads to.
func (e *Exchange) saleOf(name string, budget time.Duration) (*history.History, *history.Attempt, error) {
	f, err := e.Find(name, budget)
	if err != nil {
		return nil, nil, err
	}
	var of *history.History
	var sale *history.Attempt
	for _, m := range f.Matches {
		h, err := e.history(m.Lead)
		if err != nil {
			return nil, nil, err
		}
		for i := range h.Attempts {
			a := &h.Attempts[i]
			switch {
			case a.Outcome() != lead.Accepted, !m.Attempt.IsZero() && a.Posting.Attempt != m.Attempt:
			case sale != nil && sale.Posting.Attempt != a.Posting.Attempt:
				return nil, nil, ErrNoSale
			default:
				of, sale = h, a
			}
		}
	}
	if sale == nil {
		return nil, nil, ErrNoSale
	}
	return of, sale, nil
}
