// SPDX-License-Identifier: Apache-2.0

package intake

import "github.com/tidwall/gjson"

// flat walks a JSON object as sellers nearly always send it: no lists, no objects, no escapes, no exponents and no name
// over PathBytesMax. It checks and reads in one pass. Anything else, well-formed or not, makes it return false, perhaps
// after some pairs, and so does each when it returns false.
func flat(b []byte, each func(name, val gjson.Result) bool) bool {
	i := space(b, 0)
	if i == len(b) || b[i] != '{' {
		return false
	}
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return space(b, i+1) == len(b)
	}
	for ; ; i = space(b, i+1) {
		end := plainString(b, i)
		if end < 0 || end-i-1 > PathBytesMax {
			return false
		}
		name := gjson.Result{Type: gjson.String, Str: text(b[i+1 : end])}
		if i = space(b, end+1); i == len(b) || b[i] != ':' {
			return false
		}
		val, next := value(b, space(b, i+1))
		if next < 0 {
			return false
		}
		if i = space(b, next); i == len(b) || b[i] != ',' && b[i] != '}' {
			return false
		}
		if !each(name, val) {
			return false
		}
		if b[i] == '}' {
			return space(b, i+1) == len(b)
		}
	}
}

// value reads the value at i and tells where the next byte stands, or -1.
func value(b []byte, i int) (val gjson.Result, next int) {
	if i == len(b) {
		return val, -1
	}
	switch c := b[i]; c {
	case '"':
		end := plainString(b, i)
		if end < 0 {
			return val, -1
		}
		return gjson.Result{Type: gjson.String, Raw: text(b[i : end+1]), Str: text(b[i+1 : end])}, end + 1
	case 't':
		return literal(b, i, "true", gjson.True)
	case 'f':
		return literal(b, i, "false", gjson.False)
	case 'n':
		return literal(b, i, "null", gjson.Null)
	default:
		if next = number(b, i); next < 0 {
			return val, -1
		}
		return gjson.Result{Type: gjson.Number, Raw: text(b[i:next])}, next
	}
}

func literal(b []byte, i int, word string, kind gjson.Type) (gjson.Result, int) {
	next := i + len(word)
	if next > len(b) || string(b[i:next]) != word {
		return gjson.Result{}, -1
	}
	return gjson.Result{Type: kind, Raw: text(b[i:next])}, next
}

// plainString is the place of the closing quote of the string that begins at i, or -1 if there is none, or an escape
// before it.
func plainString(b []byte, i int) int {
	if i == len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		if c := b[i]; c == '"' {
			return i
		} else if c < ' ' || c == '\\' {
			return -1
		}
	}
	return -1
}

// number is the place behind a number without an exponent that begins at i, or -1.
func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = digits(b, i)
	if i == start || i > start+1 && b[start] == '0' {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digits(b, start); i == start {
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}
