// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"

	"clearpost/books/paper"
	"clearpost/buyers"
	"clearpost/exchange/admin"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

// paperForm is how statements are printed.
type paperForm struct {
	Sums bool `help:"Without the lines."`
	CSV  bool `name:"csv" help:"Print the lines as CSV."`
	HTML bool `name:"html" help:"Print a page of HTML, for a screen, a phone or paper."`
	PDF  bool `name:"pdf" help:"Print a PDF, A4."`
	JSON bool `help:"Print JSON."`
}

// Validate implements kong.Validatable.
func (f *paperForm) Validate() error {
	n := 0
	for _, on := range []bool{f.CSV, f.HTML, f.PDF, f.JSON} {
		if on {
			n++
		}
	}
	if n > 1 {
		return errors.New("expected one of --csv, --html, --pdf and --json")
	}
	return nil
}

// ready refuses to write a PDF to a terminal.
func (f *paperForm) ready(e *env) error {
	if out, ok := e.out.(*os.File); ok && f.PDF && term.IsTerminal(int(out.Fd())) {
		return errors.New("a PDF is no text: send it to a file, with > statement.pdf")
	}
	return nil
}

// printPapers prints statements in the form that is asked for.
func (f *paperForm) printPapers(e *env, papers []*paper.Paper) error {
	switch {
	case f.CSV:
		return paper.CSV(e.out, papers)
	case f.HTML:
		return paper.HTML(e.out, papers)
	case f.PDF:
		return paper.PDF(e.out, papers)
	}
	for i, p := range papers {
		if i > 0 {
			fmt.Fprintln(e.out)
		}
		if err := p.Text(e.out); err != nil {
			return err
		}
	}
	return nil
}

// owing says on a paper by which terms it is paid, and how the account stands.
func owing(p *paper.Paper, terms *ledger.PayTerms, stands *ledger.Stands) error {
	if stands != nil {
		p.Stands = &paper.Stands{Day: paper.Day(stands.Day), Paid: stands.Paid, Overdue: stands.Overdue,
			Oldest: paper.Day(stands.Due)}
	}
	if terms == nil {
		return nil
	}
	zone, err := time.LoadLocation(terms.Zone)
	if err != nil {
		return err
	}
	t := buyers.Terms{Prepaid: terms.Prepaid, NetDays: terms.NetDays, FromDate: terms.From, Zone: zone}
	due := func(day time.Time) paper.Day { return paper.Day(t.Due(day).Format(time.DateOnly)) }
	if p.Terms = t.String(); t.Prepaid {
		return nil
	}
	p.Due = [2]paper.Day{due(p.Since.In(p.Zone)), due(p.Until.Add(-time.Nanosecond).In(p.Zone))}
	for i := range p.Lines {
		if l := &p.Lines[i]; l.Kind == "sale" { // days are those of its zone, which may be another one
			l.Due = due(t.Day(l.At))
			p.Due = [2]paper.Day{min(p.Due[0], l.Due), max(p.Due[1], l.Due)}
		}
	}
	return nil
}

// papersOf makes papers of an account over a time, one a currency.
func papersOf(s *report.Statement, who *admin.Parties, zone *time.Location, note string) (out []*paper.Paper,
	err error) {
	of := func(currency string) *paper.Paper {
		return &paper.Paper{Note: note, Account: s.Account, Currency: currency, Since: s.Since, Until: s.Until,
			Zone: zone,
			From: who.From, To: who.To}
	}
	at := map[string]*paper.Paper{}
	for _, x := range s.Sums {
		p := of(x.Currency)
		p.Opening, p.Sales, p.Corrections, p.Returns = x.Opening, x.Sales, x.Corrections, x.Returns
		p.Payments, p.Closing = x.Payments, x.Closing
		at[x.Currency], out = p, append(out, p)
	}
	for i := range s.Lines {
		if p := at[s.Lines[i].Currency]; p != nil {
			p.Lines = append(p.Lines, lineOn(&s.Lines[i]))
		}
	}
	if len(out) == 0 {
		out = append(out, of(""))
	}
	for _, p := range out {
		err = errors.Join(err, owing(p, who.Terms, who.Stands[p.Currency]))
	}
	return out, err
}

// lineOn is a line of a paper.
func lineOn(l *report.StatementLine) paper.Line {
	out := paper.Line{At: l.At, Kind: l.Kind, Amount: l.Amount, Reference: l.Reference, Campaign: l.Campaign,
		Seller: l.Seller, Note: l.Note, Date: paper.Day(l.Date), Corrects: l.Corrects}
	if l.Lead != nil {
		out.Lead = l.Lead.String()
	}
	return out
}

