// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"

	"clearpost/lead"
)

// fullLog makes a closed ledger of n trips of three events, all of them in the views and in Kafka.
func fullLog(t *testing.T, n int) Config {
	t.Helper()
	cfg := testConfig(t, t.TempDir())
	cfg.SegmentBytes = 22 << 10
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}, Linger: time.Millisecond}
	in := quick()
	in.sink = &countingSink{}
	l := mustOpen(t, cfg, in)
	fillTrips(t, l, 0, n)
	eventually(t, "all is shipped", func() bool { return l.Stats().Shipped == uint64(3*n) })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// tailFile is the newest file of the log, and where what is stored in it ends.
func tailFile(t *testing.T, cfg Config) (path string, base uint64, end segmentEnd) {
	t.Helper()
	files, err := segmentFiles(filepath.Join(cfg.Dir, "log"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	last := files[len(files)-1]
	j := testJournal(t, filepath.Join(cfg.Dir, "log"), walfs.New())
	meta := newMeta()
	tl, err := j.lookAtTail(meta)
	if err := errors.Join(err, meta.Close()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(j.dir, last.name()), last.base, tl.end
}

func edit(t *testing.T, path string, fn func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, fn(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sums are the log's files.
func sums(t *testing.T, cfg Config) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := fs.WalkDir(os.DirFS(cfg.Dir), "log", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".db") { // bbolt touches its file
			return err
		}
		b, err := os.ReadFile(filepath.Join(cfg.Dir, path))
		out[path] = sha256.Sum256(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

const lostTrips = 60 // of three events each, in several files

var lostStates = []struct {
	name   string
	damage func(t *testing.T, cfg Config)
	says   []string
	lost   bool // something is not to be had from the files
}{
	{"the last bytes are cut off", func(t *testing.T, cfg Config) {
		path, _, end := tailFile(t, cfg)
		edit(t, path, func(b []byte) []byte { return b[:end.off-7] })
	}, []string{"1 more were durable: numbers 180 to 180", "the views have event 180", "Kafka has event 180",
		"1 of them can still be read", "They are of 1 leads: " + testID(1, 59).String()}, false},
	{"a byte in the middle of the last file", func(t *testing.T, cfg Config) {
		path, _, end := tailFile(t, cfg)
		edit(t, path, func(b []byte) []byte {
			b[frameAt(t, b, 3)] ^= 0x40
			return b[:end.off]
		})
	}, []string{"behind the damage stand others up to 180", "In the file "}, true},
	{"a long stretch in the last file", func(t *testing.T, cfg Config) {
		path, _, _ := tailFile(t, cfg)
		edit(t, path, func(b []byte) []byte { clear(b[frameAt(t, b, 2):frameAt(t, b, 6)]); return b })
	}, []string{"behind the damage stand others up to 180"}, true},
	{"the last file is missing", func(t *testing.T, cfg Config) {
		path, _, _ := tailFile(t, cfg)
		check(t, os.Remove(path))
	}, []string{"is missing", "0 of them can still be read"}, true},
	{"the list of files is missing", func(t *testing.T, cfg Config) {
		check(t, os.Remove(filepath.Join(cfg.Dir, "log", metadb.FileName)))
	}, []string{metadb.FileName + " is missing", "files of the log"}, false},
	{"the list of files is missing, and the last file's end", func(t *testing.T, cfg Config) {
		path, _, end := tailFile(t, cfg)
		edit(t, path, func(b []byte) []byte { return b[:end.off-300] })
		check(t, os.Remove(filepath.Join(cfg.Dir, "log", metadb.FileName)))
	}, []string{metadb.FileName + " is missing"}, true},
	{"the whole log is missing", func(t *testing.T, cfg Config) {
		check(t, os.RemoveAll(filepath.Join(cfg.Dir, "log")))
	}, []string{"ends at event 0", "180 more were durable", "The log has no files", "of 60 leads",
		"and 40 more"}, true},
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// frameAt is the offset of the nth entry of a segment, from 0.
func frameAt(t *testing.T, b []byte, n int) int64 {
	t.Helper()
	off := int64(segmentHeadSize)
	for {
		size := 0
		if b[off] == frameEntry {
			if n--; n < 0 {
				return off
			}
			size = int(binary.LittleEndian.Uint32(b[off+4:]))
		}
		off += frameSize(size)
	}
}

// TestALogThatHasLostEventsIsRefused: and nothing is changed, however often it is tried.
func TestALogThatHasLostEventsIsRefused(t *testing.T) {
	for _, c := range lostStates {
		t.Run(c.name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			c.damage(t, cfg)
			before := sums(t, cfg)
			for range 3 {
				in := quick()
				in.sink = &countingSink{}
				l, err := open(cfg, in)
				if err == nil {
					t.Fatalf("it opens, up to event %d", errors.Join(l.Close()))
				}
				if !errors.Is(err, ErrLost) {
					t.Fatalf("refused with %v, expected ErrLost", err)
				}
				for _, s := range append(c.says, "--accept-loss", "--from-kafka") {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("it does not say %q: %v", s, err)
					}
				}
			}
			if after := sums(t, cfg); !reflect.DeepEqual(before, after) {
				t.Error("files of the log have changed")
			}
			if c.lost {
				_, err := recoverLog(cfg, quick(), Recovery{})
				if !errors.Is(err, ErrLost) {
					t.Errorf("recovery without accepting the loss: %v", err)
				}
			}
		})
	}
}

// TestRecovery: what is there is taken back, what is not is told, numbers are given out once, and counts, the views and
// Kafka go on.
func TestRecovery(t *testing.T) {
	for _, c := range lostStates {
		t.Run(c.name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			c.damage(t, cfg)
			done, err := recoverLog(cfg, quick(), Recovery{AcceptLoss: c.lost, By: "anna"})
			check(t, err)
			if (done.Lost > 0) != c.lost {
				t.Fatalf("%+v", done)
			}
			in := quick()
			sink := &countingSink{}
			in.sink = sink
			l := mustOpen(t, cfg, in)
			last := uint64(3 * lostTrips)
			if done.Lost > 0 {
				last++
			}
			if l.LastSeq() != last {
				t.Fatalf("the log ends at %d, expected %d; %+v", l.LastSeq(), last, done)
			}
			if got := counts(l)["campaign:c1:total total"]; got != lostTrips {
				t.Errorf("count %d: the sales of lost events take no place any more", got)
			}
			gone := checkRecovered(t, l)
			if uint64(gone) != done.Lost && l.FirstSeq() == 1 {
				t.Errorf("%d events stand for lost ones, %+v", gone, done)
			}
			upTo, err := l.LostUpTo()
			if err != nil || (upTo > 0) != c.lost {
				t.Errorf("lost up to %d, %v", upTo, err)
			}
			fillTrips(t, l, 1000, 2)
			eventually(t, "what is new is shipped", func() bool { return l.Stats().Shipped == last+6 })
			if n := sink.count(); n != int(last-3*lostTrips)+6 {
				t.Errorf("%d records were shipped", n)
			}
			check(t, l.Close())
			// the same counts when the views are made anew
			check(t, os.RemoveAll(filepath.Join(cfg.Dir, "views")))
			in.sink = &countingSink{}
			l = mustOpen(t, cfg, in)
			if got := counts(l)["campaign:c1:total total"]; got != lostTrips+2 {
				t.Errorf("count %d after the views were made anew", got)
			}
		})
	}
}

// checkRecovered reads the whole log and returns how many events stand for lost ones.
func checkRecovered(t *testing.T, l *Ledger) (gone int) {
	t.Helper()
	for _, r := range records(t, l) {
		e, err := Decode(r.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		adj, ok := e.(*Adjusted)
		switch {
		case !ok && r.Lead != testID(1, int(r.Seq-1)/3):
			t.Errorf("seq %d is of lead %s", r.Seq, r.Lead)
		case ok && adj.Adjustment != AdjustLost:
			t.Errorf("seq %d: %+v", r.Seq, adj)
		case ok && strings.HasPrefix(adj.Subject, "event:"):
			gone++
			if want := testID(1, int(r.Seq-1)/3); adj.Lead != want || adj.By != "anna" {
				t.Errorf("seq %d was of lead %s, told by %+v", r.Seq, want, adj)
			}
		}
	}
	for i := range lostTrips {
		if _, err := l.Lead(testID(1, i)); err != nil {
			t.Errorf("lead %d: %v", i, err)
		}
	}
	return gone
}

// TestKafkaGivesBackWhatWasLost: byte by byte.
func TestKafkaGivesBackWhatWasLost(t *testing.T) {
	for _, c := range lostStates {
		t.Run(c.name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			in := quick()
			in.sink = &countingSink{}
			l := mustOpen(t, cfg, in)
			want := records(t, l)
			check(t, l.Close())
			c.damage(t, cfg)
			done, err := recoverLog(cfg, quick(), Recovery{Shipped: func(each func(uint64, []byte) error) error {
				for _, r := range slices.Backward(want) {
					if err := each(r.Seq, r.Bytes); err != nil {
						return err
					}
				}
				return nil
			}})
			check(t, err)
			if done.Lost != 0 || c.lost != (done.Shipped > 0) {
				t.Errorf("%+v", done)
			}
			in.sink = &countingSink{}
			l = mustOpen(t, cfg, in)
			if got := records(t, l); !reflect.DeepEqual(got, want) {
				t.Errorf("%d records, expected the same %d", len(got), len(want))
			}
			if got := counts(l)["campaign:c1:total total"]; got != lostTrips {
				t.Errorf("count %d", got)
			}
		})
	}
}

// TestARecoveryMayBeBrokenOff: a crash while it stores what it found, at any batch.
func TestARecoveryMayBeBrokenOff(t *testing.T) {
	cfg := fullLog(t, lostTrips)
	path, _, _ := tailFile(t, cfg)
	edit(t, path, func(b []byte) []byte { b[frameAt(t, b, 3)] ^= 0x40; return b })
	for _, op := range []string{"write", "sync", "write"} {
		disk := newFaultyDisk()
		in := disk.inside()
		disk.order(op, 2, 1, failsHalf)
		if op == "sync" {
			disk.order(op, 0, 1, lostUnsynced)
		}
		if _, err := recoverLog(cfg, in, Recovery{AcceptLoss: true, By: "anna"}); err == nil && disk.struck() > 0 {
			t.Logf("%s: the fault came after the end", op)
		}
	}
	_, err := recoverLog(cfg, quick(), Recovery{AcceptLoss: true, By: "anna"})
	check(t, err)
	in := quick()
	in.sink = &countingSink{}
	l := mustOpen(t, cfg, in)
	if l.LastSeq() != 3*lostTrips+1 || checkRecovered(t, l) != 1 {
		t.Errorf("the log ends at %d", l.LastSeq())
	}
}

// TestACrashIsNoLoss: a batch that was torn, or that the disk never had, was told to nobody, and the views cannot have
// it: wherever it is torn the log opens.
func TestACrashIsNoLoss(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.SegmentBytes = 22 << 10
	l := mustOpen(t, cfg, quick())
	fillTrips(t, l, 0, 20)
	check(t, l.Close())
	in := quick()
	in.applyEvery = time.Hour // nothing of the last batch reaches the views
	l = mustOpen(t, cfg, in)
	dir := t.TempDir()
	check(t, os.CopyFS(filepath.Join(dir, "views"), os.DirFS(filepath.Join(cfg.Dir, "views"))))
	mustAppend(t, l, ping(testID(1, 100)), ping(testID(1, 101)), ping(testID(1, 102)))
	check(t, os.CopyFS(filepath.Join(dir, "log"), os.DirFS(filepath.Join(cfg.Dir, "log"))))
	crashed := cfg
	crashed.Dir = dir
	path, _, end := tailFile(t, crashed)
	whole, err := os.ReadFile(path)
	check(t, err)
	for at := end.lastBatch; at < end.off; at += (end.off - end.lastBatch) / 16 &^ 7 {
		for _, spoil := range []func(b []byte) []byte{
			func(b []byte) []byte { return b[:at] },
			func(b []byte) []byte { b[at] ^= 0x40; return b },
			func(b []byte) []byte { clear(b[at:min(at+512, end.off)]); return b },
		} {
			check(t, os.WriteFile(path, spoil(slices.Clone(whole)), 0o600))
			l, err := open(crashed, quick())
			if err != nil {
				t.Fatalf("torn at byte %d: %v", at, err)
			}
			if n := l.LastSeq(); n != 60 && n != 63 {
				t.Errorf("torn at byte %d: the log ends at %d", at, n)
			}
			check(t, os.WriteFile(path, whole, 0o600)) // behind its back
			_ = l.Close()
			check(t, os.RemoveAll(filepath.Join(dir, "views")))
			check(t, os.CopyFS(filepath.Join(dir, "views"), os.DirFS(filepath.Join(cfg.Dir, "views"))))
		}
	}
}

// TestADamagedRecordIsNamed: with file, offset, number and time, and a way on.
func TestADamagedRecordIsNamed(t *testing.T) {
	for name, header := range map[string]bool{"its text": false, "its frame": true} {
		t.Run(name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			files, err := segmentFiles(filepath.Join(cfg.Dir, "log"))
			check(t, err)
			path := filepath.Join(cfg.Dir, "log", files[0].name())
			var off int64
			edit(t, path, func(b []byte) []byte {
				off = frameAt(t, b, 3) // the second ping
				if header {
					b[off+5] ^= 0x11
				} else {
					b[off+200] ^= 0x11
				}
				return b
			})
			check(t, os.RemoveAll(filepath.Join(cfg.Dir, "views")))
			in := quick()
			in.sink = &countingSink{}
			_, err = open(cfg, in)
			var d *Damaged
			if !errors.As(err, &d) || !errors.Is(err, ErrLost) {
				t.Fatalf("opened with %v", err)
			}
			if d.File != path || d.Offset != off || d.Seq != 4 || !d.Near.Equal(testAt) ||
				!strings.Contains(err.Error(), "--accept-loss") {
				t.Errorf("named as %+v: %v", d, err)
			}
			if _, err := recoverLog(cfg, quick(), Recovery{}); !errors.Is(err, ErrLost) {
				t.Errorf("recovery without accepting the loss: %v", err)
			}
			done, err := recoverLog(cfg, quick(), Recovery{AcceptLoss: true, By: "anna"})
			if err != nil || done.Damaged != 1 || done.Lost != 1 {
				t.Fatalf("%+v, %v", done, err)
			}
			in.sink = &countingSink{}
			l := mustOpen(t, cfg, in)
			recs := records(t, l)
			if len(recs) != 3*lostTrips || recs[3].Kind != KindAdjusted || recs[3].Lead != (lead.ID{}) {
				t.Errorf("%d records, the fourth %s", len(recs), recs[3].Bytes)
			}
		})
	}
}

// TestADamagedBatchBeforeATornOneIsKept: the torn batch is wiped at the first start, and the second one must not take
// the damaged one before it for torn.
func TestADamagedBatchBeforeATornOneIsKept(t *testing.T) {
	cfg := fullLog(t, lostTrips)
	check(t, os.RemoveAll(filepath.Join(cfg.Dir, "views")))
	path, _, end := tailFile(t, cfg)
	edit(t, path, func(b []byte) []byte {
		b[end.lastBatch+200] ^= 0x11
		b = append(b[:end.off], frameEntry, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8) // of a batch that was torn
		return b
	})
	for range 2 {
		in := quick()
		in.sink = &countingSink{}
		if _, err := open(cfg, in); !errors.Is(err, ErrLost) {
			t.Fatalf("opened with %v", err)
		}
	}
}

// countingSink takes everything.
type countingSink struct {
	mu sync.Mutex
	n  int
}

func (s *countingSink) Partitions(context.Context, string) (int, error) { return 1, nil }

func (s *countingSink) Write(_ context.Context, _ string, _ int, recs []Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += len(recs)
	return nil
}

func (s *countingSink) Close() {}

func (s *countingSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}
