// SPDX-License-Identifier: Apache-2.0

package report

import (
	"clearpost/lead"
	"clearpost/ledger"
)

// What the view reads of events. The rest of an event is skipped: most of it is the requests and answers.

type head struct {
	Source   string `json:"source"`
	Vertical string `json:"vertical"`
	Test     bool   `json:"test"`
}

type private struct {
	Fields map[string]string `json:"fields"`
}

type pinged struct {
	head
	Mode         string            `json:"mode"`
	Currency     string            `json:"currency"`
	SellerLeadID string            `json:"seller_lead_id"`
	Result       string            `json:"result"`
	Refusal      lead.Refusal      `json:"refusal"`
	Price        lead.Money        `json:"price_micros"`
	Fields       map[string]string `json:"fields"`
	Private      private           `json:"private"`
	Bids         []bid             `json:"bids"`
}

type bid struct {
	Campaign string       `json:"campaign"`
	Buyer    string       `json:"buyer"`
	Leg      int          `json:"leg"`
	Price    lead.Money   `json:"price_micros"`
	Winner   bool         `json:"winner"`
	Fixed    bool         `json:"fixed"`
	TookUS   int64        `json:"took_us"`
	Refusal  lead.Refusal `json:"refusal"`
}

// asked tells whether a request went out for it.
func (b *bid) asked() bool {
	switch {
	case b.Fixed:
		return false
	case b.Refusal == lead.BidExpired, b.Refusal == lead.Excluded && b.TookUS > 0: // judged by its answer
		return true
	}
	return b.Refusal < 200 || b.Refusal >= 300
}

// answered tells whether a whole answer came in time.
func (b *bid) answered() bool {
	return b.asked() && (b.Refusal < 100 || b.Refusal >= 200) && b.Refusal != lead.ClosedEarly
}

// offers tells whether there is a price, asked for or listed.
func (b *bid) offers() bool { return b.Price > 0 && (b.answered() || b.Fixed) }

type post struct {
	SellerLeadID string            `json:"seller_lead_id"`
	Fields       map[string]string `json:"fields"`
}

type posting struct {
	head
	Post     *post      `json:"post"`
	Attempt  lead.ID    `json:"attempt"`
	Again    string     `json:"again"`
	Of       lead.ID    `json:"of"`
	Campaign string     `json:"campaign"`
	Buyer    string     `json:"buyer"`
	Rank     int        `json:"rank"`
	Leg      int        `json:"leg"`
	Brand    string     `json:"brand"`
	Price    lead.Money `json:"price_micros"`
	Payout   lead.Money `json:"payout_micros"`
	Private  private    `json:"private"`
}

// ended is how an attempt stands by a posted, or by an adjusted.
type ended struct {
	head
	Attempt    lead.ID      `json:"attempt"`
	Again      string       `json:"again"`
	Campaign   string       `json:"campaign"`
	Buyer      string       `json:"buyer"`
	Outcome    lead.Outcome `json:"outcome"`
	Refusal    lead.Refusal `json:"refusal"`
	Reference  string       `json:"reference"`
	Price      lead.Money   `json:"price_micros"`
	Payout     lead.Money   `json:"payout_micros"`
	Status     int          `json:"status"`
	TookUS     int64        `json:"took_us"`
	Adjustment string       `json:"adjustment"`
	Fate       string       `json:"fate"`
}

// changes tells whether it says how an attempt stands from now on.
func (e *ended) changes() bool {
	switch e.Adjustment {
	case ledger.AdjustResolved, ledger.AdjustCorrected, ledger.AdjustRebooked:
		return true
	}
	return false
}

type settled struct {
	head
	Post    *post        `json:"post"`
	Result  string       `json:"result"`
	Refusal lead.Refusal `json:"refusal"`
	Private private      `json:"private"`
}
