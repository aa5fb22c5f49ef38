// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// keyNode is a step of the paths of an answer: what to look for in an object or a list.
type keyNode struct {
	key    string
	index  int // the key as an index of a list, or -1
	path   int // the path that ends here, or -1
	weight weight
	absent bool
	kids   []*keyNode // at most AnswerPathsMax
}

// findJSON walks a body once. Only a body that is one valid JSON document is looked at.
func (a *Answer) findJSON(f *found) bool {
	if !shallow(f.body) || !gjson.ValidBytes(f.body) {
		return false
	}
	i := skipSpace(f.body, 0)
	if c := f.body[i]; c == '{' || c == '[' {
		a.walk(f, a.root, i)
	}
	return true
}

// shallow tells whether a document nests at most AnswerDepthMax deep, so that checking it cannot use up the stack.
func shallow(b []byte) bool {
	if bytes.Count(b, []byte{'['})+bytes.Count(b, []byte{'{'}) <= AnswerDepthMax {
		return true
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > AnswerDepthMax {
				return false
			}
		case '}', ']':
			depth--
		case '"':
			if i, _ = stringEnd(b, i+1); i < 0 {
				return false
			}
		}
	}
	return true
}

// walk looks through the object or list that begins at i, for the node's kids, and returns the place behind it.
func (a *Answer) walk(f *found, n *keyNode, i int) int {
	b := f.body
	object := b[i] == '{'
	var seen, folded uint64
	index := -1
	for i = skipSpace(b, i+1); b[i] != '}' && b[i] != ']'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		at := -1
		if object {
			end, escaped := stringEnd(b, i+1)
			var fold uint64
			at, fold = n.findKey(b[i+1:end], escaped)
			folded |= fold
			i = skipSpace(b, skipSpace(b, end+1)+1) // behind the colon
		} else {
			index++
			at = n.findIndex(index)
		}
		switch {
		case at < 0:
			i = skipValue(b, i)
			continue
		case seen&(1<<at) != 0:
			f.again(n.kids[at].weight)
			i = skipValue(b, i)
			continue
		}
		seen |= 1 << at
		i = a.take(f, n.kids[at], i)
	}
	for at, k := range n.kids {
		if folded&(1<<at) != 0 && (k.absent || k.weight == weightDecisive && seen&(1<<at) != 0) {
			f.twice = true
		}
	}
	return i + 1
}

// take notes the value at i for the node and looks for the node's kids within it.
func (a *Answer) take(f *found, k *keyNode, i int) int {
	b := f.body
	p := place{from: uint32(i)}
	end := i
	switch c := b[i]; c {
	case '{', '[':
		p.kind = foundContainer
		if next := b[skipSpace(b, i+1)]; next == '}' || next == ']' {
			p.kind = foundEmpty
		}
		if len(k.kids) > 0 {
			end = a.walk(f, k, i)
		} else {
			end = skipValue(b, i)
		}
		p.to = uint32(end)
	case '"':
		last, escaped := stringEnd(b, i+1)
		p.kind, p.from, p.to = foundString, uint32(i+1), uint32(last)
		if escaped {
			p.spelling = spelledJSON
		}
		end = last + 1
	default:
		end = skipValue(b, i)
		p.to = uint32(end)
		p.kind = literalKind(c)
	}
	if k.path >= 0 {
		f.at[k.path] = p
	}
	return end
}

// literalKind tells a literal's kind by its first byte.
func literalKind(c byte) foundKind {
	switch c {
	case 'n':
		return foundNull
	case 't', 'f':
		return foundBoolean
	}
	return foundNumber
}

// findKey finds the kid with the key, given as it stands between the quotes, or -1; fold has the bits of those that differ by case only.
func (n *keyNode) findKey(raw []byte, escaped bool) (at int, fold uint64) {
	at = -1
	var buf [PathBytesMax]byte
	if escaped {
		raw = appendUnescaped(buf[:0], raw)
	}
	for i, k := range n.kids {
		switch {
		case len(k.key) != len(raw):
		case k.key == string(raw):
			at = i
		case equalFold(k.key, raw):
			fold |= 1 << i
		}
	}
	return at, fold
}

func (n *keyNode) findIndex(index int) int {
	for i, k := range n.kids {
		if k.index == index {
			return i
		}
	}
	return -1
}

// The functions below take valid JSON only, and a place at which a token begins.

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// stringEnd is the place of the closing quote of a string whose inside begins at i, or -1, and whether the string has escapes.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return -1, escaped
}

// skipValue is the place behind the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i, _ = stringEnd(b, i+1)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			continue
		default:
			for i+1 < len(b) && !isEnd(b[i+1]) {
				i++
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// isEnd tells whether a number or a literal ends before the byte.
func isEnd(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }
