// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"clearpost/lead"
)

// Adjustments.
const (
	AdjustResolved = "resolved"
	AdjustPaused   = "paused"
	AdjustResumed  = "resumed"
	AdjustReported = "reported" // what became of a sale: it books nothing
	AdjustLost     = "lost"     // stands in the place of an event that the log has lost

	AdjustCorrected = "corrected" // an attempt that was settled ended otherwise
	AdjustRebooked  = "rebooked"  // a sale stands, its money is another
	AdjustDeposited = "deposited" // money of a buyer came in, or went back: its balance is another
	AdjustPaidOut   = "paid_out"  // a source was paid, or has paid back
	AdjustImported  = "imported"  // what another system has counted before
	AdjustCap       = "cap"       // a configuration has another limit of a cap, or counts something else

	AdjustReturnAsked   = "return_asked"   // a buyer wants to give a sale back, and a person has to decide
	AdjustReturned      = "returned"       // a sale is given back: the buyer gets money back, or is owed another lead
	AdjustReturnDenied  = "return_denied"  // a sale that was asked for stays
	AdjustReturnRevoked = "return_revoked" // what was given back is not: its money is booked again
	AdjustReplaced      = "replaced"       // another lead came in place of one that was given back: it is paid for now
	AdjustStanding      = "standing"       // how a buyer pays has changed, by the rule of its page
	AdjustBatched       = "batched"        // an attempt that is open is a row of a file
	AdjustFile          = "file"           // how a file stands; of the lead of its first row
	AdjustAnswered      = "answered"       // a response tells of a row what stands already: it books nothing
	AdjustUnplaced      = "unplaced"       // a row of a response of which nothing could be made; of no lead
	AdjustPlaced        = "placed"         // a person has said what an unplaced row is about; of no lead
	AdjustResponse      = "response"       // a response was read to its end; of no lead
	AdjustStated        = "stated"         // a month of an account is on a statement with a number
	AdjustResubmitted   = "resubmitted"    // an unsold lead is offered anew, as another lead: it books nothing
)

// How a file stands. One that is decided, and of which nothing else is told, stands nowhere yet.
const (
	FileStoring = "storing" // it is about to stand under its final name, or to be handed over
	FileWaiting = "waiting" // it certainly is not stored: it is tried again
	FileUnclear = "unclear" // nobody can tell whether it is stored: it waits for a person
	FileStored  = "stored"  // it stands under its final name
	FileDropped = "dropped" // a person has said that it will not be stored
	FileUndone  = "undone"  // it was not stored and will not be: its rows wait for another file
)

// File is a file of a campaign's leads, as a row of it or its first row tells of it.
type File struct {
	ID     lead.ID `json:"id"`
	Name   string  `json:"name,omitempty"`
	Row    int     `json:"row,omitempty"`  // batched: which one, from 1
	Rows   int     `json:"rows,omitempty"` // batched: of how many
	Bytes  int     `json:"bytes,omitempty"`
	SHA256 string  `json:"sha256,omitempty"`
	First  lead.ID `json:"first,omitempty"` // batched: the lead of the first row
	State  string  `json:"state,omitempty"` // file: one of File*
}

// ToldRow is a row of a response, a file in which a buyer tells what became of rows of files; or such a file as a
// whole.
type ToldRow struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`         // of the file
	Line   int64  `json:"line,omitempty"` // or the number of the row, from 1
	// the row as it stands there, each cut
	// unplaced: the lead's id; "": what stands there is none. placed: the lead that it is about; "": it is dropped
	Lead      string     `json:"lead,omitempty"`
	Result    string     `json:"result,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Reference string     `json:"reference,omitempty"`    // unplaced, placed
	Price     lead.Money `json:"price_micros,omitempty"` // unplaced, placed
	// response: its rows, by what they say and what was made of them
	Accepted int `json:"accepted,omitempty"`
	Refused  int `json:"refused,omitempty"`
	Unplaced int `json:"unplaced,omitempty"`
}

// What may be reported of a sale.
const (
	FateReturned = "returned" // the buyer gave the lead back
	FatePaid     = "paid"
	FateUnpaid   = "unpaid" // it will not pay
)

// Fates are all of them.
var Fates = []string{FateReturned, FatePaid, FateUnpaid}

