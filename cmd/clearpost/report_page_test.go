// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/ledger/report"
)

// The page loads nothing, shows what stands in its figures, and takes no seller's text for its own.
func TestReportPage(t *testing.T) {
	row := func(key string, revenue lead.Money) report.Row {
		return report.Row{Key: []string{key}, Currency: "USD", Asked: 10, Bids: 4, BidRate: ppm(400_000), Posts: 5,
			Accepted:   3,
			AcceptRate: ppm(600_000), Revenue: revenue, Margin: revenue / 5,
			Before: &report.Row{Revenue: 40 * lead.Unit}}
	}
	days := &report.Figures{By: []string{"day"}, Rows: []report.Row{row("2026-11-01", 80*lead.Unit),
		row("2026-11-02", 20*lead.Unit)}, Totals: []report.Row{row("", 100*lead.Unit)}}
	bad := `<script>alert("x")</script>`
	refused := &report.Figures{Rows: []report.Row{row(bad, 0), row("", 0)}}
	p := sheet{Title: "November", Totals: days.Totals, Days: dayCharts(days), Buyers: []report.Row{row(bad,
		50*lead.Unit)},
		Refusals: refusalBars(refused), Bands: bandBars(&report.Figures{Rows: []report.Row{row("10 to 15", 0)}}),
		Cards: []report.Scorecard{{Buyer: bad, Currency: "USD", Figures: row(bad, 50*lead.Unit),
			Posts: []report.Refusals{
				{Refusal: "invalid_phone", N: 412, Share: 380_000, Before: 9, ShareBefore: 90_000,
					Advice: "require it"}}}}}
	var out bytes.Buffer
	if err := reportPageTemplate.Execute(&out, &p); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"November", "100.00 USD", "&#43;150 %", "highest day: 80.00 USD",
		"2026-11-01: revenue 80.00",
		"412 refused as invalid_phone", "38 % of its refusals, up from 9 %: require it", "10 to 15 USD"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	for _, no := range []string{"<script", "http:", "https:", "src=", "@import", "url("} {
		if strings.Contains(text, no) {
			t.Errorf("it has %q", no)
		}
	}
	if c := p.Days[0].Columns; len(c) != 2 || c[0].Height != chartHeight || c[1].Height != chartHeight/4 ||
		c[0].Margin !=
			chartHeight/5 || c[1].X <= c[0].X {
		t.Errorf("columns %+v", c)
	}
	if len(p.Refusals) != 1 || p.Refusals[0].Percent != 100 {
		t.Errorf("refusals %+v", p.Refusals)
	}
}
