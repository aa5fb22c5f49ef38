// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/lead"
)

type batchesCmd struct {
	List   batchesListCmd   `cmd:"" default:"withargs" help:"Show the campaigns that take their leads in files."`
	Send   batchesSendCmd   `cmd:"" help:"Form a file of what waits, now."`
	Again  batchesAgainCmd  `cmd:"" help:"Try a file again."`
	Stored batchesStoredCmd `cmd:"" help:"Say that a file is stored: its rows are sales."`
	Drop   batchesDropCmd   `cmd:"" help:"Give a file up: its rows are no sales."`

	Unplaced batchesUnplacedCmd `cmd:"" help:"Show the rows of responses that came to nothing and wait for a person."`
	Place    batchesPlaceCmd    `cmd:"" help:"Say which attempt such a row is about."`
	DropRow  batchesDropRowCmd  `cmd:"" help:"Say that such a row is about nothing."`
}

type batchesListCmd struct {
	target
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (batchesListCmd) Help() string {
	return `Shows of each campaign that takes its leads in files how many wait, since when, and the files that are under way: formed (decided, and
stored nowhere), storing (about to stand under its final name), unclear (nobody can tell whether it is stored: a person has to say so),
stored (its rows are being settled). Of a campaign whose buyer sends response files: how many were read since the start, what their rows
said, those that cannot be read yet, and the rows that came to nothing, by file and line.

Examples:
  clearpost batches
  clearpost batches list --json | jq '.batches[].files[] | select(.state == "unclear")'`
}

// Run lists.
func (c *batchesListCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got admin.Batches
		if err := o.call(e.ctx, "GET", "/v1/batches", nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if len(got.Batches) == 0 {
			_, err := fmt.Fprintln(e.out, "no campaign takes its leads in files")
			return err
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "CAMPAIGN\tTO\tWAITING\tSINCE\tFILE\tNAME\tROWS\tOPEN\tSTATE")
		for _, b := range got.Batches {
			since := "-"
			if b.Oldest != nil {
				since = b.Oldest.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t", b.Campaign, b.To, b.Waiting, since)
			if len(b.Files) == 0 {
				fmt.Fprintf(w, "-\t-\t-\t-\t%s\n", b.Why)
			}
			for i, f := range b.Files {
				state := f.State
				if i > 0 {
					fmt.Fprint(w, "\t\t\t\t")
				} else if b.Why != "" {
					state += ": " + b.Why
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", f.File, f.Name, f.Rows, f.Open, state)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return printReplies(e.out, got.Batches)
	})
}

// printReplies tells of the response files of buyers, where there are any.
func printReplies(out io.Writer, list []exchange.BatchStatus) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	head := "\nCAMPAIGN\tRESPONSES\tREAD\tACCEPTED\tREFUSED\tUNPLACED\tNOT READ\tWHY\n"
	for _, b := range list {
		r := b.Response
		if r == nil {
			continue
		}
		fmt.Fprintf(w, "%s%s\t%s\t%d\t%d\t%d\t%d\t", head, b.Campaign, r.Name, r.Since.Files, r.Since.Accepted,
			r.Since.Refused, r.Since.Unplaced)
		if head = ""; len(r.Files) == 0 {
			fmt.Fprintf(w, "-\t%s\n", r.Why)
		}
		for i, f := range r.Files {
			if i > 0 {
				fmt.Fprint(w, "\t\t\t\t\t\t")
			}
			fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Why)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, b := range list {
		if b.Response == nil {
			continue
		}
		for _, p := range b.Response.Problems {
			of := ""
			if p.Lead != "" {
				of = " lead " + p.Lead + ":"
			}
			if _, err := fmt.Fprintf(out, "%s:%d:%s %s\n", p.File, p.Line, of, p.Why); err != nil {
				return err
			}
		}
	}
	return nil
}

type batchesSendCmd struct {
	target
	Campaign string `arg:"" help:"The campaign."`
}

// Help implements kong.HelpProvider.
func (batchesSendCmd) Help() string {
	return `Has a file formed of what waits for a campaign, has one that could not be stored tried again at once, and has response files looked for.

Examples:
  clearpost batches send harbor-file`
}

// Run asks for it.
func (c *batchesSendCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		in := admin.SendNow{Campaign: c.Campaign}
		if err := o.call(e.ctx, "POST", "/v1/batches/send", in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%d leads wait for %s: they are sent now\n", in.Waiting, in.Campaign)
		return err
	})
}

// fileVerdict is what a person says of a file.
type fileVerdict struct {
	target
	File string `arg:"" help:"The file's id, as the list has it."`
	Why  string `required:"" help:"Why; it stands in the ledger."`
	By   string `help:"Who says so; absent: you."`
}

func (c *fileVerdict) say(e *env, verdict string) error {
	id, err := lead.ParseID(c.File)
	if err != nil {
		return fmt.Errorf("file %q: expected an id, as `clearpost batches` has it", c.File)
	}
	return c.change(e, func(o *ops) error {
		in := admin.SettleFile{File: id, Verdict: verdict, Why: c.Why, By: cmp.Or(c.By, whoami())}
		if err := o.call(e.ctx, "POST", "/v1/batches/file", in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "file %s: %s\n", c.File, verdict)
		return err
	})
}

type batchesAgainCmd struct{ fileVerdict }

// Help implements kong.HelpProvider.
func (batchesAgainCmd) Help() string {
	return `Has a file tried again: the same bytes under the same name. Of one that is unclear this says that it is not stored: ask the buyer first,
for it would have the leads twice.

Examples:
  clearpost batches again 019bc225-4e88-7000-8000-000000000001 --why "Harbor has no such file"`
}

// Run says so.
func (c *batchesAgainCmd) Run(e *env) error { return c.say(e, "again") }

type batchesStoredCmd struct{ fileVerdict }

// Help implements kong.HelpProvider.
func (batchesStoredCmd) Help() string {
	return `Says of an unclear file that the buyer has it: its rows are sales at their bids.

Examples:
  clearpost batches stored 019bc225-4e88-7000-8000-000000000001 --why "Harbor confirmed 120 rows"`
}

// Run says so.
func (c *batchesStoredCmd) Run(e *env) error { return c.say(e, "stored") }

type batchesDropCmd struct{ fileVerdict }

// Help implements kong.HelpProvider.
func (batchesDropCmd) Help() string {
	return `Gives a file up that the buyer does not have: its rows are no sales, and what they held is free.

Examples:
  clearpost batches drop 019bc225-4e88-7000-8000-000000000001 --why "the contract has ended"`
}

// Run says so.
func (c *batchesDropCmd) Run(e *env) error { return c.say(e, "dropped") }
