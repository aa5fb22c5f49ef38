// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"clearpost/lead"
)

// Statement is what an adjustment says of a month of an account that it issues: what it covers, what that adds up to,
// and by which number it goes from now on. It books nothing. Of a buyer sums are what it owes, of a source what it is
// owed, in millionths of the event's currency.
//
// It covers the account's entries of events before Until, up to UpToSeq, but those before AfterTime up to AfterSeq: the
// statement before has these, or, of the account's first one, the opening. So each entry stands on one statement,
// whenever its event was stored.
type Statement struct {
	Number string `json:"number"` // the series and N
	Series string `json:"series"`
	N      int64  `json:"n"` // of the series, from 1 without a gap
	Month  string `json:"month"`
	Zone   string `json:"zone"` // in which the month began and ended

	Since     time.Time `json:"since"` // the month's beginning
	Until     time.Time `json:"until"` // its end, which it does not hold
	UpToSeq   uint64    `json:"up_to_seq"`
	AfterTime time.Time `json:"after_time"`
	AfterSeq  uint64    `json:"after_seq"`
	Before    string    `json:"before,omitempty"` // the account's statement before it in this currency

	Opening     lead.Money `json:"opening_micros"` // what the statement before has closed with
	Sales       lead.Money `json:"sales_micros"`
	Corrections lead.Money `json:"corrections_micros"`
	Returns     lead.Money `json:"returns_micros"`
	Payments    lead.Money `json:"payments_micros"`
	Closing     lead.Money `json:"closing_micros"`
	Lines       int64      `json:"lines"`  // entries that it covers
	SHA256      string     `json:"sha256"` // of them, in hex

	Corrects []Corrects `json:"corrects,omitempty"` // what of it is about sales of earlier statements
	Open     int64      `json:"open,omitempty"`     // attempts of the time before Until whose end nobody knows yet

	Terms  *PayTerms `json:"terms,omitempty"`  // when the buyer has to pay; nil: its page does not say, or it is a source's
	Stands *Stands   `json:"stands,omitempty"` // how the account stood when it was issued; nil: of an earlier version

	From *lead.Party `json:"from,omitempty"` // whoever runs the exchange
	To   *lead.Party `json:"to,omitempty"`   // the buyer or the source
}

// Corrects is what a statement has of an earlier one's sales.
type Corrects struct {
	Number string     `json:"number"` // the earlier one
	Lines  int64      `json:"lines"`
	Amount lead.Money `json:"amount_micros"`
}

// PayTerms are a buyer's terms of payment as they were when a statement was issued.
type PayTerms struct {
	Prepaid bool   `json:"prepaid,omitempty"`  // what it has bought is due on the day of the sale
	NetDays int    `json:"net_days,omitempty"` // otherwise so many days later
	From    string `json:"from"`               // from when they count: sale, or month, the last day of the sale's month
	Zone    string `json:"zone"`               // in which its days are
}

// Stands is how an account stood when a statement was issued.
type Stands struct {
	Day  string     `json:"day"`               // in the zone of the statement
	Paid lead.Money `json:"paid_since_micros"` // payments after the end of the month, above zero
	// what a buyer with terms owed that was due before the day
	Overdue lead.Money `json:"overdue_micros,omitempty"`
	Due     string     `json:"oldest_due,omitempty"` // since when the oldest of it was due
}
