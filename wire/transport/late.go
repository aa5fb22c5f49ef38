// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"time"

	"clearpost/lead"
)

// lateRead reads out an answer whose call is over. It owns all it touches. Closing the connection instead would cost a
// dial, and nobody would know how late the buyer is.
type lateRead struct {
	target  *Target
	gate    *Gate
	conn    *conn
	read    *reading // nil until a byte of the answer is there
	body    []byte
	noBody  bool
	started time.Time
	until   time.Time
	waits   time.Time // until when, in line for a worker
	run     func()
}

func newLateRead() *lateRead {
	l := &lateRead{}
	l.run = l.work
	return l
}

// handLate gives the connection of a call, and the call's place at the gate, to a late reader. Without a free one they
// wait in line for one; if too many do, both end here. The reading goes along when the answer has begun. What it
// returns is the caller's to use from now on.
func (t *Target) handLate(call *Call, w *conn, a *reading) *reading {
	c := t.client
	t.counts.late.Add(1)
	l := c.lates.Get().(*lateRead)
	l.target, l.gate, l.conn, l.noBody = t, call.gate, w, isHead(call.Request)
	l.started, l.until = call.started, call.deadline.Add(c.cfg.LateReadMax)
	l.body = append(l.body[:0], call.Body...)
	begun := w.got > 0
	if begun {
		l.read = a
	}
	if err := c.late.Submit(l.run); err != nil && !c.lateLine.join(l) {
		t.counts.lateDropped.Add(1)
		l.read = nil
		l.end(false)
		return a
	}
	if begun {
		return c.readings.Get().(*reading)
	}
	return a
}

// end gives everything back.
func (l *lateRead) end(reusable bool) {
	t := l.target
	t.giveBack(l.conn, reusable)
	t.leave(l.gate)
	if l.read != nil {
		t.client.readings.Put(l.read)
	}
	l.target, l.gate, l.conn, l.read = nil, nil, nil, nil
	t.client.lates.Put(l)
}

// work is a worker's job: it reads one answer out, and then those that wait in line.
func (l *lateRead) work() {
	line := &l.target.client.lateLine
	for next := l; next != nil; next = line.next() {
		next.readOut()
	}
}

func (l *lateRead) readOut() {
	reusable := false
	defer func() { l.end(reusable) }() // deferred, for OnLate is not our code
	t, w := l.target, l.conn
	if l.read == nil {
		l.read = t.client.readings.Get().(*reading)
		l.read.start(w, l.noBody)
	}
	w.sock.blocked = false
	w.sock.wait(l.until)
	var st state
	l.body, st = l.read.read(w, l.body, t.set.Load().bodyMax)
	if st == waits && w.got == 0 {
		t.counts.mute.Add(1)
	}
	if st != complete {
		return
	}
	t.spoke()
	took := time.Since(l.started)
	if w.sock.blocked {
		t.learn(took)
	}
	reusable = l.read.reusable()
	if coding := l.read.head.ContentEncoding(); len(coding) > 0 {
		var no lead.Refusal
		if l.body, no = plainBody(string(coding), l.body, t.set.Load().bodyMax); no != lead.NoRefusal {
			return
		}
	}
	t.heardLate(l.read.head.StatusCode(), l.body, took)
}

// heardLate counts and tells a late answer.
func (t *Target) heardLate(status int, body []byte, took time.Duration) {
	t.counts.lateAnswers.Add(1)
	if tell := t.set.Load().onLate; tell != nil {
		tell(status, body, took)
	}
}
