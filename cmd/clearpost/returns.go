// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/goccy/go-json"

	"clearpost/exchange/admin"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

type returnCmd struct {
	target
	Name           []string `arg:"" optional:"" help:"Sales: a lead's or an attempt's id, SOURCE:SELLER_LEAD_ID, the buyer's REFERENCE, BUYER:REFERENCE or CAMPAIGN:REFERENCE, each leading to one sale."`
	Phone          string   `help:"In place of a name: the person's phone number."`
	CSV            string   `help:"A CSV file with a header in place of names: the columns reason, and name, reference, lead_id or phone; note, chain_reference and chain_date if need be. - is standard input." placeholder:"FILE"`
	Buyer          string   `help:"Whose sales they must be." placeholder:"ID"`
	Reason         string   `help:"Why, by a name of the list on the buyer's page (returns.reasons)."`
	Note           string   `help:"In the buyer's words, kept in the ledger." placeholder:"TEXT"`
	ChainReference string   `help:"Where the buyer resells: under which reference its own buyer gave the lead back." placeholder:"TEXT"`
	ChainDate      string   `help:"And on which date." placeholder:"DAY"`
	Grant          bool     `help:"You grant it yourself: at once, and outside of window and limit too."`
	Credit         string   `help:"With --grant: what the buyer gets back, in place of what the reason says." placeholder:"AMOUNT"`
	JSON           bool     `help:"Print a JSON object a return."`
}

// Help implements kong.HelpProvider.
func (returnCmd) Help() string {
	return `Has sales given back, by what the buyer's page says of returns: within its window and limit, for a reason of its list. A reason that is
granted by rule is granted at once; any other one waits in "clearpost returns" for you. What is granted is credited to the buyer, frees its
place under caps whose windows are open, and takes from the source what its page says (returns.clawback_percent). A sale is given back once:
the same again changes nothing.

Exit code 1 if one at least is refused; those before and after it stand.

Examples:
  clearpost return brightroof-fixed:BR-88 --reason wrong_number
  clearpost return --buyer brightroof --csv returns.csv
  clearpost return BR-88 --buyer brightroof --reason goodwill --grant --credit 10.00`
}

