// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"time"

	"clearpost/lead"
)

// dialMore starts the dials that are needed; the caller holds the pool's lock. For those that find no worker, or no
// place among the connections that the process may have, the target waits its turn.
func (t *Target) dialMore() {
	p := &t.pool
	for n := t.needed(); n > 0 && !p.starved; n-- {
		if !t.client.takePlace() {
			t.starve()
			return
		}
		p.dials++
		p.open++
		if t.client.workers.Submit(t.run) != nil {
			p.dials--
			p.open--
			t.client.places.Add(1)
			t.starve()
			return
		}
	}
}

// takePlace takes a place among all connections.
func (c *Client) takePlace() bool {
	if c.places.Add(-1) >= 0 {
		return true
	}
	c.places.Add(1)
	c.tight.Store(true)
	c.short.Add(1)
	return false
}

// starve notes that the target wants to dial as soon as it can; the caller holds the pool's lock.
func (t *Target) starve() {
	c := t.client
	t.pool.starved = true
	c.starving.Lock()
	c.starved = append(c.starved, t)
	c.starving.Unlock()
}

// fed takes the target that has waited longest; nil: none waits.
func (c *Client) fed() *Target {
	c.starving.Lock()
	defer c.starving.Unlock()
	if len(c.starved) == 0 {
		return nil
	}
	t := c.starved[0]
	c.starved = append(c.starved[:0], c.starved[1:]...)
	return t
}

// feed lets the target that has waited longest dial, as far as it can.
func (c *Client) feed() {
	if t := c.fed(); t != nil {
		p := &t.pool
		p.mu.Lock()
		p.starved = false
		if c.ctx.Err() == nil {
			t.dialMore()
		}
		p.mu.Unlock()
	}
}

// feedAll feeds each target that waits, once. A worker, or a place, may have become free between the look that found
// none and the note of it, and then nobody else would tell.
func (c *Client) feedAll() {
	c.starving.Lock()
	n := len(c.starved)
	c.starving.Unlock()
	for range n {
		c.feed()
	}
}

// dialOnce is a worker's job: it makes one connection for the target, and then one each for those that found no worker.
func (t *Target) dialOnce() {
	for next := t; next != nil; next = t.client.hungry() {
		next.dial()
	}
}

// hungry takes the target that has waited longest for a worker, with a place for the dial that it wants; nil: none, or
// there are no places.
func (c *Client) hungry() *Target {
	for {
		t := c.fed()
		if t == nil {
			return nil
		}
		p := &t.pool
		p.mu.Lock()
		p.starved = false
		switch {
		case t.needed() < 1:
			p.mu.Unlock()
			continue
		case !c.takePlace():
			t.starve()
			p.mu.Unlock()
			return nil
		}
		p.dials++
		p.open++
		if t.needed() > 0 { // more of them: behind the others
			t.starve()
		}
		p.mu.Unlock()
		return t
	}
}

// dial makes one connection, within DialMax, however little time the calls have that wait for it: what comes too late
// for them is warm for the next, and a buyer with a slow handshake is not cold for ever.
func (t *Target) dial() {
	w := &conn{client: t.client, placed: true}
	begun := time.Now()
	err := t.connect(w, begun.Add(t.client.cfg.DialMax), &t.pool)
	if err != nil {
		_ = w.Close()
		t.dialFailed(err)
		return
	}
	p := &t.pool
	p.mu.Lock()
	p.failures = 0
	p.window = min(p.window+2, max(t.client.cfg.WorkersATarget, 1))
	p.keep.dialled(time.Since(begun))
	p.dials-- // together with what the connection is for, or another look would take it for missing
	t.handLocked(w)
	p.mu.Lock() // the window has grown
	t.dialMore()
	p.mu.Unlock()
}

// dialFailed ends the wait of the call for which the dial was; when the client is closed, that of all.
func (t *Target) dialFailed(err error) {
	p := &t.pool
	closed := t.client.ctx.Err() != nil
	p.mu.Lock()
	p.dials--
	p.open--
	p.failures++
	p.ahead, p.warm = 0, 0
	p.window = max(p.window/2, min(windowMin, t.client.cfg.WorkersATarget))
	wt := p.next(false)
	if !closed {
		t.dialMore()
	}
	p.mu.Unlock()
	if wt != nil {
		wt.end(refusalOf(err))
	}
	if closed {
		t.refuseAll(lead.NoConnection)
	}
}

// Warm has connections made until n are idle, as far as the target's limits allow and unless one fails. The caller does
// not wait.
func (t *Target) Warm(n int) {
	p := &t.pool
	p.mu.Lock()
	p.warm = max(p.warm, n)
	t.dialMore()
	p.mu.Unlock()
}

// errClosed is why there is no connection after Close.
var errClosed = errors.New("transport: the client is closed")

// refusalOf names why a connection could not be had.
func refusalOf(err error) lead.Refusal {
	var d *dialError
	if errors.As(err, &d) {
		return d.why
	}
	return lead.NoConnection
}
