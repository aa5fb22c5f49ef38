// SPDX-License-Identifier: Apache-2.0

package books

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"clearpost/lead"
	"clearpost/ledger"
)

const unit = lead.Unit

func TestWhatEventsBook(t *testing.T) {
	head := ledger.Head{Source: "acme"}
	test := ledger.Head{Source: "acme", Test: true}
	was := &ledger.Booked{Outcome: lead.Accepted, Price: 25 * unit, Payout: 20 * unit}
	for _, c := range []struct {
		what string
		ev   ledger.Event
		want string
	}{
		{"a sale", &ledger.Posted{Head: head, Buyer: "sun", Outcome: lead.Accepted, Price: 25 * unit,
			Payout: 20 * unit},
			"buyer:sun 25.00, house:sales -25.00, house:payouts 20.00, source:acme -20.00"},
		{"a test", &ledger.Posted{Head: test, Buyer: "sun", Outcome: lead.TestAccepted, Price: 25 * unit}, ""},
		{"a refusal", &ledger.Posted{Head: head, Buyer: "sun", Outcome: lead.Rejected}, ""},
		{"a resend", &ledger.Posted{Head: head, Buyer: "sun", Outcome: lead.Accepted, Price: unit,
			Again: ledger.AgainResend}, ""},
		{"a resolution", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustResolved, Buyer: "sun",
			Outcome: lead.Accepted, Price: 5 * unit}, "buyer:sun 5.00, house:sales -5.00"},
		{"a no", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustResolved, Buyer: "sun", Outcome: lead.Rejected,
			Price: 5 * unit}, ""},
		{"no sale", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustCorrected, Buyer: "sun",
			Outcome: lead.Rejected, Was: was},
			"buyer:sun -25.00, house:sales 25.00, house:payouts -20.00, source:acme 20.00"},
		{"a sale in truth", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustCorrected, Buyer: "sun",
			Outcome: lead.Accepted, Price: 2 * unit, Payout: unit, Was: &ledger.Booked{Outcome: lead.Rejected}},
			"buyer:sun 2.00, house:sales -2.00, house:payouts 1.00, source:acme -1.00"},
		{"other money", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustRebooked, Buyer: "sun",
			Outcome: lead.Accepted, Price: 20 * unit, Payout: 20 * unit, Was: was},
			"buyer:sun -5.00, house:sales 5.00"},
		{"a return", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustReturned, Buyer: "sun",
			Return: &ledger.Return{Credit: 25 * unit, Clawback: 10 * unit}},
			"house:returns 25.00, buyer:sun -25.00, source:acme 10.00, house:payouts -10.00"},
		{"a wish", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustReturnAsked, Buyer: "sun",
			Return: &ledger.Return{}}, ""},
		{"a payment", &ledger.Adjusted{Adjustment: ledger.AdjustDeposited, Buyer: "sun", Price: 100 * unit},
			"house:bank 100.00, buyer:sun -100.00"},
		{"a payout", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustPaidOut, Payout: 40 * unit},
			"source:acme 40.00, house:bank -40.00"},
		{"what a source pays back", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustPaidOut, Payout: -unit},
			"source:acme -1.00, house:bank 1.00"},
		{"a report", &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustReported, Buyer: "sun"}, ""},
		{"a ping", &ledger.Pinged{Head: head, Price: 20 * unit}, ""},
		{"an answer", &ledger.Settled{Head: head, Payout: 20 * unit, Revenue: 25 * unit}, ""},
	} {
		got := ""
		for i, e := range Of(c.ev) {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%s %s", e.Account, e.Amount)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// Whatever an event says, its entries add up to zero.
func TestEntriesAddUpToZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := rapid.Int64Range(-1_000_000_000, 1_000_000_000)
		m := func(name string) lead.Money { return lead.Money(money.Draw(t, name)) }
		outcome := rapid.SampledFrom([]lead.Outcome{lead.Accepted, lead.Rejected})
		ev := &ledger.Adjusted{Head: ledger.Head{Source: "s"}, Buyer: "b", Price: m("price"), Payout: m("payout"),
			Adjustment: rapid.SampledFrom([]string{ledger.AdjustResolved, ledger.AdjustCorrected, ledger.AdjustRebooked,
				ledger.AdjustDeposited, ledger.AdjustPaidOut, ledger.AdjustReturned, ledger.AdjustReturnRevoked,
				ledger.AdjustReplaced, ledger.AdjustImported}).Draw(t, "adjustment"),
			Outcome: outcome.Draw(t, "outcome"),
			Was:     &ledger.Booked{Outcome: outcome.Draw(t, "was"), Price: m("old price"), Payout: m("old payout")},
			Return:  &ledger.Return{Credit: m("credit"), Clawback: m("clawback")}}
		var sum lead.Money
		for _, e := range Of(ev) {
			sum += e.Amount
		}
		if sum != 0 {
			t.Fatalf("%s: %s is left of %+v", ev.Adjustment, sum, Of(ev))
		}
	})
}
