// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"fmt"
	"sync"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// waker wakes the leads of the queue when their time has come. The queue is the ledger's: the waker looks up which
// leads are due, and keeps nothing of them but the few that are in its hands. What it does not get to is there after a
// restart.
type waker struct {
	led  *ledger.Ledger
	now  func() time.Time
	step func(ledger.Queued) time.Duration // makes a lead's trip; when to try again, 0: what came of it is written down
	look func()                            // before each round
	ctx  context.Context

	mu   sync.Mutex
	hand map[handed]time.Time // guarded by mu: not to be handed out before then; zero: a worker has it
	told time.Time            // guarded by mu: when a lead was queued last
	wake chan struct{}        // a lead was queued; holds one
	work chan ledger.Queued
}

// handed is one place of one lead: its next place is another.
type handed struct {
	lead lead.ID
	due  int64
}

const (
	wakeWorkers   = 16   // trips of the queue at once
	wakeAhead     = 1024 // due leads that are put in order at once
	wakeDone      = 10 * time.Second
	wakeSoon      = 100 * time.Millisecond // after a lead was queued: the views are a moment behind
	wakeInherited = 24 * time.Hour
	wakeLook      = time.Minute // the longest sleep while the queue holds leads
)

func newWaker(ctx context.Context, led *ledger.Ledger, now func() time.Time,
	step func(ledger.Queued) time.Duration, look func()) *waker {
	return &waker{led: led, now: now, step: step, look: look, ctx: ctx, hand: map[handed]time.Time{},
		wake: make(chan struct{}, 1), work: make(chan ledger.Queued)}
}

// tell has the waker look at the queue.
func (w *waker) tell() {
	w.mu.Lock()
	w.told = w.now()
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run wakes leads until the context ends. Trips under way then end by themselves.
func (w *waker) run(running *running, log func(string, ...any)) {
	for range wakeWorkers {
		running.Go(w.worker)
	}
	running.Go(func() {
		defer close(w.work)
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		for {
			w.look()
			wait, err := w.round()
			if err != nil {
				log("the queue of leads cannot be read", "err", err)
				wait = time.Second
			}
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-w.wake:
			case <-w.ctx.Done():
				return
			}
		}
	})
}

// round hands out what is due, and tells for how long there is nothing more to do.
func (w *waker) round() (time.Duration, error) {
	now := w.now()
	due, err := w.due(now)
	if err != nil {
		return 0, err
	}
	for _, q := range inTurn(due) {
		select {
		case w.work <- q:
		case <-w.ctx.Done():
			return time.Hour, nil
		}
	}
	if len(due) == wakeAhead {
		return 0, nil
	}
	next, ok, err := w.led.NextQueued()
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := time.Hour
	if ok {
		wait = wakeLook
		if left := next.Sub(now); left > 0 {
			wait = min(wait, left)
		}
	}
	for _, at := range w.hand {
		if at.IsZero() { // a worker has it
			wait = min(wait, time.Second)
		} else {
			wait = min(wait, at.Sub(now))
		}
	}
	if now.Sub(w.told) < time.Second {
		wait = min(wait, wakeSoon)
	}
	return max(wait, time.Millisecond), nil
}

// due takes leads that are due into the waker's hands, and forgets those whose places the views do not have any more.
func (w *waker) due(now time.Time) (out []ledger.Queued, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[handed]time.Time{}
	err = w.led.EachQueued(now, func(q ledger.Queued) bool {
		key := handed{q.Lead, q.Due.UnixMicro()}
		at, had := w.hand[key]
		if had && (at.IsZero() || now.Before(at)) {
			seen[key] = at
			return true
		}
		out = append(out, q)
		seen[key] = time.Time{}
		return len(out) < wakeAhead
	})
	for key, at := range w.hand {
		if at.IsZero() {
			seen[key] = at
		}
	}
	w.hand = seen
	return out, err
}

func (w *waker) worker() {
	for q := range w.work {
		after := w.step(q)
		if after <= 0 {
			after = wakeDone
		}
		w.mu.Lock()
		w.hand[handed{q.Lead, q.Due.UnixMicro()}] = w.now().Add(after)
		w.mu.Unlock()
	}
}

// awake makes the next trip of a lead of the queue.
func (e *Exchange) awake(q ledger.Queued) (after time.Duration) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("waking a lead of the queue panicked", "lead", q.Lead.String(), "panic", fmt.Sprint(r))
			after = time.Minute
		}
	}()
	if e.Available() != nil {
		return busyAfter
	}
	held := e.claims.In()
	defer func() { held.Release() }()
	if _, ok := held.Take(leadName(q.Lead), &underWay{}); !ok {
		return busyAfter
	}
	h, err := e.history(q.Lead)
	switch {
	case err != nil:
		e.log.Error("read a lead of the queue", "lead", q.Lead.String(), "err", err)
		return time.Minute
	case h.Waiting == nil || h.Waiting.Due.After(e.now()):
		return 0 // the views are behind
	case h.Pinged == nil:
		e.log.Error("a lead of the queue is not in the ledger any more", "lead", q.Lead.String())
		return time.Hour
	}
	snap := e.inForce.Load()
	v, s := snap.Vertical(h.Pinged.Vertical), snap.source[h.Pinged.Source]
	switch {
	case h.Open() && !e.inherits(h): // a trip was cut off by a crash: nobody knows what became of its attempt
		_, f := e.conclude(h)
		e.pursueOpen(h)
		return againIf(f)
	case e.inherits(h):
		return wakeInherited // the node that it is of may deliver it
	case v == nil || s == nil:
		return againIf(e.endsHere(h, v == nil))
	case s.paused.Load():
		return time.Minute
	}
	d := &delivery{e: e, on: snap, history: h, v: v, src: s.Source, l: snap.whole(h), who: h.Who, seller: h.Seller(),
		oneShot: h.Pinged.Mode == ledger.ModeLead, woken: micros(e.now())}
	d.masked = masked(h, v.Schema)
	if e.claimPerson(held, d.src, v, &d.who) != nil {
		return busyAfter
	}
	d.newUntil, d.until = e.wall().Add(v.PostTotal), e.wall().Add(v.PostTotal)
	_, f := e.deliver(d)
	if d.unsure != nil {
		d.follow()
	}
	return againIf(f)
}

// endsHere ends a lead of the queue whose vertical or source is not configured any more: nobody can have it.
func (e *Exchange) endsHere(h *history.History, vertical bool) *Fault {
	why := "its source " + h.Pinged.Source + " is not configured any more"
	if vertical {
		why = "its vertical " + h.Pinged.Vertical + " is not configured any more"
	}
	e.log.Warn("a lead of the queue ends unsold", "lead", h.ID.String(), "why", why)
	return e.endsUnsold(h, why)
}

// againIf is when to come back after a fault.
func againIf(f *Fault) time.Duration {
	if f == nil {
		return 0
	}
	return busyAfter
}
