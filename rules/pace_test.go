// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What a pace allows never falls, never passes the limit, stands still while it is closed, and is the whole limit at
// the end of the window.
func TestPaceSpreadsOverTheOpenTime(t *testing.T) {
	zone, err := LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	s, ds := CompileSchedule(&ScheduleSpec{Open: []string{"mon-fri 08:00-20:00", "sat 10am-2pm"}}, "America/New_York")
	if ds != nil {
		t.Fatal(ds)
	}
	rapid.Check(t, func(t *rapid.T) {
		per := rapid.SampledFrom([]Per{Hour, Day, Week, Month}).Draw(t, "per")
		w := Window{Per: per, Zone: zone}
		p := &Pace{Burst: rapid.Int64Range(1, 20).Draw(t, "burst"), Open: []*Schedule{s}}
		minute := time.Duration(rapid.IntRange(0, 30*24*60).Draw(t, "minute"))
		at := time.Date(2026, 10, 20, 0, 0, 0, 0, zone).Add(minute * time.Minute)
		plan, limit := p.Plan(w.Around(at)), rapid.Int64Range(1, 1_000_000_000_000_000).Draw(t, "limit")
		before, closedUntil := int64(-1), time.Time{}
		step := max(plan.End.Sub(plan.Start)/200, time.Second)
		for now := plan.Start; now.Before(plan.End); now = now.Add(step) {
			n := plan.Allowed(limit, p.Burst, now)
			if n < before || n > limit || n < min(limit, p.Burst) {
				t.Fatalf("at %v: %d of %d after %d", now, n, limit, before)
			}
			if before >= 0 && !now.After(closedUntil) && n != before {
				t.Fatalf("at %v it has been closed: %d after %d", now, n, before)
			}
			before, closedUntil = n, time.Time{}
			if open, until := s.At(now); !open && until.Before(plan.End) {
				closedUntil = until
			}
		}
		last := plan.End.Add(-time.Nanosecond)
		if open, _ := s.At(last); !open && closedUntil.IsZero() {
			if n := plan.Allowed(limit, p.Burst, last); n != limit && n < limit-limit/100 {
				t.Fatalf("at the end: %d of %d", n, limit)
			}
		}
	})
}

func TestPaceOfADay(t *testing.T) {
	zone, _ := LoadZone("America/New_York")
	s, _ := CompileSchedule(&ScheduleSpec{Open: []string{"mon-sun 08:00-20:00"}}, "America/New_York")
	p := &Pace{Burst: 5, Open: []*Schedule{s}}
	// The clock goes back in the night, four hours before it opens.
	day := time.Date(2026, 11, 1, 12, 0, 0, 0, zone)
	plan := p.Plan(Window{Per: Day, Zone: zone}.Around(day))
	for hour, want := range map[int]int64{0: 5, 8: 5, 9: 25, 14: 125, 19: 225, 20: 240, 23: 240} {
		if got := plan.Allowed(240, p.Burst, time.Date(2026, 11, 1, hour, 0, 0, 0, zone)); got != want {
			t.Errorf("at %d: %d, want %d", hour, got, want)
		}
	}
}
