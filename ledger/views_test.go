// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
	"pgregory.net/rapid"

	"clearpost/lead"
)

// book computes what the views should say from a list of events alone, by other means than the views do.
type book struct{ events []Event }

// ends returns the end of each posted attempt: the first that is final, else unknown, else none.
func (b *book) ends() map[lead.ID]lead.Outcome {
	out := map[lead.ID]lead.Outcome{}
	for _, e := range b.events {
		f := e.Facts()
		was, known := out[f.Attempt]
		switch {
		case f.Kind == KindPosting:
			out[f.Attempt] = lead.OutcomeNone
		case f.Kind != KindPosted && f.Adjustment != AdjustResolved:
		case known && (was == lead.OutcomeNone || was == lead.Unknown):
			out[f.Attempt] = f.Outcome
		}
	}
	return out
}

func (b *book) counts() map[string]int64 {
	out, ends := map[string]int64{}, b.ends()
	for _, e := range b.events {
		p, ok := e.(*Posting)
		if !ok || ends[p.Attempt] != lead.OutcomeNone && !ends[p.Attempt].Standing() {
			continue
		}
		for _, c := range p.Charges {
			out[c.Cap+" "+c.Window] += c.N
		}
	}
	return out
}

func (b *book) open() map[lead.ID]lead.Outcome {
	out := b.ends()
	maps.DeleteFunc(out, func(_ lead.ID, o lead.Outcome) bool { return o != lead.OutcomeNone && o != lead.Unknown })
	return out
}

func (b *book) kinds(id lead.ID) (out []Kind) {
	for _, e := range b.events {
		if e.Header().Lead == id {
			out = append(out, e.Header().Kind)
		}
	}
	return out
}

func (b *book) sellerLeads(id string) (out []lead.ID) {
	for _, e := range slices.Backward(b.events) {
		if e.Facts().SellerLeadID == id && !slices.Contains(out, e.Header().Lead) {
			out = append(out, e.Header().Lead)
		}
	}
	return out
}

func (b *book) lastOf(match func(Facts) bool) (id lead.ID, ok bool) {
	for _, e := range slices.Backward(b.events) {
		if match(e.Facts()) {
			return e.Header().Lead, true
		}
	}
	return lead.ID{}, false
}

// soldTo are the leads of a person that may be sold, and those that ever were in question.
func (b *book) soldTo(person string) (surely, perhaps map[lead.ID]bool) {
	surely, perhaps = map[lead.ID]bool{}, map[lead.ID]bool{}
	for _, e := range b.events {
		f := e.Facts()
		switch {
		case !f.names(person):
		case f.Standing:
			surely[f.Lead], perhaps[f.Lead] = true, true
		case f.Gone:
			delete(surely, f.Lead)
		}
	}
	return surely, perhaps
}

// check compares everything that a ledger can tell with the book.
func (b *book) check(t interface{ Errorf(string, ...any) }, l *Ledger) {
	if got, want := counts(l), b.counts(); !reflect.DeepEqual(got, want) {
		t.Errorf("counts\n got %v\nwant %v", got, want)
	}
	open, err := l.Unresolved()
	if err != nil {
		t.Errorf("%v", err)
	}
	got := map[lead.ID]lead.Outcome{}
	for _, o := range open {
		got[o.Attempt] = o.Outcome
	}
	if want := b.open(); !reflect.DeepEqual(got, want) {
		t.Errorf("open attempts\n got %v\nwant %v", got, want)
	}
	pauses := map[string]bool{}
	for _, e := range b.events {
		if a, ok := e.(*Adjusted); ok && a.Adjustment != AdjustResolved {
			pauses[a.Subject] = a.Adjustment == AdjustPaused
		}
	}
	for s, want := range pauses {
		if _, got := l.Pauses()[s]; got != want {
			t.Errorf("%s paused: %v, want %v", s, got, want)
		}
	}
	for i := range bookLeads {
		id := testID(1, i)
		recs, err := l.Lead(id)
		var kinds []Kind
		for _, r := range recs {
			kinds = append(kinds, r.Kind)
		}
		if want := b.kinds(id); err != nil || !slices.Equal(kinds, want) {
			t.Errorf("lead %d has %v, want %v (%v)", i, kinds, want, err)
		}
	}
	for i := range bookNames {
		name := fmt.Sprint("n", i)
		if got, want := l.BySellerLeadID("acme", name), b.sellerLeads(name); !slices.Equal(got, want) {
			t.Errorf("seller id %s: %v, want %v", name, got, want)
		}
		id, ok := l.ByIdempotencyKey("acme", name)
		if want, wantOK := b.lastOf(func(f Facts) bool {
			return f.IdempotencyKey == name
		}); id != want || ok != wantOK {
			t.Errorf("key %s: %v %v, want %v %v", name, id, ok, want, wantOK)
		}
		for _, source := range []string{"acme", ""} {
			id, ok = l.ByPerson(source, "solar", name)
			if want, wantOK := b.lastOf(func(f Facts) bool {
				return f.Received && f.names(name)
			}); id != want || ok != wantOK {
				t.Errorf("person %s of %q: %v %v, want %v %v", name, source, id, ok, want, wantOK)
			}
			sold := l.SoldByPerson(source, "solar", name, time.Time{})
			surely, perhaps := b.soldTo(name)
			for id := range surely {
				if !slices.Contains(sold, id) {
					t.Errorf("sold person %s of %q: %v, %v is missing", name, source, sold, id)
				}
			}
			for i, id := range sold {
				if !perhaps[id] || i > 0 && bytes.Compare(id[:], sold[i-1][:]) >= 0 {
					t.Errorf("sold person %s of %q: %v", name, source, sold)
				}
			}
		}
		id, _, ok = l.ByContent("acme", name)
		if want, wantOK := b.lastOf(func(f Facts) bool { return f.Content == name }); id != want || ok != wantOK {
			t.Errorf("content %s: %v %v, want %v %v", name, id, ok, want, wantOK)
		}
	}
}

