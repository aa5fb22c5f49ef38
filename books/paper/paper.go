// SPDX-License-Identifier: Apache-2.0

// Package paper writes statements down: as text, CSV, a page of HTML and PDF. It is pure: what stands on a statement is
// given to it, and the same statement is the same bytes at any time.
package paper

import (
	"strings"
	"time"

	"clearpost/lead"
)

// Paper is a statement of one account in one currency. What a buyer owes, and what a source is owed, is above zero.
type Paper struct {
	Number   string // "": it has none
	Note     string // of one without a number: why, such as "so far"
	IssuedAt time.Time
	Account  string // buyer:ID or source:ID
	Currency string
	Since    time.Time
	Until    time.Time // which it does not hold
	Zone     *time.Location
	From, To *lead.Party // nil: nobody has said

	Opening, Sales, Corrections, Returns, Payments, Closing lead.Money

	Terms  string  // a buyer's terms of payment in words; "": it has none
	Due    [2]Day  // the first and the last day on which its sales are due
	Stands *Stands // nil: nobody has asked

	LinesN      int64      // that it is made of
	Lines       []Line     // of it; none where only sums are told
	Before      string     // the number of the account's statement before
	Corrects    []Corrects // what of it is about earlier statements
	CorrectedBy []string   // numbers of later statements that have something about it
	Open        int64      // attempts of its time whose end was not known
}

// Day is a date such as 2026-11-30, "" of none.
type Day string

// Stands is how the account stood on the day of the paper.
type Stands struct {
	Day     Day
	Paid    lead.Money // after its time: what a buyer has paid, or a source was paid, above zero
	Overdue lead.Money // what was due before the day
	Oldest  Day        // since when the oldest of it was due
}

// Line is one entry.
type Line struct {
	At        time.Time
	Kind      string // sale, correction, return or payment
	Amount    lead.Money
	Lead      string // its id; "" of a payment
	Reference string // the buyer's: no source sees it
	Campaign  string // likewise
	Seller    string // the seller's id of the lead: no buyer sees it
	Note      string // of a payment: its ref
	Date      Day    // of a payment: when it was made, where somebody has said; At is when it was booked
	Corrects  string // the number of the earlier statement that it is about
	Due       Day    // of a sale to a buyer with terms
}

// Corrects is what a statement has of an earlier one's sales.
type Corrects struct {
	Number string
	Lines  int64
	Amount lead.Money
}

// OfSource tells whether it is a source's, to which the exchange owes.
func (p *Paper) OfSource() bool { return strings.HasPrefix(p.Account, "source:") }

// Title is what the paper is called.
func (p *Paper) Title() string {
	switch {
	case p.Number == "":
		return "Statement"
	case p.OfSource():
		return "Payout statement"
	}
	return "Invoice"
}

// Period is the time that it is of: a month, or its first and last day.
func (p *Paper) Period() string {
	since, until := p.Since.In(p.Zone), p.Until.In(p.Zone)
	last := until.Add(-time.Nanosecond)
	switch {
	case since.Day() == 1 && since.AddDate(0, 1, 0).Equal(until):
		return since.Format("January 2006")
	case since.Format(time.DateOnly) == last.Format(time.DateOnly):
		return since.Format("2 January 2006")
	}
	return since.Format("2 January 2006") + " to " + last.Format("2 January 2006")
}

// Name is whose account it is.
func (p *Paper) Name() string {
	if p.To != nil && p.To.Name != "" {
		return p.To.Name
	}
	_, id, _ := strings.Cut(p.Account, ":")
	return id
}

// Total is what the statement itself adds, without what was paid.
func (p *Paper) Total() lead.Money { return p.Sales + p.Corrections + p.Returns }

// String is the day in words.
func (d Day) String() string {
	at, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return at.Format("2 January 2006")
}

// DueText is when its sales are due: a day, or the first and the last one; "" where nobody has said.
func (p *Paper) DueText() string {
	if p.Due[0] == p.Due[1] {
		return p.Due[1].String()
	}
	return p.Due[0].String() + " to " + p.Due[1].String()
}

