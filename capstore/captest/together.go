// SPDX-License-Identifier: Apache-2.0

package captest

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

// together has many goroutines hold, end and take at once. At no moment is a cap passed, and in the end what is counted
// is what stands.
func together(t *testing.T, s capstore.Store) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hour, ever := rules.Window{Per: rules.Hour, Zone: time.UTC}, rules.Window{Per: rules.Total}
	caps := []rules.Cap{
		{Key: "buyer:b:hour", Window: hour, Limit: rules.Limit{Most: 40}},
		{Key: "buyer:b:spend:hour", Of: lead.OfSpend, Window: hour, Limit: rules.Limit{Most: 300}},
		{Key: "buyer:b:balance", Of: lead.OfSpend, Window: ever, Limit: rules.Limit{Most: 350}},
		{Key: "buyer:b:attempts:hour", Of: lead.OfAttempts, Window: hour, Limit: rules.Limit{Most: 400}},
		{Key: "buyer:b:hour/state", Window: hour, Limit: rules.Limit{Most: 9},
			By: &rules.By{Field: "state", Others: true}},
		{Key: "buyer:b:pings:hour", Of: lead.OfPings, Window: hour, Limit: rules.Limit{Most: 500}},
	}
	counters := make([]capstore.Counter, len(caps))
	for i := range caps {
		counters[i] = s.Counter(caps[i])
	}
	var mu sync.Mutex
	want := map[string]int64{}
	add := func(charges []lead.Charge) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range charges {
			want[c.Cap] += c.N
		}
	}
	var work sync.WaitGroup
	for g := range 8 {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(5, uint64(g)))
			for n := range 300 {
				if c, no := counters[5].Take(nil, 1, now); no == lead.NoRefusal {
					add([]lead.Charge{c})
				}
				r := &capstore.HoldRequest{Token: newID('t', g*1000+n), Lead: newID('l', g*1000+n), Buyer: "b",
					SellLimit: 1, MaxSold: 1, Now: now}
				for i, c := range counters[:5] {
					need := capstore.Need{Counter: c, N: 1}
					if caps[i].Of == lead.OfSpend {
						need.N = 5 + rng.Int64N(10)
					}
					if caps[i].By != nil {
						need.Value = string(rune('A' + rng.IntN(8)))
					}
					r.Needs = append(r.Needs, need)
				}
				add(endAtRandom(t, s, r, rng))
				for i := range caps {
					for _, u := range s.Use(&caps[i], now) {
						if u.Used > u.Limit || u.Used < 0 {
							t.Errorf("%s: %d of %d", u.Key, u.Used, u.Limit)
							return
						}
					}
				}
			}
		})
	}
	work.Wait()
	for i := range caps {
		for _, u := range s.Use(&caps[i], now) {
			if u.Used != want[u.Key] || u.Open != 0 {
				t.Errorf("%s: %d are counted, %d are open, want %d", u.Key, u.Used, u.Open, want[u.Key])
			}
		}
	}
	if want["buyer:b:hour"] == 0 || want["buyer:b:pings:hour"] != 500 {
		t.Errorf("the test shows nothing: %v", want)
	}
}

// endAtRandom holds and ends at once, for no more than was held, and gives what stands then.
func endAtRandom(t *testing.T, s capstore.Store, r *capstore.HoldRequest, rng *rand.Rand) (stands []lead.Charge) {
	ctx := context.Background()
	held, err := s.Hold(ctx, r)
	if err != nil {
		t.Error(err)
	}
	if held[0].Refusal != lead.NoRefusal {
		return nil
	}
	e := capstore.End{Token: r.Token, Outcome: []lead.Outcome{lead.Accepted, lead.Rejected, lead.Rejected,
		lead.NotSent}[rng.IntN(4)], Booked: 5}
	for range 1 + rng.IntN(2) { // a repeat changes nothing
		if errs, err := s.End(ctx, e); err != nil || errs[0] != nil {
			t.Errorf("end: %v %v", errs, err)
		}
	}
	return append(held[0].Charges[:len(held[0].Charges):len(held[0].Charges)], lead.AtEnd(held[0].Charges, e.Outcome,
		e.Booked)...)
}

// takes has many goroutines count at once, for good and without a hold: as many get through as there is room for, and
// none is lost.
func takes(t *testing.T, s capstore.Store) {
	const most, each = 3_600_000, 600_000
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	k := rules.Cap{Key: "source:s:pings:hour", Of: lead.OfPings, Window: rules.Window{Per: rules.Hour, Zone: time.UTC},
		Limit: rules.Limit{Most: most}}
	c := s.Counter(k)
	var got atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range each {
				if _, no := c.Take(nil, 1, now); no == lead.NoRefusal {
					got.Add(1)
				}
			}
		})
	}
	work.Wait()
	if used, _ := c.Left(nil, now); got.Load() != most || used != most {
		t.Errorf("%d were let through and %d are counted, want %d", got.Load(), used, most)
	}
}
