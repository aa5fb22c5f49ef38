// SPDX-License-Identifier: Apache-2.0

// Package books is the double-entry journal: what each event of the ledger books, on which accounts. It is pure: an
// event's entries are made of the event alone, so that the journal can be made anew from the ledger in any batches,
// with the same result. The entries of one event add up to zero in each currency.
package books

import (
	"strings"

	"clearpost/lead"
	"clearpost/ledger"
)

// Accounts. What a buyer owes is above zero on its account; what a source is owed is below zero on its own. Of the
// house, earnings are below zero, costs and money in the bank above.
const (
	Sales   = "house:sales"   // what leads were sold for
	Returns = "house:returns" // what buyers got back of it
	Payouts = "house:payouts" // what sources are owed for leads, less what they gave back
	Bank    = "house:bank"    // what buyers have paid in, less what was paid to sources

	buyerPrefix  = "buyer:"
	sourcePrefix = "source:"
)

// What an entry is of.
const (
	OfSale       = "sale"       // a buyer has accepted a lead, or was found to have
	OfCorrection = "correction" // an attempt ended otherwise in truth, or its sale has other money
	OfReturn     = "return"     // money comes back for a lead that is given back, or is booked again
	OfPayment    = "payment"    // money came in from a buyer or went to a source, or came and went back
)

// Kinds are all of them.
var Kinds = []string{OfSale, OfCorrection, OfReturn, OfPayment}

// Entry is one line of the journal.
type Entry struct {
	Account string
	Amount  lead.Money // above zero: debit; below: credit
	Kind    string     // one of Kinds
}

// Of are the entries of an event; none of what books nothing.
func Of(ev ledger.Event) []Entry {
	switch ev := ev.(type) {
	case *ledger.Posted:
		if ev.Test || ev.Outcome != lead.Accepted || ev.Again == ledger.AgainResend {
			return nil // what a resend tells of the first attempt stands in a resolution
		}
		return sale(OfSale, ev.Buyer, ev.Source, ev.Price, ev.Payout)
	case *ledger.Adjusted:
		return adjusted(ev)
	}
	return nil
}

func adjusted(ev *ledger.Adjusted) []Entry {
	is := ledger.Booked{}
	if ev.Outcome == lead.Accepted {
		is = ledger.Booked{Price: ev.Price, Payout: ev.Payout}
	}
	switch {
	case ev.Test:
	case ev.Adjustment == ledger.AdjustResolved:
		return sale(OfSale, ev.Buyer, ev.Source, is.Price, is.Payout)
	case ev.Adjustment == ledger.AdjustCorrected, ev.Adjustment == ledger.AdjustRebooked:
		if was := ev.Was; was != nil && was.Outcome == lead.Accepted {
			is.Price, is.Payout = is.Price-was.Price, is.Payout-was.Payout
		}
		return sale(OfCorrection, ev.Buyer, ev.Source, is.Price, is.Payout)
	case ev.Adjustment == ledger.AdjustDeposited:
		return pair(nil, OfPayment, Bank, buyerPrefix+ev.Buyer, ev.Price)
	case ev.Adjustment == ledger.AdjustPaidOut:
		return pair(nil, OfPayment, sourcePrefix+ev.Source, Bank, ev.Payout)
	case ledger.OfReturn(ev.Adjustment) && ev.Return != nil:
		out := pair(nil, OfReturn, Returns, buyerPrefix+ev.Buyer, ev.Return.Credit)
		return pair(out, OfReturn, sourcePrefix+ev.Source, Payouts, ev.Return.Clawback)
	}
	return nil
}

// sale books a price to a buyer and a payout to a source.
func sale(kind, buyer, source string, price, payout lead.Money) []Entry {
	out := pair(nil, kind, buyerPrefix+buyer, Sales, price)
	return pair(out, kind, Payouts, sourcePrefix+source, payout)
}

// pair adds an amount to one account that it takes off another.
func pair(out []Entry, kind, to, from string, amount lead.Money) []Entry {
	if amount == 0 {
		return out
	}
	return append(out, Entry{to, amount, kind}, Entry{from, -amount, kind})
}

// Party is whose account it is: buyer, source or house, and the id.
func Party(account string) (kind, id string) {
	kind, id, _ = strings.Cut(account, ":")
	return kind, id
}
