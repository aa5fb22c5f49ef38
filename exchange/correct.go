// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// What is settled may turn out to be wrong: an attempt that a buyer accepted was never one, or one that was refused is
// on its invoice, or a sale has another price. Nothing is taken out of the ledger: an event tells what stands from then
// on, and what stood before, and all that counts or sums goes by the last one.

// Correction is how a settled attempt ended in truth.
type Correction struct {
	Name      string // any name that leads to one attempt
	Accepted  bool
	Price     *lead.Money // accepted: the booked price; nil: as it was, or the bid
	Reference string      // accepted: the buyer's; "": as it was
	Oversell  bool        // also where the lead is then sold more often than its buyers were promised
	Ref       string      // what its maker knows it by: once a lead; "": nothing
	Why, By   string
}

// Rebooking is what is booked for a sale that stands.
type Rebooking struct {
	Name    string      // any name that leads to one sale
	Price   *lead.Money // nil: as it is
	Payout  *lead.Money // nil: as it is
	Ref     string      // as of Correction
	Why, By string
}

// Errors of Correct and Rebook.
var (
	ErrNoAttempt  = errors.New("this name leads to no attempt whose end is known, or to several")
	ErrUncertain  = errors.New("its outcome is not known: resolve it first, without a correction")
	ErrNotSettled = errors.New("the lead has no answer yet: its seller's repeat or the end of its quote settles it")
	ErrNeverSent  = errors.New("nothing of this attempt was ever sent, or it is a test: it cannot have been a sale")
	ErrOversold   = errors.New("the lead would be sold more often than was promised")
	ErrRefUsed    = errors.New("this lead has another correction under this ref")
)

// Correct has a settled attempt have ended otherwise. When it returns nil the correction is in the ledger, and counts,
// slots, money and the seller's answer follow: of caps the windows that are still kept. What stands already is not
// written again: then changed is false, and the event is the last one that says so, nil if none does.
func (e *Exchange) Correct(r Correction, budget time.Duration) (adj *ledger.Adjusted, changed bool, err error) {
	is := func(a *history.Attempt) bool {
		o := a.Outcome()
		return o == lead.Accepted || o == lead.Unknown || len(a.Changes) > 0 || r.Accepted
	}
	return e.change(r.Name, budget, is, func(h *history.History, a *history.Attempt) (*ledger.Adjusted, error) {
		return e.correction(h, a, &r)
	})
}

// correction makes the event of a correction of an attempt.
func (e *Exchange) correction(h *history.History, a *history.Attempt, r *Correction) (*ledger.Adjusted, error) {
	p, was := a.Posting, a.Booked()
	next := ledger.Booked{Outcome: lead.Rejected}
	if r.Accepted {
		next = ledger.Booked{Outcome: lead.Accepted, Price: was.Price, Payout: was.Payout, Reference: was.Reference}
		if was.Outcome != lead.Accepted {
			next.Price, next.Payout = p.Price, p.Payout
			if a.Posted != nil {
				next.Reference = a.Posted.Reference
			}
		}
		if r.Price != nil && (was.Outcome != lead.Accepted || next.Price != r.Price.RoundCents()) {
			next.Price = r.Price.RoundCents()
			if p.Terms != nil && p.Terms.PayoutFollows || was.Outcome != lead.Accepted {
				next.Payout = h.PayoutOf(p, next.Price)
			}
		}
		if r.Reference != "" {
			next.Reference = r.Reference
		}
	} else if !was.Outcome.Standing() {
		next.Outcome = was.Outcome // as it was refused
	}
	out := &ledger.Adjusted{Adjustment: ledger.AdjustCorrected, Why: r.Why, By: r.By, Ref: r.Ref, Bid: p.Price,
		Segment: p.Segment}
	set(out, &next)
	out.Charges = e.corrected(p.Charges, was, next)
	if was.Outcome.Standing() == next.Outcome.Standing() {
		return out, nil
	}
	why := oversells(h, a)
	if why == "" {
		var err error
		if why, err = e.soldAnew(h); err != nil {
			return nil, err
		}
	}
	if next.Outcome == lead.Accepted && why != "" {
		if out.Oversold = true; !r.Oversell {
			return nil, fmt.Errorf("%w: %s", ErrOversold, why)
		}
	}
	return out, nil
}

