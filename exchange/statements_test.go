// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/ledger"
)

// issues has a month of an account issued, and tells by which number.
func issues(x *rig, account, month string) (string, error) {
	adj, err := x.Exchange.Issue(exchange.Issue{Account: account, Currency: "USD",
		Statement: ledger.Statement{Month: month,
			Zone: "UTC"}, Why: "month"})
	if err != nil {
		return "", err
	}
	return adj.Statement.Number, nil
}

// numbers are those of all statements in the ledger, in its order.
func numbers(x *rig) (out []string) {
	x.T.Helper()
	err := x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if adj, ok := ev.(*ledger.Adjusted); ok && adj.Statement != nil {
			out = append(out, adj.Statement.Number)
		}
		return err
	})
	if err != nil {
		x.T.Fatal(err)
	}
	return out
}

// Whatever becomes of the write that has a number, and of the process after it, the next number is the next one: each
// stands on one statement, and none is left out.
func TestNumbersOfStatementsHaveNoGap(t *testing.T) {
	for fault, stored := range map[exchangetest.Fault]bool{exchangetest.Refused: false, exchangetest.Lost: false,
		exchangetest.Kept: true} {
		for _, after := range []string{"goes on", "restarts", "crashes"} {
			t.Run(fmt.Sprintf("fault %d, %s", fault, after), func(t *testing.T) {
				exchangetest.Run(t, sellTo(1), func(x *rig) {
					want := func(account, month, number string) {
						t.Helper()
						if got, err := issues(x, account, month); err != nil || got != number {
							t.Errorf("%s of %s: %q, %v, want %s", month, account, got, err, number)
						}
					}
					want("buyer:a", "1999-11", "INV-0001")
					want("source:acme", "1999-11", "PAY-0001")
					x.Disk.Fail(ledger.KindAdjusted, fault)
					_, err := issues(x, "buyer:b", "1999-11")
					if unsure := fault != exchangetest.Refused; errors.Is(err, exchange.ErrMaybeBooked) != unsure ||
						err == nil {
						t.Errorf("on the fault: %v", err)
					}
					if fault != exchangetest.Refused {
						if _, err := issues(x, "buyer:c", "1999-11"); err == nil {
							t.Error("a number is given while nobody can tell of the one before")
						}
						if err := x.Exchange.Numbered(); !errors.Is(err, exchange.ErrMaybeBooked) {
							t.Errorf("numbered: %v", err)
						}
					}
					x.Disk.Repair()
					switch after {
					case "restarts":
						x.Restart()
					case "crashes":
						x.Crash()
					default:
						x.Sleep(time.Minute)
					}
					next := 2
					if stored {
						next++
					}
					want("buyer:c", "1999-11", fmt.Sprintf("INV-%04d", next))
					_, err = issues(x, "buyer:b", "1999-11")
					if stored != errors.Is(err, exchange.ErrIssued) {
						t.Errorf("the one of the fault again: %v", err)
					}
					want("buyer:a", "1999-12", "INV-0004")
					if _, err := issues(x, "buyer:a", "1999-12"); !errors.Is(err, exchange.ErrIssued) {
						t.Errorf("a month twice: %v", err)
					}
					all := numbers(x)
					for i, n := range []string{"INV-0001", "PAY-0001", "INV-0002", "INV-0003", "INV-0004"} {
						if len(all) != 5 || all[i] != n {
							t.Fatalf("the ledger has %v", all)
						}
					}
				})
			})
		}
	}
}

// A series goes on by the highest number that anybody knows, should the ledger's own count have been lost, and one of
// the year begins with it.
func TestSeriesOfStatements(t *testing.T) {
	s := sellTo(1)
	s.Compiled = func(c *exchange.Config) { c.Company.BuyerSeries = "A-{year}-" }
	exchangetest.Run(t, s, func(x *rig) {
		for _, c := range []struct {
			month, want string
			least       int64
		}{{"1999-10", "A-1999-0001", 0}, {"1999-11", "A-1999-0042", 41}, {"1999-12", "A-1999-0043", 41},
			{"2000-01", "A-2000-0001", 0}} {
			adj, err := x.Exchange.Issue(exchange.Issue{Account: "buyer:a", Statement: ledger.Statement{Month: c.month},
				NumberLeast: c.least, Why: "month"})
			if err != nil || adj.Statement.Number != c.want {
				t.Errorf("%s: %+v, %v", c.month, adj, err)
			}
			x.Restart()
		}
	})
}
