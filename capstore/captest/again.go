// SPDX-License-Identifier: Apache-2.0

package captest

import (
	"context"
	"errors"
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
