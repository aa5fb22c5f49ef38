// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Kinds of columns of Parquet files.
const (
	parquetText = iota
	parquetInt
	parquetTime
)

// parquetInts are the columns of whole numbers whose names do not end in _micros or _us.
const parquetInts = " n test asked answered bids listed won leg rank status changes returned paid unpaid leads " +
	"quoted sold looked late torn capped posts accepted rejected not_sent unknown number replaces first_n hop " +
	"resubmitted later_sold unsold remediated seq line lines open up_to_seq used "

// parquetTimes are those of times.
const parquetTimes = " at answered_at last_at asked_at sale_at since until issued_at first_at "

// parquetKind is what a column of a table of reports has, by its name: the same whatever rows there are.
func parquetKind(table, column string) int {
	switch name := " " + column + " "; {
	case table == "statements" && column == "number":
		return parquetText
	case strings.HasSuffix(column, "_micros"), strings.HasSuffix(column, "_us"), strings.Contains(parquetInts, name):
		return parquetInt
	case strings.Contains(parquetTimes, name):
		return parquetTime
	}
	return parquetText
}

// parquetRowsMax is how many rows are in memory at a time.
const parquetRowsMax = 50_000

// parquetRows writes rows to a Parquet file. Each column may be null.
func parquetRows(to io.Writer, table string) (columns func([]string) error, row func([]any) error, end func() error) {
	var w *parquet.GenericWriter[any]
	var kinds, index []int
	var names []string
	columns = func(list []string) error {
		group := parquet.Group{}
		for _, name := range list {
			node := parquet.String()
			switch parquetKind(table, name) {
			case parquetInt:
				node = parquet.Int(64)
			case parquetTime:
				node = parquet.Timestamp(parquet.Microsecond)
			}
			group[name] = parquet.Optional(node)
		}
		schema := parquet.NewSchema("clearpost", group)
		for _, name := range list {
			leaf, ok := schema.Lookup(name)
			if !ok {
				return fmt.Errorf("no column %s", name)
			}
			index, kinds = append(index, leaf.ColumnIndex), append(kinds, parquetKind(table, name))
		}
		names = list
		w = parquet.NewGenericWriter[any](to, schema, parquet.Compression(&zstd.Codec{}),
			parquet.MaxRowsPerRowGroup(parquetRowsMax))
		return nil
	}
	one := []parquet.Row{nil}
	row = func(values []any) error {
		if one[0] == nil {
			one[0] = make(parquet.Row, len(values))
		}
		for i, v := range values {
			p, err := parquetValue(kinds[i], v)
			if err != nil {
				return fmt.Errorf("column %s: %w", names[i], err)
			}
			defined := 1
			if p.IsNull() {
				defined = 0
			}
			one[0][index[i]] = p.Level(0, defined, index[i])
		}
		_, err := w.WriteRows(one)
		return err
	}
	return columns, row, func() error {
		if w == nil {
			return nil // there were no columns: the statement failed
		}
		return w.Close()
	}
}

func parquetValue(kind int, v any) (parquet.Value, error) {
	switch v := v.(type) {
	case nil:
		return parquet.NullValue(), nil
	case int64:
		if kind == parquetInt {
			return parquet.Int64Value(v), nil
		}
	case string:
		switch kind {
		case parquetText:
			return parquet.ByteArrayValue([]byte(v)), nil
		case parquetTime:
			for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z"} {
				if t, err := time.Parse(layout, v); err == nil {
					return parquet.Int64Value(t.UnixMicro()), nil
				}
			}
		}
	}
	return parquet.Value{}, fmt.Errorf("%v (%T) is not of its kind", v, v)
}
