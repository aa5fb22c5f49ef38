// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"unicode/utf8"

	"clearpost/wire"
)

// findForm reads name=value pairs, separated by & or line ends.
func (a *Answer) findForm(f *found) bool {
	b := f.body
	if !utf8.Valid(b) || bytes.IndexByte(b, '=') < 0 {
		return false
	}
	for _, c := range b {
		if c < 0x20 && !isSpace(c) || c == 0x7f {
			return false
		}
	}
	pairs := 0
	for at := 0; at < len(b); {
		end := len(b)
		if n := bytes.IndexAny(b[at:], "&\n"); n >= 0 {
			end = at + n
		}
		if len(trim(b[at:end])) > 0 {
			if pairs++; pairs > FormPairsMax || !a.takePair(f, at, end) {
				return false
			}
		}
		at = end + 1
	}
	return true
}

// takePair notes one pair; false if it is not well-formed.
func (a *Answer) takePair(f *found, at, end int) bool {
	name, from := f.body[at:end], end
	if n := bytes.IndexByte(name, '='); n >= 0 {
		name, from = name[:n], at+n+1
	}
	for from < end && isSpace(f.body[from]) {
		from++
	}
	for from < end && isSpace(f.body[end-1]) {
		end--
	}
	p := place{from: uint32(from), to: uint32(end), kind: foundString}
	if bytes.ContainsAny(f.body[from:end], "%+") {
		p.spelling = spelledForm
		if !validEscapes(f.body[from:end]) {
			return false
		}
	}
	var buf [wire.PathBytesMax]byte
	name, ok := appendFormDecoded(buf[:0], trim(name))
	if !ok {
		return false
	}
	for i := range a.paths {
		switch q := &a.paths[i]; {
		case q.never || len(q.text) != len(name):
		case q.text == string(name):
			a.put(f, i, p)
		case equalFold(q.text, name):
			f.twice = f.twice || (q.absent || q.weight == weightDecisive) && !(f.post && sameInForm(f.body, q.text))
		}
	}
	return true
}

// validEscapes tells whether each % is followed by two hexadecimal digits.
func validEscapes(b []byte) bool {
	for i, c := range b {
		if c == '%' && (i+2 >= len(b) || unhex(b[i+1]) > 15 || unhex(b[i+2]) > 15) {
			return false
		}
	}
	return true
}

// appendFormDecoded resolves % and +; false if an escape is broken.
func appendFormDecoded(dst, b []byte) ([]byte, bool) {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '+':
			dst = append(dst, ' ')
		case c != '%':
			dst = append(dst, c)
		case i+2 >= len(b) || unhex(b[i+1]) > 15 || unhex(b[i+2]) > 15:
			return dst, false
		default:
			dst = append(dst, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		}
	}
	return dst, true
}

// sameInForm tells whether the name stands in a form, and each value of it, in whatever case the name is written, is
// the same.
func sameInForm(b []byte, name string) bool {
	var first []byte
	exact, same := false, true
	eachFormPair(b, func(n, value []byte) bool {
		if !equalFold(name, n) {
			return true
		}
		exact = exact || string(n) == name
		if value = append([]byte{}, trim(value)...); first == nil {
			first = value
		}
		same = bytes.Equal(first, value)
		return same
	})
	return exact && same
}
