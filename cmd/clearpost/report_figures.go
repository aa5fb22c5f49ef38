// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"clearpost/lead"
	"clearpost/ledger/report"
)

type reportFiguresCmd struct {
	target
	By       []string `help:"Tell apart by: buyer, campaign, source, sub_id, vertical, state, refusal, bid_band, hour, day, month; several with commas." placeholder:"WHAT"`
	Buyer    string   `help:"Of this buyer only."`
	Campaign string   `help:"Of this campaign only."`
	Source   string   `help:"Of this source only."`
	Vertical string   `help:"Of this vertical only."`
	State    string   `help:"Of this state only, by its code." placeholder:"TX"`
	SubID    string   `help:"Of this sub_id only." placeholder:"ID"`
	times
	Compare bool `help:"Also as long a time before --since."`
	Limit   int  `help:"At most so many rows; what is beyond them is added up in one." default:"50"`
	JSON    bool `help:"Print one JSON object." xor:"as"`
	CSV     bool `name:"csv" help:"Print CSV." xor:"as"`
}

// Help implements kong.HelpProvider.
func (reportFiguresCmd) Help() string {
	return `Adds up what buyers were asked and answered, what was sold, and the money, over a range of time. Leads and bids count by the time of the
ping, attempts and what is booked for them by the time of the attempt, as they stand now: corrections change the past. Test leads are not in
it, and a lead that was offered anew counts once. Sums are kept by hours of UTC, so that the range is widened to whole ones. docs/how-to/report.md says what the columns are.

Examples:
  clearpost report --since 7d --zone America/New_York
  clearpost report --by buyer --since 2026-11-01 --until 2026-12-01 --zone America/New_York
  clearpost report --by source,sub_id --since 24h --csv > subs.csv
  clearpost report --by refusal --buyer brightroof --since 7d --compare
  clearpost report --by bid_band --since 30d
  clearpost report --by day --campaign brightroof-fixed --json | jq '.rows[] | [.key[0], .revenue_micros]'`
}

// Run prints figures.
func (c *reportFiguresCmd) Run(e *env) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	q := url.Values{"zone": {c.Zone}, "limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"by": strings.Join(c.By, ","), "buyer": c.Buyer, "campaign": c.Campaign,
		"source": c.Source, "vertical": c.Vertical, "state": c.State, "sub_id": c.SubID, "since": since,
		"until": until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if c.Compare {
		q.Set("compare", "true")
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		var f report.Figures
		if err := o.call(e.ctx, "GET", "/v1/report?"+q.Encode(), nil, &f); err != nil {
			return err
		}
		if f.Behind > 0 {
			fmt.Fprintf(e.err, "note: the last %d events are not counted yet\n", f.Behind)
		}
		switch {
		case c.JSON:
			return printJSON(e.out, f)
		case c.CSV:
			return figuresCSV(e.out, &f)
		}
		return figuresText(e.out, &f)
	})
}

// figure is a column of figures.
type figure struct {
	name  string // in CSV; in text as a heading
	value func(*report.Row) string
}

func count(name string, f func(*report.Row) int64) figure {
	return figure{name: name, value: func(r *report.Row) string { return strconv.FormatInt(f(r), 10) }}
}

func amountOf(name string, f func(*report.Row) lead.Money) figure {
	return figure{name: name, value: func(r *report.Row) string { return f(r).String() }}
}

func rate(name string, f func(*report.Row) *int64) figure {
	return figure{name: name, value: func(r *report.Row) string {
		p := f(r)
		if p == nil {
			return ""
		}
		return fmt.Sprintf("%d.%d%%", *p/10_000, *p/1000%10)
	}}
}

