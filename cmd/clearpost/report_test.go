// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger/report"
)

func ppm(n int64) *int64 { return &n }

// Figures as people read them, and as a spreadsheet does.
func TestFiguresAsTextAndCSV(t *testing.T) {
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	median := 10*lead.Unit + 25*lead.Cent
	row := report.Row{Key: []string{"brightroof", ""}, Currency: "USD", Asked: 10, Answered: 8, Bids: 4,
		BidRate: ppm(400_000), Won: 2, WinRate: ppm(500_000), Posts: 2, Accepted: 1, AcceptRate: ppm(1_000_000),
		MedianBid: &median, PingTimes: &report.Times{P50: 12_000, P95: 35_500, P99: 40_100}, Unknown: 1,
		Revenue: 40 * lead.Unit, Payout: 32*lead.Unit + 500_000, Margin: 7*lead.Unit + 500_000}
	others := report.Row{Others: 3, Currency: "USD", Asked: 5}
	total := row
	total.Key, total.Asked = nil, 15
	f := &report.Figures{By: []string{"buyer", "state"}, Since: &since, Zone: "UTC", Rows: []report.Row{row, others},
		Totals: []report.Row{total}}
	var text, csv bytes.Buffer
	if err := figuresText(&text, f); err != nil {
		t.Fatal(err)
	}
	if err := figuresCSV(&csv, f); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(text.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	want := []string{"from 2026-11-01 00:00 on, UTC",
		"BUYER STATE CURRENCY ASKED ANSWERED BIDS BID RATE " +
			"MEDIAN BID WON WIN RATE POSTS ACCEPTED ACCEPT RATE REJECTED UNKNOWN " +
			"RETURNED REVENUE PAYOUT MARGIN",
		"brightroof - USD 10 8 4 40.0% 10.25 2 50.0% 2 1 100.0% 0 1 0 40.00 32.50 7.50",
		"(3 others) USD 5 0 0 0 0 0 0 0 0 0.00 0.00 0.00",
		"all USD 15 8 4 40.0% 10.25 2 50.0% 2 1 100.0% 0 1 0 40.00 32.50 7.50"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", &text)
	}
	if want := `buyer,state,currency,asked,answered,bids,bid_rate,median_bid,won,win_rate,posts,accepted,accept_rate,rejected,unknown,returned,` +
		"revenue,payout,margin,looked_at,capped,late,torn,listed,not_sent,paid,unpaid,return_rate,mean_bid," +
		"ping_p50_ms,ping_p95_ms,ping_p99_ms,post_p50_ms,post_p95_ms,post_p99_ms\n" +
		"brightroof,,USD,10,8,4,0.400,10.25," +
		"2,0.500,2,1,1.000,0,1,0,40.00,32.50,7.50,0,0,0,0,0,0,0,0,,,12.0,35.5,40.1,,,\n" +
		"(3 others),,USD,5,0,0,,,0,,0,0,,0,0,0,0.00,0.00,0.00,0,0,0,0,0,0,0,0,,,,,,,,\n"; csv.String() != want {
		t.Errorf("%s\nwant\n%s", &csv, want)
	}
	text.Reset()
	if err := figuresText(&text, &report.Figures{Zone: "UTC"}); err != nil || !strings.Contains(text.String(),
		"nothing happened then") {
		t.Errorf("of nothing: %s %v", &text, err)
	}
}
