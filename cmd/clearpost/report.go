// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"clearpost/exchange/admin"
	"clearpost/ledger"
)

type reportCmd struct {
	target
	Fate string   `arg:"" enum:"returned,paid,unpaid" help:"What became of them: returned, paid or unpaid."`
	Name []string `arg:"" help:"Sales: a lead's or an attempt's id, SOURCE:SELLER_LEAD_ID, the buyer's REFERENCE or CAMPAIGN:REFERENCE, each leading to one sale."`
	Why  string   `required:"" help:"How this is known, kept in the ledger." placeholder:"TEXT"`
}

// Help implements kong.HelpProvider.
func (reportCmd) Help() string {
	return `Writes into the ledger what became of sales, so that verticals with learned_value learn from it what a buyer's bids are worth. Nothing is
booked, no place under a cap becomes free, and nobody is told. A sale is given back once, and paid or not paid once. The first one that
cannot be reported ends the verb: those before it stand.

Examples:
  clearpost report returned brightroof-fixed:BR-88 --why "wrong number, their mail of 3 March"
  xargs -a unpaid.txt clearpost report unpaid --why "invoice 2026-12, 90 days over"`
}

// Run reports.
func (c *reportCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		for _, name := range c.Name {
			var got ledger.Adjusted
			in := admin.ReportIn{Name: name, Fate: c.Fate, Why: c.Why, By: whoami()}
			if err := o.call(e.ctx, "POST", "/v1/report", in, &got); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(e.out, "the sale of lead %s to %s is %s\n", got.Lead, got.Buyer, got.Fate)
		}
		return nil
	})
}
