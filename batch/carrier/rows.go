// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clearpost/batch"
	"clearpost/reconcile"
)

// headerLines is within how many rows of a response the names of its columns stand.
const headerLines = 20

// Rows reads a response file to its end: either all of its rows, or what is wrong with it, by name and line. It is read
// as buyers' statements are.
func (f *Files) Rows(r *batch.Response, name string, text []byte) ([]batch.ResponseRow, error) {
	if len(text) > batch.ResponseBytesMax {
		return nil, fmt.Errorf("%s: expected at most %d bytes", name, batch.ResponseBytesMax)
	}
	text, err := r.Decrypt(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dir, err := os.MkdirTemp(f.dir, "response-") // what a crash leaves there is swept at the next start
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "rows")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	t, err := reconcile.Open(file, &reconcile.Mapping{Format: r.Format, Encoding: r.Encoding, Separator: r.Separator,
		Sheet: r.Sheet, Row: r.Row}, r.Columns.Optional()...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, unnamed(err))
	}
	defer t.Close()
	t.Name = name
	c, err := findColumns(t, &r.Columns)
	if err != nil {
		return nil, err
	}
	var out []batch.ResponseRow
	for {
		cells, line, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case len(out) == batch.ResponseRowsMax:
			return nil, fmt.Errorf("%s:%d: expected at most %d rows", name, line, batch.ResponseRowsMax)
		}
		out = append(out, c.row(cells, line))
	}
}

// unnamed takes from an error the name of the file in which the bytes stood while they were read.
func unnamed(err error) error {
	var at *reconcile.PlaceError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d: %w", at.Place, at.Err)
	}
	return err
}

// columns are where the columns of a response stand, from 0; -1: nowhere.
type columns struct{ lead, result, reason, reference, price int }

// findColumns reads to the line with the names of the columns. Where all columns are numbers there is none.
func findColumns(t *reconcile.File, spec *batch.ResponseColumnsSpec) (c columns, err error) {
	want := []struct {
		name string
		to   *int
	}{{spec.Lead, &c.lead}, {spec.Result, &c.result}, {spec.Reason, &c.reason}, {spec.Reference, &c.reference},
		{spec.Price, &c.price}}
	var named []string
	for _, w := range want {
		if *w.to = number(w.name); w.name != "" && *w.to < 0 {
			named = append(named, strconv.Quote(w.name))
		}
	}
	for n := 0; len(named) > 0; n++ {
		cells, _, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) || n == headerLines:
			return c, fmt.Errorf("%s: expected a line with the columns %s among the first %d", t.Name,
				strings.Join(named, ", "), headerLines)
		case err != nil:
			return c, err
		}
		at := map[string]int{}
		for i := len(cells) - 1; i >= 0; i-- {
			at[strings.ToLower(cells[i])] = i
		}
		all := true
		for _, w := range want {
			if w.name == "" || number(w.name) >= 0 {
				continue
			}
			i, ok := at[strings.ToLower(strings.TrimSpace(w.name))]
			*w.to, all = i, all && ok
		}
		if all {
			return c, nil
		}
	}
	return c, nil
}

// number is the place of a column that is called by it, as #3; -1: it is called otherwise.
func number(name string) int {
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "#")); err == nil && strings.HasPrefix(name, "#") && n > 0 {
		return n - 1
	}
	return -1
}

// row is a row by its cells.
func (c *columns) row(cells []string, line int64) batch.ResponseRow {
	cell := func(i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return said(cells[i])
	}
	out := batch.ResponseRow{Line: line, Lead: cell(c.lead), Result: cell(c.result), Reason: cell(c.reason),
		Reference: cell(c.reference)}
	if text := cell(c.price); text != "" {
		price, code, err := reconcile.ReadMoney(text, '.')
		if out.Price, out.Currency = &price, code; err != nil {
			out.Price, out.Bad = nil, "the price: "+err.Error()
		}
	}
	return out
}

// said is a copy of what a buyer says, cut to what is kept of it.
func said(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > batch.SaidBytesMax {
		s = strings.ToValidUTF8(s[:batch.SaidBytesMax], "")
	}
	return strings.Clone(s)
}
