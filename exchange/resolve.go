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

// OpenAttempt is an attempt whose outcome nobody knows: a person has to ask the buyer.
type OpenAttempt struct {
	Attempt   lead.ID    `json:"attempt"`
	Lead      lead.ID    `json:"lead_id"`
	Source    string     `json:"source"`
	Vertical  string     `json:"vertical"`
	Campaign  string     `json:"campaign"`
	Buyer     string     `json:"buyer"`
	Price     lead.Money `json:"price_micros"`
	Payout    lead.Money `json:"payout_micros"`
	Since     time.Time  `json:"since"`
	Reference string     `json:"reference,omitempty"` // the buyer's, where it gave one
	// how the call ended; "no end in the ledger" if the exchange was stopped during it
	Why string `json:"why"`
}

// String is a line for people.
func (o OpenAttempt) String() string {
	return Match{Lead: o.Lead, Attempt: o.Attempt, Campaign: o.Campaign, Reference: o.Reference, At: o.Since}.String()
}

// Unresolved lists the attempts without a known outcome, oldest first. Those whose trip is still under way are left
// out.
func (e *Exchange) Unresolved() ([]OpenAttempt, error) {
	open, err := e.led.Unresolved()
	if err != nil {
		return nil, err
	}
	out := make([]OpenAttempt, 0, len(open))
	for _, o := range open {
		// A trip that ends in between has no open attempt any more: the fold sees that.
		if e.claims.Busy(leadName(o.Lead)) {
			continue
		}
		h, err := e.history(o.Lead)
		if err != nil {
			out = append(out, OpenAttempt{Attempt: o.Attempt, Lead: o.Lead, Source: o.Source, Vertical: o.Vertical,
				Since: o.Since, Why: "its events cannot be read: " + err.Error()})
			continue
		}
		a := h.Attempt(o.Attempt)
		if a == nil || a.Outcome() != lead.Unknown {
			continue
		}
		p := a.Posting
		row := OpenAttempt{Attempt: o.Attempt, Lead: o.Lead, Source: p.Source, Vertical: p.Vertical,
			Campaign: p.Campaign, Buyer: p.Buyer, Price: p.Price, Payout: p.Payout, Since: p.At,
			Why: "no end in the ledger"}
		if a.Posted != nil {
			row.Why, row.Reference = a.Posted.Refusal.String(), a.Posted.Reference
		}
		out = append(out, row)
	}
	return out, nil
}

// Resolution is what a person found out about an attempt.
type Resolution struct {
	Attempt   lead.ID
	Accepted  bool
	Price     *lead.Money // accepted: the booked price; nil = the bid
	Reference string
	Why, By   string

	from *lead.ID        // the resend that told it
	told *ledger.ToldRow // the row of a response that told it, under its ref
	ref  string
}

// Errors of Resolve.
var (
	ErrNotUnresolved = errors.New("no unresolved attempt with this id")
	ErrUnderWay      = errors.New("the lead has a post under way: try again later")
	ErrInFile        = errors.New("the attempt is a row of a file that is under way: `clearpost batches` tells of it")
)

// Resolve settles an attempt whose outcome was unknown. When it returns nil the resolution is in the ledger; the hold
// is committed or released. The lead is settled with it, unless a crash cut its trip off and its quote still lasts:
// then the seller's repeat resumes it.
func (e *Exchange) Resolve(r Resolution) (*ledger.Adjusted, error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	id, err := e.leadOfOpen(r.Attempt)
	if err != nil {
		return nil, err
	}
	held := e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(id), &underWay{}); !ok {
		return nil, ErrUnderWay
	}
	h, err := e.history(id)
	if err != nil {
		return nil, err
	}
	if e.files.carries(h, r.Attempt) {
		return nil, ErrInFile
	}
	return e.resolve(h, &r, nil, held)
}

// resolve settles an open attempt of a lead whose trip the caller holds. The events before, if any, become durable
// together with the resolution. While nobody can tell whether it is stored the lead stays claimed.
func (e *Exchange) resolve(h *history.History, r *Resolution, before []ledger.Event, held *heldClaims) (
	*ledger.Adjusted, error) {
	x, err := e.ending(h, r)
	if err != nil {
		return nil, err
	}
	if err := e.append(r.By == byClearpost, append(append([]ledger.Event{}, before...), x.group...)); err != nil {
		e.learn(err, held, func() { e.resolved(x) })
		return nil, fmt.Errorf("not resolved: %w", err)
	}
	e.resolved(x)
	return x.adjusted, nil
}

// ending is what settles an open attempt: events that are to become durable together.
type ending struct {
	adjusted *ledger.Adjusted
	group    []ledger.Event
	finished bool // nothing more can become of the lead
}

