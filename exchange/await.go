// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// awaited are sellers who wait for the end of a lead that is queued: as long as for any answer, and no longer. The zero
// value has none.
type awaited struct {
	mu sync.Mutex
	m  map[lead.ID]chan Reply // guarded by mu; each holds one
}

// begin has a seller wait for a lead, whose trip the caller holds.
func (a *awaited) begin(id lead.ID) <-chan Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[lead.ID]chan Reply{}
	}
	c := make(chan Reply, 1)
	a.m[id] = c
	return c
}

// tell gives the seller the end, if one waits.
func (a *awaited) tell(id lead.ID, r Reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.m[id]; c != nil {
		c <- r
		delete(a.m, id)
	}
}

func (a *awaited) end(id lead.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, id)
}

// awaitEnd waits for the end of a lead that was queued, if the seller has the time.
func (e *Exchange) awaitEnd(d *delivery, r Reply, timer *time.Timer) Reply {
	if d.end == nil {
		return r
	}
	select {
	case r = <-d.end:
	case <-timer.C:
	case <-e.stop.Done():
	}
	e.awaited.end(d.history.ID)
	return r
}

// queueSlack is how far events may stand before those that are as old as they: callers append at once.
const queueSlack = time.Minute

// queueFrom is the first event that leads of the queue need: the log keeps it. It is told by when they have come, not
// by how long a quote stands today: that may have been otherwise when theirs was given.
func (e *Exchange) queueFrom() uint64 {
	came, ok := e.led.QueuedSince()
	if !ok {
		return e.led.LastSeq() + 1
	}
	seq, err := e.led.Since(came.Add(-queueSlack))
	if err != nil {
		return 0
	}
	return seq
}

// keepQueued has the log keep what leads of the queue need.
func (e *Exchange) keepQueued() {
	e.led.Keep(ledger.Follower{Name: "leads that wait for a campaign", Next: e.queueFrom})
}
