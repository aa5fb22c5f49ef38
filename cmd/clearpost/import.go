// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"clearpost/exchange"
	"clearpost/exchange/admin"
)

type importCmd struct {
	Caps     importCaps     `cmd:"" help:"Add what another system has counted to caps."`
	Balances importBalances `cmd:"" help:"Book the balances that buyers had in another system."`
	Sold     importSold     `cmd:"" help:"Have duplicate rules know the leads that another system has sold."`
}

type importFile struct {
	target
	File   string `arg:"" help:"A CSV file with a header; - is standard input."`
	DryRun bool   `help:"Tell what would change, and change nothing."`
	Why    string `help:"The reason, kept in the ledger (import of FILE)." placeholder:"TEXT"`
	JSON   bool   `help:"Print JSON."`

	others []string // rows: the columns that were not named, which follow those that were
}

type importCaps struct{ importFile }

// Help implements kong.HelpProvider.
func (importCaps) Help() string {
	return `Reads a file with the columns cap and count, and if need be value, window and ref, and adds each count to its cap, so that this exchange
goes on where another system stopped, at noon too. cap is a name that clearpost caps lists; value is that of a cap that tells values apart;
window is one of its windows, such as 2026-03-02, absent: the one of now; count is a whole number, or an amount where money is counted.

A row counts once: by its ref, or else by the file as it is and the number of the row. So the same file may be sent again.

Examples:
  clearpost import caps counts.csv --dry-run
  clearpost import caps counts.csv --why "moved on 2 March at noon"
  printf 'cap,count\ncampaign:sun-shared:day,212\n' | clearpost import caps -`
}

type importSold struct{ importFile }

// Help implements kong.HelpProvider.
func (importSold) Help() string {
	return `Reads a file with the columns rule and sold_at, and if need be vertical and ref; all other columns are fields, of which those of the rule
must be there. From then on the rule knows the lead of each row, as if it had been sold here at that time: nothing is booked.

rule is a duplicate rule, such as buyer:brightroof:phone: its owner, and the fields. sold_at is a time such as 2026-03-02T17:04:05Z, or a
date. vertical says whose fields the others are, where the rule is for several. What was sold longer ago than the rule looks back is left
out. A row counts once: by its ref, or else by the file as it is and the number of the row.

Examples:
  clearpost import sold sold.csv --dry-run
  printf 'rule,sold_at,phone\nbuyer:brightroof:phone,2026-03-02,2125550123\n' | clearpost import sold -`
}

type importBalances struct{ importFile }

// Help implements kong.HelpProvider.
func (importBalances) Help() string {
	return `Reads a file with the columns buyer and amount, and if need be ref, and books each amount in the buyer's account (balance of its page);
below zero it is what the buyer owes. A row counts once: by its ref, or else by the file as it is and the number of the row.

Examples:
  clearpost import balances balances.csv --dry-run
  clearpost import balances balances.csv --why "moved on 2 March at noon"`
}

// importRowsMax is how many rows a file may have.
const importRowsMax = 1_000_000

// rows reads a file of columns; those that end with a question mark may be missing. Each row's last text is its ref.
func (c *importFile) rows(e *env, columns ...string) (out [][]string, err error) {
	in := e.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	sum := sha256.New()
	r := csv.NewReader(io.TeeReader(in, sum))
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: expected a header with the columns %s: %w", c.File, strings.Join(columns, ", "),
			err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if columns[0] == "*" {
		columns = c.allOf(head, columns[1:])
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		plain := strings.TrimSuffix(name, "?")
		if at[i] = slices.Index(head, plain); at[i] < 0 && plain == name {
			return nil, fmt.Errorf("%s: no column %q in the header (%s)", c.File, name, strings.Join(head, ", "))
		}
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
		if len(out) == importRowsMax {
			return nil, fmt.Errorf("%s: at most %d rows", c.File, importRowsMax)
		}
		one := make([]string, len(columns))
		for i, col := range at {
			if col >= 0 {
				one[i] = strings.TrimSpace(row[col])
			}
		}
		out = append(out, one)
	}
	for i, row := range out {
		if ref := &row[len(row)-1]; *ref == "" {
			*ref = fmt.Sprintf("file %x, row %d", sum.Sum(nil)[:8], i+2)
		}
	}
	return out, nil
}

// allOf puts the other columns of a file before the last of those that are named.
func (c *importFile) allOf(head, columns []string) []string {
	last := len(columns) - 1
	for _, name := range head {
		if !slices.Contains(columns, name) && !slices.Contains(columns, name+"?") {
			c.others = append(c.others, name)
		}
	}
	return slices.Concat(columns[:last], c.others, columns[last:])
}

// send sends the rows of a file part by part. Of one with several parts all are looked at before the first is imported:
// of a file with a mistake in it nothing is, for whoever mends it has another file, whose rows have other refs.
func send[T any](e *env, o *ops, c *importFile, rows [][]string, add func(*admin.Import, []string)) (all []T,
	err error) {
	passes := []bool{c.DryRun}
	if len(rows) > exchange.ImportsMax && !c.DryRun {
		passes = []bool{true, false}
	}
	for _, dry := range passes {
		all = []T{}
		for part := range slices.Chunk(rows, exchange.ImportsMax) {
			in := admin.Import{DryRun: dry, Why: c.why(), By: whoami()}
			for _, r := range part {
				add(&in, r)
			}
			var got []T
			if err := o.call(e.ctx, "POST", "/v1/import", in, &got); err != nil {
				return nil, fmt.Errorf("rows %d to %d: %w", len(all)+2, len(all)+1+len(part), err)
			}
			all = append(all, got...)
		}
	}
	return all, nil
}