// Validate implements kong.Validatable.
func (c *returnCmd) Validate() error {
	ways := 0
	for _, there := range []bool{len(c.Name) > 0, c.Phone != "", c.CSV != ""} {
		if there {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("expected names, --phone or --csv")
	case (c.Reason == "") == (c.CSV == ""):
		return errors.New("expected --reason, or --csv, whose rows have reasons")
	case c.Credit != "" && !c.Grant:
		return errors.New("--credit goes with --grant")
	case (c.ChainReference == "") != (c.ChainDate == ""), c.ChainDate != "" && c.CSV != "":
		return errors.New("--chain-reference goes with --chain-date, and neither with --csv")
	}
	return nil
}

// Run gives back.
func (c *returnCmd) Run(e *env) error {
	list, err := c.list(e)
	if err != nil {
		return err
	}
	return c.change(e, func(o *ops) error {
		refused := 0
		for i, in := range list {
			var got admin.Changed
			if err := o.call(e.ctx, "POST", "/v1/returns", in, &got); err != nil {
				var no *refusedError
				if len(list) == 1 {
					return err
				}
				if !errors.As(err, &no) || no.status >= 500 {
					return fmt.Errorf("return %d of %d: %w\nThe same may be sent again: a sale is given back once", i+1,
						len(list), err)
				}
				refused++
				fmt.Fprintf(e.err, "%s%s: %v\n", in.Name, in.Phone, err)
				continue
			}
			if c.JSON {
				if err := json.NewEncoder(e.out).Encode(got); err != nil {
					return err
				}
				continue
			}
			printReturn(e, &got)
		}
		if refused > 0 {
			fmt.Fprintf(e.err, "%d of %d are refused\n", refused, len(list))
			return errSaid
		}
		return nil
	})
}

// list is what is to be given back.
func (c *returnCmd) list(e *env) (out []admin.ReturnIn, err error) {
	one := admin.ReturnIn{Phone: c.Phone, Buyer: c.Buyer, Reason: c.Reason, Note: c.Note, Grant: c.Grant,
		Credit: c.Credit, ChainReference: c.ChainReference, ChainDate: c.ChainDate, By: whoami()}
	if c.Phone != "" {
		return []admin.ReturnIn{one}, nil
	}
	for _, name := range c.Name {
		one.Name = name
		out = append(out, one)
	}
	if c.CSV == "" {
		return out, nil
	}
	f := importFile{File: c.CSV}
	rows, err := f.rows(e, "reason", "name?", "reference?", "lead_id?", "phone?", "chain_reference?", "chain_date?",
		"note?", "ref?") // the last one is made up where it is missing, and means nothing here
	for i, r := range rows {
		var names []string
		for _, n := range r[1:4] {
			if n != "" {
				names = append(names, n)
			}
		}
		one := admin.ReturnIn{Buyer: c.Buyer, Reason: r[0], Phone: r[4], Note: r[7], Grant: c.Grant, Credit: c.Credit,
			ChainReference: r[5], ChainDate: r[6], By: whoami()}
		switch {
		case len(names) == 0 && r[4] == "":
			return nil, fmt.Errorf("%s: row %d: expected one of name, reference, lead_id and phone", c.CSV, i+2)
		case len(names) > 0: // the most certain of them
			one.Name, one.Phone = names[len(names)-1], ""
		}
		out = append(out, one)
	}
	return out, err
}

// printReturn tells what has become of a return.
func printReturn(e *env, got *admin.Changed) {
	adj, already := got.Event, ""
	if !got.Changed {
		already = " already"
	}
	fmt.Fprintf(e.out, "lead %s at %s is%s %s\n", adj.Lead, adj.Buyer, already, returnText(adj))
}

// returnText is how a return stands, in words.
func returnText(adj *ledger.Adjusted) string {
	r := adj.Return
	switch adj.Adjustment {
	case ledger.AdjustReturnAsked:
		return "to be decided: " + r.Reason
	case ledger.AdjustReturnDenied:
		return "kept: the return is denied"
	case ledger.AdjustReturnRevoked:
		return "kept: its return is revoked"
	case ledger.AdjustReplaced:
		return fmt.Sprintf("replaced, %s credited", r.Credit)
	}
	out := fmt.Sprintf("given back (%s), %s credited", r.Reason, r.Credit)
	if r.Replace {
		out = fmt.Sprintf("given back (%s), another lead is owed for it", r.Reason)
	}
	if r.Clawback > 0 {
		out += fmt.Sprintf(", %s taken back from %s", r.Clawback, adj.Source)
	}
	return out
}

type returnsCmd struct {
	List    returnsListCmd `cmd:"" default:"withargs" help:"List what buyers wanted to give back."`
	Approve returnsApprove `cmd:"" help:"Grant returns that wait."`
	Deny    returnsDeny    `cmd:"" help:"Deny returns that wait."`
	Revoke  returnsRevoke  `cmd:"" help:"Undo a return that was granted: the sale is paid again."`
	Replace returnsReplace `cmd:"" help:"Credit a return for which another lead was owed, since that has been sold."`
}

type returnsListCmd struct {
	target
	State  string `help:"Those that stand so: ${enum}." enum:",asked,returned,denied,revoked,replaced" default:""`
	Buyer  string `help:"Of this buyer." placeholder:"ID"`
	Source string `help:"Of this source." placeholder:"ID"`
	Reason string `help:"For this reason."`
	times
	Limit int  `help:"At most so many, those that changed last first; 0 = all." default:"50"`
	JSON  bool `help:"Print a JSON object a line."`
}

// Help implements kong.HelpProvider.
func (returnsListCmd) Help() string {
	return `Lists what buyers wanted to give back, and how it stands. Those that are "asked" wait for "clearpost returns approve" or "deny".

Examples:
  clearpost returns --state asked
  clearpost returns --buyer brightroof --since 30d --json | jq -r .reason | sort | uniq -c
  clearpost returns approve brightroof:BR-88 --why "their recording has it"
  clearpost returns deny brightroof:BR-88 --why "the number was reached twice"`
}

// Run lists.
func (c *returnsListCmd) Run(e *env) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	q := url.Values{}
	for name, value := range map[string]string{"state": c.State, "buyer": c.Buyer, "source": c.Source,
		"reason": c.Reason, "since": since, "until": until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		return listing[report.ReturnsFound, *report.ReturnRow]{path: "/v1/returns", query: q, limit: c.Limit,
			json: c.JSON, head: "AT\tSTATE\tBUYER\tREFERENCE\tREASON\tPRICE\tCREDIT\tCLAWBACK\tSOURCE\tLEAD\tWHY",
			of: func(p *report.ReturnsFound) (out []*report.ReturnRow, next uint64) {
				for i := range p.Returns {
					out = append(out, &p.Returns[i])
				}
				return out, p.Next
			},
			row: func(r *report.ReturnRow) string {
				why := r.Why
				if why == r.Reason {
					why = r.Note
				}
				return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", r.At.In(c.location()).Format(
					"2006-01-02 15:04"), r.State, r.Buyer, r.Reference, r.Reason, r.Price, r.Credit, r.Clawback,
					r.Source, r.Lead, why)
			},
			none: "no return is like this",
		}.print(e, o)
	})
}

// decision is what the verbs that decide about returns have in common.
type decision struct {
	target
	Name []string `arg:"" help:"Sales, as for return."`
	Why  string   `required:"" help:"The reason, kept in the ledger." placeholder:"TEXT"`
	JSON bool     `help:"Print a JSON object a return."`
}

type returnsApprove struct {
	decision
	Credit string `help:"What the buyer gets back, in place of what the reason says." placeholder:"AMOUNT"`
}

type (
	returnsDeny    struct{ decision }
	returnsRevoke  struct{ decision }
	returnsReplace struct {
		decision
		With string `required:"" help:"The sale that came in its place: any name of it." placeholder:"NAME"`
	}
)

// Run approves.
func (c *returnsApprove) Run(e *env) error {
	return c.decide(e, admin.DecideIn{What: "approve", Credit: c.Credit})
}

// Run denies.
func (c *returnsDeny) Run(e *env) error { return c.decide(e, admin.DecideIn{What: "deny"}) }

// Run revokes.
func (c *returnsRevoke) Run(e *env) error { return c.decide(e, admin.DecideIn{What: "revoke"}) }

// Run replaces.
func (c *returnsReplace) Run(e *env) error {
	if len(c.Name) != 1 {
		return errors.New("expected one sale that was given back")
	}
	return c.decide(e, admin.DecideIn{What: "replace", With: c.With})
}

func (c *decision) decide(e *env, in admin.DecideIn) error {
	return c.change(e, func(o *ops) error {
		for _, name := range c.Name {
			var got admin.Changed
			in.Name, in.Why, in.By = name, c.Why, whoami()
			if err := o.call(e.ctx, "POST", "/v1/returns/decide", in, &got); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if c.JSON {
				if err := json.NewEncoder(e.out).Encode(got); err != nil {
					return err
				}
				continue
			}
			printReturn(e, &got)
		}
		return nil
	})
}
