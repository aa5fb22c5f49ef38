// SPDX-License-Identifier: Apache-2.0

package lead

import "strings"

// neighbours are the states and provinces with a line between them: each line once. The post office sets its routes by
// roads, so that many a postal code reaches over a line, and no public table has them all.
const neighbours = `AL FL GA MS TN|AR LA MO MS OK TN TX|AZ CA CO NM NV UT|CA NV OR|CO KS NE NM OK UT WY|CT MA NY RI|DC MD VA|DE MD NJ PA|FL GA|GA NC SC TN|IA IL MN MO NE SD WI|ID MT NV OR UT WA WY|IL IN KY MI MO WI|IN KY MI OH|KS MO NE OK|KY MO OH TN VA WV|LA MS TX|MA NH NY RI VT|MD PA VA WV|ME NH|MI MN OH WI|MN ND SD WI|MO NE OK TN|MS TN|MT ND SD WY|NC SC TN VA|ND SD|NE SD WY|NH VT|NJ NY PA|NM OK TX UT|NV OR UT|NY PA RI VT|OH PA WV|OK TX|OR WA|PA WV|SD WY|TN VA|UT WY|VA WV|AB BC MT NT SK|BC NT WA YT AK|MB NU ON SK|NB NS QC|NL QC|NS PE|NT NU SK YT|ON QC|GU MP`

// borders has a bit for each neighbour, by index in stateTable.
var borders [128][2]uint64

func makeBorders() {
	link := func(a, b int) {
		borders[a][b/64] |= 1 << (b % 64)
		borders[b][a/64] |= 1 << (a % 64)
	}
	for _, e := range strings.Split(neighbours, "|") {
		codes := strings.Fields(e)
		one, _ := stateIndex([]byte(codes[0]))
		for _, c := range codes[1:] {
			other, _ := stateIndex([]byte(c))
			link(one, other)
		}
	}
}

func bordering(a, b int) bool { return borders[a][b/64]&(1<<(b%64)) != 0 }

// AcrossStates are postal codes that reach over the line of a state, and the states into which they reach.
type AcrossStates struct {
	also map[string][]int // by normal postal code
}

// ParseAcrossStates reads a list of postal codes, one a line, each with the states in which it may lie besides its own:
// "02861 MA". Blank lines and what follows a # are passed over. It tells the first line, counted from 1, that has
// another form, 0 if there is none.
func ParseAcrossStates(text string) (*AcrossStates, int) {
	s, errs := NewSchema("", []Field{{Name: "code", Type: TypePostalCode}})
	if errs != nil {
		panic(errs[0]) // cannot be: one field with a good name and type
	}
	pos, _ := s.Position("code")
	var l Lead
	out := &AcrossStates{also: map[string][]int{}}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(string(AppendSeen(nil, []byte(line))))
		if len(words) == 0 {
			continue
		}
		l.Reset(s)
		code := words[0]
		if len(words) > 2 && len(words[0]) == 3 && len(words[1]) == 3 { // K1A 0B1
			code, words = code+words[1], words[1:]
		}
		if l.Set(pos, []byte(code)); l.slots[pos].State != Valid || len(words) < 2 {
			return nil, i + 1
		}
		for _, w := range words[1:] {
			st, ok := stateIndex([]byte(w))
			if !ok {
				return nil, i + 1
			}
			key := string(l.Normal(pos))
			out.also[key] = append(out.also[key], st)
		}
	}
	return out, 0
}

// apart tells whether a valid postal code and a valid state do not belong together.
func (l *Lead) apart(zip, state int) bool {
	st, known := l.stateOf(zip)
	other := int(l.slots[state].Num)
	switch {
	case !known || st == other:
		return false
	case l.schema.across == nil:
		return !bordering(st, other)
	}
	for _, also := range l.schema.across.also[string(l.Normal(zip))] {
		if also == other {
			return false
		}
	}
	return true
}
