// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"clearpost/exchange/intake"
)

// madeUpBooks are books without a view of the ledger: what they tell hangs on what is asked.
var madeUpBooks = intake.Books{
	Statement: func(_ context.Context, source string, q *intake.StatementAsk) (*intake.SourceStatement, error) {
		switch {
		case q.Number == "away":
			return nil, errors.New("the disk is full")
		case q.Number == "none":
			return nil, intake.ErrNoStatement
		case q.Month == "2026-13":
			return nil, &intake.BadAsk{What: "month", Expected: "another"}
		}
		at := time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC)
		return &intake.SourceStatement{Source: source, Number: q.Number, IssuedAt: &at, Since: at, Until: at,
			Zone:   "UTC",
			Issued: []string{"PAY-0001"}, Sums: []intake.SourceSum{{Currency: "USD", Opening: 5, Closing: -7_000_000}},
			Lines: []intake.SourceLine{{At: at, Kind: "sale", Amount: 20_000_000, Currency: "USD", LeadID: "x",
				SellerLeadID: "A-1", Ref: "w", Corrects: "PAY-0000"}}, Next: "12.3"}, nil
	},
	Report: func(_ context.Context, source string, q *intake.ReportAsk) (*intake.SourceReport, error) {
		if q.Vertical == "away" {
			return nil, intake.ErrNoBooks
		}
		row := intake.SourceRow{Key: []string{}, Currency: "USD", Leads: 1, Payout: 1_500_000}
		return &intake.SourceReport{Source: source, By: append([]string{}, q.By...), Since: &q.Since, Zone: "UTC",
			Rows: []intake.SourceRow{row}, Totals: []intake.SourceRow{row}}, nil
	},
}

// accounts brings what a source reads of its account to its statuses.
func (d *openDoors) accounts() {
	d.house.t.Helper()
	const statement, report = "/v1/statement", "/v1/report"
	for i, c := range []struct {
		pattern, query string
		status         int
		says           string
	}{
		{statement, "month=2026-10", 200, `"source":"own-main"`},
		{statement, "number=PAY-0001&limit=1000", 200, `"closing":-7.00`},
		{statement, "since=2026-10-01T00:00:00Z&until=2026-11-01T00:00:00Z&zone=Europe/Berlin&after=12.3", 200,
			`"next":"12.3"`},
		{statement, "number=none", 404, "no statement of yours"},
		{statement, "number=away", 503, "cannot be read now"},
		{statement, "month=2026-13", 400, "month: expected another"},
		{statement, "", 400, "one of number, month, and since with until"},
		{statement, "month=2026-10&number=PAY-0001", 400, "one of number"},
		{statement, "since=2026-10-01T00:00:00Z", 400, "since with until"},
		{report, "by=day,vertical&since=2026-10-01T00:00:00Z", 200, `"payout":1.50`},
		{report, "by=buyer", 400, "each once of vertical"},
		{report, "by=day,day", 400, "each once of vertical"},
		{report, "since=yesterday", 400, "a time such as"},
		{report, "zone=EST", 400, "zone such as"},
		{report, "limit=1001", 400, "1 to 1000"},
		{report, "buyer=b", 400, "a parameter that there is"},
		{report, "limit=5&limit=6", 400, "it once"},
		{report, "since=2026-10-02T00:00:00Z&until=2026-10-01T00:00:00Z", 400, "a time after since"},
		{report, "vertical=away", 503, "cannot be read now"},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			d.house.t.Fatal(err)
		}
		// each may read ten times at once
		source := []string{"main", "post", "paused"}[i%3]
		status, text := d.make(call{pattern: c.pattern, method: "GET", values: values, source: source})
		if status != c.status || !strings.Contains(text, c.says) {
			d.house.t.Errorf("%s?%s: %d %s, want %d and %s", c.pattern, c.query, status, text, c.status, c.says)
		}
	}
	for _, pattern := range []string{statement, report} {
		do := func(c call) {
			d.house.t.Helper()
			c.pattern, c.method = pattern, "GET"
			d.make(c)
		}
		do(call{header: []string{"X-Api-Key: nobody-key-0123456789"}})
		do(call{header: []string{"X-Api-Key: b-key-0123456789"}}) // a buyer's
		do(call{send: "DELETE"})
		do(call{source: "slow"})
		for range 30 {
			if status, _ := d.make(call{pattern: pattern, method: "GET",
				values: url.Values{"month": {"2026-10"}}}); status ==
				429 {
				break
			}
		}
	}
}
