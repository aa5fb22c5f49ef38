// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"math/bits"
	"slices"

	"clearpost/lead"
	"clearpost/rules"
)

// layerKey names a layer: lists and ranges on one field stand apart, and a campaign's second bound of a kind in the
// second layer.
type layerKey struct {
	pos    int
	part   lead.Part
	ranged bool
	file   rules.File // of a layer that looks in a large file of values, or in one that many campaigns look in
	nth    int
}

func compareKeys(a, b layerKey) int {
	ranged := map[bool]int{true: 1}
	return cmp.Or(cmp.Compare(a.file.Name, b.file.Name), a.pos-b.pos, int(a.part)-int(b.part),
		ranged[a.ranged]-ranged[b.ranged], a.nth-b.nth)
}

// member is what a campaign's criteria ask of a layer's field.
type member struct {
	bit   int
	bound *rules.Bound
}

// layerSet is the members of layers, which are built when all are known.
type layerSet map[layerKey][]member

func (l layerSet) add(bit, nth int, b *rules.Bound) {
	k := layerKey{pos: b.Pos, part: b.Part, ranged: b.Kind == rules.Range, file: b.File, nth: nth}
	for nth < 0 { // the first that the campaign is not in yet
		k.nth++
		if m := l[k]; len(m) == 0 || m[len(m)-1].bit != bit {
			break
		}
	}
	l[k] = append(l[k], member{bit, b})
}

// flipsMax is how many bits a row may differ in from the one that it leans on: each costs a ping some nanoseconds, and
// a row of its own costs memory.
const flipsMax = 64

// forksMax is how many clauses of several bounds a campaign may have in the index. A fork costs a ping as much as some
// layers, however few campaigns it is for: with fewer than a forksLeast-th of the words of a row, these are judged.
const (
	forksMax   = 4
	forksLeast = 4
)

// filesLeast is which part of all campaigns must look in a file for a layer to do it for each lead: a look costs as
// much as some layers, and for fewer campaigns the file is a list, or they are judged.
const filesLeast = 32

// looksIn counts how many of the campaigns look in each file.
func looksIn(list []*Campaign) map[rules.File]int {
	out := map[rules.File]int{}
	for _, c := range list {
		for i := range c.Criteria {
			if f, ok := c.Criteria[i].File(); ok {
				out[f]++
			}
		}
	}
	return out
}

// newIndex builds the index of a vertical's campaigns, which stand in the order of their indexes.
func newIndex(list []*Campaign, s *lead.Schema) *Index {
	ix := &Index{campaigns: make([]int32, len(list)), words: (len(list) + 63) / 64}
	ix.all = row{base: make([]uint64, ix.words), count: int32(len(list))}
	layers, forks, looks := layerSet{}, make([]forkSet, forksMax), looksIn(list)
	for bit, c := range list {
		ix.campaigns[bit] = c.Index
		ix.all.base[bit>>6] |= 1 << (bit & 63)
		nth := 0
		for i := range c.Criteria {
			clauses, whole := c.Criteria[i].Clauses()
			for _, clause := range clauses {
				switch {
				case len(clause) == 1:
					b := &clause[0]
					if looks[b.File]*filesLeast < len(list) {
						if b = b.Listed(); b == nil {
							whole = false
							break
						}
					}
					layers.add(bit, -1, b)
				case nth == forksMax:
					whole = false
				default:
					forks[nth].add(bit, clause, &c.Criteria[i])
					nth++
				}
			}
			if !whole {
				ix.judge(bit, &c.Criteria[i])
			}
		}
	}
	ix.layers = layers.build(s, ix.words, ix.all.base)
	for i := range forks {
		f := &forks[i]
		if len(f.members) == 0 || len(f.members)*forksLeast < ix.words {
			for _, m := range f.members {
				ix.judge(m.bit, m.of)
			}
			continue
		}
		none := slices.Clone(ix.all.base)
		for _, m := range f.members {
			none[m.bit>>6] &^= 1 << (m.bit & 63)
		}
		b := layerBuilder{words: ix.words, seen: map[string]row{}}
		ix.forks = append(ix.forks, fork{none: b.row(none), of: f.layers.build(s, ix.words, nil)})
	}
	return ix
}

// judge notes a criterion that the rows do not tell whole, once.
func (ix *Index) judge(bit int, c *rules.Criterion) {
	if ix.rest == nil {
		ix.rest = make([][]*rules.Criterion, len(ix.campaigns))
	}
	if !slices.Contains(ix.rest[bit], c) {
		ix.rest[bit] = append(ix.rest[bit], c)
	}
}

// forkSet is a fork that is built when all is known that belongs in it.
type forkSet struct {
	layers  layerSet
	members []forked
}

// forked is a campaign's criterion of which a clause stands in a fork.
type forked struct {
	bit int
	of  *rules.Criterion
}

func (f *forkSet) add(bit int, clause rules.Clause, of *rules.Criterion) {
	if f.layers == nil {
		f.layers = layerSet{}
	}
	for i := range clause {
		f.layers.add(bit, 0, &clause[i])
	}
	f.members = append(f.members, forked{bit, of})
}

// remove takes the members' campaigns out of a set.
func remove(set []uint64, members []member) {
	for _, m := range members {
		set[m.bit>>6] &^= 1 << (m.bit & 63)
	}
}

