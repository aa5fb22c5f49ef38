// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"clearpost/ledger/report"
)

type reportScorecardCmd struct {
	target
	Buyer string `arg:"" optional:"" help:"Of this buyer; absent: of all, those first that paid most."`
	times
	JSON bool `help:"Print one JSON object."`
}

// Help implements kong.HelpProvider.
func (reportScorecardCmd) Help() string {
	return `Shows how buyers did, beside as long a time before: what they paid, bid and took, how quick they were, why they refused leads, and what
to change about it, with what that is worth. Without --since it is of the last seven days. docs/how-to/report.md says how it is reckoned.

Examples:
  clearpost report scorecard
  clearpost report scorecard brightroof --since 2026-11-01 --until 2026-12-01 --zone America/New_York`
}

// Run prints scorecards.
func (c *reportScorecardCmd) Run(e *env) error {
	q, err := c.week()
	if err != nil {
		return err
	}
	if c.Buyer != "" {
		q.Set("buyer", c.Buyer)
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		var s report.Scorecards
		if err := o.call(e.ctx, "GET", "/v1/scorecards?"+q.Encode(), nil, &s); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.out, s)
		}
		if s.Behind > 0 {
			fmt.Fprintf(e.err, "note: the last %d events are not counted yet\n", s.Behind)
		}
		return scorecardsText(e.out, &s)
	})
}

// week is the range as parameters: the last seven days where none is given.
func (t *times) week() (url.Values, error) {
	if t.Since == "" {
		t.Since = "7d"
	}
	since, until, err := t.span()
	q := url.Values{"zone": {t.Zone}, "since": {since}}
	if until != "" {
		q.Set("until", until)
	}
	return q, err
}

const dayLayout = "2006-01-02 15:04"

func scorecardsText(to io.Writer, s *report.Scorecards) error {
	fmt.Fprintf(to, "from %s to %s, beside the time from %s on, %s\n", s.Since.Format(dayLayout),
		s.Until.Format(dayLayout), s.BeforeSince.Format(dayLayout), s.Zone)
	if len(s.Cards) == 0 {
		_, err := fmt.Fprintln(to, "nothing happened then")
		return err
	}
	for i := range s.Cards {
		c := &s.Cards[i]
		r, was := &c.Figures, c.Figures.Before
		fmt.Fprintf(to, "\n%s (%s)\n", plain(c.Buyer), c.Currency)
		line := func(name, text string) { fmt.Fprintf(to, "  %-12s%s\n", name, text) }
		line("revenue", fmt.Sprintf("%s%s, margin %s%s%s", r.Revenue, changed(int64(r.Revenue), int64(was.Revenue)),
			r.Margin, changed(int64(r.Margin), int64(was.Margin)), shareText(c.RevenueShare)))
		line("asked", fmt.Sprintf("%d, bid on %s, %d kept back by caps, %d late, %d torn", r.Asked, rateText(r.BidRate,
			was.BidRate), r.Capped, r.Late, r.Torn))
		if r.MeanBid != nil {
			bids := fmt.Sprintf("%d, mean %s", r.Bids, r.MeanBid)
			if r.MedianBid != nil {
				bids += ", median " + r.MedianBid.String()
			}
			line("bids", bids+", won "+rateText(r.WinRate, was.WinRate))
		}
		line("posts", fmt.Sprintf("%d, accepted %s, %d unknown, %d returned", r.Posts, rateText(r.AcceptRate,
			was.AcceptRate), r.Unknown, r.Returned))
		if times := timesText(r.PingTimes); times != "" {
			line("pings take", times)
		}
		if times := timesText(r.PostTimes); times != "" {
			line("posts take", times)
		}
		for _, text := range findings(c) {
			line("", "- "+plain(text))
		}
	}
	return nil
}

// findingsMax is how many kinds of refusals of one buyer are told in words.
const findingsMax = 5

// findings are what is to be said of a buyer's refusals: the most frequent ones of posts, and of pings those that
// something can be done about.
func findings(c *report.Scorecard) (out []string) {
	for i := range min(len(c.Posts), findingsMax) {
		if c.Posts[i].N > 0 {
			out = append(out, c.Posts[i].Text(c.Buyer, c.Currency, true))
		}
	}
	for i := range c.Pings {
		if c.Pings[i].Advice != "" && len(out) < 2*findingsMax {
			out = append(out, c.Pings[i].Text(c.Buyer, c.Currency, false))
		}
	}
	return out
}

// changed is how much a number has changed, in words; "" where it cannot be said.
func changed(now, was int64) string {
	if was <= 0 {
		return ""
	}
	p := (now - was) * 100 / was
	return fmt.Sprintf(" (%+d %%)", p)
}

func shareText(share *int64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf(", %d %% of all", (*share+5000)/10_000)
}

// rateText is a rate, and what it was.
func rateText(now, was *int64) string {
	text := func(p *int64) string { return fmt.Sprintf("%d.%d %%", *p/10_000, *p/1000%10) }
	switch {
	case now == nil:
		return "-"
	case was == nil:
		return text(now)
	}
	return text(now) + " (was " + text(was) + ")"
}

func timesText(t *report.Times) string {
	if t == nil {
		return ""
	}
	ms := func(us int64) string {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(us)/1000), ".0") + " ms"
	}
	return fmt.Sprintf("%s, one in twenty %s, one in a hundred %s or more", ms(t.P50), ms(t.P95), ms(t.P99))
}
