// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"fmt"
	"testing"

	"clearpost/capstore"
	"clearpost/lead"
)

// The slots of holds that have ended are free for those that are made together with their release, and for no other.
func TestSlotsOfEndedHolds(t *testing.T) {
	s := New()
	shared := func(n int, more func(*capstore.HoldRequest)) *capstore.HoldRequest {
		r := request(n, noon)
		r.Lead, r.Buyer, r.SellLimit, r.MaxSold = newID('l', 1), fmt.Sprint("buyer ", n), 2, 2
		if more != nil {
			more(r)
		}
		return r
	}
	one, two := shared(1, nil), shared(2, nil)
	mustHold(t, s, one)
	mustHold(t, s, two)
	if _, no := holdOne(s, shared(3, nil)); no != lead.NoSlot {
		t.Errorf("a third: %v", no)
	}
	ended := []lead.ID{one.Token, two.Token}
	instead := func(token lead.ID) func(*capstore.HoldRequest) {
		return func(r *capstore.HoldRequest) { r.Instead, r.Ended = token, ended }
	}
	mustHold(t, s, shared(4, instead(one.Token)))
	mustHold(t, s, shared(5, instead(two.Token)))
	if _, no := holdOne(s, shared(6, instead(lead.ID{}))); no != lead.NoSlot {
		t.Errorf("one more than there are slots: %v", no)
	}
	for _, r := range []*capstore.HoldRequest{one, two} {
		if err := release(s, r.Token); err != nil {
			t.Fatal(err)
		}
	}
	if _, no := holdOne(s, shared(7, nil)); no != lead.NoSlot {
		t.Errorf("afterwards: %v", no)
	}
}

// A hold whose place another one has is not counted beside it, whoever comes next.
func TestAReplacedHoldHasNoSlot(t *testing.T) {
	s := New()
	hold := func(n int, instead lead.ID) lead.Refusal {
		r := request(n, noon)
		r.Lead, r.Buyer, r.SellLimit, r.MaxSold, r.Instead = newID('l', 1), fmt.Sprint("buyer ", n), 2, 2, instead
		_, no := holdOne(s, r)
		return no
	}
	for n, instead := range []lead.ID{{}, newID('t', 0), {}} {
		if no := hold(n, instead); no != lead.NoRefusal {
			t.Errorf("hold %d: %v", n, no)
		}
	}
	if no := hold(3, lead.ID{}); no != lead.NoSlot {
		t.Errorf("a third that stands: %v", no)
	}
}
