// SPDX-License-Identifier: Apache-2.0

package answer

import "clearpost/wire"

// The functions below take JSON that findJSON has found valid, except listLength, and a place at which a token begins.

// eachJSON calls fn with each single value that the path leads to; a list at its end counts as its elements.
func eachJSON(b []byte, steps []keyStep, fn func(place)) {
	walkJSON(b, skipSpace(b, 0), steps, func(p place) {
		if p.kind == foundContainer && b[p.from] == '[' {
			elements(b, int(p.from), func(_ []byte, _ bool, e place) { fn(e) })
			return
		}
		fn(p)
	})
}

// walkJSON calls fn with each value that the path leads to from the value at i.
func walkJSON(b []byte, i int, steps []keyStep, fn func(place)) {
	p := placeAt(b, i)
	if len(steps) == 0 {
		if p.filled() {
			fn(p)
		}
		return
	}
	if p.kind != foundContainer {
		return
	}
	st, index, length := &steps[0], 0, 0
	list := b[i] == '['
	if list && st.back > 0 {
		length = listLength(b, skipSpace(b, i+1))
	}
	elements(b, i, func(key []byte, escaped bool, e place) {
		from := int(e.from)
		if e.kind == foundString {
			from--
		}
		if st.all || list && isIndex(st.key, index) || list && st.back > 0 && index == length-st.back || !list &&
			st.back == 0 && sameKey(st.key, key, escaped) {
			walkJSON(b, from, steps[1:], fn)
		}
		index++
	})
}

// isIndex tells whether a key is the decimal text of the index.
func isIndex(key string, index int) bool {
	n := 0
	for i := range len(key) {
		if !isDigit(key[i]) || i > 6 || i > 0 && key[0] == '0' {
			return false
		}
		n = n*10 + int(key[i]-'0')
	}
	return len(key) > 0 && n == index
}

func sameKey(key string, raw []byte, escaped bool) bool {
	if !escaped {
		return key == string(raw)
	}
	var buf [wire.PathBytesMax]byte
	return key == string(appendUnescaped(buf[:0], raw))
}

// elements calls fn with each value of the list or object at i, and its key in an object.
func elements(b []byte, i int, fn func(key []byte, escaped bool, e place)) {
	object := b[i] == '{'
	for i = skipSpace(b, i+1); b[i] != '}' && b[i] != ']'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		var key []byte
		escaped := false
		if object {
			end := 0
			end, escaped = scanString(b, i+1)
			key = b[i+1 : end]
			i = skipSpace(b, skipSpace(b, end+1)+1) // behind the colon
		}
		e := placeAt(b, i)
		i = int(e.to)
		if e.kind == foundString {
			i++
		}
		fn(key, escaped, e)
	}
}

// placeAt is the value at i.
func placeAt(b []byte, i int) place {
	p := place{from: uint32(i)}
	end := 0
	switch b[i] {
	case '{', '[':
		p.kind = foundContainer
		if next := b[skipSpace(b, i+1)]; next == '}' || next == ']' {
			p.kind = foundEmpty
		}
		end = skipValue(b, i)
	case '"':
		escaped := false
		p.kind, p.from = foundString, uint32(i+1)
		if end, escaped = scanString(b, i+1); escaped {
			p.spelling = spelledJSON
		}
	default:
		p.kind, end = scanLiteral(b, i)
	}
	p.to = uint32(end)
	return p
}

// listLength counts the elements of a list from its first one on. Of a list that is malformed it counts something.
func listLength(b []byte, i int) int {
	n, depth := 1, 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i, _ = scanString(b, i+1); i < 0 {
				return n
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return n
			}
		case ',':
			if depth == 0 {
				n++
			}
		}
	}
	return n
}

// skipValue is the place behind the value that begins at i.
func skipValue(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i, _ = scanString(b, i+1)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
