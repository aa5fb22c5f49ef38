// SPDX-License-Identifier: Apache-2.0

package door

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Where there are as many connections as there may be, some on which nothing is being answered make room for one more,
// so that whoever keeps many open keeps nobody else out: first those of whoever has most, and of those the ones that
// have been idle longest.
const (
	// a connection of a known holder that has no more than its share is let be for so long
	knownLeast = time.Second
	// and one on which a request has begun, from its first byte
	begunLeast = time.Second
	// one in so many of all connections ends at a time, and so many do before all places are taken
	roomParts = 16
	// for connections to go that were told to
	roomWait = 100 * time.Millisecond
	// after a look that has found too few there is none for so many times as long as it took
	pauseTimes = 10

	idleLeaving = -1 // of Conn.idle
)

var longAgo = time.Unix(1, 0)

// Holder is whoever has connections, once it is known by more than an address. Each pointer is another one.
type Holder struct{ _ byte }

// Own notes whose connection it is, by what was asked on it last. It is then no stranger's.
func Own(c net.Conn, h *Holder) {
	if d, ok := c.(*Conn); ok && d.holder.Load() != h {
		d.holder.Store(h)
	}
}

// Take notes that a request has come whole: the connection stays until it is answered. It returns how long, at least,
// the latest bytes had been here before they were read: as long as nobody had time for them. That is 0 for some
// milliseconds, and where the system does not tell. The caller is the goroutine that reads.
func Take(c net.Conn) time.Duration {
	d, ok := c.(*Conn)
	if !ok {
		return 0
	}
	d.stay(0)
	return d.came.since()
}

// Network is an address, or all of its network where whoever has one address has that.
func Network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// makeRoom tells whether there is room for the newest connection. Some are told to end before the last place is taken,
// so that usually nobody waits; where all are taken, it waits a moment for those to go. The caller is Accept, and has
// counted the connection.
func (l *Listener) makeRoom() bool {
	most := int64(l.cfg.ConnsMax)
	if l.open.Load() <= most-most/roomParts {
		return true
	}
	leaving := l.endSpare()
	for end := time.Now().Add(roomWait); l.open.Load() > most; {
		if leaving == 0 || !l.waitLeft(time.Until(end)) {
			return false
		}
	}
	return true
}

// endSpare tells connections to end, and how many are about to.
func (l *Listener) endSpare() (leaving int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, few := time.Now(), int64(l.cfg.ConnsMax)/roomParts
	want := l.open.Load() - (int64(l.cfg.ConnsMax) - few) - l.leaving
	if want <= 0 || now.Before(l.lookAgain) {
		return l.leaving
	}
	spare, told := l.spare(now), int64(0)
	for _, s := range spare[:min(int64(len(spare)), want+few)] {
		if s.c.leave(s.since) {
			told++
		}
	}
	l.leaving += told
	if told < want {
		done := time.Now()
		l.lookAgain = done.Add(pauseTimes * done.Sub(now))
	}
	return l.leaving
}

// waitLeft waits until a connection has gone, or for so long.
func (l *Listener) waitLeft(d time.Duration) bool {
	if d <= 0 {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.left:
		return true
	case <-t.C:
		return false
	}
}

// spare is a connection that may end, and by how many its holder has more than what it is let have.
type spare struct {
	c     *Conn
	since int64
	known bool // and its holder has no more than its share
	over  int
}

// party is who has connections: a holder, or an address where none is known.
type party struct {
	holder *Holder
	addr   netip.Addr
}

// spare lists the connections that may end, those first that are to end first. Strangers are let have nothing, however
// new their connections are: a flood of them would be new too. A known holder has as much as if all that are connected,
// and one more, had the same. The caller holds mu.
func (l *Listener) spare(now time.Time) []spare {
	var (
		has   = map[party]int{}
		known = 0
		idle  = make([]spare, 0, len(l.conns))
		age   = func(s *spare) time.Duration { return time.Duration(now.UnixNano() - s.since) }
	)
	for c := range l.conns {
		p := c.party()
		if has[p]++; has[p] == 1 && p.holder != nil {
			known++
		}
		s := spare{c: c, since: c.idle.Load()}
		if s.since > 0 && age(&s) > 0 && (!c.begun.Load() || age(&s) >= begunLeast) {
			idle = append(idle, s)
		}
	}
	slices.SortFunc(idle, func(a, b spare) int { return cmp.Compare(a.since, b.since) })
	share, out := l.cfg.ConnsMax/(known+1), idle[:0]
	for _, s := range idle {
		p := s.c.party()
		if s.over = has[p]; p.holder != nil {
			if s.over -= share; s.over <= 0 {
				s.known = true
			}
		}
		if s.known && age(&s) < knownLeast {
			continue
		}
		has[p]--
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b spare) int {
		if a.known != b.known {
			return cmp.Compare(b2i(a.known), b2i(b.known))
		}
		return cmp.Compare(b.over, a.over)
	})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Conn) party() party {
	if h := c.holder.Load(); h != nil {
		return party{holder: h}
	}
	return party{addr: c.addr}
}

// leave tells a connection to end that has been idle since then. Its reader hears that its time is over, and it ends as
// always. One whose bytes wait for a reader is not idle.
func (c *Conn) leave(since int64) bool {
	if c.came.unread() || !c.idle.CompareAndSwap(since, idleLeaving) {
		return false
	}
	c.hurry()
	return true
}

// hurry has a connection that was told to end do so. One that has been closed meanwhile cannot be told. A stranger may
// not be taking its answer either.
func (c *Conn) hurry() {
	if c.holder.Load() == nil {
		_ = c.socket.SetDeadline(longAgo)
		return
	}
	_ = c.socket.SetReadDeadline(longAgo)
}

// stay notes that something is asked on the connection: a request has begun at that time, or come whole (0). One that
// was told to end, and was asked at that moment, goes on: its room is not free.
func (c *Conn) stay(begun int64) {
	c.begun.Store(begun > 0)
	if c.idle.Swap(begun) == idleLeaving {
		c.of.mu.Lock() // whoever told it has done so
		c.of.leaving--
		c.of.mu.Unlock()
		_ = c.socket.SetReadDeadline(time.Now().Add(c.of.cfg.ReadTimeout))
		_ = c.socket.SetWriteDeadline(time.Time{})
	}
}

// rest notes that nothing is asked on the connection any more.
func (c *Conn) rest() {
	c.begun.Store(false)
	c.idle.CompareAndSwap(0, time.Now().UnixNano())
}

// forget drops a connection that is closed from what is counted.
func (c *Conn) forget() {
	l := c.of
	if l.cfg.ConnsMax == 0 {
		l.open.Add(-1)
		return
	}
	l.mu.Lock()
	l.open.Add(-1)
	delete(l.conns, c)
	if c.idle.Swap(0) == idleLeaving {
		l.leaving--
	}
	l.mu.Unlock()
	select {
	case l.left <- struct{}{}:
	default:
	}
}
