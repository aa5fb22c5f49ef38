// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"time"

	"clearpost/lead"
)

// PostOnce sends a lead, at most once: a fresh connection, one write of the whole request, one answer. It waits, on the
// caller's goroutine, until the deadline at the latest. It never tries again and follows nothing.
//
// Refusal zero: a complete answer is there. Otherwise Sent tells the two cases apart that a lead's fate hangs on:
// false, and the buyer cannot have it; true, and it may have it, whatever Refusal says. Where the target is a mail
// server the lead goes by e-mail (mail.go).
func (c *Client) PostOnce(call *Call, deadline time.Time) {
	call.begin(time.Now(), deadline)
	t := call.Target
	set := t.set.Load()
	t.counts.calls.Add(1)
	if !call.deadline.After(call.started) {
		call.refuse(lead.NoTimeLeft)
		return
	}
	gate := call.limit(set.gate)
	if !t.enter(gate) {
		call.refuse(lead.InFlightLimit)
		return
	}
	defer t.leave(gate)
	if t.cfg.Mail != nil {
		call.mail()
		return
	}
	w, err := t.single(call.deadline)
	if err != nil {
		call.refuse(refusalOf(err))
		call.Took = time.Since(call.started)
		return
	}
	defer func() { _ = w.Close() }()
	if !time.Now().Before(call.deadline) {
		call.refuse(lead.NoTimeLeft)
		call.Took = time.Since(call.started)
		return
	}
	a := c.readings.Get().(*reading)
	defer c.readings.Put(a)
	switch call.exchange(w, a) {
	case complete:
		t.counts.answers.Add(1)
		t.spoke()
	case waits:
		call.tear(lead.TimedOut)
	default:
		call.tear(a.why)
	}
}

// tear ends a post without a whole answer and keeps the part of the body that came, for whoever has to find out what
// the buyer did.
func (c *Call) tear(why lead.Refusal) {
	part := c.Body
	c.refuse(why)
	c.Body = part
}

// exchange writes the request and reads the answer, waiting until the call's deadline.
func (c *Call) exchange(w *conn, a *reading) state {
	t := c.Target
	a.start(w, isHead(c.Request))
	w.sock.blocked = false
	begun := time.Now()
	c.Sent = true
	err := w.write(c.Request, c.deadline)
	bodyMax := t.set.Load().bodyMax
	st := waits
	if err == nil {
		w.sock.wait(c.deadline)
		c.Body, st = a.read(w, c.Body, bodyMax)
	}
	now := time.Now()
	if w.sock.blocked && err == nil {
		t.learn(now.Sub(begun))
	}
	if st == waits { // time is up, or the request was refused half-way, perhaps with an answer: what has arrived counts
		w.sock.pollOnly()
		c.Body, st = a.read(w, c.Body, bodyMax)
	}
	if err != nil {
		a.closing = true
		if st != complete {
			a.why, st = lead.WriteFailed, failed
		}
	}
	if st == complete {
		c.Refusal = lead.NoRefusal
		a.deliver(c)
	}
	c.Took = now.Sub(c.started)
	return st
}
