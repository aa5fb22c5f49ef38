// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"clearpost/lead"
)

// flipViews flips a bit in every kibibyte of the views' tables, on the disk, whoever has them open.
func flipViews(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "views", "*.sst"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		check(t, err)
		info, err := f.Stat()
		check(t, err)
		var b [1]byte
		for off := int64(100); off < info.Size()-4096; off += 1024 {
			_, err := f.ReadAt(b[:], off)
			check(t, err)
			b[0] ^= 4
			_, err = f.WriteAt(b[:], off)
			check(t, err)
		}
		check(t, f.Close())
	}
}

// What a running ledger finds in damaged views is right, or it takes no new business: nothing is taken for new that was
// there. Attempts on the wire are still written down, and the log has everything.
func TestFlippedBitsInTheViewsOfARunningLedger(t *testing.T) {
	cfg, n := testConfig(t, t.TempDir()), 600
	l := mustOpen(t, cfg, quick())
	key := func(i int) string { return fmt.Sprint("key-", i) }
	for i := range n {
		p := ping(testID(1, i))
		p.IdempotencyKey = key(i)
		mustAppend(t, l, p)
	}
	attempt := testID(3, 1)
	mustAppend(t, l, posting(testID(1, 1), attempt, nil))
	eventually(t, "the views have everything", func() bool { return l.Stats().Applied == uint64(n+1) })
	check(t, l.Close())

	l = mustOpen(t, cfg, quick())
	flipViews(t, cfg.Dir)
	missed := 0
	for i := range n {
		id, ok := l.ByIdempotencyKey("acme", key(i))
		switch {
		case ok && id != testID(1, i):
			t.Fatalf("%s leads to %s", key(i), id)
		case ok:
			continue
		}
		missed++
		if err := l.Append(ping(testID(2, i))); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s is not found, and a ping is taken: %v", key(i), err)
		}
	}
	if missed == 0 || l.Available() == nil {
		t.Errorf("%d lookups failed, available: %v", missed, l.Available())
	}
	mustAppend(t, l, posted(testID(1, 1), attempt, lead.Accepted, nil))
	_ = l.Close()

	check(t, RebuildViews(cfg, func(string, uint64, uint64) {}))
	l = mustOpen(t, cfg, quick())
	for i := range n {
		if id, ok := l.ByIdempotencyKey("acme", key(i)); !ok || id != testID(1, i) {
			t.Fatalf("after the views were made anew: %s %v", id, ok)
		}
	}
	if recs, err := l.Lead(testID(1, 1)); err != nil || len(recs) != 3 {
		t.Errorf("%d records, %v", len(recs), err)
	}
}
