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

func (f *farStore) Change(ctx context.Context, c capstore.Change) error {
	_, err := answered(f, func() (struct{}, error) { return struct{}{}, f.Store.Change(ctx, c) })
	return err
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
			wantUsed(x, "a", 1)
		})
	}
}

// A post that cannot hold what it needs, since the store is away, takes nothing: its seller hears so, and the very same
// post sells the lead when the store is back, under its key too, and once.
func TestAPostWhoseStoreIsAwayComesAgain(t *testing.T) {
	for _, does := range []bool{false, true} {
		var store *farStore
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(5)},
			campaign{ID: "b", Price: 9 * dollar, Spec: capped(5)})
		s.Deps = func(d *exchange.Deps) {
			store = &farStore{Store: d.Store.(*memory.Store)}
			store.does.Store(does)
			d.Store = store
		}
		exchangetest.Run(t, s, func(x *rig) {
			comesAgain := func(r exchange.Reply, f *exchange.Fault) {
				t.Helper()
				if f == nil || f.Kind != exchange.FaultUnavailable || f.Why != exchange.WhyStore || f.RetryAfter <= 0 ||
					f.Unsure {
					t.Fatalf("while it is away: %+v, %v", r, f)
				}
			}
			keyed := func(in *exchange.PostIn) { in.IdempotencyKey, in.BodyHash = in.PingID.String(), "h" }
			id := x.Quote(8*dollar, nil)
			store.away.Store(true)
			for range 2 {
				comesAgain(x.Post(id, nil, keyed))
				x.Sleep(time.Second)
			}
			if n := len(x.Events(id)); n != 1 || len(x.Buyers.Calls("a", exchangetest.Post)) != 0 {
				t.Errorf("does %v: %d events of a lead that was not taken", does, n)
			}
			if r := x.Status(id); !r.Quote {
				t.Errorf("does %v: its status: %+v", does, r)
			}
			store.away.Store(false)
			x.Sleep(time.Minute)
			for range 2 {
				r, f := x.Post(id, nil, keyed)
				wantSold(t, r, f, 8*dollar)
			}
			wantUsed(x, "a", 1)

			// one buyer has refused it when the store goes away
			x.Buyers.Set("a", exchangetest.Post, func(*exchangetest.Request) exchangetest.Answer {
				store.away.Store(true)
				return exchangetest.Decline("no thanks")
			})
			id = x.Quote(8*dollar, values{"zip": "10002"})
			post := func() (exchange.Reply, *exchange.Fault) {
				return x.Post(id, values{"phone": "2127365009"}, keyed)
			}
			comesAgain(post())
			if p := exchangetest.All[*ledger.Posted](x, id); len(p) != 1 || p[0].Outcome != lead.Rejected ||
				len(exchangetest.All[*ledger.Settled](x, id)) != 0 {
				t.Errorf("does %v: of an attempt that was refused: %+v", does, p)
			}
			store.away.Store(false)
			x.Sleep(time.Minute)
			for range 2 {
				r, f := post()
				wantSold(t, r, f, 8*dollar)
			}
			if n := len(x.Buyers.Calls("a", exchangetest.Post)); n != 2 {
				t.Errorf("does %v: the first buyer was posted to %d times, of two leads", does, n)
			}
			wantUsed(x, "a", 1)
			wantUsed(x, "b", 1)

			store.away.Store(true)
			one := values{"phone": "2127365007", "zip": "10003"}
			comesAgain(x.LeadNow(one, nil))
			store.away.Store(false)
			x.Sleep(time.Minute)
			x.Buyers.Set("a", exchangetest.Post, exchangetest.Always(exchangetest.Accept("r")))
			r, f := x.LeadNow(one, nil)
			wantSold(t, r, f, 8*dollar)
			wantUsed(x, "a", 2)
		})
	}
}

// What changes while the store is away it hears when it is back, once, and after the end that is changed: be it that it
// has done what it was told and its reply was lost.
func TestAStoreThatIsAwayHearsChangesOnceAndInOrder(t *testing.T) {
	for _, does := range []bool{false, true} {
		var store *farStore
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(5)})
		s.Deps = func(d *exchange.Deps) {
			store = &farStore{Store: d.Store.(*memory.Store)}
			store.does.Store(does)
			d.Store = store
		}
		exchangetest.Run(t, s, func(x *rig) {
			x.Buyers.Set("a", exchangetest.Post, func(*exchangetest.Request) exchangetest.Answer {
				store.away.Store(true)
				return exchangetest.Accept("r")
			})
			correct := func(id lead.ID, accepted bool) {
				t.Helper()
				if _, changed, err := x.Exchange.Correct(exchange.Correction{Name: id.String(), Accepted: accepted,
					Why: "their mail"}, forNames); err != nil || !changed {
					t.Fatalf("does %v: corrected: %v, %v", does, changed, err)
				}
			}
			back := func(used int64) {
				t.Helper()
				x.Sleep(time.Minute)
				store.away.Store(false)
				x.Sleep(time.Minute)
				wantUsed(x, "a", used)
				c := x.Exchange.Snapshot().Config().Book.Campaign("a").Caps[0]
				for _, u := range x.Store.Use(&c, x.Exchange.Now()) {
					if u.Open != 0 {
						t.Errorf("does %v: %d holds are open", does, u.Open)
					}
				}
			}
			id := x.Quote(8*dollar, nil)
			r, f := x.Post(id, nil, nil)
			wantSold(t, r, f, 8*dollar)
			correct(id, false) // the commit has not been heard
			back(0)
			store.away.Store(true)
			for range 3 {
				correct(id, true)
				correct(id, false)
			}
			correct(id, true)
			back(1)
			x.Buyers.Set("a", exchangetest.Post, exchangetest.Always(exchangetest.Accept("r")))
			id = x.Quote(8*dollar, values{"zip": "10002"})
			r, f = x.Post(id, values{"phone": "2127365009"}, nil)
			wantSold(t, r, f, 8*dollar)
			back(2)
			x.Restart()
			wantUsed(x, "a", 2)
		})
	}
}
