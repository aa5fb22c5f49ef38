// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"html"
	"strings"

	"github.com/tidwall/gjson"

	"clearpost/exchange"
	"clearpost/lead"
)

// What a sender has put into its values, which can be undone by source.
const (
	UnescapeHTML      = "html"      // O&#039;Neil
	UnescapeBackslash = "backslash" // L\'Oréal
)

// cleaning is what is done to one source's values before they are read.
type cleaning struct {
	html, backslash bool
	zips            []bool // by position: ZIP codes that may lack their zeros; nil where the source has all of them
}

func newCleaning(s *lead.Schema, src *exchange.Source) (c cleaning) {
	for _, how := range src.Unescape {
		c.html = c.html || how == UnescapeHTML
		c.backslash = c.backslash || how == UnescapeBackslash
	}
	if src.ZIPZeros {
		c.zips = make([]bool, len(s.Fields))
		for pos := range s.Fields {
			c.zips[pos] = s.Fields[pos].Type == lead.TypePostalCode
		}
	}
	return c
}

// text undoes what the sender has put into a text.
func (c *cleaning) text(s string) string {
	if c.html && strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	if c.backslash && strings.IndexByte(s, '\\') >= 0 {
		s = unslash(s)
	}
	return s
}

// unslash undoes backslashes before quotes and backslashes; any other stays.
func unslash(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b = append(b, s[i])
	}
	return text(b)
}

// value is a field's value as it would be without the sender's habits.
func (c *cleaning) value(pos int, s string) string {
	s = c.text(s)
	if c.zips != nil && c.zips[pos] {
		return withZeros(s)
	}
	return s
}

// list does the same to the texts of a list.
func (c *cleaning) list(val gjson.Result) string {
	if !c.html && !c.backslash {
		return val.Raw
	}
	out := []byte{'['}
	for i, e := range val.Array() {
		if i > 0 {
			out = append(out, ',')
		}
		if e.Type == gjson.String {
			out = gjson.AppendJSONString(out, c.text(e.Str))
			continue
		}
		out = append(out, e.Raw...)
	}
	return text(append(out, ']'))
}

// withZeros gives a US ZIP code of three or four digits, or a ZIP+4 of seven or eight, its zeros back. Anything else is
// as it was.
func withZeros(s string) string {
	five, four, dashed := strings.Cut(strings.TrimSpace(s), "-")
	if !digitsOnly(five) || dashed && (len(four) != 4 || !digitsOnly(four)) {
		return s
	}
	if !dashed && (len(five) == 7 || len(five) == 8) {
		five, four, dashed = five[:len(five)-4], five[len(five)-4:], true
	}
	if len(five) != 3 && len(five) != 4 {
		return s
	}
	five = "00000"[len(five):] + five
	if dashed {
		return five + "-" + four
	}
	return five
}

func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
