// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger/report"
)

type payCmd struct {
	target
	Buyer  string `arg:"" optional:"" help:"Who has paid."`
	Amount string `arg:"" optional:"" help:"How much, such as 500.00; below zero: what was paid back."`
	Date   string `help:"When the money came, such as 2026-11-03; absent: today." placeholder:"DAY"`
	Ref    string `help:"What you know the payment by, such as the bank's number: a second one of the buyer under the same name changes nothing." placeholder:"TEXT"`
	Why    string `help:"The reason, kept in the ledger (payment)." placeholder:"TEXT"`
	CSV    string `name:"csv" help:"A CSV file with a header in place of these: the columns buyer and amount, and date and ref if need be. - is standard input." placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (payCmd) Help() string {
	return `Books money that came in from a buyer, or went back to it. Its statement has it, and its balance if its page has one. A row of a file counts
once, by its ref or by the file as it is and the number of the row, so that the same file may be sent again.

Examples:
  clearpost pay brightroof 1250.00 --date 2026-11-03 --ref 20261103-118
  clearpost pay --csv payments.csv`
}

// Run books.
func (c *payCmd) Run(e *env) error {
	rows := [][]string{{c.Buyer, c.Amount, c.Date, c.Ref}}
	switch one := c.Buyer != "" && c.Amount != ""; {
	case one == (c.CSV != "") || !one && (c.Buyer != "" || c.Date != "" || c.Ref != ""):
		return errors.New("expected a buyer and an amount, or --csv")
	case c.CSV != "":
		f := importFile{File: c.CSV}
		var err error
		if rows, err = f.rows(e, "buyer", "amount", "date?", "ref?"); err != nil {
			return err
		}
	}
	why := c.Why
	if why == "" {
		why = "payment"
	}
	return c.change(e, func(o *ops) error {
		booked := 0
		for i, r := range rows {
			var got admin.Paid
			in := admin.Payment{Buyer: r[0], Amount: r[1], Date: r[2], Ref: r[3], Why: why, By: whoami()}
			if err := o.call(e.ctx, "POST", "/v1/payments", in, &got); err != nil {
				if c.CSV == "" {
					return err
				}
				return fmt.Errorf("row %d, after %d were booked: %w", i+2, booked, err)
			}
			if got.Changed {
				booked++
			}
		}
		_, err := fmt.Fprintf(e.out, "%d of %d booked\n", booked, len(rows))
		return err
	})
}

type statementCmd struct {
	target
	Account string `arg:"" help:"A buyer or a source: its id, or buyer:ID or source:ID where both have it."`
	Month   string `help:"The month, such as 2026-10." placeholder:"MONTH"`
	times
	Sums bool `help:"Without the lines."`
	CSV  bool `name:"csv" help:"Print the lines as CSV."`
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (statementCmd) Help() string {
	return `Tells the account of a buyer (what it owes) or a source (what it is owed) over a month, or a time from --since to --until: what stood on it,
what was sold, corrected, given back and paid, and what stands on it then. What is corrected or given back later counts when it happens, so
that a month that is over stays as it was.

Examples:
  clearpost statement brightroof --month 2026-10 --zone America/New_York
  clearpost statement source:quotemill --month 2026-10 --csv > quotemill-2026-10.csv`
}

// period is the time that is asked for.
func (c *statementCmd) period() (since, until string, err error) {
	if c.Month == "" {
		if since, until, err = c.span(); err == nil && since == "" {
			err = errors.New("expected --month, or --since")
		}
		if until == "" {
			until = rfc3339(time.Now().Add(2 * time.Second)) // with what has just happened: seconds are whole
		}
		return since, until, err
	}
	if c.Since != "" || c.Until != "" {
		return "", "", errors.New("expected --month, or --since and --until")
	}
	if c.loc, err = time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		return "", "", fmt.Errorf("--zone %s: expected a zone such as America/New_York", c.Zone)
	}
	t, err := time.ParseInLocation("2006-01", c.Month, c.loc)
	if err != nil {
		return "", "", fmt.Errorf("--month %s: expected a month such as 2026-10", c.Month)
	}
	return rfc3339(t), rfc3339(t.AddDate(0, 1, 0)), nil
}

// Run prints it.
func (c *statementCmd) Run(e *env) error {
	since, until, err := c.period()
	if err != nil {
		return err
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		account, err := c.account(e, o)
		if err != nil {
			return err
		}
		q := url.Values{"account": {account}, "since": {since}, "until": {until},
			"limit": {strconv.Itoa(report.FindMax)}}
		if c.Sums {
			q.Set("limit", "1")
		}
		var all report.Statement
		for {
			var page report.Statement
			if err := o.call(e.ctx, "GET", "/v1/statement?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			page.Lines = append(all.Lines, page.Lines...)
			if all = page; page.Next == nil || c.Sums {
				break
			}
			q.Set("seq", strconv.FormatUint(page.Next.Seq, 10))
			if q.Del("line"); page.Next.Line > 0 {
				q.Set("line", strconv.Itoa(page.Next.Line))
			}
		}
		if c.Sums {
			all.Lines, all.Next = []report.StatementLine{}, nil
		}
		switch {
		case c.JSON:
			return printJSON(e.out, all)
		case c.CSV:
			return c.csv(e.out, &all)
		}
		return c.print(e.out, &all)
	})
}

// account finds out whose account is meant.
func (c *statementCmd) account(e *env, o *ops) (string, error) {
	if strings.HasPrefix(c.Account, "buyer:") || strings.HasPrefix(c.Account, "source:") {
		return c.Account, nil
	}
	var got admin.Trial
	if err := o.call(e.ctx, "GET", "/v1/books", nil, &got); err != nil {
		return "", err
	}
	found := ""
	for _, b := range got.Accounts {
		if b.Account == "buyer:"+c.Account || b.Account == "source:"+c.Account {
			if found != "" && found != b.Account {
				return "", fmt.Errorf("%s is a buyer and a source: expected buyer:%[1]s or source:%[1]s", c.Account)
			}
			found = b.Account
		}
	}
	if found == "" {
		return "", fmt.Errorf("nothing was ever booked for a buyer or a source %q", c.Account)
	}
	return found, nil
}

func (c *statementCmd) print(out io.Writer, s *report.Statement) error {
	var text, w bytes.Buffer
	for _, l := range s.Lines {
		what := l.Kind
		if l.Note != "" {
			what += " " + l.Note
		}
		id := ""
		if l.Lead != nil {
			id = l.Lead.String()
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\t%s %s\n", l.At.In(c.loc).Format("2006-01-02 15:04"), what, l.Reference, id,
			l.Amount, l.Currency)
	}
	fmt.Fprintf(&w, "%s from %s to %s (%s)\n\n", s.Account, s.Since.In(c.loc).Format("2006-01-02"),
		s.Until.In(c.loc).Format("2006-01-02"), c.loc)
	align(&w, text.String())
	text.Reset()
	for _, x := range s.Sums {
		fmt.Fprintf(&text, "opening\t%s %s\n", x.Opening, x.Currency)
		fmt.Fprintf(&text, "sales (%d)\t%s\n", x.SalesN, x.Sales)
		fmt.Fprintf(&text, "corrections\t%s\nreturns (%d)\t%s\n", x.Corrections, x.ReturnsN, x.Returns)
		fmt.Fprintf(&text, "payments\t%s\nclosing\t%s %s\n", x.Payments, x.Closing, x.Currency)
	}
	w.WriteByte('\n')
	align(&w, text.String())
	_, err := w.WriteTo(out)
	return err
}

func (c *statementCmd) csv(out io.Writer, s *report.Statement) error {
	w := csv.NewWriter(out)
	w.Write([]string{"at", "kind", "amount", "currency", "lead_id", "reference", "seller_lead_id", "campaign", "note"})
	for _, x := range s.Sums {
		w.Write([]string{s.Since.Format(time.RFC3339), "opening", x.Opening.String(), x.Currency, "", "", "", "", ""})
	}
	for _, l := range s.Lines {
		id := ""
		if l.Lead != nil {
			id = l.Lead.String()
		}
		w.Write([]string{l.At.Format(time.RFC3339), l.Kind, l.Amount.String(), l.Currency, id, l.Reference, l.Seller,
			l.Campaign, l.Note})
	}
	for _, x := range s.Sums {
		w.Write([]string{s.Until.Format(time.RFC3339), "closing", x.Closing.String(), x.Currency, "", "", "", "", ""})
	}
	w.Flush()
	return w.Error()
}

type booksCmd struct {
	target
	Until string `help:"As of this time, such as 2026-11-01; absent: now." placeholder:"TIME"`
	Zone  string `help:"Zone of the time." default:"UTC"`
	JSON  bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (booksCmd) Help() string {
	return `Prints the trial balance: what stands on the account of each buyer (above zero: it owes), each source (below zero: it is owed) and the
house. All of one currency add up to zero; exit code 1 if they do not.

Examples:
  clearpost books
  clearpost books --until 2026-11-01 --zone America/New_York`
}

// Run prints it.
func (c *booksCmd) Run(e *env) error {
	t := times{Until: c.Until, Zone: c.Zone}
	_, until, err := t.span()
	if err != nil {
		return err
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		var got admin.Trial
		if err := o.call(e.ctx, "GET", "/v1/books"+query("until", until), nil, &got); err != nil {
			return err
		}
		sums := map[string]lead.Money{}
		for _, b := range got.Accounts {
			sums[b.Currency] += b.Amount
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		var text, w bytes.Buffer
		for _, b := range got.Accounts {
			fmt.Fprintf(&text, "%s\t%s\t%s\t%d entries\n", b.Account, b.Amount, b.Currency, b.Entries)
		}
		align(&w, text.String())
		if _, err := w.WriteTo(e.out); err != nil {
			return err
		}
		for currency, sum := range sums {
			if sum != 0 {
				return fmt.Errorf("the accounts in %s add up to %s", currency, sum)
			}
			fmt.Fprintf(e.out, "%s adds up to 0.00\n", currency)
		}
		return nil
	})
}
