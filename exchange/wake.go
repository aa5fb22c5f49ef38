// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// waker wakes the leads of the queue when their time has come. The queue is the ledger's: the waker looks up which
// leads are due, and keeps nothing of them but the few that are in its hands. What it does not get to is there after a
// restart. A buyer that answers late, or never, holds up its own leads: no buyer has all workers, nor all that is
// looked up ahead.
type waker struct {
	led  *ledger.Ledger
	now  func() time.Time
	step func(ledger.Queued) time.Duration // makes a lead's trip; when to try again, 0: what came of it is written down
	look func()                            // before each round
	ctx  context.Context

	from ledger.Queued // where the next round begins; zero: at the first of the queue

	mu sync.Mutex
	// guarded by mu: not to be handed out before then, by a reading that no clock's step changes; zero: in a line, or
	// with a worker
	hand  map[handed]time.Time
	lines map[string]*wakeLine // guarded by mu: by the buyer that has the next turn
	turns []string             // guarded by mu: the buyers in lines, the one whose turn is next first
	more  bool                 // guarded by mu: there are due leads that are in no line
	told  time.Time            // guarded by mu: when a lead was queued last
	some  *sync.Cond           // of mu: a line has something for a worker, or the context has ended
	wake  chan struct{}        // a lead was queued, or a line runs empty; holds one
}

// wakeLine are the due leads of one buyer.
type wakeLine struct {
	todo []ledger.Queued
	busy int // workers that are at its leads
}

// handed is one place of one lead: its next place is another.
type handed struct {
	lead lead.ID
	due  int64
}

const (
	wakeWorkers   = 64   // trips of the queue at once
	wakeShare     = 16   // of them, for one buyer
	wakeAhead     = 1024 // due leads that are put in order at once, and those that a buyer's line has at most
	wakePass      = 2048 // due leads of full lines that a round passes over; less where it has found others
	wakeDone      = 10 * time.Second
	wakeSoon      = 100 * time.Millisecond // after a lead was queued: the views are a moment behind
	wakeInherited = 24 * time.Hour
	wakeLook      = time.Minute // the longest sleep while the queue holds leads
	wakeRest      = 3           // a round that has passed leads over rests for so many times as long as it took,
	wakeIdle      = 20          // or for so many times, if it has found no others
)

func newWaker(ctx context.Context, led *ledger.Ledger, now func() time.Time,
	step func(ledger.Queued) time.Duration, look func()) *waker {
	w := &waker{led: led, now: now, step: step, look: look, ctx: ctx, hand: map[handed]time.Time{},
		lines: map[string]*wakeLine{}, wake: make(chan struct{}, 1)}
	w.some = sync.NewCond(&w.mu)
	return w
}

// tell has the waker look at the queue.
func (w *waker) tell() {
	w.mu.Lock()
	w.told = time.Now()
	w.mu.Unlock()
	w.again()
}

func (w *waker) again() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run wakes leads until the context ends. Trips under way then end by themselves.
func (w *waker) run(running *running, kept func(string, func(context.Context)), log func(string, ...any)) {
	for range wakeWorkers {
		running.Go(w.worker)
	}
	running.Go(func() {
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.some.Broadcast()
		}()
		kept("looking for due leads of the queue panicked", func(context.Context) { w.rounds(log) })
	})
}

func (w *waker) rounds(log func(string, ...any)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		w.look()
		begun := time.Now()
		wait, rest, err := w.round()
		if err != nil {
			log("the queue of leads cannot be read", "err", err)
			wait = time.Second
		}
		if rest > 0 && !w.rest(rest*time.Since(begun)) {
			return
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.wake:
		case <-w.ctx.Done():
			return
		}
	}
}

