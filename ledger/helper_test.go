// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clearpost/lead"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("clearpost/ledger.pebbleLogger.Fatalf"), // which never returns
		// ends a while after its file is closed; a store that stays open shows by its other goroutines
		goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFile).startTicker.func1"),
		// Pebble leaves it behind where it fails to open
		goleak.IgnoreAnyFunction(
			"github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

// testLog sends the ledger's log to the test's.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func testConfig(t testing.TB, dir string) Config {
	return Config{Dir: dir, Node: "n1", SegmentBytes: 64 << 10, FreeBytesMin: 1, SyncEvery: -1}
}

// quick makes background work happen soon.
func quick() inside {
	return inside{applyEvery: time.Millisecond, flushEvery: 20 * time.Millisecond, retainEvery: time.Hour,
		lookEvery: 5 * time.Millisecond, patience: 200 * time.Millisecond}
}

func mustOpen(t testing.TB, cfg Config, in inside) *Ledger {
	t.Helper()
	l, err := open(cfg, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func mustAppend(t testing.TB, l *Ledger, events ...Event) {
	t.Helper()
	if err := l.Append(events...); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that background work brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// testID makes distinct ids whose last byte varies.
func testID(kind byte, n int) lead.ID {
	return lead.ID{0: kind, 6: 0x70, 8: 0x80, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

var testAt = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func head(k Kind, id lead.ID) Head {
	return Head{Kind: k, At: testAt, Config: "c0ffee00", Lead: id, Source: "acme", Vertical: "solar"}
}

func ping(id lead.ID) *Pinged {
	return &Pinged{Head: head(KindPinged, id), Mode: "ping", Currency: "USD", ReceivedAt: testAt,
		Result: lead.ResultSuccess, Fields: Fields{{"state", "CA"}, {"zip", "90210"}},
		Private: Private{Fields: Fields{{"phone", "+12125550123"}}}}
}

func oneCharge(cap string) []lead.Charge {
	return []lead.Charge{{Cap: cap, Window: "2026-11-23", N: 1}}
}

func posting(id, attempt lead.ID, charges []lead.Charge) *Posting {
	return &Posting{Head: head(KindPosting, id), Attempt: attempt, Campaign: "c1", Buyer: "b1", Rank: 1,
		Charges: charges}
}

func posted(id, attempt lead.ID, out lead.Outcome, charges []lead.Charge) *Posted {
	return &Posted{Head: head(KindPosted, id), Attempt: attempt, Campaign: "c1", Buyer: "b1", Outcome: out,
		Charges: charges}
}

func resolved(id, attempt lead.ID, out lead.Outcome) *Adjusted {
	return &Adjusted{Head: head(KindAdjusted, id), Adjustment: AdjustResolved, Attempt: attempt, Outcome: out,
		Why: "asked them"}
}

func counts(l *Ledger) map[string]int64 {
	out := map[string]int64{}
	l.Counts(func(cap, window string, n int64) { out[cap+" "+window] = n })
	return out
}

// records reads the whole log.
func records(t testing.TB, l *Ledger) []Record {
	t.Helper()
	var out []Record
	if err := l.Scan(0, func(r Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	for i, r := range out {
		if r.Seq != out[0].Seq+uint64(i) {
			t.Fatalf("record %d has seq %d after %d", i, r.Seq, out[0].Seq)
		}
	}
	return out
}

func kindsOf(recs []Record) string {
	var b strings.Builder
	for i, r := range recs {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, r.Kind)
	}
	return b.String()
}

// cpuTime is the processor time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
