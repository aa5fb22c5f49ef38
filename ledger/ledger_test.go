// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

func TestAppendedEventsAreThereAtOnceAndAfterwards(t *testing.T) {
	dir := t.TempDir()
	in := quick()
	in.applyEvery = time.Hour // everything stays in the overlay
	l := mustOpen(t, testConfig(t, dir), in)
	id, attempt := testID(1, 1), testID(2, 1)
	p := ping(id)
	p.Mode, p.Private.Person, p.SellerLeadID, p.IdempotencyKey = "lead", "person-hash", "S-77", "key-1"
	check := func(l *Ledger, want string) {
		t.Helper()
		recs, err := l.Lead(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := kindsOf(recs); got != want {
			t.Errorf("lead has %q, want %q", got, want)
		}
		if got := l.BySellerLeadID("acme", "S-77"); !slices.Equal(got, []lead.ID{id}) {
			t.Errorf("by seller lead id: %v", got)
		}
		if got, ok := l.ByIdempotencyKey("acme", "key-1"); !ok || got != id {
			t.Errorf("by idempotency key: %v %v", got, ok)
		}
		if got, ok := l.ByPerson("acme", "solar", "person-hash"); !ok || got != id {
			t.Errorf("by person: %v %v", got, ok)
		}
		if _, ok := l.ByIdempotencyKey("acme", "key-2"); ok {
			t.Error("found a key that was never used")
		}
	}
	mustAppend(t, l, p)
	check(l, "pinged")
	p.SellerLeadID, p.IdempotencyKey = "S-66", "key-9" // the caller may reuse its event
	mustAppend(t, l, posting(id, attempt, oneCharge("campaign:c1:day")))
	mustAppend(t, l, posted(id, attempt, lead.Accepted, oneCharge("campaign:c1:day")),
		&Settled{Head: head(KindSettled, id), Result: lead.ResultSuccess})
	check(l, "pinged posting posted settled")
	if got := counts(l); !reflect.DeepEqual(got, map[string]int64{"campaign:c1:day 2026-11-23": 1}) {
		t.Errorf("counts %v", got)
	}
	if got := l.LastTime(); !got.Equal(testAt) {
		t.Errorf("last time %v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, testConfig(t, dir), quick())
	check(l, "pinged posting posted settled")
	if l.FirstSeq() != 1 || l.LastSeq() != 4 || l.Stats().Applied != 4 {
		t.Errorf("seqs %d to %d, applied %d", l.FirstSeq(), l.LastSeq(), l.Stats().Applied)
	}
	e, err := Decode(records(t, l)[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	h := e.Header()
	if h.EventID.IsZero() || h.Node != "n1" || h.Schema != SchemaVersion || h.Kind != KindPinged {
		t.Errorf("head was not filled in: %+v", h)
	}
}

func TestAPingersPersonIsNotIndexed(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	p := ping(testID(1, 1))
	p.Private.Person = "person-hash"
	mustAppend(t, l, p)
	if _, ok := l.ByPerson("acme", "solar", "person-hash"); ok {
		t.Error("a ping that is not one-shot was found by its person")
	}
}

func TestOpenAttemptsChargesAndPauses(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	ch := oneCharge("buyer:b1:day")
	id := testID(1, 1)
	attempts := []lead.ID{testID(2, 0), testID(2, 1), testID(2, 2), testID(2, 3), testID(2, 4)}
	for _, a := range attempts {
		mustAppend(t, l, posting(id, a, ch))
	}
	mustAppend(t, l, posted(id, attempts[1], lead.Accepted, ch))
	mustAppend(t, l, posted(id, attempts[2], lead.Rejected, ch))
	mustAppend(t, l, posted(id, attempts[2], lead.Rejected, ch)) // told twice, given back once
	mustAppend(t, l, posted(id, attempts[3], lead.Unknown, ch))
	mustAppend(t, l, posted(id, attempts[4], lead.Unknown, ch))
	mustAppend(t, l, resolved(id, attempts[4], lead.Rejected))
	mustAppend(t, l, resolved(id, attempts[1], lead.Rejected)) // it has its end already
	pause := &Adjusted{Head: head(KindAdjusted, lead.ID{}), Adjustment: AdjustPaused, Subject: "buyer:b1", Why: "late",
		By: "ann"}
	mustAppend(t, l, pause)
	mustAppend(t, l, &Adjusted{Head: head(KindAdjusted, lead.ID{}), Adjustment: AdjustPaused, Subject: "buyer:b2",
		Why: "x"})
	mustAppend(t, l, &Adjusted{Head: head(KindAdjusted, lead.ID{}), Adjustment: AdjustResumed, Subject: "buyer:b2",
		Why: "y"})
	check := func(l *Ledger) {
		t.Helper()
		if got := counts(l); !reflect.DeepEqual(got, map[string]int64{"buyer:b1:day 2026-11-23": 3}) {
			t.Errorf("counts %v, want an open, an accepted and an unknown one", got)
		}
		open, err := l.Unresolved()
		if err != nil {
			t.Fatal(err)
		}
		want := []OpenAttempt{
			{Attempt: attempts[0], Lead: id, Source: "acme", Vertical: "solar", Since: testAt, Charges: ch},
			{Attempt: attempts[3], Lead: id, Source: "acme", Vertical: "solar", Since: testAt, Outcome: lead.Unknown,
				Charges: ch},
		}
		if !reflect.DeepEqual(open, want) {
			t.Errorf("unresolved\n got %+v\nwant %+v", open, want)
		}
		if got := l.Pauses(); !reflect.DeepEqual(got, map[string]PauseInfo{"buyer:b1": {Why: "late", By: "ann",
			At: testAt}}) {
			t.Errorf("pauses %v", got)
		}
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check(mustOpen(t, testConfig(t, dir), quick()))
}

func TestSecondOpenIsRefusedSoon(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	began := time.Now()
	if _, err := OpenOffline(testConfig(t, dir)); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), dir) {
		t.Errorf("opening a held directory: %v", err)
	}
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("refused after %v", took)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	off, err := OpenOffline(testConfig(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, off, &Adjusted{Adjustment: AdjustPaused, Subject: "buyer:b", Why: "w"})
	if err := off.Close(); err != nil {
		t.Fatal(err)
	}
	if err := off.Append(ping(testID(1, 1))); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
}

func TestFollowSeesEverythingOnce(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.RingBytes = 2000 // so that followers must read the log
	l := mustOpen(t, cfg, quick())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const n = 300
	var seqs []uint64
	done := make(chan error, 1)
	go func() {
		done <- l.Follow(ctx, 1, func(r Record) error {
			if seqs = append(seqs, r.Seq); len(seqs) == n {
				cancel()
			}
			return nil
		})
	}()
	for i := range n {
		mustAppend(t, l, ping(testID(1, i)))
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for i, s := range seqs {
		if s != uint64(i+1) {
			t.Fatalf("record %d has seq %d", i, s)
		}
	}
}

func TestLowSpaceIsSaidInTimeAndAppendStillWorks(t *testing.T) {
	free := make(chan uint64, 1)
	in := quick()
	now := uint64(1 << 40)
	in.freeBytes = func(string) (uint64, error) {
		select {
		case now = <-free:
		default:
		}
		return now, nil
	}
	cfg := testConfig(t, t.TempDir())
	cfg.FreeBytesMin = 1 << 30
	l := mustOpen(t, cfg, in)
	if err := l.Available(); err != nil {
		t.Fatal(err)
	}
	free <- 1<<30 - 1
	eventually(t, "low space is noticed", func() bool { return errors.Is(l.Available(), ErrUnavailable) })
	mustAppend(t, l, posted(testID(1, 1), testID(2, 1), lead.Accepted, nil)) // what is on its way must end
	free <- 1 << 31
	eventually(t, "space is back", func() bool { return l.Available() == nil })
}

func TestOverlongBodiesAreCut(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	text := strings.Repeat("\x01", BodyBytesMax) // six bytes each in JSON
	e := posted(testID(1, 1), testID(2, 1), lead.Rejected, nil)
	e.Private.Answer = &Body{Text: text, Bytes: len(text), SHA256: "00"}
	e.Private.Request = &Body{Text: "POST /", Bytes: 6}
	mustAppend(t, l, e)
	rec := records(t, l)[0]
	if len(rec.Bytes) > eventBytesMax {
		t.Errorf("event has %d bytes", len(rec.Bytes))
	}
	back, err := Decode(rec.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p := back.(*Posted).Private
	if !p.Answer.Cut || p.Answer.Bytes != len(text) || len(p.Answer.Text) == 0 || p.Request.Cut {
		t.Errorf("answer of %d bytes cut to %d: %v, request cut: %v", p.Answer.Bytes, len(p.Answer.Text), p.Answer.Cut,
			p.Request.Cut)
	}
	huge := ping(testID(1, 2))
	huge.Details = strings.Repeat("x", eventBytesHardMax)
	if err := l.Append(huge); err == nil || errors.Is(err, ErrUncertain) {
		t.Errorf("an event beyond all limits: %v", err)
	}
	if l.LastSeq() != 1 {
		t.Errorf("last seq %d", l.LastSeq())
	}
}

func TestConfigsAreKept(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	files := map[string][]byte{"clearpost.yaml": []byte("node: n1\n"), "buyers/a.yaml": []byte("id: a\n")}
	for range 2 {
		if err := l.KeepConfig("0123456789abcdef", files); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.ConfigFiles("0123456789abcdef")
	if err != nil || len(got) != 2 || !bytes.Equal(got["buyers/a.yaml"], files["buyers/a.yaml"]) {
		t.Errorf("read back %q, %v", got, err)
	}
	if all, err := l.Configs(); err != nil || !slices.Equal(all, []string{"0123456789abcdef"}) {
		t.Errorf("configs %v, %v", all, err)
	}
	if _, err := l.ConfigFiles("ffffffffffff"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown hash: %v", err)
	}
	for _, bad := range []string{"", "..", "../../etc/passwd", "ABCDEF0123"} {
		if err := l.KeepConfig(bad, files); err == nil {
			t.Errorf("hash %q was taken", bad)
		}
	}
	if err := l.KeepConfig("0123456789", map[string][]byte{"../x": nil}); err == nil {
		t.Error("a file outside the directory was taken")
	}
}

// TestKeptConfigsShareWhatIsTheSame: a file that has not changed is on the disk once; each configuration reads back as
// it was kept, also where somebody has changed the file of the one before.
func TestKeptConfigsShareWhatIsTheSame(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	keep := func(hash string, files map[string]string) {
		t.Helper()
		in := map[string][]byte{}
		for name, text := range files {
			in[name] = []byte(text)
		}
		if err := l.KeepConfig(hash, in); err != nil {
			t.Fatal(err)
		}
		got, err := l.ConfigFiles(hash)
		if err != nil || len(got) != len(files) {
			t.Fatalf("%s: %v, %v", hash, got, err)
		}
		for name, text := range files {
			if string(got[name]) != text {
				t.Errorf("%s: %s reads %q, want %q", hash, name, got[name], text)
			}
		}
	}
	same := func(a, b, name string) bool {
		t.Helper()
		x, err := os.Stat(filepath.Join(l.configDir(), a, name))
		y, err2 := os.Stat(filepath.Join(l.configDir(), b, name))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return os.SameFile(x, y)
	}
	keep("aaaaaaaa", map[string]string{"n.yaml": "1", "buyers/a.yaml": "a", "buyers/b.yaml": "b"})
	keep("bbbbbbbb", map[string]string{"n.yaml": "2", "buyers/a.yaml": "a"})
	if !same("aaaaaaaa", "bbbbbbbb", "buyers/a.yaml") || same("aaaaaaaa", "bbbbbbbb", "n.yaml") {
		t.Error("what is the same is not shared, or what is not is")
	}
	if err := os.WriteFile(filepath.Join(l.configDir(), "bbbbbbbb", "buyers", "a.yaml"), []byte("x"),
		0o600); err != nil {
		t.Fatal(err)
	}
	keep("cccccccc", map[string]string{"n.yaml": "2", "buyers/a.yaml": "a"})
	if same("bbbbbbbb", "cccccccc", "buyers/a.yaml") {
		t.Error("a file that somebody has changed was taken for what it was")
	}
}
