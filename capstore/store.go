// SPDX-License-Identifier: Apache-2.0

// Package capstore counts what must never be exceeded: the accepted leads of each cap in each window, and the slots of
// each lead. One Hold takes all that an attempt needs or nothing; it ends as Commit or Release. No hold ends by time.
//
// This is the store of a single node: it lives in memory and is rebuilt at start from the ledger.
package capstore

import (
	"errors"
	"slices"
	"sync"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Limits of the store.
const (
	// WindowsMax is how many windows of one cap are kept, besides those that an open hold charges. Older ones are
	// closed: nothing can be held in them any more, so that a clock that goes back far never finds a full window empty.
	WindowsMax = 64
	// TombstonesMax is how many released tokens are remembered. Beyond it the oldest are forgotten.
	TombstonesMax = 1 << 16
)

// ErrCommitted is returned where a committed hold is to be released.
var ErrCommitted = errors.New("capstore: the hold is committed and cannot be released")

// ErrNotHeld is returned where a token is to be committed that holds nothing: it never did, it was released, or its
// lead was forgotten.
var ErrNotHeld = errors.New("capstore: the token holds nothing")

// HoldRequest is all that an attempt needs before it may go on the wire.
type HoldRequest struct {
	Token     lead.ID // of the attempt: a hold is idempotent by it
	Lead      lead.ID
	Buyer     string     // a lead is sold to a buyer once
	SellLimit int        // of the vertical's plan
	MaxSold   int        // of the bid: 1 = exclusive, and less counts as 1
	Counters  []*Counter // the caps of the campaign and its buyer, all of this store
	Now       time.Time  // decides the windows that are charged

	// Instead is an open hold of the same lead whose attempt is known not to be a sale, and which is released when its
	// end is durable, together with this attempt: what it holds counts as free for this hold, and for no other while
	// this one stands. Zero if there is none.
	Instead lead.ID
	// open holds of the same lead, Instead perhaps among them, whose attempts are known not to be sales, and which are
	// released together with it: their slots count as free, their places under caps do not
	Ended []lead.ID
}

// Restored is a hold as the ledger knows it, given to Restore at start.
type Restored struct {
	Token     lead.ID
	Lead      lead.ID
	Buyer     string
	SellLimit int // of the plan at that time, 0 = not known
	MaxSold   int
	Charges   []lead.Charge
	Committed bool
}

// Store keeps the counts. All methods may be called at any time by anyone.
type Store struct {
	mu       sync.Mutex // guards all below; held for microseconds, by posts and reloads only
	counters map[string]*meter
	leads    map[lead.ID]*slots
	holds    map[lead.ID]*hold
	tombs    map[lead.ID]struct{}
	tombRing []lead.ID // the released tokens in a ring, tombNext the oldest once it is full
	tombNext int
}

// slots is who has a lead, or may have it: every hold that is open or committed.
type slots struct {
	holds    []*hold
	finished bool // forget it as soon as no hold is open
}

type hold struct {
	token, lead lead.ID
	buyer       string
	promise     int // sales of the lead in all that this one allows
	charges     []lead.Charge
	windows     []*window // the charged windows, in the order of charges; nil where closed
	committed   bool

	instead, next *hold // in whose place it has its own, while that one stands; who has its place
}

// New makes an empty store.
func New() *Store {
	return &Store{counters: map[string]*meter{}, leads: map[lead.ID]*slots{}, holds: map[lead.ID]*hold{},
		tombs: map[lead.ID]struct{}{}}
}

// Hold takes a slot of the lead and one of each cap, or nothing and tells why:
//   - NotReached: the token was released before, or belongs to another lead;
//   - BuyerSoldAlready: the buyer has the lead, or may have it;
//   - NoSlot: the lower of the sell limit and all promises, this one's included, is used up by what stands and is in
//     flight;
//   - CapReached: a cap is full in its window.
//
// A token that holds already gets the same charges again, whatever else the request says. The charges must not be
// changed.
func (s *Store) Hold(r *HoldRequest) ([]lead.Charge, lead.Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, gone := s.tombs[r.Token]; gone {
		return nil, lead.NotReached
	}
	if h := s.holds[r.Token]; h != nil {
		if h.lead != r.Lead {
			return nil, lead.NotReached
		}
		return h.charges, lead.NoRefusal
	}
	h := &hold{token: r.Token, lead: r.Lead, buyer: r.Buyer, promise: min(r.SellLimit, max(r.MaxSold, 1))}
	ended := s.holds[r.Instead]
	if ended != nil && (ended.lead != r.Lead || ended.committed || ended.next != nil) {
		ended = nil
	}
	if no := s.slotFor(h, ended, r.Ended); no != lead.NoRefusal {
		return nil, no
	}
	if !h.charge(r.Counters, r.Now, ended) {
		return nil, lead.CapReached
	}
	for _, w := range h.windows {
		w.count.Add(1)
		w.open++
	}
	if ended != nil {
		h.instead, ended.next = ended, h
	}
	s.add(h)
	return h.charges, lead.NoRefusal
}

// slotFor tells why the lead has no slot for the hold, were it not for the ended ones. One whose place another has is
// not counted beside that.
func (s *Store) slotFor(h, ended *hold, others []lead.ID) lead.Refusal {
	most, standing := h.promise, 0
	if l := s.leads[h.lead]; l != nil {
		for _, o := range l.holds {
			if o == ended || o.next != nil || !o.committed && slices.Contains(others, o.token) {
				continue
			}
			if o.buyer == h.buyer {
				return lead.BuyerSoldAlready
			}
			standing++
			most = min(most, o.promise)
		}
	}
	if most-standing < 1 {
		return lead.NoSlot
	}
	return lead.NoRefusal
}

// charge finds the windows and tells whether each has room, were it not for the ended hold. It takes nothing yet.
func (h *hold) charge(counters []*Counter, now time.Time, ended *hold) bool {
	h.charges = make([]lead.Charge, 0, len(counters))
	h.windows = make([]*window, 0, len(counters))
	for _, c := range counters {
		w := c.windowAt(now)
		if w == nil || c.used(now)-ended.within(c, now) >= c.most(now) {
			return false
		}
		if slices.Contains(h.windows, w) {
			continue // the same cap twice is charged once
		}
		h.charges = append(h.charges, lead.Charge{Cap: c.key, Window: w.name, N: 1})
		h.windows = append(h.windows, w)
	}
	return true
}

// within is what the hold has taken of what a counter counts at an instant; a nil hold has nothing.
func (h *hold) within(c *Counter, now time.Time) (n int64) {
	if h == nil {
		return 0
	}
	today := int64(0)
	if c.days > 1 {
		today = dateOf(now.In(c.zone))
	}
	for i, w := range h.windows {
		if w == nil || h.charges[i].Cap != c.key {
			continue
		}
		if c.days > 1 && w.date > today-c.days && w.date <= today || c.days <= 1 && w == c.find(now.Unix()) {
			n += h.charges[i].N
		}
	}
	return n
}

func (s *Store) add(h *hold) {
	s.holds[h.token] = h
	l := s.leads[h.lead]
	if l == nil {
		l = &slots{}
		s.leads[h.lead] = l
	}
	l.holds = append(l.holds, h)
}

// Commit makes an open hold a sale: its slot and counts stand for good. Again is the same as once. ErrNotHeld if the
// token holds nothing.
func (s *Store) Commit(token lead.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.holds[token]
	if h == nil {
		return ErrNotHeld
	}
	if h.committed {
		return nil
	}
	h.committed = true
	for _, w := range h.windows {
		if w != nil {
			w.open--
		}
	}
	h.windows = nil
	s.dropFinished(h.lead)
	return nil
}

// Release gives back all that an open hold took, in the windows that it charged, whatever the time is now. Again is the
// same as once. A token that never held is refused from now on: a release beats the hold that comes after it.
// ErrCommitted if the hold is committed.
func (s *Store) Release(token lead.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.holds[token]
	if h == nil {
		s.bury(token)
		return nil
	}
	if h.committed {
		return ErrCommitted
	}
	for i, w := range h.windows {
		if w != nil {
			w.count.Add(-h.charges[i].N)
			w.open--
		}
	}
	s.drop(h)
	s.bury(token)
	s.dropFinished(h.lead)
	return nil
}

func (s *Store) bury(token lead.ID) {
	if _, there := s.tombs[token]; there {
		return
	}
	s.tombs[token] = struct{}{}
	if len(s.tombRing) < TombstonesMax {
		s.tombRing = append(s.tombRing, token)
		return
	}
	delete(s.tombs, s.tombRing[s.tombNext])
	s.tombRing[s.tombNext] = token
	s.tombNext = (s.tombNext + 1) % TombstonesMax
}

// Forget drops what is kept of a lead that will not be posted again; its counts stay. While a hold of it is open it is
// kept: it is dropped when the last one ends.
func (s *Store) Forget(id lead.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leads[id]; l != nil {
		l.finished = true
		s.dropFinished(id)
	}
}

// dropFinished drops a finished lead if nothing of it is open.
func (s *Store) dropFinished(id lead.ID) {
	l := s.leads[id]
	if l == nil || !l.finished {
		return
	}
	for _, h := range l.holds {
		if !h.committed {
			return
		}
	}
	for _, h := range l.holds {
		delete(s.holds, h.token)
	}
	delete(s.leads, id)
}

// Restore puts a hold back at start: the lead's slot and, unless it is committed, its right to be committed or
// released. It changes no count: those come from SetCount, which may be called before or after it. A token that is
// known already, be it as released, is left as it is.
func (s *Store) Restore(r Restored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, gone := s.tombs[r.Token]; gone || s.holds[r.Token] != nil {
		return
	}
	h := &hold{token: r.Token, lead: r.Lead, buyer: r.Buyer, promise: max(r.MaxSold, 1), charges: r.Charges,
		committed: r.Committed}
	if r.SellLimit > 0 {
		h.promise = min(h.promise, r.SellLimit)
	}
	if !h.committed {
		for _, c := range r.Charges {
			w := s.counter(c.Cap).named(c.Window)
			if w != nil {
				w.open++
			}
			h.windows = append(h.windows, w)
		}
	}
	s.add(h)
}

// SetCount sets, at start, what stands in a window: accepted, unknown and open attempts. The cap need not be bound yet.
func (s *Store) SetCount(key, name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.counter(key).named(name); w != nil {
		w.count.Store(n)
	}
}

// Counter binds a cap: it finds the counts of the cap's key, or makes them, and puts the cap's limit and window into
// force. Counts are kept, so that a reload may call it again; counts of hours of another zone stay under their names.
// Counters of the same key and days that were made before count on, up to their own limit or the new one, whichever is
// lower.
func (s *Store) Counter(c rules.Cap) *Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counter(c.Key).bind(c)
}

