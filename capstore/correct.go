// SPDX-License-Identifier: Apache-2.0

package capstore

import "clearpost/lead"

// Kept are those of the charges that still count: what lies further back than windows are kept does not, nor what is of
// a cap that nobody knows any more.
func (s *Store) Kept(charges []lead.Charge) (out []lead.Charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range charges {
		if m := s.counters[c.Cap]; m != nil && m.named(c.Window) != nil {
			out = append(out, c)
		}
	}
	return out
}

// Undo takes a sale back that never was one: the slot, and the charges that are given, whose windows lose them if they
// are kept. The lead may be forgotten. It is the caller's to call it once for what the ledger tells once.
func (s *Store) Undo(token lead.ID, charges []lead.Charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(charges, -1)
	if h := s.holds[token]; h != nil {
		for _, w := range h.windows {
			if w != nil {
				w.open--
			}
		}
		s.drop(h)
	}
	s.bury(token)
}

// Redo makes a sale of what was none, or was taken back: its charges are counted, whatever room there is, for it is a
// sale; its slot is taken. As with Undo, it is called once.
func (s *Store) Redo(r Restored) {
	s.mu.Lock()
	delete(s.tombs, r.Token)
	s.count(r.Charges, 1)
	s.mu.Unlock()
	r.Committed = true
	s.Restore(r)
}

// count changes the windows that still count.
func (s *Store) count(charges []lead.Charge, sign int64) {
	for _, c := range charges {
		if m := s.counters[c.Cap]; m != nil {
			if w := m.named(c.Window); w != nil {
				w.count.Add(sign * c.N)
			}
		}
	}
}

// drop ends a hold.
func (s *Store) drop(h *hold) {
	l := s.leads[h.lead]
	for i, o := range l.holds {
		if o == h {
			l.holds = append(l.holds[:i], l.holds[i+1:]...)
			break
		}
	}
	if len(l.holds) == 0 {
		delete(s.leads, h.lead)
	}
	if h.instead != nil {
		h.instead.next = nil // another one may have its place
	}
	if h.next != nil {
		h.next.instead = nil
	}
	delete(s.holds, h.token)
}
