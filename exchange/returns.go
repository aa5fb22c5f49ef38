// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A buyer may give a lead back that it has bought: within a window and a limit, for a reason of its page's list. What
// is granted is an event of its own beside the sale's, so that the sale stands as it was, and all that sums money takes
// what came back off it. A sale is given back once, whoever asks for it how often.

// ReturnAsk is a buyer's wish to give a sale back.
type ReturnAsk struct {
	Buyer  string // whose sale it must be; "": whoever's the name leads to
	Name   string // of the sale: as of Find; or the buyer's reference
	Phone  string // in place of a name: the person's
	Reason string // of the list on the buyer's page
	Note   string // in the buyer's words, up to ReturnNoteMax bytes
	// where the buyer resells: what its own buyer has told of the lead; nil: nothing
	Chain *ChainTold
	// a person grants it: at once, outside of window and limit too
	Grant  bool
	Credit *lead.Money // Grant: what comes back, up to what is booked; nil: by the reason
	By     string
	Budget time.Duration // how long the ledger may be searched for a reference where there is no view
}

// ReturnNoteMax is how long a buyer's note may be, in bytes.
const ReturnNoteMax = 500

// Errors of Return and of what decides about one. What a message adds is for whoever asked.
var (
	ErrReturnsNone  = errors.New("this buyer gives nothing back: its page has no `returns`")
	ErrReturnReason = errors.New("no reason of the buyer's list")
	ErrReturnLate   = errors.New("the time in which the lead may be given back is over")
	ErrReturnLimit  = errors.New("as many of the period's leads are given back as may be")
	ErrChainMissing = errors.New("this buyer resells: expected its own buyer's reference of the return, and its date")
	ErrChainDate    = errors.New("its own buyer has not given the lead back within the time that counts")
	ErrChainAgain   = errors.New("its own buyer's reference was told for another lead")
	ErrReturned     = errors.New("the sale is given back: revoke the return first")
	ErrNotAsked     = errors.New("no return of this sale waits for a decision")
	ErrNotReturned  = errors.New("this sale is not given back")
	ErrReturnCredit = errors.New("no credit that the sale allows")
	ErrNoPhones     = errors.New("leads are found by phone in the view for reports only, and there is none")
	ErrReplacement  = errors.New("this cannot stand in place of the lead that was given back")
)

// SalesQuery is by what a view of the ledger finds leads that a buyer may have bought.
type SalesQuery struct {
	Buyer            string // "": any
	Reference, Phone string // one of them
}

// Return has a sale given back, or asks a person for it. When it returns nil the event is in the ledger, and counts and
// balance follow. changed is false where the sale is given back already, or asked for, or was denied: then nothing is
// written, and the event is the one that stands.
func (e *Exchange) Return(r ReturnAsk) (adj *ledger.Adjusted, changed bool, err error) {
	id, attempt, err := e.saleFor(&r)
	if err != nil {
		return nil, false, err
	}
	return e.onSale(id, attempt, func(h *history.History, a *history.Attempt) (*ledger.Adjusted, error) {
		if why := whyNoSale(h, a); why != "" {
			return nil, fmt.Errorf("%w: %s", ErrNoSale, why)
		}
		if last := a.LastReturn(); last != nil && (a.Returned() || !r.Grant) {
			return last, nil
		}
		return e.returned(h, a, &r)
	})
}

