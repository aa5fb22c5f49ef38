// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/wire/transport"
)

// Reload puts a configuration into force for all trips that begin from now on; those under way end on the one that they
// began with. Where it returns an error nothing has changed. It does no I/O. Any goroutine may call it between Start
// and Stop; one at a time runs.
//
// Counts, pauses and limits go on by their ids. A trip on an older configuration keeps to the lower of the two maximums
// of a cap that both have, and to the caps of both (see delivery.needs): none of either is passed.
func (e *Exchange) Reload(cfg Config) (*Snapshot, error) {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	if e.stop.Err() != nil {
		return nil, errStopping
	}
	if err := e.checkTargets(cfg.Book); err != nil {
		return nil, err
	}
	old := e.inForce.Load()
	snap, err := e.newSnapshot(cfg)
	if err != nil {
		return nil, err
	}
	if e.carried.lookBack {
		if r, ok := e.store.(capstore.Rebuilt); ok {
			e.led.Counts(r.Fill)
		}
		e.carried.lookBack = false
	}
	e.inForce.Store(snap)
	e.learnBy(&snap.cfg)
	if err := e.tellCaps(snap); err != nil {
		e.log.Error("what caps allow could not be written down: it will be", "err", err)
	}
	if q := e.lines.Load(); q != nil {
		if err := q.Want(snap.lineNames()); err != nil {
			e.log.Error("the places of webhooks cannot be kept: it is tried again", "err", err)
		}
	}
	before, now := old.targets(), snap.targets()
	for _, l := range snap.campaigns {
		if t := l.pings.target; t != nil && !before[t] {
			t.Warm(warmConns)
		}
	}
	e.keepTokens(snap)
	e.transport.Retire(func(t *transport.Target) bool { return now[t] })
	e.files.wake()
	e.replies.follow()
	e.chases.add(noLead, noLead, "", 0) // see pursue
	return snap, nil
}

// pursueAll has those open attempts pursued whose campaigns say so by now. Attempts of trips under way are left out.
func (e *Exchange) pursueAll() {
	open, err := e.led.Unresolved()
	if err != nil {
		e.log.Error("list open attempts", "err", err)
		return
	}
	for _, o := range open {
		if e.stop.Err() != nil {
			return
		}
		if e.claims.Busy(leadName(o.Lead)) {
			continue // its trip has it pursued when it ends
		}
		if h, err := e.history(o.Lead); err == nil {
			e.pursueOpen(h)
		}
	}
}

// checkTargets finds out whether all targets of a book can be made, before anything is changed.
func (e *Exchange) checkTargets(b *buyers.Book) error {
	for _, c := range b.Campaigns {
		for ; c != nil; c = c.AsTest {
			for _, r := range requests(c) {
				cfg := e.targetOf(c, r, nil)
				if err := cfg.Validate(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// targets are those that a snapshot's calls go to.
func (snap *Snapshot) targets() map[*transport.Target]bool {
	out := map[*transport.Target]bool{}
	for _, l := range snap.campaigns {
		for ; l != nil; l = l.test {
			for _, t := range []*transport.Target{l.pings.target, l.posts.target, l.statuses.target, l.backup} {
				if t != nil {
					out[t] = true
				}
			}
		}
	}
	return out
}
