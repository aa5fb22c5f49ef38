// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"encoding/binary"
	"maps"
	"math"
	"math/bits"
	"slices"
	"sync"

	"clearpost/lead"
	"clearpost/rules"
)

// layerKey names a layer: lists and ranges on one field stand apart, and a campaign's second criterion of a kind in the
// second layer.
type layerKey struct {
	pos    int
	part   lead.Part
	ranged bool
	nth    int
}

// member is a campaign's criterion in a layer.
type member struct {
	bit       int
	criterion *rules.Criterion
}

// newIndex builds the index of a vertical's campaigns, which stand in the order of their indexes.
func newIndex(list []*Campaign, s *lead.Schema) *Index {
	ix := &Index{campaigns: make([]int32, len(list)), words: (len(list) + 63) / 64}
	ix.all = row{base: make([]uint64, ix.words), count: len(list)}
	layers := map[layerKey][]member{}
	for bit, c := range list {
		ix.campaigns[bit] = c.Index
		ix.all.base[bit>>6] |= 1 << (bit & 63)
		nth := map[layerKey]int{}
		for i := range c.Criteria {
			if k := &c.Criteria[i]; k.Kind > rules.Range || k.About != rules.OfLead {
				if ix.rest == nil {
					ix.rest = make([][]*rules.Criterion, len(list))
				}
				ix.rest[bit] = append(ix.rest[bit], k)
				continue
			}
			k := layerKey{pos: c.Criteria[i].Pos, part: c.Criteria[i].Part, ranged: c.Criteria[i].Kind == rules.Range}
			n := nth[k]
			nth[k] = n + 1
			k.nth = n
			layers[k] = append(layers[k], member{bit, &c.Criteria[i]})
		}
	}
	keys := slices.SortedFunc(maps.Keys(layers), func(a, b layerKey) int {
		switch {
		case a.pos != b.pos:
			return a.pos - b.pos
		case a.part != b.part:
			return int(a.part) - int(b.part)
		case a.ranged != b.ranged && a.ranged:
			return 1
		case a.ranged != b.ranged:
			return -1
		}
		return a.nth - b.nth
	})
	for _, k := range keys {
		b := layerBuilder{words: ix.words, members: layers[k], seen: map[string]row{}}
		ix.layers = append(ix.layers, b.build(k, &s.Fields[k.pos], ix.all.base))
	}
	return ix
}

// layerBuilder makes the rows of one layer. Rows that say the same share their memory.
type layerBuilder struct {
	words   int
	members []member
	none    []uint64
	seen    map[string]row
}

func (b *layerBuilder) build(k layerKey, f *lead.Field, all []uint64) layer {
	y := layer{pos: k.pos, part: k.part, waits: f.Required&lead.AtPing == 0}
	b.none = slices.Clone(all)
	for _, m := range b.members {
		b.none[m.bit>>6] &^= 1 << (m.bit & 63)
	}
	y.none = b.row(b.none)
	if k.ranged {
		b.ranges(&y)
	} else {
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
		r.count += bits.OnesCount64(w)
	}
	if old, ok := b.seen[string(key)]; ok {
		return old
	}
	r.base = slices.Clone(set)
	b.seen[string(key)] = r
	return r
}

// ranges cuts the numbers at every end of a range, so that between two cuts one set of campaigns holds.
func (b *layerBuilder) ranges(y *layer) {
	flips := map[int64][]int{} // number → the campaigns whose range begins or has ended there
	for _, m := range b.members {
		flips[m.criterion.Min] = append(flips[m.criterion.Min], m.bit)
		if m.criterion.Max != math.MaxInt64 {
			flips[m.criterion.Max+1] = append(flips[m.criterion.Max+1], m.bit)
		}
	}
	set := slices.Clone(b.none)
	if _, ok := flips[math.MinInt64]; !ok {
		y.starts, y.rows = append(y.starts, math.MinInt64), append(y.rows, b.row(set))
	}
	for _, at := range slices.Sorted(maps.Keys(flips)) {
		for _, bit := range flips[at] {
			set[bit>>6] ^= 1 << (bit & 63)
		}
		y.starts, y.rows = append(y.starts, at), append(y.rows, b.row(set))
	}
}

func (b *layerBuilder) lists(y *layer, f *lead.Field) {
	rest := slices.Clone(b.none)
	byValue := map[string][]member{}
	for _, m := range b.members {
		if m.criterion.Kind == rules.NotList {
			rest[m.bit>>6] |= 1 << (m.bit & 63)
		}
		for _, v := range m.criterion.Values {
			byValue[v] = append(byValue[v], m)
		}
	}
	y.rest = b.row(rest)
	if keys := indexedKeys(f); keys != nil && y.part == lead.PartNone {
		y.byNum = make([]row, len(keys))
		for i, key := range keys {
			y.byNum[i] = b.value(&y.rest, byValue[key])
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
		y.rows = append(y.rows, b.value(&y.rest, byValue[v]))
	}
}

// value is the row of a value that these criteria name: as edits of the rest where that takes less memory.
func (b *layerBuilder) value(rest *row, named []member) row {
	var edits []edit
	count := rest.count
	for _, m := range named { // in the order of bits
		if n := len(edits); n == 0 || edits[n-1].word != m.bit>>6 {
			edits = append(edits, edit{word: m.bit >> 6})
		}
		e := &edits[len(edits)-1]
		if m.criterion.Kind == rules.NotList {
			e.unset |= 1 << (m.bit & 63)
			count--
		} else {
			e.set |= 1 << (m.bit & 63)
			count++
		}
	}
	if len(edits) == 0 {
		return *rest
	}
	if 3*len(edits) < b.words {
		return row{base: rest.base, edits: edits, count: count}
	}
	set := slices.Clone(rest.base)
	for _, e := range edits {
		set[e.word] = set[e.word]&^e.unset | e.set
	}
	return b.row(set)
}

// indexedKeys lists the keys of a field's values by Slot.Num, where that is a small index.
func indexedKeys(f *lead.Field) []string {
	switch f.Type {
	case lead.TypeBoolean:
		return []string{"false", "true"}
	case lead.TypeEnum:
		return f.Values
	case lead.TypeState:
		return stateCodes()
	case lead.TypeGender:
		return lead.Genders()
	}
	return nil
}

// stateCodes lists the codes of all states in the order of their indexes.
var stateCodes = sync.OnceValue(func() []string {
	byIndex := map[int64]string{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if i, ok := lead.StateByText(string(a) + string(b)); ok {
				byIndex[i] = string(a) + string(b)
			}
		}
	}
	out := make([]string, len(byIndex))
	for i, code := range byIndex {
		out[i] = code
	}
	return out
})

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
