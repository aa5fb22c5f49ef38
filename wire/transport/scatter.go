// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"clearpost/lead"
)

// grace is how long Scatter waits, after the deadline, for a call that is being served just now.
const grace = time.Millisecond

// scratch is what one Scatter needs; kept for the next.
type scratch struct {
	read  *reading
	ready []*Call       // that have a connection and were not sent yet
	polls []unix.PollFd // by place in ready
	order []turn
	now   time.Time // as of the last moment that mattered
	waits []*waiter // calls that wait for a connection
	done  chan *waiter
	timer *time.Timer

	calls, may, from int // see due

	listener Listener // nil: all are waited for
	enough   bool     // nobody is waited for any more
	awaited  bool     // s.now is when the answer came that is read now
}

// turn is a call's place in the order of reading.
type turn struct {
	latency int64
	call    *Call
}

func newScratch() *scratch { return &scratch{done: make(chan *waiter, 16)} }

// Scatter writes every call's request, then reads every answer, the one expected first, first. It returns when each
// call has its answer or its refusal, at the deadline at the latest (and a few ms, when workers are still at it). The
// calls must differ from each other, and their targets must be of this client. Safe for concurrent use with different
// calls.
func (c *Client) Scatter(calls []*Call, deadline time.Time) { c.ScatterUntil(calls, deadline, nil) }

// Listener hears of the answers of a Scatter while others are awaited.
type Listener interface {
	// Enough is called on the Scatter's goroutine when a call has ended, and tells whether the others are not to be
	// waited for. It must not touch those that are not over.
	Enough() bool
}

// ScatterUntil is Scatter, until its listener has heard enough (nil: never). Answers that are there by then are taken;
// the other calls are refused as ClosedEarly, and what comes of them is late. It looks now and then for answers that
// come sooner than expected, which costs some wake-ups while all are silent.
func (c *Client) ScatterUntil(calls []*Call, deadline time.Time, l Listener) {
	s := c.scratches.Get().(*scratch)
	if s.read == nil {
		s.read = c.readings.Get().(*reading)
	}
	s.now = time.Now()
	if cap(s.done) < len(calls) { // a call waits once at a time, so that nobody who serves it ever waits to be heard
		s.done = make(chan *waiter, len(calls))
	}
	s.due(c, len(calls))
	for _, call := range calls {
		call.begin(s.now, deadline)
		s.prepare(call)
	}
	s.sendReady()
	s.now = time.Now()
	slices.SortFunc(s.order, func(a, b turn) int { return cmp.Compare(a.latency, b.latency) })
	if s.listener, s.enough = l, false; l != nil {
		s.hearAll()
	}
	for i := range s.order {
		s.finish(s.order[i].call)
		s.order[i].call = nil
	}
	s.order = s.order[:0]
	s.gather()
	s.listener = nil
	c.scratches.Put(s)
}

// due is how many connections may be made for this Scatter: as many as it has calls, unless fewer than half of all
// places are left. Then each gets less, so that the last places are not taken by a few; calls without one wait for a
// connection that comes back. Which calls those are is left to chance.
func (s *scratch) due(c *Client, calls int) {
	s.calls, s.may, s.from = calls, calls, 0
	half := c.cfg.ConnsMax / 2
	if places := int(max(0, c.places.Load())); places < half {
		s.may = max(1, (calls*places+half-1)/half)
		s.from = rand.IntN(max(1, calls))
	}
}

// mayDial tells whether the next call may have a connection made.
func (s *scratch) mayDial() bool {
	s.from++
	return s.from%s.calls < s.may || s.may >= s.calls
}

// prepare finds an idle connection for a call, or has it wait for one.
func (s *scratch) prepare(call *Call) {
	t := call.Target
	set := t.set.Load()
	t.counts.calls.Add(1)
	may := s.mayDial()
	if !call.deadline.After(s.now) {
		call.refuse(lead.TimedOut)
		return
	}
	gate := call.limit(set.gate)
	if !t.enter(gate) {
		call.refuse(lead.InFlightLimit)
		return
	}
	call.gate = gate
	if w := t.take(); w != nil {
		call.conn = w
		s.ready = append(s.ready, call)
		return
	}
	s.wait(call, false, may)
}

// wait puts a call in line for a connection. fresh: for a new one only. dials: one may be made for it.
func (s *scratch) wait(call *Call, fresh, dials bool) {
	t := call.Target
	wt := t.client.waiters.Get().(*waiter)
	*wt = waiter{call: call, fresh: fresh, dials: dials, done: s.done}
	if why := t.wait(wt); why != lead.NoRefusal {
		t.client.waiters.Put(wt)
		s.end(call, why)
		return
	}
	s.waits = append(s.waits, wt)
}

