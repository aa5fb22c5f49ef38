// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"

	"clearpost/wire"
)

// keyNode is a step of the paths of an answer: what to look for in an object or a list.
type keyNode struct {
	step   keyStep
	index  int // the key as an index of a list, or -1
	path   int // the path that ends here, or -1
	weight weight
	absent bool
	kids   []*keyNode // at most PathsMax
	each   *keyNode   // the step [*]
	backs  bool       // a kid counts from the end of a list
}

// findJSON reads a body once: it checks that the whole of it is one valid JSON document that nests at most
// DepthMax deep, and notes what stands at the paths.
func (a *Answer) findJSON(f *found) bool {
	i := a.scan(f, a.root, skipSpace(f.body, 0), 0)
	return i >= 0 && skipSpace(f.body, i) == len(f.body)
}

// scan checks the value that begins at i, notes what the node (nil: none) looks for in it, and returns the place behind
// it, or -1 if it is malformed.
func (a *Answer) scan(f *found, n *keyNode, i, depth int) int {
	b := f.body
	if i >= len(b) {
		return -1
	}
	p := place{from: uint32(i)}
	end := -1
	switch c := b[i]; c {
	case '{', '[':
		if depth == DepthMax {
			return -1
		}
		p.kind = foundContainer
		if next := skipSpace(b, i+1); next < len(b) && b[next] == c+2 {
			p.kind, end = foundEmpty, next+1
		} else if c == '{' {
			end = a.scanObject(f, n, next, depth+1)
		} else {
			end = a.scanList(f, n, next, depth+1)
		}
		p.to = uint32(max(end, 0))
	case '"':
		last, escaped := scanString(b, i+1)
		if last < 0 {
			return -1
		}
		p.kind, p.from, p.to = foundString, uint32(i+1), uint32(last)
		if escaped {
			p.spelling = spelledJSON
		}
		end = last + 1
	default:
		p.kind, end = scanLiteral(b, i)
		p.to = uint32(max(end, 0))
	}
	if end >= 0 && n != nil && n.path >= 0 && !f.at[n.path].filled() {
		f.at[n.path] = p
		if p.filled() {
			f.puts++
		}
	}
	return end
}

// scanObject reads an object that has something in it, from its first key on.
func (a *Answer) scanObject(f *found, n *keyNode, i, depth int) int {
	b, first := f.body, i
	var seen, folded, again uint64
	done := false // what [*] looks for has been found
	for {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		end, escaped := scanString(b, i+1)
		if end < 0 {
			return -1
		}
		colon := skipSpace(b, end+1)
		if colon >= len(b) || b[colon] != ':' {
			return -1
		}
		key := b[i+1 : end]
		i = skipSpace(b, colon+1)
		var kid *keyNode
		if n != nil && len(n.kids) > 0 {
			at, fold := n.findKey(key, escaped)
			folded |= fold
			if at >= 0 && seen&(1<<at) != 0 {
				again |= 1 << at
			} else if at >= 0 {
				seen |= 1 << at
				kid = n.kids[at]
			}
		}
		if i = a.scanKids(f, n, kid, i, depth, &done); i < 0 {
			return -1
		}
		more := false
		if i, more = scanComma(b, i, '}'); !more {
			break
		}
	}
	if i >= 0 && folded|again != 0 {
		n.noteAgain(f, first, seen, folded, again)
	}
	return i
}

// noteAgain notes the keys of the object whose first key is at i that stand there twice, or in another case too, unless
// all their values are the same.
func (n *keyNode) noteAgain(f *found, i int, seen, folded, again uint64) {
	for i--; isSpace(f.body[i]); i-- {
	}
	for at, k := range n.kids {
		bit := uint64(1) << at
		other := folded&bit != 0 && (k.absent || k.weight == weightDecisive && seen&bit != 0)
		if !other && again&bit == 0 || f.post && seen&bit != 0 && f.sameValues(i, k.step.key, other) {
			continue
		}
		if again&bit != 0 {
			f.again(k.weight)
		}
		f.twice = f.twice || other
	}
}

