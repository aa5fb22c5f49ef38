// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Kinds of notices.
const (
	Began = "began"
	Still = "still" // it lasts, and was told a while ago
	Over  = "over"
	Was   = "was" // it began and ended out of hours
	Test  = "test"
)

// Notice is one thing that is told.
type Notice struct {
	ID      string    `json:"id"` // the same whenever it is sent
	Kind    string    `json:"kind"`
	Rule    string    `json:"rule"`
	On      string    `json:"on"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"` // over and was
	At      time.Time `json:"at"`             // of the notice
}

// Title is a line for people.
func (n *Notice) Title() string {
	switch n.Kind {
	case Over:
		return "over: " + n.Text
	case Was:
		return "was, and is over: " + n.Text
	case Still:
		return "still: " + n.Text
	}
	return n.Text
}

// Cause is what is so by a rule, and whether it was told.
type Cause struct {
	Rule    string    `json:"rule"`
	On      string    `json:"on"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Told    time.Time `json:"told,omitzero"` // last
	Gone    time.Time `json:"gone,omitzero"` // since when it is not so any more
}

// sending is a notice on its way to one receiver.
type sending struct {
	To     string    `json:"to"`
	Notice Notice    `json:"notice"`
	Tries  int       `json:"tries,omitempty"`
	Next   time.Time `json:"next,omitzero"`
	Why    string    `json:"why,omitempty"` // of the last try
}

// State is what outlives the process: causes by rule and subject, notices that are not taken yet, and what campaigns
// have accepted.
type State struct {
	Causes  map[string]*Cause  `json:"causes"`
	Waiting []sending          `json:"waiting,omitempty"`
	Posts   map[string]*counts `json:"posts,omitempty"`
}

// waitingMax bounds the notices that wait; beyond it the oldest are forgotten.
const waitingMax = 1000

// causesMax bounds the causes: the caps of a large exchange may all be full. What is beyond it is not told.
const causesMax = 10_000

func newState() *State { return &State{Causes: map[string]*Cause{}, Posts: map[string]*counts{}} }

// fill makes what a state that was read does not have.
func (s *State) fill() {
	if s.Causes == nil {
		s.Causes = map[string]*Cause{}
	}
	if s.Posts == nil {
		s.Posts = map[string]*counts{}
	}
}

// step takes over what is so now, and puts what is to be told into Waiting. changed tells whether anything is otherwise
// than before; lost counts the notices that were forgotten and the causes that were too many.
func (s *State) step(cfg *Config, facts []Fact, now time.Time) (changed bool, lost int) {
	open := true
	if cfg.Hours != nil {
		open, _ = cfg.Hours.At(now)
	}
	seen := map[string]bool{}
	for i := range cfg.Rules {
		r := &cfg.Rules[i]
		for j := range facts {
			f := &facts[j]
			n, ok := r.Breaks(f, now)
			if !ok {
				continue
			}
			key := r.ID + "\x00" + f.Subject
			c := s.Causes[key]
			if c == nil && len(s.Causes) >= causesMax {
				lost++
				continue
			}
			if seen[key] = true; c == nil {
				c = &Cause{Rule: r.ID, On: r.On, Subject: f.Subject, Since: now}
				if !f.Since.IsZero() {
					c.Since = f.Since
				}
				s.Causes[key], changed = c, true
			}
			c.Text = f.text(n)
			changed = s.lasts(cfg, r, c, open, now) || changed
		}
	}
	for _, key := range sortedKeys(s.Causes) {
		if !seen[key] {
			changed = s.gone(cfg, key, open, now) || changed
		}
	}
	if n := len(s.Waiting) - waitingMax; n > 0 {
		s.Waiting = slices.Delete(s.Waiting, 0, n)
		lost += n
	}
	return changed, lost
}

func (f *Fact) text(n int) string {
	if f.Times != nil {
		return fmt.Sprintf(f.Text, n)
	}
	return f.Text
}

// lasts deals with what is so.
func (s *State) lasts(cfg *Config, r *Rule, c *Cause, open bool, now time.Time) (changed bool) {
	if !c.Gone.IsZero() { // it was away for a moment
		c.Gone, changed = time.Time{}, true
	}
	switch {
	case !open && !r.Urgent, now.Sub(c.Since) < r.lasts():
		return changed
	case c.Told.IsZero():
		s.tell(cfg, r, c, Began, now)
	case r.Again > 0 && now.Sub(c.Told) >= r.Again:
		s.tell(cfg, r, c, Still, now)
	default:
		return changed
	}
	c.Told = now
	return true
}

// gone deals with what is not so any more, or whose rule is no more.
func (s *State) gone(cfg *Config, key string, open bool, now time.Time) (changed bool) {
	c := s.Causes[key]
	i := slices.IndexFunc(cfg.Rules, func(r Rule) bool { return r.ID == c.Rule })
	if i < 0 {
		delete(s.Causes, key)
		return true
	}
	r := &cfg.Rules[i]
	if c.Gone.IsZero() {
		c.Gone, changed = now, true
	}
	kind := Over
	switch long := c.Gone.Sub(c.Since) >= r.lasts(); {
	case c.Told.IsZero() && !long: // it was nothing
		delete(s.Causes, key)
		return true
	case now.Sub(c.Gone) < r.calmFor():
		return changed
	case c.Told.IsZero():
		kind = Was
	case !r.Over:
		delete(s.Causes, key)
		return true
	}
	if !open && !r.Urgent {
		return changed
	}
	s.tell(cfg, r, c, kind, now)
	delete(s.Causes, key)
	return true
}

// tell has all receivers of a rule told.
func (s *State) tell(cfg *Config, r *Rule, c *Cause, kind string, now time.Time) {
	n := Notice{Kind: kind, Rule: r.ID, On: r.On, Subject: c.Subject, Text: c.Text, Since: c.Since.UTC(), At: now.UTC()}
	if kind == Over || kind == Was {
		n.Until = c.Gone.UTC()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", kind, r.ID, c.Subject, now.UnixNano()))
	n.ID = "alert_" + hex.EncodeToString(sum[:12])
	for _, p := range cfg.Receivers {
		if len(r.To) == 0 || slices.Contains(r.To, p.ID) {
			s.Waiting = append(s.Waiting, sending{To: p.ID, Notice: n})
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}
