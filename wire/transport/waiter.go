// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"time"

	"clearpost/lead"
)

// waiter is a call that waits for a connection. While it stands in its target's line, the line's lock guards it and
// only the Scatter may take its call back; who takes it out of the line owns it and its call until it is sent through
// done.
type waiter struct {
	call   *Call
	fresh  bool // a second try: on a new connection only
	dials  bool // a connection may be made for it
	done   chan<- *waiter
	why    lead.Refusal // not NoRefusal: there is no connection
	failed bool         // a connection of old took the request no more, or a slow one not all of it
	queued bool         // stands in the line
	next   *waiter
	prev   *waiter
}

// end tells the Scatter.
func (wt *waiter) end(why lead.Refusal) {
	wt.why = why
	wt.done <- wt // has room for every call of its Scatter
}

// serve writes the call's request to a connection and gives both to the Scatter, without waiting. False: the call's
// time is up, and the connection is untouched.
func (wt *waiter) serve(w *conn) bool {
	call := wt.call
	if !time.Now().Before(call.deadline) {
		wt.end(lead.TimedOut)
		return false
	}
	t := call.Target
	if w.kept && !w.quiet() {
		// It has ended, or says what nobody asked for. The next one that comes is for the same call.
		p := &t.pool
		p.mu.Lock()
		p.putFirst(wt)
		p.mu.Unlock()
		t.found(w)
		return true
	}
	call.Sent = true
	w.sock.pollOnly()
	if _, err := w.Conn.Write(call.Request); err != nil {
		wt.failed = w.kept && !wt.fresh
		t.discard(w)
		wt.end(lead.WriteFailed)
		return true
	}
	call.conn = w
	if len(w.sock.spill) == 0 || !t.client.flush(wt) {
		wt.end(lead.NoRefusal)
	}
	return true
}

// putFirst puts a waiter back at the head of the line; the caller holds mu.
func (p *pool) putFirst(wt *waiter) {
	wt.next, wt.prev, wt.queued = p.first, nil, true
	if p.first == nil {
		p.last = wt
	} else {
		p.first.prev = wt
	}
	p.first = wt
	p.count(wt, 1)
}

// flush has a worker write what the socket did not take at once of the waiter's request, until the call's deadline. The
// waiter is heard when that has ended. False: no worker is free.
func (c *Client) flush(wt *waiter) bool {
	call, w := wt.call, wt.call.conn
	deadline := call.deadline
	return c.workers.Submit(func() {
		wt.failed = w.sock.flush(deadline) != nil
		wt.end(lead.NoRefusal)
	}) == nil
}
