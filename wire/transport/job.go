// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"sync/atomic"
	"time"

	"clearpost/lead"

	"github.com/panjf2000/ants/v2"
)

// The stages of a job. It ends once: finished by the worker, whose result is then heard, or abandoned by the Scatter,
// which then has nothing to do with it any more.
const (
	dialing int32 = iota
	handshaking
	calling // the request may have left
	finished
	abandoned
)

// errBusy and errClosed are why a job could not begin.
var (
	errBusy   = errors.New("transport: no worker is free")
	errClosed = errors.New("transport: the client is closed")
)

// job is a call in the hands of a worker, with everything the worker needs: of the caller's Call it touches nothing.
type job struct {
	own     Call   // the worker's copy of the call, buffers included
	request []byte // behind own.Request
	conn    *conn  // the connection that takes its request slowly; nil: get one
	fresh   bool   // a second try: on a new connection, which serves it alone
	call    *Call  // whom the result is for: only for the Scatter
	done    chan<- *job
	stage   atomic.Int32
	run     func()
}

func newJob() *job {
	j := &job{}
	j.run = j.work
	return j
}

// prepare copies a call. Not the whole struct: own keeps its buffers.
func (j *job) prepare(call *Call, w *conn, fresh bool, done chan<- *job) {
	j.request = append(j.request[:0], call.Request...)
	j.own.Reset()
	j.own.Target, j.own.Request, j.own.Sent = call.Target, j.request, call.Sent
	j.own.gate, j.own.deadline, j.own.started, j.own.Cookies = call.gate, call.deadline, call.started, call.Cookies
	j.conn, j.fresh, j.call, j.done = w, fresh, call, done
	j.stage.Store(dialing)
	if w != nil {
		j.stage.Store(calling)
	}
}

// free returns a job that nobody else holds.
func (j *job) free() {
	c := j.own.Target.client
	j.conn, j.call, j.done = nil, nil, nil
	j.own.Reset()
	c.jobs.Put(j)
}

// deliver copies the result of a finished job to its call.
func (j *job) deliver() {
	call := j.call
	if j.own.Refusal == lead.NoRefusal {
		j.own.Target.counts.answers.Add(1)
	}
	call.Status, call.Refusal, call.Sent, call.Took, call.Whole = j.own.Status, j.own.Refusal, j.own.Sent, j.own.Took, j.own.Whole
	call.Coded = j.own.Coded
	call.Type = append(call.Type[:0], j.own.Type...)
	call.Body = append(call.Body[:0], j.own.Body...)
	call.Jar = append(call.Jar[:0], j.own.Jar...)
}

// abandon ends the call while the worker is still at it; false: the worker has just finished.
func (j *job) abandon(now time.Time) bool {
	call := j.call // the last look at j: once abandoned it is the worker's alone
	stage, ok := j.advance(abandoned)
	if !ok {
		return false
	}
	why := lead.TimedOut
	switch stage {
	case dialing:
		why = lead.Unreachable
	case handshaking:
		why = lead.TLSFailed
	default:
		call.Sent = true
	}
	call.Took = now.Sub(call.started)
	call.refuse(why)
	return true
}

// advance moves the job on and tells which stage it left; false: it has ended before.
func (j *job) advance(to int32) (left int32, ok bool) {
	for {
		left = j.stage.Load()
		if left >= finished {
			return left, false
		}
		if j.stage.CompareAndSwap(left, to) {
			return left, true
		}
	}
}

// submit starts a job if a worker is free, and its target has not taken more than its part of them.
func (c *Client) submit(j *job) error { return c.submitFor(j.own.Target, j.run) }

func (c *Client) submitFor(t *Target, run func()) error {
	if t.counts.cold.Add(1) > int64(c.cfg.WorkersATarget) {
		t.counts.cold.Add(-1)
		return errBusy
	}
	err := c.workers.Submit(run)
	if err == nil {
		return nil
	}
	t.counts.cold.Add(-1)
	if errors.Is(err, ants.ErrPoolClosed) {
		return errClosed
	}
	return errBusy
}

// work is the whole call, on a worker. Whatever happens, its end is heard.
func (j *job) work() {
	t, gate := j.own.Target, j.own.gate
	held := true // the place at the gate is ours to give back
	j.own.refuse(lead.ConnectionLost)
	defer func() {
		t.counts.cold.Add(-1)
		if held {
			t.leave(gate)
		}
		if _, ok := j.advance(finished); ok {
			j.done <- j
			return
		}
		if j.own.Refusal == lead.NoRefusal { // it was there, but the Scatter could not wait any more
			t.counts.late.Add(1)
			t.heardLate(j.own.Status, j.own.Body, j.own.Took)
		}
		j.free()
	}()
	stale := j.attempt(&held)
	if stale && time.Now().Before(j.own.deadline) {
		t.counts.retries.Add(1)
		j.fresh, j.conn = true, nil
		j.attempt(&held)
	}
}

// attempt makes the call on one connection. It is true when a kept-alive connection ended before an answer began.
// held becomes false when a late reader has taken the call's place at the gate.
func (j *job) attempt(held *bool) (stale bool) {
	t := j.own.Target
	w, err := j.connection()
	if err != nil {
		j.own.refuse(refusalOf(err))
		j.own.Took = time.Since(j.own.started)
		return false
	}
	if !time.Now().Before(j.own.deadline) || !j.mayCall() {
		j.own.refuse(lead.TimedOut)
		j.own.Took = time.Since(j.own.started)
		j.giveBack(w, len(w.sock.spill) == 0)
		return false
	}
	c := t.client
	a := c.readings.Get().(*reading)
	st := j.own.exchange(w, a)
	switch {
	case st == complete:
		j.giveBack(w, a.reusable())
	case st == waits && !j.fresh:
		a = t.handLate(&j.own, w, a)
		*held = false
		j.own.refuse(lead.TimedOut)
	case st == waits:
		_ = w.Close()
		j.own.refuse(lead.TimedOut)
	default:
		stale = w.kept && !j.fresh && (a.why == lead.ConnectionLost || a.why == lead.WriteFailed)
		j.own.refuse(a.why)
		j.giveBack(w, false)
	}
	c.readings.Put(a)
	return stale
}

// mayCall announces that the request may leave from now on. False: the call has been abandoned before.
func (j *job) mayCall() bool {
	_, ok := j.advance(calling)
	return ok
}

// connection gets what the call goes over. A dial has DialMax, however little time its call has: what comes too late for
// this call is warm for the next, and a buyer with a slow handshake is not cold for ever.
func (j *job) connection() (*conn, error) {
	t := j.own.Target
	switch {
	case j.conn != nil:
		return j.conn, nil
	case j.fresh:
		return t.single(j.own.deadline, &j.stage)
	}
	return t.dial(&j.stage)
}

// giveBack ends the connection's use: into the pool, if it came from there.
func (j *job) giveBack(w *conn, reusable bool) {
	if j.fresh {
		_ = w.Close()
		return
	}
	j.own.Target.giveBack(w, reusable)
}

// exchange writes the request and reads the answer, waiting until the call's deadline. What is in spill is the rest of
// a request that was begun.
func (c *Call) exchange(w *conn, a *reading) state {
	t := c.Target
	a.start(w, isHead(c.Request))
	w.sock.blocked = false
	begun := time.Now()
	var err error
	if len(w.sock.spill) > 0 {
		err = w.sock.flush(c.deadline)
	} else {
		c.Sent = true
		err = w.write(c.Request, c.deadline)
	}
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
