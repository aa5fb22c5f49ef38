// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/lead"

	"golang.org/x/sys/unix"
)

// benchPing is a ping of ten bids, about 1.5 KB.
func benchPing(id lead.ID) *Pinged {
	p := ping(id)
	p.SellerLeadID = "S-" + id.String()
	for i := range 10 {
		p.Bids = append(p.Bids, Bid{Campaign: fmt.Sprint("campaign-", i), Buyer: fmt.Sprint("buyer-", i),
			Price: 22_500_000, Payout: 18_000_000, MaxSold: 1, Rank: i + 1, Token: "tok-1234567890", TookUS: 20_123})
	}
	p.Fields = append(p.Fields, FieldValue{"city", "Los Angeles"}, FieldValue{"roof", "tile"},
		FieldValue{"note", strings.Repeat("n", 60)})
	return p
}

// BenchmarkAppend measures the whole cost of an append by callers that wait for it: encoding, the sync, the indexes,
// the views.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 256, 2048} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			cfg := Config{Dir: b.TempDir(), FreeBytesMin: 1}
			l := mustOpen(b, cfg, inside{})
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			began := cpuTime(b)
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					p := benchPing(lead.ID{})
					for {
						i := int(next.Add(1))
						if i > b.N {
							return
						}
						p.Lead, p.EventID = testID(1, i), lead.ID{}
						if err := l.Append(p); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpuTime(b)-began).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(l.Stats().Appended)/float64(max(l.Stats().Syncs, 1)), "events/sync")
		})
	}
}

// BenchmarkEncode is the caller's own part of an append.
func BenchmarkEncode(b *testing.B) {
	l := mustOpen(b, Config{Dir: b.TempDir(), FreeBytesMin: 1}, inside{})
	p, g := benchPing(testID(1, 1)), &group{}
	b.ReportAllocs()
	for b.Loop() {
		g.reset()
		if err := l.encode(g, []Event{p}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(g.buf)))
}

// BenchmarkLead looks up leads that are in the views only.
func BenchmarkLead(b *testing.B) {
	l := mustOpen(b, Config{Dir: b.TempDir(), FreeBytesMin: 1}, inside{applyEvery: time.Millisecond})
	const n = 2000
	var all sync.WaitGroup
	for c := range 100 {
		all.Go(func() {
			for i := c; i < n; i += 100 {
				if err := l.Append(benchPing(testID(1, i))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	eventually(b, "the views have everything", func() bool { return l.Stats().Applied == n })
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if recs, err := l.Lead(testID(1, i%n)); err != nil || len(recs) != 1 {
			b.Fatal(len(recs), err)
		}
		i++
	}
}

// BenchmarkMarked looks for leads by marks of duplicate rules, beside a look for a person, among many of both: of
// nobody, and of one whose mark is in the views. It tells what a mark takes of the log and of the views.
func BenchmarkMarked(b *testing.B) {
	dir := b.TempDir()
	l := mustOpen(b, Config{Dir: dir, FreeBytesMin: 1}, inside{applyEvery: time.Millisecond})
	const n, batch = 200_000, 500
	name := func(i int) string { return fmt.Sprintf("%032x", i) }
	at := time.Now()
	for from := 0; from < n; from += batch {
		events := make([]Event, batch)
		for i := range events {
			ref := fmt.Sprint("row ", from+i)
			events[i] = &Adjusted{Head: Head{Kind: KindAdjusted, EventID: NewID(at), At: at, Schema: SchemaVersion},
				Adjustment: AdjustImported, Subject: "rule:buyer:sun:phone", Ref: ref, SoldAt: &at, Why: "moved",
				Private: &Private{Marks: []Mark{{Rule: "buyer:sun:phone", Names: []string{name(from + i)}}}}}
		}
		if err := l.Append(events...); err != nil {
			b.Fatal(err)
		}
	}
	eventually(b, "the views have everything", func() bool { return l.Stats().Applied == n })
	if _, err := l.views.flush(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d marks: %d bytes each in the log, %d in the views", n, (dirBytes(b, dir)-dirBytes(b, l.views.dir))/n,
		dirBytes(b, l.views.dir)/n)
	for what, look := range map[string]func(i int) bool{
		"person=nobody": func(i int) bool { _, ok := l.ByPerson("acme", "solar", name(-i)); return !ok },
		"mark=nobody":   func(i int) bool { return len(l.Marked("buyer:sun:phone", name(-i), time.Time{})) == 0 },
		"mark=somebody": func(i int) bool { return len(l.Marked("buyer:sun:phone", name(i%n), time.Time{})) == 1 },
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			i := 1
			for b.Loop() {
				if !look(i) {
					b.Fatal(what, i)
				}
				i += 7919
			}
		})
	}
	somebody := func(l *Ledger, i int) bool {
		return len(l.Marked("buyer:sun:phone", name(i%n), time.Time{})) == 1
	}
	b.Run("mark=somebody, many at once", func(b *testing.B) {
		var next atomic.Int64
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if i := int(next.Add(7919)); !somebody(l, i) {
					b.Error(i)
				}
			}
		})
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("mark=somebody, cold", func(b *testing.B) { lookCold(b, dir, somebody) })
}

// lookCold looks for marks in views that neither the process nor the system has in memory.
func lookCold(b *testing.B, dir string, look func(l *Ledger, i int) bool) {
	l := mustOpen(b, Config{Dir: dir, FreeBytesMin: 1}, inside{applyEvery: time.Millisecond})
	err := filepath.WalkDir(l.views.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	})
	if err != nil {
		b.Fatal(err)
	}
	i, slowest := 1, time.Duration(0)
	for b.Loop() {
		begun := time.Now()
		if !look(l, i) {
			b.Fatal(i)
		}
		slowest, i = max(slowest, time.Since(begun)), i+7919
	}
	b.ReportMetric(float64(slowest.Microseconds()), "slowest-us")
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

func dirBytes(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
