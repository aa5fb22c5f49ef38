// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
	"clearpost/queue"
)

type webhooksCmd struct {
	List   webhooksListCmd   `cmd:"" default:"withargs" help:"Show how the lines of messages stand."`
	Dead   webhooksDeadCmd   `cmd:"" help:"List the messages that were given up."`
	Replay webhooksReplayCmd `cmd:"" help:"Send dead messages again."`
	Drop   webhooksDropCmd   `cmd:"" help:"Forget dead messages."`
}

type webhooksListCmd struct {
	target
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (webhooksListCmd) Help() string {
	return `Shows of each webhook (of sources, and the remediations of verticals) how many messages it has taken, how many wait, whether
it takes any and why not, and how many were given up: "clearpost webhooks dead" lists those.

Examples:
  clearpost webhooks
  clearpost webhooks list --json | jq '.webhooks[] | select(.tries > 0)'`
}

// Run lists.
func (c *webhooksListCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got admin.Webhooks
		if err := o.call(e.ctx, "GET", "/v1/webhooks", nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if len(got.Webhooks) == 0 {
			_, err := fmt.Fprintln(e.out, "there are no webhooks: no source has one, and no vertical a remediation")
			return err
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "WEBHOOK\tTAKEN\tWAITING\tDEAD\tSTATE")
		for _, l := range got.Webhooks {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\n", l.Name, l.Sent, waiting(&l), l.Dead, stateOf(&l))
		}
		return w.Flush()
	})
}

// waiting tells how many messages wait.
func waiting(l *queue.Status) string {
	if n := strconv.Itoa(l.Waiting + l.Again); !l.More {
		return n
	} else {
		return n + "+"
	}
}

// stateOf tells in words whether a webhook takes its messages.
func stateOf(l *queue.Status) string {
	if l.Tries == 0 {
		return "well"
	}
	state := fmt.Sprintf("%d tries since %s: %s", l.Tries, l.Since.UTC().Format(time.RFC3339), l.Why)
	if l.Broken {
		state = "broken, " + state
	}
	return state
}

type webhooksDeadCmd struct {
	target
	Name  string `arg:"" help:"The webhook, as the list has it."`
	Limit int    `help:"At most so many, oldest first; 0 = all." default:"0"`
	JSON  bool   `help:"Print a JSON object a line."`
}

// Help implements kong.HelpProvider.
func (webhooksDeadCmd) Help() string {
	return `Lists the messages of a webhook that were given up, oldest first: those that the endpoint refused for themselves, and those that it
has not taken in their time. They are sent again by "clearpost webhooks replay" and forgotten by "clearpost webhooks drop". The last 10,000
of a webhook are kept.

Examples:
  clearpost webhooks dead remediation-solar
  clearpost webhooks dead remediation-solar --json | jq -r .lead_id`
}

// Run lists.
func (c *webhooksDeadCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		return listing[admin.DeadPage, queue.Dead]{
			path:  "/v1/webhooks/dead",
			query: url.Values{"name": {c.Name}},
			of:    func(p *admin.DeadPage) ([]queue.Dead, uint64) { return p.Dead, uint64(p.Next) },
			limit: c.Limit,
			json:  c.JSON,
			head:  "ID\tOF\tLEAD\tGIVEN UP\tWHY",
			row: func(d queue.Dead) string {
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", d.ID, d.At.UTC().Format(time.RFC3339), d.Lead,
					d.Gone.UTC().Format(time.RFC3339), d.Why)
			},
			none: fmt.Sprintf("no message of %s was given up", c.Name),
		}.print(e, o)
	})
}

type webhooksReplayCmd struct {
	target
	Name string `arg:"" help:"The webhook, as the list has it."`
	ID   string `arg:"" optional:"" help:"One dead message; absent: all of the webhook."`
}

// Help implements kong.HelpProvider.
func (webhooksReplayCmd) Help() string {
	return `Sends dead messages again, under the ids that they had, before what has come since. The endpoint is tried at once, also if no message
is dead: whoever has mended it need not wait for the next try.

Examples:
  clearpost webhooks replay remediation-solar
  clearpost webhooks replay remediation-solar msg_019bc225-4e88-7000-8000-000000000001`
}

// Run has them sent again.
func (c *webhooksReplayCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		in := admin.Replay{Name: c.Name, ID: c.ID}
		if err := o.call(e.ctx, "POST", "/v1/webhooks/replay", in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%d messages of %s are sent again\n", in.Count, in.Name)
		return err
	})
}

type webhooksDropCmd struct {
	target
	Name string `arg:"" help:"The webhook, as the list has it."`
	ID   string `arg:"" optional:"" help:"One dead message."`
	All  bool   `help:"All dead messages of the webhook."`
}

// Help implements kong.HelpProvider.
func (webhooksDropCmd) Help() string {
	return `Forgets dead messages: they are never sent. What they had to tell stays in the ledger.

Examples:
  clearpost webhooks drop remediation-solar msg_019bc225-4e88-7000-8000-000000000001
  clearpost webhooks drop remediation-solar --all`
}

// Run has them forgotten.
func (c *webhooksDropCmd) Run(e *env) error {
	if c.All == (c.ID != "") {
		return fmt.Errorf("expected the id of a dead message, or --all")
	}
	return c.change(e, func(o *ops) error {
		in := admin.Replay{Name: c.Name, ID: c.ID}
		if err := o.call(e.ctx, "POST", "/v1/webhooks/drop", in, &in); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%d messages of %s are forgotten\n", in.Count, in.Name)
		return err
	})
}
