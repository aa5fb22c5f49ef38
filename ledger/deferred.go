// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/goccy/go-json"

	"clearpost/lead"
)

// Deferred tells that a lead waits: nobody has bought it yet, and somebody may later. It is the answer of a trip until
// another one comes: a later Deferred, or a Settled, which ends the waiting.
type Deferred struct {
	Head
	Post    *Post      `json:"post,omitempty"`
	Said    string     `json:"said"`                   // what the seller hears meanwhile: queued or pending
	Since   time.Time  `json:"since"`                  // it waits since then
	Due     time.Time  `json:"due"`                    // when it is looked at again
	Waits   []Wait     `json:"waits"`                  // for whom; the first is the one that Due and its place in the queue are of
	Price   lead.Money `json:"price_micros,omitempty"` // the bid that it waits for
	Tried   []Tried    `json:"tried,omitempty"`
	Woken   *time.Time `json:"woken_at,omitempty"` // as in Posting
	Left    *Place     `json:"left,omitempty"`     // the place in the queue that it had until now
	By      string     `json:"by,omitempty"`       // a person who has changed its place
	Why     string     `json:"why,omitempty"`      // and why
	Private Private    `json:"private"`
}

// Wait is for whom a lead waits, and why.
type Wait struct {
	Campaign string       `json:"campaign"`
	Buyer    string       `json:"buyer"`
	Leg      int          `json:"leg,omitempty"`
	Refusal  lead.Refusal `json:"refusal"`            // why it cannot have the lead now
	Attempts int          `json:"attempts,omitempty"` // that it has had so far
	Due      time.Time    `json:"due"`                // its next turn
	Until    time.Time    `json:"until"`              // it takes the lead no later
	// it has had as many attempts as it may, and gets none until a person says so
	Quarantined bool `json:"quarantined,omitempty"`
}

// Place is a lead's place in the queue.
type Place struct {
	Since    time.Time    `json:"since"`
	Due      time.Time    `json:"due"`
	Campaign string       `json:"campaign"`
	Refusal  lead.Refusal `json:"refusal"`
}

// Placed is a place with what stands beside it in the index.
type Placed struct {
	Place
	Buyer       string     `json:"buyer"`
	Source      string     `json:"source"`
	Vertical    string     `json:"vertical"`
	Price       lead.Money `json:"price_micros,omitempty"` // the bid that it waits for
	Quarantined bool       `json:"quarantined,omitempty"`
}

// Queued is a lead that waits.
type Queued struct {
	Lead lead.ID `json:"lead_id"`
	Placed
}

// Waits is what leads of the queue are counted by.
type Waits struct {
	Campaign string
	Refusal  lead.Refusal
}

// Place is the place in the queue that the event gives its lead.
func (e *Deferred) Place() *Place {
	if len(e.Waits) == 0 {
		return nil
	}
	return &Place{Since: micros(e.Since), Due: micros(e.Due), Campaign: e.Waits[0].Campaign,
		Refusal: e.Waits[0].Refusal}
}

// Facts implements Event.
func (e *Deferred) Facts() Facts {
	f := e.facts()
	f.post(e.Post)
	f.person(&e.Private, e.Post != nil, true)
	if p := e.Place(); p != nil {
		w := &e.Waits[0]
		f.Enters = &Placed{Place: *p, Buyer: w.Buyer, Source: e.Source, Vertical: e.Vertical, Price: e.Price,
			Quarantined: w.Quarantined}
	}
	f.Leaves = e.Left
	return f
}

func (p *Place) clone() *Place {
	if p == nil {
		return nil
	}
	out := *p
	out.Campaign = strings.Clone(p.Campaign)
	return &out
}

func (p *Placed) clone() *Placed {
	if p == nil {
		return nil
	}
	out := *p
	out.Campaign, out.Buyer = strings.Clone(p.Campaign), strings.Clone(p.Buyer)
	out.Source, out.Vertical = strings.Clone(p.Source), strings.Clone(p.Vertical)
	return &out
}

func (p *Place) waits() *Waits {
	if p == nil {
		return nil
	}
	return &Waits{strings.Clone(p.Campaign), p.Refusal}
}

func (p *Placed) waits() *Waits {
	if p == nil {
		return nil
	}
	return p.Place.waits()
}

// queue counts a lead in, or out. The caller holds mu.
func (s *state) queue(w *Waits, came, n int64) {
	if w == nil {
		return
	}
	if s.depth[*w] += n; s.depth[*w] == 0 {
		delete(s.depth, *w)
	}
	if s.came[came] += n; s.came[came] == 0 {
		delete(s.came, came)
	}
}

// cameIn is the hour in which a lead came, by its id.
func cameIn(id lead.ID) int64 {
	return int64(binary.BigEndian.Uint64(id[:])>>16) / time.Hour.Milliseconds()
}