// build makes the layers, of which each lets all campaigns pass that it knows nothing of; all is nil in a fork, where
// it lets none of these pass.
func (l layerSet) build(s *lead.Schema, words int, all []uint64) (out []layer) {
	for _, k := range slices.SortedFunc(maps.Keys(l), compareKeys) {
		b := layerBuilder{words: words, members: l[k], seen: map[string]row{}}
		out = append(out, b.build(k, &s.Fields[k.pos], all))
	}
	return out
}

// layerBuilder makes the rows of one layer. Rows that say the same share their memory.
type layerBuilder struct {
	words   int
	members []member
	none    []uint64
	seen    map[string]row
}

func (b *layerBuilder) build(k layerKey, f *lead.Field, all []uint64) layer {
	y := layer{pos: k.pos, part: k.part, file: k.file, waits: f.Required&lead.AtPing == 0}
	if b.none = make([]uint64, b.words); all != nil {
		copy(b.none, all)
		remove(b.none, b.members)
	}
	y.none = b.row(b.none)
	every := slices.Clone(b.none)
	for _, m := range b.members {
		every[m.bit>>6] |= 1 << (m.bit & 63)
	}
	y.every = b.row(every)
	switch {
	case k.ranged:
		b.ranges(&y)
	case k.file != rules.File{}:
		b.files(&y)
	default:
		b.lists(&y, f)
	}
	return y
}

// row keeps a copy of a set of campaigns.
func (b *layerBuilder) row(set []uint64) row {
	key := make([]byte, 0, 8*len(set))
	r := row{}
	for _, w := range set {
		key = binary.LittleEndian.AppendUint64(key, w)
		r.count += int32(bits.OnesCount64(w))
	}
	if old, ok := b.seen[string(key)]; ok {
		return old
	}
	r.base, r.bare = slices.Clone(set), r.count == 0
	b.seen[string(key)] = r
	return r
}

// flipped is the row of base with some bits the other way round, ascending: as flips where that takes less memory.
func (b *layerBuilder) flipped(base *row, flips []int32) row {
	switch {
	case len(flips) == 0:
		return *base
	case len(flips) <= min(flipsMax, b.words/3):
		r := row{base: base.base, flips: slices.Clone(flips), count: base.count, bare: base.bare}
		for _, bit := range flips {
			r.count += 1 - 2*int32(base.base[bit>>6]>>(bit&63)&1)
		}
		return r
	}
	set := slices.Clone(base.base)
	for _, bit := range flips {
		set[bit>>6] ^= 1 << (bit & 63)
	}
	return b.row(set)
}

// ranges cuts the numbers at every end of a span, so that between two cuts one set of campaigns holds.
func (b *layerBuilder) ranges(y *layer) {
	ends := map[int64][]int32{} // number → the campaigns of which a span begins or has ended there
	for _, m := range b.members {
		for _, s := range m.bound.Spans {
			ends[s[0]] = append(ends[s[0]], int32(m.bit))
			if s[1] != math.MaxInt64 {
				ends[s[1]+1] = append(ends[s[1]+1], int32(m.bit))
			}
		}
	}
	if _, ok := ends[math.MinInt64]; !ok {
		y.starts, y.rows = append(y.starts, math.MinInt64), append(y.rows, y.none)
	}
	base, flips := y.none, []int32(nil) // since base
	for _, at := range slices.Sorted(maps.Keys(ends)) {
		flips = differing(flips, ends[at])
		r := b.flipped(&base, flips)
		if len(r.flips) == 0 {
			base, flips = r, nil
		}
		y.starts, y.rows = append(y.starts, at), append(y.rows, r)
	}
}

// differing are the bits that are in one of two lists. Both ascend; a bit that the second has twice, as where one span
// of a campaign ends and its next one begins, counts for nothing.
func differing(a, b []int32) (out []int32) {
	out = slices.Sorted(slices.Values(slices.Concat(a, b)))
	n := 0
	for i := 0; i < len(out); i++ {
		if i+1 < len(out) && out[i] == out[i+1] {
			i++
			continue
		}
		out[n] = out[i]
		n++
	}
	return out[:n]
}

func (b *layerBuilder) lists(y *layer, f *lead.Field) {
	rest := slices.Clone(b.none)
	byValue := map[string][]int32{}
	for _, m := range b.members { // in the order of bits
		if m.bound.Kind == rules.NotList {
			rest[m.bit>>6] |= 1 << (m.bit & 63)
		}
		for _, v := range m.bound.Values {
			byValue[v] = append(byValue[v], int32(m.bit))
		}
	}
	y.rest = b.row(rest)
	if keys := rules.Keys(f); keys != nil && y.part == lead.PartNone {
		y.byNum = make([]row, len(keys))
		for i, key := range keys {
			y.byNum[i] = b.flipped(&y.rest, byValue[key])
		}
		return
	}
	switch f.Type {
	case lead.TypeText, lead.TypeName, lead.TypeStreet, lead.TypeCity:
		y.folded = true
	}
	y.byText = make(map[string]int32, len(byValue))
	for _, v := range sortedKeys(byValue) {
		y.byText[v] = int32(len(y.rows))
		y.rows = append(y.rows, b.flipped(&y.rest, byValue[v]))
	}
}

// files has one row for the values in the file, and one for all others.
func (b *layerBuilder) files(y *layer) {
	in, out := slices.Clone(b.none), slices.Clone(b.none)
	for _, m := range b.members {
		set := in
		if m.bound.Kind == rules.NotInFile {
			set = out
		}
		set[m.bit>>6] |= 1 << (m.bit & 63)
	}
	y.rows, y.rest = []row{b.row(in)}, b.row(out)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