// figureColumns are all columns, in order.
func figureColumns(f *report.Figures) []figure {
	var out []figure
	if f.Leads {
		out = append(out, count("leads", func(r *report.Row) int64 { return r.Leads }),
			count("quoted", func(r *report.Row) int64 { return r.Quoted }),
			count("sold", func(r *report.Row) int64 { return r.Sold }))
	}
	return append(out, count("asked", func(r *report.Row) int64 { return r.Asked }),
		count("answered", func(r *report.Row) int64 { return r.Answered }),
		count("bids", func(r *report.Row) int64 { return r.Bids }),
		rate("bid_rate", func(r *report.Row) *int64 { return r.BidRate }),
		amountIf("median_bid", func(r *report.Row) *lead.Money { return r.MedianBid }),
		count("won", func(r *report.Row) int64 { return r.Won }),
		rate("win_rate", func(r *report.Row) *int64 { return r.WinRate }),
		count("posts", func(r *report.Row) int64 { return r.Posts }),
		count("accepted", func(r *report.Row) int64 { return r.Accepted }),
		rate("accept_rate", func(r *report.Row) *int64 { return r.AcceptRate }),
		count("rejected", func(r *report.Row) int64 { return r.Rejected }),
		count("unknown", func(r *report.Row) int64 { return r.Unknown }),
		count("returned", func(r *report.Row) int64 { return r.Returned }),
		amountOf("revenue", func(r *report.Row) lead.Money { return r.Revenue }),
		amountOf("payout", func(r *report.Row) lead.Money { return r.Payout }),
		amountOf("margin", func(r *report.Row) lead.Money { return r.Margin }))
}

// againColumns tell of leads that were offered anew.
func againColumns() []figure {
	return []figure{count("unsold", func(r *report.Row) int64 { return r.Unsold }),
		count("resubmitted", func(r *report.Row) int64 { return r.Resubmitted }),
		count("remediated", func(r *report.Row) int64 { return r.Remediated }),
		rate("remediation_rate", func(r *report.Row) *int64 { return r.RemediationRate })}
}

// moreColumns are those that text has no room for.
func moreColumns(f *report.Figures) (out []figure) {
	if f.Leads {
		out = againColumns()
	}
	return append(out, count("looked_at", func(r *report.Row) int64 { return r.Looked }),
		count("capped", func(r *report.Row) int64 { return r.Capped }),
		count("late", func(r *report.Row) int64 { return r.Late }),
		count("torn", func(r *report.Row) int64 { return r.Torn }),
		count("listed", func(r *report.Row) int64 { return r.Listed }),
		count("not_sent", func(r *report.Row) int64 { return r.NotSent }),
		count("paid", func(r *report.Row) int64 { return r.Paid }),
		count("unpaid", func(r *report.Row) int64 { return r.Unpaid }),
		rate("return_rate", func(r *report.Row) *int64 { return r.ReturnRate }),
		amountIf("mean_bid", func(r *report.Row) *lead.Money { return r.MeanBid }),
		took("ping_p50_ms", func(r *report.Row) *report.Times { return r.PingTimes }, func(t *report.Times) int64 {
			return t.P50
		}),
		took("ping_p95_ms", func(r *report.Row) *report.Times { return r.PingTimes }, func(t *report.Times) int64 {
			return t.P95
		}),
		took("ping_p99_ms", func(r *report.Row) *report.Times { return r.PingTimes }, func(t *report.Times) int64 {
			return t.P99
		}),
		took("post_p50_ms", func(r *report.Row) *report.Times { return r.PostTimes }, func(t *report.Times) int64 {
			return t.P50
		}),
		took("post_p95_ms", func(r *report.Row) *report.Times { return r.PostTimes }, func(t *report.Times) int64 {
			return t.P95
		}),
		took("post_p99_ms", func(r *report.Row) *report.Times { return r.PostTimes }, func(t *report.Times) int64 {
			return t.P99
		}))
}

// amountIf is a column of amounts that rows may not have.
func amountIf(name string, f func(*report.Row) *lead.Money) figure {
	return figure{name: name, value: func(r *report.Row) string {
		if m := f(r); m != nil {
			return m.String()
		}
		return ""
	}}
}

// took is a column of times in milliseconds.
func took(name string, of func(*report.Row) *report.Times, f func(*report.Times) int64) figure {
	return figure{name: name, value: func(r *report.Row) string {
		if t := of(r); t != nil {
			return fmt.Sprintf("%.1f", float64(f(t))/1000)
		}
		return ""
	}}
}

