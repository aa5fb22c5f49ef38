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

// QueuedLead is a lead of the queue, as operators see it.
type QueuedLead struct {
	Lead        lead.ID    `json:"lead_id"`
	Source      string     `json:"source"`
	Vertical    string     `json:"vertical"`
	Campaign    string     `json:"campaign"` // that has the next turn
	Buyer       string     `json:"buyer"`
	Why         string     `json:"why"` // the refusal for which it waits
	Price       lead.Money `json:"price_micros"`
	Since       time.Time  `json:"since"`
	Due         time.Time  `json:"due"`
	Quarantined bool       `json:"quarantined,omitempty"`
}

// QueueBy says which leads of the queue are listed.
type QueueBy struct {
	Buyer, Campaign, Source, Vertical string // "" = any
	Why                               string // a refusal's name
	Quarantined                       bool   // only those
}

func (q *QueueBy) takes(l *QueuedLead) bool {
	return (q.Buyer == "" || q.Buyer == l.Buyer) && (q.Campaign == "" || q.Campaign == l.Campaign) &&
		(q.Source == "" || q.Source == l.Source) && (q.Vertical == "" || q.Vertical == l.Vertical) &&
		(q.Why == "" || q.Why == l.Why) && (l.Quarantined || !q.Quarantined)
}

var farFuture = time.Unix(1<<40, 0)

// EachQueued calls fn with the leads of the queue, the next one due first, until it returns false. It shows the queue
// as it was a moment ago.
func (e *Exchange) EachQueued(by QueueBy, fn func(*QueuedLead) bool) error {
	return e.led.EachQueued(farFuture, func(q ledger.Queued) bool {
		l := &QueuedLead{Lead: q.Lead, Source: q.Source, Vertical: q.Vertical, Campaign: q.Campaign, Buyer: q.Buyer,
			Why: q.Refusal.String(), Price: q.Price, Since: q.Since, Due: q.Due, Quarantined: q.Quarantined}
		return !by.takes(l) || fn(l)
	})
}

// Errors of what operators do with the queue.
var (
	ErrNotQueued = errors.New("the lead does not wait in the queue")
	ErrNoBid     = errors.New("the campaign has no bid for this lead that was in the order, or is not configured")
)

// QueueRetry has a lead tried again at once, one in quarantine too: it has one attempt more. When it returns nil that
// is in the ledger.
func (e *Exchange) QueueRetry(id lead.ID, why, by string) error {
	return e.requeue(id, why, by, func(_ *Snapshot, h *history.History, now time.Time) ([]ledger.Wait, error) {
		waits := append([]ledger.Wait(nil), h.Waiting.Waits...)
		for i := range waits {
			waits[i].Due, waits[i].Quarantined = now, false
		}
		return waits, nil
	})
}

// moveFor is how long a lead may wait for the campaign that a person has moved it to, whatever else that takes.
const moveFor = time.Hour

// QueueMove has a lead offered to another campaign that has bid for it, at once, in place of those that it waits for.
func (e *Exchange) QueueMove(id lead.ID, campaign, why, by string) error {
	return e.requeue(id, why, by, func(on *Snapshot, h *history.History, now time.Time) ([]ledger.Wait, error) {
		c := on.cfg.Book.Campaign(campaign)
		for i := range h.Pinged.Bids {
			b := &h.Pinged.Bids[i]
			if b.Campaign != campaign || b.Rank == 0 || c == nil || c.Vertical != h.Pinged.Vertical {
				continue
			}
			return []ledger.Wait{{Campaign: b.Campaign, Buyer: b.Buyer, Leg: b.Leg, Refusal: lead.NotReached,
				Attempts: h.AttemptsOf(b.Campaign, b.Leg), Due: now, Until: now.Add(moveFor)}}, nil
		}
		return nil, ErrNoBid
	})
}

// requeue gives a lead another place in the queue.
func (e *Exchange) requeue(id lead.ID, why, by string,
	next func(*Snapshot, *history.History, time.Time) ([]ledger.Wait, error)) error {
	held := e.claims.In()
	defer held.Release()
	h, err := e.waiting(id, held)
	if err != nil {
		return err
	}
	on, now := e.inForce.Load(), micros(e.now())
	was := h.Waiting
	ev := &ledger.Deferred{Head: on.head(ledger.KindDeferred, id, was.Source, was.Vertical, now), Said: was.Said,
		Since: was.Since, Due: now, Left: h.Place(), Why: why, By: by}
	if ev.Waits, err = next(on, h, now); err != nil {
		return err
	}
	for i := range h.Pinged.Bids {
		if b := &h.Pinged.Bids[i]; b.Campaign == ev.Waits[0].Campaign && b.Leg == ev.Waits[0].Leg {
			ev.Price = b.Price
		}
	}
	ev.Private.Person, ev.Private.Also = h.Who.Person, h.Who.Also
	if err := e.led.Append(ev); err != nil {
		e.learn(err, held, e.wakes.tell)
		return fmt.Errorf("not written down: %w", err)
	}
	e.wakes.tell()
	return nil
}

// QueueDrop takes a lead off the queue: it is not sold, and its seller hears that. When it returns nil that is in the
// ledger.
func (e *Exchange) QueueDrop(id lead.ID, why, by string) error {
	held := e.claims.In()
	defer held.Release()
	h, err := e.waiting(id, held)
	if err != nil {
		return err
	}
	d := e.atEnd(e.inForce.Load(), h)
	ev := d.settlement()
	ev.Why, ev.By = why, by
	if err := e.led.Append(ev); err != nil {
		e.learn(err, held, func() {})
		return fmt.Errorf("not written down: %w", err)
	}
	e.forget(id)
	e.Stats.settled(ev)
	return nil
}

// waiting claims a lead of the queue and reads it.
func (e *Exchange) waiting(id lead.ID, held *heldClaims) (*history.History, error) {
	if _, ok := held.Take(leadName(id), &underWay{}); !ok {
		return nil, ErrUnderWay
	}
	h, err := e.history(id)
	switch {
	case err != nil:
		return nil, err
	case h.Pinged == nil || h.Waiting == nil || h.Open():
		return nil, ErrNotQueued
	}
	return h, nil
}

// QueueStats are the figures of the queue: how many leads wait, by campaign and refusal, and since when the oldest
// does; zero where none does.
func (e *Exchange) QueueStats() (depth map[ledger.Waits]int64, oldest time.Time) {
	_, since, ok, err := e.led.OldestQueued()
	if err == nil && ok {
		oldest = since
	}
	return e.led.QueueDepth(), oldest
}
