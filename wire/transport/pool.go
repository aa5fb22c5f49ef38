// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"sync"
	"time"

	"clearpost/lead"
)

// The bounds of a target's dials under way. What has answered may be dialled by many at once; what has not, or not any
// more, only by a few, so that it takes nothing from those that live.
const (
	windowStart  = 64 // of a target that nobody has reached yet
	windowMin    = 4  // of one that cannot be reached
	sickFailures = 4  // failures in a row, after which nobody waits in line behind the dials under way
)

// The bounds of a target that takes requests and answers none: each call would cost a connection, and hold it until
// nobody waits for the answer any more. After so many in a row it has so many connections, until one is answered.
const (
	muteCalls = 256
	muteConns = 64
)

// most is how many connections the target may have now; the caller holds the pool's lock.
func (t *Target) most() int {
	if t.counts.mute.Load() >= muteCalls {
		return min(t.pool.max, muteConns)
	}
	return t.pool.max
}

// pool holds a target's connections: those that are idle, the hottest last, and the calls that wait for one. A
// connection that is made or comes back goes to the call that has waited longest.
type pool struct {
	mu       sync.Mutex // guards what follows; held for a few steps, never over a system call
	idle     []*conn
	open     int // connections, used or idle, and dials under way
	max      int // of open
	dials    int // dials under way or in line for a worker
	shaking  int // of them in their handshake
	window   int // dials at most
	failures int // dials that failed since the last that did not
	ahead    int // connections that are to be idle beside what the waiting calls need
	warm     int // of them, until there were so many once
	starved  bool
	first    *waiter // of the calls that wait
	last     *waiter
	waiting  int
	entitled int // of them may have a connection made
	owed     int // places that were freed: others of them may
	keep     keep
}

// take gives the hottest idle connection; nil: there is none.
func (t *Target) take() *conn {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	w := p.idle[n]
	p.idle[n] = nil
	p.idle = p.idle[:n]
	if n < p.ahead {
		t.dialMore()
	}
	return w
}

// join puts a waiter at the end of the line; the caller holds mu.
func (p *pool) join(wt *waiter) {
	wt.next, wt.prev, wt.queued = nil, p.last, true
	if p.last == nil {
		p.first = wt
	} else {
		p.last.next = wt
	}
	p.last = wt
	p.count(wt, 1)
}

// count counts a waiter that joins or leaves the line.
func (p *pool) count(wt *waiter, n int) {
	p.waiting += n
	if wt.dials {
		p.entitled += n
	}
	if p.waiting == 0 {
		p.owed = 0
	}
}

// drop takes a waiter out of the line; the caller holds mu.
func (p *pool) drop(wt *waiter) {
	if wt.prev == nil {
		p.first = wt.next
	} else {
		wt.prev.next = wt.next
	}
	if wt.next == nil {
		p.last = wt.prev
	} else {
		wt.next.prev = wt.prev
	}
	wt.next, wt.prev, wt.queued = nil, nil, false
	p.count(wt, -1)
}

// next takes the waiter out of the line that has waited longest and may use such a connection; the caller holds mu.
func (p *pool) next(kept bool) *waiter {
	for wt := p.first; wt != nil; wt = wt.next {
		if !kept || !wt.fresh {
			p.drop(wt)
			return wt
		}
	}
	return nil
}

// size tells how many connections there are, and how many of them are idle.
func (p *pool) size() (conns, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open - p.dials, len(p.idle)
}

func (p *pool) setMax(n int) {
	p.mu.Lock()
	p.max = n
	p.mu.Unlock()
}

// needed is how many more dials are wanted; the caller holds the pool's lock. A target that is retired makes none ahead
// of demand: what nobody waits for would be closed at once, and asked for again.
func (t *Target) needed() int {
	p := &t.pool
	if len(p.idle) >= p.warm {
		p.warm = 0
	}
	if t.gone.Load() {
		p.ahead, p.warm = 0, 0
	}
	need := min(p.waiting, p.entitled+p.owed) - p.dials + max(0, max(p.ahead, p.warm)-len(p.idle))
	return min(need, p.window-p.dials, t.most()-p.open)
}

