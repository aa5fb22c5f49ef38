// SPDX-License-Identifier: Apache-2.0

// Package queue has what the exchange sends of its own accord, after a trip has ended: messages to one endpoint, in the
// order of the ledger's events that they are made of, each until it is taken. What waits stands in the ledger: a line
// keeps a place there, and some numbers, so that a million waiting messages take no memory, and a crash loses none. A
// message may be sent twice, always under the same id.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

// Message is what one event has to tell one endpoint.
type Message struct {
	ID   string // the same whenever it is sent
	Lead lead.ID
	At   time.Time // of its event
	Body []byte
}

// Answer is what came of sending a message.
type Answer struct {
	Taken bool
	Never bool          // it will not be taken, however often it is sent
	Why   string        // not taken: what happened, without anything of the message
	After time.Duration // not before this time is over; 0: the endpoint has not said
}

// Config is what a line needs.
type Config struct {
	Name   string // of the endpoint, as a file may be named; the line's place is kept under it
	Ledger *ledger.Ledger
	// Make is the message of an event, nil if it has none. An error is one of the ledger: the event is tried again.
	Make func(ledger.Record) (*Message, error)
	Send func(context.Context, *Message) Answer
	// For is how long a message is sent again and again, from its event on; at least once it is sent. Then it is dead.
	For func() time.Duration
	Now func() time.Time
	Log *slog.Logger
}

// DeadMax is how many dead messages of a line are listed. Beyond it the oldest are forgotten, and said so in the log.
const DeadMax = 10_000

// waits are the times between the first tries of a message; the last one is for all that follow. A fifth more or less
// is drawn each time.
var waits = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour}

// wait is the time after so many tries.
func wait(tries int, after time.Duration) time.Duration {
	d := waits[min(max(tries, 1), len(waits))-1]
	d += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(d))
	return max(d, min(after, 24*time.Hour))
}

// Dead is a message that was given up.
type Dead struct {
	Seq  uint64    `json:"seq"` // of its event
	ID   string    `json:"id"`
	Lead lead.ID   `json:"lead_id"`
	At   time.Time `json:"at"`   // of its event
	Gone time.Time `json:"gone"` // when it was given up
	Why  string    `json:"why"`
}

// Status is how a line stands.
type Status struct {
	Name  string     `json:"name"`
	Next  uint64     `json:"next_seq"` // of the event that it looks at next
	Sent  int64      `json:"sent"`     // since the line began
	Tries int        `json:"tries"`    // of the message at its head, without success; 0: it waits for nothing
	Since *time.Time `json:"failing_since,omitempty"`
	Why   string     `json:"why,omitempty"` // of the last try
	Again int        `json:"to_be_replayed,omitempty"`
	Dead  []Dead     `json:"dead"` // oldest first
}

// kept is the part of a line that outlives the process.
type kept struct {
	Next uint64 `json:"next"`
	Sent int64  `json:"sent"`
	Dead []Dead `json:"dead,omitempty"`
	// dead messages that are to be sent again, before all others
	Again []Dead `json:"again,omitempty"`
}

// Line is one endpoint's line.
type Line struct {
	cfg Config

	mu    sync.Mutex
	kept  kept // guarded by mu
	tries int
	since time.Time
	why   string
	wake  chan struct{} // holds one: there is something to replay
}

// keepEvery is how often a line that only passes over events stores its place.
const keepEvery = 1000

// New opens the line of a name: it goes on where it was, or begins with what comes after the ledger's end.
func New(cfg Config) (*Line, error) {
	l := &Line{cfg: cfg, wake: make(chan struct{}, 1)}
	b, err := cfg.Ledger.Fold(l.file())
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the place of %s: %w", cfg.Name, err)
	case b == nil:
		l.kept.Next = cfg.Ledger.LastSeq() + 1
		return l, l.keep()
	}
	if err := json.Unmarshal(b, &l.kept); err != nil {
		return nil, fmt.Errorf("the place of %s in file fold-%s cannot be read: %w", cfg.Name, l.file(), err)
	}
	return l, nil
}

func (l *Line) file() string { return "hook-" + l.cfg.Name }

// Next is the seq of the first event that the line still needs.
func (l *Line) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.kept.Next
	for _, d := range l.kept.Again {
		next = min(next, d.Seq)
	}
	return next
}

// Status tells how the line stands.
func (l *Line) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Name: l.cfg.Name, Next: l.kept.Next, Sent: l.kept.Sent, Tries: l.tries, Why: l.why,
		Again: len(l.kept.Again), Dead: append([]Dead{}, l.kept.Dead...)}
	if l.tries > 0 {
		since := l.since
		s.Since = &since
	}
	return s
}

// Replay has dead messages sent again, those of one id or all, and tells how many there are.
func (l *Line) Replay(id string) (n int, err error) {
	l.mu.Lock()
	var left []Dead
	for _, d := range l.kept.Dead {
		if id == "" || d.ID == id {
			l.kept.Again = append(l.kept.Again, d)
			n++
		} else {
			left = append(left, d)
		}
	}
	l.kept.Dead = left
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return n, l.keep()
}

// Run sends until the context ends.
func (l *Line) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.again(ctx); err == nil {
			err = l.follow(ctx)
			if err == nil || errors.Is(err, errAgain) {
				continue
			}
			l.failed(ctx, err)
		} else {
			l.failed(ctx, err)
		}
	}
	if err := l.keep(); err != nil {
		l.cfg.Log.Error("the place of a webhook cannot be kept: what it sent since is sent again", "webhook",
			l.cfg.Name, "err", err)
	}
}