// returned makes the event of a return that stands at its beginning.
func (e *Exchange) returned(h *history.History, a *history.Attempt, r *ReturnAsk) (*ledger.Adjusted, error) {
	snap, p, now := e.inForce.Load(), a.Posting, e.now()
	y := snap.cfg.Book.Buyer(p.Buyer)
	var rule *buyers.Returns
	if y != nil {
		rule = y.Returns
	}
	if rule == nil && !r.Grant {
		return nil, ErrReturnsNone
	}
	ret := &ledger.Return{Reason: r.Reason, Note: r.Note, CreditPPM: int64(lead.Unit), Sold: p.At,
		Known: reported(h, a)}
	auto := false
	if rule != nil {
		reason := rule.Reason(r.Reason)
		if reason == nil {
			return nil, fmt.Errorf("%w: %q, expected one of %s", ErrReturnReason, r.Reason,
				strings.Join(rule.Names(), ", "))
		}
		ret.CreditPPM, ret.Replace, auto = reason.PPM, reason.Replace, reason.Auto
		until := rule.Until(p.At)
		if ret.Until = &until; !now.Before(until) && !r.Grant {
			return nil, fmt.Errorf("%w: it was until %s", ErrReturnLate, until.Format(time.RFC3339))
		}
		if err := e.limited(y, p, ret, r.Grant); err != nil {
			return nil, err
		}
		if err := e.chained(y, a, ret, r); err != nil {
			return nil, err
		}
	}
	adj := &ledger.Adjusted{Adjustment: ledger.AdjustReturnAsked, Why: r.Reason, By: r.By, Return: ret, Bid: p.Price,
		Segment: p.Segment}
	if n := len(a.Returns); n == 0 || !a.Asked() { // else it is counted
		adj.Charges = append(tally(y, p, 1), chainOnce(p, ret)...)
	}
	switch {
	case r.Grant:
		ret.Decided = ledger.DecidedByPerson
	case auto:
		ret.Decided = ledger.DecidedByRule
	default:
		return adj, nil
	}
	return adj, e.grant(h, a, adj, y, r.Credit)
}

// grant makes an event one that gives the sale back.
func (e *Exchange) grant(h *history.History, a *history.Attempt, adj *ledger.Adjusted, y *buyers.Buyer,
	credit *lead.Money) error {
	snap, booked, ret := e.inForce.Load(), a.Booked(), adj.Return
	adj.Adjustment = ledger.AdjustReturned
	if s := snap.source[h.Pinged.Source]; s != nil {
		ret.ClawbackPPM = s.ReturnsPPM
	}
	due := booked.Price.MulPPM(ret.CreditPPM).RoundCents()
	if credit != nil {
		if due = *credit; due < 0 || due > booked.Price {
			return fmt.Errorf("%w: %s, expected 0 to %s, which is booked", ErrReturnCredit, due, booked.Price)
		}
		ret.CreditPPM, ret.Replace = 0, false
	}
	due = min(due, booked.Price)
	ret.Clawback = clawback(booked, due, ret.ClawbackPPM)
	if !ret.Replace {
		ret.Credit = due
	}
	if y == nil || y.Returns == nil || !y.Returns.KeepCaps {
		adj.Charges = append(adj.Charges, e.refill(a.Posting, due == booked.Price, ret.Credit)...)
	} else {
		adj.Charges = append(adj.Charges, e.refund(a.Posting, ret.Credit)...)
	}
	return nil
}

// clawback is what the source gives back of its payout, where the buyer gets so much of the price back: the same share
// of it, of which the source bears ppm millionths, rounded down to cents.
func clawback(b ledger.Booked, credit lead.Money, ppm int64) lead.Money {
	if b.Price <= 0 || b.Payout <= 0 || ppm == 0 {
		return 0
	}
	n := big.NewInt(int64(b.Payout))
	n.Mul(n, big.NewInt(int64(credit))).Mul(n, big.NewInt(ppm))
	n.Quo(n, big.NewInt(int64(b.Price))).Quo(n, big.NewInt(int64(lead.Unit)))
	return min(lead.Money(n.Int64()), b.Payout).FloorCents()
}

// limited judges a return by the limit of its buyer, and writes down by what.
func (e *Exchange) limited(y *buyers.Buyer, p *ledger.Posting, ret *ledger.Return, grant bool) error {
	sale, back, ok := y.Tallies(p.At)
	if !ok {
		return nil
	}
	for _, c := range p.Charges { // of the configuration by which it was sold, if that counted alike
		if c.Of == lead.OfTally && c.Cap == sale.Cap {
			sale.Window, back.Window = c.Window, c.Window
		}
	}
	allowed := y.Returns.Limit.Allowed(e.led.Count(sale.Cap, sale.Window))
	ret.Period, ret.Before, ret.Allowed = back.Window, e.led.Count(back.Cap, back.Window), &allowed
	if ret.Before >= allowed && !grant {
		return fmt.Errorf("%w: %d of at most %d of %s", ErrReturnLimit, ret.Before, allowed, ret.Period)
	}
	return nil
}

