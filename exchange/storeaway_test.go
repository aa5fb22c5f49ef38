// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/capstore/memory"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// farStore is a store that may be away: then it does not answer, and may or may not have done what was asked of it.
type farStore struct {
	*memory.Store
	away, does atomic.Bool
}

func (f *farStore) Hold(ctx context.Context, rs ...*capstore.HoldRequest) ([]capstore.HoldReply, error) {
	return answered(f, func() ([]capstore.HoldReply, error) { return f.Store.Hold(ctx, rs...) })
}

func (f *farStore) End(ctx context.Context, ends ...capstore.End) ([]error, error) {
	return answered(f, func() ([]error, error) { return f.Store.End(ctx, ends...) })
}

func answered[T any](f *farStore, do func() (T, error)) (out T, err error) {
	if !f.away.Load() {
		return do()
	}
	if f.does.Load() {
		_, _ = do()
	}
	return out, capstore.ErrAway
}

// A store that is away for a while takes no place for good and frees none too soon: how attempts have ended it is told
// until it has heard it.
func TestAStoreThatIsAwayIsToldAgain(t *testing.T) {
	for _, does := range []bool{false, true} {
		var store *farStore
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(5)})
		s.Deps = func(d *exchange.Deps) {
			store = &farStore{Store: d.Store.(*memory.Store)}
			store.does.Store(does)
			d.Store = store
		}
		exchangetest.Run(t, s, func(x *rig) {
			goes := func(answer exchangetest.Answer) exchangetest.Buyer { // while the buyer answers
				return func(*exchangetest.Request) exchangetest.Answer {
					store.away.Store(true)
					return answer
				}
			}
			held := func() (open int64) {
				c := x.Exchange.Snapshot().Config().Book.Campaign("a").Caps[0]
				for _, u := range x.Store.Use(&c, x.Exchange.Now()) {
					open += u.Open
				}
				return open
			}
			for _, c := range []struct {
				says   exchangetest.Answer
				result string
				used   int64
			}{{exchangetest.Decline("no thanks"), lead.ResultFailure, 0},
				{exchangetest.Accept("r"), lead.ResultSuccess, 1}} {
				x.Buyers.Set("a", exchangetest.Post, goes(c.says))
				id := x.Quote(8*dollar, nil)
				r, f := x.Post(id, nil, nil) // its answer is the ledger's: it does not wait for the store
				if f != nil || r.Result != c.result {
					t.Errorf("%+v, %v", r, f)
				}
				x.Sleep(time.Minute)
				store.away.Store(false)
				x.Sleep(time.Minute)
				wantUsed(x, "a", c.used)
				if n := held(); n != 0 {
					t.Errorf("%s: %d holds are open", r.Result, n)
				}
			}
			id := x.Quote(8*dollar, values{"zip": "10002"})
			store.away.Store(true)
			r, f := x.Post(id, values{"phone": "2127365009"}, nil)
			if f != nil || r.Result != lead.ResultFailure {
				t.Errorf("while it is away: %+v, %v", r, f)
			}
			tried := exchangetest.Last[*ledger.Settled](x, id).Tried
			if len(tried) != 1 || tried[0].Refusal != lead.StoreAway {
				t.Errorf("tried: %+v", tried)
			}
			store.away.Store(false)
			x.Sleep(time.Minute)
			wantUsed(x, "a", 1)
			if n := held(); n != 0 {
				t.Errorf("%d holds are open", n)
			}
		})
	}
}
