// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"sort"
	"strings"
	"unsafe"

	"clearpost/lead"
)

// Kind tells how a criterion tests its field.
type Kind uint8

// The kinds.
const (
	List    Kind = iota + 1 // the value is one of Values
	NotList                 // the value is none of Values
	Range                   // Min ≤ value ≤ Max
)

// BoundNone are Min and Max where a range has no such end.
var BoundNone = [2]int64{math.MinInt64, math.MaxInt64}

// shownMax is how many values of a list an explanation shows.
const shownMax = 12

// Criterion is one test of one field. It is made by Compile, never changes, and may be shared. An index reads its
// exported parts.
type Criterion struct {
	Pos    int       // position in the schema
	Part   lead.Part // of the value; PartNone is the value itself
	Field  string    // the field's name, with its part: phone.area
	Kind   Kind
	Values []string // of a list: the keys (AppendKey) of its values, sorted, each once
	Min    int64    // of a range, in the unit of lead.Slot.Num
	Max    int64

	field    *lead.Field
	expected string
}

// Verdict is what a criterion says of a lead.
type Verdict uint8

// The verdicts.
const (
	Met   Verdict = iota + 1
	Unmet         // also where the value is bad, or missing when it may not be: what is not known does not meet
	Waits         // the value may still come with the post
)

// String is the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Met:
		return "met"
	case Unmet:
		return "unmet"
	case Waits:
		return "waits"
	}
	return "none"
}

// Test tells whether the lead meets the criterion at a stage. A missing value waits at a ping unless the vertical
// requires it there; at a post, and for a one-shot lead (both stages), it is unmet, for not_in too. It allocates
// nothing.
func (c *Criterion) Test(l *lead.Lead, st lead.Stage) Verdict {
	s := l.Slot(c.Pos)
	switch s.State {
	case lead.Valid:
		if c.Part != lead.PartNone {
			if c.partHolds(l) {
				return Met
			}
		} else if c.holds(l, s) {
			return Met
		}
	case lead.Missing:
		if st == lead.AtPing && c.field.Required&lead.AtPing == 0 {
			return Waits
		}
	}
	return Unmet
}

func (c *Criterion) holds(l *lead.Lead, s *lead.Slot) bool {
	if c.Kind == Range {
		return c.Min <= s.Num && s.Num <= c.Max
	}
	var b [64]byte
	return c.listed(AppendKey(b[:0], l, c.Pos))
}

// partHolds tests a part of a valid value. A part that the value does not have is not known, and does not hold.
func (c *Criterion) partHolds(l *lead.Lead) bool {
	if c.Kind == Range {
		n, ok := l.PartNum(c.Pos, c.Part)
		return ok && c.Min <= n && n <= c.Max
	}
	var b [64]byte
	k, ok := AppendPartKey(b[:0], l, c.Pos, c.Part)
	return ok && c.listed(k)
}

func (c *Criterion) listed(k []byte) bool {
	key := unsafe.String(unsafe.SliceData(k), len(k))
	i := sort.SearchStrings(c.Values, key)
	return (i < len(c.Values) && c.Values[i] == key) == (c.Kind == List)
}

// AppendKey writes the text by which lists compare the lead's value at a position: the normal text, with ASCII letters
// in lower case for text, names, streets and cities. The value must be valid.
func AppendKey(dst []byte, l *lead.Lead, pos int) []byte {
	normal := l.Normal(pos)
	switch l.Schema().Fields[pos].Type {
	case lead.TypeText, lead.TypeName, lead.TypeStreet, lead.TypeCity:
		for _, b := range normal {
			if b >= 'A' && b <= 'Z' {
				b += 'a' - 'A'
			}
			dst = append(dst, b)
		}
		return dst
	}
	return append(dst, normal...)
}

// AppendPartKey writes the text by which lists compare a part of the lead's value: with ASCII letters in lower case. It
// tells false where there is no such part.
func AppendPartKey(dst []byte, l *lead.Lead, pos int, p lead.Part) ([]byte, bool) {
	mark := len(dst)
	dst, ok := l.AppendPart(dst, pos, p)
	for i := mark; i < len(dst); i++ {
		if c := dst[i]; c >= 'A' && c <= 'Z' {
			dst[i] = c + 'a' - 'A'
		}
	}
	return dst, ok
}

// Expected tells what the criterion asks for, such as "one of CA, AZ" or "from 25 to 70".
func (c *Criterion) Expected() string { return c.expected }

// Explain tells what the lead has and what the criterion asks for, such as "state is NV, expected one of CA, AZ".
// Personal values are masked.
func (c *Criterion) Explain(l *lead.Lead) string {
	var b strings.Builder
	b.WriteString(c.Field)
	switch l.Slot(c.Pos).State {
	case lead.Missing:
		b.WriteString(" is missing")
	case lead.Bad:
		b.WriteString(" is not valid (")
		b.WriteString(lead.Mask(c.field, l.Raw(c.Pos)))
		b.WriteString(")")
	default:
		v, ok := l.Normal(c.Pos), true
		if c.Part != lead.PartNone {
			v, ok = l.AppendPart(nil, c.Pos, c.Part)
		}
		if !ok {
			b.WriteString(" is not known")
			break
		}
		b.WriteString(" is ")
		if c.Part != lead.PartNone && !c.field.Sensitive(c.Part) {
			b.WriteString(lead.Mask(&lead.Field{}, v))
		} else {
			b.WriteString(lead.Mask(c.field, v))
		}
	}
	b.WriteString(", expected ")
	b.WriteString(c.expected)
	return b.String()
}
