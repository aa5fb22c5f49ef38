// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"clearpost/exchange/admin"
	"clearpost/ledger/report"
)

type statementCmd struct {
	Of   statementOfCmd   `cmd:"" default:"withargs" help:"Tell the account of a buyer or a source over a month, and issue it."`
	List statementListCmd `cmd:"" help:"List statements that were issued."`
	Show statementShowCmd `cmd:"" help:"Print a statement that was issued, by its number."`
}

// Help implements kong.HelpProvider.
func (statementCmd) Help() string {
	return `Examples:
  clearpost statement brightroof --month 2026-10
  clearpost statement brightroof --month 2026-10 --issue --pdf > brightroof-2026-10.pdf
  clearpost statement list --month 2026-10
  clearpost statement show INV-0001 --html > INV-0001.html`
}

type statementOfCmd struct {
	target
	Account string `arg:"" help:"A buyer or a source: its id, or buyer:ID or source:ID where both have it."`
	Month   string `help:"The month, such as 2026-10." placeholder:"MONTH"`
	Since   string `help:"In place of a month: from this time on (2026-03-01, 09:30, 2026-03-01T09:30, 2h, 7d)."`
	Until   string `help:"Before this time."`
	Zone    string `help:"Zone of the month or the times; absent: the company's (company.timezone), else UTC." placeholder:"ZONE"`
	SoFar   bool   `help:"Of a month that has not ended: as far as it has gone."`
	Issue   bool   `help:"Give the month its number: from then on it stays as it is."`
	Open    bool   `name:"with-open" help:"With --issue: also while the outcome of leads of the month is not known; they go to a later statement."`
	First   bool   `help:"With --issue: it is the account's first statement, and what was booked before is its opening balance."`
	Why     string `help:"With --issue: a reason, kept in the ledger (statement)." placeholder:"TEXT"`
	paperForm
}

// Help implements kong.HelpProvider.
func (statementOfCmd) Help() string {
	return `Tells the account of a buyer (what it owes) or a source (what it is owed) over a month, or a time from --since to --until: what stood on it,
what was sold, corrected, given back and paid, and what stands on it then. What is corrected or given back later counts when it happens, so
that a month that is over stays as it was.

--issue gives each currency of a month that is over a number, of a series without gaps: the same again gives the same. What is booked late
for it stands on the next one, which names the one that it is about. Months are issued in their order.

Examples:
  clearpost statement brightroof --month 2026-10 --zone America/New_York
  clearpost statement brightroof --month 2026-10 --issue --pdf > brightroof-2026-10.pdf
  clearpost statement source:quotemill --month 2026-10 --csv > quotemill-2026-10.csv
  clearpost statement quotemill --month 2026-11 --so-far --sums`
}

// Validate implements kong.Validatable.
func (c *statementOfCmd) Validate() error {
	switch {
	case c.Issue && (c.Month == "" || c.SoFar):
		return errors.New("--issue goes with --month, of a month that is over")
	case (c.Open || c.First || c.Why != "") && !c.Issue:
		return errors.New("--with-open, --first and --why go with --issue")
	case c.SoFar && c.Month == "":
		return errors.New("--so-far goes with --month")
	case c.Month != "" && (c.Since != "" || c.Until != ""):
		return errors.New("expected --month, or --since and --until")
	case c.Month == "" && c.Since == "":
		return errors.New("expected --month, or --since")
	}
	return c.paperForm.Validate()
}

// period is the time that is asked for, in a zone.
func (c *statementOfCmd) period(zone *time.Location) (since, until string, err error) {
	if c.Month == "" {
		t := times{Since: c.Since, Until: c.Until, Zone: zone.String()}
		if since, until, err = t.span(); until == "" {
			until = rfc3339(time.Now().Add(2 * time.Second)) // with what has just happened: seconds are whole
		}
		return since, until, err
	}
	from, to, err := report.Span(c.Month, zone)
	if err != nil {
		return "", "", fmt.Errorf("--month %s: expected a month such as 2026-10", c.Month)
	}
	if now := time.Now(); to.After(now) != c.SoFar {
		if c.SoFar {
			return "", "", fmt.Errorf("%s is over in %s: leave --so-far out", c.Month, zone)
		}
		return "", "", fmt.Errorf("%s has not ended in %s: --so-far tells what there is of it", c.Month, zone)
	}
	return rfc3339(from), rfc3339(to), nil
}