// keyOf is what a row is of, one text a column.
func keyOf(f *report.Figures, r *report.Row, total bool) []string {
	out := make([]string, len(f.By))
	switch {
	case total || r.Others > 0:
		if len(out) > 0 {
			out[0] = "all"
			if !total {
				out[0] = fmt.Sprintf("(%d others)", r.Others)
			}
		}
	default:
		for i := range out {
			if out[i] = plain(r.Key[i]); out[i] == "" {
				out[i] = "-"
			}
		}
	}
	return append(out, r.Currency)
}

func figuresText(to io.Writer, f *report.Figures) error {
	fmt.Fprintln(to, rangeText(f))
	if f.BeforeSince != nil {
		fmt.Fprintf(to, "before: from %s to %s\n", f.BeforeSince.Format(dayLayout), f.BeforeUntil.Format(dayLayout))
	}
	if f.BidsFrom != nil {
		fmt.Fprintf(to, "bids told apart so are kept from %s on\n", f.BidsFrom.Format(dayLayout))
	}
	if len(f.Totals) == 0 {
		_, err := fmt.Fprintln(to, "nothing happened then")
		return err
	}
	columns := figureColumns(f)
	if slices.ContainsFunc(f.Totals, func(r report.Row) bool { return r.Resubmitted > 0 }) {
		columns = append(columns, againColumns()...)
	}
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	var line func(key []string, r *report.Row)
	line = func(key []string, r *report.Row) {
		cells := key
		for _, c := range columns {
			cells = append(cells, c.value(r))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
		if r.Before != nil {
			key := make([]string, len(f.By)+1)
			key[len(f.By)] = "before"
			line(key, r.Before)
		}
	}
	head := []string{}
	for _, by := range append(append(head, f.By...), "currency") {
		fmt.Fprint(w, strings.ToUpper(by)+"\t")
	}
	for _, c := range columns {
		fmt.Fprint(w, strings.ToUpper(strings.ReplaceAll(c.name, "_", " "))+"\t")
	}
	fmt.Fprintln(w)
	for i := range f.Rows {
		if len(f.By) > 0 {
			line(keyOf(f, &f.Rows[i], false), &f.Rows[i])
		}
	}
	for i := range f.Totals {
		line(keyOf(f, &f.Totals[i], true), &f.Totals[i])
	}
	return w.Flush()
}

// rangeText says which time figures are of.
func rangeText(f *report.Figures) string {
	at := func(t *time.Time) string { return t.Format("2006-01-02 15:04") }
	switch {
	case f.Since != nil && f.Until != nil:
		return fmt.Sprintf("from %s to %s, %s", at(f.Since), at(f.Until), f.Zone)
	case f.Since != nil:
		return fmt.Sprintf("from %s on, %s", at(f.Since), f.Zone)
	case f.Until != nil:
		return fmt.Sprintf("up to %s, %s", at(f.Until), f.Zone)
	}
	return "all time, " + f.Zone
}

// figuresCSV prints rows without the totals: what adds up is left to who reads it. Rates are fractions, money is
// decimal.
func figuresCSV(to io.Writer, f *report.Figures) error {
	w := csv.NewWriter(to)
	columns := append(figureColumns(f), moreColumns(f)...)
	head := append(append([]string{}, f.By...), "currency")
	compared := f.BeforeSince != nil
	if compared {
		head = append(head, "period")
	}
	for _, c := range columns {
		head = append(head, c.name)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	write := func(key []string, r *report.Row) error {
		row := slices.Clone(key)
		for _, c := range columns {
			v := c.value(r)
			if p, ok := strings.CutSuffix(v, "%"); ok {
				v = fraction(p)
			}
			row = append(row, v)
		}
		return w.Write(row)
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		key := keyOf(f, r, false)
		if r.Others == 0 {
			copy(key, r.Key)
		}
		if !compared {
			if err := write(key, r); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(write(append(key, "now"), r), write(append(key, "before"), r.Before)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// fraction is a percentage with one decimal as a fraction with three.
func fraction(percent string) string {
	n, _ := strconv.Atoi(strings.Replace(percent, ".", "", 1)) // made by rate
	return fmt.Sprintf("%d.%03d", n/1000, n%1000)
}
