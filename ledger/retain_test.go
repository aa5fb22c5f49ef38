// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/lead"
)

// fillTrips appends n leads of one whole trip each, an hour apart.
func fillTrips(t *testing.T, l *Ledger, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		id, a := testID(1, i), testID(2, i)
		p := ping(id)
		p.IdempotencyKey, p.SellerLeadID = "key-"+id.String(), "seller-"+id.String()
		ch := []lead.Charge{{Cap: "campaign:c1:total", Window: "total", N: 1}}
		for _, e := range []Event{p, posting(id, a, ch), posted(id, a, lead.Accepted, ch)} {
			e.Header().At = testAt.Add(time.Duration(i) * time.Hour)
			mustAppend(t, l, e)
		}
	}
}

func retainConfig(t *testing.T, now *time.Time) (Config, inside) {
	cfg := testConfig(t, t.TempDir())
	cfg.SegmentBytes = 8 << 10
	cfg.Now = func() time.Time { return *now }
	in := quick()
	in.retainEvery = 5 * time.Millisecond
	return cfg, in
}

func TestOldEventsAreDropped(t *testing.T) {
	now := testAt.Add(200 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Age = 50 * time.Hour
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 200)
	eventually(t, "old events are dropped", func() bool { return l.FirstSeq() > 3*100 })
	first := l.FirstSeq()
	if first > 3*150+1 {
		t.Errorf("the log begins at seq %d: events of the last 50 hours are gone", first)
	}
	gone, kept := testID(1, 10), testID(1, 190)
	check := func(l *Ledger) {
		t.Helper()
		if recs, err := l.Lead(gone); err != nil || len(recs) != 0 {
			t.Errorf("a dropped lead has %d records, %v", len(recs), err)
		}
		if _, ok := l.ByIdempotencyKey("acme", "key-"+gone.String()); ok ||
			len(l.BySellerLeadID("acme", "seller-"+gone.String())) != 0 {
			t.Error("a dropped lead is still indexed")
		}
		recs, err := l.Lead(kept)
		if _, ok := l.ByIdempotencyKey("acme", "key-"+kept.String()); err != nil || len(recs) != 3 || !ok {
			t.Errorf("a kept lead has %d records, %v, its key is there: %v", len(recs), err, ok)
		}
		if got := counts(l); !reflect.DeepEqual(got, map[string]int64{"campaign:c1:total total": 200}) {
			t.Errorf("counts %v, want all 200", got)
		}
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	check(l)
	if l.FirstSeq() < first || l.LastSeq() != 600 {
		t.Errorf("seqs %d to %d", l.FirstSeq(), l.LastSeq())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// The views are lost, and the log does not begin at the beginning: counts must be whole all the same.
	if err := os.RemoveAll(filepath.Join(cfg.Dir, "views")); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	check(l)
	fillTrips(t, l, 200, 1)
	if got := counts(l)["campaign:c1:total total"]; got != 201 {
		t.Errorf("count %d, want 201", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"views", baseName} {
		if err := os.RemoveAll(filepath.Join(cfg.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "counts of caps cannot be known") {
		t.Errorf("opening without what the dropped events amounted to: %v", err)
	}
}

// A deposit is booked once under its ref, however long ago that was: what is told again after its event has gone is
// known all the same.
func TestARefIsKnownAfterItsEventIsDropped(t *testing.T) {
	now := testAt.Add(200 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Age = 50 * time.Hour
	l := mustOpen(t, cfg, in)
	deposit := &Adjusted{Adjustment: AdjustDeposited, Subject: "buyer:sun", Buyer: "sun", Ref: "wire-1",
		Charges: []lead.Charge{{Cap: "buyer:sun:balance", Window: windowTotal, N: -5, Of: lead.OfSpend}}}
	deposit.At = testAt
	mustAppend(t, l, deposit)
	fillTrips(t, l, 0, 200)
	eventually(t, "old events are dropped", func() bool { return l.FirstSeq() > 3*100 })
	check := func() {
		t.Helper()
		if !l.ByRef("buyer:sun", "wire-1") || l.ByRef("buyer:sun", "wire-2") {
			t.Error("the deposit would be booked a second time")
		}
	}
	check()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	check()
}

func TestTheLogIsHeldToItsSize(t *testing.T) {
	now := testAt
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Bytes = 64 << 10
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 150)
	eventually(t, "the log is small enough", func() bool { return l.Stats().LogBytes <= 64<<10 })
	if l.FirstSeq() == 1 || l.LastSeq() != 450 {
		t.Errorf("seqs %d to %d", l.FirstSeq(), l.LastSeq())
	}
	records(t, l)
}

func TestTheSizeDropsNothingYoungerThanTheLeastAge(t *testing.T) {
	now := testAt.Add(200 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Bytes, cfg.Retention.Least = 16<<10, 150*time.Hour
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 200)
	eventually(t, "old events are dropped", func() bool { return l.FirstSeq() > 3*25 })
	if first := l.FirstSeq(); first > 3*50+1 {
		t.Errorf("the log begins at seq %d: events of the last 150 hours are gone", first)
	}
}

func TestLeadsWithAnOpenAttemptAreKept(t *testing.T) {
	now := testAt.Add(1000 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Age = time.Hour
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 40)
	id, a := testID(1, 1000), testID(2, 1000)
	mustAppend(t, l, ping(id), posting(id, a, nil))
	held := l.LastSeq() - 1
	fillTrips(t, l, 40, 80)
	eventually(t, "what may go is gone", func() bool { return l.FirstSeq() > held-40 })
	if first := l.FirstSeq(); first > held {
		t.Errorf("the log begins at seq %d, past the open lead's ping at %d", first, held)
	}
	mustAppend(t, l, resolved(id, a, lead.Rejected))
	eventually(t, "the resolved lead may go", func() bool { return l.FirstSeq() > held })
}

func TestWhatKafkaDoesNotHaveIsKept(t *testing.T) {
	now := testAt.Add(1000 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Age = time.Hour
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}}
	sink := &hangingSink{entered: make(chan struct{}, 1), release: make(chan struct{})}
	sink.calm.Store(true)
	in.sink = sink
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 60)
	<-sink.entered
	// A round of the applier after everything was applied: it looks at the limits and finds the cursor.
	eventually(t, "everything is applied", func() bool { return l.Stats().Applied == 180 })
	limit, err := l.dropLimit(180)
	if err != nil || limit != (keeper{"Kafka", 1}) {
		t.Errorf("limit %+v, %v", limit, err)
	}
	eventually(t, "it is told", func() bool { return l.Held() != nil })
	if h := l.Held(); h.By != "Kafka" || h.Seq != 1 || h.Bytes < 16<<10 || h.Since.IsZero() {
		t.Errorf("held %+v", h)
	}
	if l.FirstSeq() != 1 {
		t.Errorf("the log begins at seq %d, and Kafka has nothing", l.FirstSeq())
	}
	close(sink.release)
}

// TestAFollowerHoldsForItsTime: and what should go meanwhile is told, and not any more when it is gone.
func TestAFollowerHoldsForItsTime(t *testing.T) {
	var hours atomic.Int64
	hours.Store(1000)
	now := testAt
	cfg, in := retainConfig(t, &now)
	cfg.Now = func() time.Time { return testAt.Add(time.Duration(hours.Load()) * time.Hour) }
	in.elapsed = func(wall time.Time) time.Duration { return wall.Sub(testAt) }
	cfg.Retention.Bytes = 20 << 10
	l := mustOpen(t, cfg, in)
	var next atomic.Uint64
	next.Store(1)
	l.Keep(Follower{Name: "the reader", Next: next.Load, Wait: 2 * time.Hour})
	fillTrips(t, l, 0, 100)
	eventually(t, "it is told", func() bool { return l.Held() != nil })
	if h := l.Held(); h.By != "the reader" || h.Seq != 1 || l.FirstSeq() != 1 {
		t.Errorf("held %+v, the log begins at %d", h, l.FirstSeq())
	}
	next.Store(100)
	eventually(t, "what it has read is gone", func() bool { return l.FirstSeq() > 50 })
	if l.FirstSeq() > 100 {
		t.Errorf("the log begins at %d, and the reader needs 100", l.FirstSeq())
	}
	hours.Add(3)
	eventually(t, "its time is over", func() bool { return l.FirstSeq() > 100 && l.Held() == nil })
}

func TestOldWindowsAreForgotten(t *testing.T) {
	old := []string{"2025-08-01", "2025-08-01T14-07:00", "2024-W50", "2025-08-31w", "2025-09", "2026-08-01T14-07:00",
		"2026-11-21T09+00:00", "2026-11-23T01:58-07:00", "2026-11-23T08:58-00:00:20"}
	year := []string{"2026-08-01", "2025-W50", "2025-11-02w"}
	kept := []string{"2026-11-22", "2026-W47", "2026-11-01w", "2026-10", "total", "2026-11-21T07-05:00",
		"2026-11-23T04:05-05:00", "2026-11-23T10:30+01:00"}
	for days, kept := range map[time.Duration][]string{0: kept, 400: append(year, kept...)} {
		now := testAt
		cfg, in := retainConfig(t, &now)
		l := mustOpen(t, cfg, quick())
		id := testID(1, 1)
		want := map[string]int64{}
		for i, w := range slices.Concat(old, year, kept) {
			mustAppend(t, l, posting(id, testID(2, i), []lead.Charge{{Cap: "campaign:c1", Window: w, N: 1}}))
			mustAppend(t, l, posted(id, testID(2, i), lead.Accepted, nil))
		}
		for _, w := range kept {
			want["campaign:c1 "+w]++
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		cfg.Retention.Days = days * 24 * time.Hour
		l = mustOpen(t, cfg, in)
		for _, w := range year {
			if days > 0 {
				want["campaign:c1 "+w]++
			}
		}
		eventually(t, "old windows are forgotten", func() bool { return reflect.DeepEqual(counts(l), want) })
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := counts(mustOpen(t, cfg, quick())); !reflect.DeepEqual(got, want) {
			t.Errorf("counts after a restart: %v", got)
		}
	}
}

// An event that a wrong clock dated a year ahead does not make the hour of now one that is long over: its count would
// be forgotten as soon as it stands, and a restart would fill the hour again.
func TestAnEventFarAheadForgetsNoHourOfToday(t *testing.T) {
	now := testAt
	cfg, in := retainConfig(t, &now)
	l := mustOpen(t, cfg, quick())
	hour, minute := testAt.UTC().Format("2006-01-02T15Z07:00"), testAt.UTC().Format("2006-01-02T15:04Z07:00")
	for i, w := range []string{"2025-08-01", hour, minute} {
		mustAppend(t, l, posting(testID(1, 1), testID(2, i), []lead.Charge{{Cap: "campaign:c1", Window: w, N: 1}}))
	}
	ahead := posting(testID(1, 2), testID(2, 9), nil)
	ahead.At = testAt.AddDate(1, 0, 0)
	mustAppend(t, l, ahead)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, in)
	eventually(t, "the old window is forgotten", func() bool { return counts(l)["campaign:c1 2025-08-01"] == 0 })
	want := map[string]int64{"campaign:c1 " + hour: 1, "campaign:c1 " + minute: 1}
	if got := counts(l); !reflect.DeepEqual(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
}
