// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/exchange/admin"
)

type unsoldCmd struct {
	target
	Since    time.Duration `help:"How far back, by the answers." default:"24h" placeholder:"D"`
	Source   string        `help:"Of this source only."`
	Vertical string        `help:"Of this vertical only."`
	Limit    int           `help:"At most so many, oldest first; 0 = all." default:"0"`
	JSON     bool          `help:"Print a JSON object a line."`
}

// Help implements kong.HelpProvider.
func (unsoldCmd) Help() string {
	return `Lists the whole leads (posts, and leads in one shot) that nobody has bought, with the reason that their sellers heard, oldest first.
Not among them: test leads, repeats of a person's earlier lead, and attempts whose outcome is not known yet. With a remediation of their
vertical they are sent on as well (docs/how-to/sell-what-is-left.md).

Examples:
  clearpost unsold
  clearpost unsold --since 168h --source acme
  clearpost unsold --json | jq -r .lead_id`
}

// Run lists.
func (c *unsoldCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		n := 0
		err := c.each(e, o, func(u *exchange.Unsold) error {
			if n++; c.JSON {
				return json.NewEncoder(e.out).Encode(u)
			}
			if n == 1 {
				fmt.Fprintln(w, "ANSWERED\tLEAD\tSOURCE\tVERTICAL\tREASON\tWHY\tATTEMPTS")
			}
			_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", u.At.UTC().Format(time.RFC3339), u.Lead, u.Source,
				u.Vertical, u.Reason, u.Refusal, u.Attempts)
			return err
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			_, err := fmt.Fprintf(e.out, "no lead was left unsold in the last %s\n", c.Since)
			return err
		}
		return w.Flush()
	})
}

func (c *unsoldCmd) each(e *env, o *ops, fn func(*exchange.Unsold) error) error {
	q := url.Values{"source": {c.Source}, "vertical": {c.Vertical},
		"since": {time.Now().Add(-c.Since).UTC().Format(time.RFC3339)}}
	for n := 0; ; {
		var page admin.UnsoldPage
		if err := o.call(e.ctx, "GET", "/v1/unsold?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, u := range page.Unsold {
			if n++; c.Limit > 0 && n > c.Limit {
				return nil
			}
			if err := fn(u); err != nil {
				return err
			}
		}
		if page.Next == 0 {
			return nil
		}
		q.Set("from", strconv.FormatUint(page.Next, 10))
	}
}
