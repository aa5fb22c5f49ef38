// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

type balanceCmd struct {
	target
	Buyer string `arg:"" optional:"" help:"A buyer; absent: all that have an account."`
	Add   string `help:"Money that came in, such as 500.00." placeholder:"AMOUNT" xor:"amount"`
	Take  string `help:"Money that was paid back." placeholder:"AMOUNT" xor:"amount"`
	Why   string `help:"The reason, kept in the ledger." placeholder:"TEXT"`
	Ref   string `help:"What you know it by, such as the bank's number: a second one of the buyer under the same name changes nothing." placeholder:"TEXT"`
	Terms bool   `help:"With --json: how buyers with terms of payment stand, in place of accounts."`
	JSON  bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (balanceCmd) Help() string {
	return `Shows the accounts of buyers (balance of their page), or books a deposit: what a buyer has paid in, less what it has bought and what is
held by attempts without a known end. It buys while balance and credit cover the price; beyond that its bids are refused (budget_spent).

Of buyers with terms of payment (terms of their page) it also shows what they owe and since when, how many days they take to pay, and how
they stand: good, overdue, slow (their bids win only where nobody else can) or stopped (their bids are refused: unpaid).

Examples:
  clearpost balance
  clearpost balance brightroof --add 5000.00 --why "wire of 3 March" --ref 20260303-118
  clearpost balance brightroof --take 120.00 --why "paid back, their mail of 9 March"
  clearpost balance --json | jq '.[] | select(.room_micros < 100000000) | .buyer'`
}

// Run shows accounts, or books.
func (c *balanceCmd) Run(e *env) error {
	if c.Add != "" || c.Take != "" {
		return c.book(e)
	}
	return c.with(e, func(o *ops) error {
		var all []admin.Balance
		if err := o.call(e.ctx, "GET", "/v1/balances", nil, &all); err != nil {
			return err
		}
		stands, err := c.standings(e, o)
		if err != nil {
			return err
		}
		if c.Buyer != "" {
			var names []string
			for _, b := range all {
				names = append(names, b.Buyer)
			}
			all = slices.DeleteFunc(all, func(b admin.Balance) bool { return b.Buyer != c.Buyer })
			if len(all) == 0 && len(stands) == 0 {
				return noAccount(c.Buyer, names)
			}
		}
		if c.JSON && c.Terms {
			return printJSON(e.out, stands)
		}
		if c.JSON {
			return printJSON(e.out, all)
		}
		if len(all) > 0 || len(stands) == 0 {
			if err := printBalances(e.out, all); err != nil {
				return err
			}
		}
		return printStandings(e.out, stands)
	})
}

// standings asks how buyers with terms pay, of one buyer if one is named.
func (c *balanceCmd) standings(e *env, o *ops) (all []admin.Standing, err error) {
	if all, err = standingsOf(e, o); err == nil && c.Buyer != "" {
		all = slices.DeleteFunc(all, func(s admin.Standing) bool { return s.Buyer != c.Buyer })
	}
	return all, err
}

// standingsOf asks how all buyers with terms pay. Where that cannot be told it says why, and there are none.
func standingsOf(e *env, o *ops) (all []admin.Standing, err error) {
	err = o.call(e.ctx, "GET", "/v1/standings", nil, &all)
	var no *refusedError
	if errors.As(err, &no) && no.status == 503 {
		fmt.Fprintf(e.err, "note: how buyers pay cannot be told: %v\n", err)
		return nil, nil
	}
	return all, err
}

func printStandings(out io.Writer, all []admin.Standing) error {
	if len(all) == 0 {
		return nil
	}
	var text, w bytes.Buffer
	fmt.Fprintln(&text, "buyer\tterms\towes\toverdue\toldest due\tdays late\tstanding\tdays to pay\tnext")
	for i := range all {
		s := &all[i]
		next := "-"
		if s.Next != "" {
			next = s.Next + " on " + s.NextOn
		}
		fmt.Fprintf(&text, "%s\t%s\t%s %s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.Buyer, s.Terms, s.Owes, s.Currency, s.Overdue,
			cmp.Or(s.Due, "-"), s.DaysLate, s.Pays, daysToPay(s), next)
	}
	align(&w, text.String())
	_, err := w.WriteTo(out)
	return err
}

// daysToPay is how long a buyer takes to pay, and took of late.
func daysToPay(s *admin.Standing) string {
	if s.MeanDays == nil {
		return "-"
	}
	out := fmt.Sprintf("%.1f", *s.MeanDays)
	if s.RecentDays != nil {
		out += fmt.Sprintf(" (last %.1f)", *s.RecentDays)
	}
	return out
}

func noAccount(buyer string, names []string) error {
	if near := lead.Nearest(buyer, names); near != "" {
		return fmt.Errorf("no buyer %q has an account: did you mean %q?", buyer, near)
	}
	return fmt.Errorf("no buyer %q has an account: `balance` of its page", buyer)
}

func (c *balanceCmd) book(e *env) error {
	amount := c.Add
	if c.Take != "" {
		amount = "-" + c.Take
	}
	m, err := lead.ParseMoney([]byte(amount))
	switch {
	case c.Buyer == "" || c.Why == "":
		return errors.New("expected a buyer and --why")
	case err != nil || (m < 0) == (c.Add != "") || m == 0:
		return fmt.Errorf("amount %s%s: expected an amount above 0 such as 500.00", c.Add, c.Take)
	}
	return c.change(e, func(o *ops) error {
		var got admin.Booked
		in := admin.Deposit{Buyer: c.Buyer, Amount: amount, Ref: c.Ref, Why: c.Why, By: whoami()}
		if in.Ref == "" {
			in.Ref = "balance-" + rand.Text()
		}
		if err := o.call(e.ctx, "POST", "/v1/balances", in, &got); err != nil {
			return again(err, in.Ref)
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if !got.Changed {
			fmt.Fprintf(e.out, "%s is booked already: nothing is changed\n", in.Ref)
		}
		return printBalances(e.out, []admin.Balance{got.Account})
	})
}

// again says how what was perhaps booked is told again.
func again(err error, ref string) error {
	var no *refusedError
	if errors.As(err, &no) && no.status < 500 {
		return err
	}
	return fmt.Errorf("%w\nGive it again with --ref %s: then it is booked once, should it be booked already", err, ref)
}

func printBalances(out io.Writer, all []admin.Balance) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "no buyer has an account")
		return err
	}
	var text, w bytes.Buffer
	fmt.Fprintln(&text, "buyer\tbalance\tcredit\troom\theld attempts")
	for _, b := range all {
		fmt.Fprintf(&text, "%s\t%s %s\t%s\t%s\t%d\n", b.Buyer, b.Balance, b.Currency, b.Credit, b.Room, b.Held)
	}
	align(&w, text.String())
	_, err := w.WriteTo(out)
	return err
}
