// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/ledger/report"
)

type reportPageCmd struct {
	target
	Buyer    string `help:"Of this buyer only."`
	Source   string `help:"Of this source only."`
	Vertical string `help:"Of this vertical only."`
	times
	Title string `help:"Heading." default:"Leads bought and sold"`
}

// Help implements kong.HelpProvider.
func (reportPageCmd) Help() string {
	return `Prints one HTML page with charts, to be read on a screen, a phone or paper, or to be sent: it loads nothing and has no script. Money by day,
buyers, sources, bands of bids, reasons of refusals with their trend, and a scorecard of each buyer with what to change, beside as long a
time before. Without --since it is of the last seven days.

Examples:
  clearpost report page --since 2026-11-01 --until 2026-12-01 --zone America/New_York > november.html
  clearpost report page --buyer brightroof --since 30d > brightroof.html`
}

//go:embed report_page.html
var reportPage string

var reportPageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"rate": func(p *int64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf("%d.%d %%", *p/10_000, *p/1000%10)
}, "change": changeOf, "ms": func(t *report.Times) string {
	if t == nil {
		return "–"
	}
	return fmt.Sprintf("%d / %d / %d", t.P50/1000, t.P95/1000, t.P99/1000)
}, "findings": findings, "name": func(r *report.Row) string {
	if r.Others > 0 {
		return fmt.Sprintf("%d others", r.Others)
	}
	if name := strings.Join(r.Key, ", "); name != "" {
		return name
	}
	return "none"
}}).Parse(reportPage))

// sheet is what the template shows.
type sheet struct {
	Title, Range, Compared string
	Totals                 []report.Row
	Days                   []chart
	Buyers, Sources        []report.Row
	Bands                  []bar
	Refusals               []bar
	Cards                  []report.Scorecard
	Behind                 uint64
}

// Rows of each table and bars of each chart.
const (
	pageRows = 20
	pageBars = 12
	pageDays = 400
)

// Run prints the page.
func (c *reportPageCmd) Run(e *env) error {
	q, err := c.week()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"buyer": c.Buyer, "source": c.Source, "vertical": c.Vertical} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		p := sheet{Title: c.Title}
		if err := p.gather(e, o, q, c); err != nil {
			return err
		}
		var out bytes.Buffer
		if err := reportPageTemplate.Execute(&out, &p); err != nil {
			return err
		}
		_, err := e.out.Write(out.Bytes())
		return err
	})
}

// gather asks for what the page shows.
func (p *sheet) gather(e *env, o *ops, q url.Values, c *reportPageCmd) error {
	figures := func(by string, limit int, compare bool) (f report.Figures, err error) {
		one := url.Values{"by": {by}, "limit": {strconv.Itoa(limit)}}
		for k, v := range q {
			one[k] = v
		}
		if compare {
			one.Set("compare", "true")
		}
		return f, o.call(e.ctx, "GET", "/v1/report?"+one.Encode(), nil, &f)
	}
	all, err := figures("", 1, true)
	if err != nil {
		return err
	}
	p.Totals, p.Behind, p.Range = all.Totals, all.Behind, rangeText(&all)
	p.Compared = fmt.Sprintf("from %s to %s", all.BeforeSince.Format(dayLayout), all.BeforeUntil.Format(dayLayout))
	for _, one := range []struct {
		by      string
		limit   int
		compare bool
		take    func(*report.Figures)
	}{{"day", pageDays, false, func(f *report.Figures) { p.Days = dayCharts(f) }},
		{"buyer", pageRows, true, func(f *report.Figures) { p.Buyers = f.Rows }},
		{"source", pageRows, true, func(f *report.Figures) { p.Sources = f.Rows }},
		{"bid_band", pageRows, false, func(f *report.Figures) { p.Bands = bandBars(f) }},
		{"refusal", report.RowsMax, true, func(f *report.Figures) { p.Refusals = refusalBars(f) }}} {
		f, err := figures(one.by, one.limit, one.compare)
		if err != nil {
			return err
		}
		one.take(&f)
	}
	if c.Source != "" || c.Vertical != "" {
		return nil // scorecards are of buyers as a whole
	}
	q = url.Values{"since": q["since"], "until": q["until"], "zone": q["zone"], "buyer": q["buyer"]}
	for k, v := range q {
		if len(v) == 0 {
			q.Del(k)
		}
	}
	var s report.Scorecards
	if err := o.call(e.ctx, "GET", "/v1/scorecards?"+q.Encode(), nil, &s); err != nil {
		return err
	}
	p.Cards = s.Cards[:min(len(s.Cards), pageRows)]
	return nil
}

