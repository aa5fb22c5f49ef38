// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// A buyer may resell what it buys. What its own buyer gives back it may give back to us: it then tells under which
// reference and on which date that was, the date lies within a window of its own, and each reference stands for one
// lead. A person who grants a return need not hold it to that.

// ChainTold is what a buyer's own buyer has told of a lead that it gives back, or refuses.
type ChainTold struct{ Reference, Date string } // such as 2026-11-03, in the zone of our buyer

// ChainReferenceMax is how long the reference of a buyer's own buyer may be, in bytes.
const ChainReferenceMax = 200

// chained holds a return of a buyer that resells to what its own buyer has told, and writes that down.
func (e *Exchange) chained(y *buyers.Buyer, a *history.Attempt, ret *ledger.Return, r *ReturnAsk) error {
	rule, told := y.Returns, ledger.Chain{}
	if r.Chain != nil {
		told = ledger.Chain{Reference: strings.TrimSpace(r.Chain.Reference), Date: r.Chain.Date}
	}
	date, bad := time.Parse(time.DateOnly, told.Date)
	whole := told.Reference != "" && bad == nil
	if whole {
		ret.Chain = &told
	}
	if rule.ChainDays < 0 || r.Grant {
		return nil
	}
	if !whole {
		return ErrChainMissing
	}
	first, last := rule.ChainUntil(ret.Sold)
	today, _ := rule.ChainUntil(e.now())
	told.Until = last.Format(time.DateOnly)
	switch {
	case date.Before(first):
		return fmt.Errorf("%w: %s is before the sale to it on %s", ErrChainDate, told.Date, first.Format(time.DateOnly))
	case date.After(last):
		return fmt.Errorf("%w: %s is after %s", ErrChainDate, told.Date, told.Until)
	case date.After(today):
		return fmt.Errorf("%w: %s has not come yet", ErrChainDate, told.Date)
	}
	once := chainOf(a.Posting.Buyer, told.Reference)
	if !a.Asked() && e.led.Count(once.Cap, once.Window) > 0 {
		return fmt.Errorf("%w: %q", ErrChainAgain, told.Reference)
	}
	return nil
}

// chainOf is what a reference of a buyer's own buyer counts.
func chainOf(buyer, reference string) lead.Charge {
	return lead.Charge{Cap: "buyer:" + buyer + ":chain", Window: "reference " + reference, N: 1, Of: lead.OfTally}
}

// chainOnce is what a return counts of the reference that it has.
func chainOnce(p *ledger.Posting, ret *ledger.Return) []lead.Charge {
	if ret.Chain == nil || ret.Chain.Until == "" {
		return nil
	}
	return []lead.Charge{chainOf(p.Buyer, ret.Chain.Reference)}
}
