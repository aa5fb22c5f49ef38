// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"

	"clearpost/exchange/admin"
	"clearpost/ledger"
)

type valueCmd struct {
	target
	Campaign string `arg:"" optional:"" help:"A campaign: with bands of prices and segments; absent: all, in short."`
	JSON     bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (valueCmd) Help() string {
	return `Shows by which factors bids count beside their prices, where a vertical has learned_value, and the counts behind them: posts tried
and accepted, sales given back, sales of which it is known whether they were paid. Old counts fade. Of a campaign all bands of prices and
segments are listed, else the whole of each campaign. "thin" says that little is known of the campaign: where a vertical explores, a small
share of leads takes its bids at their price.

Examples:
  clearpost value
  clearpost value brightroof-exclusive
  clearpost value --json | jq '.learned[] | select(.accept_ppm < 500000) | .campaign'`
}

// Run lists.
func (c *valueCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got admin.LearnedStatus
		if err := o.call(e.ctx, "GET", "/v1/value?campaign="+url.QueryEscape(c.Campaign), nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		return printLearned(e.out, &got, c.Campaign != "")
	})
}

func printLearned(out io.Writer, s *admin.LearnedStatus, all bool) error {
	if len(s.Learned) == 0 {
		_, err := fmt.Fprintln(out, "nothing is known: no vertical has learned_value, or no attempt has had an end yet")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CAMPAIGN\tVERTICAL\tMODE\tPRICES\tSEGMENT\tACCEPT\tRETURN\tPAID\tTRIED\tACCEPTED\t"+
		"RETURNED\tBILLED\t")
	for _, r := range s.Learned {
		if !all && r.Prices != "" {
			continue
		}
		thin := ""
		if r.Thin {
			thin = "thin"
		}
		prices, segment := r.Prices, r.Segment
		if prices == "" {
			prices = "all"
		}
		if segment == "" {
			segment = "all"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\n", r.Campaign, r.Vertical, r.Mode,
			prices, segment, percent(r.Accept), percent(r.Return), percent(r.Paid), r.Tried, r.Accepted, r.Returned,
			r.Billed, thin)
	}
	return w.Flush()
}

// tellLearned tells of a ping how what was learned took part in its auction.
func tellLearned(w io.Writer, l *ledger.Learned) {
	if l == nil {
		return
	}
	fmt.Fprintf(w, "\nlearned value: %s", l.Mode)
	if l.Segment != "" {
		fmt.Fprintf(w, ", segment %s", l.Segment)
	}
	if l.Explores {
		fmt.Fprint(w, ", hardly known campaigns count by their price")
	}
	for i, x := range l.Would {
		before := ", would have won: "
		if i > 0 {
			before = ", "
		}
		fmt.Fprint(w, before, x.Campaign)
		if x.Leg > 0 {
			fmt.Fprintf(w, " leg %d", x.Leg)
		}
	}
}

// factorsText says by which factors a bid is worth something else than its price.
func factorsText(f []int64, lastResort bool) string {
	if len(f) < 3 {
		return ""
	}
	out := fmt.Sprintf(" (accepts %s, keeps %s, pays %s", percent(f[0]), percent(f[1]), percent(f[2]))
	if len(f) > 3 {
		out += ", counts " + percent(f[3])
	}
	if lastResort {
		out += ", last resort"
	}
	return out + ")"
}

// percent writes ppm as a percentage.
func percent(ppm int64) string { return fmt.Sprintf("%.1f%%", float64(ppm)/1e4) }
