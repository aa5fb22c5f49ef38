// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"sync/atomic"
	"time"

	"clearpost/lead"
)

// Facts are what criteria are judged by: a lead, and what is known beside it. Criteria on a source or a time that who
// asks does not know wait at any stage.
type Facts struct {
	Lead *lead.Lead
	// Stage is where the lead stands: AtPing, AtPost, or both for one that comes at once. Until the post, what is
	// missing may still come; with no stage at all, even what the vertical requires of pings may.
	Stage  lead.Stage
	Now    time.Time // of the ping, also where a post is judged; zero: nobody has said
	Source string    // the id of who sends it; empty: nobody has said
	Sold   int       // standing sales of the lead; known from the post on
	// Errors counts expressions that could not be judged, since what they hang on is missing for good, not valid or
	// cannot be reckoned. Nil: nobody counts.
	Errors *atomic.Int64
}

// Subject is what a criterion looks at.
type Subject uint8

// The subjects.
const (
	OfLead    Subject = iota // a field of the lead, or a part of one
	OfSource                 // the id of its source
	OfSold                   // its sales so far
	OfTime                   // the time of day in the criteria's zone, in seconds
	OfWeekday                // the day of the week there
)

var subjectNames = [...]string{"", "source", "sold", "time", "weekday"}

// FactNames lists what a criterion's field may be beside the fields of the vertical and their parts. A field of the
// vertical that has such a name goes first.
func FactNames() []string { return subjectNames[1:] }

// weekdays are the days as criteria have them, in the order of time.Weekday.
var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Verdict is what a criterion says of a lead.
type Verdict uint8

// The verdicts. Untold is for a Tester alone: neither what it asks nor the opposite is known to hold, so that it is
// unmet, and a `not` around it is too.
const (
	Met   Verdict = iota + 1
	Unmet         // also where a value is bad, or missing when it may not be: what is not known does not meet
	Waits         // what it looks at may still come with the post
	Untold
)

var verdictNames = [...]string{"none", "met", "unmet", "waits", "untold"}

// String is the verdict's name.
func (v Verdict) String() string { return verdictNames[v] }

// Tester is a test that is compiled elsewhere, such as an expression or a file of values. It never changes and may be
// shared. Test allocates nothing and calls no clock.
type Tester interface {
	Test(f *Facts) Verdict
	Expected() string        // what it asks for, such as "within 25 mi of 78704"
	Explain(f *Facts) string // what the lead has; personal values are masked
	AddUses(p *lead.Positions)
}

// outcome is the set of what a test may come to: it holds, it fails, or nobody can tell, since a value is bad or
// missing for good. Where a value may still come it may be any of them. The logic of three values is lifted to such
// sets: what one member of a group comes to is taken to say nothing of another's.
type outcome uint8

const (
	holds outcome = 1 << iota
	fails
	untold

	open = holds | fails | untold
)

func outcomeOf(b bool) outcome {
	if b {
		return holds
	}
	return fails
}

func (v Verdict) outcome() outcome {
	return [...]outcome{0: untold, Met: holds, Unmet: fails, Waits: open, Untold: untold}[v]
}

// verdict is what an outcome means for a lead: what may still come to hold waits, and nothing else passes.
func (o outcome) verdict() Verdict {
	switch {
	case o == holds:
		return Met
	case o&holds != 0:
		return Waits
	}
	return Unmet
}

// not turns what holds and what fails around. What nobody can tell stays so.
func (o outcome) not() outcome { return o&untold | o&holds<<1 | o&fails>>1 }

// or holds if one holds, fails if both fail, and else cannot be told.
func (o outcome) or(p outcome) outcome {
	out := (o|p)&holds | o&p&(fails|untold)
	if o&untold != 0 && p&fails != 0 || p&untold != 0 && o&fails != 0 {
		out |= untold
	}
	return out
}
