// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"io"
	"strings"
)

// objects are rows that each say what their cells are called. The names are those of the first rows, and those that may
// come later: they are the first row.
type objects struct {
	read  func(each func(name, value string)) error // the next one; io.EOF: there is none
	n     int64                                     // objects so far
	names []string
	at    map[string]int
	later map[string]int // names that may come later, in small letters
	told  bool           // the names
	early [][]cell
	row   []string
}

// cell is one of an object.
type cell struct{ name, value string }

// begin reads the first objects, for the names.
func (t *objects) begin(f *File, optional []string) error {
	t.at, t.later = map[string]int{}, map[string]int{}
	for len(t.early) < SampleRows {
		var o []cell
		err := t.read(func(name, value string) {
			o = append(o, cell{name, value})
			if _, ok := t.at[name]; !ok && len(t.names) < ColumnsMax {
				t.at[name] = len(t.names)
				t.names = append(t.names, name)
			}
		})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f.rowErr(int64(len(t.early)+1), err)
		}
		t.early = append(t.early, o)
	}
	have := map[string]bool{}
	for _, n := range t.names {
		have[strings.ToLower(n)] = true
	}
	for _, n := range optional {
		if low := strings.ToLower(n); !have[low] && len(t.early) > 0 {
			have[low] = true
			t.later[low] = len(t.names)
			t.names = append(t.names, n)
		}
	}
	return nil
}

func (t *objects) next() ([]string, int64, error) {
	if !t.told {
		t.told = true
		return append([]string(nil), t.names...), 0, nil
	}
	t.row = append(t.row[:0], make([]string, len(t.names))...)
	if len(t.early) > 0 {
		for _, c := range t.early[0] {
			t.set(c.name, c.value)
		}
		t.early = t.early[1:]
	} else if err := t.read(t.set); err != nil {
		return nil, t.n + 1, err
	}
	t.n++
	return t.row, t.n, nil
}

func (t *objects) set(name, value string) {
	i, ok := t.at[name]
	if !ok {
		i, ok = t.later[strings.ToLower(name)]
	}
	if ok {
		t.row[i] = value
	}
}
