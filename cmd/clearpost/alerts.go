// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"clearpost/alerts"
	"clearpost/exchange/admin"
)

type alertsCmd struct {
	List alertsListCmd `cmd:"" default:"withargs" help:"Show what is so by the rules, and how receivers stand."`
	Test alertsTestCmd `cmd:"" help:"Send a notice to a receiver, as a test."`
}

type alertsListCmd struct {
	target
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (alertsListCmd) Help() string {
	return `Shows what is so by the rules of alerts (docs/how-to/get-alerts.md): since when, whether it was told, and of each receiver how many
notices it has taken since the start, and how many wait.

Examples:
  clearpost alerts
  clearpost alerts list --json | jq '.causes[] | select(.gone == null)'`
}

// Run lists.
func (c *alertsListCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got alerts.Status
		if err := o.call(e.ctx, "GET", "/v1/alerts", nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if got.Rules == 0 {
			_, err := fmt.Fprintln(e.out,
				"there are no rules: alerts of clearpost.yaml has them, and they need a running node")
			return err
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "RULE\tSINCE\tTOLD\tWHAT")
		for i := range got.Causes {
			x := &got.Causes[i]
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.Rule, x.Since.UTC().Format(time.RFC3339), toldWhen(x, got.Quiet),
				x.Text)
		}
		if len(got.Causes) == 0 {
			fmt.Fprintf(w, "-\t-\t-\tall is well by %d rules\n", got.Rules)
		}
		fmt.Fprintln(w, "\t\t\t\nRECEIVER\tTAKEN\tWAIT\tLAST ERROR")
		for _, r := range got.Receivers {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.ID, r.Sent, r.Waiting, r.Why)
		}
		return w.Flush()
	})
}

func toldWhen(c *alerts.Cause, quiet bool) string {
	switch {
	case !c.Gone.IsZero():
		return "over since " + c.Gone.UTC().Format(time.RFC3339)
	case !c.Told.IsZero():
		return c.Told.UTC().Format(time.RFC3339)
	case quiet:
		return "not yet: out of hours"
	}
	return "not yet"
}

type alertsTestCmd struct {
	target
	Receiver string `arg:"" help:"The receiver's id."`
}

// Help implements kong.HelpProvider.
func (alertsTestCmd) Help() string {
	return `Sends a notice that says that it is a test to a receiver, at once and once, and tells what came of it.

Examples:
  clearpost alerts test desk`
}

// Run sends it.
func (c *alertsTestCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		in := admin.AlertTest{Receiver: c.Receiver, By: whoami()}
		if err := o.call(e.ctx, "POST", "/v1/alerts/test", in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%s has taken it\n", in.Receiver)
		return err
	})
}