// sameValues tells whether all values of a key of the object at i are the same; fold: in whatever case the key is
// written.
func (f *found) sameValues(i int, key string, fold bool) bool {
	var first place
	same := true
	elements(f.body, i, func(raw []byte, escaped bool, p place) {
		if escaped {
			raw = appendUnescaped(nil, raw)
		}
		switch {
		case string(raw) != key && !(fold && equalFold(key, raw)):
		case first.kind == foundNothing:
			first = p
		default:
			same = same && first.kind == p.kind && bytes.Equal(f.decode(nil, first), f.decode(nil, p))
		}
	})
	return same
}

// scanList reads a list that has something in it, from its first element on.
func (a *Answer) scanList(f *found, n *keyNode, i, depth int) int {
	b := f.body
	length := 0
	if n != nil && n.backs {
		length = listLength(b, i)
	}
	done := false
	for index := 0; ; index++ {
		var kid *keyNode
		if n != nil {
			for _, k := range n.kids {
				if k.index != index && (k.step.back == 0 || index != length-k.step.back) {
					continue
				}
				if kid != nil && a.scan(f, kid, i, depth) < 0 {
					return -1
				}
				kid = k
			}
		}
		if i = a.scanKids(f, n, kid, i, depth, &done); i < 0 {
			return -1
		}
		more := false
		if i, more = scanComma(b, i, ']'); !more {
			return i
		}
	}
}

// scanKids reads one value for the kid that its key or index has found, and for the step [*] until that has found
// something.
func (a *Answer) scanKids(f *found, n, kid *keyNode, i, depth int, done *bool) int {
	if n == nil || n.each == nil || *done {
		return a.scan(f, kid, i, depth)
	}
	before := f.puts
	end := a.scan(f, n.each, i, depth)
	*done = f.puts != before
	if kid != nil && end >= 0 {
		return a.scan(f, kid, i, depth)
	}
	return end
}

// scanComma reads what stands behind an element: a comma, and then the beginning of the next; or the end. i is -1 for
// anything else.
func scanComma(b []byte, i int, last byte) (next int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
	case b[i] == ',':
		return skipSpace(b, i+1), true
	case b[i] == last:
		return i + 1, false
	}
	return -1, false
}

// stringPlain are the bytes that stand in a string as they are.
var stringPlain [256]bool

func init() {
	for c := 0x20; c < 256; c++ {
		stringPlain[c] = c != '"' && c != '\\'
	}
}

// scanString is the place of the closing quote of a string whose inside begins at i, or -1, and whether the string has
// escapes.
func scanString(b []byte, i int) (end int, escaped bool) {
	for i < len(b) {
		if stringPlain[b[i]] {
			i++
			continue
		}
		switch {
		case b[i] == '"':
			return i, escaped
		case b[i] != '\\' || i+1 >= len(b):
			return -1, false
		}
		escaped = true
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if i+5 >= len(b) || unhex(b[i+2]) > 15 || unhex(b[i+3]) > 15 || unhex(b[i+4]) > 15 || unhex(b[i+5]) > 15 {
				return -1, false
			}
			i += 6
		default:
			return -1, false
		}
	}
	return -1, false
}

// scanLiteral reads a number, true, false or null; end is -1 for anything else.
func scanLiteral(b []byte, i int) (kind foundKind, end int) {
	switch b[i] {
	case 't':
		return foundBoolean, scanWord(b, i, "true")
	case 'f':
		return foundBoolean, scanWord(b, i, "false")
	case 'n':
		return foundNull, scanWord(b, i, "null")
	}
	return foundNumber, scanNumber(b, i)
}

func scanWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func scanNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	from := i
	if i = scanDigits(b, i); i == from || i > from+1 && b[from] == '0' {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = scanDigits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		if i = scanDigits(b, i); i == from {
			return -1
		}
	}
	return i
}

func scanDigits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// findKey finds the kid with the key, given as it stands between the quotes, or -1; fold has the bits of those that
// differ by case only.
func (n *keyNode) findKey(raw []byte, escaped bool) (at int, fold uint64) {
	at = -1
	var buf [wire.PathBytesMax]byte
	if escaped {
		raw = appendUnescaped(buf[:0], raw)
	}
	for i, k := range n.kids {
		switch {
		case len(k.step.key) != len(raw) || k.step.back > 0:
		case k.step.key == string(raw):
			at = i
		case equalFold(k.step.key, raw):
			fold |= 1 << i
		}
	}
	return at, fold
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}
