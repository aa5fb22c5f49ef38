// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"log/slog"
	"testing"
	"time"

	"clearpost/lead"
)

const day = 24 * time.Hour

// read is a reading of the wall clock after some time: off is by how much it was set ahead.
type read struct{ elapsed, off time.Duration }

func TestClock(t *testing.T) {
	zero := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		reads []read
		last  time.Duration // of the last event, from zero
		want  time.Duration // at the last reading
		jumps uint64
	}{
		{"goes along", []read{{0, 0}, {time.Hour, 0}}, 0, time.Hour, 0},
		{"a small step is taken", []read{{0, 0}, {time.Hour, 30 * time.Second}}, 0, time.Hour + 30*time.Second, 0},
		{"a small step back, too", []read{{0, 0}, {time.Hour, -30 * time.Second}}, 0, time.Hour - 30*time.Second, 0},
		{"63 days ahead are not believed", []read{{0, 0}, {time.Hour, 63 * day}}, 0, time.Hour, 1},
		{"nor when read again", []read{{0, 0}, {time.Hour, 63 * day}, {time.Hour + time.Minute, 63 * day}}, 0,
			time.Hour + time.Minute, 1},
		{"and when it is right again nothing was", []read{{0, 0}, {time.Hour, 63 * day}, {2 * time.Hour, 0}}, 0,
			2 * time.Hour, 1},
		{"a day back is not believed", []read{{0, 0}, {time.Hour, -day}}, 0, time.Hour, 1},
		{"what stands is believed", []read{{0, 0}, {time.Hour, day}, {time.Hour + clockDoubt, day}}, 0, time.Hour +
			clockDoubt + day, 1},
		{"two jumps are two", []read{{0, 0}, {time.Hour, day}, {2 * time.Hour, 0}, {3 * time.Hour, day}}, 0,
			3 * time.Hour, 2},
		{"an event a little ahead pulls", []read{{0, 0}, {time.Second, 0}}, 2 * time.Minute, 2*time.Minute +
			980*time.Millisecond, 0},
		{"an event far ahead does not", []read{{0, 0}, {time.Second, 0}}, day, time.Second, 1},
	} {
		k := clock{log: slog.New(slog.DiscardHandler)}
		var got time.Time
		for _, r := range c.reads {
			got = k.time(zero.Add(r.elapsed+r.off), r.elapsed, zero.Add(c.last))
		}
		if got.Sub(zero) != c.want || k.jumps.Load() != c.jumps {
			t.Errorf("%s: %v, %d jumps; want %v, %d", c.name, got.Sub(zero), k.jumps.Load(), c.want, c.jumps)
		}
	}
}

// What an event has pulled ahead goes on at the same pace, so that a quote lasts no longer than it says, and comes back
// slowly.
func TestClockGoesOnFromAnEventAhead(t *testing.T) {
	zero := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k := clock{log: slog.New(slog.DiscardHandler)}
	at := func(elapsed time.Duration) time.Time {
		return k.time(zero.Add(elapsed), elapsed, zero.Add(4*time.Minute))
	}
	begun := at(0)
	if !begun.Equal(zero.Add(4 * time.Minute)) {
		t.Fatalf("%v, want the event's time", begun)
	}
	if took := at(300 * time.Second).Sub(begun); took < 290*time.Second || took > 300*time.Second {
		t.Errorf("300 s took %v", took)
	}
	if off := at(10 * time.Hour).Sub(zero.Add(10 * time.Hour)); off != 0 {
		t.Errorf("after ten hours the time is %v off", off)
	}
}

// The counts of today's windows outlive a tick of retention at which the wall clock was 63 days ahead.
func TestCountsOutliveAClockThatIsAhead(t *testing.T) {
	cfg, in := testConfig(t, t.TempDir()), quick()
	wrong := make(chan struct{})
	cfg.Now = func() time.Time {
		select {
		case <-wrong:
			return time.Now().Add(63 * day)
		default:
			return time.Now()
		}
	}
	in.retainEvery, in.elapsed = 5*time.Millisecond, func(time.Time) time.Duration { return time.Minute }
	l := mustOpen(t, cfg, in)
	window := time.Now().UTC().Format(time.DateOnly)
	p := posting(testID(1, 1), testID(2, 1), []lead.Charge{{Cap: "c", Window: window, N: 1}})
	p.At = time.Now()
	mustAppend(t, l, p)
	close(wrong)
	eventually(t, "the clock's jump is seen", func() bool { return l.Stats().ClockJumps > 0 })
	eventually(t, "the views have applied", func() bool { return l.Stats().Applied == 1 })
	if got := counts(l)["c "+window]; got != 1 {
		t.Errorf("the count is %d", got)
	}
}
