// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/goccy/go-json"

	"clearpost/ledger/report"
)

type sqlCmd struct {
	target
	Statement string        `arg:"" help:"A select; - reads it from standard input."`
	For       time.Duration `help:"Give up after so long." default:"60s" placeholder:"D"`
	JSON      bool          `help:"Print a JSON object a row." xor:"as"`
	CSV       bool          `name:"csv" help:"Print CSV." xor:"as"`
}

// Help implements kong.HelpProvider.
func (sqlCmd) Help() string {
	return `Asks the view of the ledger that find and report read, in the SQL of SQLite. It reads only. It works in a process of its own, beside an
exchange that runs or not, and must be called on its machine. docs/reference/report-tables.md has the tables: leads, bids, attempts, sales,
refusals, sub_ids. Amounts are integers of millionths, times are UTC.

Examples:
  clearpost sql "select buyer, count(*), sum(price_micros) / 1e6 from sales group by buyer"
  clearpost sql "select campaign, refusal, sum(n) from bids where at >= '2026-11-01' group by 1, 2 order by 3 desc" --csv
  clearpost sql - --json < question.sql`
}

// statementMax bounds a statement that is read, in bytes.
const statementMax = 1 << 20

// Run asks.
func (c *sqlCmd) Run(e *env) error {
	text := c.Statement
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(e.in, statementMax+1))
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		if len(b) > statementMax {
			return fmt.Errorf("standard input: expected a statement of at most %d bytes", statementMax)
		}
		text = string(b)
	}
	if c.For <= 0 {
		return errors.New("--for: expected a time above 0")
	}
	var s report.Status
	err := c.with(e, func(o *ops) error {
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
	ctx, cancel := context.WithTimeout(e.ctx, c.For)
	defer cancel()
	columns, row, end := c.printer(e.out)
	err = report.SQL(ctx, s.Path, text, columns, row)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it was given up after %s (--for)", c.For)
	}
	return errors.Join(err, end())
}

// printer prints rows in the form that was asked for.
func (c *sqlCmd) printer(to io.Writer) (columns func([]string) error, row func([]any) error, end func() error) {
	switch {
	case c.JSON:
		return jsonRows(to)
	case c.CSV:
		w := csv.NewWriter(to)
		return w.Write, func(values []any) error { return w.Write(texts(values)) },
			func() error { w.Flush(); return w.Error() }
	}
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	line := func(cells []string) error {
		for _, s := range cells {
			fmt.Fprint(w, plain(s), "\t")
		}
		_, err := fmt.Fprintln(w)
		return err
	}
	return line, func(values []any) error { return line(texts(values)) }, w.Flush
}

// jsonRows prints objects whose keys stand in the order of the columns.
func jsonRows(to io.Writer) (columns func([]string) error, row func([]any) error, end func() error) {
	var names [][]byte
	columns = func(list []string) error {
		for _, s := range list {
			b, err := json.Marshal(s)
			if err != nil {
				return err
			}
			names = append(names, b)
		}
		return nil
	}
	row = func(values []any) error {
		out := []byte{'{'}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = fmt.Sprintf("%x", b)
			}
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, names[i]...), ':'), b...)
		}
		_, err := to.Write(append(out, '}', '\n'))
		return err
	}
	return columns, row, func() error { return nil }
}

// plain is a text of sellers or buyers as it is shown to a person: on one line, and without what a terminal acts on.
func plain(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// texts are values as text; what is not there is empty, and bytes are hexadecimal.
func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case []byte:
			out[i] = fmt.Sprintf("%x", v)
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}
