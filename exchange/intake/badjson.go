// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// jsonFault tells why a body is not one JSON object: where the first thing stands that cannot stand there, what it is,
// and what was expected. Lines and columns count from one, columns in characters.
func jsonFault(b []byte) string {
	if len(bytes.TrimSpace(b)) == 0 {
		return "the body is empty: expected one JSON object"
	}
	p := jsonPlace{b: b}
	if !p.value(0) {
		return p.fault()
	}
	if p.at = space(b, p.at); p.at < len(b) {
		p.want = "nothing more after the first value"
		return p.fault()
	}
	switch b[space(b, 0)] {
	case '{': // cannot be: what is well formed is read
		return "expected the body to be one JSON object"
	case '[':
		return "expected the body to be one JSON object, or a list of names and values, and found another list"
	case '"':
		return "expected the body to be one JSON object, and found a text"
	}
	return "expected the body to be one JSON object, and found a single value"
}

// jsonPlace reads JSON up to its first mistake.
type jsonPlace struct {
	b    []byte
	at   int
	want string
}

// jsonDepthMax is how deep it is looked into.
const jsonDepthMax = 1000

func (p *jsonPlace) fails(want string) bool {
	p.want = want
	return false
}

// next is the byte behind space, 0 at the end.
func (p *jsonPlace) next() byte {
	if p.at = space(p.b, p.at); p.at == len(p.b) {
		return 0
	}
	return p.b[p.at]
}

func (p *jsonPlace) value(depth int) bool {
	switch c := p.next(); {
	case depth > jsonDepthMax:
		return p.fails(fmt.Sprintf("at most %d levels", jsonDepthMax))
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(p.b[p.at:], []byte(w)) {
			p.at += len(w)
			return true
		}
	}
	return p.fails("a value")
}

func (p *jsonPlace) object(depth int) bool {
	p.at++
	if p.next() == '}' {
		p.at++
		return true
	}
	for {
		if p.next() != '"' {
			return p.fails(`a name in double quotes`)
		}
		if !p.text() {
			return false
		}
		if p.next() != ':' {
			return p.fails(`":" after the name`)
		}
		p.at++
		if !p.value(depth + 1) {
			return false
		}
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return true
		default:
			return p.fails(`"," or "}" after the value`)
		}
	}
}

func (p *jsonPlace) list(depth int) bool {
	p.at++
	if p.next() == ']' {
		p.at++
		return true
	}
	for {
		if !p.value(depth + 1) {
			return false
		}
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return true
		default:
			return p.fails(`"," or "]" after the value`)
		}
	}
}

func (p *jsonPlace) text() bool {
	for p.at++; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; {
		case c == '"':
			p.at++
			return true
		case c < ' ':
			return p.fails("no control character in a text: write \\n for a line end, \\t for a tab")
		case c == '\\':
			if !p.escape() {
				return false
			}
		}
	}
	return p.fails("the double quote that ends the text")
}

// escape leaves off at the escape's last byte.
func (p *jsonPlace) escape() bool {
	p.at++
	if p.at == len(p.b) || bytes.IndexByte([]byte(`"\/bfnrtu`), p.b[p.at]) < 0 {
		return p.fails(`one of " \ / b f n r t u after a backslash in a text`)
	}
	if p.b[p.at] != 'u' {
		return true
	}
	for range 4 {
		if p.at++; p.at == len(p.b) || hexDigit(p.b[p.at]) < 0 {
			return p.fails("four hexadecimal digits after \\u")
		}
	}
	return true
}

func (p *jsonPlace) number() bool {
	if p.b[p.at] == '-' {
		p.at++
	}
	start := p.at
	if p.at = digits(p.b, start); p.at == start {
		return p.fails("a digit")
	}
	if p.b[start] == '0' && p.at > start+1 {
		p.at = start
		return p.fails("a number without zeros before it: write it as a text if they matter")
	}
	if p.at < len(p.b) && p.b[p.at] == '.' {
		start = p.at + 1
		if p.at = digits(p.b, start); p.at == start {
			return p.fails("a digit")
		}
	}
	if p.at < len(p.b) && p.b[p.at]|0x20 == 'e' {
		if p.at++; p.at < len(p.b) && (p.b[p.at] == '+' || p.b[p.at] == '-') {
			p.at++
		}
		start = p.at
		if p.at = digits(p.b, start); p.at == start {
			return p.fails("a digit")
		}
	}
	return true
}

// foundBytesMax bounds what is cited of a word.
const foundBytesMax = 16

func (p *jsonPlace) fault() string {
	before := p.b[:p.at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d: expected %s, found %s", line, column, p.want, p.found())
}

func (p *jsonPlace) found() string {
	if p.at >= len(p.b) {
		return "the end of the body"
	}
	rest := p.b[p.at:]
	n := 0
	for n < len(rest) && n < foundBytesMax && (rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z') {
		n++
	}
	r, size := utf8.DecodeRune(rest)
	switch {
	case n > 0:
		return `"` + string(rest[:n]) + `"`
	case r == '"':
		return "a double quote"
	case r == utf8.RuneError && size < 2:
		return "a byte that is no UTF-8"
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf("the control character %U", r)
	case r > '~':
		return fmt.Sprintf("%q (%U)", string(r), r)
	}
	return `"` + string(r) + `"`
}
