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
	AdjustImported  = "imported"  // what another system has counted before
	AdjustCap       = "cap"       // a configuration has another limit of a cap, or counts something else
)

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

	SoldAt  *time.Time `json:"sold_at,omitempty"` // imported: when another system sold the lead of Private.Marks
	Private *Private   `json:"private,omitempty"` // imported
}
