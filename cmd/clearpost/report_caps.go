// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
)

type reportCapsCmd struct {
	target
	Of string `arg:"" optional:"" help:"A buyer, campaign, parent, source or vertical; absent: all."`
	times
	Windows bool `help:"Print each window in which something was used."`
	JSON    bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (reportCapsCmd) Help() string {
	return `Shows how much of caps by the hour, day, week and month was used over a range of time: of all windows together, in how many of them nothing
was left, and, with --windows, each. What is allowed is what the cap allows now: events tell when a cap was changed, and such a cap is
marked, but not what each window allowed. Caps that are gone, totals, and days that count together are not among them: "clearpost caps" has
those as they stand. Without --since it is of the last seven days.

Examples:
  clearpost report caps brightroof --since 30d
  clearpost report caps --since 2026-11-01 --until 2026-12-01 --zone America/New_York --json | jq '.caps[] | select(.full > 0) | .cap'`
}

// Run prints the caps.
func (c *reportCapsCmd) Run(e *env) error {
	if c.Since == "" {
		c.Since = "7d"
	}
	since, until, err := c.span()
	if err != nil {
		return err
	}
	q := url.Values{"since": {since}}
	if until != "" {
		q.Set("until", until)
	}
	if c.Of != "" {
		q.Set("of", c.Of)
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		var got admin.CapsUsed
		if err := o.call(e.ctx, "GET", "/v1/report/caps?"+q.Encode(), nil, &got); err != nil {
			return err
		}
		if got.Behind > 0 {
			fmt.Fprintf(e.err, "note: the last %d events are not counted yet\n", got.Behind)
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		return c.print(e, &got)
	})
}

func (c *reportCapsCmd) print(e *env, got *admin.CapsUsed) error {
	at := func(t time.Time) string { return t.In(c.location()).Format(dayLayout) }
	fmt.Fprintf(e.out, "from %s to %s, %s\n", at(got.Since), at(got.Until), c.Zone)
	if len(got.Caps) == 0 {
		_, err := fmt.Fprintln(e.out, "no such cap")
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CAP\tCOUNTS\tUSED\tALLOWED\tSHARE\tWINDOWS\tFULL\t")
	for i := range got.Caps {
		u := &got.Caps[i]
		note := ""
		if u.Changed {
			note = "changed in this time"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", plain(u.Cap), u.Counts, u.Amount(u.Used),
			u.Amount(u.Allowed), percentOf(u.Share), len(u.Windows), u.Full, note)
		for _, x := range u.Windows {
			if c.Windows && x.Used != 0 {
				share := x.Share()
				fmt.Fprintf(w, "  %s\t\t%s\t%s\t%s\t\t\t\n", x.Window, u.Amount(x.Used), u.Amount(x.Limit),
					percentOf(&share))
			}
		}
	}
	return w.Flush()
}

// percentOf writes millionths with one decimal, "-" where there are none.
func percentOf(ppm *int64) string {
	if ppm == nil {
		return "-"
	}
	return fmt.Sprintf("%d.%d%%", *ppm/10_000, *ppm/1000%10)
}
