// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/ledger"
)

func mustView(t testing.TB, dir string, led *ledger.Ledger) *View {
	t.Helper()
	v, err := Open(Config{Dir: dir, Ledger: led, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func caughtUp(t testing.TB, v *View) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := v.CatchUp(ctx)
	if s.Behind != 0 || s.Error != "" || s.Unread != 0 {
		t.Fatalf("the view does not catch up: %+v", s)
	}
	return s
}

// dump is all that stands in a database.
func dump(t testing.TB, path string) string {
	t.Helper()
	db, err := openReader(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	for _, table := range []string{"_place", "_campaign", "_origin", "_lead", "_person", "_bid", "_sum", "_hist",
		"_attempt", "_resend",
		"leads", "bids", "attempts", "sales", "sub_ids"} {
		fmt.Fprintln(&out, table)
		order := map[string]string{"_place": "1, 2", "_person": "1, 2", "_resend": "1, 2", "_campaign": "1, 2"}[table]
		if order == "" {
			order = "1, 2, 3, 4, 5"
		}
		rows, err := db.Query("select * from " + table + " order by " + order)
		if err != nil {
			t.Fatal(table, err)
		}
		dumpRows(t, &out, rows)
	}
	return out.String()
}

func dumpRows(t testing.TB, out *strings.Builder, rows *sql.Rows) {
	t.Helper()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		vals, to := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			to[i] = &vals[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(out, vals...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// However the events come together in transactions, with stops in between and transactions that fail, the same stands
// in the view.
func TestViewIsTheSameInWhateverBatches(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 400)
	all := mustView(t, t.TempDir(), m.led)
	caughtUp(t, all)
	want := dump(t, all.path(fileName))
	rnd := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	key, err := os.ReadFile(all.path(keyName))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, keyName), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		v, err := Open(Config{Dir: dir, Ledger: m.led, Share: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			v.batch = 1 + rnd.IntN(200)
			if rnd.IntN(3) == 0 { // a transaction that fails after some events
				if err := v.w.begin(); err != nil {
					t.Fatal(err)
				}
				seen := 0
				if err := m.led.Scan(max(v.place.Next, 1), func(r ledger.Record) error {
					v.w.take(r)
					if seen++; seen == 50 {
						return errEnough
					}
					return nil
				}); err != nil && !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
				v.w.err = errEnough
				if err := v.w.rollback(); !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
			}
			more, err := v.step()
			if err != nil {
				t.Fatal(err)
			}
			done = !more
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := dump(t, filepath.Join(dir, fileName)); got != want {
		t.Errorf("in small batches the view has something else: %s", firstDiffers(got, want))
	}
}

func firstDiffers(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d: %s, want %s", i, a[i], b[min(i, len(b)-1)])
		}
	}
	return "it is shorter"
}

// What the process had committed when its machine went is gone on with, and a rebuild comes to the same.
func TestViewAfterACrashAndARebuild(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 150)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	// a copy while it is open: what is in the write-ahead log only is there
	after := t.TempDir()
	for _, name := range []string{fileName, fileName + "-wal", keyName} {
		b, err := os.ReadFile(v.path(name))
		if err == nil {
			err = os.WriteFile(filepath.Join(after, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.make(t, 150)
	crashed := mustView(t, after, m.led)
	if s := crashed.Status(); s.UpToSeq == 0 || s.Behind == 0 {
		t.Fatalf("it begins anew, or has what it cannot have: %+v", s)
	}
	caughtUp(t, crashed)
	caughtUp(t, v)
	want := dump(t, v.path(fileName))
	if got := dump(t, crashed.path(fileName)); got != want {
		t.Errorf("after a crash the view has something else: %s", firstDiffers(got, want))
	}
	if err := v.Rebuild(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if s := v.Status(); s.Behind != 0 || s.Rebuilds {
		t.Errorf("after a rebuild: %+v", s)
	}
	if got := dump(t, v.path(fileName)); got != want {
		t.Errorf("made anew the view has something else: %s", firstDiffers(got, want))
	}
	m.make(t, 10) // and it goes on
	if s := caughtUp(t, v); s.UpToSeq != m.led.LastSeq() {
		t.Errorf("it has stopped at %+v", s)
	}
}

// A view of another ledger, or one that the ledger does not reach, is not gone on with; nor is one that is damaged, or
// made under a key that is lost.
func TestViewThatIsNoneOfThisLedger(t *testing.T) {
	whole, other := newMade(t, t.TempDir()), newMade(t, t.TempDir())
	whole.make(t, 100)
	other.rnd = rand.New(rand.NewPCG(9, 9))
	other.n = 1 << 40
	other.make(t, 120)
	shorter := newMade(t, t.TempDir())
	shorter.make(t, 10)
	for name, c := range map[string]struct {
		next *made
		harm func(t *testing.T, dir string)
		kept bool // it is gone on with
	}{
		"the same":        {next: whole, kept: true},
		"another ledger":  {next: other},
		"a ledger behind": {next: shorter},
		"damaged": {next: whole, harm: func(t *testing.T, dir string) {
			junk := []byte(strings.Repeat("no database", 900))
			if err := os.WriteFile(filepath.Join(dir, fileName), junk, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"without its key": {next: whole, harm: func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, keyName)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v, err := Open(Config{Dir: dir, Ledger: whole.led, Share: 1})
			if err != nil {
				t.Fatal(err)
			}
			caughtUp(t, v)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			if c.harm != nil {
				c.harm(t, dir)
			}
			v = mustView(t, dir, c.next.led)
			if kept := v.Status().UpToSeq > 0; kept != c.kept {
				t.Errorf("it begins with %+v", v.Status())
			}
			if _, err := os.Stat(v.path(damagedName)); (err == nil) == c.kept {
				t.Errorf("set aside: %v", err)
			}
			if s := caughtUp(t, v); s.UpToSeq != c.next.led.LastSeq() {
				t.Errorf("it has %+v", s)
			}
		})
	}
}

// Whoever has the database, and not the key beside it, cannot read from it whose leads they were.
func TestViewHasNobodysName(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 60)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(v.path(fileName))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "s-4") { // the test looks at something
		t.Error("the sellers' ids are not in it")
	}
	for i := range 60 {
		for _, plain := range []string{phone(i), phone(i)[2:], email(i)} {
			if strings.Contains(string(b), plain) {
				t.Errorf("it has %s", plain)
			}
		}
	}
	if strings.Contains(string(b), "Jane") {
		t.Error("it has a name")
	}
}

func TestKindsOfPersons(t *testing.T) {
	for value, want := range map[string]string{"+12125550123": byPhone, "+442079460958": byPhone, "2125550123": "",
		"+1": "", "+1212555012a": "", "jane@example.com": byEmail, "a@b@c": "", "@x": "", "x@": "", "jane doe@x": "",
		"https://x/@y": ""} {
		if got := kindOf(value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func TestStatesOfLeads(t *testing.T) {
	p := newPlaces()
	for _, c := range [][3]string{{"TX", "10001", "TX"}, {"", "10001", "NY"}, {"", "00000", ""}, {"", "K1A 0B1", "ON"},
		{"", "", ""}} {
		if got := p.state(c[0], c[1]); got != c[2] {
			t.Errorf("%v: %q", c, got)
		}
	}
}

// Texts that are kept are cut between signs.
func TestTextsAreCut(t *testing.T) {
	if got := cut(strings.Repeat("é", 200)); len(got) != 256 || !strings.HasSuffix(got, "é") {
		t.Errorf("%d bytes", len(got))
	}
	if got := cut("x" + strings.Repeat("é", 200)); len(got) != 255 || !strings.HasSuffix(got, "é") {
		t.Errorf("%d bytes", len(got))
	}
}

// What a transaction that failed has made is made again by the next one.
func TestAccountsAreMadeAgainAfterAFailure(t *testing.T) {
	m := newMade(t, t.TempDir())
	w := mustView(t, t.TempDir(), m.led).w // nobody follows yet
	failed := errors.New("no more room")
	for _, want := range []error{failed, nil} {
		if err := w.begin(); err != nil {
			t.Fatal(err)
		}
		w.account("buyer:b1")
		w.err = want
		if err := w.commit(&place{}); !errors.Is(err, want) {
			t.Fatalf("%v, expected %v", err, want)
		}
	}
	n := 0
	if w.get("select count(*) from _account where name = 'buyer:b1'", nil, &n); n != 1 || w.err != nil {
		t.Errorf("%d accounts, %v", n, w.err)
	}
}
