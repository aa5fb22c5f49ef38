// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

type explainCmd struct {
	target
	Lead  string `arg:"" optional:"" help:"The lead's id (ping_id), SOURCE:SELLER_LEAD_ID, an attempt's id, a buyer's REFERENCE, or CAMPAIGN:REFERENCE."`
	All   bool   `help:"Tell every reason for which a campaign was not asked, not the first alone."`
	JSON  bool   `help:"Print JSON; with --every one object a line."`
	Every bool   `help:"Compute every lead of the ledger again, and print what differs from the record."`
	Since string `help:"With --every: only leads that came at this time or later." placeholder:"TIME"`
}

// Validate implements kong's check of flags before the verb runs.
func (c *explainCmd) Validate() error {
	switch {
	case c.Every == (c.Lead != ""):
		return fmt.Errorf("expected a lead, or --every")
	case c.Since != "" && !c.Every:
		return fmt.Errorf("--since goes with --every")
	}
	return nil
}

// Help implements kong.HelpProvider.
func (explainCmd) Help() string {
	return `For one lead: each campaign in the order in which it was decided on: what it bid, why it did not win and by how much, or why it
was not asked; the exact posts and their answers, holds, money. All that was decided is computed again from the recorded inputs and the configuration of
that time; where that differs from the record it says DEFECT, and the exit code is 3. It shows
personal data of the lead; secrets are placeholders. A name of several leads is answered with their list. Buyers' references stand in no index: the
ledger is read from its newest events back, for at most 10 s.

Examples:
  clearpost explain 0193b2c4-0000-7000-8000-000000000000
  clearpost explain LS-256 --all                 # by what the buyer calls it; every reason of those that were not asked
  clearpost explain brightroof-fixed:BR-88       # where several buyers may use that name
  clearpost explain --every -d ./conf            # what of the whole ledger is not as its inputs come out, and totals
  clearpost explain --every --since 2026-01-31
  clearpost explain acme:their-lead-17 --json | jq '.campaigns[] | {campaign, verdict}'`
}

// Run explains.
func (c *explainCmd) Run(e *env) error {
	if c.Every {
		return c.every(e)
	}
	return c.with(e, func(o *ops) error {
		var x exchange.Explanation
		args := []string{"name", c.Lead}
		if c.All {
			args = append(args, "all", "true")
		}
		if err := o.call(e.ctx, "GET", "/v1/explain"+query(args...), nil, &x); err != nil {
			return err
		}
		if err := c.print(e, &x); err != nil {
			return err
		}
		if len(x.Defects) > 0 {
			return errDiffers
		}
		return nil
	})
}

func (c *explainCmd) print(e *env, x *exchange.Explanation) error {
	if c.JSON {
		return printJSON(e.out, x)
	}
	w := bufio.NewWriter(e.out)
	tell(w, x)
	tellCheck(w, x)
	return w.Flush()
}

// tellCheck says what came of computing all of it again.
func tellCheck(w io.Writer, x *exchange.Explanation) {
	fmt.Fprintln(w)
	for i := range x.Defects {
		fmt.Fprintf(w, "DEFECT: %s\n", &x.Defects[i])
	}
	for _, why := range x.Unchecked {
		fmt.Fprintf(w, "not computed again: %s\n", why)
	}
	if len(x.Defects)+len(x.Unchecked) == 0 {
		fmt.Fprintln(w, "computed again from its inputs: no difference")
	}
}

