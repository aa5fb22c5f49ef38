// SPDX-License-Identifier: Apache-2.0

package buyers

import (
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

// Wanted changes an example lead, given as texts by position, so that one campaign of the vertical at least wants it
// from a source: it gives the texts that differ, by position. ok is false where none was found that wants a lead like
// it. now is the time at which it would be received; a campaign that only wants leads at other hours or days counts.
func (b *Book) Wanted(s *lead.Schema, vertical, source string, texts []string, now time.Time) (changed map[int]string,
	ok bool) {
	var list []*Campaign
	for _, c := range b.Campaigns {
		if c.Vertical == vertical {
			list = append(list, c)
		}
	}
	for _, c := range list {
		w := wanted{s: s, c: c, source: source, now: now}
		if w.unmet(draft{texts, now}) == 0 {
			return nil, true
		}
	}
	for _, c := range list[:min(len(list), wantedCampaigns)] {
		w := wanted{s: s, c: c, source: source, draft: draft{slices.Clone(texts), now}, now: now}
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
	s      *lead.Schema
	c      *Campaign
	source string
	now    time.Time
	draft
}

// draft is a lead that may be wanted, and the hour at which it is.
type draft struct {
	texts []string
	at    time.Time
}

// change is what may bring a draft nearer: other texts by position, or another hour.
type change struct {
	texts map[int]string
	at    time.Time // zero: the same
}

func (d draft) with(c change) draft {
	out := draft{slices.Clone(d.texts), d.at}
	for pos, text := range c.texts {
		out.texts[pos] = text
	}
	if !c.at.IsZero() {
		out.at = c.at
	}
	return out
}

const bothStages = lead.AtPing | lead.AtPost

// unmet counts the tests that keep a draft from being wanted, and what is wrong with it.
func (w *wanted) unmet(d draft) (n int) {
	var l lead.Lead
	l.Reset(w.s)
	l.SetNow(w.now)
	for pos, text := range d.texts {
		if text != "" {
			l.Set(pos, []byte(text))
		}
	}
	l.Finish()
	n = len(l.Problems(bothStages)) * (rules.TestsMax + 1)
	f := rules.Facts{Lead: &l, Stage: bothStages, Now: d.at, Source: w.source}
	for i := range w.c.Criteria {
		n += w.c.Criteria[i].Misses(&f)
	}
	return n
}

// fit changes one thing at a time, as long as that leaves fewer tests unmet.
func (w *wanted) fit() bool {
	left := w.unmet(w.draft)
	for left > 0 {
		before := left
		for i := range w.c.Criteria {
			for _, c := range w.tries(&w.c.Criteria[i], false) {
				d := w.draft.with(c)
				if n := w.unmet(d); n < left {
					w.draft, left = d, n
				}
			}
		}
		if left == before {
			return false
		}
	}
	return true
}

// tries are changes by which a criterion, or its opposite, may come to be met.
func (w *wanted) tries(c *rules.Criterion, opposite bool) (out []change) {
	if c.Kind == rules.Not {
		opposite = !opposite
	}
	for i := range c.Of {
		out = append(out, w.tries(&c.Of[i], opposite)...)
	}
	for _, hint := range c.Hints() {
		out = append(out, w.tries(&hint, opposite)...)
	}
	switch {
	case c.Of != nil || c.Kind == rules.Own || c.About == rules.OfSource || c.About == rules.OfSold:
		return out
	case c.About != rules.OfLead:
		const quarter = 15 * time.Minute
		for n := range 7 * 24 * 4 {
			out = append(out, change{at: w.now.Truncate(quarter).Add(time.Duration(n) * quarter)})
		}
		return out
	}
	f := &w.s.Fields[c.Pos]
	for _, text := range w.values(c, f, opposite) {
		out = append(out, change{texts: map[int]string{c.Pos: text}})
		if f.Type == lead.TypePostalCode {
			out = append(out, w.elsewhere(c.Pos, text)...)
		}
	}
	switch {
	case f.Type == lead.TypeDOB || w.originIs(f, lead.TypeDOB):
		for years := 16; years <= 95; years++ {
			out = append(out, change{texts: map[int]string{
				w.origin(c.Pos): w.now.AddDate(-years, -1, 0).Format(time.DateOnly)}})
		}
	case f.Type == lead.TypeState || f.Type == lead.TypePostalCode:
		out = append(out, w.places()...)
	}
	return out
}

// elsewhere are the changes to a postal code together with each state.
func (w *wanted) elsewhere(zip int, code string) (out []change) {
	for pos := range w.s.Fields {
		if w.s.Fields[pos].Type != lead.TypeState || w.texts[pos] == "" {
			continue
		}
		for _, state := range slices.Sorted(maps.Keys(zipOf)) {
			out = append(out, change{texts: map[int]string{zip: code, pos: state}})
		}
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
func (w *wanted) places() (out []change) {
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
		out = append(out, change{texts: m})
	}
	return out
}
