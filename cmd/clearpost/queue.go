// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

type queueCmd struct {
	List  queueListCmd  `cmd:"" default:"withargs" help:"List leads that wait for a campaign."`
	Retry queueRetryCmd `cmd:"" help:"Try a lead again at once."`
	Drop  queueDropCmd  `cmd:"" help:"Take a lead off the queue: it is not sold."`
	Move  queueMoveCmd  `cmd:"" help:"Offer a lead to another campaign that has bid for it."`
}

type queueListCmd struct {
	target
	Buyer       string `help:"Of this buyer only."`
	Campaign    string `help:"Of this campaign only."`
	Source      string `help:"Of this source only."`
	Vertical    string `help:"Of this vertical only."`
	Why         string `help:"Only those that wait for this refusal, such as unreachable."`
	Quarantined bool   `help:"Only those that were set aside."`
	Limit       int    `help:"At most so many, the next one due first; up to 1000." default:"50"`
	Depth       bool   `help:"Only how many wait, by campaign and why."`
	JSON        bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (queueListCmd) Help() string {
	return `Lists the leads that nobody has bought yet and that wait for a campaign (docs/how-to/let-leads-wait-for-a-buyer.md), the next one due
first, with the campaign that has the next turn, why it could not have the lead, and since when it waits.

Examples:
  clearpost queue
  clearpost queue --buyer eastline --why closed
  clearpost queue --depth
  clearpost queue list --quarantined --json | jq -r '.queued[].lead_id'`
}

// Run lists.
func (c *queueListCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
		for name, v := range map[string]string{"buyer": c.Buyer, "campaign": c.Campaign, "source": c.Source,
			"vertical": c.Vertical, "why": c.Why} {
			if v != "" {
				q.Set(name, v)
			}
		}
		if c.Quarantined {
			q.Set("quarantined", "true")
		}
		var page admin.QueuePage
		if err := o.call(e.ctx, "GET", "/v1/queue?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		switch {
		case c.JSON:
			return printJSON(e.out, page)
		case c.Depth:
			return printDepth(e, &page)
		}
		return printQueue(e, &page)
	})
}

func printQueue(e *env, page *admin.QueuePage) error {
	if len(page.Queued) == 0 {
		_, err := fmt.Fprintln(e.out, "no such lead waits")
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "DUE\tLEAD\tSOURCE\tCAMPAIGN\tWHY\tPRICE\tSINCE")
	for _, l := range page.Queued {
		why := l.Why
		if l.Quarantined {
			why += ", in quarantine"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Due.UTC().Format(time.RFC3339), l.Lead, l.Source, l.Campaign,
			why, l.Price, l.Since.UTC().Format(time.RFC3339))
	}
	if err := w.Flush(); err != nil || !page.More {
		return err
	}
	_, err := fmt.Fprintln(e.out, "and others")
	return err
}

// printDepth prints how many leads wait.
func printDepth(e *env, page *admin.QueuePage) error {
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CAMPAIGN\tWHY\tLEADS")
	var lines []string
	sum := int64(0)
	for campaign, by := range page.Depth {
		for why, n := range by {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%d", campaign, why, n))
			sum += n
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "all\t\t%d\n", sum)
	if err := w.Flush(); err != nil || page.Oldest == "" {
		return err
	}
	_, err := fmt.Fprintf(e.out, "the oldest waits since %s\n", page.Oldest)
	return err
}

// queuedLead is one lead of the queue and what a person says about it.
type queuedLead struct {
	target
	Lead lead.ID `arg:"" help:"The lead's id."`
	Why  string  `help:"The reason, for the ledger." required:""`
}

func (c *queuedLead) post(e *env, what, campaign, done string) error {
	return c.change(e, func(o *ops) error {
		in := admin.QueueChange{Lead: c.Lead, Campaign: campaign, Why: c.Why, By: whoami()}
		if err := o.call(e.ctx, "POST", "/v1/queue/"+what, in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "lead %s %s\n", c.Lead, done)
		return err
	})
}

type queueRetryCmd struct{ queuedLead }

// Help implements kong.HelpProvider.
func (queueRetryCmd) Help() string {
	return `Has a lead of the queue tried again at once, for all campaigns that it waits for. One that was set aside has one attempt more.

Examples:
  clearpost queue retry 019bc225-4e88-7000-8000-000000000001 --why "eastline says it is up"`
}

// Run has it tried.
func (c *queueRetryCmd) Run(e *env) error { return c.post(e, "retry", "", "is tried again") }

type queueDropCmd struct{ queuedLead }

// Help implements kong.HelpProvider.
func (queueDropCmd) Help() string {
	return `Takes a lead off the queue. It is not sold, and its seller hears that, by its status and its webhook.

Examples:
  clearpost queue drop 019bc225-4e88-7000-8000-000000000001 --why "the person has called off"`
}

// Run drops it.
func (c *queueDropCmd) Run(e *env) error {
	return c.post(e, "drop", "", "is off the queue, and not sold")
}

type queueMoveCmd struct {
	queuedLead
	Campaign string `arg:"" help:"A campaign that has bid for the lead."`
}

// Help implements kong.HelpProvider.
func (queueMoveCmd) Help() string {
	return `Offers a lead of the queue to another campaign at once, at the price that it has bid for it, in place of those that it waits for. The
payout stays what was quoted: the bid must cover it. It waits for this campaign for an hour at most.

Examples:
  clearpost queue move 019bc225-4e88-7000-8000-000000000001 westline-solar --why "eastline is away until Monday"`
}

// Run moves it.
func (c *queueMoveCmd) Run(e *env) error {
	return c.post(e, "move", c.Campaign, "is offered to "+c.Campaign)
}
