// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"math/bits"

	"clearpost/lead"
	"clearpost/rules"
)

// Index tells which campaigns of one vertical want a lead, without asking each of them. For every field that any
// campaign has a criterion on, it knows by the field's value which campaigns accept it, as a row of bits; the rows of
// all fields are ANDed. A campaign without a criterion on a field has its bit set in all rows of that field. An index
// never changes and may be shared.
type Index struct {
	campaigns []int32 // by bit: the campaign's index in the book, ascending
	words     int     // of a row
	all       row
	layers    []layer
	// by bit: the criteria that no layer tells whole; they are judged where the layers let a lead pass. nil: there are
	// none
	rest [][]*rules.Criterion
}

// row is a set of campaigns: base, changed by edits where there are any.
type row struct {
	base  []uint64
	edits []edit // in the order of their words
	count int    // campaigns in the set
}

// edit changes one word of a row's base.
type edit struct {
	word  int
	set   uint64
	unset uint64
}

// layer is the criteria on one field, at most one of each campaign. A campaign with several has them in several layers.
type layer struct {
	pos    int
	part   lead.Part
	waits  bool // a missing value may still come with the post
	folded bool // the key of a value is not its normal text
	none   row  // no usable value: the campaigns without a criterion here
	rest   row  // lists: a value that no list names

	byNum  []row            // lists on a field whose Slot.Num is the index of its value: by it
	byText map[string]int32 // lists on other fields: key of the value → position in rows
	rows   []row
	starts []int64 // ranges: rows[i] holds from starts[i] on, up to starts[i+1]
}

// Limits of what a lead may meet before Eligible has to allocate.
const (
	rowsOnStack = 64  // layers of a vertical
	keyOnStack  = 256 // bytes of a text that a list is asked for
	blockWords  = 256 // words of rows that are ANDed at a time
)

// Eligible appends the book's indexes of the campaigns that want the lead, ascending. It judges as Campaign.Test does
// at the stage of the ping, which f must have: criteria on values that may still come with the post let the lead pass.
// The lead must be of the vertical's schema. It allocates nothing but what dst may need.
func (ix *Index) Eligible(dst []int32, f *rules.Facts) []int32 {
	l := f.Lead
	var buf [rowsOnStack]*row
	rows := buf[:0]
	for i := range ix.layers {
		r := ix.layers[i].row(l)
		if r == nil {
			continue
		}
		if r.count == 0 {
			return dst
		}
		rows = append(rows, r)
		if last := len(rows) - 1; len(rows[0].edits) > 0 && len(r.edits) == 0 {
			rows[0], rows[last] = r, rows[0] // meet begins with a row that needs no editing, if there is one
		}
	}
	if len(rows) == 0 || len(rows[0].edits) > 0 {
		rows = append(rows, &ix.all)
		rows[0], rows[len(rows)-1] = &ix.all, rows[0]
	}
	return ix.meet(dst, rows, f)
}

// meet appends the campaigns that are in all rows, block by block, and whose other criteria the lead meets.
func (ix *Index) meet(dst []int32, rows []*row, f *rules.Facts) []int32 {
	var buf [rowsOnStack]int // per row its next edit
	next := buf[:]
	if len(rows) > len(buf) {
		next = make([]int, len(rows))
	}
	var block [blockWords]uint64
	for from := 0; from < ix.words; from += blockWords {
		acc := block[:min(blockWords, ix.words-from)]
		copy(acc, rows[0].base[from:])
		for i, r := range rows[1:] {
			if len(r.edits) == 0 {
				and(acc, r.base[from:])
			} else {
				r.andEdited(acc, from, &next[i])
			}
		}
		for w, x := range acc {
			for ; x != 0; x &= x - 1 {
				bit := (from+w)<<6 + bits.TrailingZeros64(x)
				if ix.rest == nil || meets(ix.rest[bit], f) {
					dst = append(dst, ix.campaigns[bit])
				}
			}
		}
	}
	return dst
}

// meets tells whether no criterion is unmet.
func meets(rest []*rules.Criterion, f *rules.Facts) bool {
	for _, c := range rest {
		if c.Test(f) == rules.Unmet {
			return false
		}
	}
	return true
}

// and keeps in acc what is in x too, which is at least as long.
func and(acc, x []uint64) {
	x = x[:len(acc)]
	for len(acc) >= 4 && len(x) >= 4 {
		acc[0] &= x[0]
		acc[1] &= x[1]
		acc[2] &= x[2]
		acc[3] &= x[3]
		acc, x = acc[4:], x[4:]
	}
	for i := range acc {
		acc[i] &= x[i]
	}
}

// andEdited is and for a row with edits; acc begins at word from. next is the row's next edit: words only go up.
func (r *row) andEdited(acc []uint64, from int, next *int) {
	done, end := from, from+len(acc)
	for ; *next < len(r.edits) && r.edits[*next].word < end; *next++ {
		e := &r.edits[*next]
		and(acc[done-from:e.word-from], r.base[done:])
		acc[e.word-from] &= r.base[e.word]&^e.unset | e.set
		done = e.word + 1
	}
	and(acc[done-from:], r.base[done:])
}

// row finds the set of campaigns that accept the lead's value; nil means all.
func (y *layer) row(l *lead.Lead) *row {
	s := l.Slot(y.pos)
	if s.State != lead.Valid {
		if s.State == lead.Missing && y.waits {
			return nil
		}
		return &y.none
	}
	if y.part != lead.PartNone {
		return y.partRow(l)
	}
	if y.byNum != nil {
		return &y.byNum[s.Num]
	}
	if y.byText != nil {
		return y.listed(l)
	}
	return y.ranged(s.Num)
}

// partRow is row for a part of a valid value.
func (y *layer) partRow(l *lead.Lead) *row {
	if y.byText == nil {
		if n, ok := l.PartNum(y.pos, y.part); ok {
			return y.ranged(n)
		}
		return &y.none
	}
	var b [keyOnStack]byte
	k, ok := rules.AppendPartKey(b[:0], l, y.pos, y.part)
	if !ok {
		return &y.none
	}
	if i, ok := y.byText[string(k)]; ok {
		return &y.rows[i]
	}
	return &y.rest
}

// ranged finds the row of a number.
func (y *layer) ranged(n int64) *row {
	lo, hi := 0, len(y.starts) // the last start that is not above the value
	for hi-lo > 1 {
		if m := int(uint(lo+hi) >> 1); y.starts[m] <= n {
			lo = m
		} else {
			hi = m
		}
	}
	return &y.rows[lo]
}

func (y *layer) listed(l *lead.Lead) *row {
	if !y.folded {
		if i, ok := y.byText[string(l.Normal(y.pos))]; ok {
			return &y.rows[i]
		}
		return &y.rest
	}
	var b [keyOnStack]byte
	if i, ok := y.byText[string(rules.AppendKey(b[:0], l, y.pos))]; ok {
		return &y.rows[i]
	}
	return &y.rest
}
