// SPDX-License-Identifier: Apache-2.0

package captest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

// again ends each hold twice, in all ways: what it was first it stays, and a slot and a place under a cap are as after
// the first end.
func again(t *testing.T, s capstore.Store) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := rules.Cap{Key: "buyer:b:total", Window: rules.Window{Per: rules.Total}, Limit: rules.Limit{Most: 1000}}
	counter := s.Counter(c)
	request := func(token lead.ID, of lead.ID, buyer string) *capstore.HoldRequest {
		return &capstore.HoldRequest{Token: token, Lead: of, Buyer: buyer, SellLimit: 1, MaxSold: 1, Now: now,
			Needs: []capstore.Need{{Counter: counter, N: 1}}}
	}
	hold := func(r *capstore.HoldRequest) lead.Refusal {
		out, err := s.Hold(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Refusal
	}
	end := func(token lead.ID, how lead.Outcome) error {
		errs, err := s.End(context.Background(), capstore.End{Token: token, Outcome: how})
		if err != nil {
			t.Fatal(err)
		}
		return errs[0]
	}
	used := func() int64 { return s.Use(&c, now)[0].Used }
	for i, tt := range []struct {
		first, then lead.Outcome
		err         error // of the second
		sold        int64
		next        lead.Refusal // of another buyer's hold, afterwards
	}{
		{lead.Accepted, lead.Accepted, nil, 1, lead.NoSlot},
		{lead.Accepted, lead.Rejected, capstore.ErrCommitted, 1, lead.NoSlot},
		{lead.Accepted, lead.NotSent, capstore.ErrCommitted, 1, lead.NoSlot},
		{lead.Rejected, lead.Accepted, capstore.ErrNotHeld, 0, lead.NoRefusal},
		{lead.Rejected, lead.Rejected, nil, 0, lead.NoRefusal},
		{lead.NotSent, lead.Accepted, capstore.ErrNotHeld, 0, lead.NoRefusal},
	} {
		before, token, of := used(), newID('t', i), newID('l', i)
		if no := hold(request(token, of, "b")); no != lead.NoRefusal {
			t.Fatalf("%s, then %s: hold: %v", tt.first, tt.then, no)
		}
		if err := end(token, tt.first); err != nil {
			t.Errorf("%s: %v", tt.first, err)
		}
		for range 2 {
			if err := end(token, tt.then); !errors.Is(err, tt.err) {
				t.Errorf("%s, then %s: %v, want %v", tt.first, tt.then, err, tt.err)
			}
		}
		if n := used() - before; n != tt.sold {
			t.Errorf("%s, then %s: %d count, want %d", tt.first, tt.then, n, tt.sold)
		}
		if no := hold(request(newID('u', i), of, "other")); no != tt.next {
			t.Errorf("%s, then %s: another buyer: %v, want %v", tt.first, tt.then, no, tt.next)
		}
	}
}

// changed makes changes of a sale, each told by several at once whose replies were lost, and all of them again at the
// end: each counts once, and the sale is what the last of them made it.
func changed(t *testing.T, s capstore.Store) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := rules.Cap{Key: "buyer:b:total", Window: rules.Window{Per: rules.Total}, Limit: rules.Limit{Most: 1000}}
	counter := s.Counter(c)
	hold := func(token lead.ID, buyer string) capstore.HoldReply {
		out, err := s.Hold(context.Background(), &capstore.HoldRequest{Token: token, Lead: newID('l', 1), Buyer: buyer,
			SellLimit: 1, MaxSold: 1, Now: now, Needs: []capstore.Need{{Counter: counter, N: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	sale := newID('t', 1)
	charges := hold(sale, "b").Charges
	if len(charges) != 1 {
		t.Fatalf("held: %v", charges)
	}
	if errs, err := s.End(context.Background(), capstore.End{Token: sale, Outcome: lead.Accepted}); err != nil ||
		errs[0] != nil {
		t.Fatal(err, errs)
	}
	back := []lead.Charge{{Cap: charges[0].Cap, Window: charges[0].Window, N: -1, Of: charges[0].Of}}
	redo := &capstore.Restored{Token: sale, Lead: newID('l', 1), Buyer: "b", SellLimit: 1, MaxSold: 1,
		Charges: charges, At: now}
	changes := []struct {
		capstore.Change
		used int64
		next lead.Refusal // of another buyer's hold
	}{
		{capstore.Change{Token: newID('c', 1), Charges: back, Undo: &sale}, 0, lead.NoRefusal},
		{capstore.Change{Token: newID('c', 2), Charges: charges, Redo: redo}, 1, lead.NoSlot},
		{capstore.Change{Token: newID('c', 3), Charges: back}, 0, lead.NoSlot}, // of the same content as the first
		{capstore.Change{Token: newID('c', 4), Charges: charges}, 1, lead.NoSlot},
	}
	tell := func(c capstore.Change) {
		if err := s.Change(context.Background(), c); err != nil {
			t.Error(err)
		}
	}
	for i, ch := range changes {
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() { tell(ch.Change) })
		}
		work.Wait()
		for _, earlier := range changes[:i] {
			tell(earlier.Change)
		}
		if n := s.Use(&c, now)[0].Used; n != ch.used {
			t.Errorf("change %d: %d count, want %d", i+1, n, ch.used)
		}
		other := newID('u', i)
		if no := hold(other, "other").Refusal; no != ch.next {
			t.Errorf("change %d: another buyer: %v, want %v", i+1, no, ch.next)
		}
		if _, err := s.End(context.Background(), capstore.End{Token: other, Outcome: lead.NotSent}); err != nil {
			t.Error(err)
		}
	}
}
