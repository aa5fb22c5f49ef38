// SPDX-License-Identifier: Apache-2.0

// Package memory is the capstore of a single node: it lives in memory and is rebuilt at start from the ledger.
package memory

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"clearpost/capstore"
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
	// ChangesMax is how many changes are remembered by their tokens, likewise.
	ChangesMax = 1 << 16
)

// Store keeps the counts. All methods may be called at any time by anyone.
type Store struct {
	mu      sync.Mutex        // guards all below; held for microseconds, by posts and reloads only
	classes map[string]*class // by the keys of caps
	leads   map[lead.ID]*slots
	holds   map[lead.ID]*hold
	tombs   tokens // of holds that were released
	changed tokens // of changes that were made
	marks   marks

	before before // not guarded: set at start
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
	marks       []string  // of an open one
	at          time.Time // when it was made; zero: not known
	committed   bool

	instead, next *hold // in whose place it has its own, while that one stands; who has its place
}

// New makes an empty store.
func New() *Store {
	return &Store{classes: map[string]*class{}, leads: map[lead.ID]*slots{}, holds: map[lead.ID]*hold{},
		tombs: newTokens(TombstonesMax), changed: newTokens(ChangesMax), marks: marks{}}
}

// Hold implements capstore.Store. It never fails as a whole.
func (s *Store) Hold(_ context.Context, rs ...*capstore.HoldRequest) ([]capstore.HoldReply, error) {
	early := make([]capstore.HoldReply, len(rs))
	for i, r := range rs { // nearly always known here: then nobody sees the hold that is not to be
		early[i] = s.before.find(r)
	}
	out, made := s.holdAll(rs, early)
	for i, r := range rs {
		if !made[i] || len(r.Marks) == 0 {
			continue
		}
		// now that it has the marks nobody else can get them: whoever had them till now, the ledger knows
		if no := s.before.find(r); no.Refusal != lead.NoRefusal {
			s.undo(r.Token)
			out[i] = no
		}
	}
	return out, nil
}

func (s *Store) holdAll(rs []*capstore.HoldRequest, early []capstore.HoldReply) (out []capstore.HoldReply,
	made []bool) {
	out, made = make([]capstore.HoldReply, len(rs)), make([]bool, len(rs))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range rs {
		before := s.holds[r.Token]
		out[i] = s.hold(r, &early[i])
		made[i] = before == nil && out[i].Refusal == lead.NoRefusal
	}
	return out, made
}

// undo takes back a hold that was just made: its token may hold again.
func (s *Store) undo(token lead.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[token]; h != nil && !h.committed {
		h.end(&capstore.End{Token: token, Outcome: lead.NotSent})
		s.drop(h)
	}
}

