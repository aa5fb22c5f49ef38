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

// Criterion is one test of one field. It is made by Compile, never changes, and may be shared. An index reads its exported parts.
type Criterion struct {
	Pos    int    // position in the schema
	Field  string // the field's name
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

// Test tells whether the lead meets the criterion at a stage. A missing value waits at a ping unless the vertical requires it
// there; at a post, and for a one-shot lead (both stages), it is unmet, for not_in too. It allocates nothing.
func (c *Criterion) Test(l *lead.Lead, st lead.Stage) Verdict {
	s := l.Slot(c.Pos)
	switch s.State {
	case lead.Valid:
		if c.holds(l, s) {
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
	k := AppendKey(b[:0], l, c.Pos)
	key := unsafe.String(unsafe.SliceData(k), len(k))
	i := sort.SearchStrings(c.Values, key)
	return (i < len(c.Values) && c.Values[i] == key) == (c.Kind == List)
}

// AppendKey writes the text by which lists compare the lead's value at a position: the normal text, with ASCII letters in lower case
// for text, names, streets and cities. The value must be valid.
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

// Expected tells what the criterion asks for, such as "one of CA, AZ" or "from 25 to 70".
func (c *Criterion) Expected() string { return c.expected }

// Explain tells what the lead has and what the criterion asks for, such as "state is NV, expected one of CA, AZ". Personal values are
// masked.
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
		b.WriteString(" is ")
		b.WriteString(lead.Mask(c.field, l.Normal(c.Pos)))
	}
	b.WriteString(", expected ")
	b.WriteString(c.expected)
	return b.String()
}
