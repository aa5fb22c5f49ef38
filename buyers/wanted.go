// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// What is tried at most.
const (
	wantedTries     = 64 // values of one criterion
	wantedCampaigns = 32 // campaigns for which a lead is changed
)

// zipOf is a postal code of each state, for leads that a campaign wants from there.
var zipOf = map[string]string{
	"AL": "35203", "AK": "99501", "AZ": "85004", "AR": "72201", "CA": "94110", "CO": "80202", "CT": "06103",
	"DE": "19801", "DC": "20001", "FL": "33130", "GA": "30303", "HI": "96813", "ID": "83702", "IL": "60601",
	"IN": "46204", "IA": "50309", "KS": "67202", "KY": "40202", "LA": "70112", "ME": "04101", "MD": "21201",
	"MA": "02108", "MI": "48226", "MN": "55401", "MS": "39201", "MO": "63101", "MT": "59101", "NE": "68102",
	"NV": "89101", "NH": "03101", "NJ": "07102", "NM": "87102", "NY": "10001", "NC": "27601", "ND": "58102",
	"OH": "43215", "OK": "73102", "OR": "97201", "PA": "19103", "RI": "02903", "SC": "29201", "SD": "57104",
	"TN": "37203", "TX": "78701", "UT": "84101", "VT": "05401", "VA": "23219", "WA": "98101", "WV": "25301",
	"WI": "53202", "WY": "82001",
}

// Wanted changes an example lead, given as texts by position, so that one campaign of the vertical at least wants it:
// it gives the texts that differ, by position. ok is false where none was found that wants a lead like it. now is the
// time at which it would be received.
func (b *Book) Wanted(s *lead.Schema, vertical string, texts []string, now time.Time) (changed map[int]string,
	ok bool) {
	var list []*Campaign
	for _, c := range b.Campaigns {
		if c.Vertical == vertical {
			list = append(list, c)
		}
	}
	for _, c := range list {
		if w := (wanted{s: s, c: c, now: now}); w.unmet(texts) == 0 {
			return nil, true
		}
	}
	for _, c := range list[:min(len(list), wantedCampaigns)] {
		w := wanted{s: s, c: c, texts: slices.Clone(texts), now: now}
		if !w.fit() {
			continue
		}
		changed = map[int]string{}
		for pos, text := range w.texts {
			if text != texts[pos] {
				changed[pos] = text
			}
		}
		return changed, true
	}
	return nil, false
}

// wanted looks for a lead that one campaign wants.
type wanted struct {
	s     *lead.Schema
	c     *Campaign
	texts []string
	now   time.Time
}

const bothStages = lead.AtPing | lead.AtPost

// unmet counts the criteria that a lead of the texts does not meet, and what is wrong with it.
func (w *wanted) unmet(texts []string) (n int) {
	var l lead.Lead
	l.Reset(w.s)
	l.SetNow(w.now)
	for pos, text := range texts {
		if text != "" {
			l.Set(pos, []byte(text))
		}
	}
	l.Finish()
	n = len(l.Problems(bothStages)) * (len(w.c.Criteria) + 1)
	for i := range w.c.Criteria {
		if w.c.Criteria[i].Test(&l, bothStages) != rules.Met {
			n++
		}
	}
	return n
}

// fit changes one thing at a time, as long as that leaves fewer criteria unmet.
func (w *wanted) fit() bool {
	left := w.unmet(w.texts)
	for left > 0 {
		before := left
		for i := range w.c.Criteria {
			for _, try := range w.tries(&w.c.Criteria[i]) {
				texts := slices.Clone(w.texts)
				for pos, text := range try {
					texts[pos] = text
				}
				if n := w.unmet(texts); n < left {
					w.texts, left = texts, n
				}
			}
		}
		if left == before {
			return false
		}
	}
	return true
}

// tries are changes by which a criterion may come to be met.
func (w *wanted) tries(c *rules.Criterion) (out []map[int]string) {
	f := &w.s.Fields[c.Pos]
	one := func(text string) { out = append(out, map[int]string{c.Pos: text}) }
	switch {
	case c.Part == lead.PartArea && c.Kind == rules.List:
		for _, area := range c.Values[:min(len(c.Values), wantedTries)] {
			one(fmt.Sprintf("(%s) 555-0123", area))
		}
	case f.Type == lead.TypeDOB || w.originIs(f, lead.TypeDOB):
		for years := 16; years <= 95; years++ {
			out = append(out, map[int]string{w.origin(c.Pos): w.now.AddDate(-years, -1, 0).Format(time.DateOnly)})
		}
		return out
	case f.Type == lead.TypeState || f.Type == lead.TypePostalCode && c.Part != lead.PartNone:
		return w.places()
	case c.Part != lead.PartNone:
		return nil
	case c.Kind == rules.List:
		for _, v := range c.Values[:min(len(c.Values), wantedTries)] {
			one(v)
			if f.Type == lead.TypePostalCode {
				for pos := range w.s.Fields {
					if w.s.Fields[pos].Type == lead.TypeState && w.texts[pos] != "" {
						for _, p := range w.places() {
							out = append(out, map[int]string{c.Pos: v, pos: p[pos]})
						}
					}
				}
			}
		}
	case c.Kind == rules.Range:
		for _, n := range []int64{c.Min, c.Max} {
			if n != rules.BoundNone[0] && n != rules.BoundNone[1] {
				one(f.BoundText(n))
			}
		}
	}
	for _, v := range f.Values[:min(len(f.Values), wantedTries)] {
		one(v)
	}
	return out
}

// origin is the field that a derived one is made of, else the field itself.
func (w *wanted) origin(pos int) int {
	if from, _, ok := w.s.Resolve(w.s.Fields[pos].Derive); w.s.Fields[pos].Derive != "" && ok {
		return from
	}
	return pos
}

func (w *wanted) originIs(f *lead.Field, t lead.Type) bool {
	from, _, ok := w.s.Resolve(f.Derive)
	return f.Derive != "" && ok && w.s.Fields[from].Type == t
}

// places are postal codes with their states, in every field of these types that the lead has, or may have.
func (w *wanted) places() (out []map[int]string) {
	for _, state := range slices.Sorted(maps.Keys(zipOf)) {
		m := map[int]string{}
		for pos := range w.s.Fields {
			f := &w.s.Fields[pos]
			switch {
			case f.Derive != "" && w.texts[pos] == "":
			case f.Type == lead.TypeState:
				m[pos] = state
			case f.Type == lead.TypePostalCode:
				m[pos] = zipOf[state]
			}
		}
		out = append(out, m)
	}
	return out
}
