// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Repeat is a promise about a source's leads of a vertical: of one person none is sold within a time of another that
// is.
type Repeat struct {
	Source     string
	Vertical   string
	Key        []string // fields that name a person together: at most 4
	Window     time.Duration
	AllSources bool // the other lead may be any source's
}

// keyMax is how many fields may name a person.
const keyMax = 4

// somebody is what is kept of who a lead is about: hashes of the values, 0 for what has not come.
type somebody struct {
	rule   *Repeat
	values [keyMax]uint64
	at     int64 // microseconds: when the whole lead came, and was judged
	since  int64 // since when it counts: one that was resubmitted does since the first of its chain
}

func (a *auditor) addRepeats(rs []Repeat) {
	for i := range rs {
		r := &rs[i]
		a.repeats[[2]string{r.Source, r.Vertical}] = r
	}
}

// person takes what an event tells of who its lead is about: a ping, or the first event of a post.
func (a *auditor) person(e *event, b []byte) {
	if len(a.repeats) == 0 || e.Kind != "pinged" && e.Post == nil {
		return
	}
	all := gjson.ParseBytes(b)
	rule := a.repeats[[2]string{all.Get("source").Str, all.Get("vertical").Str}]
	if rule == nil || len(rule.Key) > keyMax {
		return
	}
	s := a.persons[e.Lead]
	s.rule = rule
	from, at := all, all.Get("received_at")
	if e.Kind != "pinged" {
		from, at = all.Get("post"), all.Get("post.received_at")
	}
	if t, err := time.Parse(time.RFC3339, at.Str); err == nil {
		s.at, s.since = t.UnixMicro(), t.UnixMicro()
	}
	if t, err := time.Parse(time.RFC3339, all.Get("resubmits.received_at").Str); err == nil {
		s.since = t.UnixMicro()
	}
	any := false
	for _, fields := range []gjson.Result{from.Get("fields"), all.Get("private.fields")} {
		fields.ForEach(func(k, v gjson.Result) bool {
			if i := slices.Index(rule.Key, k.Str); i >= 0 && s.values[i] == 0 {
				s.values[i] = hash([]byte(v.Str)) | 1
				any = true
			}
			return true
		})
	}
	if _, known := a.persons[e.Lead]; known || any {
		a.persons[e.Lead] = s
	}
}

// finishRepeats judges the sales when all events have been read.
func (a *auditor) finishRepeats() {
	type personKey struct {
		vertical, names string
		values          [keyMax]uint64
	}
	type sold struct {
		lead id
		somebody
	}
	by := map[personKey][]sold{}
	for i := range a.trips {
		t := &a.trips[i]
		s, known := a.persons[t.lead]
		if !known || slices.Contains(s.values[:len(s.rule.Key)], 0) ||
			!slices.ContainsFunc(t.attempts, func(p *attempt) bool {
				return p.outcome == accepted && !p.corrected
			}) {
			continue
		}
		k := personKey{s.rule.Vertical, strings.Join(s.rule.Key, " "), s.values}
		by[k] = append(by[k], sold{t.lead, s})
	}
	for _, list := range by {
		slices.SortFunc(list, func(x, y sold) int { return int(min(max(x.at-y.at, -1), 1)) })
		for i, later := range list {
			for _, earlier := range list[:i] {
				near := later.at-earlier.since < later.rule.Window.Microseconds()
				if near && (later.rule.AllSources || later.rule.Source == earlier.rule.Source) {
					a.found(RuleSoldAgain, later.lead, "sold by %s, and the same person by %s as lead %s, %v before",
						later.rule.Source, earlier.rule.Source, earlier.lead,
						time.Duration(later.at-earlier.at)*time.Microsecond)
				}
			}
		}
	}
}
