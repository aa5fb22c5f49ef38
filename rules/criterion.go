// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"regexp"
	"time"

	"clearpost/lead"
)

// Kind tells how a criterion tests its field, or its members.
type Kind uint8

// The kinds. An index knows the first three by value; all others are judged lead by lead.
const (
	List      Kind = iota + 1 // the value is one of Values
	NotList                   // there is a value, and it is none of Values
	Range                     // Min ≤ value ≤ Max
	Prefix                    // the text begins with one of Values
	Suffix                    // it ends with one of Values
	Contains                  // one of Values stands in it
	Pattern                   // a regular expression is found in it
	Present                   // something was sent
	Absent                    // nothing was sent
	Valid                     // there is a value that fits its type
	Invalid                   // there is one that does not
	Within                    // the date or time lies within a stretch that ends now
	Older                     // it lies before that stretch
	Any                       // one member at least holds
	All                       // all members hold
	Not                       // the one member does not hold
	Own                       // what a Tester says
	InFile                    // the value stands in a file
	NotInFile                 // there is a value, and it does not
)

// BoundNone are Min and Max where a range has no such end.
var BoundNone = [2]int64{math.MinInt64, math.MaxInt64}

// Criterion is one test of one field or fact, or a group of criteria. It is made by Compile, never changes, and may be
// shared. An index reads its exported parts.
type Criterion struct {
	Kind   Kind
	About  Subject
	Part   lead.Part // of the lead's value; PartNone is the value itself
	Line   int32     // where it stands in its file, counted from 1; 0: nobody has said
	Column int32
	Pos    int      // of the lead: position in the schema
	Field  string   // the name of what it looks at, with its part: phone.area
	Values []string // lists: the keys (AppendKey) of the values, sorted, each once; texts: in lower case
	Min    int64    // of a range, in the unit of lead.Slot.Num
	Max    int64
	Of     []Criterion // members of a group; the one of a Not

	field    *lead.Field
	expected string
	longest  int    // bytes of the longest of Values
	more     *needs // nil where a test needs none of it, as most do
}

// needs is what only some tests look at.
type needs struct {
	zone    *time.Location // of days, of the time of day
	ago     ago            // of Within and Older
	nums    []int64        // of a list of numbers: its values as such
	pattern *regexp.Regexp
	own     Tester
	like    *Criterion // what an index may know of it; nil: nothing
	radius  radius     // of a List of ZIP codes
	file    File       // of InFile and NotInFile
	bare    bool       // of an expression, in which a missing value is not valid
	unsure  bool       // nothing can be proved of it
}

// NewOwn makes a criterion of a test that is compiled elsewhere. name is what explanations call it.
func NewOwn(name string, t Tester) Criterion {
	return Criterion{Kind: Own, Field: name, Pos: -1, more: &needs{own: t}, expected: t.Expected()}
}

// Test tells whether what is known meets the criterion.
//
// A missing value waits at a ping unless the vertical requires it there. At a post it is unmet, for not_in and under
// `not` too: nothing but what is known to hold is met. So is a value that does not fit its type. Of a group of which
// one member must hold, one that is met decides; where none is, one that waits makes the group wait. A group of which
// all must hold is the other way round. It allocates nothing for values of up to 256 bytes.
func (c *Criterion) Test(f *Facts) Verdict { return c.outcome(f).verdict() }

func (c *Criterion) outcome(f *Facts) outcome {
	switch c.Kind {
	case Any:
		out := fails
		for i := range c.Of {
			if out = out.or(c.Of[i].outcome(f)); out == holds {
				break
			}
		}
		return out
	case All:
		out := fails // the opposite: one member at least fails
		for i := range c.Of {
			if out = out.or(c.Of[i].outcome(f).not()); out == holds {
				break
			}
		}
		return out.not()
	case Not:
		return c.Of[0].outcome(f).not()
	case Own:
		if own, ok := c.more.own.(expression); ok {
			return own.outcome(f)
		}
		return c.more.own.Test(f).outcome()
	}
	if c.About != OfLead {
		return c.ofFact(f)
	}
	switch f.Lead.Slot(c.Pos).State {
	case lead.Valid:
		return c.ofValid(f)
	case lead.Bad:
		return c.ofBad()
	}
	return c.ofMissing(f)
}

func (c *Criterion) ofBad() outcome {
	switch c.Kind {
	case Present, Invalid:
		return holds
	case Absent, Valid:
		return fails
	}
	return untold
}

