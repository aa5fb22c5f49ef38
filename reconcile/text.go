// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decoded makes UTF-8 of a text: by its mark of order, by its encoding as given, by zeros between its letters, else as
// UTF-8 if its beginning is that, else as Windows-1252.
func (f *File) decoded(b *bufio.Reader) (*bufio.Reader, error) {
	head, err := b.Peek(peekBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var enc encoding.Encoding
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := b.Discard(3)
		f.Encoding = "utf-8"
		return b, err
	case bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")):
		f.Encoding, enc = "utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case f.Encoding != "":
		if enc, err = htmlindex.Get(f.Encoding); err != nil {
			return nil, fmt.Errorf("encoding: expected a name such as utf-8, windows-1252 or utf-16le, found %q",
				f.Encoding)
		}
		if strings.EqualFold(f.Encoding, "utf-8") || strings.EqualFold(f.Encoding, "utf8") {
			return b, nil
		}
	case zeros(head, 1):
		f.Encoding, enc = "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case zeros(head, 0):
		f.Encoding, enc = "utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case validUTF8(head):
		f.Encoding = "utf-8"
		return b, nil
	default:
		f.Encoding, enc = "windows-1252", charmap.Windows1252
	}
	return bufio.NewReaderSize(enc.NewDecoder().Reader(b), peekBytes), nil
}

// zeros tells whether every other byte is mostly a zero.
func zeros(head []byte, at int) bool {
	n := 0
	for i := at; i < len(head); i += 2 {
		if head[i] == 0 {
			n++
		}
	}
	return n > len(head)/4
}

// validUTF8 takes a text that ends within a sign for valid.
func validUTF8(b []byte) bool {
	for cut := range min(utf8.UTFMax, len(b)+1) {
		if utf8.Valid(b[:len(b)-cut]) {
			return true
		}
	}
	return false
}

// csvTable reads CSV.
type csvTable struct {
	r     *csv.Reader
	left  *limited
	h     *os.File
	lines int64 // that stood before what r reads
	most  int   // columns of the rows so far
}

// limited refuses a row that does not end, such as one with a quote that is not closed.
type limited struct {
	r    io.Reader
	left int
}

var errRecord = fmt.Errorf("a row of more than %d bytes: is a quote not closed?", RecordMax)

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRecord
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Separators are those that are guessed.
var separators = []rune{',', ';', '\t', '|', '^', '~'}

func (f *File) openCSV(b *bufio.Reader, h *os.File) error {
	t := &csvTable{h: h, left: &limited{r: b, left: RecordMax}}
	head, _ := b.Peek(peekBytes)
	if line, _, ok := bytes.Cut(head, []byte("\n")); ok {
		if sep, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("sep=")); ok && len(sep) == 1 {
			if _, err := b.Discard(len(line) + 1); err != nil {
				return err
			}
			t.lines, head = 1, head[len(line)+1:]
			if f.Separator == "" {
				f.Separator = string(sep)
			}
		}
	}
	switch f.Separator {
	case "":
		f.Separator = string(guessSeparator(head))
	case "tab", `\t`:
		f.Separator = "\t"
	}
	sep, n := utf8.DecodeRuneInString(f.Separator)
	if n != len(f.Separator) || sep == '"' || sep == '\n' || sep == '\r' || sep == utf8.RuneError {
		return fmt.Errorf("separator: expected one sign such as ; or tab, found %q", f.Separator)
	}
	t.r = newCSV(t.left, sep)
	f.table = t
	return nil
}

func newCSV(r io.Reader, sep rune) *csv.Reader {
	c := csv.NewReader(r)
	c.Comma, c.LazyQuotes, c.FieldsPerRecord, c.ReuseRecord = sep, true, -1, true
	return c
}

// guessSeparator takes the sign by which the most lines have the same number of columns.
func guessSeparator(head []byte) rune {
	if i := bytes.LastIndexByte(head, '\n'); i > 0 && len(head) == peekBytes {
		head = head[:i+1] // whole lines
	}
	best, most := ',', 0
	for _, sep := range separators {
		counts, n := map[int]int{}, 0
		for r := newCSV(bytes.NewReader(head), sep); n < 200; n++ {
			rec, err := r.Read()
			if err != nil {
				break
			}
			counts[len(rec)]++
		}
		for columns, rows := range counts {
			// more columns are better, if as many lines have them
			if score := rows * min(columns-1, 3); columns > 1 && score > most {
				best, most = sep, score
			}
		}
	}
	return best
}

func (t *csvTable) next() ([]string, int64, error) {
	t.left.left = RecordMax
	rec, err := t.r.Read()
	if err != nil {
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, t.lines + int64(bad.StartLine), bad.Err
		}
		return nil, 0, err
	}
	line, _ := t.r.FieldPos(0)
	for i, c := range rec {
		if strings.Contains(c, "\n") && len(rec) < t.most {
			return nil, t.lines + int64(line), errors.New("a cell with the end of a line in it, and too few columns: " +
				"is a quote not closed?")
		}
		if !utf8.ValidString(c) { // signs of another encoding, after a beginning without any
			if s, err := charmap.Windows1252.NewDecoder().String(c); err == nil {
				rec[i] = s
			}
		}
	}
	t.most = max(t.most, len(rec))
	return rec, t.lines + int64(line), nil
}

func (t *csvTable) close() error { return t.h.Close() }