// wait puts a call in line for a connection and has one made where that is possible. Not NoRefusal: the call cannot
// wait.
func (t *Target) wait(wt *waiter) lead.Refusal {
	p := &t.pool
	p.mu.Lock()
	switch {
	case t.client.ctx.Err() != nil:
		p.mu.Unlock()
		return lead.NoConnection
	case p.failures >= sickFailures && p.dials >= p.window:
		p.mu.Unlock()
		return lead.Unreachable
	case p.open >= t.most() && p.open < p.max:
		p.mu.Unlock()
		return lead.Unreachable
	case p.open >= p.max && p.waiting >= p.dials:
		p.mu.Unlock()
		return lead.NoConnection
	}
	p.join(wt)
	t.dialMore()
	p.mu.Unlock()
	return lead.NoRefusal
}

// withdraw takes a call out of the line whose time is up, and tells why it has no connection. False: it has just got
// one, or is about to hear why not.
func (t *Target) withdraw(wt *waiter) (why lead.Refusal, ok bool) {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !wt.queued {
		return lead.NoRefusal, false
	}
	place := 0
	for at := p.first; at != wt && place <= p.dials; at = at.next {
		place++
	}
	p.drop(wt)
	switch {
	case place >= p.dials:
		return lead.WorkersBusy, true
	case place < p.shaking:
		return lead.TLSFailed, true
	}
	return lead.Unreachable, true
}

// hand gives a live connection with nothing to read to the call that has waited longest, or lays it aside.
func (t *Target) hand(w *conn) {
	t.pool.mu.Lock()
	t.handLocked(w)
}

// handLocked is hand for who holds the pool's lock, and lets go of it.
func (t *Target) handLocked(w *conn) {
	p := &t.pool
	for {
		wt := p.next(w.kept)
		if wt == nil {
			break
		}
		p.mu.Unlock()
		if wt.serve(w) {
			return
		}
		p.mu.Lock()
	}
	if t.client.ctx.Err() != nil || t.gone.Load() {
		p.mu.Unlock()
		t.discard(w)
		return
	}
	w.kept, w.since = true, time.Now() // what was never used waits too
	p.idle = append(p.idle, w)
	p.mu.Unlock()
}

// giveBack ends a connection's use for a call.
func (t *Target) giveBack(w *conn, reusable bool) {
	if !reusable || len(w.sock.spill) > 0 {
		t.finish(w, true)
		return
	}
	w.kept = true
	t.hand(w)
}

// discard closes a connection that was of no use.
func (t *Target) discard(w *conn) { t.finish(w, false) }

// finish closes a connection and frees its place, for a call that waits or for what is to be made ahead. used: a call
// has used it up.
func (t *Target) finish(w *conn, used bool) {
	_ = w.Close()
	p := &t.pool
	p.mu.Lock()
	p.open--
	if used {
		p.keep.used++
	}
	if p.waiting > p.entitled+p.owed {
		p.owed++
	}
	if t.client.ctx.Err() == nil {
		t.dialMore()
	}
	p.mu.Unlock()
}

// found closes an idle connection that its peer has ended, or over which it said something unasked.
func (t *Target) found(w *conn) {
	t.counts.discarded.Add(1)
	if w.kept && !w.since.IsZero() {
		t.pool.mu.Lock()
		t.pool.keep.found(time.Since(w.since))
		t.pool.mu.Unlock()
	}
	t.discard(w)
}

// refuseAll ends the wait of every call.
func (t *Target) refuseAll(why lead.Refusal) {
	p := &t.pool
	var all []*waiter
	p.mu.Lock()
	for p.first != nil {
		all = append(all, p.next(false))
	}
	p.mu.Unlock()
	for _, wt := range all {
		wt.end(why)
	}
}

// closeIdle closes what is idle, and what becomes idle later is not kept either.
func (t *Target) closeIdle() {
	t.gone.Store(true)
	p := &t.pool
	p.mu.Lock()
	idle := p.idle
	p.idle, p.ahead, p.warm = nil, 0, 0
	p.open -= len(idle)
	p.mu.Unlock()
	for _, w := range idle {
		_ = w.Close()
	}
}