const (
	bookLeads = 6
	bookNames = 3
)

func (f *Facts) names(person string) bool {
	return f.Person == person || slices.Contains(f.Also, person)
}

// drawEvent makes an event over a few leads, attempts and names, in any order, sensible or not; only a new attempt, of
// which *attempts counts, is always one that never was.
func drawEvent(t *rapid.T, attempts *int) Event {
	id := testID(1, rapid.IntRange(0, bookLeads-1).Draw(t, "lead"))
	attempt := testID(2, rapid.IntRange(0, *attempts).Draw(t, "attempt"))
	name := func(what string) string {
		return rapid.SampledFrom([]string{"", "n0", "n1", "n2"}).Draw(t, what)
	}
	charges := func() []lead.Charge {
		n := rapid.IntRange(0, 2).Draw(t, "charges")
		return []lead.Charge{{Cap: "campaign:c1:day", Window: "2026-11-23", N: 1},
			{Cap: "buyer:b1:total", Window: "total", N: 1}}[:n]
	}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		p := ping(id)
		p.SellerLeadID, p.IdempotencyKey, p.Private.Person = name("seller id"), name("key"), name("person")
		p.Mode, p.Private.Content = rapid.SampledFrom([]string{"ping", "lead"}).Draw(t, "mode"), name("content")
		if rapid.Bool().Draw(t, "one shot") {
			p.Mode = "lead"
		}
		return p
	case 1:
		*attempts++
		p := posting(id, testID(2, *attempts), charges())
		p.Post = &Post{ReceivedAt: testAt, SellerLeadID: name("seller id"), IdempotencyKey: name("key")}
		p.Private.Person = name("person")
		if also := name("also"); also != "" {
			p.Private.Also = []string{also}
		}
		return p
	case 2:
		return posted(id, attempt, lead.Outcome(rapid.IntRange(int(lead.Accepted), int(lead.Unknown)).Draw(t,
			"outcome")), charges())
	case 3:
		s := &Settled{Head: head(KindSettled, id), Result: rapid.SampledFrom([]string{lead.ResultSuccess,
			lead.ResultFailure, lead.ResultPending}).Draw(t, "result")}
		s.Private.Person = name("person")
		return s
	case 4:
		return resolved(id, attempt, rapid.SampledFrom([]lead.Outcome{lead.Accepted, lead.Rejected}).Draw(t, "outcome"))
	}
	return &Adjusted{Head: head(KindAdjusted, lead.ID{}), Subject: "buyer:" + name("subject"), Why: "w",
		Adjustment: rapid.SampledFrom([]string{AdjustPaused, AdjustResumed}).Draw(t, "adjustment")}
}

