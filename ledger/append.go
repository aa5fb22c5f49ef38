// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// eventBytesMax is the size above which the kept text of requests and answers is cut; eventBytesHardMax is refused.
const (
	eventBytesMax     = 256 << 10
	eventBytesHardMax = 8 << 20
)

var groups = sync.Pool{New: func() any { return &group{} }}

// Append stores a group of events, all or none, and returns nil when they are durable. Fields of the heads that are
// zero (Kind, EventID, Node, At, Schema) are filled in, and the kept texts of over-long requests and answers are cut.
// The events may be reused when it returns. On an error none of them is stored, except that with an *Uncertain nobody
// can tell yet.
func (l *Ledger) Append(events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	if l.closed.Load() {
		return ErrClosed
	}
	if err := l.broken.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *err)
	}
	if f := l.unread.Load(); f != nil && beginsTrip(events) {
		return fmt.Errorf("%w: %w", ErrUnavailable, f.err)
	}
	g := groups.Get().(*group)
	err := l.encode(g, events)
	if err == nil {
		var b *batch
		if b, err = l.gather.join(g); err == nil {
			<-b.done
			if err = g.err; errors.Is(err, ErrUncertain) {
				return err // the writer still has the group
			}
		}
	}
	g.reset()
	groups.Put(g)
	return err
}

// beginsTrip tells whether the group is new business, which may rest on a lookup.
func beginsTrip(events []Event) bool {
	for _, e := range events {
		switch e.(type) {
		case *Pinged, *Posting:
			return true
		}
	}
	return false
}

// encode fills the group with records whose seq is open.
func (l *Ledger) encode(g *group, events []Event) error {
	var ends [8]int
	at := ends[:0]
	for _, e := range events {
		l.fill(e)
		if err := checkTimes(e); err != nil {
			return err
		}
		start := len(g.buf)
		g.buf = appendRecord(g.buf, e)
		for n := BodyBytesMax / 2; len(g.buf)-start > eventBytesMax && cutBodies(e, n); n /= 2 {
			g.buf = appendRecord(g.buf[:start], e)
		}
		if size := len(g.buf) - start; size > eventBytesHardMax {
			return fmt.Errorf("ledger: event %s of %d bytes: expected at most %d", e.Header().Kind, size,
				eventBytesHardMax)
		}
		at = append(at, len(g.buf))
	}
	start := 0
	for i, e := range events {
		f := e.Facts()
		g.entries = append(g.entries, entry{fact: factOf(&f)})
		g.entries[i].log.Data = bytes.Clone(g.buf[start:at[i]])
		start = at[i]
	}
	return nil
}

func (l *Ledger) fill(e Event) {
	h := e.Header()
	if h.Kind == "" {
		h.Kind = kindOf(e)
	}
	if h.At.IsZero() {
		h.At = l.cfg.Now()
	}
	h.At = micros(h.At)
	if h.EventID.IsZero() {
		h.EventID = NewID(h.At)
	}
	if h.Node == "" {
		h.Node = l.cfg.Node
	}
	if h.Schema == 0 {
		h.Schema = SchemaVersion
	}
}

func kindOf(e Event) Kind {
	switch e.(type) {
	case *Pinged:
		return KindPinged
	case *Posting:
		return KindPosting
	case *Posted:
		return KindPosted
	case *Settled:
		return KindSettled
	case *Deferred:
		return KindDeferred
	}
	return KindAdjusted
}

// cutBodies shortens the texts of a request and an answer to n bytes, and reports whether there was something to cut.
func cutBodies(e Event, n int) (cut bool) {
	var p *Private
	switch e := e.(type) {
	case *Posting:
		p = &e.Private
	case *Posted:
		p = &e.Private
	default:
		return false
	}
	for _, b := range []**Body{&p.Request, &p.Answer} {
		if *b == nil || len((*b).Text) <= n {
			continue
		}
		short := **b // the caller's body may be shared
		for n > 0 && !utf8.RuneStart(short.Text[n]) {
			n--
		}
		short.Text, short.Cut = short.Text[:n], true
		*b, cut = &short, true
	}
	return cut
}

// viewsLagMax is how many stored events the views may be behind before no new pings are taken.
const viewsLagMax = 500_000

// Available returns nil, or why no new ping should be taken now (ErrUnavailable, ErrClosed). Append may still work:
// what is on its way can be finished.
func (l *Ledger) Available() error {
	if l.closed.Load() {
		return ErrClosed
	}
	for _, p := range [...]*atomic.Pointer[error]{&l.broken, &l.viewsBroken} {
		if err := p.Load(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, *err)
		}
	}
	if f := l.unread.Load(); f != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, f.err)
	}
	if free := l.free.Load(); free < l.cfg.FreeBytesMin {
		return fmt.Errorf("%w: %d bytes are free, expected at least %d", ErrFull, free, l.cfg.FreeBytesMin)
	}
	if lag := l.last.Load() - min(l.views.applied.Load(), l.last.Load()); lag > viewsLagMax {
		return fmt.Errorf("%w: the views are %d events behind", ErrUnavailable, lag)
	}
	return nil
}

// LastTime is the time of the latest durable event; zero if there is none.
func (l *Ledger) LastTime() time.Time {
	if us := l.lastTime.Load(); us != 0 {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

// FirstSeq is the seq of the first kept event, 0 if there is none.
func (l *Ledger) FirstSeq() uint64 { return l.first.Load() }

// LastSeq is the seq of the last stored event, 0 if there is none.
func (l *Ledger) LastSeq() uint64 { return l.last.Load() }
