// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"clearpost/ledger"
)

// Config is what lines need.
type Config struct {
	Ledger *ledger.Ledger
	// Names are the lines that an event may have a message for. An event that cannot be read has none, and is logged.
	Names func(ledger.Record) ([]string, error)
	// Make is the message that an event has for a line, nil if it has none. Where it fails it is called again, for a
	// minute.
	Make func(line string, r ledger.Record) (*Message, error)
	// Send sends it once.
	Send func(ctx context.Context, line string, m *Message) Answer
	// For is how long a message of a line is sent again and again, from its event on; at least once it is sent, unless
	// nothing is taken at all. Then it is dead.
	For     func(line string) time.Duration
	Now     func() time.Time
	Log     *slog.Logger
	Offline bool // nothing is kept, unless somebody has messages replayed or dropped
}

// Lines are all lines of messages. One reader follows the ledger and hands each event's seq to the lines that may have
// a message of it. All methods may be called by any goroutine.
type Lines struct {
	cfg Config

	looking sync.Mutex // one line at a time reads the ledger back
	keeping sync.Mutex // one writes at a time

	mu      sync.Mutex       // guards all that follows, and what lines say it guards
	at      uint64           // the seq of the event that is handed out next
	by      map[string]*line // by name
	was     map[string]place // of lines, as they were kept by the run before, that nobody has asked for yet
	durable uint64           // the least place that is kept
	dirty   bool             // there is something to keep
	ctx     context.Context  // of Run, nil while it does not run

	most    int // seqs that a line has in memory: waitingMax, but in tests
	working sync.WaitGroup
	changed chan struct{} // holds one: there is something to keep
	more    chan struct{} // holds one: there may be a line where there was none
}

// keepEvery is how many events are handed out, at most, before the place is kept.
const keepEvery = 1000

// Open reads how the lines stood. None is there before Want names it.
func Open(cfg Config) (*Lines, error) {
	q := &Lines{cfg: cfg, by: map[string]*line{}, most: waitingMax, changed: make(chan struct{}, 1),
		more: make(chan struct{}, 1)}
	return q, q.read()
}

// Want says which lines there are from now on. One that is new begins with what comes after the ledger's end. One that
// is no more is forgotten with all that waits in it, and begins anew should it come back.
func (q *Lines) Want(names []string) error {
	q.mu.Lock()
	for name, x := range q.by {
		if !slices.Contains(names, name) {
			q.drop(x)
		}
	}
	var err error
	for _, name := range names {
		if q.by[name] == nil {
			err = errors.Join(err, q.add(name))
		}
	}
	for name := range q.was {
		q.cfg.Log.Warn("a webhook is no longer configured: what waits for it is not sent", "webhook", name)
	}
	q.was = nil
	q.touch()
	q.mu.Unlock()
	nudge(q.more)
	if err != nil || q.cfg.Offline {
		return err
	}
	return q.keep()
}

// drop forgets a line. The caller holds the lock.
func (q *Lines) drop(x *line) {
	q.cfg.Log.Warn("a webhook is no longer configured: what waits for it is not sent", "webhook", x.name, "waiting",
		len(x.waits), "more", x.behind, "dead", len(x.dead))
	delete(q.by, x.name)
	if x.stop != nil {
		x.stop()
	}
}