// tally is what a return counts of its buyer's limit.
func tally(y *buyers.Buyer, p *ledger.Posting, n int64) []lead.Charge {
	if y == nil {
		return nil
	}
	sale, back, ok := y.Tallies(p.At)
	if !ok {
		return nil
	}
	for _, c := range p.Charges {
		if c.Of == lead.OfTally && c.Cap == sale.Cap {
			back.Window = c.Window
		}
	}
	back.N = n
	return []lead.Charge{back}
}

// refill is what a return gives back to caps of the buyer's side, as far as the posting has charged windows that are
// open now: a place where the whole price comes back, and the money. What is of a window that has closed refills
// nothing, since nothing can be sold in it any more.
func (e *Exchange) refill(p *ledger.Posting, whole bool, credit lead.Money) (out []lead.Charge) {
	snap, now := e.inForce.Load(), e.now()
	open := map[string]bool{}
	for _, c := range snap.buyersCaps(p) {
		t := capsThen{now: now}
		for _, name := range t.names(&c) {
			open[capWindow(c.Key, name)] = true
		}
	}
	for _, c := range e.store.Kept(p.Charges) {
		base, _ := rules.BaseKey(c.Cap)
		if !open[capWindow(base, c.Window)] && !strings.HasSuffix(base, rules.BalanceKey) {
			continue // an account stays one, whatever its buyer's page says meanwhile
		}
		switch {
		case c.Of == lead.OfSpend && credit != 0:
			c.N = -int64(credit)
		case c.Of == lead.OfAccepted && whole:
			c.N = -1
		default:
			continue
		}
		out = append(out, c)
	}
	return out
}

// refund is the part of refill that is the buyer's account.
func (e *Exchange) refund(p *ledger.Posting, credit lead.Money) (out []lead.Charge) {
	for _, c := range e.refill(p, false, credit) {
		if strings.HasSuffix(c.Cap, rules.BalanceKey) {
			out = append(out, c)
		}
	}
	return out
}

// buyersCaps are the caps under which an attempt was made that are its campaign's, its buyer's or of the companies
// above, as far as there are these still.
func (snap *Snapshot) buyersCaps(p *ledger.Posting) (out []rules.Cap) {
	y := snap.cfg.Book.Buyer(p.Buyer)
	switch c := snap.cfg.Book.Campaign(p.Campaign); {
	case c != nil:
		y, out = c.Buyer, slices.Clone(c.Caps)
	case y != nil:
		out = slices.Clone(y.Caps)
	default:
		return nil
	}
	for _, above := range ParentsOf(&snap.cfg)(y) {
		out = append(out, above.Caps...)
	}
	return out
}

// reported tells whether somebody has told of the sale that it was given back.
func reported(h *history.History, a *history.Attempt) bool {
	return slices.ContainsFunc(h.Events, func(ev ledger.Event) bool {
		adj, ok := ev.(*ledger.Adjusted)
		return ok && adj.Adjustment == ledger.AdjustReported && adj.Attempt == a.Posting.Attempt &&
			adj.Fate == ledger.FateReturned
	})
}

// whyNoSale tells why an attempt is no sale that could be given back, "" if it is one.
func whyNoSale(h *history.History, a *history.Attempt) string {
	switch o := a.Outcome(); {
	case h.Pinged.Test, a.Posting.Test:
		return "it is a test"
	case o == lead.Unknown:
		return "whether it was sold is not known yet"
	case o != lead.Accepted:
		return "the buyer has not taken it: " + o.String()
	}
	return ""
}

// onSale has an attempt of a lead changed by an event, or finds the one that stands.
func (e *Exchange) onSale(id, attempt lead.ID, to func(*history.History, *history.Attempt) (*ledger.Adjusted, error)) (
	*ledger.Adjusted, bool, error) {
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
		return nil, false, fmt.Errorf("%w: the lead's first events were dropped with age", ErrNoSale)
	}
	adj, err := to(h, a)
	if err != nil || slices.Contains(a.Returns, adj) {
		return adj, false, err
	}
	p := a.Posting
	adj.Head = e.inForce.Load().head(ledger.KindAdjusted, h.ID, p.Source, p.Vertical, e.now())
	adj.Attempt, adj.Campaign, adj.Buyer = p.Attempt, p.Campaign, p.Buyer
	done := func() {
		e.recount(capstore.Change{Token: adj.EventID, Charges: adj.Charges})
		e.Stats.returned(adj)
	}
	if err := e.led.Append(adj); err != nil {
		if e.learn(err, held, done); adj.Adjustment == ledger.AdjustReplaced {
			errors.As(err, &e.unsure)
		}
		return nil, false, fmt.Errorf("%w: %w", ErrNotBooked, err)
	}
	done()
	return adj, true, nil
}

