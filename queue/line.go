// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"clearpost/ledger"
)

// delays are the times between the tries of a line that takes nothing; the last one is for all that follow. A fifth
// more or less is drawn each time.
var delays = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour}

// afterMax is the longest time that an endpoint may ask for before the next try.
const afterMax = 6 * time.Hour

// delay is the time after so many tries without success.
func delay(tries int, after time.Duration) time.Duration {
	d := delays[min(max(tries, 1), len(delays))-1]
	d += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(d))
	return max(d, min(after, afterMax))
}

// line is one endpoint's line. Its messages go one by one, in the order of their events; those that are replayed go
// before all others.
type line struct {
	q    *Lines
	name string
	stop func() // ends its goroutine; nil: it has none

	wake  chan struct{} // holds one: there is something to send
	hurry chan struct{} // holds one: somebody wants it tried at once

	// guarded by the mutex of Lines, as is what stands below
	from   uint64   // events before it are not the line's
	waits  []uint64 // seqs of events that may have a message
	behind bool     // there may be more: the ledger has not been looked through from seen on
	seen   uint64
	sent   int64
	dead   []Dead
	again  []Dead // to be sent again
	lost   int64  // dead messages that were forgotten

	deadChanged bool // dead, again or lost are not as they were kept

	tries int // in a row without success, whatever the messages
	alone int // of them those of the message at the head, while the endpoint answered
	since time.Time
	why   string

	made int // how often the head's message could not be made; the goroutine's own
}

// job is a message to be dealt with.
type job struct {
	seq   uint64
	again *Dead // it is sent again; nil: it comes by its turn
}

// late tells whether a message's time is over.
func (x *line) late(j *job, m *Message) bool {
	begun := m.At
	if j.again != nil {
		begun = j.again.Again
	}
	return x.q.cfg.Now().Sub(begun) >= x.q.cfg.For(x.name)
}

// offer takes an event that may have a message for the line. The caller holds the lock.
func (x *line) offer(seq uint64) {
	switch {
	case x.behind, seq < x.from: // it is found when it is looked for; it is none of the line's
	case len(x.waits) >= x.q.most:
		x.behind, x.seen = true, seq
	default:
		x.waits = append(x.waits, seq)
		nudge(x.wake)
	}
}

// place is the seq of the first event that is not dealt with. The caller holds the lock.
func (x *line) place() uint64 {
	switch {
	case len(x.waits) > 0:
		return x.waits[0]
	case x.behind:
		return x.seen
	}
	return max(x.q.at, x.from)
}

// needs is the first event of which a message may have to be made. The caller holds the lock.
func (x *line) needs() uint64 {
	next := x.place()
	for _, d := range x.again {
		next = min(next, d.Seq)
	}
	return next
}

func (x *line) status() Status {
	s := Status{Name: x.name, Next: x.place(), Sent: x.sent, Waiting: len(x.waits), More: x.behind, Tries: x.tries,
		Broken: x.broken(), Why: x.why, Again: len(x.again), Dead: len(x.dead), Lost: x.lost}
	if x.tries > 0 {
		since := x.since
		s.Since = &since
	}
	return s
}

// broken tells whether the endpoint, and no message, is what fails. The caller holds the lock.
func (x *line) broken() bool { return x.tries >= breakAfter }

// run deals with one message after the other until the context ends.
func (x *line) run(ctx context.Context) {
	for ctx.Err() == nil {
		x.q.mu.Lock()
		j, ok := x.job(0)
		behind := x.behind
		x.q.mu.Unlock()
		var wait time.Duration
		switch {
		case ok:
			wait = x.deal(ctx, j)
		case behind:
			wait = x.look(ctx)
		default:
			select {
			case <-x.wake:
			case <-x.hurry:
			case <-ctx.Done():
			}
		}
		if wait > 0 {
			x.clear(ctx)
			pause(ctx, x.hurry, wait)
		}
	}
}

// job is the n-th message from the head, from 0. The caller holds the lock.
func (x *line) job(n int) (job, bool) {
	if n < len(x.again) {
		d := x.again[n]
		return job{d.Seq, &d}, true
	}
	if n -= len(x.again); n < len(x.waits) {
		return job{seq: x.waits[n]}, true
	}
	return job{}, false
}

