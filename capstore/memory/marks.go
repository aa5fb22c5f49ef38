// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"slices"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
)

// marks are those of open holds: by rule and name, who has it. Of what has ended the ledger knows.
type marks map[string][]*hold

func markKey(rule, name string) string { return rule + "\x00" + name }

// taken finds a mark of a request that another lead has, and not for longer than the mark's time.
func (m marks) taken(r *capstore.HoldRequest) (*capstore.Mark, lead.ID) {
	for i := range r.Marks {
		for _, name := range r.Marks[i].Names {
			for _, h := range m[markKey(r.Marks[i].Rule, name)] {
				if h.lead != r.Lead && (h.at.IsZero() || r.Now.Sub(h.at) < r.Marks[i].Window) {
					return &r.Marks[i], h.lead
				}
			}
		}
	}
	return nil, lead.ID{}
}

// take gives marks to a hold.
func (m marks) take(h *hold, list []capstore.Mark) {
	for i := range list {
		for _, name := range list[i].Names {
			key := markKey(list[i].Rule, name)
			if !slices.Contains(h.marks, key) {
				m[key], h.marks = append(m[key], h), append(h.marks, key)
			}
		}
	}
}

// drop takes all marks from a hold.
func (m marks) drop(h *hold) {
	for _, key := range h.marks {
		left := slices.DeleteFunc(m[key], func(o *hold) bool { return o == h })
		if m[key] = left; len(left) == 0 {
			delete(m, key)
		}
	}
	h.marks = nil
}

// before asks for leads that have ended.
type before func(m *capstore.Mark, of lead.ID, now time.Time) (first lead.ID, known bool, err error)

// Before implements capstore.Rebuilt. It is called before the first Hold.
func (s *Store) Before(look func(m *capstore.Mark, of lead.ID, now time.Time) (lead.ID, bool, error)) {
	s.before = look
}

// find is the refusal of a request by a lead that was before, if there is one.
func (look before) find(r *capstore.HoldRequest) (out capstore.HoldReply) {
	if look == nil {
		return out
	}
	for i := range r.Marks {
		m := &r.Marks[i]
		first, known, err := look(m, r.Lead, r.Now)
		switch {
		case err != nil:
			return capstore.HoldReply{Refusal: lead.StoreAway}
		case known:
			return capstore.HoldReply{Refusal: lead.DuplicateRule, Rule: m.Rule, First: first}
		}
	}
	return out
}
