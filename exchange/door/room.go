// SPDX-License-Identifier: Apache-2.0

package door

import (
	"slices"
	"time"
)

// Where there are as many connections as there may be, those on which nothing has been asked for longest make room for
// one more, so that whoever keeps many open, and uses few, does not keep others out.
const (
	idleLeast  = time.Second            // only connections that have been idle for so long end before their time
	idleParts  = 16                     // one in so many of all connections ends at a time
	sweepPause = 100 * time.Millisecond // between two looks that find none

	idleLeaving = -1 // of Conn.idle
)

var longAgo = time.Unix(1, 0)

// makeRoom tells whether there is room for one connection more than there may be, of the open ones in all: as many as
// are about to end. The caller is Accept.
func (l *Listener) makeRoom(open int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	over := open - int64(l.cfg.ConnsMax)
	if over <= l.leaving {
		return true
	}
	now := time.Now()
	if now.Sub(l.swept) < sweepPause {
		return false
	}
	l.swept = now
	type idler struct {
		c     *Conn
		since int64
	}
	var idle []idler
	for c := range l.conns {
		if since := c.idle.Load(); since > 0 && now.UnixNano()-since > int64(idleLeast) {
			idle = append(idle, idler{c, since})
		}
	}
	slices.SortFunc(idle, func(a, b idler) int { return int(min(max(a.since-b.since, -1), 1)) })
	for _, x := range idle[:min(len(idle), l.cfg.ConnsMax/idleParts+1)] {
		if x.c.idle.CompareAndSwap(x.since, idleLeaving) {
			l.leaving++
			// its reader hears that its time is over, and the connection ends as always; one that has been closed
			// meanwhile cannot be told
			_ = x.c.socket.SetReadDeadline(longAgo)
		}
	}
	return over <= l.leaving
}

// stay notes that something is asked on the connection. One that was told to end, and was asked at that moment, goes
// on: its room is not free.
func (c *Conn) stay() {
	if c.idle.Swap(0) == idleLeaving {
		c.of.mu.Lock()
		c.of.leaving--
		c.of.mu.Unlock()
	}
}

// rest notes that nothing is asked on the connection any more.
func (c *Conn) rest() {
	if c.idle.Load() == 0 {
		c.idle.Store(time.Now().UnixNano())
	}
}

// forget drops a connection that is closed from what is counted.
func (c *Conn) forget() {
	l := c.of
	l.open.Add(-1)
	if l.cfg.ConnsMax == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if c.idle.Swap(0) == idleLeaving {
		l.leaving--
	}
}
