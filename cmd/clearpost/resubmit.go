// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/lead"
)

type resubmitCmd struct {
	target
	Lead     string   `arg:"" optional:"" help:"The lead's id."`
	File     string   `help:"In place of a lead: a CSV file with a column lead_id, or a JSON object a line; - is standard input." placeholder:"FILE"`
	Set      []string `help:"Another value of a field, as sellers write it; without one the field is left out. May be given several times." sep:"none" placeholder:"FIELD=VALUE"`
	Vertical string   `help:"Offer it in this vertical." placeholder:"V"`
	Map      []string `help:"A field of that vertical gets the value of another field of the lead. May be given several times." sep:"none" placeholder:"FIELD=OTHER"`
	Ref      string   `help:"What you know it by: under another one the same lead is refused." placeholder:"REF"`
	Why      string   `help:"The reason, for the ledger." placeholder:"TEXT"`
	DryRun   bool     `help:"Tell what would be other, and who would want it. Send nothing."`
	JSON     bool     `help:"Print a JSON object a lead."`
}

// Validate implements kong's check of flags before the verb runs.
func (c *resubmitCmd) Validate() error {
	if (c.Lead == "") == (c.File == "") {
		return fmt.Errorf("expected a lead, or --file")
	}
	if c.File != "" && c.Ref != "" {
		return fmt.Errorf("--ref goes with one lead: a file has a column ref")
	}
	return nil
}

// Help implements kong.HelpProvider.
func (resubmitCmd) Help() string {
	return `Offers a lead that nobody has bought anew (docs/how-to/sell-what-is-left.md): as a lead of its own, of the same seller, with the values
of the old one but for those of --set, and as old as that. The ledger has the link in both directions, and the seller's status of the old lead
follows. Not while it is sold, may be, waits in the queue or in a file. A lead goes on once: resubmit what it became, to try again. Whoever sends
the same again hears what became of it.

A file has a column lead_id, perhaps ref and vertical; all other columns are fields, whose values that are not empty stand in place of the
lead's. Or it has a JSON object a line with lead_id, ref and set, as unsold --json prints it. What fails is told and left out: then the exit
code is 1, and the file may be sent again.

Examples:
  clearpost resubmit 019bc225-4e88-7000-8000-000000000001 --set zip=10002 --why "the seller has mended it"
  clearpost resubmit 019bc225-4e88-7000-8000-000000000001 --vertical aged-solar --map region=state --dry-run
  clearpost unsold --since 24h --vertical solar --json | clearpost resubmit --file - --vertical aged-solar
  printf 'lead_id,zip\n019bc225-4e88-7000-8000-000000000001,10002\n' | clearpost resubmit --file -`
}

// resubmitRowsMax is how many leads a file may have.
const resubmitRowsMax = 1_000_000

// Run resubmits.
func (c *resubmitCmd) Run(e *env) error {
	all, err := c.all(e)
	if err != nil {
		return err
	}
	do := c.change
	if c.DryRun {
		do = c.with
	}
	return do(e, func(o *ops) error {
		failed := 0
		for i := range all {
			var got exchange.Resubmitted
			err := o.call(e.ctx, "POST", "/v1/resubmit", &all[i], &got)
			if err != nil && (c.File == "" || !ofOneLead(err)) {
				return err
			}
			if err != nil {
				failed++
			}
			if err := c.print(e, &all[i], &got, err); err != nil {
				return err
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d leads were not resubmitted", failed, len(all))
		}
		return nil
	})
}

// ofOneLead tells whether an error is about one lead, so that the others may go on.
func ofOneLead(err error) bool {
	var no *refusedError
	return errors.As(err, &no) && no.status < 500
}

// all are the leads that are asked for.
func (c *resubmitCmd) all(e *env) ([]admin.Resubmit, error) {
	set, err := pairs("--set", c.Set)
	if err != nil {
		return nil, err
	}
	from, err := pairs("--map", c.Map)
	if err != nil {
		return nil, err
	}
	base := admin.Resubmit{Set: set, Map: from, Vertical: c.Vertical, Ref: c.Ref, Why: c.Why, By: whoami(),
		DryRun: c.DryRun}
	if c.File == "" {
		if base.Lead, err = lead.ParseID(c.Lead); err != nil {
			return nil, fmt.Errorf("%q: expected the id of a lead: %w", c.Lead, err)
		}
		return []admin.Resubmit{base}, nil
	}
	in := e.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReader(in)
	rows := leadsOfCSV
	if isJSON(r) {
		rows = leadsOfJSON
	}
	out, err := rows(r, &base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return out, nil
}

func pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %q: expected FIELD=VALUE", flag, text)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s %s: expected each field once", flag, name)
		}
		out[name] = value
	}
	return out, nil
}

// isJSON tells whether the first sign that is no space opens an object.
func isJSON(r *bufio.Reader) bool {
	for n := 1; ; n++ {
		b, err := r.Peek(n)
		if err != nil {
			return false
		}
		if c := b[n-1]; c == '{' {
			return true
		} else if !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			return false
		}
	}
}