// Facts are what stands at its head beside names and sums.
func (p *Paper) Facts() (out [][2]string) {
	switch {
	case p.Number != "":
		out = append(out, [2]string{"Number", p.Number}, [2]string{"Issued",
			p.IssuedAt.In(p.Zone).Format("2 January 2006")})
	case p.Note != "":
		out = append(out, [2]string{"Status", p.Note})
	}
	for _, f := range [][2]string{{"Period", p.Period()}, {"Terms", p.Terms}, {"Due", p.DueText()},
		{"Time zone", p.Zone.String()}, {"Currency", p.Currency}} {
		if f[1] != "" {
			out = append(out, f)
		}
	}
	return out
}

// Sum is one line of the sums.
type Sum struct {
	Name   string
	Amount lead.Money
	Strong bool // what others add up to
	Total  bool // what it is all about
}

// Sums are its sums in the order in which they are told. Those of nothing are left out.
func (p *Paper) Sums() []Sum {
	owed := "Balance due"
	if p.OfSource() {
		owed = "Balance owed to you"
	}
	out := []Sum{{Name: "Balance before", Amount: p.Opening}, {Name: "Leads sold", Amount: p.Sales}}
	for _, s := range []Sum{{Name: "Corrections", Amount: p.Corrections}, {Name: "Returns", Amount: p.Returns}} {
		if s.Amount != 0 {
			out = append(out, s)
		}
	}
	if total := p.Total(); total != p.Sales {
		out = append(out, Sum{Name: "Of this period", Amount: total, Strong: true})
	}
	if p.Payments != 0 {
		out = append(out, Sum{Name: "Payments", Amount: p.Payments})
	}
	out = append(out, Sum{Name: owed, Amount: p.Closing, Strong: true, Total: true})
	if s := p.Stands; s != nil && s.Paid != 0 {
		out = append(out, Sum{Name: "Payments since", Amount: -s.Paid},
			Sum{Name: "Left on " + s.Day.String(), Amount: p.Closing - s.Paid, Strong: true})
	}
	if s := p.Stands; s != nil && s.Overdue > 0 {
		out = append(out, Sum{Name: "Overdue on " + s.Day.String(), Amount: s.Overdue})
	}
	return out
}

// Notes are what has to be said beside sums and lines.
func (p *Paper) Notes() (out []string) {
	if p.Before != "" {
		out = append(out, "It follows "+p.Before+".")
	}
	for _, c := range p.Corrects {
		out = append(out, plural(c.Lines, "line")+" about "+c.Number+": "+amount(c.Amount, p.Currency)+".")
	}
	if s := p.Stands; s != nil && s.Overdue > 0 {
		out = append(out, "On "+s.Day.String()+" "+amount(s.Overdue, p.Currency)+
			" were overdue, the oldest of it since "+s.Oldest.String()+".")
	}
	if p.Open > 0 {
		out = append(out, plural(p.Open, "lead")+" of this time whose outcome was not known yet will stand on a later "+
			"statement.")
	}
	if len(p.CorrectedBy) > 0 {
		out = append(out, "Later statements have corrections of it: "+strings.Join(p.CorrectedBy, ", ")+".")
	}
	return out
}

// Row is a line as it is printed.
type Row struct {
	At, What, Reference, Lead string
	Amount, Balance           lead.Money
}

// Rows are its lines as they are printed, each with what stands on the account after it.
func (p *Paper) Rows(each func(Row)) {
	balance := p.Opening
	for i := range p.Lines {
		l := &p.Lines[i]
		balance += l.Amount
		r := Row{At: l.At.In(p.Zone).Format("2006-01-02 15:04"), What: p.what(l), Lead: l.Lead, Amount: l.Amount,
			Balance: balance}
		if r.Reference = l.Reference; p.OfSource() {
			r.Reference = l.Seller
		}
		each(r)
	}
}

// what is what a line is of, in words.
func (p *Paper) what(l *Line) string {
	out := l.Kind
	if l.Note != "" {
		out += " " + l.Note
	}
	if l.Date != "" {
		out += " of " + string(l.Date)
	}
	if l.Corrects != "" {
		out += " (" + l.Corrects + ")"
	}
	return out
}

func amount(m lead.Money, currency string) string {
	return strings.TrimSpace(m.String() + " " + currency)
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}
