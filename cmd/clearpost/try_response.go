// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/answer"
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
	open := c.Post && receipt.Outcome == lead.Unknown
	if !c.JSON {
		printReceipt(e.out, &receipt, open, why, trace)
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
		Unknown   bool   `json:"unknown,omitempty"` // of a post: the buyer may have the lead all the same
		Why       string `json:"why"`

		Legs     []leg             `json:"legs,omitempty"`
		Captures map[string]string `json:"captures,omitempty"`

		Trace []answer.RuleTrace `json:"trace"` // every rule in the order in which it is asked
	}{Campaign: r.Campaign, Call: c.call(), Outcome: receipt.Outcome.String(), Token: string(receipt.Token),
		Reference: string(receipt.Reference),
		Reason:    string(receipt.Reason), Rule: receipt.Rule, Redirect: string(receipt.Redirect),
		Unknown: open, Why: why, Legs: legsOf(&receipt), Trace: trace}
	if receipt.Refusal != 0 {
		out.Refusal, out.Published = receipt.Refusal.Info().Name, buyers.PublishedOf(&receipt)
	}
	for _, x := range receipt.Captures {
		if out.Captures == nil {
			out.Captures = map[string]string{}
		}
		out.Captures[x.Name] = string(x.Value)
	}
	if receipt.HasPrice {
		out.Price = receipt.Price.String()
	}
	return printJSON(e.out, out)
}

func printReceipt(w io.Writer, r *answer.Receipt, open bool, why string, trace []answer.RuleTrace) {
	for _, t := range buyers.TellReceipt(r) {
		fmt.Fprintf(w, "%-10s %s\n", t.Name, *t.Value)
	}
	for i, l := range legsOf(r) {
		fmt.Fprintf(w, "leg %-6d %s\n", i+1, l)
	}
	if open {
		fmt.Fprintf(w, "%-10s %s\n", "the post",
			"unknown: the buyer may have the lead, so that nobody else is offered it and its place under the caps "+
				"stays taken")
	}
	fmt.Fprintf(w, "%-10s %s\n", "why", why)
	for _, t := range trace {
		mark := "no "
		if t.Matched {
			mark = "yes"
		}
		fmt.Fprintf(w, "  %s %-12s %s\n", mark, t.Rule, t.Why)
	}
}

// leg is an offer of a ping's answer that can be used.
type leg struct {
	Price   string `json:"price"`
	MaxSold int    `json:"max_sold,omitempty"`
	Brand   string `json:"brand,omitempty"`
	Token   string `json:"token,omitempty"`
}

// String tells what is known of it.
func (l leg) String() string {
	out := l.Price
	if l.MaxSold > 0 {
		out += fmt.Sprintf("  max_sold %d", l.MaxSold)
	}
	if l.Brand != "" {
		out += fmt.Sprintf("  brand %q", l.Brand)
	}
	if l.Token != "" {
		out += fmt.Sprintf("  token %q", l.Token)
	}
	return out
}

func legsOf(r *answer.Receipt) (out []leg) {
	for _, l := range r.Legs {
		out = append(out, leg{l.Price.String(), l.MaxSold, string(l.Brand), string(l.Token)})
	}
	return out
}
