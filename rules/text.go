// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"sort"
	"sync"
	"unsafe"

	"clearpost/lead"
)

// AppendKey writes the text by which lists compare the lead's value at a position: the normal text, with ASCII letters
// in lower case for text, names, streets and cities. The value must be valid.
func AppendKey(dst []byte, l *lead.Lead, pos int) []byte {
	normal := l.Normal(pos)
	if !folds(l.Schema().Fields[pos].Type) {
		return append(dst, normal...)
	}
	for _, b := range normal {
		dst = append(dst, lower(b))
	}
	return dst
}

// folds tells whether lists compare values of a type without regard to case.
func folds(t lead.Type) bool {
	switch t {
	case lead.TypeText, lead.TypeName, lead.TypeStreet, lead.TypeCity:
		return true
	}
	return false
}

// AppendPartKey writes the text by which lists compare a part of the lead's value: with ASCII letters in lower case. It
// tells false where there is no such part.
func AppendPartKey(dst []byte, l *lead.Lead, pos int, p lead.Part) ([]byte, bool) {
	mark := len(dst)
	dst, ok := l.AppendPart(dst, pos, p)
	for i := mark; i < len(dst); i++ {
		dst[i] = lower(dst[i])
	}
	return dst, ok
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// listed looks for the lead's own value in the list. What is longer than all listed values is none of them.
func (c *Criterion) listed(l *lead.Lead) outcome {
	n := l.Normal(c.Pos)
	if c.around() {
		return c.near(n)
	}
	if len(n) > c.longest {
		return outcomeOf(c.Kind == NotList)
	}
	if !folds(c.field.Type) {
		return c.ofText(n)
	}
	var b [256]byte
	return c.ofText(AppendKey(b[:0], l, c.Pos))
}

// ofText tests a text: for lists it is a key.
func (c *Criterion) ofText(k []byte) outcome {
	switch c.Kind {
	case List, NotList:
		key := unsafe.String(unsafe.SliceData(k), len(k))
		i := sort.SearchStrings(c.Values, key)
		return outcomeOf((i < len(c.Values) && c.Values[i] == key) == (c.Kind == List))
	}
	for _, v := range c.Values {
		switch {
		case len(v) > len(k):
		case c.Kind == Prefix && foldEqual(k[:len(v)], v), c.Kind == Suffix && foldEqual(k[len(k)-len(v):], v),
			c.Kind == Contains && foldContains(k, v):
			return holds
		}
	}
	return fails
}

// foldEqual compares a text with one of the same length in lower case.
func foldEqual(b []byte, low string) bool {
	for i := range b {
		if lower(b[i]) != low[i] {
			return false
		}
	}
	return true
}

// foldContains finds a text in lower case, of one byte at least and not longer than b.
func foldContains(b []byte, low string) bool {
	for i := 0; i+len(low) <= len(b); i++ {
		if lower(b[i]) == low[0] && foldEqual(b[i+1:i+len(low)], low[1:]) {
			return true
		}
	}
	return false
}

// parts are buffers for parts that a regular expression looks at: it keeps hold of what it reads.
var parts = sync.Pool{New: func() any { return new([]byte) }}

// matches looks for the pattern in the normal text, or in a part as it is written.
func (c *Criterion) matches(l *lead.Lead) outcome {
	if c.Part == lead.PartNone {
		return outcomeOf(c.more.pattern.Match(l.Normal(c.Pos)))
	}
	b := parts.Get().(*[]byte)
	defer parts.Put(b)
	var ok bool
	if *b, ok = l.AppendPart((*b)[:0], c.Pos, c.Part); !ok {
		return untold
	}
	return outcomeOf(c.more.pattern.Match(*b))
}
