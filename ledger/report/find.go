// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"clearpost/lead"
)

// Bounds of a search.
const (
	FindMax = 1000             // leads of one page
	findFor = 20 * time.Second // a search that takes longer is given up
	// Where no condition is of few leads, they are looked at from the newest on, for so long; then the answer says
	// where to go on. So nobody's search keeps others from theirs.
	lookFor   = 2 * time.Second
	lookLeads = 50_000 // in one statement
	fewLeads  = 5000   // that is few
)

// Query is what leads are searched by: all that is set must hold. What is said of attempts must hold of one attempt.
type Query struct {
	// whatever the lead may be called: the id of it or of an attempt, a phone number, an e-mail address, the seller's
	// id or SOURCE:ID, a buyer's reference or BUYER:REFERENCE or CAMPAIGN:REFERENCE
	Name   string
	Phone  string
	Email  string
	Person string // first and last name, or the last name alone
	Region string // country whose phone numbers need no calling code; "" is US
	Seller string // the seller's id of the lead

	Source, Vertical, State, SubID string
	Result                         string // one of Results
	Since, Until                   time.Time
	Tests                          bool // test leads too

	Reference       string // of an attempt: the buyer's
	Attempt         lead.ID
	Buyer, Campaign string
	Outcome         string // open, or a name of lead.Outcome
	// booked for a sale; nil: any
	PriceMin, PriceMax *lead.Money

	Refusal lead.Refusal // of an attempt where anything else is said of it, else of the lead or an attempt

	Before uint64 // only leads before this one: Next of the page before; 0: from the newest on
	Limit  int    // 1 to FindMax
}

// Results of leads by their names.
var Results = []string{unquoted: "unquoted", quoted: "quoted", pending: "pending", sold: "sold", unsold: "unsold",
	queued: "queued"}

// BadQuery is an error of whoever asks.
type BadQuery struct{ What, Expected string }

// Error implements error.
func (e *BadQuery) Error() string { return e.What + ": expected " + e.Expected }

// Lead is a lead that was found. Money is in millionths of Currency.
type Lead struct {
	N            uint64     `json:"n"` // its number: the seq of its first event
	ID           lead.ID    `json:"lead_id"`
	At           time.Time  `json:"at"` // of its ping
	Source       string     `json:"source"`
	Vertical     string     `json:"vertical"`
	Currency     string     `json:"currency,omitempty"`
	State        string     `json:"state,omitempty"`
	SubID        string     `json:"sub_id,omitempty"`
	SubID2       string     `json:"sub_id2,omitempty"`
	SubID3       string     `json:"sub_id3,omitempty"`
	SellerLeadID string     `json:"seller_lead_id,omitempty"`
	Mode         string     `json:"mode"` // ping or lead
	Test         bool       `json:"test,omitempty"`
	Asked        int        `json:"asked"`    // campaigns that were asked for a bid
	Answered     int        `json:"answered"` // whole and in time
	Bids         int        `json:"bids"`     // campaigns with a price, asked for or listed
	Best         lead.Money `json:"best_bid_micros"`
	Quote        lead.Money `json:"quote_micros"`
	Result       string     `json:"result"` // one of Results
	Refusal      string     `json:"refusal,omitempty"`
	AnsweredAt   *time.Time `json:"answered_at,omitempty"` // its post, the last time
	Attempts     []Attempt  `json:"attempts"`
	// the lead that is offered anew by this one, and as which this one is
	Resubmits     string `json:"resubmits,omitempty"`
	ResubmittedAs string `json:"resubmitted_as,omitempty"`
}

// Attempt is one outbound post of a lead that was found.
type Attempt struct {
	ID        lead.ID    `json:"attempt"`
	At        time.Time  `json:"at"`
	Campaign  string     `json:"campaign"`
	Buyer     string     `json:"buyer"`
	Brand     string     `json:"brand,omitempty"`
	Bid       lead.Money `json:"bid_micros"`
	Outcome   string     `json:"outcome"` // open where it has not ended
	Refusal   string     `json:"refusal,omitempty"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros"`
	Payout    lead.Money `json:"payout_micros"`
	Changes   int        `json:"changes,omitempty"` // resolutions, corrections and other bookings
	Returned  bool       `json:"returned,omitempty"`
	Paid      *bool      `json:"paid,omitempty"`
}

