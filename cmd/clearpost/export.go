// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/ledger/report"
)

type exportCmd struct {
	target
	To      string   `arg:"" help:"Directory for the files, made if it is not there. A file of a table that is there is replaced when the new one is whole." type:"path"`
	Table   []string `help:"Only these tables, with commas: leads, bids, attempts, sales, returns, adjustments, payments, journal, statements, caps, days, sub_ids, refusals." placeholder:"TABLE"`
	CSV     bool     `name:"csv" help:"CSV in place of Parquet." xor:"as"`
	Parquet bool     `help:"Parquet, which is the standard." xor:"as"`
	times
}

// Help implements kong.HelpProvider.
func (exportCmd) Help() string {
	return `Writes the tables of reports (docs/reference/report-tables.md) to files, a file a table, of a range of time: leads by the time of the ping,
attempts and sales by that of the attempt, bids by the hour, returns, adjustments, payments and the journal by the time of the event (of
returns the last one), statements by when they were issued, caps by the first event that counts in a window, days by the day of UTC; sub_ids and refusals have no time and are whole. It works in a process of its own, beside an exchange that runs or not, and must be called on its machine. In Parquet times are timestamps with
microseconds (UTC) and amounts integers of millionths.

Examples:
  clearpost export /srv/export --since 2026-11-01 --until 2026-12-01 --zone America/New_York
  clearpost export . --table sales,attempts --csv --since 7d
  duckdb -c "select buyer, sum(price_micros) / 1e6 from '/srv/export/sales.parquet' group by buyer"`
}

// exported are the tables, and the column that tells the time.
var exported = []struct{ name, time string }{{"leads", "at"}, {"bids", "at"}, {"attempts", "at"}, {"sales", "at"},
	{"returns", "at"}, {"adjustments", "at"}, {"payments", "at"}, {"journal", "at"}, {"statements", "issued_at"},
	{"caps", "first_at"},
	{"days", "day"}, {"sub_ids", ""}, {"refusals", ""}}

func exportedNames() (out []string) {
	for _, t := range exported {
		out = append(out, t.name)
	}
	return out
}

// Run exports.
func (c *exportCmd) Run(e *env) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	for _, name := range c.Table {
		if !slices.ContainsFunc(exported, func(t struct{ name, time string }) bool { return t.name == name }) {
			return fmt.Errorf("--table %s: expected one of %s", name, strings.Join(exportedNames(), ", "))
		}
	}
	var s report.Status
	err = c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		return o.call(e.ctx, "GET", "/v1/view", nil, &s)
	})
	if err != nil {
		return err
	}
	if s.Behind > 0 {
		fmt.Fprintf(e.err, "note: the last %d events are not in it yet\n", s.Behind)
	}
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return err
	}
	for _, t := range exported {
		if len(c.Table) > 0 && !slices.Contains(c.Table, t.name) {
			continue
		}
		name := t.name + ".parquet"
		if c.CSV {
			name = t.name + ".csv"
		}
		text := "select * from " + t.name + rangeIn(t.time, since, until)
		n, err := c.write(e.ctx, s.Path, t.name, text, filepath.Join(c.To, name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(e.out, "%s: %d rows\n", name, n)
	}
	return nil
}

// rangeIn limits a column of times as the tables write them. since and until are RFC 3339 in UTC, or "".
func rangeIn(column, since, until string) string {
	var out []string
	for _, limit := range [][2]string{{">=", since}, {"<", until}} {
		at, err := time.Parse(time.RFC3339, limit[1])
		if column == "" || err != nil {
			continue
		}
		text := at.UTC().Format("2006-01-02T15:04:05.000Z")
		if column == "day" {
			text = text[:len(time.DateOnly)]
		}
		out = append(out, column+" "+limit[0]+" '"+text+"'")
	}
	if len(out) == 0 {
		return ""
	}
	return " where " + strings.Join(out, " and ")
}

// write writes what a statement gives into a file, which is there when it is whole only.
func (c *exportCmd) write(ctx context.Context, db, table, text, path string) (n int, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // it is gone where all went well
	defer f.Close()
	var columns func([]string) error
	var row func([]any) error
	var end func() error
	if c.CSV {
		w := csv.NewWriter(f)
		columns, row = w.Write, func(values []any) error { return w.Write(texts(values)) }
		end = func() error { w.Flush(); return w.Error() }
	} else {
		columns, row, end = parquetRows(f, table)
	}
	err = report.SQL(ctx, db, text, columns, func(values []any) error {
		n++
		return row(values)
	})
	if err := errors.Join(err, end()); err != nil {
		return n, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(f.Name(), path)
}
