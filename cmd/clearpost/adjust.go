// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
)

type adjustCmd struct {
	target
	Name   string `arg:"" help:"A sale: a lead's or an attempt's id, SOURCE:SELLER_LEAD_ID, the buyer's REFERENCE or CAMPAIGN:REFERENCE, if that leads to one."`
	Price  string `help:"What the buyer owes for it from now on, such as 22.50." placeholder:"AMOUNT"`
	Payout string `help:"What the source is owed for it from now on." placeholder:"AMOUNT"`
	Void   bool   `help:"Nobody owes anything for it."`
	Why    string `required:"" help:"The reason, kept in the ledger." placeholder:"TEXT"`
	Ref    string `help:"What you know this adjustment by, such as the number of a credit note: a second one of the lead under the same name changes nothing." placeholder:"TEXT"`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (adjustCmd) Help() string {
	return `Books other money for a sale that stands: the amounts are what is owed from now on, not differences, so that it may be sent again.
What is not named stays as it is. The seller's status and every sum follow. The sale keeps its places under caps; if the buyer never had
the lead, it was no sale: resolve --correct.

Examples:
  clearpost adjust brightroof-fixed:BR-88 --price 20.00 --why "their mail of 3 March" --ref CN-1182
  clearpost adjust 0193b2c4-0000-7000-8000-000000000000 --void --why "goodwill: wrong number"`
}

// Run adjusts.
func (c *adjustCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		var got admin.Changed
		in := admin.Adjust{Name: c.Name, Price: c.Price, Payout: c.Payout, Void: c.Void, Ref: c.Ref, Why: c.Why,
			By: whoami()}
		if err := o.call(e.ctx, "POST", "/v1/adjust", in, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		printChanged(e.out, &got)
		return nil
	})
}

// correct is resolve --correct.
func (c *resolveCmd) correct(e *env, o *ops) error {
	var got admin.Changed
	in := admin.Correct{Name: c.Attempt, Outcome: c.Outcome, Price: c.Price, Reference: c.Reference,
		Oversell: c.Oversell, Ref: c.Ref, Why: c.Why, By: whoami()}
	if err := o.call(e.ctx, "POST", "/v1/correct", in, &got); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.out, got)
	}
	printChanged(e.out, &got)
	return nil
}

func printChanged(w io.Writer, got *admin.Changed) {
	adj := got.Event
	if adj == nil {
		fmt.Fprintln(w, "it stands so already: nothing is changed")
		return
	}
	already := ""
	if !got.Changed {
		already = " already"
	}
	is := ledger.Booked{Outcome: adj.Outcome, Price: adj.Price, Payout: adj.Payout, Reference: adj.Reference}
	fmt.Fprintf(w, "attempt %s of lead %s at %s is%s %s\n", adj.Attempt, adj.Lead, adj.Buyer, already, stands(&is))
	if got.Changed && adj.Was != nil {
		fmt.Fprintf(w, "  it was %s\n", stands(adj.Was))
	}
	if adj.Oversold {
		fmt.Fprintln(w, "  THE LEAD IS SOLD MORE OFTEN than its buyers were promised")
	}
}

// stands is how an attempt stands, in words.
func stands(b *ledger.Booked) string {
	if b.Outcome != lead.Accepted {
		return b.Outcome.String()
	}
	return fmt.Sprintf("%s at %s, payout %s", b.Outcome, b.Price, b.Payout)
}

// printChange tells of a correction in an explanation.
func printChange(w io.Writer, c *exchange.ChangeStory) {
	fmt.Fprintf(w, "  %s on %s: %s, was %s: %s (%s)", c.What, c.At.UTC().Format("2006-01-02 15:04:05"), stands(&c.Is),
		stands(&c.Was), c.Why, c.By)
	if c.Ref != "" {
		fmt.Fprintf(w, ", ref %s", c.Ref)
	}
	if c.Oversold {
		fmt.Fprint(w, ", sold beyond its limit")
	}
	fmt.Fprintln(w)
}
