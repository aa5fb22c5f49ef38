// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tidwall/gjson"
)

// jsonTable reads objects, one after the other. Its first row has their keys; what is nested is named with dots.
type jsonTable struct {
	objects
	b   *bufio.Reader
	h   *os.File
	buf []byte
}

// openJSON finds the objects: lines of them, an array, or the first array of objects within an object.
func (f *File) openJSON(b *bufio.Reader, h *os.File, optional []string) error {
	t := &jsonTable{b: b, h: h}
	if err := f.toRows(t); err != nil {
		return err
	}
	t.objects.read = func(each func(name, value string)) error {
		o, err := t.object()
		if err == nil {
			flatten(gjson.ParseBytes(o), "", 0, each)
		}
		return err
	}
	if err := t.begin(f, optional); err != nil {
		return err
	}
	if len(t.early) == 0 {
		return errors.New("expected objects: an array of them, or one a line")
	}
	f.table = t
	return nil
}

// toRows goes to where objects follow each other.
func (f *File) toRows(t *jsonTable) error {
	c, err := t.sign()
	if err != nil {
		return errors.New("expected objects: an array of them, or one a line")
	}
	if f.Format == Lines || c == '{' && !t.wraps() {
		f.Format = Lines
		return nil
	}
	f.Format = JSON
	// the first [ before which a { stands next: texts are passed over
	for {
		c, err := t.b.ReadByte()
		if err != nil {
			return errors.New("expected an array of objects")
		}
		switch c {
		case '"':
			if err := t.text(nil); err != nil {
				return err
			}
		case '[':
			if c, err := t.sign(); err == nil && (c == '{' || c == ']') {
				return nil
			}
		}
	}
}

// wraps tells of a file that begins with { whether the rows are in an array within, rather than one a line: the first
// object does not end soon, or nothing follows it and an array of objects is in it.
func (t *jsonTable) wraps() bool {
	head, _ := t.b.Peek(peekBytes)
	depth, quoted := 0, false
	for i := 0; i < len(head); i++ {
		switch c := head[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth > 0 {
				continue
			}
			if rest := strings.TrimLeft(string(head[i+1:]), " \t\r\n,"); rest != "" {
				return false
			}
			one := gjson.ParseBytes(head[:i+1])
			found := false
			one.ForEach(func(_, v gjson.Result) bool {
				found = hasRows(v, 0)
				return !found
			})
			return found
		}
	}
	return true
}

func hasRows(v gjson.Result, depth int) bool {
	if v.IsArray() {
		first := v.Get("0")
		return first.IsObject()
	}
	found := false
	if v.IsObject() && depth < nestedMax {
		v.ForEach(func(_, v gjson.Result) bool {
			found = hasRows(v, depth+1)
			return !found
		})
	}
	return found
}

// sign passes over spaces and commas and looks at what comes then.
func (t *jsonTable) sign() (byte, error) {
	for {
		c, err := t.b.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != ',' {
			return c, t.b.UnreadByte()
		}
	}
}

// text reads a text to its end; its first quote was read.
func (t *jsonTable) text(add func(byte) error) error {
	for {
		c, err := t.b.ReadByte()
		if err != nil {
			return fmt.Errorf("a text does not end: %w", io.ErrUnexpectedEOF)
		}
		if add != nil {
			if err := add(c); err != nil {
				return err
			}
		}
		switch c {
		case '"':
			return nil
		case '\\':
			if c, err = t.b.ReadByte(); err != nil {
				return fmt.Errorf("a text does not end: %w", io.ErrUnexpectedEOF)
			}
			if add != nil {
				if err := add(c); err != nil {
					return err
				}
			}
		}
	}
}

// object reads the next object; io.EOF where the rows end.
func (t *jsonTable) object() ([]byte, error) {
	c, err := t.sign()
	if err != nil || c == ']' {
		return nil, io.EOF
	}
	if c != '{' {
		return nil, fmt.Errorf("expected an object, found %q", c)
	}
	t.buf = t.buf[:0]
	add := func(c byte) error {
		if len(t.buf) >= RecordMax {
			return fmt.Errorf("an object of more than %d bytes", RecordMax)
		}
		t.buf = append(t.buf, c)
		return nil
	}
	for depth := 0; ; {
		c, err := t.b.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("an object does not end: %w", io.ErrUnexpectedEOF)
		}
		if err := add(c); err != nil {
			return nil, err
		}
		switch c {
		case '"':
			if err := t.text(add); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				if !gjson.ValidBytes(t.buf) {
					return nil, errors.New("an object that is no JSON")
				}
				return t.buf, nil
			}
		}
	}
}

// nestedMax is how deep objects in objects are looked into.
const nestedMax = 4

// flatten hands over each single value of an object.
func flatten(o gjson.Result, prefix string, depth int, each func(name, value string)) {
	o.ForEach(func(k, v gjson.Result) bool {
		name := prefix + k.String()
		switch {
		case v.IsObject() && depth < nestedMax:
			flatten(v, name+".", depth+1, each)
		case v.Type == gjson.Null:
			each(name, "")
		case v.Type == gjson.Number:
			each(name, v.Raw) // as it is written: no float
		default:
			each(name, v.String())
		}
		return true
	})
}

func (t *jsonTable) close() error { return t.h.Close() }
