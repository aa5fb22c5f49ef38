// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"clearpost/buyers"
	"clearpost/wire"
)

type tryResponseCmd struct {
	Campaign string `arg:"" optional:"" help:"Id of the campaign."`
	File     string `arg:"" optional:"" help:"File with the answer's body; - is standard input. Absent: no body."`
	tryRules
	Status int    `help:"HTTP status." default:"200"`
	Type   string `help:"Content-Type." placeholder:"TYPE"`
	Torn   bool   `help:"The end of the body is not proven: no Content-Length, and the connection ended."`
}

// Help implements kong.HelpProvider.
func (tryResponseCmd) Help() string {
	return `The receipt: what the answer means, what stands in it, which rule decides and why the others do not. Exit code 0 whatever it means.

Examples:
  clearpost try response harborline-standard answer.json --ping -d ./conf
  echo '{"decision":"ACCEPT","lead":{"id":"7"}}' | clearpost try response harborline-standard - --post -d ./conf --type application/json
  clearpost try response - --post --rules buyer.yaml --status 500 --json < answer.html`
}

// Run tries.
func (c *tryResponseCmd) Run(e *env) error {
	if c.Rules != "" && c.File == "" && c.Campaign == "-" {
		c.Campaign, c.File = "", "-"
	}
	r, err := c.load(e, c.Campaign, true)
	if err != nil {
		return err
	}
	if r.Answer == nil {
		return fmt.Errorf("%s has no rules for answers", r.Campaign)
	}
	var body []byte
	if c.File != "" {
		if body, err = readInput(e, c.File); err != nil {
			return err
		}
	}
	read := r.Answer.ReadWhole
	if c.Torn {
		read = r.Answer.Read
	}
	receipt := read(c.Status, []byte(c.Type), body)
	why := r.Answer.Explain(c.Status, []byte(c.Type), body)
	if c.Torn && receipt.Rule != r.Answer.ReadWhole(c.Status, []byte(c.Type), body).Rule {
		why = "not sold: " + receipt.Refusal.Info().Meaning
	}
	trace := r.Answer.Trace(c.Status, []byte(c.Type), body)
	told := buyers.TellReceipt(&receipt)
	if !c.JSON {
		for _, t := range told {
			fmt.Fprintf(e.out, "%-10s %s\n", t.Name, *t.Value)
		}
		fmt.Fprintf(e.out, "%-10s %s\n", "why", why)
		for _, t := range trace {
			mark := "no "
			if t.Matched {
				mark = "yes"
			}
			fmt.Fprintf(e.out, "  %s %-12s %s\n", mark, t.Rule, t.Why)
		}
		return nil
	}
	out := struct {
		Campaign  string `json:"campaign"`
		Call      string `json:"call"`
		Outcome   string `json:"outcome"`
		Refusal   string `json:"refusal,omitempty"`
		Published string `json:"published,omitempty"`
		Price     string `json:"price,omitempty"`
		Token     string `json:"token,omitempty"`
		Reference string `json:"reference,omitempty"`
		Reason    string `json:"reason,omitempty"`
		Rule      string `json:"rule"`
		Redirect  string `json:"redirect,omitempty"`
		Why       string `json:"why"`

		Trace []wire.RuleTrace `json:"trace"` // every rule in the order in which it is asked
	}{Campaign: r.Campaign, Call: c.call(), Outcome: receipt.Outcome.String(), Token: string(receipt.Token), Reference: string(receipt.Reference),
		Reason: string(receipt.Reason), Rule: receipt.Rule, Redirect: string(receipt.Redirect),
		Why: why, Trace: trace}
	if receipt.Refusal != 0 {
		out.Refusal, out.Published = receipt.Refusal.Info().Name, receipt.Refusal.Info().Published
	}
	if receipt.HasPrice {
		out.Price = receipt.Price.String()
	}
	return printJSON(e.out, out)
}