func (s *Store) hold(r *capstore.HoldRequest, early *capstore.HoldReply) capstore.HoldReply {
	if s.tombs.have(r.Token) {
		return capstore.HoldReply{Refusal: lead.NotReached}
	}
	if h := s.holds[r.Token]; h != nil {
		if h.lead != r.Lead {
			return capstore.HoldReply{Refusal: lead.NotReached}
		}
		return capstore.HoldReply{Charges: h.charges}
	}
	h := &hold{token: r.Token, lead: r.Lead, buyer: r.Buyer, promise: min(r.SellLimit, max(r.MaxSold, 1)),
		at: r.Now}
	ended := s.holds[r.Instead]
	if ended != nil && (ended.lead != r.Lead || ended.committed || ended.next != nil) {
		ended = nil
	}
	if no := s.slotFor(h, ended, r.Ended); no != lead.NoRefusal {
		return capstore.HoldReply{Refusal: no}
	}
	if early.Refusal != lead.NoRefusal {
		return *early
	}
	if m, first := s.marks.taken(r); m != nil {
		return capstore.HoldReply{Refusal: lead.DuplicateRule, Rule: m.Rule, First: first}
	}
	if no, which := h.charge(r.Needs, r.Now, ended); no != lead.NoRefusal {
		return capstore.HoldReply{Refusal: no, Cap: which}
	}
	for i, w := range h.windows {
		w.count.Add(h.charges[i].N)
		w.open++
	}
	if ended != nil {
		h.instead, ended.next = ended, h
	}
	s.marks.take(h, r.Marks)
	s.add(h)
	return capstore.HoldReply{Charges: h.charges}
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

// charge finds the windows and tells whether each has room, were it not for the ended hold, and else which cap has
// none. It takes nothing yet.
func (h *hold) charge(needs []capstore.Need, now time.Time, ended *hold) (lead.Refusal, string) {
	h.charges = make([]lead.Charge, 0, len(needs))
	h.windows = make([]*window, 0, len(needs))
	for i := range needs {
		n := &needs[i]
		c := n.Counter.(*Counter)
		m := c.of.meter(n.Value)
		if m == nil {
			return lead.CapReached, c.own.ValueKey(n.Value)
		}
		w := m.windowAt(now)
		if w == nil {
			return lead.CapReached, m.key
		}
		used, _ := m.used(c, now)
		if no := c.refuses([]byte(n.Value), used-ended.within(m, c, now), n.N, now); no != lead.NoRefusal {
			return no, m.key
		}
		if slices.Contains(h.windows, w) {
			continue // the same cap twice is charged once
		}
		h.charges = append(h.charges, lead.Charge{Cap: m.key, Window: w.name, N: n.N, Of: c.own.Of})
		h.windows = append(h.windows, w)
	}
	return lead.NoRefusal, ""
}

// within is what the hold will give back of what a counter counts at an instant; a nil hold has nothing.
func (h *hold) within(m *meter, c *Counter, now time.Time) (n int64) {
	if h == nil {
		return 0
	}
	today := int64(0)
	if c.days > 1 {
		today = dateOf(now.In(c.zone))
	}
	for i, w := range h.windows {
		if w == nil || h.charges[i].Cap != m.key || c.own.Of == lead.OfAttempts {
			continue
		}
		if c.days > 1 && w.date > today-c.days && w.date <= today || c.days <= 1 && w == m.find(now.Unix()) {
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

// End implements capstore.Store. It never fails as a whole.
func (s *Store) End(_ context.Context, ends ...capstore.End) ([]error, error) {
	out := make([]error, len(ends))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ends {
		if ends[i].Outcome == lead.Accepted {
			out[i] = s.commit(&ends[i])
		} else {
			out[i] = s.release(&ends[i])
		}
	}
	return out, nil
}

func (s *Store) commit(e *capstore.End) error {
	h := s.holds[e.Token]
	if h == nil {
		return capstore.ErrNotHeld
	}
	if h.committed {
		return nil
	}
	h.committed = true
	h.end(e)
	h.windows = nil
	s.marks.drop(h)
	s.dropFinished(h.lead)
	return nil
}

func (s *Store) release(e *capstore.End) error {
	h := s.holds[e.Token]
	if h == nil {
		s.tombs.add(e.Token)
		return nil
	}
	if h.committed {
		return capstore.ErrCommitted
	}
	h.end(e)
	s.drop(h)
	s.tombs.add(e.Token)
	s.dropFinished(h.lead)
	return nil
}

// end has the counts of an open hold follow its end.
func (h *hold) end(e *capstore.End) {
	for _, c := range lead.AtEnd(h.charges, e.Outcome, e.Booked) {
		for i, w := range h.windows {
			if o := &h.charges[i]; w != nil && o.Cap == c.Cap && o.Window == c.Window {
				w.count.Add(c.N)
			}
		}
	}
	for _, w := range h.windows {
		if w != nil {
			w.open--
		}
	}
}

// Forget implements capstore.Store.
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

// Restore implements capstore.Rebuilt.
func (s *Store) Restore(r capstore.Restored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restore(&r)
}

func (s *Store) restore(r *capstore.Restored) {
	if s.tombs.have(r.Token) || s.holds[r.Token] != nil {
		return
	}
	h := &hold{token: r.Token, lead: r.Lead, buyer: r.Buyer, promise: max(r.MaxSold, 1), charges: r.Charges,
		at: r.At, committed: r.Committed}
	if r.SellLimit > 0 {
		h.promise = min(h.promise, r.SellLimit)
	}
	if !h.committed {
		for _, c := range r.Charges {
			var w *window
			if m := s.meterOf(c.Cap); m != nil {
				w = m.named(c.Window)
			}
			if w != nil {
				w.open++
			}
			h.windows = append(h.windows, w)
		}
		s.marks.take(h, r.Marks)
	}
	s.add(h)
}

// SetCount implements capstore.Rebuilt.
func (s *Store) SetCount(key, name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.meterOf(key); m != nil {
		if w := m.named(name); w != nil {
			w.count.Store(n)
		}
	}
}

// Fill implements capstore.Rebuilt.
func (s *Store) Fill(key, name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.meterOf(key)
	if m == nil || m.windows[name] != nil {
		return
	}
	w := m.add(name)
	w.count.Store(n)
	m.prune(w)
	m.publish()
}

// Counter implements capstore.Store.
func (s *Store) Counter(c rules.Cap) capstore.Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.class(c.Key).bind(c)
}

// Use implements capstore.Store.
func (s *Store) Use(k *rules.Cap, now time.Time) (out []capstore.Use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	class, days := s.classes[k.Key], int64(max(k.Days, 1))
	if class == nil || class.bounds[days] == nil {
		return nil
	}
	b := class.bounds[days]
	c := &Counter{of: class, days: days, zone: class.window.Zone, own: *b.cap.Load(), inForce: b}
	c.own.Window = class.window
	class.each(func(value string, m *meter) {
		u := capstore.Use{Key: m.key, Value: value, Limit: c.most([]byte(value), now)}
		u.Used, _ = m.used(c, now)
		u.Open = m.openIn(c, now)
		u.Limited = u.Limit != unlimited
		if u.Allowed = c.allowed(u.Limit, now); !u.Limited {
			u.Limit, u.Allowed = 0, 0
		}
		if class.one != nil || u.Used != 0 || u.Open != 0 {
			out = append(out, u)
		}
	})
	slices.SortFunc(out, func(a, b capstore.Use) int { return strings.Compare(a.Value, b.Value) })
	return out
}

// openIn is how many holds that have not ended charge what a counter counts at an instant.
func (m *meter) openIn(c *Counter, now time.Time) (n int64) {
	if c.days <= 1 {
		if w := m.find(now.Unix()); w != nil {
			n = int64(w.open)
		}
		return n
	}
	today := dateOf(now.In(c.zone))
	for _, w := range m.windows {
		if len(w.spans) > 0 && w.date > today-c.days && w.date <= today {
			n += int64(w.open)
		}
	}
	return n
}