// readIssued reads a statement that was issued with all its lines, and looks whether they are those that it was issued
// with.
func readIssued(e *env, o *ops, number string, sums bool) (*report.IssuedPage, error) {
	q := url.Values{"number": {number}, "limit": {strconv.Itoa(report.FindMax)}}
	if sums {
		q.Set("limit", "1")
	}
	var all report.IssuedPage
	for {
		var page report.IssuedPage
		if err := o.call(e.ctx, "GET", "/v1/statements/show?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		page.Entries = append(all.Entries, page.Entries...)
		if all = page; page.Next == nil || sums {
			break
		}
		mark(q, page.Next)
	}
	if sums {
		all.Entries, all.Next = []report.StatementLine{}, nil
		return &all, nil
	}
	d := report.NewDigest()
	for i := range all.Entries {
		d.Add(&all.Entries[i])
	}
	return &all, d.Check(&all.Statement)
}

// issuedPaper is the paper of a statement that was issued.
func issuedPaper(s *report.IssuedPage) (*paper.Paper, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, err
	}
	p := &paper.Paper{Number: s.Number, IssuedAt: s.IssuedAt, Account: s.Account, Currency: s.Currency, Since: s.Since,
		Until: s.Until, Zone: zone, From: s.From, To: s.To, Opening: s.Opening, Sales: s.Sales,
		Corrections: s.Corrections, Returns: s.Returns, Payments: s.Payments, Closing: s.Closing,
		LinesN: s.Statement.Lines, Before: s.Before, CorrectedBy: s.LaterOn, Open: s.Open}
	for i := range s.Entries {
		p.Lines = append(p.Lines, lineOn(&s.Entries[i]))
	}
	for _, c := range s.Corrects {
		p.Corrects = append(p.Corrects, paper.Corrects{Number: c.Number, Lines: c.Lines, Amount: c.Amount})
	}
	return p, owing(p, s.Terms, s.Stands)
}

// printIssued prints statements by their numbers. Of one whose lines are not whole any more nothing is printed.
func (f *paperForm) printIssued(e *env, o *ops, numbers []string) error {
	var papers []*paper.Paper
	var pages []*report.IssuedPage
	for _, n := range numbers {
		s, err := readIssued(e, o, n, f.Sums)
		if err != nil {
			return err
		}
		p, err := issuedPaper(s)
		if err != nil {
			return err
		}
		papers, pages = append(papers, p), append(pages, s)
	}
	if f.JSON {
		return printJSON(e.out, pages)
	}
	return f.printPapers(e, papers)
}

type statementShowCmd struct {
	target
	Number []string `arg:"" help:"Numbers of statements, such as INV-0001."`
	paperForm
}

// Help implements kong.HelpProvider.
func (statementShowCmd) Help() string {
	return `Prints statements as they were issued, with the lines that they cover, and which later statements have corrections of them. The lines are
read from what find and report read,
	and held to the sum that stands in the ledger: if they are not the same any more it says so.

Examples:
  clearpost statement show INV-0001
  clearpost statement show INV-0001 --pdf > INV-0001.pdf`
}

// Run prints them.
func (c *statementShowCmd) Run(e *env) error {
	if err := c.ready(e); err != nil {
		return err
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		return c.printIssued(e, o, c.Number)
	})
}

type statementListCmd struct {
	target
	Account string `arg:"" optional:"" help:"Of this buyer or source only."`
	Month   string `help:"Of this month only, such as 2026-10." placeholder:"MONTH"`
	Limit   int    `help:"At most so many, the newest first; 0 = all." default:"50"`
	JSON    bool   `help:"Print a JSON object a line."`
}

// Help implements kong.HelpProvider.
func (statementListCmd) Help() string {
	return `Lists statements that were issued, the newest first: what each adds without payments, and what stood on the account at its end.

Examples:
  clearpost statement list --month 2026-10
  clearpost statement list brightroof --json`
}

// Run lists.
func (c *statementListCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		q := url.Values{}
		if c.Month != "" {
			q.Set("month", c.Month)
		}
		if c.Account != "" {
			account, err := accountNamed(e, o, c.Account)
			if err != nil {
				return err
			}
			q.Set("account", account)
		}
		return listing[report.IssuedFound, *report.Issued]{path: "/v1/statements", query: q, limit: c.Limit,
			json: c.JSON, head: "NUMBER\tISSUED\tACCOUNT\tMONTH\tLINES\tTOTAL\tPAYMENTS\tBALANCE\tCURRENCY\tABOUT",
			of: func(p *report.IssuedFound) (out []*report.Issued, next uint64) {
				for i := range p.Statements {
					out = append(out, &p.Statements[i])
				}
				return out, p.Next
			},
			row: func(s *report.Issued) string {
				about := ""
				for i, x := range s.Corrects {
					if i > 0 {
						about += ", "
					}
					about += x.Number
				}
				total := s.Sales + s.Corrections + s.Returns
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s", s.Number, s.IssuedAt.Format(time.DateOnly),
					s.Account, s.Month, s.Lines, total, s.Payments, s.Closing, s.Currency, about)
			},
			none: "no statement is like this",
		}.print(e, o)
	})
}
