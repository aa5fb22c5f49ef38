// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/capstore/memory"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
)

// A trip that was cut off after an attempt comes to what it would have come to: the seller hears of that attempt, and
// its campaign is waited for where it does that.
func TestAttemptsOfATripThatWasCutOffCount(t *testing.T) {
	for name, c := range map[string]struct {
		first, second exchangetest.Answer
		queued        bool
		details       string
	}{
		"a no":            {exchangetest.Decline("no thanks"), exchangetest.Unreachable(), false, "no thanks"},
		"not sent":        {exchangetest.Unreachable(), exchangetest.Decline("nor we"), true, ""},
		"the better rank": {exchangetest.Decline("no thanks"), exchangetest.Decline("nor we"), false, "no thanks"},
	} {
		t.Run(name, func(t *testing.T) {
			var store *farStore
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: defers()}, campaign{ID: "b", Price: 9 * dollar,
				Post: exchangetest.Always(c.second)})
			s.Source = tells
			s.Deps = func(d *exchange.Deps) {
				store = &farStore{Store: d.Store.(*memory.Store)}
				d.Store = store
			}
			s.Campaigns[0].Post = func(*exchangetest.Request) exchangetest.Answer {
				store.away.Store(true)
				return c.first
			}
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				if r, f := x.Post(id, nil, nil); f == nil || f.Why != exchange.WhyStore {
					t.Fatalf("%+v, %v", r, f)
				}
				x.Crash()
				store.away.Store(false)
				r, f := x.Post(id, nil, nil)
				wantPosted(x, "a", "b")
				if c.queued {
					wantQueued(t, r, f)
					w := exchangetest.Last[*ledger.Deferred](x, id).Waits
					if len(w) != 1 || w[0].Campaign != "a" || w[0].Attempts != 1 {
						t.Errorf("waits: %+v", w)
					}
					return
				}
				wantUnsold(t, r, f, lead.BuyerRejected)
				if r.Details != c.details {
					t.Errorf("the seller hears %q", r.Details)
				}
			})
		})
	}
}

// What comes of the same request with another token is its end: a lead does not wait for a buyer that has declined it,
// although the refusal of the first token was one to wait for, and others are asked.
func TestALeadDoesNotWaitForTheRefusalOfAToken(t *testing.T) {
	tokens := newIssuer(t)
	a := tokens.authorized("a", 10*dollar, exchangetest.Script(exchangetest.Answer{Status: 401,
		Body: `{"error":"expired"}`}, exchangetest.Decline("no")))
	a.Spec = both(a.Spec, defers(func(d *buyers.DeferSpec) {
		d.RetryOn, d.BeforeOthers = wire.Scalars{{Text: "401", Kind: wire.ScalarNumber}}, true
	}))
	s := sellTo(1, a, campaign{ID: "b", Price: 9 * dollar})
	s.Source, s.Buyer = tells, private
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		x.Sleep(time.Second)
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "a", "a", "b")
	})
}
