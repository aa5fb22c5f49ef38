// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

// FuzzStatement reads whatever somebody may send: it ends, with rows or with an error that names the file; a file in
// gzip is what is in it; and what was guessed reads the same when it is given as a mapping.
func FuzzStatement(f *testing.F) {
	seeds, err := os.ReadFile("testdata/statements")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range strings.Split(string(seeds), "\nguess\n") {
		text, _, _ := strings.Cut(s, "----\n")
		f.Add([]byte(text))
	}
	f.Add([]byte("\xff\xfea\x00;\x00b\x00"))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("<?xml version='1.0'?><a><r i='1'><s>paid</s><p>12.50</p></r><r i='2'><s>void</s></r></a>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "statement")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, path, &Mapping{Zone: "America/New_York"}, nil)
		if i := strings.Index(got, "---"); i >= 0 {
			return
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) || bytes.HasPrefix(b, []byte("PK\x03\x04")) {
			return
		}
		if err := os.WriteFile(path, z.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if again := readAll(t, path, &Mapping{Zone: "America/New_York"}, nil); again != got {
			t.Errorf("in gzip:\n%s\nwithout:\n%s", again, got)
		}
	})
}

// FuzzMoney: whatever is read as an amount can be written and read again as the same, and under the other sign of
// decimals it is the same, refused, or told apart by its separators.
func FuzzMoney(f *testing.F) {
	for _, s := range []string{"$1,234.50", "1.234,50 €", "(12.00)", "12-", "1e3", "27.499999999999996", "1'000",
		"1.234", "−5", "CR 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, _, err := ReadMoney(s, '.')
		if m > lead.MoneyMax || m < -lead.MoneyMax {
			t.Fatalf("%q: %s", s, m)
		}
		if err == nil {
			if again, _, err := ReadMoney(m.String(), '.'); err != nil || again != m {
				t.Errorf("%q is %s, and that is %s, %v", s, m, again, err)
			}
		}
		n, _, err2 := ReadMoney(s, ',')
		if err == nil && err2 == nil && m != n && !strings.ContainsAny(s, ".,") {
			t.Errorf("%q: %s and %s", s, m, n)
		}
	})
}

// FuzzDates: a time that is read lies in the years that are taken, does not end before it begins, and comes back when
// it is written in ISO's form.
func FuzzDates(f *testing.F) {
	for _, s := range []string{"10/03/2026 2:05 PM", "3 Oct 2026", "46298.58", "2026-10-03T14:05:09Z", "1790949909",
		"1000000000001", "2026-10-03 14:05:09.250"} {
		f.Add(s, uint8(0))
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string, order uint8) {
		d := &Dates{Order: Orders[int(order)%len(Orders)], Zone: zone}
		got, err := d.Read(s)
		if err != nil {
			if !errors.Is(err, errDate) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		took := got.To.Sub(got.From)
		if y := got.From.Year(); y < 1970 || y > yearMax+1 || took <= 0 || took > 25*time.Hour {
			t.Errorf("%q: %s to %s", s, got.From, got.To)
		}
		again, err := d.Read(got.From.Format(time.RFC3339))
		if err == nil && !again.From.Equal(got.From) || err != nil && got.From.Year() >= yearMin {
			t.Errorf("%q: %s, then %s, %v", s, got.From, again.From, err)
		}
	})
}
