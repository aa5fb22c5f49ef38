// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

func TestExplainTellsOfTests(t *testing.T) {
	answer := &ledger.Settled{Result: lead.ResultSuccess,
		TestSales: []ledger.TestSale{{Campaign: "sun-main", Buyer: "sun", Price: 20_000_000, Payout: 16_000_000}}}
	for want, x := range map[string]*exchange.Explanation{
		"a test, simulated: rejected": {Test: true, TestResult: "rejected"},
		"at the buyers' test endpoints\n  fields\n  unknown, as sent \"hat\"=\"re\\nd\"": {Test: true,
			Unknown: ledger.Fields{{Name: "hat", Value: "re\nd"}}},
		"as a test: sun-main (sun)  price 20.00  payout 16.00 USD, which nobody owes\nits seller": {Test: true,
			Currency: "USD", Answer: answer},
	} {
		var b strings.Builder
		if tell(&b, x); !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	var b strings.Builder
	if tell(&b, &exchange.Explanation{}); strings.Contains(b.String(), "test") {
		t.Errorf("a real lead is told as a test:\n%s", b.String())
	}
}
