// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

type reportCmd struct {
	Figures   reportFiguresCmd   `cmd:"" default:"withargs" help:"Add up what was asked, sold and earned."`
	Scorecard reportScorecardCmd `cmd:"" help:"Show how buyers did, why they refused leads, and what to change."`
	Page      reportPageCmd      `cmd:"" help:"Print an HTML page with charts."`
	Caps      reportCapsCmd      `cmd:"" help:"Show how much of caps was used over a time."`
	Rebuild   reportRebuildCmd   `cmd:"" help:"Make what find and report read anew from the ledger."`
	Status    reportStatusCmd    `cmd:"" help:"Show how far what find and report read is."`
	Returned  reportReturnedCmd  `cmd:"" help:"Tell that sales were returned. It teaches, and books nothing."`
	Paid      reportPaidCmd      `cmd:"" help:"Tell that sales were paid. It teaches, and books nothing."`
	Unpaid    reportUnpaidCmd    `cmd:"" help:"Tell that sales will not be paid. It teaches, and books nothing."`
}

// Help implements kong.HelpProvider.
func (reportCmd) Help() string {
	return `Examples:
  clearpost report --by buyer --since 7d --zone America/New_York
  clearpost report scorecard brightroof --since 30d
  clearpost report page --since 30d > month.html
  clearpost report status
  clearpost report rebuild
  clearpost report returned brightroof-fixed:BR-88 --why "wrong number, their mail of 3 March"`
}

// fate is what the verbs that report a fate have in common.
type fate struct {
	target
	Name []string `arg:"" help:"Sales: a lead's or an attempt's id, SOURCE:SELLER_LEAD_ID, the buyer's REFERENCE or CAMPAIGN:REFERENCE, each leading to one sale."`
	Why  string   `required:"" help:"How this is known, kept in the ledger." placeholder:"TEXT"`
}

type (
	reportReturnedCmd struct{ fate }
	reportPaidCmd     struct{ fate }
	reportUnpaidCmd   struct{ fate }
)

// Help implements kong.HelpProvider.
func (fate) Help() string {
	return `Writes into the ledger what became of sales, so that verticals with learned_value learn from it what a buyer's bids are worth. Nothing is
booked, no place under a cap becomes free, and nobody is told. A sale is given back once, and paid or not paid once. The first one that
cannot be reported ends the verb: those before it stand.

Examples:
  clearpost report returned brightroof-fixed:BR-88 --why "wrong number, their mail of 3 March"
  xargs -a unpaid.txt clearpost report unpaid --why "invoice 2026-12, 90 days over"`
}

// Run reports.
func (c *reportReturnedCmd) Run(e *env) error { return c.report(e, ledger.FateReturned) }

// Run reports.
func (c *reportPaidCmd) Run(e *env) error { return c.report(e, ledger.FatePaid) }

// Run reports.
func (c *reportUnpaidCmd) Run(e *env) error { return c.report(e, ledger.FateUnpaid) }

func (c *fate) report(e *env, what string) error {
	return c.change(e, func(o *ops) error {
		for _, name := range c.Name {
			var got ledger.Adjusted
			in := admin.ReportIn{Name: name, Fate: what, Why: c.Why, By: whoami()}
			if err := o.call(e.ctx, "POST", "/v1/report", in, &got); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(e.out, "the sale of lead %s to %s is %s\n", got.Lead, got.Buyer, got.Fate)
		}
		return nil
	})
}

type reportRebuildCmd struct {
	target
	Loses bool `help:"Also where the ledger no longer has all events that the view has: what they told is lost."`
}

// Help implements kong.HelpProvider.
func (reportRebuildCmd) Help() string {
	return `What find, report and sql read is a view of the ledger. This makes it anew, beside the one that is there, which answers until the new one has
all that the ledger has. A running exchange takes its time for it (limits.report_cpu_percent); the rebuild goes on if this verb is ended.

Examples:
  clearpost report rebuild -d /etc/clearpost`
}

// Run waits until it is done.
func (c *reportRebuildCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		progress, end := ledgerProgress(e.err)
		defer end()
		var s report.Status
		err := o.call(e.ctx, "POST", "/v1/view/rebuild", admin.Rebuild{Loses: c.Loses}, &s)
		for err == nil && s.Rebuilds {
			if progress != nil {
				progress("rebuild", s.Done, max(s.Of, 1))
			}
			select {
			case <-time.After(rebuildLook):
				err = o.call(e.ctx, "GET", "/v1/view", nil, &s)
			case <-e.ctx.Done():
				err = fmt.Errorf("the rebuild goes on: %w", e.ctx.Err())
			}
		}
		switch end(); {
		case err != nil:
			return err
		case s.NotRebuilt != "":
			return errors.New(s.NotRebuilt)
		}
		_, err = fmt.Fprintf(e.out, "made anew: events %d to %d, %d MiB\n", s.FromSeq, s.UpToSeq, s.Bytes>>20)
		return err
	})
}

// rebuildLook is how often a rebuild under way is looked at.
const rebuildLook = 300 * time.Millisecond

type reportStatusCmd struct {
	target
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (reportStatusCmd) Help() string {
	return `Shows up to which event of the ledger find, report and sql read, what they lack, and where their database stands.

Examples:
  clearpost report status`
}

// Run prints it.
func (c *reportStatusCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		var s report.Status
		if err := o.call(e.ctx, "GET", "/v1/view", nil, &s); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, s)
		}
		w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
		fmt.Fprintf(w, "database\t%s, version %d, %d MiB\n", s.Path, s.Schema, s.Bytes>>20)
		fmt.Fprintf(w, "events\t%d to %d, %d behind\n", s.FromSeq, s.UpToSeq, s.Behind)
		if lacks := lacksOf(&s); lacks != "" {
			fmt.Fprintf(w, "lacks\t%s\n", lacks)
		}
		if s.Rebuilds {
			fmt.Fprintf(w, "rebuild\t%d of %d events\n", s.Done, s.Of)
		}
		if s.Error != "" {
			fmt.Fprintf(w, "error\t%s\n", s.Error)
		}
		return w.Flush()
	})
}

// lacksOf says what of the ledger's past the view does not have, "" if it has all.
func lacksOf(s *report.Status) string {
	var out []string
	if s.FromSeq > 1 {
		out = append(out, fmt.Sprintf("what came before event %d", s.FromSeq))
	}
	if s.Missed > 0 {
		out = append(out, fmt.Sprintf("%d events that the ledger dropped too early", s.Missed))
	}
	if s.Unread > 0 {
		out = append(out, fmt.Sprintf("%d events that could not be read", s.Unread))
	}
	return strings.Join(out, ", ")
}

// upToDate has the view of an exchange take what the ledger has. One that runs is behind for a moment at most, unless
// it is overloaded; beside none, all that has come since has to be read.
func upToDate(e *env, o *ops) error {
	progress, end := ledgerProgress(e.err)
	defer end()
	from := uint64(0)
	for {
		var s report.Status
		if err := o.call(e.ctx, "POST", "/v1/view/catch-up", struct{}{}, &s); err != nil {
			return err
		}
		switch {
		case s.Behind == 0 || !o.offline && s.Error == "":
			return nil
		case s.Error != "":
			return errors.New(s.Error)
		case from == 0:
			from = s.UpToSeq
		}
		if progress != nil {
			progress("reading events", s.UpToSeq-from, s.UpToSeq+s.Behind-from)
		}
	}
}