// add makes a line. The caller holds the lock.
func (q *Lines) add(name string) error {
	x := &line{q: q, name: name, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
	end := q.cfg.Ledger.LastSeq() + 1
	if p, ok := q.was[name]; ok {
		delete(q.was, name)
		x.from, x.sent = p.Next, p.Sent
		if err := x.readDead(); err != nil {
			return err
		}
		if x.from < q.at {
			x.behind, x.seen = true, x.from
		}
	} else {
		if x.from = end; len(q.by) == 0 && len(q.was) == 0 {
			q.at = max(q.at, end)
		}
		x.deadChanged = true // an older file of this name is another line's
	}
	q.by[name] = x
	if q.ctx != nil {
		q.start(x)
	}
	return nil
}

// start has a line run. The caller holds the lock.
func (q *Lines) start(x *line) {
	ctx, stop := context.WithCancel(q.ctx)
	x.stop = stop
	q.working.Go(func() {
		defer stop()
		x.run(ctx)
	})
}

// Run sends until the context ends.
func (q *Lines) Run(ctx context.Context) {
	q.mu.Lock()
	q.ctx = ctx
	for _, x := range q.by {
		q.start(x)
	}
	q.mu.Unlock()
	q.working.Go(func() { q.keepOften(ctx) })
	for ctx.Err() == nil {
		err := q.follow(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, errNobody) {
			continue
		}
		if !errors.Is(err, ledger.ErrClosed) {
			q.cfg.Log.Error("the ledger cannot be followed for webhooks: it is tried again", "err", err)
		}
		pause(ctx, nil, makeWait)
	}
	q.mu.Lock()
	q.ctx = nil
	q.mu.Unlock()
	q.working.Wait()
	if err := q.keep(); err != nil {
		q.cfg.Log.Error("the places of webhooks cannot be kept: what was sent since is sent again", "err", err)
	}
}

var (
	errNobody = errors.New("there is no line")
	errEnough = errors.New("these are enough")
)

// follow goes down the ledger while there are lines.
func (q *Lines) follow(ctx context.Context) error {
	q.mu.Lock()
	n, at := len(q.by), q.at
	q.mu.Unlock()
	if n == 0 {
		select {
		case <-q.more:
		case <-ctx.Done():
		}
		return nil
	}
	return q.cfg.Ledger.Follow(ctx, max(at, q.cfg.Ledger.FirstSeq()), q.hand)
}

// hand gives an event to the lines that may have a message of it.
func (q *Lines) hand(r ledger.Record) error {
	names := q.names(r)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.by) == 0:
		return errNobody
	case r.Seq < q.at: // the first line has come meanwhile
		return nil
	}
	for _, name := range names {
		if x := q.by[name]; x != nil {
			x.offer(r.Seq)
		}
	}
	if q.at = r.Seq + 1; q.at%keepEvery == 0 {
		q.touch()
	}
	return nil
}

// names are the lines that an event may have a message for.
func (q *Lines) names(r ledger.Record) []string {
	names, err := q.cfg.Names(r)
	if err != nil {
		q.cfg.Log.Error("an event cannot be read: no webhook is told of it", "seq", r.Seq, "err", err)
	}
	return names
}

// Next is the seq of the first event that a line still needs, or would if the process ended now.
func (q *Lines) Next() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := uint64(math.MaxUint64)
	for _, x := range q.by {
		next = min(next, x.needs())
	}
	return min(next, q.durable)
}

// Status tells how the lines stand, by name.
func (q *Lines) Status() []Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Status, 0, len(q.by))
	for _, name := range slices.Sorted(maps.Keys(q.by)) {
		out = append(out, q.by[name].status())
	}
	return out
}

// Dead lists up to n dead messages of a line, oldest first, beginning behind so many. ok is false if there is no such
// line.
func (q *Lines) Dead(name string, behind, n int) (dead []Dead, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	x := q.by[name]
	if x == nil {
		return nil, false
	}
	behind = min(max(behind, 0), len(x.dead))
	return slices.Clone(x.dead[behind:min(behind+n, len(x.dead))]), true
}

// Replay has dead messages of a line sent again, before all others: one by its id, or all. It tells how many; the line
// does not wait any longer, even if there are none. ok is false if there is no such line. When it returns without an
// error that is kept.
func (q *Lines) Replay(name, id string) (n int, ok bool, err error) {
	now := q.cfg.Now().UTC()
	return q.raise(name, id, func(x *line, d *Dead) {
		if d != nil {
			d.Again = now
			x.again = append(x.again, *d)
		}
		nudge(x.hurry)
	})
}

// Drop forgets dead messages of a line, as Replay has them sent.
func (q *Lines) Drop(name, id string) (n int, ok bool, err error) {
	return q.raise(name, id, func(*line, *Dead) {})
}

// raise takes dead messages out of their list and hands each to a function, and nil at the end.
func (q *Lines) raise(name, id string, each func(*line, *Dead)) (n int, ok bool, err error) {
	q.mu.Lock()
	x := q.by[name]
	if x == nil {
		q.mu.Unlock()
		return 0, false, nil
	}
	var left []Dead
	for _, d := range x.dead {
		if id == "" || d.ID == id {
			each(x, &d)
			n++
		} else {
			left = append(left, d)
		}
	}
	if x.dead = left; n > 0 {
		x.deadChanged, q.dirty = true, true
	}
	each(x, nil)
	q.mu.Unlock()
	if n == 0 {
		return 0, true, nil
	}
	return n, true, q.keep()
}

// nudge puts one into a channel that holds one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for a time, or until somebody is in a hurry or the context ends.
func pause(ctx context.Context, hurry <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hurry:
	case <-ctx.Done():
	}
}