// Fill is SetCount for a window that is not kept, at any time: nothing that has not ended is held in it.
func (s *Store) Fill(key, name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counter(key)
	if c.windows[name] != nil {
		return
	}
	w := c.add(name)
	w.count.Store(n)
	c.prune(w)
	c.publish()
}

func (s *Store) counter(key string) *meter {
	c := s.counters[key]
	if c == nil {
		c = &meter{key: key, windows: map[string]*window{}, bounds: map[int64]*bound{}}
		s.counters[key] = c
	}
	return c
}

// Use is how much of a cap is taken at an instant.
type Use struct {
	Used  int64 // what stands and what is open
	Open  int64 // of it: holds that have not ended, in flight or of an unknown outcome
	Limit int64 // in force then
}

// Use tells how much of a cap is taken at the instant, in its window or in the days that count together. Nothing is
// where no such cap is bound.
func (s *Store) Use(k rules.Cap, now time.Time) (u Use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.counters[k.Key]
	days := int64(max(k.Days, 1))
	if m == nil || m.bounds[days] == nil {
		return Use{}
	}
	c := Counter{m, days, m.window.Zone, *m.bounds[days].limit.Load(), m.bounds[days], false}
	u.Used, u.Limit = c.used(now), c.most(now)
	if w := m.find(now.Unix()); w != nil && days == 1 {
		u.Open = int64(w.open)
	}
	if days > 1 {
		today := dateOf(now.In(c.zone))
		for _, w := range m.windows {
			if len(w.spans) > 0 && w.date > today-days && w.date <= today {
				u.Open += int64(w.open)
			}
		}
	}
	return u
}
