// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

// TestBackupsOfALedgerAtWork: each is whole up to its number, whatever is written, dropped and shipped meanwhile, and a
// ledger opens on it and goes on.
func TestBackupsOfALedgerAtWork(t *testing.T) {
	now := testAt.Add(1000 * time.Hour)
	cfg, in := retainConfig(t, &now)
	cfg.Retention.Bytes = 64 << 10
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}, Linger: time.Millisecond}
	in.sink = &countingSink{}
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, 50)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range 3 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					fillTrips(t, l, 1000*(w+1)+i, 1)
				}
			}
		})
	}
	type made struct {
		dir string
		b   Backup
	}
	var backups []made
	for range 6 {
		dir := filepath.Join(t.TempDir(), "ledger")
		at := l.LastSeq()
		b, err := l.Backup(dir)
		check(t, err)
		if b.Last < at {
			t.Errorf("the backup ends at %d, and %d was durable before", b.Last, at)
		}
		backups = append(backups, made{dir, b})
		eventually(t, "there is more", func() bool { return l.LastSeq() > b.Last+50 })
	}
	close(stop)
	all.Wait()
	eventually(t, "something is dropped", func() bool { return l.FirstSeq() > 1 })
	for _, m := range backups {
		of := cfg
		of.Dir, of.Kafka, of.Retention = m.dir, nil, Retention{}
		v, err := verify(of, quick())
		if err != nil || v.Lost || len(v.Problems) > 0 || v.Last != m.b.Last || v.First != m.b.First {
			for _, p := range v.Problems {
				t.Log(*p)
			}
			t.Fatalf("backup %+v: %+v, %v", m.b, v, err)
		}
		l2 := mustOpen(t, of, quick())
		recs := records(t, l2)
		if len(recs) == 0 || recs[len(recs)-1].Seq != m.b.Last {
			t.Fatalf("%d records", len(recs))
		}
		for _, r := range recs {
			want, err := l.journal.read(r.Seq)
			if errors.Is(err, errNoRecord) {
				continue // dropped since
			}
			if err != nil || !reflect.DeepEqual(want, r) {
				t.Fatalf("seq %d differs: %v", r.Seq, err)
			}
		}
		fillTrips(t, l2, 90_000, 1)
		if l2.LastSeq() != m.b.Last+3 {
			t.Errorf("the backup goes on to %d", l2.LastSeq())
		}
	}
	if _, err := l.Backup(backups[0].dir); err == nil {
		t.Error("a backup over another one")
	}
}
