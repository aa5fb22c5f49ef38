// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
)

// What the ledger has, the store of counts is told: how attempts have ended, what has changed since, which leads are
// over. While it is away what is to be told stands in a line, and what comes meanwhile behind it, so that a correction
// never comes before the end that it corrects.

// telling is the line. The first of it is being told.
type telling struct {
	waits atomic.Bool // there is a line: what comes stands behind it
	mu    sync.Mutex
	line  []news // guarded by mu
}

// news is one thing of these.
type news struct {
	ends   []capstore.End
	change *capstore.Change
	forget lead.ID
}

// tellMost is how many things may stand in the line while attempts still ask for holds: each that hears nothing leaves
// one more.
const tellMost = 10_000

// How long it is between two tries to tell a store that is away, at first and at most.
const (
	endAgain    = 50 * time.Millisecond
	endAgainMax = 5 * time.Second
)

// tell tells the store something, or has it stand in the line.
func (e *Exchange) tell(t news) {
	q := &e.telling
	if !q.waits.Load() {
		err := e.tellOnce(e.end, &t)
		if err == nil {
			return
		}
		e.log.Error("the store has not heard what the ledger has: it is told again", "ends", len(t.ends), "changes",
			t.change != nil, "err", err)
	}
	t.ends = slices.Clone(t.ends)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line = append(q.line, t)
	if q.waits.Swap(true) {
		return
	}
	if !e.running.Go(func() { e.kept("telling the store panicked", func(context.Context) { e.tellAll() }) }) {
		e.untold()
	}
}

// tellAll tells what stands in the line, in its order, until nothing does or the exchange has ended.
func (e *Exchange) tellAll() {
	q := &e.telling
	for pause := endAgain; ; {
		q.mu.Lock()
		if len(q.line) == 0 {
			q.line = nil
			q.waits.Store(false)
			q.mu.Unlock()
			return
		}
		t := q.line[0]
		q.mu.Unlock()
		if e.tellOnce(e.end, &t) == nil {
			q.mu.Lock()
			q.line = q.line[1:]
			q.mu.Unlock()
			pause = endAgain
			continue
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, endAgainMax)
		case <-e.end.Done():
			q.mu.Lock()
			e.untold()
			q.mu.Unlock()
			return
		}
	}
}

// untold notes what the store will not hear of this process. The caller holds the lock.
func (e *Exchange) untold() {
	e.log.Error("the store has not heard what the ledger has: holds stay", "count", len(e.telling.line))
}

// full tells whether so much stands in the line that nothing more is held.
func (q *telling) full() bool {
	if !q.waits.Load() {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.line) >= tellMost
}

func (e *Exchange) tellOnce(ctx context.Context, t *news) error {
	switch {
	case t.change != nil:
		return e.store.Change(ctx, *t.change)
	case len(t.ends) == 0:
		e.store.Forget(t.forget)
		return nil
	}
	errs, err := e.store.End(ctx, t.ends...)
	if err != nil {
		return err
	}
	for i, err := range errs {
		if err != nil { // a mistake of ours, not a state that can be met: it counts as taken
			e.log.Error("end a hold", "attempt", t.ends[i].Token.String(), "as", t.ends[i].Outcome.String(), "err", err)
		}
	}
	return nil
}

// finish tells the store how attempts have ended.
func (e *Exchange) finish(ends ...capstore.End) {
	if len(ends) > 0 {
		e.tell(news{ends: ends})
	}
}

// release gives back what an attempt holds that is no sale, by how it ended; NotSent where it never was.
func (e *Exchange) release(t lead.ID, how lead.Outcome) {
	e.finish(capstore.End{Token: t, Outcome: how})
}

// recount has the store follow a change that the ledger has, or takes back what was counted and is not in it.
func (e *Exchange) recount(c capstore.Change) { e.tell(news{change: &c}) }

// forget has the store drop what it keeps of a lead that will not be posted again.
func (e *Exchange) forget(id lead.ID) { e.tell(news{forget: id}) }