func (c *Criterion) ofMissing(f *Facts) outcome {
	if c.Kind == Present || c.Kind == Absent || c.Kind == Invalid {
		for _, u := range f.Lead.Unfit() { // something was sent, and left out since it did not fit
			if u.Pos == c.Pos {
				return c.ofBad()
			}
		}
	}
	if f.Stage&lead.AtPost == 0 && c.field.Required&f.Stage == 0 {
		return open
	}
	switch c.Kind {
	case Present:
		return fails
	case Absent:
		return holds
	}
	return untold
}

// ofValid tests a valid value, or a part of one. A part that the value does not have is not known.
func (c *Criterion) ofValid(f *Facts) outcome {
	l := f.Lead
	switch c.Kind {
	case Range, Within, Older:
		n, ok := l.Slot(c.Pos).Num, true
		if c.Part != lead.PartNone {
			n, ok = l.PartNum(c.Pos, c.Part)
		}
		switch {
		case !ok:
			return untold
		case c.Kind != Range && f.Now.IsZero():
			return open
		case c.Kind == Range:
			return outcomeOf(c.Min <= n && n <= c.Max)
		}
		return c.since(n, f.Now)
	case Present, Absent:
		var b [256]byte
		has := c.Part == lead.PartNone
		if !has {
			_, has = l.AppendPart(b[:0], c.Pos, c.Part)
		}
		return outcomeOf(has == (c.Kind == Present))
	case Valid, Invalid:
		return outcomeOf(c.Kind == Valid)
	case Pattern:
		return c.matches(l)
	case InFile, NotInFile:
		return c.filed(l)
	}
	if c.Part == lead.PartNone {
		if c.Kind == List || c.Kind == NotList {
			return c.listed(l)
		}
		return c.ofText(l.Normal(c.Pos))
	}
	var b [256]byte
	k, ok := AppendPartKey(b[:0], l, c.Pos, c.Part)
	if !ok {
		return untold
	}
	return c.ofText(k)
}

// ofFact tests what is known beside the lead.
func (c *Criterion) ofFact(f *Facts) outcome {
	switch c.About {
	case OfSource:
		if f.Source == "" {
			return open
		}
		if c.Kind == Pattern {
			return outcomeOf(c.more.pattern.MatchString(f.Source))
		}
		var b [256]byte
		return c.ofText(append(b[:0], f.Source...))
	case OfSold:
		if f.Stage&lead.AtPost == 0 {
			return open
		}
		return c.ofNumber(int64(f.Sold))
	}
	if f.Now.IsZero() {
		return open
	}
	t := f.Now.In(c.more.zone)
	if c.About == OfWeekday {
		return c.ofText([]byte(weekdays[t.Weekday()]))
	}
	return c.ofNumber(int64(t.Hour()*3600 + t.Minute()*60 + t.Second()))
}

// ofNumber tests a whole number by a range or a list.
func (c *Criterion) ofNumber(n int64) outcome {
	if c.Kind == Range {
		return outcomeOf(c.Min <= n && n <= c.Max)
	}
	in := false
	for _, v := range c.more.nums {
		in = in || v == n
	}
	return outcomeOf(in == (c.Kind == List))
}

// Misses is how many tests, at least, keep the lead from meeting the criterion; 0 if it is met or waits. It tells which
// of two leads is nearer to one that meets it.
func (c *Criterion) Misses(f *Facts) int { return c.misses(f, false) }

func (c *Criterion) misses(f *Facts, opposite bool) int {
	switch {
	case c.Kind == Not:
		return c.Of[0].misses(f, !opposite)
	case (c.Kind == All) != opposite && c.Of != nil:
		n := 0
		for i := range c.Of {
			n += c.Of[i].misses(f, opposite)
		}
		return n
	case c.Of != nil:
		n := math.MaxInt
		for i := range c.Of {
			n = min(n, c.Of[i].misses(f, opposite))
		}
		return n
	}
	if c.Kind == Own {
		if own, ok := c.more.own.(expression); ok {
			return own.misses(f, opposite)
		}
	}
	o := c.outcome(f)
	if opposite {
		o = o.not()
	}
	if o.verdict() == Unmet {
		return 1
	}
	return 0
}

// Since is when the stretch of a Within or Older begins that ends at a time.
func (c *Criterion) Since(now time.Time) time.Time { return c.more.ago.before(now.In(c.more.zone)) }

// Regexp is the regular expression of a Pattern.
func (c *Criterion) Regexp() string { return c.more.pattern.String() }

// AddUses adds the fields of the lead that the criterion looks at.
func (c *Criterion) AddUses(p *lead.Positions) {
	switch c.Kind {
	case Any, All, Not:
		for i := range c.Of {
			c.Of[i].AddUses(p)
		}
	case Own:
		c.more.own.AddUses(p)
	default:
		if c.About == OfLead {
			p.Add(c.Pos)
		}
	}
}
