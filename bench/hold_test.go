// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/capstore"
	store "clearpost/capstore/memory"
	"clearpost/lead"
	"clearpost/rules"
)

// holdKinds are caps of every kind for one campaign.
func holdKinds(id string, most int64) (caps []rules.Cap) {
	zone, err := rules.LoadZone("America/New_York")
	if err != nil {
		panic(err)
	}
	who := "campaign:" + id
	hour, day := rules.Window{Per: rules.Hour, Zone: zone}, rules.Window{Per: rules.Day, Zone: zone}
	limit := rules.Limit{Most: most}
	return []rules.Cap{{Key: who + ":hour", Window: hour, Limit: limit}, {Key: who + ":day", Window: day, Limit: limit},
		{Key: who + ":day", Window: day, Days: 30, Limit: limit},
		{Key: who + ":attempts:day", Of: lead.OfAttempts, Window: day, Limit: rules.Limit{Most: 4 * most}},
		{Key: who + ":spend:day", Of: lead.OfSpend, Window: day, Limit: rules.Limit{Most: most * 10}},
		{Key: who + ":day/state", Window: day, Limit: limit, By: &rules.By{Field: "state", Others: true}},
		{Key: "buyer:" + id + ":balance", Of: lead.OfSpend, Window: rules.Window{Per: rules.Total, Zone: zone},
			Limit: rules.Limit{Most: math.MaxInt64 / 4}}}
}

// BenchmarkHolds has 64 goroutines hold and end at once, three of four as no sale, of one campaign or of a thousand: in
// the end every cap is exactly as full as it may be, or as what was sold. CLEARPOST_BENCH_HOLDS is how many holds each
// goroutine makes (100000).
func BenchmarkHolds(b *testing.B) {
	each := 100_000
	if n, err := strconv.Atoi(os.Getenv("CLEARPOST_BENCH_HOLDS")); err == nil {
		each = n
	}
	for _, campaigns := range []int{1, 1000} {
		b.Run(fmt.Sprint("campaigns-", campaigns), func(b *testing.B) {
			for b.Loop() {
				holds(b, campaigns, 64, each)
			}
		})
	}
}

var holdStates = []string{"TX", "CA", "NY", "FL", "OH", "PA", "IL", "GA"}

func holds(b *testing.B, campaigns, goroutines, each int) {
	s := store.New()
	most := int64(goroutines*each/campaigns) / 8 // half of what would be sold
	caps, counters := make([][]rules.Cap, campaigns), make([][]capstore.Counter, campaigns)
	for i := range campaigns {
		caps[i] = holdKinds(fmt.Sprint("c", i), most)
		for _, c := range caps[i] {
			counters[i] = append(counters[i], s.Counter(c))
		}
	}
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	sold := make([]atomic.Int64, campaigns)
	begin := time.Now()
	var work sync.WaitGroup
	for g := range goroutines {
		work.Go(func() {
			ctx := context.Background()
			for n := range each {
				var id lead.ID
				binary.BigEndian.PutUint32(id[:], uint32(g))
				binary.BigEndian.PutUint64(id[8:], uint64(n))
				c := (g*each + n) % campaigns
				r := capstore.HoldRequest{Token: id, Lead: id, Buyer: "b", SellLimit: 1, MaxSold: 1, Now: now}
				for _, k := range counters[c] {
					need := capstore.Need{Counter: k, N: 1}
					if k.Cap().Of == lead.OfSpend {
						need.N = 9
					}
					if k.Cap().By != nil {
						need.Value = holdStates[n%len(holdStates)]
					}
					r.Needs = append(r.Needs, need)
				}
				held, _ := s.Hold(ctx, &r)
				if held[0].Refusal != lead.NoRefusal {
					continue
				}
				e := capstore.End{Token: id, Outcome: lead.NotSent}
				if n/len(holdStates)%4 == 0 {
					e.Outcome, e.Booked = lead.Accepted, 9
					sold[c].Add(1)
				}
				if errs, _ := s.End(ctx, e); errs[0] != nil {
					b.Error(errs[0])
				}
				s.Forget(id)
			}
		})
	}
	work.Wait()
	b.ReportMetric(float64(time.Since(begin).Nanoseconds())/float64(goroutines*each), "ns/hold")
	exact(b, s, caps, sold, now, most)
}

// exact checks that what is counted is what was sold.
func exact(b *testing.B, s *store.Store, caps [][]rules.Cap, sold []atomic.Int64, now time.Time, most int64) {
	full := 0
	for i := range caps {
		n := sold[i].Load()
		if n > most {
			b.Errorf("campaign %d: %d are sold of %d", i, n, most)
		}
		if n == most {
			full++
		}
		for _, c := range caps[i] {
			used := int64(0)
			for _, u := range s.Use(&c, now) {
				used += u.Used
			}
			want := n
			if c.Of == lead.OfSpend {
				want = 9 * n
			}
			if used != want {
				b.Errorf("%s: %d are counted, %d are sold", c.Key, used, want)
			}
		}
	}
	b.ReportMetric(float64(full), "caps-full")
}