// Run prints it.
func (c *statementOfCmd) Run(e *env) error {
	if err := c.ready(e); err != nil {
		return err
	}
	with := c.with
	if c.Issue {
		with = c.change
	}
	return with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		account, err := c.account(e, o)
		if err != nil {
			return err
		}
		var who admin.Parties
		if err := o.call(e.ctx, "GET", "/v1/statements/parties"+query("account", account), nil, &who); err != nil {
			return err
		}
		zone := who.Zone
		if c.Zone != "" {
			zone = c.Zone
		}
		loc, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			return fmt.Errorf("--zone %s: expected a zone such as America/New_York", zone)
		}
		since, until, err := c.period(loc)
		if err != nil {
			return err
		}
		if c.Issue {
			return c.issue(e, o, account)
		}
		s, err := readStatement(e, o, url.Values{"account": {account}, "since": {since}, "until": {until}}, c.Sums)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, s)
		}
		q := query("account", account, "since", until, "zone", zone)
		if err := o.call(e.ctx, "GET", "/v1/statements/parties"+q, nil, &who); err != nil {
			return err
		}
		if who.Untold != "" {
			fmt.Fprintf(e.err, "note: how the account stands now is not told: %s\n", who.Untold)
		}
		papers, err := papersOf(s, &who, loc, c.note(e, o, account))
		if err != nil {
			return err
		}
		return c.printPapers(e, papers)
	})
}

// note is what an account's time without a number is called.
func (c *statementOfCmd) note(e *env, o *ops, account string) string {
	if c.SoFar {
		return "so far, up to now"
	}
	if c.Month == "" {
		return ""
	}
	var found report.IssuedFound
	q := query("account", account, "month", c.Month)
	if err := o.call(e.ctx, "GET", "/v1/statements"+q, nil, &found); err != nil || len(found.Statements) == 0 {
		return "not issued"
	}
	var numbers []string
	for _, s := range found.Statements {
		numbers = append(numbers, s.Number)
	}
	return "issued as " + strings.Join(numbers, ", ")
}

// issue has the month issued, and prints it.
func (c *statementOfCmd) issue(e *env, o *ops, account string) error {
	why := c.Why
	if why == "" {
		why = "statement"
	}
	var got admin.IssueOut
	in := admin.IssueIn{Account: account, Month: c.Month, Zone: c.Zone, WithOpen: c.Open, First: c.First, Why: why,
		By: whoami()}
	if err := o.call(e.ctx, "POST", "/v1/statements", in, &got); err != nil {
		return err
	}
	if len(got.Statements) == 0 {
		return fmt.Errorf("nothing was booked for %s in %s: there is nothing to issue", account, c.Month)
	}
	var numbers []string
	for _, s := range got.Statements {
		numbers = append(numbers, s.Number)
	}
	fmt.Fprintf(e.err, "%d of %d issued: %s\n", got.Changed, len(numbers), strings.Join(numbers, ", "))
	return c.printIssued(e, o, numbers)
}

// account finds out whose account is meant.
func (c *statementOfCmd) account(e *env, o *ops) (string, error) {
	return accountNamed(e, o, c.Account)
}

// accountNamed finds out whose account a name means.
func accountNamed(e *env, o *ops, name string) (string, error) {
	if strings.HasPrefix(name, "buyer:") || strings.HasPrefix(name, "source:") {
		return name, nil
	}
	var got admin.Trial
	if err := o.call(e.ctx, "GET", "/v1/books", nil, &got); err != nil {
		return "", err
	}
	found := ""
	for _, b := range got.Accounts {
		if b.Account == "buyer:"+name || b.Account == "source:"+name {
			if found != "" && found != b.Account {
				return "", fmt.Errorf("%s is a buyer and a source: expected buyer:%[1]s or source:%[1]s", name)
			}
			found = b.Account
		}
	}
	if found == "" {
		return "", fmt.Errorf("nothing was ever booked for a buyer or a source %q", name)
	}
	return found, nil
}

// readStatement reads an account over a time, page by page.
func readStatement(e *env, o *ops, q url.Values, sums bool) (*report.Statement, error) {
	q.Set("limit", strconv.Itoa(report.FindMax))
	if sums {
		q.Set("limit", "1")
	}
	var all report.Statement
	for {
		var page report.Statement
		if err := o.call(e.ctx, "GET", "/v1/statement?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		page.Lines = append(all.Lines, page.Lines...)
		if len(all.Sums) > 0 { // they are those of the first page
			page.Sums = all.Sums
		}
		if all = page; page.Next == nil || sums {
			break
		}
		mark(q, page.Next)
	}
	if sums {
		all.Lines, all.Next = []report.StatementLine{}, nil
	}
	return &all, nil
}

// mark has a query go on after a line.
func mark(q url.Values, next *report.StatementMark) {
	q.Set("seq", strconv.FormatUint(next.Seq, 10))
	if q.Del("line"); next.Line > 0 {
		q.Set("line", strconv.Itoa(next.Line))
	}
}