func tell(w io.Writer, x *exchange.Explanation) {
	fmt.Fprintf(w, "lead %s  %s from %s", x.Lead, x.Vertical, x.Source)
	if x.SellerLeadID != "" {
		fmt.Fprintf(w, " (their id %s)", x.SellerLeadID)
	}
	fmt.Fprintf(w, "\n  %s at %s, config %s", x.Mode, x.PingedAt.UTC().Format(time.RFC3339Nano), x.Config)
	if !x.SameConfig {
		fmt.Fprint(w, " (another one is in force now)")
	}
	if len(x.Others) > 0 {
		fmt.Fprintf(w, "\n  its seller has used that id for %d earlier leads: %s", len(x.Others), joinIDs(x.Others))
	}
	tellTest(w, x)
	tellResubmitted(w, x)
	fmt.Fprint(w, "\n  fields")
	for _, f := range x.Fields {
		fmt.Fprintf(w, " %s=%q", f.Name, f.Value)
	}
	for _, f := range x.Unfit {
		fmt.Fprintf(w, "\n  %s was left out, since it is not required and does not fit: %s", f.Name, f.Value)
	}
	for i, f := range x.Unknown {
		if i == 0 {
			fmt.Fprint(w, "\n  unknown, as sent")
		}
		fmt.Fprintf(w, " %q=%q", f.Name, f.Value)
	}
	switch x.Ping.Result {
	case lead.ResultSuccess:
		fmt.Fprintf(w, "\n\nping: quoted %s %s", x.Ping.Price, x.Currency)
		if x.Ping.ExpiresAt != nil {
			fmt.Fprintf(w, " until %s", x.Ping.ExpiresAt.UTC().Format(time.RFC3339))
		}
	default:
		fmt.Fprintf(w, "\n\nping: no quote (%s: %s)", x.Ping.Reason, x.Ping.Details)
	}
	tellLearned(w, x.Ping.Learned)
	fmt.Fprintln(w)
	who, verdict := 0, 0
	for _, c := range x.Campaigns {
		who, verdict = max(who, len(c.Campaign)+len(c.Buyer)+3), max(verdict, len(c.Verdict)+1)
	}
	for _, c := range x.Campaigns {
		tellCampaign(w, &c, who, verdict)
	}
	for i, a := range x.Attempts {
		tellAttempt(w, i+1, &a)
	}
	tellAnswer(w, x)
	tellWaiting(w, x.Waiting)
	for _, t := range x.Tried {
		fmt.Fprintf(w, "  not posted to %s: %s (%s)", t.Campaign, t.Refusal, t.Meaning)
		tellWhy(w, t.Why, t.Places)
	}
	fmt.Fprintf(w, "its seller hears now: %s\n\nevents\n", x.Now)
	for _, ev := range x.Events {
		fmt.Fprintf(w, "  %8d  %-8s  %s  %s\n", ev.Seq, ev.Kind, ev.At.UTC().Format(time.RFC3339Nano), ev.EventID)
	}
}

// tellAnswer says what a lead has come to.
func tellAnswer(w io.Writer, x *exchange.Explanation) {
	if s := x.Answer; s != nil {
		fmt.Fprintf(w, "\nanswer: %s", s.Result)
		if s.Reason != "" {
			fmt.Fprintf(w, " (%s, refusal %s: %s)", s.Reason, s.Refusal, s.Details)
		}
		fmt.Fprintf(w, "  payout %s  revenue %s  margin %s %s\n", s.Payout, s.Revenue, s.Revenue-s.Payout, x.Currency)
		if s.By != "" {
			fmt.Fprintf(w, "  it was taken off the queue: %s (%s)\n", s.Why, s.By)
		}
		for _, t := range s.TestSales {
			fmt.Fprintf(w, "  as a test: %s (%s)  price %s  payout %s %s, which nobody owes\n", t.Campaign, t.Buyer,
				t.Price, t.Payout, x.Currency)
		}
	}
}

// tellWaiting says for whom a lead waits; nil: it does not.
func tellWaiting(w io.Writer, s *ledger.Deferred) {
	if s != nil {
		fmt.Fprintf(w, "\nwaits since %s\n", s.Since.UTC().Format(time.RFC3339))
		for _, t := range s.Waits {
			fmt.Fprintf(w, "  for %s (%s): %s, %d attempts so far", t.Campaign, t.Buyer, t.Refusal, t.Attempts)
			if t.Quarantined {
				fmt.Fprint(w, ", in quarantine")
			}
			fmt.Fprintf(w, "; its turn is at %s, its time is over at %s\n", t.Due.UTC().Format(time.RFC3339),
				t.Until.UTC().Format(time.RFC3339))
		}
	}
}

func joinIDs(ids []lead.ID) string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return strings.Join(out, ", ")
}

// tellTest says that a lead is a test, and of which kind.
func tellTest(w io.Writer, x *exchange.Explanation) {
	switch {
	case !x.Test:
	case x.TestResult != "":
		fmt.Fprintf(w, "\n  a test, simulated: %s", x.TestResult)
	default:
		fmt.Fprint(w, "\n  a test, at the buyers' test endpoints")
	}
}

