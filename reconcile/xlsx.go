// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// xlsxTable reads one sheet of a workbook, row by row. Values are as they are kept, not as they are shown: numbers with
// all their digits, days as numbers.
type xlsxTable struct {
	book *excelize.File
	rows *excelize.Rows
	h    *os.File
	n    int64
}

// Bounds of workbooks, in bytes: unpacked in all, and what of one part stays in memory; the rest goes to files.
const (
	unpackedMax = 4 << 30
	partMemory  = 16 << 20
)

func (f *File) openXLSX(path string, h *os.File) (err error) {
	defer func() {
		if r := recover(); r != nil { // the library reads what strangers write
			err = fmt.Errorf("the workbook cannot be read: %v", r)
		}
	}()
	opt := excelize.Options{RawCellValue: true, UnzipSizeLimit: unpackedMax, UnzipXMLSizeLimit: partMemory}
	book, err := excelize.OpenFile(path, opt)
	if err != nil {
		return fmt.Errorf("the workbook cannot be read: %w", err)
	}
	sheets := book.GetSheetList()
	if f.Sheet == "" {
		if f.Sheet, err = largest(book, sheets); err != nil {
			return errors.Join(err, book.Close())
		}
	} else if !slices.Contains(sheets, f.Sheet) {
		return errors.Join(fmt.Errorf("no sheet %q: expected one of %s", f.Sheet, strings.Join(sheets, ", ")),
			book.Close())
	}
	if p, err := book.GetWorkbookProps(); err == nil && p.Date1904 != nil {
		f.From1904 = *p.Date1904
	}
	rows, err := book.Rows(f.Sheet)
	if err != nil {
		return errors.Join(err, book.Close())
	}
	f.table = &xlsxTable{book: book, rows: rows, h: h}
	return nil
}

// largest is the sheet that can be seen and of whose first rows the most have several cells.
func largest(book *excelize.File, sheets []string) (string, error) {
	best, most := "", -1
	for _, s := range sheets {
		if visible, err := book.GetSheetVisible(s); err != nil || !visible {
			continue
		}
		rows, err := book.Rows(s)
		if err != nil {
			continue // a chart
		}
		n := 0
		for i := 0; i < SampleRows && rows.Next(); i++ {
			if cells, err := rows.Columns(); err == nil && len(cells) > 1 {
				n++
			}
		}
		rows.Close()
		if n > most {
			best, most = s, n
		}
	}
	if best == "" {
		return "", errors.New("the workbook has no sheet with rows")
	}
	return best, nil
}

func (t *xlsxTable) next() (cells []string, place int64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the workbook cannot be read: %v", r)
		}
	}()
	if !t.rows.Next() {
		if err := t.rows.Error(); err != nil {
			return nil, t.n + 1, err
		}
		return nil, t.n, io.EOF
	}
	t.n++
	cells, err = t.rows.Columns()
	for i, c := range cells {
		if len(c) > 1 && c[0] == '#' && (strings.HasSuffix(c, "!") || strings.HasSuffix(c, "?") || c == "#N/A") {
			cells[i] = "" // a formula that came to nothing
		}
	}
	return cells, t.n, err
}

func (t *xlsxTable) close() error { return errors.Join(t.rows.Close(), t.book.Close(), t.h.Close()) }