// look looks through the ledger for the next events that may have a message, and tells how long to wait if it fails.
func (x *line) look(ctx context.Context) time.Duration {
	q := x.q
	q.looking.Lock()
	defer q.looking.Unlock()
	q.mu.Lock()
	from, to := x.seen, q.at
	q.mu.Unlock()
	if first := q.cfg.Ledger.FirstSeq(); from < first {
		q.cfg.Log.Error("events that a webhook may have had to tell of are no longer in the ledger", "webhook", x.name,
			"from_seq", from, "to_seq", first-1)
		from = first
	}
	var found []uint64
	err := q.cfg.Ledger.Scan(from, func(r ledger.Record) error {
		if r.Seq >= to || len(found) >= q.most || ctx.Err() != nil {
			return errEnough
		}
		if from = r.Seq + 1; slices.Contains(q.names(r), x.name) {
			found = append(found, r.Seq)
		}
		return nil
	})
	if err == nil || errors.Is(err, errEnough) {
		err = nil
	} else if ctx.Err() == nil && !errors.Is(err, ledger.ErrClosed) {
		q.cfg.Log.Error("the ledger cannot be read for a webhook: it is tried again", "webhook", x.name, "err", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	x.waits = append(x.waits, found...)
	if x.seen = from; x.seen >= q.at {
		x.behind = false
	}
	if err != nil {
		return makeWait
	}
	return 0
}

// deal tries one message once, and tells how long to wait before anything is tried again.
func (x *line) deal(ctx context.Context, j job) time.Duration {
	r, m, err := x.message(j.seq)
	if err != nil {
		return x.unmade(ctx, j, r, err)
	}
	switch x.made = 0; {
	case m == nil && j.again != nil:
		x.bury(j, &Message{ID: j.again.ID, Lead: j.again.Lead, At: j.again.At},
			"its event is no longer in the ledger, or is no longer told of")
		return 0
	case m == nil:
		x.over(j, nil)
		return 0
	}
	a := x.q.cfg.Send(ctx, x.name, m)
	switch {
	case a.Taken:
		x.taken(j)
		return 0
	case ctx.Err() != nil:
		return 0
	case a.Over:
		if a.Heard {
			x.q.mu.Lock()
			x.well()
			x.q.mu.Unlock()
		}
		x.bury(j, m, a.Why)
		return 0
	}
	tries, alone := x.failed(a)
	switch {
	case x.late(&j, m), a.Never && tries < breakAfter:
		x.bury(j, m, a.Why)
		if tries < breakAfter {
			return 0
		}
	case a.Never, a.Heard && alone >= aloneAfter:
		if x.aside(ctx) {
			x.bury(j, m, a.Why+", while others are taken")
			return 0
		}
	}
	return delay(tries, a.After)
}

// clear gives up what has waited for all its time while nothing is taken, so that no more waits than that, however
// seldom the endpoint is tried.
func (x *line) clear(ctx context.Context) {
	for ctx.Err() == nil {
		x.q.mu.Lock()
		j, ok := x.job(0)
		broken, why := x.broken(), x.why
		x.q.mu.Unlock()
		if !ok || !broken {
			return
		}
		switch _, m, err := x.message(j.seq); {
		case err != nil, m != nil && !x.late(&j, m):
			return
		case m == nil:
			x.deal(ctx, j)
		default:
			x.bury(j, m, "its time was over while nothing was taken: "+why)
		}
	}
}

// message makes the message of an event. It has none if it is no longer there.
func (x *line) message(seq uint64) (r ledger.Record, m *Message, err error) {
	r, ok, err := x.q.cfg.Ledger.Read(seq)
	if !ok || err != nil {
		return r, nil, err
	}
	m, err = x.q.cfg.Make(x.name, r)
	return r, m, err
}

// unmade waits where a message cannot be made, or gives it up in the end.
func (x *line) unmade(ctx context.Context, j job, r ledger.Record, err error) time.Duration {
	if ctx.Err() != nil || errors.Is(err, ledger.ErrClosed) {
		return makeWait
	}
	if x.made++; x.made < makeTries {
		x.q.cfg.Log.Warn("a webhook's message cannot be made: it is tried again", "webhook", x.name, "seq", j.seq,
			"err", err)
		return makeWait
	}
	m := &Message{ID: MessageID(&r), Lead: r.Lead, At: time.UnixMicro(r.At)}
	if r.Seq == 0 {
		m.ID, m.At = fmt.Sprintf("msg_%d", j.seq), x.q.cfg.Now()
	}
	x.made = 0
	x.bury(j, m, fmt.Sprintf("it could not be made: %v", err))
	return 0
}

// aside tells whether what stands behind the head is taken while that is not.
func (x *line) aside(ctx context.Context) bool {
	for {
		x.q.mu.Lock()
		j, ok := x.job(1)
		x.q.mu.Unlock()
		if !ok {
			return false
		}
		_, m, err := x.message(j.seq)
		switch {
		case err != nil:
			return false
		case m == nil:
			x.over(j, nil)
			continue
		}
		a := x.q.cfg.Send(ctx, x.name, m)
		if a.Over && ctx.Err() == nil {
			x.bury(j, m, a.Why)
			continue
		}
		if !a.Taken {
			return false
		}
		x.taken(j)
		return true
	}
}

// taken notes a message that was taken.
func (x *line) taken(j job) {
	x.q.mu.Lock()
	x.sent++
	x.well()
	x.q.mu.Unlock()
	x.over(j, nil)
}

// well notes that the endpoint answers as it should. The caller holds the lock.
func (x *line) well() {
	if x.tries > 0 {
		x.q.cfg.Log.Info("a webhook takes its messages again", "webhook", x.name, "since", x.since, "tries", x.tries)
	}
	x.tries, x.alone, x.why = 0, 0, ""
}

// failed notes a try without success, and tells how many there were in a row, and how many of them were of this message
// and answered.
func (x *line) failed(a Answer) (tries, alone int) {
	x.q.mu.Lock()
	defer x.q.mu.Unlock()
	x.tries++
	if x.why = a.Why; x.tries == 1 {
		x.since = x.q.cfg.Now().UTC()
		x.q.cfg.Log.Warn("a webhook does not take its messages: they wait in their order", "webhook", x.name,
			"why", a.Why)
	}
	if a.Heard {
		x.alone++
	}
	if x.tries == breakAfter {
		x.q.cfg.Log.Error("a webhook has taken nothing for some tries: it is tried seldom from now on", "webhook",
			x.name, "tries", x.tries, "why", a.Why)
	}
	return x.tries, x.alone
}

// bury gives a message up, and lists it.
func (x *line) bury(j job, m *Message, why string) {
	x.q.cfg.Log.Error("a message was not taken and is given up: clearpost webhooks lists it", "webhook", x.name, "id",
		m.ID, "lead", m.Lead.String(), "why", why)
	x.over(j, &Dead{Seq: j.seq, ID: m.ID, Lead: m.Lead, At: m.At.UTC(), Gone: x.q.cfg.Now().UTC(), Why: why})
}

// over ends the way of a message. dead is nil where it was taken, or there was none.
func (x *line) over(j job, dead *Dead) {
	x.q.mu.Lock()
	defer x.q.mu.Unlock()
	if x.alone = 0; j.again != nil {
		x.again = slices.DeleteFunc(x.again, func(d Dead) bool { return d.Seq == j.seq })
		x.deadChanged = true
	} else if i := slices.Index(x.waits[:min(2, len(x.waits))], j.seq); i >= 0 {
		x.waits = slices.Delete(x.waits, i, i+1)
	}
	if i := slices.IndexFunc(x.dead, func(d Dead) bool { return d.Seq == j.seq }); i >= 0 { // before a crash it was
		x.dead, x.deadChanged = slices.Delete(x.dead, i, i+1), true
	}
	if dead != nil {
		x.dead = append(x.dead, *dead)
		if n := len(x.dead) - DeadMax; n > 0 {
			x.q.cfg.Log.Error("too many dead messages of a webhook: the oldest are forgotten", "webhook", x.name,
				"count", n)
			x.dead, x.lost = slices.Delete(x.dead, 0, n), x.lost+int64(n)
		}
		x.deadChanged = true
	}
	x.q.touch()
}
