// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// xmlTable reads elements, one after the other: each of them a row. Its first row has the names of what is in them:
// what is nested is named with dots, an attribute with @ before its name, the text of the row's own element `.`.
type xmlTable struct {
	objects
	h     *os.File
	d     *xml.Decoder
	row   string // the element of a row; "": each one right below the first
	depth int    // of open elements
}

// xmlDeepMost is how deep elements may stand in each other.
const xmlDeepMost = 32

// openXML finds the first rows.
func (f *File) openXML(b *bufio.Reader, h *os.File, m *Mapping, optional []string) error {
	t := &xmlTable{h: h, d: xml.NewDecoder(b), row: m.Row}
	t.d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is decoded
	t.objects.read = t.element
	if err := t.begin(f, optional); err != nil {
		return err
	}
	if len(t.early) == 0 {
		if m.Row != "" {
			return fmt.Errorf("expected elements <%s>", m.Row)
		}
		return errors.New("expected elements below the first one, each of them a row")
	}
	f.table = t
	return nil
}

// looksLikeXML tells by the first signs of a text. A page of HTML is no table of rows.
func looksLikeXML(r *bufio.Reader) bool {
	head, _ := r.Peek(4096)
	s := strings.ToLower(strings.TrimLeft(string(head), " \t\r\n"))
	if len(s) < 2 || s[0] != '<' || strings.HasPrefix(s, "<html") || strings.HasPrefix(s, "<!doctype html") ||
		strings.HasPrefix(s, "<table") {
		return false
	}
	return s[1] == '?' || s[1] == '!' || s[1] >= 'a' && s[1] <= 'z'
}

// element reads the next row; io.EOF where the document ends as it should.
func (t *xmlTable) element(each func(name, value string)) error {
	for {
		tok, err := t.d.Token()
		if errors.Is(err, io.EOF) && t.depth == 0 {
			return io.EOF
		}
		if err != nil {
			return xmlErr(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if t.row == "" && t.depth == 1 || t.row != "" && strings.EqualFold(tok.Name.Local, t.row) {
				return t.cells(&tok, each)
			}
			if t.depth++; t.depth > xmlDeepMost {
				return fmt.Errorf("more than %d elements in each other", xmlDeepMost)
			}
		case xml.EndElement:
			t.depth--
		}
	}
}

func xmlErr(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("XML: %w", err)
}

// cells hands over what is in an element. What stands there several times is one cell, with spaces between.
func (t *xmlTable) cells(start *xml.StartElement, each func(name, value string)) error {
	var names []string
	at, values, begun := []string{}, map[string]string{}, t.d.InputOffset()
	add := func(name, value string) {
		if value = strings.TrimSpace(value); value == "" {
			return
		}
		if was, ok := values[name]; ok {
			value = was + " " + value
		} else {
			names = append(names, name)
		}
		values[name] = value
	}
	attributes := func(e *xml.StartElement) {
		for _, a := range e.Attr {
			add(strings.Join(append(at[:len(at):len(at)], "@"+a.Name.Local), "."), a.Value)
		}
	}
	attributes(start)
	for {
		tok, err := t.d.Token()
		if err != nil {
			return xmlErr(err)
		}
		if t.d.InputOffset()-begun > RecordMax {
			return fmt.Errorf("an element of more than %d bytes", RecordMax)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if at = append(at, tok.Name.Local); t.depth+len(at) > xmlDeepMost {
				return fmt.Errorf("more than %d elements in each other", xmlDeepMost)
			}
			attributes(&tok)
		case xml.CharData:
			name := "."
			if len(at) > 0 {
				name = strings.Join(at, ".")
			}
			add(name, string(tok))
		case xml.EndElement:
			if len(at) == 0 {
				for _, n := range names {
					each(n, values[n])
				}
				return nil
			}
			at = at[:len(at)-1]
		}
	}
}

func (t *xmlTable) close() error { return t.h.Close() }
