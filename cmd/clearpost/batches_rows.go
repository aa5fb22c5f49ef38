// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

type batchesUnplacedCmd struct {
	target
	Campaign string `help:"Of this campaign only."`
	JSON     bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (batchesUnplacedCmd) Help() string {
	return `Lists the rows of response files of which nothing could be made, and which nobody has placed or dropped yet, oldest first: where they
stand, what they say, and what was wrong.

Examples:
  clearpost batches unplaced
  clearpost batches unplaced --campaign harbor-file --json | jq -r '.rows[].row'`
}

// Run lists.
func (c *batchesUnplacedCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got admin.Unplaced
		q := url.Values{"campaign": {c.Campaign}}
		if err := o.call(e.ctx, "GET", "/v1/batches/unplaced?"+q.Encode(), nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if len(got.Rows) == 0 {
			_, err := fmt.Fprintln(e.out, "no row of a response waits for a person")
			return err
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ROW\tSINCE\tCAMPAIGN\tPLACE\tLEAD\tRESULT\tREFERENCE\tPRICE\tWHY")
		for _, r := range got.Rows {
			price := "-"
			if r.Price != 0 {
				price = r.Price.String()
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s:%d\t%s\t%s\t%s\t%s\t%s\n", r.Row, r.At.UTC().Format(time.RFC3339),
				r.Campaign, r.File, r.Line, dash(r.Lead), dash(r.Result), dash(r.Reference), price, r.Why)
		}
		if err := w.Flush(); err != nil || !got.More {
			return err
		}
		_, err := fmt.Fprintln(e.out, "and others")
		return err
	})
}

// dash stands for what is not there.
func dash(s string) string { return cmp.Or(s, "-") }

type batchesPlaceCmd struct {
	target
	Row       lead.ID `arg:"" help:"The row's id, as the list has it."`
	Name      string  `arg:"" help:"What leads to one attempt at the row's buyer, as of find: a lead's id, an attempt's, a reference."`
	Outcome   string  `help:"accepted or refused, where the row's result is in neither list, or means the other."`
	Price     string  `help:"The price that is booked for an accepted lead; to be said where the row has one."`
	Reference string  `help:"What the buyer calls the sale, where it is not what the row says."`
	Why       string  `required:"" help:"Why; it stands in the ledger."`
}

// Help implements kong.HelpProvider.
func (batchesPlaceCmd) Help() string {
	return `Has what a row says hold of an attempt, as if the row had named it: a refused lead is no sale, an accepted one is, another price is
booked. A second time it does nothing.

Examples:
  clearpost batches place 019bc225-4e88-7000-8000-000000000009 019bc225-4e88-7000-8000-000000000001 --why "Harbor sent the id of its own"
  clearpost batches place 019bc225-4e88-7000-8000-000000000009 harbor:H-17 --outcome refused --why "Harbor's new word for duplicate"`
}

// Run places it.
func (c *batchesPlaceCmd) Run(e *env) error {
	in := admin.PlaceRow{Row: c.Row, Name: c.Name, Outcome: c.Outcome, Reference: c.Reference, Why: c.Why,
		Price: c.Price, By: whoami()}
	return c.change(e, func(o *ops) error {
		if err := o.call(e.ctx, "POST", "/v1/batches/place", in, &in); err != nil {
			return err
		}
		done := "is placed"
		if !in.Changed {
			done = "was placed there before"
		}
		_, err := fmt.Fprintf(e.out, "row %s %s\n", c.Row, done)
		return err
	})
}

type batchesDropRowCmd struct {
	target
	Row lead.ID `arg:"" help:"The row's id, as the list has it."`
	Why string  `required:"" help:"Why; it stands in the ledger."`
}

// Help implements kong.HelpProvider.
func (batchesDropRowCmd) Help() string {
	return `Has a row wait no longer that is about no lead of ours. It books nothing.

Examples:
  clearpost batches drop-row 019bc225-4e88-7000-8000-000000000009 --why "a line of totals"`
}

// Run drops it.
func (c *batchesDropRowCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		in := admin.DropRow{Row: c.Row, Why: c.Why, By: whoami()}
		if err := o.call(e.ctx, "POST", "/v1/batches/drop-row", in, &in); err != nil {
			return err
		}
		done := "is dropped"
		if !in.Changed {
			done = "was dropped before"
		}
		_, err := fmt.Fprintf(e.out, "row %s %s\n", c.Row, done)
		return err
	})
}
