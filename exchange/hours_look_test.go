// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"clearpost/rules"
)

func someHours(t testing.TB) (*hours, []*rules.Schedule) {
	t.Helper()
	var all []*rules.Schedule
	for _, spec := range []rules.ScheduleSpec{
		{Zone: "America/New_York", Open: []string{"mon-fri 08:00-20:00", "sat 22:00-03:00"},
			Closed: []string{"us_federal_holidays"}},
		{Zone: "Europe/London", Open: []string{"daily 09:30-02:00"}, Until: "2027-02-01 12:00"},
	} {
		s, ds := rules.CompileSchedule(&spec, "")
		if ds != nil {
			t.Fatal(ds)
		}
		all = append(all, s)
	}
	return newHours(all[0]).and(nil).and(all[1]), all
}

// What is looked up is what the schedules say, for any number who look, whichever way the clock goes.
func TestLookedUpHoursAreThoseOfTheSchedules(t *testing.T) {
	h, all := someHours(t)
	start := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	var wait sync.WaitGroup
	for seed := range uint64(4) {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			at, opens := start, 0
			for range 20_000 {
				switch r.IntN(200) {
				case 0:
					at = at.Add(-time.Duration(r.Int64N(int64(48 * time.Hour))))
				case 1:
					at = start.Add(time.Duration(r.Int64N(int64(120 * 24 * time.Hour))))
				default:
					at = at.Add(time.Duration(r.Int64N(int64(10 * time.Minute))))
				}
				want := true
				for _, s := range all {
					open, _ := s.At(at)
					want = want && open
				}
				if h.open(at.Unix()) != want {
					t.Errorf("%v: looked up %v, the schedules say %v", at, !want, want)
					return
				}
				if want {
					opens++
				}
			}
			if opens < 1000 || opens > 19_000 {
				t.Errorf("open at %d of 20000 times: nothing is compared", opens)
			}
		})
	}
	wait.Wait()
	if h := newHours(nil); h != nil || !h.open(0) {
		t.Error("no schedule is not always open")
	}
}

func BenchmarkHoursLookedUp(b *testing.B) {
	h, _ := someHours(b)
	at := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC).Unix()
	b.ReportAllocs()
	for b.Loop() {
		if !h.open(at) {
			b.Fatal("closed")
		}
	}
}
