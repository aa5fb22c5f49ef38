// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"time"

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
		return listing[admin.UnsoldPage, *exchange.Unsold]{
			path: "/v1/unsold",
			query: url.Values{"source": {c.Source}, "vertical": {c.Vertical},
				"since": {time.Now().Add(-c.Since).UTC().Format(time.RFC3339)}},
			of:    func(p *admin.UnsoldPage) ([]*exchange.Unsold, uint64) { return p.Unsold, p.Next },
			limit: c.Limit,
			json:  c.JSON,
			head:  "ANSWERED\tLEAD\tSOURCE\tVERTICAL\tREASON\tWHY\tATTEMPTS",
			row: func(u *exchange.Unsold) string {
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d", u.At.UTC().Format(time.RFC3339), u.Lead, u.Source,
					u.Vertical, u.Reason, u.Refusal, u.Attempts)
			},
			none: fmt.Sprintf("no lead was left unsold in the last %s", c.Since),
		}.print(e, o)
	})
}
