// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"testing"

	"clearpost/capstore"
	"clearpost/capstore/memory"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
)

// breaking is a store whose n-th request has its hold, and then a mistake of ours strikes.
type breaking struct {
	*memory.Store
	n int
}

func (b *breaking) Hold(ctx context.Context, rs ...*capstore.HoldRequest) ([]capstore.HoldReply, error) {
	out, err := b.Store.Hold(ctx, rs...)
	if b.n--; b.n == 0 {
		panic("a mistake")
	}
	return out, err
}

// A mistake of ours that ends a trip while attempts are being made ready leaves no places taken for what never went
// out: not those of the attempt that it strikes, nor those of others of its round.
func TestAPanicBeforeAttemptsAreStoredHoldsNothing(t *testing.T) {
	for n := 1; n <= 2; n++ {
		s := atOnce(t, 2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2, Spec: capped(1)},
			campaign{ID: "b", Price: 9 * dollar, MaxSold: 2, Spec: capped(1)})
		var store *breaking
		s.Deps = func(d *exchange.Deps) {
			store = &breaking{Store: d.Store.(*memory.Store)}
			d.Store = store
		}
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(15*dollar+dollar/5, nil)
			store.n = n
			if r, f := x.Post(id, nil, nil); f == nil || f.Kind != exchange.FaultUnavailable {
				t.Fatalf("strikes at hold %d: %+v, %v", n, r, f)
			}
			wantUsed(x, "a", 0)
			wantUsed(x, "b", 0)
			r, f := x.Post(id, nil, nil) // the seller's repeat
			wantSold(t, r, f, 15*dollar+dollar/5)
		})
	}
}
