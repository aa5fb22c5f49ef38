// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"clearpost/lead"
)

// grace is how much longer than the deadline Scatter waits for workers: they look at their sockets once more when
// their time is up, and say so.
const grace = 3 * time.Millisecond

// scratch is what one Scatter needs; kept for the next.
type scratch struct {
	read  *reading
	ready []*Call       // that have a connection and were not sent yet
	polls []unix.PollFd // by place in ready
	order []turn
	now   time.Time // as of the last moment that mattered
	jobs  []*job    // handed to workers and not gathered yet
	done  chan *job
	timer *time.Timer
}

// turn is a call's place in the order of reading.
type turn struct {
	latency int64
	call    *Call
}

func newScratch() *scratch { return &scratch{done: make(chan *job, 16)} }

// Scatter writes every call's request, then reads every answer, the one expected first, first. It returns when each call
// has its answer or its refusal, at the deadline at the latest (and a few ms, when workers are still at it). The calls
// must differ from each other, and their targets must be of this client. Safe for concurrent use with different calls.
func (c *Client) Scatter(calls []*Call, deadline time.Time) {
	s := c.scratches.Get().(*scratch)
	if s.read == nil {
		s.read = c.readings.Get().(*reading)
	}
	s.now = time.Now()
	if cap(s.done) < len(calls) { // a call has one job at most, so that no worker ever waits to be heard
		s.done = make(chan *job, len(calls))
	}
	for _, call := range calls {
		call.begin(s.now, deadline)
		s.prepare(call)
	}
	s.sendReady()
	s.now = time.Now()
	slices.SortFunc(s.order, func(a, b turn) int { return cmp.Compare(a.latency, b.latency) })
	for i := range s.order {
		s.settle(s.order[i].call)
		s.order[i].call = nil
	}
	s.order = s.order[:0]
	s.gather()
	c.scratches.Put(s)
}

// prepare finds an idle connection for a call, or has a worker do all of it.
func (s *scratch) prepare(call *Call) {
	t := call.Target
	set := t.set.Load()
	t.counts.calls.Add(1)
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
	w, err := t.pool.idle()
	if err != nil {
		s.unready(call, err)
		return
	}
	call.conn = w
	s.ready = append(s.ready, call)
}

// unready ends a call that got no idle connection, or gives it to a worker.
func (s *scratch) unready(call *Call, err error) {
	if errors.Is(err, errCold) {
		s.delegate(call, nil, false)
		return
	}
	call.Target.leave(call.gate)
	call.refuse(lead.NoConnection)
}

// sendReady makes sure that the connections are alive with nothing to read, and writes to all of them. One poll looks at all: a read of
// each, which would find nothing, costs half as much as the write that follows.
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
			var err error
			if w, err = call.Target.warm(w); err != nil {
				s.unready(call, err)
				continue
			}
		}
		s.send(call, w)
	}
	clear(s.ready)
	s.ready = s.ready[:0]
}

