// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"math/bits"

	"clearpost/lead"
	"clearpost/rules"
)

// Index tells which campaigns of one vertical want a lead, without asking each of them. For every field that any
// campaign has a criterion on, it knows by the field's value which campaigns accept it, as a row of bits; the rows of
// all fields are ANDed. A campaign without a criterion on a field has its bit set in all rows of that field. Where one
// of several fields is enough, the rows of these are ORed first. What cannot be looked up by a value is judged for the
// campaigns that are left. An index never changes and may be shared.
type Index struct {
	campaigns []int32 // by bit: the campaign's index in the book, ascending
	words     int     // of a row
	all       row
	layers    []layer
	forks     []fork
	rest      [][]*rules.Criterion // by bit: what no row tells whole; nil: there is nothing of the kind
}

// fork is clauses of several bounds, at most one of each campaign: which campaigns have none here, and layers in which
// these have no bit.
type fork struct {
	none row
	of   []layer
}

// row is a set of campaigns: base, but for the bits at flips, which are the other way round.
type row struct {
	base  []uint64
	flips []int32 // ascending
	count int32   // campaigns in the set
	bare  bool    // base has no campaign
}

// layer is the criteria on one field, at most one of each campaign. A campaign with several has them in several layers.
type layer struct {
	pos    int
	part   lead.Part
	waits  bool // a missing value may still come with the post
	folded bool // the key of a value is not its normal text
	every  row  // where it waits: all campaigns, in a fork those that have a bound here
	none   row  // no usable value: the campaigns without a criterion here, in a fork none
	rest   row  // lists: a value that no list names

	file   rules.File       // the layer looks in it: rows[0] holds for what is in there, rest for all else
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
		if int(r.count) == len(ix.campaigns) {
			continue
		}
		if r.count == 0 {
			return dst
		}
		rows = append(rows, r)
		if last := len(rows) - 1; len(rows[0].flips) > 0 && len(r.flips) == 0 {
			rows[0], rows[last] = r, rows[0] // meet begins with a row that is its base, if there is one
		}
	}
	if len(rows) == 0 || len(rows[0].flips) > 0 {
		rows = append(rows, &ix.all)
		rows[0], rows[len(rows)-1] = &ix.all, rows[0]
	}
	if len(ix.forks) == 0 {
		return ix.meet(dst, rows, nil, f)
	}
	var forkBuf [rowsOnStack]*row
	ways := forkBuf[:0]
	for i := range ix.forks {
		if ways = ix.forks[i].ways(ways, l); ways == nil {
			return dst
		}
	}
	return ix.meet(dst, rows, ways, f)
}

// ways appends the rows of which one lets a campaign pass, and nil as their end. The result is nil where none does.
func (k *fork) ways(dst []*row, l *lead.Lead) []*row {
	count := int(k.none.count)
	dst = append(dst, &k.none)
	for i := range k.of {
		r := k.of[i].row(l)
		if r.count > 0 {
			dst = append(dst, r)
			count += int(r.count)
		}
	}
	if count == 0 {
		return nil
	}
	return append(dst, nil)
}

// meet appends the campaigns that are in all rows and in one of each fork's, block by block, and whose other criteria
// the lead meets.
func (ix *Index) meet(dst []int32, rows, ways []*row, f *rules.Facts) []int32 {
	var buf [2 * rowsOnStack]int32 // per row its next flip
	next := buf[:]
	if n := len(rows) + len(ways); n > len(buf) {
		next = make([]int32, n)
	}
	var block [blockWords]uint64
	for from := 0; from < ix.words; from += blockWords {
		acc := block[:min(blockWords, ix.words-from)]
		copy(acc, rows[0].base[from:])
		for i, r := range rows[1:] {
			if len(r.flips) == 0 {
				and(acc, r.base[from:])
			} else {
				r.andFlipped(acc, from, &next[i])
			}
		}
		if len(ways) > 0 {
			andWays(acc, from, ways, next[len(rows):])
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

// andWays keeps in acc what is in one row of each fork; acc begins at word from.
func andWays(acc []uint64, from int, ways []*row, next []int32) {
	var buf [blockWords]uint64
	one := buf[:len(acc)]
	begun := false
	for i, r := range ways {
		switch {
		case r == nil:
			and(acc, one)
			begun = false
		case begun:
			r.unite(one, from, &next[i])
		default:
			copy(one, r.base[from:])
			begun = true
		}
	}
}

// unite adds the row's campaigns to acc, which begins at word from. next is the row's next flip.
func (r *row) unite(acc []uint64, from int, next *int32) {
	done, end, n := from, from+len(acc), int(*next)
	for n < len(r.flips) && int(r.flips[n])>>6 < end {
		word := int(r.flips[n]) >> 6
		x := r.base[word]
		for ; n < len(r.flips) && int(r.flips[n])>>6 == word; n++ {
			x ^= 1 << (r.flips[n] & 63)
		}
		if !r.bare {
			unite(acc[done-from:word-from], r.base[done:])
		}
		acc[word-from] |= x
		done = word + 1
	}
	if *next = int32(n); !r.bare {
		unite(acc[done-from:], r.base[done:])
	}
}

// unite adds to acc what is in x, which is at least as long.
func unite(acc, x []uint64) {
	x = x[:len(acc)]
	for len(acc) >= 4 && len(x) >= 4 {
		acc[0] |= x[0]
		acc[1] |= x[1]
		acc[2] |= x[2]
		acc[3] |= x[3]
		acc, x = acc[4:], x[4:]
	}
	for i := range acc {
		acc[i] |= x[i]
	}
}

// andFlipped is and for a row with flips; acc begins at word from. next is the row's next flip: bits only go up.
func (r *row) andFlipped(acc []uint64, from int, next *int32) {
	done, end, n := from, from+len(acc), int(*next)
	for n < len(r.flips) && int(r.flips[n])>>6 < end {
		word := int(r.flips[n]) >> 6
		x := r.base[word]
		for ; n < len(r.flips) && int(r.flips[n])>>6 == word; n++ {
			x ^= 1 << (r.flips[n] & 63)
		}
		and(acc[done-from:word-from], r.base[done:])
		acc[word-from] &= x
		done = word + 1
	}
	*next = int32(n)
	and(acc[done-from:], r.base[done:])
}

// row finds the set of campaigns that accept the lead's value.
func (y *layer) row(l *lead.Lead) *row {
	s := l.Slot(y.pos)
	if s.State != lead.Valid {
		if s.State == lead.Missing && y.waits {
			return &y.every
		}
		return &y.none
	}
	if y.file != (rules.File{}) {
		switch in, ok := y.file.Has(l, y.pos, y.part); {
		case !ok:
			return &y.none
		case in:
			return &y.rows[0]
		}
		return &y.rest
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
