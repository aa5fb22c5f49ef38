// SPDX-License-Identifier: Apache-2.0

// Package rules holds what campaigns ask of a lead and of the clock: criteria compiled to slot positions, rates, the
// windows in which caps count, and schedules. It is pure: it reads no clock and keeps nothing.
package rules

import (
	"github.com/goccy/go-yaml/ast"

	"clearpost/lead"
)

// Limits of a configuration.
const (
	CriterionValuesMax = 50_000        // values of one list
	CriterionTextsMax  = 100           // texts of one prefix, suffix or contains
	TextBytesMax       = 64            // of one such text
	PatternBytesMax    = 256           // of a regular expression
	PatternStepsMax    = 500           // of a compiled one
	PatternValueMax    = 2048          // bytes of a value that a regular expression may look at
	TestsMax           = 256           // of one campaign, those in groups included
	GroupDepthMax      = 5             // of groups within groups
	CapLimitMax        = 1_000_000_000 // of what one cap counts, where that is no money
	ByValuesMax        = 50_000        // values of one cap that have limits of their own
	CapsMax            = 16            // caps of one campaign or buyer
	CapDaysMax         = 366           // days that count together
)

// CriterionSpec is a criterion as it stands in a file: one test of a field, or a group (any, all, not) of criteria. All
// single values are taken as their text, so that the ZIP code 07030 keeps its zero.
type CriterionSpec struct {
	// a field of the vertical, a part of one such as phone.area, or one of source, sold, time, weekday
	Field      string          `yaml:"field"`
	In         []string        `yaml:"in"`          // it has one of these values
	NotIn      []string        `yaml:"not_in"`      // it has a value, and none of these
	Min        *string         `yaml:"min"`         // it is not below this
	Max        *string         `yaml:"max"`         // it is not above this
	Before     *string         `yaml:"before"`      // a date or time that lies before this one
	After      *string         `yaml:"after"`       // a date or time that lies after this one
	WithinLast *string         `yaml:"within_last"` // a date or time no longer ago than this, such as 30 days
	OlderThan  *string         `yaml:"older_than"`  // a date or time longer ago than this
	Prefix     Texts           `yaml:"prefix"`      // its text begins with one of these
	Suffix     Texts           `yaml:"suffix"`      // its text ends with one of these
	Contains   Texts           `yaml:"contains"`    // one of these stands in its text
	Pattern    *string         `yaml:"pattern"`     // a regular expression (RE2) is found in its text
	Present    *bool           `yaml:"present"`     // something was sent for it (true), or nothing (false)
	Valid      *bool           `yaml:"valid"`       // a value that fits its type was sent (true), or one that does not
	Within     *string         `yaml:"within"`      // a ZIP code that is no farther away, such as 25 mi of 78704
	InFile     *string         `yaml:"in_file"`     // it stands in this file of lists/, which has one value a line
	NotInFile  *string         `yaml:"not_in_file"` // it has a value, and that does not stand in this file
	Hashed     string          `yaml:"hashed"`      // the file has sums of the values: md5, sha1 or sha256
	When       *string         `yaml:"when"`        // an expression is true; the text alone says the same
	Any        []CriterionSpec `yaml:"any"`         // one of these holds at least
	All        []CriterionSpec `yaml:"all"`         // all of these hold
	Not        *CriterionSpec  `yaml:"not"`         // this does not hold

	word bool `yaml:"-"` // When is all that was written
}

// TakeWord reads a criterion that is a text alone: an expression.
func (s *CriterionSpec) TakeWord(text string) error {
	s.When, s.word = &text, true
	return nil
}

// Texts is one text or a list of them.
type Texts []string

// UnmarshalYAML takes a single value or a list. It never fails: what is no single value becomes an empty text, which
// compiling reports.
func (t *Texts) UnmarshalYAML(n ast.Node) error {
	*t = Texts{}
	if a, ok := n.(*ast.AnchorNode); ok {
		n = a.Value
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.SequenceNode:
		for _, v := range n.Values {
			*t = append(*t, textOf(v))
		}
	default:
		*t = append(*t, textOf(n))
	}
	return nil
}

func textOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value
	case *ast.AnchorNode:
		return textOf(n.Value)
	}
	return ""
}

// When is a list of criteria, or one expression as a text.
type When []CriterionSpec

// TakeWord reads an expression.
func (w *When) TakeWord(text string) error {
	*w = make(When, 1)
	return (*w)[0].TakeWord(text)
}

// CapSpec is a cap as it stands in a file: so much of what it counts in each window.
type CapSpec struct {
	Per string `yaml:"per"` // minute, hour, day, week, month or total
	// in place of per: days that count together, today and those before it, such as 30 days
	Last   string `yaml:"last"`
	Counts string `yaml:"counts"` // accepted (leads), attempts (posts that went out), or pings (accepted)
	Limit  int64  `yaml:"limit"`  // of what is counted in one window, at least 1
	// in place of limit and counts: money in one window, such as 5000.00; an attempt holds its bid
	Spend *lead.Money `yaml:"spend"`
	// limits of single days (mon, tue, …) in place of limit or spend; 0: none
	Weekdays map[string]lead.Money `yaml:"weekdays"`
	// a field of the vertical, such as state, or source, buyer or campaign: each of its values counts by itself
	By string `yaml:"by"`
	// limits of single values of by; without limit or spend all others are not limited
	Values map[string]lead.Money `yaml:"values"`
	// even: what is left for the window is spread over its open hours
	Pace  string      `yaml:"pace"`
	Burst *lead.Money `yaml:"burst"` // with pace: how far ahead of the spread it may be (1)
	// per week: the day on which weeks begin, such as sun; absent: mon
	WeekStarts string `yaml:"week_starts"`
	Zone       string `yaml:"zone"` // IANA name; absent = the zone of its owner
}
