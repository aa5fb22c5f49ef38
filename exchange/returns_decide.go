// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// What a person may make of a return.
const (
	ReturnApprove = "approve" // one that was asked for
	ReturnDeny    = "deny"    // likewise
	ReturnRevoke  = "revoke"  // one that was granted: the sale is paid again
	ReturnReplace = "replace" // one for which another lead is owed: that has been sold
)

// How a return stands to its buyer.
const (
	ReturnWaits       = "waiting"     // a person has to decide
	ReturnReturned    = "returned"    // its money is credited
	ReturnReplacement = "replacement" // another lead is owed for it
	ReturnDenied      = "denied"      // the sale stays, whatever was before
)

// ReturnResult tells how a return stands by its last event.
func ReturnResult(adj *ledger.Adjusted) string {
	switch {
	case adj.Adjustment == ledger.AdjustReturnAsked:
		return ReturnWaits
	case adj.Adjustment == ledger.AdjustReturnDenied, adj.Adjustment == ledger.AdjustReturnRevoked:
		return ReturnDenied
	case adj.Adjustment == ledger.AdjustReturned && adj.Return.Replace:
		return ReturnReplacement
	}
	return ReturnReturned
}

// ReturnDecision is what a person makes of a return.
type ReturnDecision struct {
	Name    string      // of the sale, as of ReturnAsk
	What    string      // one of the constants
	Credit  *lead.Money // approve: what comes back; nil: by the reason
	With    string      // replace: any name of the sale that stands in its place
	Why, By string
	Budget  time.Duration // as of ReturnAsk
}

// DecideReturn has a return be what a person makes of it. As with Return, what is so already is not written again.
func (e *Exchange) DecideReturn(d ReturnDecision) (adj *ledger.Adjusted, changed bool, err error) {
	id, attempt, err := e.saleFor(&ReturnAsk{Name: d.Name, Budget: d.Budget})
	if err != nil {
		return nil, false, err
	}
	var with, sale lead.ID
	if d.What == ReturnReplace {
		if with, sale, err = e.saleFor(&ReturnAsk{Name: d.With, Budget: d.Budget}); err != nil {
			return nil, false, fmt.Errorf("in its place: %w", err)
		}
	}
	return e.onSale(id, attempt, func(h *history.History, a *history.Attempt) (*ledger.Adjusted, error) {
		last := a.LastReturn()
		if last == nil {
			return nil, ErrNotReturned
		}
		ret := *last.Return
		ret.Credit, ret.Clawback, ret.Decided = 0, 0, ledger.DecidedByPerson
		adj := &ledger.Adjusted{Why: d.Why, By: d.By, Return: &ret, Bid: a.Posting.Price, Segment: a.Posting.Segment}
		switch d.What {
		case ReturnApprove:
			return e.approve(h, a, adj, d.Credit)
		case ReturnDeny:
			return e.deny(a, adj)
		case ReturnRevoke:
			return e.revoke(a, adj)
		}
		o, err := e.history(with) // as it is now: it may have been given back meanwhile
		if err != nil {
			return nil, err
		}
		return e.replace(a, adj, o.Attempt(sale))
	})
}

func (e *Exchange) approve(h *history.History, a *history.Attempt, adj *ledger.Adjusted, credit *lead.Money) (
	*ledger.Adjusted, error) {
	switch {
	case a.Returned():
		return a.LastReturn(), nil
	case !a.Asked():
		return nil, ErrNotAsked
	case a.Outcome() != lead.Accepted:
		return nil, fmt.Errorf("%w: %s", ErrNoSale, whyNoSale(h, a))
	}
	return adj, e.grant(h, a, adj, e.inForce.Load().cfg.Book.Buyer(a.Posting.Buyer), credit)
}

