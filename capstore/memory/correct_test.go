// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"testing"

	"clearpost/capstore"
	"clearpost/lead"
)

// A sale that is undone gives back its places and its slot, one that is done again takes them, and what is undone twice
// by way of its token is held no more.
func TestSalesAreUndoneAndRedone(t *testing.T) {
	s := New()
	c := s.Counter(hourly(2))
	now := noon
	r := request(1, now, c)
	charges, no := holdOne(s, r)
	if no != lead.NoRefusal || commit(s, r.Token) != nil {
		t.Fatal(no)
	}
	used := func(want int64) {
		t.Helper()
		if got := use(s, hourly(2), now).Used; got != want {
			t.Errorf("%d are used, want %d", got, want)
		}
	}
	kept := s.Kept(append(charges, lead.Charge{Cap: "buyer:gone:day", Window: "2026-03-02", N: 1}))
	if len(kept) != 1 || kept[0] != charges[0] {
		t.Errorf("kept: %v", kept)
	}
	change(s, capstore.Change{Charges: negative(kept), Undo: &r.Token})
	used(0)
	wantNothingOpen(t, s)
	if _, no := holdOne(s, r); no != lead.NotReached {
		t.Errorf("held again: %v", no)
	}
	back := capstore.Restored{Token: r.Token, Lead: r.Lead, Buyer: r.Buyer, SellLimit: 1, MaxSold: 1, Charges: kept}
	change(s, capstore.Change{Charges: kept, Redo: &back})
	used(1)
	other := request(2, now, c)
	other.Lead, other.Buyer = r.Lead, "another"
	if _, no := holdOne(s, other); no != lead.NoSlot {
		t.Errorf("beside the sale: %v", no)
	}
	// a sale is counted beyond the limit
	for n := range 2 {
		back.Token, back.Lead = newID('t', 100+n), newID('l', 100+n)
		change(s, capstore.Change{Charges: kept, Redo: &back})
	}
	used(3)
	if _, no := holdOne(s, request(3, now, c)); no != lead.CapReached {
		t.Errorf("beyond the cap: %v", no)
	}
}
