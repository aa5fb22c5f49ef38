// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/config"
	"clearpost/examples"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/node"
)

// aMonthAgo writes a ledger in which brightroof has paid, bought and has one attempt open, all of it last month. It
// tells that month, this one and the open attempt.
func aMonthAgo(t *testing.T, dir string) (month, this string, open lead.ID) {
	t.Helper()
	cfg, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	at := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone).Add(-time.Minute).UTC() // in UTC it may be this month
	cfg.Clock = func() time.Time { return at }
	n, err := node.New(cfg, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	head := func(k ledger.Kind, id lead.ID) ledger.Head {
		return ledger.Head{Kind: k, EventID: ledger.NewID(at), Node: "n1", At: at, Schema: ledger.SchemaVersion,
			Config: cfg.Hash, Lead: id, Source: "quotemill", Vertical: "solar"}
	}
	var events []ledger.Event
	for i := range 3 {
		id, attempt := ledger.NewID(at), ledger.NewID(at)
		events = append(events, &ledger.Pinged{Head: head(ledger.KindPinged, id), Mode: ledger.ModePing,
			Currency: "USD",
			Result:   lead.ResultSuccess, SellerLeadID: "qm-" + string(rune('1'+i))},
			&ledger.Posting{Head: head(ledger.KindPosting, id), Attempt: attempt, Campaign: "brightroof-fixed",
				Buyer: "brightroof", Price: 27 * lead.Unit, Payout: 20 * lead.Unit})
		if i < 2 {
			events = append(events, &ledger.Posted{Head: head(ledger.KindPosted, id), Attempt: attempt,
				Campaign: "brightroof-fixed", Buyer: "brightroof", Outcome: lead.Accepted, Price: 27 * lead.Unit,
				Payout: 20 * lead.Unit, Reference: "BR-" + string(rune('1'+i))})
		}
		open = attempt
	}
	if err := n.Ledger.Append(events...); err != nil {
		t.Fatal(err)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	return at.In(zone).Format("2006-01"), now.Format("2006-01"), open
}

// The verbs issue a month as the how-to says: once, with what is open only if that is said, and what comes later stands
// on the next one.
func TestStatementsAreIssuedByVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "buyers", "brightroof.yaml")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("terms: {net_days: 30}"), []byte("terms: {net_days: 0}"), 1) // so that it is overdue
	if err := os.WriteFile(page, b, 0o600); err != nil {
		t.Fatal(err)
	}
	month, this, open := aMonthAgo(t, dir)
	first, err := time.Parse("2006-01", month)
	if err != nil {
		t.Fatal(err)
	}
	due := "due " + first.Format(time.DateOnly) + " to " + first.AddDate(0, 1, -1).Format(time.DateOnly)
	pdf := func(number string) string {
		out := must(t, "statement", "show", number, "--pdf", "-d", dir)
		if !strings.HasPrefix(out, "%PDF-") {
			t.Errorf("%.20q is no PDF", out)
		}
		return out
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"statement brightroof --month " + month, 0, "not issued"},
		{"statement brightroof --month " + month, 0, "terms: net 0 days; " + due},
		{"statement brightroof --month " + month, 0, "54.00 USD were overdue, the oldest of it since "},
		{"pay brightroof 10.00 --ref w-9", 0, "1 of 1 booked"},
		{"statement brightroof --month " + month, 0, "44.00 USD were overdue"},
		{"statement brightroof --month " + month + " --csv", 0, ",payments_since,-10.00,USD,"},
		{"statement brightroof --month " + month + " --html", 0, "2200 Sunset Boulevard"},
		{"statement brightroof --month 2999-01", 1, "--so-far tells what there is of it"},
		{"statement brightroof --month 2999-01 --so-far --sums", 0, "so far, up to now"},
		{"statement brightroof --month " + month + " --so-far", 1, "leave --so-far out"},
		{"statement brightroof --month 2999-01 --issue", 1, "has not ended in America/New_York"},
		{"statement brightroof --month 2999-01 --issue --so-far", 2, "of a month that is over"},
		{"statement brightroof --month " + month + " --with-open", 2, "go with --issue"},
		{"statement brightroof --month " + month + " --csv --pdf", 2, "expected one of"},
		{"statement brightroof --month " + month + " --issue", 1, "settle them first, or issue it with them open"},
		{"statement brightroof --month " + month + " --issue --with-open --sums", 0, "1 of 1 issued: INV-0001"},
		{"statement brightroof --month " + month + " --issue --with-open", 0, "0 of 1 issued: INV-0001"},
		{"statement brightroof --month " + month, 0, "issued as INV-0001"},
		{"statement source:quotemill --month " + month + " --issue --with-open --csv", 0, ",qm-1,"},
		{"statement list", 0, "PAY-0001"},
		{"statement list brightroof --month " + month, 0, "54.00"},
		{"statement show INV-0001", 0, "1 lead of this time whose outcome was not known yet"},
		{"pay brightroof 5.00 --ref w-10", 0, "1 of 1 booked"}, // what is issued stays as it is
		{"statement show INV-0001", 0, "payments since              -10.00"},
		{"statement show INV-0001", 0, "44.00 USD were overdue, the oldest of it since " +
			first.AddDate(0, 1, -1).Format("2 January 2006")},
		{"statement show INV-0001 --csv", 0, "," + first.AddDate(0, 1, -1).Format(time.DateOnly) + ",\n"},
		{"statement show INV-0001 --html", 0, "Overdue on "},
		{"statement show INV-0001 --json", 0, `"number": "INV-0001"`},
		{"statement show INV-0009", 1, "no statement has this number"},
		{"resolve " + open.String() + " accepted --price 25.00 --why asked", 0, ""},
		{"statement show INV-0001", 0, "54.00"},
		{"statement brightroof --month " + this + " --so-far", 0, "25.00"},
		{"statement brightroof --since 1h --pdf", 0, "%PDF-"},
		{"sql select+number,closing_micros+from+statements+order+by+seq", 0, "54000000"},
		{"books", 0, "USD adds up to 0.00"},
		{"books --beancount --from " + month + "-01 --zone America/New_York", 0, "Assets:Receivable:Buyer-brightroof"},
		{"books --hledger", 0, "= 64.00 USD"},
		{"books --hledger --beancount", 2, "expected one of"},
		{"books --opening --beancount", 2, "--opening goes with --from"},
		{"books --hledger --from 2026-10-02 --to 2026-10-01", 1, "expected a day after"},
		{"books --hledger --from October", 1, "--from October: expected a day"},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "+", " ")
		}
		code, out, errs := clearpost(t, append(args, "-d", dir)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: code %d\n%s%s\nwant %d and %q", c.args, code, out, errs, c.code, c.says)
		}
		if strings.Contains(c.args, "source:") && (strings.Contains(out, "BR-") || strings.Contains(out,
			"brightroof")) {
			t.Errorf("a source sees its buyers: %s", out)
		}
	}
	if first := pdf("INV-0001"); first != pdf("INV-0001") {
		t.Error("the same statement is other bytes")
	}
}