// Found is a page of leads, newest first.
type Found struct {
	Leads   []Lead `json:"leads"`
	Next    uint64 `json:"next,omitempty"` // Before of the next page; 0: this is the last one
	UpToSeq uint64 `json:"up_to_seq"`      // the last event that was looked at
	Behind  uint64 `json:"behind"`         // events since
}

// Find finds leads. An error is a *BadQuery where it is the asker's.
func (v *View) Find(ctx context.Context, q Query) (*Found, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	out := &Found{Leads: []Lead{}}
	err := v.ask(ctx, findFor, false, func(ctx context.Context, db *sql.DB) error {
		s := v.Status()
		out.UpToSeq, out.Behind = s.UpToSeq, s.Behind
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // leads and their attempts are of one moment
		if err != nil {
			return err
		}
		defer tx.Rollback()
		f := &finder{ctx: ctx, tx: tx, key: &v.key, q: &q, out: out, until: time.Now().Add(lookFor)}
		if err := f.find(); err != nil {
			return err
		}
		if err := linked(ctx, tx, out.Leads); err != nil {
			return err
		}
		return attemptsOf(ctx, tx, out.Leads)
	})
	return out, err
}

func scanLead(rows *sql.Rows) (l Lead, err error) {
	var id, resubmits []byte
	var at int64
	var posted *int64
	var oneShot bool
	var result int
	var refusal lead.Refusal
	err = rows.Scan(&l.N, &id, &at, &l.Source, &l.Vertical, &l.Currency, &l.State, &l.SubID, &l.SubID2, &l.SubID3,
		&l.SellerLeadID, &oneShot, &l.Test, &l.Asked, &l.Answered, &l.Bids, &l.Best, &l.Quote, &result, &refusal,
		&posted, &resubmits)
	if err != nil {
		return l, err
	}
	copy(l.ID[:], id)
	if len(resubmits) == len(l.ID) {
		l.Resubmits = lead.ID(resubmits).String()
	}
	l.At, l.Mode, l.Attempts = time.UnixMicro(at).UTC(), "ping", []Attempt{}
	if oneShot {
		l.Mode = "lead"
	}
	if result >= 0 && result < len(Results) {
		l.Result = Results[result]
	}
	l.Refusal = named(refusal)
	if posted != nil {
		t := time.UnixMicro(*posted).UTC()
		l.AnsweredAt = &t
	}
	return l, nil
}

// named is a refusal's name, "" if there is none.
func named(r lead.Refusal) string {
	if r == lead.NoRefusal {
		return ""
	}
	return r.String()
}

// attemptsOf fills in the attempts of leads.
func attemptsOf(ctx context.Context, tx *sql.Tx, leads []Lead) error {
	if len(leads) == 0 {
		return nil
	}
	at, ns := map[uint64]*Lead{}, make([]any, len(leads))
	for i := range leads {
		at[leads[i].N], ns[i] = &leads[i], int64(leads[i].N)
	}
	rows, err := tx.QueryContext(ctx, `select a.lead, a.id, a.at, c.campaign, c.buyer, a.brand, a.bid, a.outcome,
		a.refusal,
		a.reference, a.price, a.payout, a.changes, max(a.returned, a.given_back), a.paid
		from _attempt a join _campaign c on c.id =
		a.campaign
		where a.lead in (?`+strings.Repeat(", ?", len(ns)-1)+") order by a.at, a.id", ns...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a Attempt
		var n uint64
		var id []byte
		var made int64
		var outcome lead.Outcome
		var refusal lead.Refusal
		if err := rows.Scan(&n, &id, &made, &a.Campaign, &a.Buyer, &a.Brand, &a.Bid, &outcome, &refusal, &a.Reference,
			&a.Price, &a.Payout, &a.Changes, &a.Returned, &a.Paid); err != nil {
			return err
		}
		copy(a.ID[:], id)
		a.At, a.Outcome, a.Refusal = time.UnixMicro(made).UTC(), outcomeName(outcome), named(refusal)
		at[n].Attempts = append(at[n].Attempts, a)
	}
	return rows.Err()
}

// open is the name of an attempt without an end.
const open = "open"

func outcomeName(o lead.Outcome) string {
	if o == lead.OutcomeNone {
		return open
	}
	return o.String()
}

// Outcomes are what attempts may be searched by.
func Outcomes() (out []string) {
	for o := lead.OutcomeNone; o <= lead.TestAccepted; o++ {
		out = append(out, outcomeName(o))
	}
	return out
}
