// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/books/paper"
	"clearpost/ledger/report"
)

// file prints the books for another program.
func (c *booksCmd) file(e *env) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return fmt.Errorf("--zone %s: expected a zone such as America/New_York", c.Zone)
	}
	var from, to time.Time
	for i, at := range [...]*time.Time{&from, &to} {
		day := [...]string{c.From, c.To}[i]
		if day == "" {
			continue
		}
		if *at, err = time.ParseInLocation(time.DateOnly, day, zone); err != nil {
			return fmt.Errorf("%s %s: expected a day such as 2026-10-01", [...]string{"--from", "--to"}[i], day)
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return fmt.Errorf("--to %s: expected a day after %s", c.To, c.From)
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		var got report.Bookings
		q := query("since", rfc3339(from), "until", rfc3339(to), "zone", c.Zone)
		if err := o.call(e.ctx, "GET", "/v1/bookings"+q, nil, &got); err != nil {
			return err
		}
		if to.IsZero() { // a balance is that of a morning
			to = time.Now().In(zone).AddDate(0, 0, 1)
		}
		j := &paper.Journal{From: c.From, To: to.Format(time.DateOnly)}
		if j.From == "" {
			j.From = j.To
			if len(got.Bookings) > 0 {
				j.From = got.Bookings[0].Day
			}
		}
		for _, b := range got.Bookings {
			what := map[string]string{"sale": "leads sold", "correction": "corrections", "return": "returns"}[b.Kind]
			if b.Kind == "payment" && slices.ContainsFunc(b.Amounts, ofSource) {
				what = "payout"
			}
			j.Entries = append(j.Entries, paper.Entry{Day: b.Day, What: cmp.Or(what, b.Kind), Ref: b.Note,
				Postings: postings(b.Amounts)})
		}
		if c.Opening {
			j.Opening = postings(got.Opening)
		}
		if c.Opening || c.From == "" {
			j.Closing = postings(got.Closing)
		}
		if c.Beancount {
			return paper.Beancount(e.out, j)
		}
		return paper.HLedger(e.out, j)
	})
}

// ofSource tells whether an amount is on the account of a source.
func ofSource(b report.Balance) bool { return strings.HasPrefix(b.Account, "source:") }

// postings are amounts on accounts.
func postings(list []report.Balance) (out []paper.Posting) {
	for _, b := range list {
		out = append(out, paper.Posting{Account: b.Account, Currency: b.Currency, Amount: b.Amount})
	}
	return out
}
