// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"time"

	"clearpost/lead"
)

// Ours is one attempt of the ledger: a post to the buyer, as it stands now. Money is in millionths.
type Ours struct {
	N         int64 // its number in the book
	Attempt   lead.ID
	Lead      lead.ID
	LeadN     int64 // the lead's number in the view of the ledger
	At        time.Time
	Campaign  string
	Reference string
	// lead.OutcomeNone where it has no end: then, and where it is lead.Unknown, nobody knows
	Outcome lead.Outcome
	Test    bool
	Price   lead.Money // booked
	Credit  lead.Money // that came back for a return
	// somebody has told, or booked, that it was given back
	Returned bool
	Inside   bool // of the period
}

// sold tells whether it is a sale.
func (o *Ours) sold() bool { return o.Outcome == lead.Accepted && !o.Test }

// open tells whether nobody knows how it ended.
func (o *Ours) open() bool {
	return !o.Test && (o.Outcome == lead.Unknown || o.Outcome == lead.OutcomeNone)
}

// Owed is what they owe for it by our books: nothing outside of the period.
func (o *Ours) Owed() lead.Money {
	if !o.sold() || !o.Inside {
		return 0
	}
	return o.Price - o.Credit
}

// Classes of findings.
const (
	Agreed       = "agreed"
	PriceDiffers = "price_differs"
	MissingThere = "missing_there" // a sale of ours that they do not have
	MissingHere  = "missing_here"  // a row of theirs that is no sale of ours
	Returned     = "returned"
	Duplicate    = "duplicate"
	Test         = "test"
	Unknown      = "unknown" // an unknown attempt of ours, which the statement resolves
)

// Classes lists all classes in the order of reports.
var Classes = []string{Agreed, PriceDiffers, MissingThere, MissingHere, Returned, Duplicate, Test, Unknown}

// Why a finding is of its class.
const (
	whyNoSale        = "no sale on either side"
	whyPrice         = "the prices differ"
	whyNotThere      = "not in their statement"
	whyRefusedThere  = "they say that they refused it"
	whyNotHere       = "nothing of ours is like it"
	whyRefusedHere   = "by our books they refused it"
	whyOtherPeriod   = "ours is of another period"
	whyBothReturned  = "given back on both sides"
	whyReturnedThere = "they gave it back, our books do not have that"
	whyReturnedHere  = "our books have it given back, they do not"
	whyCredit        = "given back on both sides, for different amounts"
	whyTold          = "somebody told that it was given back, but nothing is booked for it"
	whyTwice         = "they have it more than once"
	whyTwiceUndone   = "they have it more than once, and took that back"
	whyDupThere      = "they say that they had it before"
	whyTestHere      = "it is a test of ours"
	whyTestThere     = "they say that it was a test"
	whySoldThere     = "they have it: it was sold"
	whyUnsoldThere   = "they say that it was not sold to them"
	whyAbsentThere   = "they do not have it: it was not sold"
)

// Finding is one explanation. The money of all findings adds up to both totals, so that their differences add up to the
// difference.
type Finding struct {
	Class  string
	Why    string
	Ours   *Ours
	Rows   []Match
	Here   lead.Money // what is owed by our books
	There  lead.Money // by their statement
	Follow *Follow    // what a person may do about it
}

// Match is a row of theirs with how it was matched: one of Stages; empty if it was not.
type Match struct {
	Row
	Stage string
}

// Diff is theirs less ours.
func (f *Finding) Diff() lead.Money { return f.There - f.Here }

// Quiet tells of a finding about which nobody has to do anything.
func (f *Finding) Quiet() bool { return f.Diff() == 0 && f.Follow == nil }

// Kinds of follow-ups: verbs of clearpost.
const (
	DoResolve = "resolve" // an unknown attempt
	DoCorrect = "correct" // resolve --correct
	DoAdjust  = "adjust"
	DoReturn  = "return"
)