// tellCampaign tells of one campaign; who and verdict are the widths of its columns.
func tellCampaign(w io.Writer, c *exchange.CampaignStory, who, verdict int) {
	fmt.Fprintf(w, "  %-*s  %-*s", who, c.Campaign+" ("+c.Buyer+")", verdict, c.Verdict)
	if c.Price != 0 {
		fmt.Fprintf(w, " bid %s", c.Price)
	}
	if c.Rank > 0 {
		fmt.Fprintf(w, " rank %d", c.Rank)
	}
	if c.Tier != "" {
		fmt.Fprintf(w, " in tier %s", c.Tier)
	}
	if c.Fixed {
		fmt.Fprint(w, " list price")
	}
	if c.TookUS > 0 {
		fmt.Fprintf(w, " in %s", time.Duration(c.TookUS)*time.Microsecond)
	}
	if c.Value != 0 {
		fmt.Fprintf(w, " worth %s%s", c.Value, factorsText(c.Factors, c.LastResort))
	}
	for _, x := range c.Captures {
		fmt.Fprintf(w, " %s=%q", x.Name, x.Value)
	}
	lost := c.Lost
	if c.ShortBy > 0 {
		lost += fmt.Sprintf(" (by %s)", c.ShortBy)
	}
	for _, s := range []string{c.Meaning, c.Reason, lost} {
		if s != "" {
			fmt.Fprintf(w, " — %s", s)
		}
	}
	tellWhy(w, c.Why, c.Places)
	tellCaps(w, c.Caps)
	if c.Answer != "" {
		fmt.Fprintf(w, "      answered %q\n", c.Answer)
	}
}

// tellCaps tells how full the caps were.
func tellCaps(w io.Writer, caps []exchange.CapStory) {
	for i, c := range caps {
		between := ", "
		if i == 0 {
			between = "      caps then: "
		}
		used := exchange.CountText(c.Of, c.Used)
		if c.Used < 0 {
			used = "?"
		}
		name := c.Cap
		if c.Value != "" {
			name += "=" + c.Value
		}
		fmt.Fprintf(w, "%s%s %s of %s", between, name, used, exchange.CountText(c.Of, c.Limit))
	}
	if len(caps) > 0 {
		fmt.Fprintln(w)
	}
}

// tellWhy ends a line with the first reason and its place; each further one has a line of its own.
func tellWhy(w io.Writer, why, places []string) {
	for i, s := range why {
		if i > 0 {
			fmt.Fprint(w, "\n      and")
		}
		fmt.Fprintf(w, " — %s", s)
		if i < len(places) && places[i] != "" {
			fmt.Fprintf(w, " (%s)", places[i])
		}
	}
	fmt.Fprintln(w)
}

func tellAttempt(w io.Writer, n int, a *exchange.AttemptStory) {
	fmt.Fprintf(w, "\nattempt %d at %s (%s), %s: %s", n, a.Campaign, a.Buyer, a.At.UTC().Format(time.RFC3339Nano),
		a.Outcome)
	if a.Refusal != "" && a.Refusal != a.Outcome {
		fmt.Fprintf(w, " — %s", a.Refusal)
	}
	if a.Reason != "" {
		fmt.Fprintf(w, " — %q", a.Reason)
	}
	if a.Brand != "" {
		fmt.Fprintf(w, "\n  for %s", a.Brand)
	}
	if a.With != nil {
		fmt.Fprintf(w, "\n  in the request of %s", a.With)
	}
	if a.Round > 0 {
		fmt.Fprintf(w, "\n  at the same time as the others of round %d", a.Round)
	}
	fmt.Fprintf(w, "\n  id %s  bid %s", a.Attempt, a.PingPrice)
	if a.Outcome == lead.Accepted.String() {
		fmt.Fprintf(w, "  booked %s  payout %s", a.Booked, a.Payout)
	}
	if a.TookUS > 0 {
		fmt.Fprintf(w, "  took %s", time.Duration(a.TookUS)*time.Microsecond)
	}
	fmt.Fprintf(w, "  hold %s\n", a.HoldIs)
	for _, h := range a.Hold {
		fmt.Fprintf(w, "    %s of %s: %s\n", h.Cap, h.Window, exchange.CountText(h.Of, h.N))
	}
	if a.Reference != "" {
		fmt.Fprintf(w, "  reference %s\n", a.Reference)
	}
	if a.Resolved != "" {
		fmt.Fprintf(w, "  resolved: %s\n", a.Resolved)
	}
	for _, c := range a.Changes {
		printChange(w, &c)
	}
	for _, m := range []struct {
		arrow string
		body  *ledger.Body
	}{{">", a.Request}, {"<", a.Answer}} {
		if m.body == nil {
			continue
		}
		for line := range strings.Lines(m.body.Text) {
			fmt.Fprintf(w, "  %s %s\n", m.arrow, strings.TrimRight(line, "\r\n"))
		}
	}
}