// rest waits, and is false when the context has ended.
func (w *waker) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// round puts what is due into the lines of its buyers, and tells for how long there is nothing more to do, and for how
// many times as long as it took nothing is to be done: where it has passed leads over there may be many more.
func (w *waker) round() (wait, rest time.Duration, err error) {
	now := w.now()
	next, ok, err := w.led.NextQueued()
	if err != nil {
		return 0, 0, err
	}
	due, err := w.due(now) // nothing fails from here on: what it has taken into its hands gets into the lines
	if err != nil {
		return 0, 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enter(inTurn(due.leads))
	w.more = due.passed || len(due.leads) == wakeAhead
	wait = time.Hour
	if ok {
		wait = wakeLook
		if left := next.Sub(now); left > 0 {
			wait = min(wait, left)
		}
	}
	if due.inHand || len(due.leads) > 0 {
		wait = min(wait, time.Second)
	}
	if !due.again.IsZero() {
		wait = min(wait, time.Until(due.again))
	}
	if time.Since(w.told) < time.Second {
		wait = min(wait, wakeSoon)
	}
	if !w.from.Due.IsZero() {
		wait = 0
	}
	switch {
	case due.passed && len(due.leads) > 0:
		rest = wakeRest
	case due.passed:
		rest = wakeIdle
	}
	return max(wait, time.Millisecond), rest, nil
}

// dueLeads is what a round has found.
type dueLeads struct {
	leads  []ledger.Queued // that are in its hands from now on
	passed bool            // there are others, of buyers whose lines are full
	inHand bool            // there are some that it had before
	again  time.Time       // when the first of those is due again that were put off; zero: none was
}

// due takes leads that are due into the waker's hands, and forgets those whose places the views do not have any more.
// It passes over those of buyers whose lines are full, so many at once: the next round goes on behind them.
func (w *waker) due(now time.Time) (out dueLeads, err error) {
	w.mu.Lock()
	hand, in := maps.Clone(w.hand), map[string]int{}
	for buyer, ln := range w.lines {
		in[buyer] = len(ln.todo)
	}
	w.mu.Unlock()
	read := time.Now()
	seen, passed, whole, last := map[handed]bool{}, 0, w.from.Due.IsZero(), ledger.Queued{}
	err = w.led.EachQueuedFrom(w.from, now, func(q ledger.Queued) bool {
		key := handed{q.Lead, q.Due.UnixMicro()}
		at, had := hand[key]
		switch {
		case had && at.IsZero():
			seen[key], out.inHand = true, true
		case had && read.Before(at):
			if seen[key] = true; out.again.IsZero() || at.Before(out.again) {
				out.again = at
			}
		case in[q.Buyer] >= wakeAhead:
			out.passed = true
			passed++
		default:
			in[q.Buyer]++
			out.leads = append(out.leads, q)
		}
		if passed == wakePass || passed >= wakePass/8 && len(out.leads) >= wakeAhead/4 {
			last = q
			return false
		}
		return len(out.leads) < wakeAhead
	})
	if err != nil {
		return dueLeads{}, err
	}
	w.from, whole = last, whole && last.Due.IsZero() && len(out.leads) < wakeAhead
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, at := range w.hand {
		if !at.IsZero() && (!read.Before(at) || whole && !seen[key]) {
			delete(w.hand, key)
		}
	}
	for _, q := range out.leads {
		w.hand[handed{q.Lead, q.Due.UnixMicro()}] = time.Time{}
	}
	return out, nil
}

// enter puts leads at the ends of their buyers' lines. The caller holds mu.
func (w *waker) enter(due []ledger.Queued) {
	for _, q := range due {
		ln := w.lines[q.Buyer]
		if ln == nil {
			ln = &wakeLine{}
			w.lines[q.Buyer], w.turns = ln, append(w.turns, q.Buyer)
		}
		ln.todo = append(ln.todo, q)
	}
	if len(due) > 0 {
		w.some.Broadcast()
	}
}

// next is the lead that a worker takes: buyers take turns. It waits for one, and is false when the context has ended.
func (w *waker) next() (q ledger.Queued, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ctx.Err() == nil {
		for i, buyer := range w.turns {
			ln := w.lines[buyer]
			if len(ln.todo) == 0 || ln.busy == wakeShare {
				continue
			}
			q, ln.todo = ln.todo[0], ln.todo[1:]
			ln.busy++
			w.turns = append(slices.Delete(w.turns, i, i+1), buyer)
			if n := len(ln.todo); w.more && (n == wakeAhead/4 || n == 0) {
				w.again()
			}
			return q, true
		}
		w.some.Wait()
	}
	return q, false
}

func (w *waker) worker() {
	for {
		q, ok := w.next()
		if !ok {
			return
		}
		after := w.step(q)
		if after <= 0 {
			after = wakeDone
		}
		w.mu.Lock()
		w.hand[handed{q.Lead, q.Due.UnixMicro()}] = time.Now().Add(after)
		ln := w.lines[q.Buyer]
		if ln.busy--; ln.busy == 0 && len(ln.todo) == 0 {
			delete(w.lines, q.Buyer)
			w.turns = slices.DeleteFunc(w.turns, func(b string) bool { return b == q.Buyer })
		}
		w.mu.Unlock()
		w.some.Signal()
	}
}

// awake makes the next trip of a lead of the queue.
func (e *Exchange) awake(q ledger.Queued) (after time.Duration) {
	defer func() {
		if r := recover(); r != nil {
			e.Panicked("waking a lead of the queue panicked", r, "lead", q.Lead.String())
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