// end ends a call that has no connection.
func (s *scratch) end(call *Call, why lead.Refusal) {
	call.Target.leave(call.gate)
	call.Took = s.now.Sub(call.started)
	call.refuse(why)
}

// sendReady makes sure that the connections are alive with nothing to read, and writes to all of them. One poll looks
// at all: a read of each, which would find nothing, costs half as much as the write that follows.
func (s *scratch) sendReady() {
	s.polls = s.polls[:0]
	for _, call := range s.ready {
		s.polls = append(s.polls, unix.PollFd{Fd: call.conn.sock.fd, Events: unix.POLLIN})
	}
	_, unknown := unix.Poll(s.polls, 0)
	for i, call := range s.ready {
		w := call.conn
		call.conn = nil
		// TLS may hold bytes that the socket does not show, and the socket bytes that are for TLS alone.
		if unknown != nil || s.polls[i].Revents != 0 || w.Conn != net.Conn(w.sock) {
			if w = call.Target.alive(w); w == nil {
				s.wait(call, false, true)
				continue
			}
		}
		s.send(call, w)
	}
	clear(s.ready)
	s.ready = s.ready[:0]
}

// alive gives the connection back if it is alive and has nothing to read, else another one that is; nil: there is none.
func (t *Target) alive(w *conn) *conn {
	for w != nil && !w.quiet() {
		t.found(w)
		w = t.take()
	}
	return w
}

// send writes one request. It never waits.
func (s *scratch) send(call *Call, w *conn) {
	t := call.Target
	call.Sent = true
	w.sock.pollOnly()
	if _, err := w.Conn.Write(call.Request); err != nil {
		t.discard(w)
		s.again(call, lead.WriteFailed)
		return
	}
	call.conn = w
	if len(w.sock.spill) > 0 {
		s.flush(call)
		return
	}
	s.order = append(s.order, turn{t.counts.ewma.Load(), call})
}

// flush has a worker write the rest of a request that the peer takes slowly.
func (s *scratch) flush(call *Call) {
	wt := call.Target.client.waiters.Get().(*waiter)
	*wt = waiter{call: call, done: s.done}
	s.waits = append(s.waits, wt)
	if !call.Target.client.flush(wt) {
		wt.end(lead.NoRefusal)
	}
}

// finish reads one answer and ends the call, or hands it on.
func (s *scratch) finish(call *Call) {
	t, w := call.Target, call.conn
	call.conn = nil
	set := t.set.Load()
	s.read.start(w, isHead(call.Request))
	w.sock.blocked = false
	st := waits
	if s.now.Before(call.deadline) && !s.enough {
		w.sock.wait(call.deadline)
		call.Body, st = s.read.read(w, call.Body, set.bodyMax)
	}
	blocked := w.sock.blocked
	if blocked {
		s.now = time.Now()
	}
	if st == waits { // time is up; what has arrived counts
		w.sock.pollOnly()
		call.Body, st = s.read.read(w, call.Body, set.bodyMax)
	}
	call.Took = s.now.Sub(call.started)
	if call.Exact = blocked || s.awaited; call.Exact {
		t.learn(call.Took)
	}
	switch st {
	case complete:
		s.answered(call)
		if !w.heard {
			w.heard = true
			t.hear(s.read)
		}
		t.giveBack(w, s.read.reusable())
		t.leave(call.gate)
	case waits:
		s.read = t.handLate(call, w, s.read)
		call.refuse(s.late())
	default:
		kept := w.kept
		t.finish(w, true)
		if s.read.why == lead.ConnectionLost && kept {
			s.again(call, lead.ConnectionLost)
			return
		}
		t.leave(call.gate)
		call.refuse(s.read.why)
	}
}

// cut ends a call whose request did not leave whole. An answer may be there all the same: a refusal of what was too
// large.
func (s *scratch) cut(call *Call) {
	t, w := call.Target, call.conn
	call.conn = nil
	s.read.start(w, isHead(call.Request))
	w.sock.pollOnly()
	var st state
	call.Body, st = s.read.read(w, call.Body, t.set.Load().bodyMax)
	call.Took = time.Since(call.started)
	if st == complete {
		s.answered(call)
	} else {
		call.refuse(lead.WriteFailed)
	}
	t.finish(w, true)
	t.leave(call.gate)
}