// eachRow books the rows of a file one by one. All are looked at before the first is booked, as with send.
func eachRow(rows [][]string, book func(r []string, dry bool) (bool, error)) (booked int, err error) {
	for i, r := range rows {
		if _, err := book(r, true); err != nil {
			return 0, fmt.Errorf("row %d: %w\nNothing is booked", i+2, err)
		}
	}
	for i, r := range rows {
		changed, err := book(r, false)
		if err != nil {
			return booked, fmt.Errorf("row %d, after %d were booked: %w\nThe same file may be sent again as it is", i+2,
				booked, err)
		}
		if changed {
			booked++
		}
	}
	return booked, nil
}

// Run imports leads that were sold.
func (c *importSold) Run(e *env) error {
	rows, err := c.rows(e, "*", "rule", "sold_at", "vertical?", "ref?")
	if err != nil {
		return err
	}
	return c.change(e, func(o *ops) error {
		all, err := send[exchange.SoldAs](e, o, &c.importFile, rows, func(in *admin.Import, r []string) {
			values := map[string]string{}
			for i, name := range c.others {
				values[name] = r[3+i]
			}
			in.Sold = append(in.Sold, admin.SoldBefore{Rule: r[0], SoldAt: r[1], Vertical: r[2], Values: values,
				Ref: r[len(r)-1]})
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, all)
		}
		known, over := 0, 0
		for _, r := range all {
			switch {
			case r.Known:
				known++
			case r.Over:
				over++
			}
		}
		verb := "imported"
		if c.DryRun {
			verb = "would be imported"
		}
		_, err = fmt.Fprintf(e.out, "%d of %d rows %s; %d known already, %d sold too long ago\n", len(all)-known-over,
			len(all), verb, known, over)
		return err
	})
}

func (c *importFile) why() string {
	if c.Why != "" {
		return c.Why
	}
	return "import of " + c.File
}

// Run imports counts.
func (c *importCaps) Run(e *env) error {
	rows, err := c.rows(e, "cap", "count", "value?", "window?", "ref?")
	if err != nil {
		return err
	}
	return c.change(e, func(o *ops) error {
		all, err := send[exchange.CountedAs](e, o, &c.importFile, rows, func(in *admin.Import, r []string) {
			in.Counts = append(in.Counts, admin.Counted{Cap: r[0], Count: r[1], Value: r[2], Window: r[3], Ref: r[4]})
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, all)
		}
		return c.print(e.out, all)
	})
}

func (c *importCaps) print(out io.Writer, all []exchange.CountedAs) error {
	var text, w bytes.Buffer
	fmt.Fprintln(&text, "cap\twindow\tbefore\tafter\tlimit\t")
	known := 0
	for _, r := range all {
		u := admin.CapUse{Counts: r.Counts}
		limit, note := "-", ""
		if r.Limited {
			if limit = u.Amount(r.Limit); r.After > r.Limit {
				note = "above its limit"
			}
		}
		if r.Known {
			known, note = known+1, "known already"
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Cap, r.Window, u.Amount(r.Before), u.Amount(r.After),
			limit, note)
	}
	align(&w, text.String())
	verb := "imported"
	if c.DryRun {
		verb = "would be imported"
	}
	fmt.Fprintf(&w, "%d of %d rows %s\n", len(all)-known, len(all), verb)
	_, err := w.WriteTo(out)
	return err
}

// Run imports balances.
func (c *importBalances) Run(e *env) error {
	rows, err := c.rows(e, "buyer", "amount", "ref?")
	if err != nil {
		return err
	}
	do := c.change
	if c.DryRun {
		do = c.with
	}
	return do(e, func(o *ops) error {
		var all []admin.Balance
		if err := o.call(e.ctx, "GET", "/v1/balances", nil, &all); err != nil {
			return err
		}
		has := map[string]bool{}
		var names []string
		for _, b := range all {
			has[b.Buyer], names = true, append(names, b.Buyer)
		}
		for i, r := range rows { // all are looked at before the first is booked
			if !has[r[0]] {
				return fmt.Errorf("row %d: %w", i+2, noAccount(r[0], names))
			}
		}
		out := make([]admin.Booked, 0, len(rows))
		book := func(r []string, dry bool) (bool, error) {
			var got admin.Booked
			in := admin.Deposit{Buyer: r[0], Amount: r[1], Ref: r[2], DryRun: dry, Why: c.why(), By: whoami()}
			err := o.call(e.ctx, "POST", "/v1/balances", in, &got)
			if err == nil && dry == c.DryRun {
				out = append(out, got)
			}
			return got.Changed, err
		}
		if c.DryRun {
			return c.dry(e, rows, &out, book)
		}
		booked, err := eachRow(rows, book)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printJSON(e.out, out)
		}
		_, err = fmt.Fprintf(e.out, "%d of %d rows booked\n", booked, len(rows))
		return err
	})
}

// dry tells what would be booked.
func (c *importBalances) dry(e *env, rows [][]string, out *[]admin.Booked,
	book func(r []string, dry bool) (bool, error)) error {
	n := 0
	for i, r := range rows {
		changed, err := book(r, true)
		if err != nil {
			return fmt.Errorf("row %d: %w", i+2, err)
		}
		known := ", known already"
		if changed {
			n, known = n+1, ""
		}
		if !c.JSON {
			fmt.Fprintf(e.out, "%s: %s (%s)%s\n", r[0], r[1], r[2], known)
		}
	}
	if c.JSON {
		return printJSON(e.out, *out)
	}
	_, err := fmt.Fprintf(e.out, "%d of %d rows would be booked\n", n, len(rows))
	return err
}
