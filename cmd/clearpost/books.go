// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger/report"
)

type payCmd struct {
	target
	Who      string `arg:"" optional:"" help:"The buyer that has paid, or source:ID, the source that was paid."`
	Amount   string `arg:"" optional:"" help:"How much, such as 500.00."`
	Back     bool   `help:"It was paid back."`
	Currency string `help:"Its currency, such as USD, where the verticals have several." placeholder:"CODE"`
	Date     string `help:"When the money came or went, such as 2026-11-03; absent: today." placeholder:"DAY"`
	Ref      string `help:"What you know the payment by, such as the bank's number: a second one of the buyer or source under the same name changes nothing." placeholder:"TEXT"`
	Why      string `help:"The reason, kept in the ledger (payment)." placeholder:"TEXT"`
	CSV      string `name:"csv" help:"A CSV file with a header in place of these: the columns buyer, source or both, amount, and if need be currency, date and ref. - is standard input." placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (payCmd) Help() string {
	return `Books money that came in from a buyer, or went to a source. Its statement has it, and the balance of a buyer whose page has one. --back books
what was paid back, and so takes back a payment that was entered by mistake; in a file its amount is below zero. A row of a file counts
once, by its ref or by the file as it is and the number of the row, so that the same file may be sent again.

Examples:
  clearpost pay brightroof 1250.00 --date 2026-11-03 --ref 20261103-118
  clearpost pay source:quotemill 980.00 --date 2026-11-05 --ref 20261105-007
  clearpost pay source:quotemill 980.00 --back --ref 20261105-007-back --why "entered by mistake"
  clearpost pay --csv payments.csv`
}

// Run books.
func (c *payCmd) Run(e *env) error {
	buyer, source := c.Who, ""
	if id, ok := strings.CutPrefix(c.Who, "source:"); ok {
		buyer, source = "", id
	} else {
		buyer = strings.TrimPrefix(buyer, "buyer:")
	}
	amount := c.Amount
	if c.Back {
		amount = "-" + amount
	}
	rows := [][]string{{buyer, source, amount, c.Currency, c.Date, c.Ref}}
	switch one := c.Who != "" && c.Amount != ""; {
	case one == (c.CSV != "") || !one && (c.Who != "" || c.Back || c.Currency != "" || c.Date != "" || c.Ref != ""):
		return errors.New("expected a buyer or source:ID and an amount, or --csv")
	case c.CSV != "":
		f := importFile{File: c.CSV}
		var err error
		if rows, err = f.rows(e, "buyer?", "source?", "amount", "currency?", "date?", "ref?"); err != nil {
			return err
		}
		for i, r := range rows {
			if (r[0] == "") == (r[1] == "") {
				return fmt.Errorf("%s: row %d: expected a value in the column buyer or in the column source", c.CSV,
					i+2)
			}
		}
	}
	if c.CSV == "" && c.Ref == "" {
		rows[0][5] = "payment-" + rand.Text()
	}
	return c.change(e, func(o *ops) error { return c.book(e, o, rows) })
}

// book books payments: all of a file are looked at before the first is booked.
func (c *payCmd) book(e *env, o *ops, rows [][]string) error {
	pay := func(r []string, dry bool) (bool, error) {
		var got admin.Paid
		in := admin.Payment{Buyer: r[0], Source: r[1], Amount: r[2], Currency: r[3], Date: r[4], Ref: r[5],
			DryRun: dry, Why: cmp.Or(c.Why, "payment"), By: whoami()}
		err := o.call(e.ctx, "POST", "/v1/payments", in, &got)
		return got.Changed, err
	}
	if c.CSV != "" {
		booked, err := eachRow(rows, pay)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%d of %d booked\n", booked, len(rows))
		return err
	}
	changed, err := pay(rows[0], false)
	if err != nil {
		return again(err, rows[0][5])
	}
	_, err = fmt.Fprintf(e.out, "%d of 1 booked\n", map[bool]int{true: 1}[changed])
	return err
}

type booksCmd struct {
	target
	Until     string `help:"As of this time, such as 2026-11-01; absent: now." placeholder:"TIME"`
	Beancount bool   `help:"Print the books for Beancount."`
	HLedger   bool   `name:"hledger" help:"Print the books for hledger."`
	From      string `help:"Of these forms: from this day on; absent: from the first one." placeholder:"DAY"`
	To        string `help:"Of these forms: before this day; absent: all there is." placeholder:"DAY"`
	Opening   bool   `help:"With --from: begin with what stood on the accounts before, so that the file stands by itself."`
	Zone      string `help:"Zone of days and times; absent: UTC." default:"UTC"`
	JSON      bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (booksCmd) Help() string {
	return `Prints the trial balance: what stands on the account of each buyer (above zero: it owes), each source (below zero: it is owed) and the
house. All of one currency add up to zero; exit code 1 if they do not.

--beancount and --hledger print the books as a file for these programs, of plain text: for each day what was sold, corrected and given back,
added up by account, and each payment by itself. A file that has all that came before (without --from, or with --opening) ends with what
has to stand on each account, which the program holds it to.

Examples:
  clearpost books
  clearpost books --until 2026-11-01 --zone America/New_York
  clearpost books --beancount --from 2026-10-01 --to 2026-11-01 --opening --zone America/New_York > october.beancount
  clearpost books --hledger > clearpost.journal`
}

// Validate implements kong.Validatable.
func (c *booksCmd) Validate() error {
	file := c.Beancount || c.HLedger
	switch {
	case c.Beancount && (c.HLedger || c.JSON), c.HLedger && c.JSON:
		return errors.New("expected one of --beancount, --hledger and --json")
	case file && c.Until != "":
		return errors.New("--beancount and --hledger take --from and --to in place of --until")
	case !file && (c.From != "" || c.To != "" || c.Opening):
		return errors.New("--from, --to and --opening go with --beancount or --hledger")
	case c.Opening && c.From == "":
		return errors.New("--opening goes with --from")
	}
	return nil
}

// Run prints it.
func (c *booksCmd) Run(e *env) error {
	if c.Beancount || c.HLedger {
		return c.file(e)
	}
	t := times{Until: c.Until, Zone: c.Zone}
	_, until, err := t.span()
	if err != nil {
		return err
	}
	return c.with(e, func(o *ops) error { return c.tell(e, o, until) })
}

func (c *booksCmd) tell(e *env, o *ops, until string) error {
	if err := upToDate(e, o); err != nil {
		return err
	}
	var got admin.Trial
	if err := o.call(e.ctx, "GET", "/v1/books"+query("until", until), nil, &got); err != nil {
		return err
	}
	if c.JSON {
		return errors.Join(printJSON(e.out, got), balanced(io.Discard, got.Accounts))
	}
	late := map[string]string{}
	if stands, err := standingsOf(e, o); err != nil {
		return err
	} else if until == "" {
		for _, s := range stands {
			late["buyer:"+s.Buyer] = s.Pays
		}
	}
	var text, w bytes.Buffer
	for _, b := range got.Accounts {
		fmt.Fprintf(&text, "%s\t%s\t%s\t%d entries", b.Account, b.Amount, b.Currency, b.Entries)
		if len(late) > 0 {
			fmt.Fprintf(&text, "\t%s", late[b.Account])
		}
		text.WriteByte('\n')
	}
	align(&w, text.String())
	if _, err := w.WriteTo(e.out); err != nil {
		return err
	}
	return balanced(e.out, got.Accounts)
}

// balanced tells that the accounts of each currency add up to zero. It is an error if they do not.
func balanced(w io.Writer, accounts []report.Balance) (err error) {
	sums := map[string]lead.Money{}
	for _, b := range accounts {
		sums[b.Currency] += b.Amount
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		if sum := sums[currency]; sum != 0 {
			err = errors.Join(err, fmt.Errorf("the accounts in %s add up to %s", currency, sum))
			continue
		}
		fmt.Fprintf(w, "%s adds up to 0.00\n", currency)
	}
	return err
}