// Follow is what may follow from a finding if they are right.
type Follow struct {
	Do        string
	Attempt   lead.ID
	Accepted  bool // resolve and correct: the outcome
	Price     lead.Money
	Priced    bool
	Reference string
	Place     int64  // of their row; 0: there is none
	Reason    string // return: one of the buyer's page
}

// classify explains one attempt of ours with all rows of theirs that are of it. Rows keep their order.
func classify(o *Ours, rows []Match) []Finding {
	main, out := extras(o, rows)
	f := Finding{Ours: o, Rows: main, Here: o.Owed()}
	for i := range main {
		f.There += main[i].Amount
	}
	switch {
	case !o.Inside:
		f.outside()
	case o.Test:
		f.Class, f.Why = Test, whyTestHere
	case o.open():
		f.unknown()
	case !o.sold():
		f.refused()
	default:
		f.sale()
	}
	return append([]Finding{f}, out...)
}

// extras splits off rows by which a lead is owed once more: each is a duplicate, with the credit that undoes it if
// there is one. A row without a price stands for the price of ours.
func extras(o *Ours, rows []Match) (main []Match, out []Finding) {
	first := -1
	for i := range rows {
		r := &rows[i]
		if owes := r.Says == SaysNothing || r.Says == SaysOwed; owes && !r.Priced {
			r.Amount = o.Price - o.Credit
		}
		if r.Amount > 0 && (first < 0 || rows[first].Amount != o.Price && r.Amount == o.Price) {
			first = i
		}
	}
	used := make([]bool, len(rows))
	for i := range rows {
		if r := &rows[i]; r.Amount <= 0 || i == first {
			continue
		}
		used[i] = true
		f := Finding{Class: Duplicate, Why: whyTwice, Ours: o, Rows: []Match{rows[i]}, There: rows[i].Amount}
		for k := range rows {
			if !used[k] && rows[k].Amount == -rows[i].Amount {
				used[k] = true
				f.Rows, f.There, f.Why = append(f.Rows, rows[k]), 0, whyTwiceUndone
				break
			}
		}
		out = append(out, f)
	}
	for i := range rows {
		if !used[i] {
			main = append(main, rows[i])
		}
	}
	return main, out
}

// says tells whether one of the rows says so.
func (f *Finding) says(s Says) bool {
	for i := range f.Rows {
		if f.Rows[i].Says == s {
			return true
		}
	}
	return false
}

// gaveBack tells whether they gave it back: in words, or by a credit.
func (f *Finding) gaveBack() bool {
	for i := range f.Rows {
		if f.Rows[i].Amount < 0 {
			return true
		}
	}
	return f.says(SaysReturned)
}

// taken tells whether a row without a price says that they took it.
func (f *Finding) taken() bool {
	for i := range f.Rows {
		if r := &f.Rows[i]; !r.Priced && (r.Says == SaysNothing || r.Says == SaysOwed) {
			return true
		}
	}
	return false
}

func (f *Finding) follow(do string) *Follow {
	f.Follow = &Follow{Do: do, Attempt: f.Ours.Attempt}
	if len(f.Rows) > 0 {
		f.Follow.Place = f.Rows[0].Place
	}
	for i := range f.Rows {
		if f.Follow.Reference == "" {
			f.Follow.Reference = f.Rows[i].Reference
		}
	}
	return f.Follow
}

// outside explains rows of what is ours in another period.
func (f *Finding) outside() {
	o := f.Ours
	switch {
	case o.Test:
		f.Class, f.Why = Test, whyTestHere
	case o.open():
		f.unknown()
	case f.gaveBack():
		if f.Class, f.Why = Returned, whyOtherPeriod; o.sold() && o.Credit == 0 {
			f.followReturn()
		}
	case o.sold():
		f.Class, f.Why = MissingHere, whyOtherPeriod
	default:
		f.refused()
	}
}

