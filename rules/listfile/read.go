// SPDX-License-Identifier: Apache-2.0

package listfile

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a file.
const (
	LineMax     = 4096        // bytes of a line
	EntriesMax  = 100_000_000 // lines with a value
	MistakesMax = 10          // that are told
)

// Mistake is a line that is wrong, counted from 1; 0 is the file as a whole.
type Mistake struct {
	Line     int
	Value    string // what stands there, shortened
	Expected string
}

// How a file is read.
type How struct {
	Sum Sum
	// Normal appends the normal text of a value as it stands in a plain file, or says what was expected of it.
	Normal func(dst, value []byte) (normal []byte, expected string)
	// Size is how many bytes the file has, as far as it is known: room is made by it.
	Size int64
	// Progress hears now and then how many bytes have been read. It may be nil.
	Progress func(bytes int64)
}

// someRead is how many values are kept as they are, while a file is read.
const someRead = 4 * SmallMax

// progressEvery is after how many lines Progress is called.
const progressEvery = 1 << 16

// Read reads a file: one value a line, in UTF-8, with any ends of lines. Space around a value does not count, nor do
// empty lines and lines that begin with #. The error is the reader's own; there is no set where any line is wrong.
func Read(r io.Reader, how How) (*Set, []Mistake, error) {
	f := file{How: how, in: bufio.NewReaderSize(r, LineMax+2)}
	for {
		line, err := f.next()
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		f.line(line)
		if len(f.mistakes) == MistakesMax || f.over {
			break
		}
	}
	if f.Progress != nil {
		f.Progress(f.read)
	}
	if len(f.mistakes) > 0 {
		return nil, f.mistakes, nil
	}
	s := newSet(how.Sum, f.keys)
	if slices.Sort(f.some); s.Len() <= SmallMax {
		s.values = slices.Clip(slices.Compact(f.some))
	} else {
		s.values = slices.Clone(f.some[:min(someMax, len(f.some))])
	}
	return s, nil, nil
}

// file is one on the way.
type file struct {
	How
	in       *bufio.Reader
	at       int   // line
	read     int64 // bytes
	keys     []key
	normal   []byte
	some     []string // the first values that differ from the one before
	mistakes []Mistake
	over     bool // it has too many entries
}

// next is the next line with its end. Of a line that is too long it is as much as there is room for, and the rest is
// passed over. At the end of the file it comes with io.EOF, and may be empty.
func (f *file) next() ([]byte, error) {
	line, err := f.in.ReadSlice('\n')
	f.read += int64(len(line))
	f.at++
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			var more []byte
			more, err = f.in.ReadSlice('\n')
			f.read += int64(len(more))
		}
	}
	if f.Progress != nil && f.at%progressEvery == 0 {
		f.Progress(f.read)
	}
	return line, err
}

func (f *file) bad(value []byte, expected string) {
	const most = 60
	if len(value) > most {
		value = append(bytes.Clone(value[:most]), "…"...)
	}
	f.mistakes = append(f.mistakes, Mistake{f.at, string(bytes.ToValidUTF8(value, []byte("?"))), expected})
}

// line takes the value of a line, if it has one.
func (f *file) line(line []byte) {
	if f.at == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
		if bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) {
			f.bad(nil, "UTF-8, not UTF-16")
			f.over = true
			return
		}
	}
	value := bytes.TrimSpace(line)
	switch {
	case len(value) == 0 || value[0] == '#':
		return
	case len(value) > LineMax:
		f.bad(value, fmt.Sprintf("at most %d bytes in a line", LineMax))
		return
	case len(f.keys) == EntriesMax:
		f.bad(value, fmt.Sprintf("at most %d values", EntriesMax))
		f.over = true
		return
	}
	if len(f.keys) == 4096 && f.Size > 0 { // the lines so far tell about how many there will be
		if all := f.Size * 4096 / max(f.read, 1) * 26 / 25; all < EntriesMax && all > 4096 {
			f.keys = append(make([]key, 0, all), f.keys...)
		}
	}
	if f.Sum == Plain {
		f.plain(value)
		return
	}
	f.summed(value)
}

func (f *file) plain(value []byte) {
	normal, expected := f.Normal(f.normal[:0], value)
	f.normal = normal
	if expected == "" {
		f.keys = append(f.keys, Plain.of(normal))
		if n := len(f.some); n <= someRead && (n == 0 || f.some[n-1] != string(normal)) {
			f.some = append(f.some, string(normal))
		}
		return
	}
	for sum := MD5; sum <= SHA256; sum++ {
		if len(value) == hex.EncodedLen(sum.size()) && isHex(value) {
			expected += ", or `hashed: " + sum.String() + "` where these are sums"
		}
	}
	f.bad(value, expected)
}

func (f *file) summed(value []byte) {
	var b [64]byte
	size := f.Sum.size()
	if len(value) != hex.EncodedLen(size) {
		f.bad(value, fmt.Sprintf("the %s of a value, of %d hexadecimal digits", f.Sum, hex.EncodedLen(size)))
		return
	}
	if _, err := hex.Decode(b[:], value); err != nil {
		f.bad(value, fmt.Sprintf("hexadecimal digits, the %s of a value", f.Sum))
		return
	}
	f.keys = append(f.keys, keyOf(b[:size]))
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