// TestViewsAgreeWithTheEvents appends random events, with crashes, lost views and restarts between, and compares what
// the ledger tells with what its events alone say.
func TestViewsAgreeWithTheEvents(t *testing.T) {
	fewerChecks(t, 30)
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		cfg := testConfig(t, dir)
		open := func() *Ledger {
			in := quick()
			in.applyEvery = rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Hour}).Draw(rt, "apply every")
			l, err := openAny(cfg, in)
			if err != nil {
				rt.Fatal(err)
			}
			return l
		}
		l, b, attempts := open(), &book{}, 0
		defer func() { _ = l.Close() }()
		for range rapid.IntRange(1, 2).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 25).Draw(rt, "groups") {
				group := make([]Event, rapid.IntRange(1, 3).Draw(rt, "size"))
				for i := range group {
					group[i] = drawEvent(rt, &attempts)
				}
				if err := l.Append(group...); err != nil {
					rt.Fatal(err)
				}
				b.events = append(b.events, group...)
			}
			b.check(rt, l)
			switch rapid.IntRange(0, 2).Draw(rt, "end of round") {
			case 0: // a restart
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
			case 1: // a crash: what stands on disk now, views as they are
				cfg.Dir = copyDir(t, cfg.Dir)
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
			case 2: // the views are lost
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				if err := os.RemoveAll(filepath.Join(cfg.Dir, "views")); err != nil {
					rt.Fatal(err)
				}
			}
			l = open()
			b.check(rt, l)
		}
	})
}

// fewerChecks is for properties whose every check opens files.
func fewerChecks(t *testing.T, n int) {
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return // asked for on the command line
	}
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// openAny is open under a name that a local variable does not hide.
func openAny(cfg Config, in inside) (*Ledger, error) { return open(cfg, in) }