// Adjusted tells what a person changed.
type Adjusted struct {
	Head
	Adjustment string        `json:"adjustment"`
	Subject    string        `json:"subject,omitempty"` // "buyer:ID", "campaign:ID", "source:ID"; lost: "event:SEQ"; counts: "cap:KEY"; sold by another system: "rule:RULE"
	Why        string        `json:"why"`
	By         string        `json:"by,omitempty"`
	Attempt    lead.ID       `json:"attempt,omitempty"`      // resolved: the attempt
	From       *lead.ID      `json:"from_attempt,omitempty"` // resolved: the resend whose answer told it
	Campaign   string        `json:"campaign,omitempty"`
	Buyer      string        `json:"buyer,omitempty"`
	Outcome    lead.Outcome  `json:"outcome,omitempty"` // resolved: accepted or rejected
	Price      lead.Money    `json:"price_micros,omitempty"`
	Payout     lead.Money    `json:"payout_micros,omitempty"`
	Reference  string        `json:"reference,omitempty"`
	Charges    []lead.Charge `json:"charges,omitempty"`

	Fate    string     `json:"fate,omitempty"`       // reported: one of Fates
	Bid     lead.Money `json:"bid_micros,omitempty"` // reported, corrected: the posting's price
	Segment string     `json:"segment,omitempty"`    // reported, corrected: the posting's

	// Corrected and rebooked: Outcome, Price, Payout and Reference are what stands from now on, as a whole. Charges are
	// those of a correction that makes a sale of an attempt, or none of a sale, in windows that are still kept.
	Was      *Booked `json:"was,omitempty"`      // what stood before
	Oversold bool    `json:"oversold,omitempty"` // corrected: the lead is sold more often now than was promised
	CapWas   string  `json:"cap_was,omitempty"`  // cap: what it allowed, in words; "": there was none
	CapIs    string  `json:"cap_is,omitempty"`   // cap: what it allows from now on; "": there is none
	Ref      string  `json:"ref,omitempty"`      // what its maker knows it by; once a lead, or a subject

	Currency string `json:"currency,omitempty"` // deposited: the buyer's; paid_out: of the payout; stated: of its sums
	Date     string `json:"date,omitempty"`     // deposited, paid_out: when, such as 2026-11-03; "": at the event

	Return *Return `json:"return,omitempty"` // of the adjustments of returns

	Statement    *Statement    `json:"statement,omitempty"`    // stated
	Standing     *Standing     `json:"standing,omitempty"`     // standing
	Resubmission *Resubmission `json:"resubmission,omitempty"` // resubmitted: as which lead

	File    *File      `json:"file,omitempty"`    // batched, file
	Told    *ToldRow   `json:"told,omitempty"`    // answered, unplaced, placed, response; resolved, corrected: by a response
	SoldAt  *time.Time `json:"sold_at,omitempty"` // imported: when another system sold the lead of Private.Marks
	Private *Private   `json:"private,omitempty"` // imported
}

// Return is what an adjustment says of a sale that its buyer gives back. Charges of such an adjustment are what it adds
// to counts, below zero where it gives back.
type Return struct {
	Reason string `json:"reason"`         // of the list on the buyer's page
	Note   string `json:"note,omitempty"` // the buyer's own words
	// what the buyer gets back by this event; below zero: what is booked again
	Credit lead.Money `json:"credit_micros"`
	// what the source gives back by this event; below zero likewise
	Clawback lead.Money `json:"clawback_micros"`
	// another lead is owed in place of money: the money comes back when it has been sold, by a replaced event
	Replace    bool     `json:"replace,omitempty"`
	ReplacedBy *lead.ID `json:"replaced_by,omitempty"` // replaced: the attempt that sold the other lead
	// by what it was decided
	CreditPPM   int64      `json:"credit_ppm,omitempty"`   // the share of the price that the reason gives back
	ClawbackPPM int64      `json:"clawback_ppm,omitempty"` // the share of the payout that the source bears
	Sold        time.Time  `json:"sale_at"`                // from when the window is counted
	Until       *time.Time `json:"until,omitempty"`        // the end of the window, which it is not in; nil: it has none
	Period      string     `json:"period,omitempty"`       // of the limit: the one in which the lead was sold
	Before      int64      `json:"before,omitempty"`       // returns of that period's sales before this one
	Allowed     *int64     `json:"allowed,omitempty"`      // how many there may be; nil: any number
	Decided     string     `json:"decided,omitempty"`      // rule or person; "": nobody has yet
	Chain       *Chain     `json:"chain,omitempty"`        // what a buyer that resells told of its own buyer
	Known       bool       `json:"known,omitempty"`        // it was reported before, so that nothing is learned of it
}

// Chain is what a buyer that resells leads has told of a return: that its own buyer gave the lead back to it, or
// refused it.
type Chain struct {
	Reference string `json:"reference"`       // the own buyer's, or of its refusal
	Date      string `json:"date"`            // when that was, in the zone of our buyer
	Until     string `json:"until,omitempty"` // the last date that counts; "": a person has granted it
}

// How a buyer pays.
const (
	PaysWell    = "good"    // nothing is overdue
	PaysLate    = "overdue" // something is, and no rule takes it ill yet
	PaysSlowly  = "slow"    // its bids win only where nobody else can
	PaysNothing = "stopped" // its bids are refused
)

// Standing is how a buyer pays from now on, and by what that was decided. Days are dates in the buyer's zone.
type Standing struct {
	Is  string `json:"is"`  // one of Pays*
	Was string `json:"was"` // likewise
	Day string `json:"day"` // on which it was decided
	// the oldest day on which something was due that is not paid; "": nothing is overdue
	Due     string     `json:"due,omitempty"`
	Overdue lead.Money `json:"overdue_micros"`      // what is overdue
	Owes    lead.Money `json:"owes_micros"`         // with what is not due yet; below zero: it has paid beforehand
	Days    int        `json:"days_late,omitempty"` // from Due to Day
	UpTo    uint64     `json:"up_to_seq"`           // of the events by which it was reckoned
	// by the rule: so many days late it is slow, and its bids are refused; nil: never
	SlowAfter *int `json:"slow_after_days,omitempty"`
	StopAfter *int `json:"stop_after_days,omitempty"`
}

// pays is how a buyer pays, "" of an event that does not say.
func (s *Standing) pays() string {
	if s == nil {
		return ""
	}
	return s.Is
}

// Who decided a return.
const (
	DecidedByRule   = "rule"
	DecidedByPerson = "person"
)

// OfReturn tells whether an adjustment is one of a return.
func OfReturn(adjustment string) bool {
	switch adjustment {
	case AdjustReturnAsked, AdjustReturned, AdjustReturnDenied, AdjustReturnRevoked, AdjustReplaced:
		return true
	}
	return false
}