// with makes the wish of a row of a file out of that of all rows.
func with(base *admin.Resubmit, id, ref, vertical string, set map[string]string) (admin.Resubmit, error) {
	out := *base
	out.Set = map[string]string{}
	for _, of := range []map[string]string{base.Set, set} {
		for name, v := range of {
			out.Set[name] = v
		}
	}
	if out.Ref = ref; vertical != "" {
		out.Vertical = vertical
	}
	var err error
	if out.Lead, err = lead.ParseID(id); err != nil {
		return out, fmt.Errorf("lead_id %q: %w", id, err)
	}
	return out, nil
}

func leadsOfCSV(in *bufio.Reader, base *admin.Resubmit) (out []admin.Resubmit, err error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("expected a header with the column lead_id: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if !slices.Contains(head, "lead_id") {
		return nil, fmt.Errorf("no column \"lead_id\" in the header (%s)", strings.Join(head, ", "))
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		set, named := map[string]string{}, map[string]string{}
		for i, name := range head {
			switch text := strings.TrimSpace(row[i]); {
			case name == "lead_id" || name == "ref" || name == "vertical":
				named[name] = text
			case text != "":
				set[name] = text
			}
		}
		one, err := with(base, named["lead_id"], named["ref"], named["vertical"], set)
		if err != nil {
			line, column := r.FieldPos(slices.Index(head, "lead_id"))
			return nil, fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		if out = append(out, one); len(out) > resubmitRowsMax {
			return nil, fmt.Errorf("at most %d leads", resubmitRowsMax)
		}
	}
}

func leadsOfJSON(in *bufio.Reader, base *admin.Resubmit) (out []admin.Resubmit, err error) {
	d := json.NewDecoder(in)
	for n := 1; ; n++ {
		var row struct {
			Lead string            `json:"lead_id"`
			Ref  string            `json:"ref"`
			Set  map[string]string `json:"set"`
		}
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("object %d: %w", n, err)
		}
		one, err := with(base, row.Lead, row.Ref, "", row.Set)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", n, err)
		}
		if out = append(out, one); len(out) > resubmitRowsMax {
			return nil, fmt.Errorf("at most %d leads", resubmitRowsMax)
		}
	}
}

// print tells what became of one lead; failed is why nothing did.
func (c *resubmitCmd) print(e *env, in *admin.Resubmit, got *exchange.Resubmitted, failed error) error {
	if c.JSON {
		if failed != nil {
			return json.NewEncoder(e.out).Encode(map[string]string{"lead_id": in.Lead.String(),
				"error": failed.Error()})
		}
		return json.NewEncoder(e.out).Encode(got)
	}
	if failed != nil {
		_, err := fmt.Fprintf(e.out, "lead %s: %s\n", in.Lead, failed)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "lead %s", in.Lead)
	switch {
	case c.DryRun && !got.Known:
		fmt.Fprintf(&b, " would be offered as a lead of %s", got.Vertical)
		if len(got.Wanted) == 0 {
			b.WriteString("; no campaign wants it")
		} else {
			fmt.Fprintf(&b, "; it is wanted by %s", strings.Join(got.Wanted, ", "))
		}
	case got.Known:
		fmt.Fprintf(&b, " was resubmitted before, as lead %s of %s: nothing was done now", got.As, got.Vertical)
	default:
		fmt.Fprintf(&b, " is resubmitted as lead %s of %s", got.As, got.Vertical)
	}
	if a := got.Answer; a != nil {
		fmt.Fprintf(&b, "; its seller hears %s", a.Result)
		if a.Price != nil {
			fmt.Fprintf(&b, " at %s %s", lead.Money(*a.Price), a.Currency)
		}
		if a.Reason != "" {
			fmt.Fprintf(&b, " (%s: %s)", a.Reason, a.Details)
		}
	}
	if len(got.Changed) > 0 {
		fmt.Fprintf(&b, "; changed: %s", strings.Join(got.Changed, ", "))
	}
	if len(got.Dropped) > 0 {
		fmt.Fprintf(&b, "; left out: %s", strings.Join(got.Dropped, ", "))
	}
	_, err := fmt.Fprintln(e.out, plain(b.String()))
	return err
}

// tellResubmitted says as which lead a lead is offered anew, and for which one it is.
func tellResubmitted(w io.Writer, x *exchange.Explanation) {
	if r := x.Resubmits; r != nil {
		fmt.Fprintf(w, "\n  resubmits lead %s, for the %s time, as old as what came at %s", r.Lead, ordinal(r.Hop),
			r.ReceivedAt.UTC().Format(time.RFC3339))
		tellLink(w, r.Vertical, r.Changed, r.Dropped, r.Why, r.By)
	}
	if a := x.ResubmittedAs; a != nil {
		r := a.Resubmission
		fmt.Fprintf(w, "\n  resubmitted as lead %s at %s", r.Lead, a.At.UTC().Format(time.RFC3339))
		tellLink(w, r.Vertical, r.Changed, r.Dropped, a.Why, a.By)
	}
}

func tellLink(w io.Writer, vertical string, changed, dropped []string, why, by string) {
	if vertical != "" {
		fmt.Fprintf(w, ", of vertical %s", vertical)
	}
	if len(changed) > 0 {
		fmt.Fprintf(w, "; changed: %s", strings.Join(changed, ", "))
	}
	if len(dropped) > 0 {
		fmt.Fprintf(w, "; left out: %s", strings.Join(dropped, ", "))
	}
	fmt.Fprintf(w, ": %s", why)
	if by != "" {
		fmt.Fprintf(w, " (%s)", by)
	}
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("%dth", n)
}
