// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
)

// TestWhatIsSoldBetweenTheLooks: a lead of the same person has an open hold while the ledger is asked, and by the time
// the store is, it has been sold: it is a duplicate all the same, and no trace stays of the hold that it was refused.
func TestWhatIsSoldBetweenTheLooks(t *testing.T) {
	s := New()
	c := s.Counter(hourly(5))
	first, second := request(1, noon, c), request(2, noon, c)
	for _, r := range []*capstore.HoldRequest{first, second} {
		r.Marks = []capstore.Mark{{Rule: "buyer:b:phone", Names: []string{"p"}, Window: time.Hour}}
	}
	looks, sold := 0, false
	s.Before(func(_ *capstore.Mark, of lead.ID, _ time.Time) (lead.ID, bool, error) {
		if of == first.Lead {
			return lead.ID{}, false, nil
		}
		looks++
		known := sold
		if !sold { // the ledger answers that it knows of none, and a moment later it does
			sold = true
			if err := commit(s, first.Token); err != nil {
				t.Fatal(err)
			}
		}
		return first.Lead, known, nil
	})
	mustHold(t, s, first)
	out, err := s.Hold(context.Background(), second)
	if err != nil || out[0].Refusal != lead.DuplicateRule || out[0].First != first.Lead || looks != 2 {
		t.Fatalf("%+v, %v after %d looks, want the refusal of a duplicate of %v after 2", out, err, looks, first.Lead)
	}
	wantUse(t, s, noon, 1)
	if len(s.holds) > 1 || len(s.marks) != 0 {
		t.Errorf("%d holds and %d marks are left", len(s.holds), len(s.marks))
	}
}
