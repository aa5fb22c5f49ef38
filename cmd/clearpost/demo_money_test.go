// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger/report"
	"clearpost/loadtest/audit"
)

// What the journal has and the auditor has not, or otherwise, is told.
func TestBooksAreHeldToTheAuditor(t *testing.T) {
	const unit = int64(lead.Unit)
	accounts := func() map[string]*audit.Account {
		return map[string]*audit.Account{"buyer:b": {Stands: 30 * unit}, "source:s": {Stands: 20 * unit},
			"buyer:square": {Sold: 5 * unit, Paid: 5 * unit}}
	}
	good := []report.Balance{{Account: "buyer:b", Amount: 30 * lead.Unit},
		{Account: "source:s", Amount: -20 * lead.Unit},
		{Account: "house:sales", Amount: -30 * lead.Unit}, {Account: "house:payouts", Amount: 20 * lead.Unit}}
	for _, c := range []struct {
		what string
		edit func([]report.Balance, map[string]*audit.Account)
		want string
	}{
		{"good", func([]report.Balance, map[string]*audit.Account) {}, ""},
		{"out of balance", func(b []report.Balance, _ map[string]*audit.Account) { b[2].Amount++ },
			"the accounts add up to 0.000001"},
		{"another sum", func(b []report.Balance, _ map[string]*audit.Account) {
			b[0].Amount, b[2].Amount = 31*lead.Unit, -31*lead.Unit
		}, "buyer:b: the journal has 31.00, the auditor 30.00"},
		{"only the auditor has it", func(_ []report.Balance, a map[string]*audit.Account) {
			a["buyer:new"] = &audit.Account{Stands: unit}
		}, "buyer:new: the journal has 0.00, the auditor 1.00"},
		{"only the journal has it", func(_ []report.Balance, a map[string]*audit.Account) { delete(a, "source:s") },
			"source:s: the journal has 20.00, the auditor nothing"},
	} {
		trial, want := append([]report.Balance{}, good...), accounts()
		c.edit(trial, want)
		if got := strings.Join(booksOf(trial, want).Differ, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// The demo's leads come back and its buyers pay, and its summary says so: a scorecard of each buyer, books that add up
// to zero, and what the auditor has seen of it.
func TestTheDemoReturnsAndPays(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector its seconds are too few for leads to be given back")
	}
	t.Parallel()
	out := must(t, "demo", "--for", "8s", "--rate", "150", "--seed", "3", "--json", "--data",
		filepath.Join(t.TempDir(), "demo"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--kafka-port", "0")
	var s demoSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	cards := map[string]demoCard{}
	for _, c := range s.Cards {
		cards[c.Buyer] = c
	}
	switch c := cards["harborline"]; {
	case len(s.Cards) != 6, c.Asked == 0, c.BidRate == nil, c.WinRate == nil, c.AcceptRate == nil, c.Sold == 0,
		c.Owes == "" || c.Paid == "0.00":
		t.Errorf("scorecards: %+v", s.Cards)
	}
	if c := cards[demoUnreliable]; c.Paid != "0.00" || c.Owes == "0.00" {
		t.Errorf("who pays nothing: %+v", c)
	}
	if s.Audit != "ok" || s.Books.Sum != "0.00" || s.Books.Accounts < 10 || s.Clerk.Payments == 0 ||
		s.Audited.Payments != s.Clerk.Payments || s.Audited.Paid <= 0 || s.Clerk.Payouts == 0 ||
		s.Audited.Payouts != s.Clerk.Payouts || s.Audited.PaidOut <= 0 {
		t.Errorf("audit %s, books %+v, clerk %+v, by the auditor %+v", s.Audit, s.Books, s.Clerk, s.Audited)
	}
	returned := s.Clerk.Goodwill + s.Clerk.Answers["returned"] + s.Clerk.Answers["replacement"] +
		s.Clerk.Decided["approve"] + s.Clerk.Decided["approve in part"]
	if s.Clerk.Asked == 0 || returned == 0 || s.Audited.Returns == 0 || s.Audited.Returns > returned {
		t.Errorf("returns %+v, by the auditor %d", s.Clerk, s.Audited.Returns)
	}
	var text bytes.Buffer
	if err := s.print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BUYER", "ACCEPT RATE", "RETURNS", "OWES", "accounts add up to 0.00",
		"audit     ok"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
}