func (e *Exchange) deny(a *history.Attempt, adj *ledger.Adjusted) (*ledger.Adjusted, error) {
	switch {
	case a.LastReturn().Adjustment == ledger.AdjustReturnDenied:
		return a.LastReturn(), nil
	case !a.Asked():
		return nil, ErrNotAsked
	}
	adj.Adjustment = ledger.AdjustReturnDenied
	adj.Charges = taken(a.Returns, lead.OfTally)
	return adj, nil
}

// revoke books again what a return has given back, and takes the places again that it has freed in windows that are
// still kept.
func (e *Exchange) revoke(a *history.Attempt, adj *ledger.Adjusted) (*ledger.Adjusted, error) {
	switch {
	case a.LastReturn().Adjustment == ledger.AdjustReturnRevoked:
		return a.LastReturn(), nil
	case !a.Returned():
		return nil, ErrNotReturned
	}
	adj.Adjustment = ledger.AdjustReturnRevoked
	credit, back := a.GivenBack()
	adj.Return.Credit, adj.Return.Clawback = -credit, -back
	all := taken(a.Returns, "")
	kept := e.store.Kept(all)
	for _, c := range all {
		if c.Of == lead.OfTally || slices.Contains(kept, c) {
			adj.Charges = append(adj.Charges, c)
		}
	}
	return adj, nil
}

// taken are charges that undo what events have added to counts, those of one kind if it is not "".
func taken(events []*ledger.Adjusted, of string) (out []lead.Charge) {
	for _, ev := range events {
		for _, c := range ev.Charges {
			if of != "" && c.Of != of {
				continue
			}
			i := slices.IndexFunc(out, func(o lead.Charge) bool {
				return o.Cap == c.Cap && o.Window == c.Window && o.Of == c.Of
			})
			if i < 0 {
				c.N = -c.N
				out = append(out, c)
				continue
			}
			out[i].N -= c.N
		}
	}
	return slices.DeleteFunc(out, func(c lead.Charge) bool { return c.N == 0 })
}

// replace pays for a lead that came in place of one that was given back: what comes back is the share of the old price
// that the return is for, and at most the price of the new one.
func (e *Exchange) replace(a *history.Attempt, adj *ledger.Adjusted, with *history.Attempt) (*ledger.Adjusted,
	error) {
	last, p, n := a.LastReturn(), a.Posting, with.Posting
	switch {
	case last.Adjustment == ledger.AdjustReplaced && *last.Return.ReplacedBy == n.Attempt:
		return last, nil
	case last.Adjustment != ledger.AdjustReturned || !last.Return.Replace:
		return nil, fmt.Errorf("%w: no lead is owed for it", ErrReplacement)
	case with.Outcome() != lead.Accepted || with.Returned() || n.Buyer != p.Buyer || n.Attempt == p.Attempt ||
		n.Vertical != p.Vertical:
		return nil, fmt.Errorf("%w: expected another sale to %s in %s, which is not given back", ErrReplacement,
			p.Buyer, p.Vertical)
	case n.At.Before(last.At):
		return nil, fmt.Errorf("%w: it was sold before the other was given back", ErrReplacement)
	}
	if err := e.known(); err != nil { // another return may have this lead
		return nil, err
	}
	once := lead.Charge{Cap: "buyer:" + p.Buyer + ":replaces", Window: n.Attempt.String(), N: 1, Of: lead.OfTally}
	if e.led.Count(once.Cap, once.Window) > 0 {
		return nil, fmt.Errorf("%w: it stands in place of another one already", ErrReplacement)
	}
	adj.Adjustment, adj.Return.ReplacedBy = ledger.AdjustReplaced, &n.Attempt
	due := a.Booked().Price.MulPPM(last.Return.CreditPPM).RoundCents()
	adj.Return.Credit = min(due, with.Booked().Price)
	adj.Charges = []lead.Charge{once}
	for _, c := range e.refill(n, false, adj.Return.Credit) { // of the one that came: it is not paid for
		if c.Of == lead.OfSpend {
			adj.Charges = append(adj.Charges, c)
		}
	}
	return adj, nil
}
