// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/ledger"
)

type pauseCmd struct {
	target
	Subject string `arg:"" help:"Id of a buyer, campaign or source; buyer:ID, campaign:ID, source:ID where it is not the only one."`
	Why     string `required:"" help:"The reason, kept in the ledger." placeholder:"TEXT"`
	JSON    bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (pauseCmd) Help() string {
	return `Examples:
  clearpost pause sunpeak --why "unpaid invoice 1182"
  clearpost pause campaign:sunpeak-az --why "call centre closed" -d /etc/clearpost`
}

// Run pauses.
func (c *pauseCmd) Run(e *env) error {
	return change(e, &c.target, "/v1/pause", c.Subject, c.Why, c.JSON)
}

type resumeCmd struct {
	target
	Subject string `arg:"" help:"As for pause."`
	Why     string `required:"" help:"The reason, kept in the ledger." placeholder:"TEXT"`
	JSON    bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (resumeCmd) Help() string {
	return `Example:
  clearpost resume sunpeak --why "paid on 3 March"`
}

// Run resumes.
func (c *resumeCmd) Run(e *env) error {
	return change(e, &c.target, "/v1/resume", c.Subject, c.Why, c.JSON)
}

func change(e *env, t *target, path, subject, why string, asJSON bool) error {
	return t.change(e, func(o *ops) error {
		var got admin.Change
		if err := o.call(e.ctx, "POST", path, admin.Change{Subject: subject, Why: why, By: whoami()},
			&got); err != nil {
			return err
		}
		if asJSON {
			return printJSON(e.out, got)
		}
		state := map[string]string{"/v1/pause": "paused", "/v1/resume": "running"}[path]
		if !got.Changed {
			state += " already"
		}
		fmt.Fprintf(e.out, "%s is %s\n", got.Subject, state)
		return nil
	})
}

type unresolvedCmd struct {
	target
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (unresolvedCmd) Help() string {
	return `Each is a post that may have reached its buyer and has no receipt. Its hold stands until the buyer has been asked and the
attempt is resolved.

Example:
  clearpost unresolved --json | jq -r '.unresolved[].attempt'`
}

// Run lists.
func (c *unresolvedCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var got struct {
			Unresolved []exchange.OpenAttempt `json:"unresolved"`
		}
		if err := o.call(e.ctx, "GET", "/v1/unresolved", nil, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		if len(got.Unresolved) == 0 {
			fmt.Fprintln(e.out, "nothing is unresolved")
			return nil
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ATTEMPT\tSINCE\tBUYER\tCAMPAIGN\tPRICE\tLEAD\tWHY")
		for _, u := range got.Unresolved {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", u.Attempt, u.Since.UTC().Format(time.RFC3339), u.Buyer,
				u.Campaign, u.Price, u.Lead, u.Why)
		}
		return w.Flush()
	})
}

type resolveCmd struct {
	target
	Attempt   string `arg:"" help:"The attempt's id, from unresolved; or its lead's id, SOURCE:SELLER_LEAD_ID, the buyer's REFERENCE or CAMPAIGN:REFERENCE, if that leads to one."`
	Outcome   string `arg:"" enum:"accepted,rejected" help:"accepted or rejected: what the buyer says."`
	Why       string `required:"" help:"How this is known, kept in the ledger." placeholder:"TEXT"`
	Price     string `help:"accepted: the price to book, such as 22.50. Without it the bid is booked." placeholder:"AMOUNT"`
	Reference string `help:"accepted: the buyer's reference." placeholder:"TEXT"`
	Correct   bool   `help:"The attempt is settled, and it ended otherwise in truth: counts, money and the seller's status follow."`
	Oversell  bool   `help:"With --correct accepted: also where the lead is then sold more often than its buyers were promised."`
	Ref       string `help:"With --correct: what you know it by; a second correction of the lead under the same name changes nothing." placeholder:"TEXT"`
	JSON      bool   `help:"Print the event as JSON."`
}

// Help implements kong.HelpProvider.
func (resolveCmd) Help() string {
	return `Examples:
  clearpost resolve 0193b2c4-0000-7000-8000-000000000000 rejected --why "not in their list of today"
  clearpost resolve 0193b2c4-0000-7000-8000-000000000000 accepted --why "mail of 3 March" --price 22.50 --reference L-8812
  clearpost resolve brightroof-fixed:BR-88 accepted --why "on their invoice of March"
  clearpost resolve --correct brightroof-fixed:BR-88 rejected --why "they never had it: their mail of 3 March"`
}

// Validate implements kong.Validatable.
func (c *resolveCmd) Validate() error {
	if !c.Correct && (c.Oversell || c.Ref != "") {
		return errors.New("--oversell and --ref go with --correct")
	}
	return nil
}

// Run resolves.
func (c *resolveCmd) Run(e *env) error {
	return c.change(e, func(o *ops) error {
		if c.Correct {
			return c.correct(e, o)
		}
		var got ledger.Adjusted
		in := admin.Resolve{Name: c.Attempt, Outcome: c.Outcome, Price: c.Price, Reference: c.Reference, Why: c.Why,
			By: whoami()}
		if err := o.call(e.ctx, "POST", "/v1/resolve", in, &got); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, got)
		}
		fmt.Fprintf(e.out, "attempt %s of lead %s at %s is %s\n", got.Attempt, got.Lead, got.Buyer, got.Outcome)
		return nil
	})
}
