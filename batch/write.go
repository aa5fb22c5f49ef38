// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// CSV is how a CSV file is written.
type CSV struct {
	Separator rune
	All       bool // every value stands in quotes
	Header    bool
	Encoding  string
	LineEnd   string
	Guard     bool // formulas get an apostrophe
}

// ErrRow says that a row of the ledger is none of a campaign's.
var ErrRow = errors.New("the row cannot be read")

// Write makes the text of a file of rows as the ledger keeps them: bodies of Row.
func (b *Batch) Write(rows []string) ([]byte, error) {
	var out bytes.Buffer
	switch b.Format {
	case "xlsx":
		return b.writeXLSX(rows)
	case "xml":
		return b.writeXML(rows), nil
	case "jsonl":
		for _, r := range rows {
			if strings.ContainsAny(r, "\r\n") {
				return nil, fmt.Errorf("%w: a line end in a line of JSON", ErrRow)
			}
			out.WriteString(r)
			out.WriteByte('\n')
		}
		return out.Bytes(), nil
	}
	line := make([]string, len(b.Columns))
	if b.CSV.Header {
		b.CSV.line(&out, b.Columns)
	}
	for _, r := range rows {
		if err := b.values(r, line); err != nil {
			return nil, err
		}
		b.CSV.line(&out, line)
	}
	return b.CSV.encode(out.Bytes()), nil
}

// RowText is a row as a person reads it in the file: a line of CSV without its end (of xlsx, too), a JSON object, an
// element of XML.
func (b *Batch) RowText(row string) (string, error) {
	if b.Format != "csv" && b.Format != "xlsx" {
		return row, nil
	}
	line, csv := make([]string, len(b.Columns)), b.CSV
	if err := b.values(row, line); err != nil {
		return "", err
	}
	var out bytes.Buffer
	csv.LineEnd, csv.Guard = "", csv.Guard && b.Format == "csv"
	csv.line(&out, line)
	return out.String(), nil
}

// values reads a row into its columns; what the row has not is empty. A column that the campaign has no more is left
// out.
func (b *Batch) values(row string, line []string) error {
	clear(line)
	for pair := range strings.SplitSeq(row, "&") {
		if pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if !ok || err1 != nil || err2 != nil {
			return ErrRow
		}
		for i := range b.Columns {
			if b.Columns[i] == n {
				line[i] = v
			}
		}
	}
	return nil
}

func (c *CSV) line(out *bytes.Buffer, values []string) {
	for i, v := range values {
		if i > 0 {
			out.WriteRune(c.Separator)
		}
		if c.Guard && formula(v) {
			v = "'" + v
		}
		if c.All || strings.ContainsRune(v, c.Separator) || strings.ContainsAny(v, "\"\r\n") ||
			v != strings.TrimSpace(v) || v == "" && len(values) == 1 {
			out.WriteByte('"')
			out.WriteString(strings.ReplaceAll(v, `"`, `""`))
			out.WriteByte('"')
			continue
		}
		out.WriteString(v)
	}
	out.WriteString(c.LineEnd)
}

// formula tells whether a spreadsheet would take a value for a formula: one that begins as formulas do, and is neither
// a number nor a telephone number.
func formula(v string) bool {
	if v == "" || !strings.ContainsRune("=+-@\t\r", rune(v[0])) {
		return false
	}
	if v[0] == '+' || v[0] == '-' {
		return strings.Trim(v[1:], "0123456789.,()- ") != "" || strings.ContainsRune(v[1:], '-') && v[0] == '-'
	}
	return true
}

// encode writes the text in the file's encoding.
func (c *CSV) encode(text []byte) []byte {
	switch c.Encoding {
	case "utf-8-bom":
		return append([]byte("\xef\xbb\xbf"), text...)
	case "utf-16le":
		out := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(string(text))) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	case "iso-8859-1", "windows-1252":
		table := charmap.ISO8859_1
		if c.Encoding == "windows-1252" {
			table = charmap.Windows1252
		}
		out := make([]byte, 0, len(text))
		for len(text) > 0 {
			r, n := utf8.DecodeRune(text)
			text = text[n:]
			if ch, ok := table.EncodeRune(r); ok {
				out = append(out, ch)
			} else {
				out = append(out, '?')
			}
		}
		return out
	}
	return text
}
