// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger/report"
	"clearpost/loadtest/audit"
)

// demoCard is how one buyer did, in a line. Rates are in millionths; absent where nothing stands below the line.
type demoCard struct {
	Buyer      string `json:"buyer"`
	Asked      int64  `json:"asked"`
	BidRate    *int64 `json:"bid_rate_ppm,omitempty"`
	WinRate    *int64 `json:"win_rate_ppm,omitempty"`
	AcceptRate *int64 `json:"accept_rate_ppm,omitempty"`
	Sold       int64  `json:"sold"`
	Returned   int64  `json:"returned"`
	Credits    string `json:"credits"` // what came back for returns
	Paid       string `json:"paid"`
	Owes       string `json:"owes"` // below zero: it has paid beforehand
}

// demoBooks is the trial balance, held to what the auditor adds up.
type demoBooks struct {
	Accounts int      `json:"accounts"`
	Sum      string   `json:"sum"` // of all accounts: zero
	Differ   []string `json:"differ,omitempty"`
}

// money asks, as an operator does, for scorecards and books, and holds these to the auditor's accounts.
func (d *demo) money(s *demoSummary, rep *audit.Report) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s.Clerk = d.clerk.told
	o := &ops{base: d.clerk.ops.base, token: d.clerk.ops.token}
	defer o.http.CloseIdleConnections()
	if err := upToDate(&env{ctx: ctx, out: io.Discard, err: io.Discard}, o); err != nil {
		return err
	}
	var trial admin.Trial
	if err := o.call(ctx, "GET", "/v1/books", nil, &trial); err != nil {
		return err
	}
	s.Books = booksOf(trial.Accounts, rep.Accounts)
	var cards report.Scorecards
	q := url.Values{"since": {rfc3339(time.Now().Add(-7 * 24 * time.Hour))}}
	if err := o.call(ctx, "GET", "/v1/scorecards?"+q.Encode(), nil, &cards); err != nil {
		return err
	}
	for i := range cards.Cards {
		r := &cards.Cards[i].Figures
		c := demoCard{Buyer: cards.Cards[i].Buyer, Asked: r.Asked, BidRate: r.BidRate, WinRate: r.WinRate,
			AcceptRate: r.AcceptRate, Sold: r.Accepted, Returned: r.Returned}
		account := audit.Account{}
		if a := rep.Accounts["buyer:"+c.Buyer]; a != nil {
			account = *a
		}
		c.Credits, c.Paid, c.Owes = lead.Money(account.Back).String(), lead.Money(account.Paid).String(),
			lead.Money(account.Stands).String()
		s.Cards = append(s.Cards, c)
	}
	slices.SortFunc(s.Cards, func(a, b demoCard) int { return cmp.Compare(a.Buyer, b.Buyer) })
	return nil
}

// booksOf holds a trial balance to accounts that were added up without the journal. A source is owed what is below zero
// on its account.
func booksOf(trial []report.Balance, want map[string]*audit.Account) demoBooks {
	sum, got, out := lead.Money(0), map[string]int64{}, demoBooks{Accounts: len(trial)}
	for _, b := range trial {
		sum += b.Amount
		switch {
		case strings.HasPrefix(b.Account, "buyer:"):
			got[b.Account] += int64(b.Amount)
		case strings.HasPrefix(b.Account, "source:"):
			got[b.Account] -= int64(b.Amount)
		}
	}
	if out.Sum = sum.String(); sum != 0 {
		out.Differ = append(out.Differ, "the accounts add up to "+out.Sum)
	}
	for name, a := range want {
		if got[name] != a.Stands {
			out.Differ = append(out.Differ, fmt.Sprintf("%s: the journal has %s, the auditor %s", name,
				lead.Money(got[name]), lead.Money(a.Stands)))
		}
		delete(got, name)
	}
	for name, n := range got {
		if n != 0 {
			out.Differ = append(out.Differ, fmt.Sprintf("%s: the journal has %s, the auditor nothing", name,
				lead.Money(n)))
		}
	}
	slices.Sort(out.Differ)
	return out
}

// printMoney prints the scorecards and how the books stand.
func (s *demoSummary) printMoney(out io.Writer) error {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 8, 1, ' ', 0)
	fmt.Fprintln(w, "BUYER\tASKED\tBID RATE\tWIN RATE\tACCEPT RATE\tSOLD\tRETURNS\tCREDITED\tPAID\tOWES")
	for _, c := range s.Cards {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t$%s\t$%s\t$%s\n", plain(c.Buyer), c.Asked, rateText(c.BidRate, nil),
			rateText(c.WinRate, nil), rateText(c.AcceptRate, nil), c.Sold, c.Returned, c.Credits, c.Paid, c.Owes)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nreturns   %d asked for (%s); decided: %s; %d out of good will\n", s.Clerk.Asked,
		byName(s.Clerk.Answers), byName(s.Clerk.Decided), s.Clerk.Goodwill)
	fmt.Fprintf(out, "payments  %d of buyers, $%s; %d to sources, $%s\n", s.Clerk.Payments, lead.Money(s.Audited.Paid),
		s.Clerk.Payouts, lead.Money(s.Audited.PaidOut))
	for _, failed := range s.Clerk.Failed {
		fmt.Fprintf(out, "failed    %s\n", failed)
	}
	verdict := fmt.Sprintf("%d accounts add up to %s, and stand as the auditor adds them up", s.Books.Accounts,
		s.Books.Sum)
	if len(s.Books.Differ) > 0 {
		verdict = strings.Join(s.Books.Differ, "\n          ")
	}
	_, err := fmt.Fprintf(out, "books     %s\n", verdict)
	return err
}
