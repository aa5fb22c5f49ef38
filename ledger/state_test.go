// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"

	"clearpost/lead"
)

// An attempt is charged once and given back once, however often its events are told.
func TestAnAttemptIsCountedOnce(t *testing.T) {
	s, id := newState(), lead.ID{1}
	charges := []lead.Charge{{Cap: "buyer:b:day", Window: "2026-11-23", N: 1},
		{Cap: "buyer:b:spend:day", Window: "2026-11-23", N: 500, Of: lead.OfSpend},
		{Cap: "buyer:b:attempts:day", Window: "2026-11-23", N: 1, Of: lead.OfAttempts}}
	want := func(accepted, spend, attempts int64) {
		t.Helper()
		for i, n := range []int64{accepted, spend, attempts} {
			if got := s.counts[window{charges[i].Cap, charges[i].Window}]; got != n {
				t.Errorf("%s: %d, want %d", charges[i].Cap, got, n)
			}
		}
	}
	tell := func(f Facts) {
		f.Attempt = id
		for range 2 {
			s.take(changeOf(&f))
		}
	}
	tell(Facts{Kind: KindPosting, Charges: charges})
	want(1, 500, 1)
	tell(Facts{Kind: KindPosted, Outcome: lead.Unknown})
	want(1, 500, 1)
	tell(Facts{Kind: KindAdjusted, Adjustment: AdjustResolved, Outcome: lead.Accepted, Price: 420})
	want(1, 420, 1)
	id = lead.ID{2}
	tell(Facts{Kind: KindPosting, Charges: charges})
	tell(Facts{Kind: KindPosted, Outcome: lead.Rejected})
	want(1, 420, 2)
	id = lead.ID{3}
	tell(Facts{Kind: KindPosting, Charges: charges})
	tell(Facts{Kind: KindPosted, Outcome: lead.NotSent})
	want(1, 420, 2)
}