// saleFor finds the one sale that a return is of.
func (e *Exchange) saleFor(r *ReturnAsk) (id, attempt lead.ID, err error) {
	leads, named, err := e.soldLeads(r)
	if err != nil {
		return id, attempt, err
	}
	type sale struct{ lead, attempt lead.ID }
	var found []sale
	why := ""
	for i, l := range leads {
		h, err := e.history(l)
		if err != nil {
			return id, attempt, err
		}
		if h.Pinged == nil {
			continue
		}
		for k := range h.Attempts {
			a := &h.Attempts[k]
			p := a.Posting
			switch no := whyNoSale(h, a); {
			case r.Buyer != "" && p.Buyer != r.Buyer, !named[i].IsZero() && named[i] != p.Attempt:
			case !r.calls(l, a):
			case no != "":
				why = no
			default:
				if s := (sale{l, p.Attempt}); !slices.Contains(found, s) {
					found = append(found, s)
				}
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0].lead, found[0].attempt, nil
	case len(found) > 1:
		var list []string
		for _, s := range found {
			list = append(list, s.attempt.String())
		}
		return id, attempt, fmt.Errorf("%w: its attempts %s", ErrNoSale, strings.Join(list, ", "))
	case why != "":
		return id, attempt, fmt.Errorf("%w: %s", ErrNoSale, why)
	}
	return id, attempt, fmt.Errorf("%w: nothing that was sold is called so", ErrNoSale)
}

// calls tells whether the name that a return has may be meant for an attempt of a lead: it is the id of one of them, or
// a reference, which has to be the attempt's own.
func (r *ReturnAsk) calls(of lead.ID, a *history.Attempt) bool {
	p := a.Posting
	if id, err := lead.ParseID(r.Name); err == nil && (id == of || id == p.Attempt) || r.Name == "" {
		return true
	}
	ref := a.Booked().Reference
	if ref == "" && a.Posted != nil {
		ref = a.Posted.Reference
	}
	if ref == r.Name || ref != "" && (r.Name == p.Campaign+":"+ref || r.Name == p.Buyer+":"+ref) {
		return true
	}
	source, _, ok := strings.Cut(r.Name, ":")
	return ok && r.Buyer == "" && source == p.Source
}

// soldLeads are the leads that a return may be of, and the attempt of each if the name is one's.
func (e *Exchange) soldLeads(r *ReturnAsk) (leads, attempts []lead.ID, err error) {
	if id, no := lead.ParseID(r.Name); no == nil {
		f, err := e.findID(id)
		if leads, attempts = f.ids(); err != nil || len(leads) > 0 {
			return leads, attempts, err
		}
	}
	if search := e.search; search != nil {
		ctx, cancel := context.WithTimeout(e.end, searchFor)
		defer cancel()
		q := SalesQuery{Buyer: r.Buyer, Reference: r.Name, Phone: r.Phone}
		if by, ref, ok := strings.Cut(r.Name, ":"); ok && e.inForce.Load().knows(by) {
			q.Reference = ref
		}
		leads, err = search(ctx, q)
		if err == nil && len(leads) > 0 || r.Phone != "" {
			return leads, make([]lead.ID, len(leads)), err
		}
	}
	if r.Phone != "" {
		return nil, nil, ErrNoPhones
	}
	f, err := e.Find(r.Name, r.Budget)
	if err != nil {
		return nil, nil, err
	}
	leads, attempts = f.ids()
	return leads, attempts, nil
}

// ids are the leads of what was found, and the attempts.
func (f *Found) ids() (leads, attempts []lead.ID) {
	for _, m := range f.Matches {
		leads, attempts = append(leads, m.Lead), append(attempts, m.Attempt)
	}
	return leads, attempts
}

// searchFor is how long the view may take to find a sale.
const searchFor = 5 * time.Second

// knows tells whether an id is one of a campaign or a buyer.
func (snap *Snapshot) knows(id string) bool {
	return snap.cfg.Book.Campaign(id) != nil || snap.cfg.Book.Buyer(id) != nil
}
