// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// ahead ends leads of the queue that were queued by a clock that stood ahead of the one that counts now, by more than
// ledger.ClockAhead. Their times do not come until the clock has gone that far, and nobody can tell by it how old they
// are then. What can be told is the time that has elapsed since the clock fell back: a lead that has waited by that for
// as long as it may ends unsold. Until then it is left alone: it may be the clock that is wrong now, as that of a
// machine is which has just started, and be set right. Only the waker uses it, and from one goroutine.
type ahead struct {
	jumps uint64        // of the ledger's clock, when it was looked last
	since time.Time     // when a jump was seen last, with its elapsed time; zero: no lead of the queue is ahead
	next  time.Time     // when to look again, likewise
	from  ledger.Queued // where the next look begins; zero: at the first that may be ahead
}

// After a look there is none for so many times as long as it took, and for a while at least: the leads that are due
// have the waker's time.
const (
	aheadRest  = 20
	aheadLeast = 5 * time.Second
)

// endAhead looks for such leads. It costs nothing while the clock is steady, and reads the queue now and then while
// there are any.
func (e *Exchange) endAhead() {
	now, wall := e.now(), e.wall()
	if n := e.led.ClockJumps(); n != e.ahead.jumps {
		e.ahead.jumps, e.ahead.since = n, wall
	}
	if e.ahead.since.IsZero() || wall.Before(e.ahead.next) {
		return
	}
	defer func() {
		end := e.wall()
		e.ahead.next = end.Add(max(aheadLeast, aheadRest*end.Sub(wall)))
	}()
	waited, some := wall.Sub(e.ahead.since), !e.ahead.from.Due.IsZero()
	if !some { // none that is due before then is ahead
		e.ahead.from.Due = now.Add(ledger.ClockAhead)
	}
	var due []lead.ID
	last := ledger.Queued{}
	err := e.led.EachQueuedFrom(e.ahead.from, farFuture, func(q ledger.Queued) bool {
		if !isAhead(q.Since, now) {
			return true
		}
		some = true
		if waited >= q.Due.Sub(q.Since) {
			if len(due) == wakeAhead {
				last = q
				return false
			}
			due = append(due, q.Lead)
		}
		return true
	})
	e.ahead.from = last
	if err != nil {
		e.log.Error("the queue of leads cannot be read", "err", err)
		return
	}
	ended := 0
	for _, id := range due {
		if e.endOneAhead(id, waited) {
			ended++
		}
	}
	if ended > 0 {
		e.log.Warn("leads of the queue end unsold: a clock that stood ahead queued them, and they have waited for as "+
			"long as they may", "leads", ended, "waited", waited)
	}
	if !some {
		e.ahead.since = time.Time{}
	}
}

func isAhead(since, now time.Time) bool { return since.Sub(now) > ledger.ClockAhead }

// endOneAhead ends a lead if it has waited for as long as it may.
func (e *Exchange) endOneAhead(id lead.ID, waited time.Duration) bool {
	if e.Available() != nil {
		return false
	}
	held := e.claims.In()
	defer func() { held.Release() }()
	if _, ok := held.Take(leadName(id), &underWay{}); !ok {
		return false
	}
	h, err := e.history(id)
	switch {
	case err != nil:
		e.log.Error("read a lead of the queue", "lead", id.String(), "err", err)
		return false
	case h.Pinged == nil || h.Waiting == nil || e.inherits(h) || !isAhead(h.Waiting.Since, e.now()):
		return false
	case h.Open(): // a trip was cut off by a crash: nobody knows what became of its attempt
		_, f := e.conclude(h)
		e.pursueOpen(h)
		return f == nil
	}
	for i := range h.Waiting.Waits {
		if w := &h.Waiting.Waits[i]; waited < w.Until.Sub(h.Waiting.Since) {
			return false
		}
	}
	return e.endsUnsold(h, fmt.Sprintf("it was queued at %s by a clock that stood ahead, and has waited for as "+
		"long as it may: for %s since the clock fell back", h.Waiting.Since.UTC().Format(time.RFC3339),
		waited.Round(time.Second))) == nil
}

// endsUnsold ends a lead of the queue that nobody can have any more.
func (e *Exchange) endsUnsold(h *history.History, why string) *Fault {
	d := e.atEnd(e.inForce.Load(), h)
	d.seller = h.Seller()
	ev := d.settlement()
	ev.By, ev.Why = byClearpost, why
	_, f := d.conclude(ev)
	if d.unsure != nil {
		d.follow()
	}
	return f
}