// unknown explains what nobody knew.
func (f *Finding) unknown() {
	f.Class = Unknown
	switch {
	case len(f.Rows) == 0:
		f.Why = whyAbsentThere
		f.follow(DoResolve)
	case f.There > 0 || f.gaveBack() || f.taken():
		f.Why = whySoldThere
		w := f.follow(DoResolve)
		w.Accepted = true
		for i := range f.Rows {
			if r := &f.Rows[i]; r.Amount > 0 && r.Priced {
				w.Price, w.Priced = r.Amount, true
			}
		}
	default:
		f.Why = whyUnsoldThere
		f.follow(DoResolve)
	}
}

// refused explains rows of what they refused by our books.
func (f *Finding) refused() {
	switch {
	case f.There == 0 && f.taken():
		f.Class, f.Why = MissingHere, whyRefusedHere
		f.follow(DoCorrect).Accepted = true
	case f.There > 0:
		f.Class, f.Why = MissingHere, whyRefusedHere
		w := f.follow(DoCorrect)
		w.Accepted, w.Price, w.Priced = true, f.There, true
	case f.There < 0:
		f.Class, f.Why = Returned, whyRefusedHere
	case f.says(SaysTest):
		f.Class, f.Why = Test, whyTestThere
	default:
		f.Class, f.Why = Agreed, whyNoSale
	}
}

// sale explains a sale of the period.
func (f *Finding) sale() {
	o := f.Ours
	switch {
	case len(f.Rows) == 0 && f.Here == 0 && o.Credit > 0:
		f.Class, f.Why = Returned, whyBothReturned
	case len(f.Rows) == 0:
		f.Class, f.Why = MissingThere, whyNotThere
		if o.Returned && o.Credit == 0 {
			f.Class, f.Why = Returned, whyTold
			f.followReturn()
		}
	case f.gaveBack():
		f.back()
	case f.says(SaysTest) && f.There == 0:
		f.Class, f.Why = Test, whyTestThere
	case f.says(SaysDuplicate) && f.There == 0:
		f.Class, f.Why = Duplicate, whyDupThere
	case f.says(SaysRefused) && f.There == 0:
		f.Class, f.Why = MissingThere, whyRefusedThere
		f.follow(DoCorrect)
	case f.There == f.Here:
		f.Class = Agreed
		if o.Credit > 0 {
			f.Class, f.Why = Returned, whyBothReturned
		}
	case o.Credit > 0:
		f.Class, f.Why = Returned, whyReturnedHere
	default:
		f.Class, f.Why = PriceDiffers, whyPrice
		w := f.follow(DoAdjust)
		w.Price, w.Priced = f.There, true
	}
}

// back explains a sale that they gave back.
func (f *Finding) back() {
	f.Class = Returned
	switch {
	case f.Ours.Credit > 0 && f.Diff() == 0:
		f.Why = whyBothReturned
	case f.Ours.Credit > 0:
		f.Why = whyCredit
	case f.Ours.Returned:
		f.Why = whyTold
		f.followReturn()
	case f.Diff() == 0: // given back for nothing: a sale at no price
		f.Why = whyBothReturned
	default:
		f.Why = whyReturnedThere
		f.followReturn()
	}
}

// followReturn has a return booked that makes our side what theirs is, as far as there is anything to give back.
func (f *Finding) followReturn() {
	if credit := min(-f.Diff(), f.Ours.Price-f.Ours.Credit); credit > 0 {
		w := f.follow(DoReturn)
		w.Price, w.Priced = credit, true
	}
}

// lone explains a row that is of nothing of ours.
func lone(r Match) Finding {
	f := Finding{Class: MissingHere, Why: whyNotHere, Rows: []Match{r}, There: r.Amount}
	switch {
	case r.Says == SaysTest && r.Amount == 0:
		f.Class, f.Why = Test, whyTestThere
	case r.Amount < 0:
		f.Class = Returned
	}
	return f
}
