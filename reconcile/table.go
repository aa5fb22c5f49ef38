// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Formats of statements.
const (
	CSV   = "csv" // with any separator: TSV too
	XLSX  = "xlsx"
	JSON  = "json"  // an array of objects, maybe within an object
	Lines = "jsonl" // an object a line
	XML   = "xml"   // an element a row
)

// Formats are those that a mapping may name.
var Formats = []string{CSV, XLSX, JSON, Lines, XML}

// table is a file of rows.
type table interface {
	// next is the next row; its cells are good until the one after. place is its line, or its number in a workbook or a
	// list of objects, from 1. io.EOF ends the table.
	next() (cells []string, place int64, err error)
	close() error
}

// File is a statement that is open for reading. It is one goroutine's.
type File struct {
	table
	Name   string // for messages
	Format string
	// as they were found out or given
	Encoding  string // of text
	Separator string // of CSV
	Sheet     string // of a workbook
	// From1904 is of a workbook: how its days count
	From1904 bool

	size int64
	read *counted
}

// PlaceError is something wrong in a statement, and where: the line or row, and the column where it has a name.
type PlaceError struct {
	File   string
	Place  int64
	Column string
	Err    error
}

// Error implements error.
func (e *PlaceError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Place, e.Err)
	}
	return fmt.Sprintf("%s:%d: column %q: %v", e.File, e.Place, e.Column, e.Err)
}

// Unwrap implements errors.
func (e *PlaceError) Unwrap() error { return e.Err }

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Progress is how much of the file was read, in bytes. Of a workbook it is not known, and both are 0.
func (f *File) Progress() (read, size int64) {
	if f.read == nil {
		return 0, 0
	}
	return f.read.n, f.size
}

// peekBytes is how much of a file is looked at to tell what it is.
const peekBytes = 64 << 10

// Open opens a statement as the mapping says, and finds out what it does not say. A file in gzip is read as what is in
// it. Of JSON and XML the columns that are optional need not stand in the first rows, or in any.
func Open(path string, m *Mapping, optional ...string) (*File, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{Name: filepath.Base(path), Format: m.Format, Encoding: m.Encoding, Separator: m.Separator,
		Sheet: m.Sheet}
	if err := f.open(h, path, m, optional); err != nil {
		h.Close()
		var at *PlaceError
		if errors.As(err, &at) {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return f, nil
}

func (f *File) open(h *os.File, path string, m *Mapping, optional []string) error {
	info, err := h.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("expected a regular file")
	}
	f.size, f.read = info.Size(), &counted{r: h}
	b := bufio.NewReaderSize(f.read, peekBytes)
	head, _ := b.Peek(4)
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		b = bufio.NewReaderSize(z, peekBytes)
		head, _ = b.Peek(4)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return errors.New("a workbook of the old kind (.xls) or with a password: save it as .xlsx or CSV without one")
	case f.Format == "" && bytes.HasPrefix(head, []byte("PK\x03\x04")):
		f.Format = XLSX
	case bytes.HasPrefix(head, []byte("%PDF")):
		return errors.New("a PDF has no rows: ask for the statement as CSV, XLSX, JSON or XML")
	}
	if f.Format == XLSX {
		f.read = nil
		f.Encoding, f.Separator = "", ""
		return f.openXLSX(path, h)
	}
	f.Sheet = ""
	text, err := f.decoded(b)
	if err != nil {
		return err
	}
	if f.Format == "" {
		switch f.Format = CSV; {
		case looksLikeJSON(text):
			f.Format = JSON // or lines of it
		case looksLikeXML(text):
			f.Format = XML
		}
	}
	switch f.Format {
	case CSV:
		return f.openCSV(text, h)
	case XML:
		f.Separator = ""
		return f.openXML(text, h, m, optional)
	}
	f.Separator = ""
	return f.openJSON(text, h, optional)
}

// looksLikeJSON tells by the first signs of a text.
func looksLikeJSON(r *bufio.Reader) bool {
	head, _ := r.Peek(4096)
	s := strings.TrimLeft(string(head), " \t\r\n")
	if s == "" {
		return false
	}
	rest := strings.TrimLeft(s[1:], " \t\r\n")
	switch s[0] {
	case '{':
		return rest == "" || rest[0] == '"' || rest[0] == '}'
	case '[':
		return rest == "" || rest[0] == '{' || rest[0] == ']'
	}
	return false
}

// rowErr puts a place to what was wrong with a row.
func (f *File) rowErr(place int64, err error) error {
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	var at *PlaceError
	if errors.As(err, &at) {
		return err
	}
	return &PlaceError{File: f.Name, Place: place, Err: err}
}

// Next is the next row that has anything in it.
func (f *File) Next() (cells []string, place int64, err error) {
	for {
		cells, place, err = f.next()
		if err != nil {
			return nil, place, f.rowErr(place, err)
		}
		if len(cells) > ColumnsMax {
			return nil, place, f.rowErr(place, fmt.Errorf("%d columns: expected at most %d", len(cells), ColumnsMax))
		}
		for i, c := range cells {
			cells[i] = clean(c)
		}
		if !blank(cells) {
			return cells, place, nil
		}
	}
}

// Close closes the file.
func (f *File) Close() error { return f.close() }

func blank(cells []string) bool {
	for _, c := range cells {
		if c != "" {
			return false
		}
	}
	return true
}

// clean takes from a cell what cannot be seen: spaces of all kinds around it, marks of order and the apostrophe by
// which spreadsheets keep numbers as text; and the ="..." by which others do.
func clean(s string) string {
	s = strings.TrimFunc(s, unseen)
	if strings.HasPrefix(s, `="`) && strings.HasSuffix(s, `"`) && len(s) > 3 {
		s = s[2 : len(s)-1]
	}
	if len(s) > 1 && s[0] == '\'' {
		s = strings.TrimSuffix(s[1:], "'")
	}
	return strings.TrimFunc(s, unseen)
}

func unseen(r rune) bool {
	switch r {
	case ' ', '\t', '\r', '\n', 0, '\u00a0', '\u202f', '\u2007', '\u3000', '\ufeff', '\u200b', '\u200e', '\u200f':
		return true
	}
	return false
}
