// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"clearpost/ledger/report"
)

// exports looks whether the files of an exchange that has sold one lead have it, as Parquet and as CSV.
func exports(t *testing.T, dir string, l *report.Lead) {
	t.Helper()
	to := t.TempDir()
	must(t, "export", to, "-d", dir)
	for _, table := range exported {
		if _, err := os.Stat(filepath.Join(to, table.name+".parquet")); err != nil {
			t.Error(err)
		}
	}
	type sale struct {
		At      time.Time `parquet:"at,timestamp(microsecond),optional"`
		Attempt string    `parquet:"attempt,optional"`
		Buyer   string    `parquet:"buyer,optional"`
		Price   *int64    `parquet:"price_micros,optional"`
		Paid    *int64    `parquet:"paid,optional"`
	}
	a := &l.Attempts[0]
	rows, err := parquet.ReadFile[sale](filepath.Join(to, "sales.parquet"))
	if err != nil || len(rows) != 1 || rows[0].Attempt != a.ID.String() || rows[0].Buyer != a.Buyer ||
		*rows[0].Price != int64(a.Price) || rows[0].Paid != nil || rows[0].At.Sub(a.At).Abs() > time.Millisecond {
		t.Errorf("sales: %+v, %v, want %+v", rows, err, a)
	}
	type entry struct {
		Account string `parquet:"account,optional"`
		Amount  *int64 `parquet:"amount_micros,optional"`
		Attempt string `parquet:"attempt,optional"`
	}
	var zero int64
	entries, err := parquet.ReadFile[entry](filepath.Join(to, "journal.parquet"))
	for _, e := range entries {
		if zero += *e.Amount; e.Attempt != a.ID.String() {
			t.Errorf("journal: %+v", e)
		}
		if e.Account == "buyer:"+a.Buyer && *e.Amount != int64(a.Price) {
			t.Errorf("the journal has %d of %s, want %d", *e.Amount, e.Account, a.Price)
		}
	}
	if err != nil || len(entries) != 4 || zero != 0 {
		t.Errorf("journal: %+v, %v", entries, err)
	}
	must(t, "export", to, "--csv", "--table", "sales,refusals", "--until", "2020-01-01", "-d", dir)
	b, err := os.ReadFile(filepath.Join(to, "sales.csv"))
	if err != nil || strings.Count(string(b), "\n") != 1 || !strings.HasPrefix(string(b), "attempt,n,at,") {
		t.Errorf("sales before 2020: %q, %v", b, err)
	}
	if b, err = os.ReadFile(filepath.Join(to, "refusals.csv")); err != nil || !strings.Contains(string(b),
		"invalid_phone") {
		t.Errorf("refusals: %q, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(to, ".export-*")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestRangesOfExports(t *testing.T) {
	for _, c := range [][4]string{{"at", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z",
		" where at >= '2026-11-01T04:00:00.000Z' and at < '2026-12-01T05:00:00.000Z'"},
		{"day", "2026-11-01T00:00:00Z", "", " where day >= '2026-11-01'"}, {"", "2026-11-01T00:00:00Z", "", ""},
		{"at", "", "", ""}} {
		if got := rangeIn(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%q: %s", c, got)
		}
	}
	// the hour of bids is within its range, and not in the one that ends with it
	if hour := "2026-11-01T04:00Z"; hour < "2026-11-01T04:00:00.000Z" {
		t.Errorf("%s is left out", hour)
	}
}

// A value that is none of its column's kind is told; what there is no value of is null.
func TestParquetKinds(t *testing.T) {
	columns, row, end := parquetRows(io.Discard, "sales")
	if err := columns([]string{"at", "n", "buyer", "price_micros"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		row []any
		ok  bool
	}{{[]any{"2026-11-01T04:00:00.123Z", int64(1), "b", int64(2)}, true}, {[]any{nil, nil, nil, nil}, true},
		{[]any{"2026-11-01T04:00Z", int64(1), "", int64(2)}, true}, {[]any{"yesterday", int64(1), "b", int64(2)},
			false},
		{[]any{"2026-11-01T04:00:00Z", "1", "b", int64(2)}, false}, {[]any{nil, nil, int64(1), nil}, false}} {
		if err := row(c.row); (err == nil) != c.ok {
			t.Errorf("%v: %v", c.row, err)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, _, end = parquetRows(io.Discard, "sales"); end() != nil {
		t.Error("nothing was begun, and it does not end")
	}
	if out := fmt.Sprint(parquetKind("sales", "returned"), parquetKind("sales", "refusal"),
		parquetKind("attempts", "took_us"), parquetKind("returns", "until"), parquetKind("refusals", "number"),
		parquetKind("statements", "number")); out != "1 0 1 2 1 0" {
		t.Error(out)
	}
}