// Rebook books other money for a sale that stands. A price and a payout of 0 void it: nobody owes anything, and the
// places that it has stay taken. As with Correct, what stands already is not written again.
func (e *Exchange) Rebook(r Rebooking, budget time.Duration) (adj *ledger.Adjusted, changed bool, err error) {
	is := func(a *history.Attempt) bool { return a.Outcome() == lead.Accepted }
	return e.change(r.Name, budget, is, func(_ *history.History, a *history.Attempt) (*ledger.Adjusted, error) {
		if a.Outcome() != lead.Accepted {
			return nil, ErrNoSale
		}
		next := a.Booked()
		if r.Price != nil {
			next.Price = r.Price.RoundCents()
		}
		if r.Payout != nil {
			next.Payout = r.Payout.RoundCents()
		}
		out := &ledger.Adjusted{Adjustment: ledger.AdjustRebooked, Why: r.Why, By: r.By, Ref: r.Ref,
			Charges: e.corrected(a.Posting.Charges, a.Booked(), next)}
		set(out, &next)
		return out, nil
	})
}

// corrected are the charges of a correction: of what the posting charged, in windows that are kept. A correction takes
// back or makes a sale with its money, or changes that; posts that went out stay counted.
func (e *Exchange) corrected(charges []lead.Charge, was, is ledger.Booked) (out []lead.Charge) {
	kept := e.store.Kept(charges)
	for _, c := range charges {
		if c.Of == lead.OfTally { // the ledger's, and no cap
			kept = append(kept, c)
		}
	}
	for _, c := range kept {
		switch {
		case c.Of == lead.OfAttempts:
			continue
		case c.Of == lead.OfSpend && was.Outcome.Standing() && is.Outcome.Standing():
			c.N = int64(is.Price - was.Price)
		case c.Of == lead.OfSpend && was.Outcome.Standing():
			c.N = int64(was.Price)
		case c.Of == lead.OfSpend:
			c.N = int64(is.Price)
		case was.Outcome.Standing() == is.Outcome.Standing():
			continue
		}
		if c.N != 0 {
			out = append(out, c)
		}
	}
	return out
}

func set(adj *ledger.Adjusted, b *ledger.Booked) {
	adj.Outcome, adj.Price, adj.Payout, adj.Reference = b.Outcome, b.Price, b.Payout, b.Reference
}

func bookedBy(adj *ledger.Adjusted) ledger.Booked {
	return ledger.Booked{Outcome: adj.Outcome, Price: adj.Price, Payout: adj.Payout, Reference: adj.Reference}
}

// change finds the attempt that a name leads to, among those that could be meant, and makes one change of it.
func (e *Exchange) change(name string, budget time.Duration, is func(*history.Attempt) bool,
	to func(*history.History, *history.Attempt) (*ledger.Adjusted, error)) (*ledger.Adjusted, bool, error) {
	id, attempt, err := e.attemptOf(name, budget, is) // the ledger may have to be searched: others need not wait
	if err != nil {
		return nil, false, err
	}
	e.settling.Lock()
	defer e.settling.Unlock()
	held := e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(id), &underWay{}); !ok {
		return nil, false, ErrUnderWay
	}
	h, err := e.history(id)
	if err != nil {
		return nil, false, err
	}
	a := h.Attempt(attempt)
	if a == nil || h.Pinged == nil {
		return nil, false, fmt.Errorf("%w: the lead's first events were dropped with age", ErrNoAttempt)
	}
	switch o := a.Outcome(); {
	case o == lead.Unknown:
		return nil, false, ErrUncertain
	case o == lead.NotSent, h.Pinged.Test, a.Posting.Test:
		return nil, false, ErrNeverSent
	case h.Settled == nil:
		return nil, false, ErrNotSettled
	case a.Returned():
		return nil, false, ErrReturned
	}
	adj, err := to(h, a)
	if err != nil {
		return nil, false, err
	}
	if old, err := known(h, attempt, adj); old != nil || err != nil {
		return old, false, err
	}
	was := a.Booked()
	if bookedBy(adj) == was {
		if n := len(a.Changes); n > 0 {
			return a.Changes[n-1], false, nil
		}
		return a.Resolved, false, nil
	}
	adj.Was = &was
	return adj, true, e.rebook(h, a, adj, held)
}

