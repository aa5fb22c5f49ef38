// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"clearpost/lead"
)

// told is what callers were told about their events.
type told struct {
	mu      sync.Mutex
	fate    map[lead.ID]error // by event id
	members map[lead.ID][]lead.ID
	n       int
}

// appendGroup appends a group of pings and notes what the ledger says of it.
func (o *told) appendGroup(l *Ledger, size int) error {
	o.mu.Lock()
	events := make([]Event, size)
	ids := make([]lead.ID, size)
	for i := range events {
		o.n++
		p := ping(testID(1, o.n))
		p.EventID = testID(9, o.n)
		p.Details = strings.Repeat("d", o.n%700)
		ids[i] = p.EventID
		events[i] = p
	}
	o.mu.Unlock()
	err := l.Append(events...)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.fate[id] = err
		o.members[id] = ids
	}
	return err
}

func newTold() *told { return &told{fate: map[lead.ID]error{}, members: map[lead.ID][]lead.ID{}} }

// check is the one checker of every fault test: what was told is what the log holds, once, in whole groups, without
// gaps, and the views and lookups agree with it.
func (o *told) check(t *testing.T, l *Ledger) {
	t.Helper()
	stored := map[lead.ID]int{}
	for _, r := range records(t, l) {
		stored[r.EventID]++
		got, err := l.Lead(r.Lead)
		if err != nil || len(got) != 1 || got[0].Seq != r.Seq {
			t.Errorf("lead %s of seq %d: %d records, %v", r.Lead, r.Seq, len(got), err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, err := range o.fate {
		n := stored[id]
		switch {
		case n > 1:
			t.Errorf("event %s is stored %d times", id, n)
		case err == nil && n == 0:
			t.Errorf("event %s was acknowledged and is not stored", id)
		case err != nil && !errors.Is(err, ErrUncertain) && n != 0:
			t.Errorf("event %s is stored although the caller was told %v", id, err)
		}
		for _, other := range o.members[id] {
			if stored[other] != n {
				t.Errorf("a group is torn: %s is stored %d times, %s %d times", id, n, other, stored[other])
			}
		}
	}
	for id := range stored {
		if _, ok := o.fate[id]; !ok {
			t.Errorf("event %s is stored, and nobody appended it", id)
		}
	}
}

func TestEachFailingWriteIsToldTruthfully(t *testing.T) {
	type order struct {
		op    string
		skip  int
		times int
		fault fault
	}
	one := func(op string, f fault) []order { return []order{{op, 0, 1, f}} }
	for _, c := range []struct {
		name   string
		orders []order
		stored string // what must have become of the group that was hit: yes, no, any
	}{
		{"write fails, not stored", one("write", failsUndone), "no"},
		{"write fails, half stored", one("write", failsHalf), "no"},
		{"write fails, stored", one("write", failsDone), "yes"},
		{"sync fails, stays readable", one("sync", unsyncedStays), "yes"},
		{"sync fails, done", one("sync", failsDone), "yes"},
		{"sync fails, lost", one("sync", lostUnsynced), "no"},
		{"write stored, then the first repair fails", []order{{"write", 0, 1, failsDone}, {"write", 0, 1, failsUndone}},
			"yes"},
		{"sync lost, then the repair's sync fails twice", []order{{"sync", 0, 1, lostUnsynced},
			{"sync", 0, 2, failsUndone}}, "no"},
		{"write half stored, then opening fails three times", []order{{"write", 0, 1, failsHalf},
			{"open", 0, 3, failsUndone}}, "no"},
		{"two writes fail, one after the other", []order{{"write", 0, 1, failsUndone}, {"write", 2, 1, failsDone}},
			"any"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, disk, o := t.TempDir(), newFaultyDisk(), newTold()
			l := mustOpen(t, testConfig(t, dir), disk.inside())
			for i := range 5 {
				if err := o.appendGroup(l, 1+i%3); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range c.orders {
				disk.order(r.op, r.skip, r.times, r.fault)
			}
			err := o.appendGroup(l, 3)
			if c.stored == "yes" && err != nil || c.stored == "no" && !errors.Is(err, ErrUnavailable) {
				t.Errorf("the caller was told %v, and it is stored: %s", err, c.stored)
			}
			for range 3 {
				if err := o.appendGroup(l, 2); err != nil && len(c.orders) < 2 {
					t.Errorf("append after the fault: %v", err)
				}
			}
			o.check(t, l)
			if disk.struck() == 0 {
				t.Error("no fault came to pass")
			}
			if err := l.Available(); err != nil {
				t.Errorf("not available afterwards: %v", err)
			}
			if s := l.Stats(); s.AppendErrors == 0 || s.Reopens == 0 {
				t.Errorf("stats count no fault: %+v", s)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = mustOpen(t, testConfig(t, dir), quick())
			o.check(t, l)
			if err := o.appendGroup(l, 2); err != nil {
				t.Fatal(err)
			}
			o.check(t, l)
		})
	}
}

// TestFaultsWhileSegmentsChange lets each of many appends meet a fault of the change to a new segment: the seal, the
// record of it, the new file.
func TestFaultsWhileSegmentsChange(t *testing.T) {
	for _, op := range []string{"create", "commit"} {
		for _, f := range []fault{failsUndone, failsDone} {
			t.Run(fmt.Sprintf("%s %d", op, f), func(t *testing.T) {
				dir, disk, o := t.TempDir(), newFaultyDisk(), newTold()
				cfg := testConfig(t, dir)
				cfg.SegmentBytes = 4096
				l := mustOpen(t, cfg, disk.inside())
				disk.order(op, 1, 1, f)
				disk.order(op, 2, 2, f)
				for i := range 120 {
					err := o.appendGroup(l, 1+i%3)
					if errors.Is(err, ErrUncertain) {
						t.Fatal(err)
					}
				}
				o.check(t, l)
				if disk.struck() < 3 {
					t.Errorf("%d faults came to pass, expected 3", disk.struck())
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				o.check(t, mustOpen(t, cfg, quick()))
			})
		}
	}
}

// TestALogThatStaysAwayIsUncertain: when the log does not come back, callers hear that nobody can tell, others are
// refused, and what was stored is there when it is back.
func TestALogThatStaysAwayIsUncertain(t *testing.T) {
	for _, c := range []struct {
		fault fault
		want  int // records
	}{{failsDone, 3}, {failsUndone, 1}} {
		disk, o := newFaultyDisk(), newTold()
		l := mustOpen(t, testConfig(t, t.TempDir()), disk.inside())
		if err := o.appendGroup(l, 1); err != nil {
			t.Fatal(err)
		}
		disk.order("write", 0, 1, c.fault)
		disk.order("open", 0, 7, failsUndone) // more than callers wait
		var u *Uncertain
		if err := o.appendGroup(l, 2); !errors.Is(err, ErrUncertain) || !errors.As(err, &u) {
			t.Fatalf("told %v, expected ErrUncertain", err)
		}
		if err := o.appendGroup(l, 1); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUncertain) {
			t.Errorf("while the log is away: %v", err)
		}
		if err := l.Available(); !errors.Is(err, ErrUnavailable) {
			t.Errorf("available while the log is away: %v", err)
		}
		if stored, err := u.Stored(t.Context()); err != nil || stored != (c.want == 3) {
			t.Errorf("it turned out stored %v, %v, with %d records", stored, err, c.want)
		}
		eventually(t, "the log is back", func() bool { return l.Available() == nil })
		if got := len(records(t, l)); got != c.want {
			t.Errorf("%d records, want %d", got, c.want)
		}
		if err := o.appendGroup(l, 1); err != nil {
			t.Error(err)
		}
		o.check(t, l)
	}
}

func TestCloseWhileTheLogIsAway(t *testing.T) {
	dir, disk, o := t.TempDir(), newFaultyDisk(), newTold()
	l, err := open(testConfig(t, dir), disk.inside())
	if err != nil {
		t.Fatal(err)
	}
	disk.order("write", 0, 1, failsDone)
	disk.order("open", 0, 1<<30, failsUndone)
	done := make(chan error)
	go func() { done <- o.appendGroup(l, 2) }()
	eventually(t, "the log is away", func() bool { return l.Available() != nil })
	_ = l.Close() // the log has no state to close
	var u *Uncertain
	if err := <-done; !errors.As(err, &u) {
		t.Fatalf("told %v", err)
	}
	if _, err := u.Stored(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	l = mustOpen(t, testConfig(t, dir), quick())
	o.check(t, l)
	if l.LastSeq() != 2 {
		t.Errorf("last seq %d, want 2", l.LastSeq())
	}
}

// TestManyCallersMeetFaults runs callers at once against a disk that fails now and then.
func TestManyCallersMeetFaults(t *testing.T) {
	dir, disk, o := t.TempDir(), newFaultyDisk(), newTold()
	cfg := testConfig(t, dir)
	cfg.SegmentBytes = 32 << 10
	l := mustOpen(t, cfg, disk.inside())
	for _, f := range []fault{failsHalf, failsDone, failsUndone} {
		disk.order("write", 8, 1, f)
	}
	for _, f := range []fault{unsyncedStays, lostUnsynced, failsDone} {
		disk.order("sync", 11, 1, f)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			// However many callers a sync serves: until every fault has struck.
			for i := 0; i < 100 || i < 20_000 && disk.struck() < 6; i++ {
				if err := o.appendGroup(l, 1+i%3); errors.Is(err, ErrUncertain) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	o.check(t, l)
	if disk.struck() < 6 {
		t.Errorf("%d faults came to pass, expected 6", disk.struck())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o.check(t, mustOpen(t, cfg, quick()))
}

// copyDir copies a ledger's directory, from which files may go meanwhile: then it begins anew.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	for {
		to := t.TempDir()
		err := os.CopyFS(to, os.DirFS(from))
		if err == nil {
			return to
		}
		if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// tornLog is a log whose last batch is to be damaged.
type tornLog struct {
	dir, file     string
	whole         []byte
	before, after uint64 // last seq without and with the last batch
	end           segmentEnd
}

func testJournal(t testing.TB, dir string, vfs types.VFS) *journal {
	return &journal{dir: dir, segmentBytes: 16 << 10, vfs: vfs, newMeta: newMeta, log: testLog(t)}
}

// storeOne stores a batch of n small events.
func storeOne(t testing.TB, j *journal, n int, size int) error {
	t.Helper()
	_, last, err := j.bounds()
	if err != nil {
		t.Fatal(err)
	}
	var logs []*raft.Log
	for i := range n {
		p := ping(testID(1, i))
		p.Details = strings.Repeat("d", size)
		p.EventID = testID(9, int(last)+1+i)
		logs = append(logs, &raft.Log{Index: last + 1 + uint64(i), Data: appendRecord(nil, p)})
	}
	return j.store(logs)
}

func makeTornLog(t *testing.T) tornLog {
	l := tornLog{dir: t.TempDir()}
	j := testJournal(t, l.dir, fs.New())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(j.open())
	for i := range 4 {
		check(storeOne(t, j, 1+i%3, 40*i))
	}
	_, l.before, _ = j.bounds()
	check(storeOne(t, j, 3, 100))
	_, l.after, _ = j.bounds()
	check(j.close())
	files, err := filepath.Glob(filepath.Join(l.dir, "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	l.file = filepath.Base(files[0])
	l.whole, err = os.ReadFile(files[0])
	check(err)
	f, err := fs.New().OpenWriter(l.dir, l.file)
	check(err)
	l.end, err = findEnd(f, l.after)
	check(err)
	check(f.Close())
	return l
}

// TestTornTails opens copies of a log whose last batch is cut off or spoilt at every place where a crash can leave it:
// nothing before the last batch may be lost, the last batch may be there only whole, and the log must take events again
// and keep them.
func TestTornTails(t *testing.T) {
	l := makeTornLog(t)
	spoil := map[string]func(b []byte, at int64) []byte{
		"cut":   func(b []byte, at int64) []byte { return b[:at] },
		"zeros": func(b []byte, at int64) []byte { clear(b[at:]); return b },
		"junk": func(b []byte, at int64) []byte {
			for i := at; i < min(at+64, l.end.off); i++ {
				b[i] ^= 0xA5
			}
			return b
		},
		// a sector that was not written
		"hole": func(b []byte, at int64) []byte { clear(b[at:min(at+512, l.end.off)]); return b },
	}
	for name, fn := range spoil {
		step := (l.end.off - l.end.lastBatch) / 30 &^ 7
		for at := l.end.lastBatch; at < l.end.off; at += step {
			t.Run(fmt.Sprintf("%s at %d", name, at-l.end.lastBatch), func(t *testing.T) {
				dir := copyDir(t, l.dir)
				if err := os.WriteFile(filepath.Join(dir, l.file), fn(slices.Clone(l.whole), at), 0o600); err != nil {
					t.Fatal(err)
				}
				checkTorn(t, dir, l.before, l.after)
			})
		}
	}
}

func checkTorn(t *testing.T, dir string, before, after uint64) {
	j := testJournal(t, dir, fs.New())
	expect := uint64(0)
	for round := range 3 {
		if err := j.open(); err != nil {
			t.Fatal(err)
		}
		_, last, err := j.bounds()
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 && last != before && last != after || round > 0 && last != expect {
			t.Fatalf("round %d: the log ends at %d, expected %d or %d, later %d", round, last, before, after, expect)
		}
		for seq := uint64(1); seq <= last; seq++ {
			rec, err := j.read(seq)
			if err != nil || rec.EventID != testID(9, int(seq)) {
				t.Fatalf("seq %d: event %s, %v", seq, rec.EventID, err)
			}
		}
		for i := range 2 {
			if err := storeOne(t, j, 1+i, 100-40*round); err != nil {
				t.Fatal(err)
			}
		}
		expect = last + 3
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRemainsOfADroppedBatchCannotReturn: after a torn batch was dropped and another took its place, a second crash
// that tears that one must be noticed, although frames of the first still stood behind it.
func TestRemainsOfADroppedBatchCannotReturn(t *testing.T) {
	l := makeTornLog(t)
	dir := copyDir(t, l.dir)
	name := filepath.Join(dir, l.file)
	torn := slices.Clone(l.whole)
	clear(torn[l.end.off-frameHeadSize : l.end.off]) // the commit frame was not written, three entries were
	if err := os.WriteFile(name, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	j := testJournal(t, dir, fs.New())
	if err := j.open(); err != nil {
		t.Fatal(err)
	}
	// One event that with its commit frame is as long as the first two of the dropped batch, so that the third stands
	// right behind.
	first := recordAt(t, torn, l.end.lastBatch)
	second := recordAt(t, torn, l.end.lastBatch+first)
	p := ping(testID(1, 1))
	base := len(appendRecord(nil, p)) + len(`,"details":""`)
	if err := storeOne(t, j, 1, int(first+second)-2*frameHeadSize-base); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if c := again[l.end.lastBatch+first+second-frameHeadSize]; c != frameCommit {
		t.Fatalf("expected the commit frame before the old third entry, found type %d", c)
	}
	again[l.end.lastBatch+200] ^= 1 // this batch's bytes did not all reach the disk
	if err := os.WriteFile(name, again, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.open(); err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if _, last, err := j.bounds(); err != nil || last != l.before {
		t.Errorf("the log ends at %d, %v; expected %d: a damaged batch was taken for whole", last, err, l.before)
	}
}

// recordAt is the size of the frame at an offset.
func recordAt(t *testing.T, b []byte, off int64) int64 {
	t.Helper()
	if b[off] != frameEntry {
		t.Fatalf("no entry at %d", off)
	}
	return frameHeadSize + (int64(binary.LittleEndian.Uint32(b[off+4:]))+7)/8*8
}

// TestACrashBetweenSealAndNewSegment opens copies taken after every append of small segments, as a kill would leave
// them, with and without the record of the change of segments.
func TestACrashBetweenSealAndNewSegment(t *testing.T) {
	dir, disk, o := t.TempDir(), newFaultyDisk(), newTold()
	cfg := testConfig(t, dir)
	cfg.SegmentBytes = 4096
	l := mustOpen(t, cfg, disk.inside())
	disk.order("commit", 1, 1<<30, failsUndone) // the first file was recorded at open; no other ever is
	for i := range 12 {
		if o.appendGroup(l, 1+i%3) != nil {
			break
		}
	}
	crashed := copyDir(t, dir)
	seq := l.LastSeq()
	disk.mu.Lock()
	disk.plans = map[string][]plan{}
	disk.mu.Unlock()
	if disk.struck() == 0 {
		t.Fatal("the segment never changed")
	}
	cfg.Dir = crashed
	l2 := mustOpen(t, cfg, quick())
	if l2.LastSeq() != seq {
		t.Errorf("the copy ends at seq %d, expected %d", l2.LastSeq(), seq)
	}
	want := records(t, l)
	got := records(t, l2)
	if !reflect.DeepEqual(ids(got), ids(want)) {
		t.Error("the copy holds other events")
	}
	if err := newTold().appendGroup(l2, 2); err != nil {
		t.Errorf("the copy takes no events: %v", err)
	}
}

func ids(recs []Record) []lead.ID {
	out := make([]lead.ID, len(recs))
	for i, r := range recs {
		out[i] = r.EventID
	}
	return out
}
