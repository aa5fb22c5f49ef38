// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

func newID(kind byte, n int) lead.ID { return lead.ID{0: kind, 14: byte(n >> 8), 15: byte(n)} }

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := rules.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// What the tests say of one hold at a time.

func needs(counters ...capstore.Counter) (out []capstore.Need) {
	for _, c := range counters {
		out = append(out, capstore.Need{Counter: c, N: 1})
	}
	return out
}

func holdOne(s *Store, r *capstore.HoldRequest) ([]lead.Charge, lead.Refusal) {
	out, _ := s.Hold(context.Background(), r)
	return out[0].Charges, out[0].Refusal
}

func end(s *Store, token lead.ID, o lead.Outcome) error {
	out, _ := s.End(context.Background(), capstore.End{Token: token, Outcome: o})
	return out[0]
}

func commit(s *Store, token lead.ID) error { return end(s, token, lead.Accepted) }

func release(s *Store, token lead.ID) error { return end(s, token, lead.Rejected) }

// change makes a change that was never told before.
func change(s *Store, c capstore.Change) {
	c.Token = newID('c', len(s.changed.ring))
	_ = s.Change(context.Background(), c)
}

func negative(charges []lead.Charge) []lead.Charge { return lead.AtEnd(charges, lead.Rejected, 0) }

func room(c capstore.Counter, now time.Time) bool { return c.Room(nil, 1, now) == lead.NoRefusal }

func use(s *Store, c rules.Cap, now time.Time) capstore.Use {
	if all := s.Use(&c, now); len(all) > 0 {
		return all[0]
	}
	return capstore.Use{}
}