func appendQueueKey(dst []byte, kind byte, at time.Time, id lead.ID) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, kind), uint64(at.UnixMicro()))
	return append(dst, id[:]...)
}

// putQueue moves a lead within the queue, puts it there or takes it away. It reads nothing: the event says which place
// its lead had.
func putQueue(b *pebble.Batch, f *fact) error {
	var errs []error
	if p := f.leaves; p != nil {
		errs = append(errs, b.Delete(appendQueueKey(nil, keyQueue, p.Due, f.lead), nil),
			b.Delete(appendQueueKey(nil, keySince, p.Since, f.lead), nil))
	}
	if p := f.enters; p != nil {
		v, err := json.Marshal(p)
		errs = append(errs, err, b.Set(appendQueueKey(nil, keyQueue, p.Due, f.lead), v, nil),
			b.Set(appendQueueKey(nil, keySince, p.Since, f.lead),
				binary.BigEndian.AppendUint64(nil, uint64(p.Due.UnixMicro())), nil))
	}
	return errors.Join(errs...)
}

// EachQueued calls fn with the leads of the queue in the order of their times, up to a time, until it returns false. It
// looks at the views: what was stored within the last moments may be missing, or be there still.
func (l *Ledger) EachQueued(upTo time.Time, fn func(Queued) bool) error {
	return l.EachQueuedFrom(Queued{}, upTo, fn)
}

// EachQueuedFrom is EachQueued from a place on, that one included if it is there still. The zero place is the first.
func (l *Ledger) EachQueuedFrom(from Queued, upTo time.Time, fn func(Queued) bool) error {
	first := []byte{keyQueue}
	if !from.Due.IsZero() {
		first = appendQueueKey(nil, keyQueue, from.Due, from.Lead)
	}
	var bad error
	err := l.views.eachFrom([]byte{keyQueue}, first, false, func(k, v []byte) bool {
		q := Queued{}
		if len(k) != 1+8+len(q.Lead) || int64(binary.BigEndian.Uint64(k[1:])) > upTo.UnixMicro() {
			return false
		}
		copy(q.Lead[:], k[9:])
		if bad = json.Unmarshal(v, &q.Placed); bad != nil {
			return false
		}
		return fn(q)
	})
	return errors.Join(err, bad)
}

// NextQueued is when the first lead of the queue is due; ok is false where the queue is empty.
func (l *Ledger) NextQueued() (due time.Time, ok bool, err error) {
	err = l.views.each([]byte{keyQueue}, false, func(k, _ []byte) bool {
		if ok = len(k) >= 9; ok {
			due = time.UnixMicro(int64(binary.BigEndian.Uint64(k[1:]))).UTC()
		}
		return false
	})
	return due, ok, err
}

// OldestQueued is the lead that has waited longest, and since when; ok is false where the queue is empty.
func (l *Ledger) OldestQueued() (id lead.ID, since time.Time, ok bool, err error) {
	err = l.views.each([]byte{keySince}, false, func(k, _ []byte) bool {
		if ok = len(k) == 1+8+len(id); ok {
			since = time.UnixMicro(int64(binary.BigEndian.Uint64(k[1:]))).UTC()
			copy(id[:], k[9:])
		}
		return false
	})
	return id, since, ok, err
}

// QueuedSince is a time before which no lead of the queue has come, by their ids, and one has within an hour of it; ok
// is false where the queue is empty. It looks at counts: however many leads wait, it costs nothing.
func (l *Ledger) QueuedSince() (at time.Time, ok bool) {
	l.state.mu.Lock()
	defer l.state.mu.Unlock()
	first := int64(math.MaxInt64)
	for hour, n := range l.state.came {
		if n > 0 {
			first, ok = min(first, hour), true
		}
	}
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(first * time.Hour.Milliseconds()).UTC(), true
}

// QueueDepth is how many leads wait, by what they wait for.
func (l *Ledger) QueueDepth() map[Waits]int64 {
	l.state.mu.Lock()
	defer l.state.mu.Unlock()
	return maps.Clone(l.state.depth)
}

// countQueue counts the queue, once the views are at the end of the log: a log whose front was dropped may tell that a
// lead has left, and not that it was there.
func (l *Ledger) countQueue() error {
	depth, came := map[Waits]int64{}, map[int64]int64{}
	err := l.EachQueued(time.UnixMicro(1<<62), func(q Queued) bool {
		w := Waits{q.Campaign, q.Refusal}
		if _, known := depth[w]; !known {
			w.Campaign = strings.Clone(w.Campaign)
		}
		depth[w]++
		came[cameIn(q.Lead)]++
		return true
	})
	l.state.mu.Lock()
	defer l.state.mu.Unlock()
	l.state.depth, l.state.came = depth, came
	return err
}