// warm gives the connection back if it is alive and has nothing to read, else another one that is.
func (t *Target) warm(w *conn) (*conn, error) {
	for !w.quiet() {
		t.discard(w)
		var err error
		if w, err = t.pool.idle(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// send writes one request. It never waits.
func (s *scratch) send(call *Call, w *conn) {
	t := call.Target
	call.Sent = true
	w.sock.pollOnly()
	if _, err := w.Conn.Write(call.Request); err != nil {
		t.pool.discard(w)
		s.again(call, lead.WriteFailed)
		return
	}
	if len(w.sock.spill) > 0 {
		s.delegate(call, w, false)
		return
	}
	call.conn = w
	s.order = append(s.order, turn{t.counts.ewma.Load(), call})
}

// discard closes a connection that was found useless before anything was sent over it.
func (t *Target) discard(w *conn) {
	t.counts.discarded.Add(1)
	t.pool.discard(w)
}

// settle reads one answer and ends the call, or hands it on.
func (s *scratch) settle(call *Call) {
	t, w := call.Target, call.conn
	call.conn = nil
	set := t.set.Load()
	s.read.start(w, isHead(call.Request))
	w.sock.blocked = false
	st := waits
	if s.now.Before(call.deadline) {
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
	if blocked {
		t.learn(call.Took)
	}
	switch st {
	case complete:
		s.read.deliver(call)
		t.counts.answers.Add(1)
		t.giveBack(w, s.read.reusable())
		t.leave(call.gate)
	case waits:
		s.read = t.handLate(call, w, s.read)
		call.refuse(lead.TimedOut)
	default:
		t.pool.discard(w)
		if s.read.why == lead.ConnectionLost {
			s.again(call, lead.ConnectionLost)
			return
		}
		t.leave(call.gate)
		call.refuse(s.read.why)
	}
}

var identity = []byte("identity")

// deliver puts a complete answer into its call; the body is there already.
func (a *reading) deliver(call *Call) {
	call.Status, call.Whole = a.head.StatusCode(), !a.rest
	call.Type = append(call.Type[:0], a.head.ContentType()...)
	if coding := a.head.ContentEncoding(); len(coding) > 0 && !bytes.EqualFold(bytes.TrimSpace(coding), identity) {
		call.Coded = true
	}
	if call.Cookies {
		call.Jar = a.cookies(call.Jar[:0])
	}
}

// giveBack ends a connection's use for a call.
func (t *Target) giveBack(w *conn, reusable bool) {
	if !reusable || len(w.sock.spill) > 0 {
		t.pool.discard(w)
		return
	}
	w.kept = true
	t.pool.release(w)
}

// again repeats, on a connection of its own, a ping whose kept-alive connection ended before any byte of an answer. The
// buyer may see it twice: that costs nothing, for a ping sells nothing.
func (s *scratch) again(call *Call, why lead.Refusal) {
	if !s.now.Before(call.deadline) {
		call.Target.leave(call.gate)
		call.refuse(why)
		return
	}
	call.Target.counts.retries.Add(1)
	s.delegate(call, nil, true)
}

// delegate gives a call to a worker, with its place at the gate.
func (s *scratch) delegate(call *Call, w *conn, fresh bool) {
	t := call.Target
	j := t.client.jobs.Get().(*job)
	j.prepare(call, w, fresh, s.done)
	if err := t.client.submit(j); err != nil {
		why := lead.WorkersBusy
		if errors.Is(err, errClosed) {
			why = lead.NoConnection
		}
		if w != nil {
			t.pool.discard(w)
		}
		j.free()
		t.leave(call.gate)
		call.refuse(why)
		return
	}
	s.jobs = append(s.jobs, j)
}

// gather waits for the workers, and leaves those behind that are late.
func (s *scratch) gather() {
	for len(s.jobs) > 0 {
		first := s.jobs[0].own.deadline
		for _, j := range s.jobs[1:] {
			if j.own.deadline.Before(first) {
				first = j.own.deadline
			}
		}
		left := time.Until(first) + grace
		if s.timer == nil {
			s.timer = time.NewTimer(left)
		} else {
			s.timer.Reset(left)
		}
		select {
		case j := <-s.done:
			s.take(j)
		case s.now = <-s.timer.C:
			s.abandon(first)
		}
		s.timer.Stop()
	}
}

// take copies what a worker has found out to the call.
func (s *scratch) take(j *job) {
	j.deliver()
	i := slices.Index(s.jobs, j)
	s.jobs = slices.Delete(s.jobs, i, i+1)
	j.free()
}

// abandon leaves the jobs behind whose time was up by then. One that has ended meanwhile is on its way through done.
func (s *scratch) abandon(by time.Time) {
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
		return !j.own.deadline.After(by) && j.abandon(s.now)
	})
}

// isHead tells whether a request asks for no body.
func isHead(request []byte) bool { return bytes.HasPrefix(request, []byte("HEAD ")) }
