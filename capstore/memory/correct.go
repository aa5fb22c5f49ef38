// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

// Kept implements capstore.Store.
func (s *Store) Kept(charges []lead.Charge) (out []lead.Charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range charges {
		if s.counted(&c) != nil {
			out = append(out, c)
		}
	}
	return out
}

// counted is the window of a charge, nil where it counts no more.
func (s *Store) counted(c *lead.Charge) *window {
	base, value := rules.BaseKey(c.Cap)
	if k := s.classes[base]; k != nil {
		if m := k.meter(value); m != nil {
			return m.named(c.Window)
		}
	}
	return nil
}

// Change implements capstore.Store. It never fails. Of tokens the last ChangesMax are known: one that is told again
// after so many others counts twice.
func (s *Store) Change(_ context.Context, c capstore.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.changed.add(c.Token) {
		return nil
	}
	for i := range c.Charges {
		if w := s.counted(&c.Charges[i]); w != nil {
			w.count.Add(c.Charges[i].N)
		}
	}
	if c.Undo != nil {
		if h := s.holds[*c.Undo]; h != nil {
			for _, w := range h.windows {
				if w != nil {
					w.open--
				}
			}
			s.drop(h)
		}
		s.tombs.add(*c.Undo)
	}
	if c.Redo != nil {
		delete(s.tombs.known, c.Redo.Token)
		r := *c.Redo
		r.Committed = true
		s.restore(&r)
	}
	return nil
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
	s.marks.drop(h)
	delete(s.holds, h.token)
}
