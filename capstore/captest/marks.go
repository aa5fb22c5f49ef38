// SPDX-License-Identifier: Apache-2.0

package captest

import (
	"context"
	"sync"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
)

// marked has many goroutines hold leads of a few persons at once. Each person's lead is sold once: also where one is
// sold, and what is known of it moves from the store to the ledger, while others are about to hold.
func marked(t *testing.T, s capstore.Store) {
	const workers, rounds, persons = 8, 400, 5
	names := []string{"a", "b", "c", "d", "e"}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	sold := map[string]lead.ID{} // what a ledger knows
	if r, ok := s.(capstore.Rebuilt); ok {
		r.Before(func(m *capstore.Mark, of lead.ID, _ time.Time) (lead.ID, bool, error) {
			mu.Lock()
			defer mu.Unlock()
			first, ok := sold[m.Names[0]]
			return first, ok && first != of, nil
		})
	}
	sales := map[string]int{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range rounds {
				name := names[(n+w)%persons]
				id := newID(byte('A'+w), n)
				out, err := s.Hold(context.Background(), &capstore.HoldRequest{Token: id, Lead: id, Buyer: "b",
					SellLimit: 1, MaxSold: 1, Now: now, Marks: []capstore.Mark{{Rule: "buyer:b:phone",
						Names: []string{name}, Window: time.Hour}}})
				switch {
				case err != nil || out[0].Refusal != lead.NoRefusal && out[0].Refusal != lead.DuplicateRule:
					t.Errorf("hold: %+v, %v", out, err)
					return
				case out[0].Refusal == lead.DuplicateRule:
					continue
				}
				end := capstore.End{Token: id, Outcome: lead.Rejected}
				if n%3 == 2 {
					end.Outcome = lead.Accepted
					mu.Lock()
					sold[name] = id
					sales[name]++
					mu.Unlock()
				}
				if errs, err := s.End(context.Background(), end); err != nil || errs[0] != nil {
					t.Errorf("end: %v, %v", errs, err)
				}
			}
		})
	}
	wg.Wait()
	for _, name := range names {
		if sales[name] != 1 {
			t.Errorf("%s was sold %d times", name, sales[name])
		}
	}
}