// failed waits where the ledger could not be read or written.
func (l *Line) failed(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, ledger.ErrClosed) {
		sleep(ctx, time.Second)
		return
	}
	l.cfg.Log.Error("a webhook's messages cannot be made: they are tried again", "webhook", l.cfg.Name, "err", err)
	sleep(ctx, 5*time.Second)
}

var (
	errAgain  = errors.New("there is something to replay")
	errEnough = errors.New("that was the event")
)

// follow goes down the ledger.
func (l *Line) follow(ctx context.Context) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.wake:
			cancel(errAgain)
		case <-inner.Done():
		}
	}()
	passed := 0
	err := l.cfg.Ledger.Follow(inner, l.place(), func(r ledger.Record) error {
		m, err := l.cfg.Make(r)
		if err != nil {
			return err
		}
		if m != nil {
			dead, err := l.deliver(ctx, m)
			if err != nil {
				return err
			}
			if dead != nil {
				dead.Seq = r.Seq
			}
			l.pass(r.Seq, dead)
			return errors.Join(l.keep(), context.Cause(inner))
		}
		l.pass(r.Seq, &Dead{})
		if passed++; passed%keepEvery == 0 {
			return l.keep()
		}
		return context.Cause(inner)
	})
	if errors.Is(context.Cause(inner), errAgain) && ctx.Err() == nil {
		return errAgain
	}
	return err
}

func (l *Line) place() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.kept.Next, l.cfg.Ledger.FirstSeq())
}

// pass goes on to the next event. dead is nil where the message was taken, and without an id where there was none.
func (l *Line) pass(seq uint64, dead *Dead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept.Next = seq + 1
	switch {
	case dead == nil:
		l.kept.Sent++
	case dead.ID != "":
		l.bury(*dead)
	}
}

// bury lists a dead message. The caller holds the lock.
func (l *Line) bury(d Dead) {
	l.kept.Dead = append(l.kept.Dead, d)
	if n := len(l.kept.Dead) - DeadMax; n > 0 {
		l.cfg.Log.Error("too many dead messages of a webhook: the oldest are forgotten", "webhook", l.cfg.Name, "count",
			n)
		l.kept.Dead = append([]Dead{}, l.kept.Dead[n:]...)
	}
}

// again sends what is to be replayed.
func (l *Line) again(ctx context.Context) error {
	for ctx.Err() == nil {
		l.mu.Lock()
		if len(l.kept.Again) == 0 {
			l.mu.Unlock()
			return nil
		}
		d := l.kept.Again[0]
		l.mu.Unlock()
		m, err := l.remake(d.Seq)
		if err != nil {
			return err
		}
		dead := &d
		if dead.Why = "its event is no longer in the ledger, or is no longer told of"; m != nil {
			if dead, err = l.deliver(ctx, m); err != nil {
				return err
			}
		}
		l.mu.Lock()
		l.kept.Again = l.kept.Again[1:]
		if dead == nil {
			l.kept.Sent++
		} else {
			dead.Seq, dead.Gone = d.Seq, l.cfg.Now().UTC()
			l.bury(*dead)
		}
		l.mu.Unlock()
		if err := l.keep(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// remake makes the message of an event once more, nil if that is gone.
func (l *Line) remake(seq uint64) (m *Message, err error) {
	if seq < l.cfg.Ledger.FirstSeq() {
		return nil, nil
	}
	var made error
	err = l.cfg.Ledger.Scan(seq, func(r ledger.Record) error {
		if r.Seq == seq {
			m, made = l.cfg.Make(r)
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return m, errors.Join(err, made)
}

// deliver sends a message until it is taken (nil), given up (dead), or the context ends.
func (l *Line) deliver(ctx context.Context, m *Message) (dead *Dead, err error) {
	defer l.tried(0, "")
	for tries := 1; ; tries++ {
		a := l.cfg.Send(ctx, m)
		if a.Taken {
			return nil, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		l.tried(tries, a.Why)
		if now := l.cfg.Now(); a.Never || now.Sub(m.At) >= l.cfg.For() {
			l.cfg.Log.Error("a message was not taken and is given up: clearpost webhooks lists it", "webhook",
				l.cfg.Name, "id", m.ID, "lead", m.Lead.String(), "tries", tries, "why", a.Why)
			return &Dead{ID: m.ID, Lead: m.Lead, At: m.At.UTC(), Gone: now.UTC(), Why: a.Why}, nil
		}
		if !sleep(ctx, wait(tries, a.After)) {
			return nil, ctx.Err()
		}
	}
}

// tried notes how the message at the head fares.
func (l *Line) tried(tries int, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tries == 1 {
		l.since = l.cfg.Now().UTC()
		l.cfg.Log.Warn("a webhook does not take its messages: they wait in their order", "webhook", l.cfg.Name, "why",
			why)
	}
	l.tries, l.why = tries, why
}

// keep stores the line's place.
func (l *Line) keep() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := json.Marshal(&l.kept)
	if err == nil {
		err = l.cfg.Ledger.KeepFold(l.file(), b)
	}
	return err
}

// sleep waits, and tells whether the context still stands.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