// chart is a chart of columns, in units of its drawing.
type chart struct {
	Currency    string
	Columns     []column
	Top         string // the highest revenue
	First, Last string // days
	Used        int    // of its width, in percent
}

type column struct {
	X, Width          float64
	Y, Height         int // revenue
	Margin, MarginTop int
	Title             string
}

// Units of a chart's drawing.
const (
	chartHeight = 160
	chartWidth  = 720
	chartDays   = 7 // for which there is room at least
)

// dayCharts are revenue and margin by day, one chart a currency.
func dayCharts(f *report.Figures) (out []chart) {
	for i := range f.Totals {
		currency := f.Totals[i].Currency
		var rows []*report.Row
		var most lead.Money = 1
		for j := range f.Rows {
			if r := &f.Rows[j]; r.Currency == currency && r.Others == 0 {
				rows, most = append(rows, r), max(most, r.Revenue)
			}
		}
		if len(rows) == 0 || most == 1 {
			continue
		}
		c := chart{Currency: currency, Top: most.RoundCents().String(), First: rows[0].Key[0],
			Last: rows[len(rows)-1].Key[0], Used: 100 * len(rows) / max(len(rows), chartDays)}
		step := float64(chartWidth) / float64(max(len(rows), chartDays))
		for j, r := range rows {
			height := int(int64(r.Revenue) * chartHeight / int64(most))
			margin := int(max(int64(r.Margin), 0) * chartHeight / int64(most))
			c.Columns = append(c.Columns, column{X: step * float64(j), Width: step * 0.85, Y: chartHeight - height,
				Height: height, Margin: margin, MarginTop: chartHeight - margin,
				Title: fmt.Sprintf("%s: revenue %s, margin %s, %d sold", r.Key[0], r.Revenue, r.Margin, r.Accepted)})
		}
		out = append(out, c)
	}
	return out
}

// bar is a bar of a chart of bars, in percent of the longest.
type bar struct {
	Name, Text string
	Percent    int64
	Before     int64
}

func bandBars(f *report.Figures) (out []bar) {
	var most int64 = 1
	for i := range f.Rows {
		if f.Rows[i].Key != nil && f.Rows[i].Key[0] != "" {
			most = max(most, f.Rows[i].Bids)
		}
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Key == nil || r.Key[0] == "" {
			continue
		}
		out = append(out, bar{Name: r.Key[0] + " " + r.Currency, Percent: r.Bids * 100 / most,
			Text: fmt.Sprintf("%d, won %s, taken %s", r.Bids, rateText(r.WinRate, nil), rateText(r.AcceptRate,
				nil))})
	}
	return out
}

// refusalBars are the reasons why posts were refused, and how often they were before.
func refusalBars(f *report.Figures) (out []bar) {
	n := map[string][2]int64{}
	var names []string
	var most int64 = 1
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Key == nil || r.Key[0] == "" || r.Posts-r.Accepted+r.Before.Posts-r.Before.Accepted == 0 {
			continue
		}
		if _, ok := n[r.Key[0]]; !ok {
			names = append(names, r.Key[0])
		}
		was := n[r.Key[0]]
		n[r.Key[0]] = [2]int64{was[0] + r.Posts - r.Accepted, was[1] + r.Before.Posts - r.Before.Accepted}
		most = max(most, n[r.Key[0]][0], n[r.Key[0]][1])
	}
	for _, name := range names {
		out = append(out, bar{Name: name, Percent: n[name][0] * 100 / most, Before: n[name][1] * 100 / most,
			Text: fmt.Sprintf("%d, before %d", n[name][0], n[name][1])})
	}
	slices.SortStableFunc(out, func(a, b bar) int { return cmp.Compare(b.Percent, a.Percent) })
	return out[:min(len(out), pageBars)]
}

// changeOf is how much has changed, as a cell shows it.
func changeOf(now, was any) string {
	number := func(v any) int64 {
		switch v := v.(type) {
		case lead.Money:
			return int64(v)
		case int64:
			return v
		}
		return 0
	}
	return strings.Trim(changed(number(now), number(was)), " ()")
}