// known is the change that was made under the ref of this one before.
func known(h *history.History, attempt lead.ID, adj *ledger.Adjusted) (*ledger.Adjusted, error) {
	if adj.Ref == "" {
		return nil, nil
	}
	for i := range h.Attempts {
		for _, c := range h.Attempts[i].Changes {
			switch {
			case c.Ref != adj.Ref:
			case c.Attempt != attempt, c.Adjustment != adj.Adjustment:
				return nil, ErrRefUsed
			default:
				return c, nil
			}
		}
	}
	return nil, nil
}

// rebook writes a change down, with the answer that the lead has by it, and what else becomes durable with it.
func (e *Exchange) rebook(h *history.History, a *history.Attempt, adj *ledger.Adjusted, held *heldClaims,
	with ...ledger.Event) error {
	p, snap := a.Posting, e.inForce.Load()
	adj.Head = snap.head(ledger.KindAdjusted, h.ID, p.Source, p.Vertical, e.now())
	adj.Attempt, adj.Campaign, adj.Buyer = p.Attempt, p.Campaign, p.Buyer
	a.Changes = append(a.Changes, adj)
	d := e.atEnd(snap, h)
	if d.no == nil || d.no.Refusal.Outcome() == lead.Unknown {
		d.no = &ledger.Posted{Refusal: lead.BuyerRejected}
	}
	answer := d.settlement()
	answer.Was = &ledger.Answered{At: h.Settled.At, Result: h.Settled.Result}
	h.Settled = answer
	done := func() {
		change := capstore.Change{Token: adj.EventID,
			Charges: lead.Corrected(adj.Charges, adj.Was.Outcome, adj.Outcome)}
		switch was, is := adj.Was.Outcome.Standing(), adj.Outcome.Standing(); {
		case was && !is:
			change.Undo = &p.Attempt
		case is && !was:
			change.Redo = &capstore.Restored{Token: p.Attempt, Lead: h.ID, Buyer: p.Holder(), MaxSold: p.MaxSold,
				SellLimit: p.SellLimit, Charges: adj.Charges, Marks: heldMarks(p), At: p.At}
		}
		e.recount(change)
		e.Stats.corrected(adj)
		if h.Finished() {
			e.forget(h.ID)
		}
	}
	if err := e.append(adj.By == byClearpost, append(with, adj, answer)); err != nil {
		e.learn(err, held, done)
		return fmt.Errorf("not changed: %w", err)
	}
	done()
	return nil
}

// oversells tells in words why a lead cannot have been sold by an attempt beside its sales and what may be one; "" if
// it can.
func oversells(h *history.History, a *history.Attempt) string {
	n, most := 1, limitOf(a.Posting)
	for i := range h.Attempts {
		o := &h.Attempts[i]
		if o.Posting.Attempt == a.Posting.Attempt || !o.Outcome().Standing() {
			continue
		}
		if o.Posting.Holder() == a.Posting.Holder() {
			return fmt.Sprintf("%s has it by attempt %s", o.Posting.Holder(), o.Posting.Attempt)
		}
		n, most = n+1, min(most, limitOf(o.Posting))
	}
	if n > most {
		return fmt.Sprintf("%d times, where %d are allowed", n, most)
	}
	return ""
}

// limitOf is how often a lead is sold in all by what an attempt promised its buyer.
func limitOf(p *ledger.Posting) int {
	most := max(p.MaxSold, 1)
	if p.SellLimit > 0 {
		most = min(most, p.SellLimit)
	}
	return most
}

// attemptOf finds the one attempt that a name leads to: by an attempt's name that one, by a lead's the only one that
// could be meant.
func (e *Exchange) attemptOf(name string, budget time.Duration, is func(*history.Attempt) bool) (id, attempt lead.ID,
	err error) {
	f, err := e.Find(name, budget)
	if err != nil {
		return id, attempt, err
	}
	var found []lead.ID
	for _, m := range f.Matches {
		h, err := e.history(m.Lead)
		if err != nil {
			return id, attempt, err
		}
		for i := range h.Attempts {
			a := &h.Attempts[i]
			at := a.Posting.Attempt
			if m.Attempt.IsZero() && is(a) || at == m.Attempt {
				if id = h.ID; !slices.Contains(found, at) {
					found = append(found, at)
				}
			}
		}
	}
	if len(found) != 1 {
		return id, attempt, fmt.Errorf("%w (%d)", ErrNoAttempt, len(found))
	}
	return id, found[0], nil
}