// answered ends a call with the answer that was read.
func (s *scratch) answered(call *Call) {
	s.read.deliver(call)
	call.Target.counts.answers.Add(1)
	call.Target.spoke()
	if call.Refusal != lead.NoRefusal {
		call.refuse(call.Refusal)
	}
}

// spoke notes an answer: the target is not mute.
func (t *Target) spoke() {
	if t.counts.mute.Load() != 0 {
		t.counts.mute.Store(0)
	}
}

// hear learns how long the buyer keeps its connections.
func (t *Target) hear(a *reading) {
	if said := a.head.Peek("Keep-Alive"); len(said) > 0 {
		t.pool.mu.Lock()
		t.pool.keep.hear(string(said))
		t.pool.mu.Unlock()
	}
}

// deliver puts a complete answer into its call; the body is there already, as it came. A body whose coding cannot be
// undone is no answer.
func (a *reading) deliver(call *Call) {
	call.Status, call.Whole = a.head.StatusCode(), !a.rest
	call.Type = append(call.Type[:0], a.head.ContentType()...)
	if call.Status == fasthttp.StatusTooManyRequests || call.Status == fasthttp.StatusServiceUnavailable {
		call.RetryAfter = append(call.RetryAfter[:0], a.head.Peek(fasthttp.HeaderRetryAfter)...)
	}
	if call.Cookies {
		call.Jar = a.cookies(call.Jar[:0])
	}
	if coding := a.head.ContentEncoding(); len(coding) > 0 {
		if call.Body, a.why = plainBody(string(coding), call.Body,
			call.Target.set.Load().bodyMax); a.why != lead.NoRefusal {
			call.tear(a.why)
		}
	}
}

// late is why a call has no answer that is still silent.
func (s *scratch) late() lead.Refusal {
	if s.enough {
		return lead.ClosedEarly
	}
	return lead.TimedOut
}

// again repeats, on a new connection, a ping whose kept-alive connection ended before any byte of an answer. The
// buyer may see it twice: that costs nothing, for a ping sells nothing.
func (s *scratch) again(call *Call, why lead.Refusal) {
	if !s.now.Before(call.deadline) || s.enough {
		s.end(call, why)
		return
	}
	call.Target.counts.retries.Add(1)
	s.wait(call, true, true)
}

// gather reads the answers of the calls that had to wait for a connection, as they get theirs, and takes those back
// whose time is up.
func (s *scratch) gather() {
	for len(s.waits) > 0 {
		first := s.waits[0].call.deadline
		for _, wt := range s.waits[1:] {
			if wt.call.deadline.Before(first) {
				first = wt.call.deadline
			}
		}
		left := max(time.Until(first), grace)
		if s.enough {
			if s.giveUp(); len(s.waits) == 0 {
				return
			}
			left = grace
		}
		if s.timer == nil {
			s.timer = time.NewTimer(left)
		} else {
			s.timer.Reset(left)
		}
		select {
		case wt := <-s.done:
			s.timer.Stop()
			s.now = time.Now()
			call := wt.call
			s.served(wt)
			s.heard(call)
		case s.now = <-s.timer.C:
			s.giveUp()
		}
	}
}

// served goes on with a call that has waited.
func (s *scratch) served(wt *waiter) {
	i := slices.Index(s.waits, wt)
	s.waits = slices.Delete(s.waits, i, i+1)
	call, w, why, failed, fresh := wt.call, wt.call.conn, wt.why, wt.failed, wt.fresh
	*wt = waiter{}
	call.Target.client.waiters.Put(wt)
	switch {
	case w != nil && (failed || len(w.sock.spill) > 0):
		s.cut(call)
	case w != nil:
		s.finish(call)
	case failed && !fresh:
		s.again(call, why)
	default:
		s.end(call, why)
	}
}

// giveUp takes those calls out of their lines whose time is up. One that has just been served is on its way through
// done.
func (s *scratch) giveUp() {
	s.waits = slices.DeleteFunc(s.waits, func(wt *waiter) bool {
		if wt.call.deadline.After(s.now) && !s.enough {
			return false
		}
		why, ok := wt.call.Target.withdraw(wt)
		if !ok {
			return false
		}
		if s.enough {
			why = lead.ClosedEarly
		}
		call := wt.call
		*wt = waiter{}
		call.Target.client.waiters.Put(wt)
		s.end(call, why)
		return true
	})
}

// isHead tells whether a request asks for no body.
func isHead(request []byte) bool { return bytes.HasPrefix(request, []byte("HEAD ")) }