// ending makes it. The caller holds the lead's trip.
func (e *Exchange) ending(h *history.History, r *Resolution) (*ending, error) {
	id, a := h.ID, h.Attempt(r.Attempt)
	if a == nil || a.Outcome() != lead.Unknown {
		return nil, ErrNotUnresolved
	}
	e.restoreHolds(h)
	p, snap := a.Posting, e.inForce.Load()
	adj := &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, id, p.Source, p.Vertical, e.now()),
		Adjustment: ledger.AdjustResolved, Why: r.Why, By: r.By, Attempt: p.Attempt, From: r.from, Told: r.told,
		Ref: r.ref, Campaign: p.Campaign, Buyer: p.Buyer, Outcome: lead.Rejected, Charges: p.Charges}
	if r.Accepted {
		adj.Outcome, adj.Reference, adj.Price, adj.Payout = lead.Accepted, r.Reference, p.Price, p.Payout
		if r.Price != nil {
			adj.Price = r.Price.RoundCents()
			adj.Payout = h.PayoutOf(p, adj.Price)
		}
	}
	a.Resolved = adj
	x := &ending{adjusted: adj, group: []ledger.Event{adj}}
	if final := e.afterResolution(snap, h); final != nil {
		x.group, x.finished = append(x.group, final), h.Finished()
	}
	return x, nil
}

// resolved ends the hold of an attempt whose resolution is durable, and counts what is booked by it: no answer has.
func (e *Exchange) resolved(x *ending) {
	adj := x.adjusted
	if adj.Outcome == lead.Accepted {
		e.Stats.booked(adj.Price, adj.Payout)
		snap := e.inForce.Load()
		if c := snap.cfg.Book.Campaign(adj.Campaign); c != nil {
			t := snap.campaigns[c.Index].Tally
			t.RevenueMicros.Add(int64(adj.Price))
			t.PayoutMicros.Add(int64(adj.Payout))
		}
	}
	e.finish(capstore.End{Token: adj.Attempt, Outcome: adj.Outcome, Booked: adj.Price})
	if x.finished {
		e.forget(adj.Lead)
	}
}

// append stores a group; what the exchange has found out itself is stored however long the ledger is away, for nobody
// could find it out again.
func (e *Exchange) append(surely bool, group []ledger.Event) error {
	if surely {
		return e.led.Store(e.end, group...)
	}
	return e.led.Append(group...)
}

func (e *Exchange) leadOfOpen(attempt lead.ID) (lead.ID, error) {
	open, err := e.led.Unresolved()
	if err != nil {
		return noLead, err
	}
	for _, o := range open {
		if o.Attempt == attempt {
			return o.Lead, nil
		}
	}
	return noLead, ErrNotUnresolved
}

// afterResolution is the lead's answer now, nil if it may still be sold or another attempt is open.
func (e *Exchange) afterResolution(snap *Snapshot, h *history.History) *ledger.Settled {
	if h.Open() {
		return nil
	}
	if h.Settled == nil && !e.now().After(h.Pinged.ExpiresAt) && len(h.Sales()) == 0 &&
		h.Pinged.Mode == ledger.ModePing {
		return nil
	}
	d := e.atEnd(snap, h)
	if d.no == nil || d.no.Refusal.Outcome() == lead.Unknown {
		d.no = &ledger.Posted{Refusal: lead.BuyerRejected}
	}
	ev := d.settlement()
	h.Settled, h.Waiting = ev, nil
	return ev
}

// FindOpen tells which open attempts a name leads to: by its own id, the buyer's reference, or any name of their lead.
func (e *Exchange) FindOpen(name string, budget time.Duration) (open []OpenAttempt, f Found, err error) {
	all, err := e.Unresolved()
	if err != nil {
		return nil, f, err
	}
	id, _ := lead.ParseID(name)
	for _, o := range all {
		if !id.IsZero() && (o.Attempt == id || o.Lead == id) ||
			o.Reference != "" && (name == o.Reference || name == o.Campaign+":"+o.Reference || name == o.Buyer+":"+
				o.Reference) {
			open = append(open, o)
		}
	}
	if len(open) > 0 {
		return open, f, nil
	}
	if f, err = e.Find(name, budget); err != nil {
		return nil, f, err
	}
	for _, o := range all {
		if slices.ContainsFunc(f.Matches, func(m Match) bool {
			return m.Attempt == o.Attempt || m.Attempt.IsZero() && m.Lead == o.Lead
		}) {
			open = append(open, o)
		}
	}
	return open, f, nil
}

// byClearpost is who has resolved an attempt when no person did.
const byClearpost = "clearpost"
