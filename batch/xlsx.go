// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"errors"

	"github.com/xuri/excelize/v2"
)

// writeXLSX writes rows into the first sheet of a workbook. Every value is a text: a ZIP code keeps its zeros, and
// nothing is a formula.
func (b *Batch) writeXLSX(rows []string) (out []byte, err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return nil, err
	}
	line, cells := make([]string, len(b.Columns)), make([]any, len(b.Columns))
	put := func(n int, values []string) error {
		for i, v := range values {
			cells[i] = v
		}
		at, err := excelize.CoordinatesToCellName(1, n)
		if err != nil {
			return err
		}
		return w.SetRow(at, cells)
	}
	if err := put(1, b.Columns); err != nil {
		return nil, err
	}
	for i, r := range rows {
		if err := b.values(r, line); err != nil {
			return nil, err
		}
		if err := put(i+2, line); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = f.Write(&buf)
	return buf.Bytes(), err
}