// dump reads all that the views hold.
func dump(t *testing.T, l *Ledger) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, p := range []byte{keyLead, keyIdem, keySeller, keyPerson, keyCount, keyOpen, keyPause} {
		if err := l.views.each([]byte{p}, false, func(k, v []byte) bool {
			if n, ok := parseCount(v); p != keyCount || !ok || n != 0 {
				out[string(k)] = string(v)
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestViewsBuiltAnewAreTheSame(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	attempts := 0
	gen := rapid.Custom(func(t *rapid.T) Event { return drawEvent(t, &attempts) })
	for i := range 400 {
		mustAppend(t, l, gen.Example(i))
	}
	eventually(t, "the views are up to date", func() bool { return l.Stats().Applied == 400 })
	before := dump(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "views")); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, testConfig(t, dir), quick())
	if after := dump(t, l); !reflect.DeepEqual(before, after) {
		t.Errorf("%d entries before, %d built anew", len(before), len(after))
	}
}

// TestCopiesUnderLoad copies the directory while callers append, as a kill would leave it: all that was acknowledged
// before the copy began is in it, groups are whole, and the views come up to the log's end.
func TestCopiesUnderLoad(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	in, disk := quick(), &steadyDisk{VFS: fs.New()}
	in.vfs, in.flushEvery = disk, 3*time.Millisecond
	in.newMeta = func() types.MetaStore { return steadyMeta{newMeta(), disk} }
	l := mustOpen(t, cfg, in)
	var acked atomic.Uint64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for c := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(c)))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id, a := testID(byte(10+c), i), testID(byte(20+c), i)
				ch := oneCharge(fmt.Sprint("campaign:", r.IntN(3)))
				steps := [][]Event{{ping(id)}, {posting(id, a, ch)}, {posted(id, a, lead.Accepted, ch),
					&Settled{Head: head(KindSettled, id)}}}
				for _, group := range steps {
					if err := l.Append(group...); err != nil {
						t.Error(err)
						return
					}
				}
				acked.Add(1)
			}
		})
	}
	for range 6 {
		was := acked.Load()
		eventually(t, "more leads", func() bool { return acked.Load() > was+20 })
		sold := acked.Load()
		dir := disk.copyLive(t, cfg.Dir)
		crashed := cfg
		crashed.Dir = dir
		c := mustOpen(t, crashed, quick())
		b := &book{}
		settled := uint64(0)
		for _, r := range records(t, c) {
			e, err := Decode(r.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			b.events = append(b.events, e)
			if r.Kind == KindSettled {
				settled++
			}
		}
		if settled < sold {
			t.Errorf("%d leads were settled before the copy, %d are in it", sold, settled)
		}
		if posteds := len(slices.DeleteFunc(slices.Clone(b.events), func(e Event) bool {
			return e.Header().Kind != KindPosted
		})); posteds != int(settled) {
			t.Errorf("a group is torn: %d posted, %d settled", posteds, settled)
		}
		if got, want := counts(c), b.counts(); !reflect.DeepEqual(got, want) {
			t.Errorf("counts %v, want %v", got, want)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	all.Wait()
}

// steadyDisk is a file system whose log stands still while it is copied. A kill leaves what was written up to one
// moment; a copy made beside the writer has pages of many, so that a batch may be missing in it and later ones not.
type steadyDisk struct {
	types.VFS
	mu sync.RWMutex // read: a write
}

func (d *steadyDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := d.VFS.Create(dir, name, size)
	return &steadyFile{f, d}, err
}

func (d *steadyDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := d.VFS.OpenWriter(dir, name)
	return &steadyFile{f, d}, err
}

func (d *steadyDisk) copyLive(t *testing.T, from string) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	return copyLive(t, from)
}

type steadyFile struct {
	types.WritableFile
	d *steadyDisk
}

func (f *steadyFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.RLock()
	defer f.d.mu.RUnlock()
	return f.WritableFile.WriteAt(b, off)
}

type steadyMeta struct {
	types.MetaStore
	d *steadyDisk
}

func (m steadyMeta) CommitState(s types.PersistentState) error {
	m.d.mu.RLock()
	defer m.d.mu.RUnlock()
	return m.MetaStore.CommitState(s)
}

// copyLive copies the log of a directory whose log is not written to meanwhile: its meta data first, so that no file it
// names is older than it. The views are left out: a crash may leave none.
func copyLive(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.MkdirAll(filepath.Join(to, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, pattern := range []string{"wal-meta.db", "*.wal"} {
		found, err := filepath.Glob(filepath.Join(from, "log", pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "log", filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestLookupsDuringHeavyAppends looks each lead up the moment it is acknowledged, while others append and the views
// catch up.
func TestLookupsDuringHeavyAppends(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	var all sync.WaitGroup
	for c := range 8 {
		all.Go(func() {
			for i := range 150 {
				id := testID(byte(1+c), i)
				key := fmt.Sprint(c, "-", i)
				p := ping(id)
				p.Mode, p.SellerLeadID, p.IdempotencyKey, p.Private.Person = "lead", key, key, key
				if err := l.Append(p); err != nil {
					t.Error(err)
					return
				}
				a := testID(byte(101+c), i)
				if err := l.Append(posting(id, a, nil), posted(id, a, lead.Accepted, nil)); err != nil {
					t.Error(err)
					return
				}
				recs, err := l.Lead(id)
				k, ok1 := l.ByIdempotencyKey("acme", key)
				q, ok2 := l.ByPerson("acme", "solar", key)
				s := l.BySellerLeadID("acme", key)
				if err != nil || len(recs) != 3 || !ok1 || k != id || !ok2 || q != id || len(s) != 1 || s[0] != id {
					t.Errorf("lead %s: %d records, %v; key %v %v, person %v %v, seller %v", id, len(recs), err, k, ok1,
						q, ok2, s)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAFailedLookupStopsNewBusiness(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	l.lookupFailed([]byte{keyIdem}, errDisk)
	if err := l.Append(ping(testID(1, 1))); err == nil {
		t.Error("a ping was stored although a lookup had failed")
	}
	if l.Available() == nil {
		t.Error("available although a lookup had failed")
	}
	mustAppend(t, l, posted(testID(1, 1), testID(2, 1), lead.Accepted, nil))
	fault := *l.unread.Load()
	fault.at = fault.at.Add(-lookupFaultFor)
	l.unread.Store(&fault)
	eventually(t, "reads work again", func() bool { return l.Available() == nil })
}

func TestViewsThatDieLeaveWhatIsUnderWayAlone(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	go l.views.logger().Fatalf("MANIFEST: %v", errDisk) // never returns, as Pebble expects
	eventually(t, "no new pings are taken", func() bool { return l.Available() != nil })
	id, a := testID(1, 1), testID(2, 1)
	mustAppend(t, l, posting(id, a, oneCharge("c")), posted(id, a, lead.Accepted, nil))
	eventually(t, "the views were tried", func() bool { return l.Stats().Applied == 2 })
	if l.Available() == nil {
		t.Error("available again without a restart")
	}
	if recs, err := l.Lead(id); err != nil || len(recs) != 2 {
		t.Errorf("%d records, %v", len(recs), err)
	}
}
