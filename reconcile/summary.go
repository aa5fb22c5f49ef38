// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// Summary is what a reconciliation comes to. Money is in millionths of Currency.
type Summary struct {
	Statement string    `json:"statement"`
	Buyer     string    `json:"buyer"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"` // the period ends before
	Zone      string    `json:"zone"`
	Currency  string    `json:"currency"`

	Sales    int64      `json:"sales"`   // of ours in the period
	Open     int64      `json:"unknown"` // attempts of the period of which nobody knows how they ended
	Tests    int64      `json:"tests"`
	Here     lead.Money `json:"here_micros"`  // what is owed by our books
	Rows     int64      `json:"rows"`         // of theirs
	There    lead.Money `json:"there_micros"` // what is owed by their statement
	Diff     lead.Money `json:"difference_micros"`
	Unpriced int64      `json:"rows_without_price,omitempty"` // they count with our price, where we have it

	Classes []Sum      `json:"classes"`
	Whys    []Sum      `json:"reasons"`
	Stages  []StageSum `json:"matched_by"`
	ToDo    int64      `json:"to_do"`     // findings about which somebody has to do something
	Follows int64      `json:"follow_up"` // of them those that have a command

	Totals  []TotalSum            `json:"total_lines,omitempty"` // of their file, which are no rows
	Skipped int64                 `json:"lines_left_out,omitempty"`
	Foreign int64                 `json:"rows_of_other_currencies,omitempty"`
	Others  map[string]lead.Money `json:"other_currencies_micros,omitempty"`
	Mapping string                `json:"mapping"`

	priced lead.Money // the sum of the rows with a price
	items  int64      // of ours that must be in findings
	over   bool
}

// Sum is what the findings of a class, or of a reason in it, come to.
type Sum struct {
	Class string     `json:"class"`
	Why   string     `json:"why,omitempty"`
	N     int64      `json:"findings"`
	Rows  int64      `json:"rows"`
	Here  lead.Money `json:"here_micros"`
	There lead.Money `json:"there_micros"`
	Diff  lead.Money `json:"difference_micros"`
	ToDo  int64      `json:"to_do"`
}

// StageSum is how many rows one stage has matched; without a stage: how many none has.
type StageSum struct {
	Stage string `json:"stage"`
	Rows  int64  `json:"rows"`
}

// TotalSum is a line of totals of their file.
type TotalSum struct {
	Line   int64       `json:"line"`
	Amount *lead.Money `json:"amount_micros,omitempty"` // nil: none could be read
}

// sumMax bounds sums: an int64 has room for no more than a few of it.
const sumMax = lead.Money(math.MaxInt64 / 4)

func (s *Summary) add(to *lead.Money, m lead.Money) {
	if *to += m; *to > sumMax || *to < -sumMax {
		s.over, *to = true, 0
	}
}

// counted tells whether one of ours has to be in a finding even if no row of theirs is of it.
func (o *Ours) counted() bool { return o.Inside && (o.Test || o.open() || o.sold()) }

func (s *Summary) ours(o *Ours) {
	if !o.counted() {
		return
	}
	s.items++
	switch {
	case o.Test:
		s.Tests++
	case o.open():
		s.Open++
	default:
		s.Sales++
	}
	s.add(&s.Here, o.Owed())
}

func (s *Summary) theirs(r *Row) {
	s.Rows++
	if !r.Priced {
		s.Unpriced++
		return
	}
	s.add(&s.priced, r.Amount)
}

// tally adds up findings, and checks in the end that nothing is lost or counted twice.
type tally struct {
	s      *Summary
	sums   map[[2]string]*Sum
	stages map[string]int64
	rows   int64
	items  int64
	priced lead.Money
}

func (t *tally) take(f *Finding, first bool) {
	k := [2]string{f.Class, f.Why}
	sum := t.sums[k]
	if sum == nil {
		sum = &Sum{Class: f.Class, Why: f.Why}
		t.sums[k] = sum
	}
	sum.N++
	sum.Rows += int64(len(f.Rows))
	t.s.add(&sum.Here, f.Here)
	t.s.add(&sum.There, f.There)
	if !f.Quiet() {
		sum.ToDo++
	}
	if f.Follow != nil {
		t.s.Follows++
	}
	for i := range f.Rows {
		t.rows++
		t.stages[f.Rows[i].Stage]++
		if f.Rows[i].Priced {
			t.s.add(&t.priced, f.Rows[i].Amount)
		}
	}
	if first && f.Ours != nil && f.Ours.counted() {
		t.items++
	}
}

// finish makes the summary. It fails where the findings do not come to the totals exactly, or where one row or one sale
// is in none of them or in two: that would be a mistake of this program, and no figure of it could be trusted.
func (t *tally) finish() error {
	s := t.s
	for k := range t.sums {
		s.Whys = append(s.Whys, *t.sums[k])
	}
	here := lead.Money(0)
	for _, c := range Classes {
		sum := Sum{Class: c}
		for i := range s.Whys {
			w := &s.Whys[i]
			if w.Diff = w.There - w.Here; w.Class != c {
				continue
			}
			sum.N, sum.Rows, sum.ToDo = sum.N+w.N, sum.Rows+w.Rows, sum.ToDo+w.ToDo
			s.add(&sum.Here, w.Here)
			s.add(&sum.There, w.There)
		}
		sum.Diff = sum.There - sum.Here
		s.Classes = append(s.Classes, sum)
		s.ToDo += sum.ToDo
		s.add(&here, sum.Here)
		s.add(&s.There, sum.There)
		s.add(&s.Diff, sum.Diff)
	}
	slices.SortFunc(s.Whys, func(a, b Sum) int {
		return slices.Index(Classes, a.Class)*100 - slices.Index(Classes, b.Class)*100 + strings.Compare(a.Why, b.Why)
	})
	for _, stage := range append(slices.Clone(stageNames[1:]), "") {
		s.Stages = append(s.Stages, StageSum{stage, t.stages[stage]})
	}
	switch {
	case s.over:
		return fmt.Errorf("the amounts add up to more than %s: these are no prices of leads", sumMax)
	case here != s.Here || t.priced != s.priced || t.rows != s.Rows || t.items != s.items || s.Diff != s.There-s.Here:
		return fmt.Errorf("the findings do not come to the totals: ours %s of %s, theirs %s of %s, %d of %d rows, "+
			"%d of %d of ours: this is a defect of this program, please report it", here, s.Here, t.priced, s.priced,
			t.rows, s.Rows, t.items, s.items)
	}
	return nil
}
