// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// Bounds of a search.
const (
	FindMax = 1000             // leads of one page
	findFor = 20 * time.Second // a search that takes longer is given up: narrower ones are quick
)

// Query is what leads are searched by: all that is set must hold. What is said of attempts must hold of one attempt.
type Query struct {
	// whatever the lead may be called: the id of it or of an attempt, a phone number, an e-mail address, the seller's
	// id or SOURCE:ID, a buyer's reference or BUYER:REFERENCE or CAMPAIGN:REFERENCE
	Name   string
	Phone  string
	Email  string
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

// where collects conditions.
type where struct {
	text []string
	args []any
}

func (w *where) and(text string, args ...any) {
	w.text, w.args = append(w.text, text), append(w.args, args...)
}

// all are the conditions in one; every lead where there are none.
func (w *where) all() string {
	if len(w.text) == 0 {
		return "true"
	}
	return strings.Join(w.text, " and ")
}

// Find finds leads. An error is a *BadQuery where it is the asker's.
func (v *View) Find(ctx context.Context, q Query) (*Found, error) {
	w, err := v.conditions(&q)
	if err != nil {
		return nil, err
	}
	out := &Found{Leads: []Lead{}}
	err = v.ask(ctx, findFor, false, func(ctx context.Context, db *sql.DB) error {
		s := v.Status()
		out.UpToSeq, out.Behind = s.UpToSeq, s.Behind
		rows, err := db.QueryContext(ctx, `select l.n, l.id, l.at, o.source, o.vertical, o.currency, o.state, o.sub_id,
			l.sub_id2, l.sub_id3, l.seller, l.one_shot, l.test, l.asked, l.answered, l.bids, l.best, l.quote, l.result,
			l.refusal, l.posted_at from _lead l join _origin o on o.id = l.origin where `+w.all()+
			" order by l.n desc limit ?", append(w.args, q.Limit+1)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(out.Leads) == q.Limit {
				out.Next = out.Leads[q.Limit-1].N
				break
			}
			l, err := scanLead(rows)
			if err != nil {
				return err
			}
			out.Leads = append(out.Leads, l)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		return attemptsOf(ctx, db, out.Leads)
	})
	return out, err
}

func scanLead(rows *sql.Rows) (l Lead, err error) {
	var id []byte
	var at int64
	var posted *int64
	var oneShot bool
	var result int
	var refusal lead.Refusal
	err = rows.Scan(&l.N, &id, &at, &l.Source, &l.Vertical, &l.Currency, &l.State, &l.SubID, &l.SubID2, &l.SubID3,
		&l.SellerLeadID, &oneShot, &l.Test, &l.Asked, &l.Answered, &l.Bids, &l.Best, &l.Quote, &result, &refusal,
		&posted)
	if err != nil {
		return l, err
	}
	copy(l.ID[:], id)
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
func attemptsOf(ctx context.Context, db *sql.DB, leads []Lead) error {
	if len(leads) == 0 {
		return nil
	}
	at, ns := map[uint64]*Lead{}, make([]any, len(leads))
	for i := range leads {
		at[leads[i].N], ns[i] = &leads[i], int64(leads[i].N)
	}
	rows, err := db.QueryContext(ctx, `select a.lead, a.id, a.at, c.campaign, c.buyer, a.brand, a.bid, a.outcome, a.refusal,
		a.reference, a.price, a.payout, a.changes, a.returned, a.paid from _attempt a join _campaign c on c.id = a.campaign
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

// conditions are those of a search, in SQL.
func (v *View) conditions(q *Query) (*where, error) {
	w := &where{}
	if q.Limit < 1 || q.Limit > FindMax {
		return nil, &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	if q.Before > 0 {
		w.and("l.n < ?", int64(q.Before))
	}
	if !q.Tests {
		w.and("l.test = 0")
	}
	if !q.Since.IsZero() {
		w.and("l.at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		w.and("l.at < ?", q.Until.UnixMicro())
	}
	for column, value := range map[string]string{"o.source": q.Source, "o.vertical": q.Vertical, "o.state": q.State,
		"o.sub_id": q.SubID, "l.seller": q.Seller} {
		if value != "" {
			w.and(column+" = ?", cut(value))
		}
	}
	if q.Result != "" {
		i := slices.Index(Results, q.Result)
		if i < 0 {
			return nil, &BadQuery{"result", strings.Join(Results, ", ")}
		}
		w.and("l.result = ?", i)
	}
	if err := v.persons(q, w); err != nil {
		return nil, err
	}
	return w, q.attempts(w)
}

// persons adds what a search says of the lead's person, or calls the lead by.
func (v *View) persons(q *Query, w *where) error {
	for kind, value := range map[string]string{byPhone: q.Phone, byEmail: q.Email} {
		if value == "" {
			continue
		}
		normal, ok := normalPerson(kind, value, q.Region)
		if !ok {
			return &BadQuery{kind, "one that a lead may have, as it is written in " + regionOf(q.Region)}
		}
		w.and("l.n in (select lead from _person where key = ?)", v.key.hash(kind, normal))
	}
	if q.Name == "" {
		return nil
	}
	if id, err := lead.ParseID(q.Name); err == nil {
		w.and(`l.n in (select n from _lead where id = ? union select lead from _attempt where id = ? union
			select a.lead from _resend r join _attempt a on a.id = r.attempt where r.id = ?)`, id[:], id[:], id[:])
		return nil
	}
	text := "l.n in (select lead from _attempt where reference <> '' and reference = ?" +
		" union select n from _lead where seller <> '' and seller = ?"
	args := []any{cut(q.Name), cut(q.Name)}
	if who, what, ok := strings.Cut(q.Name, ":"); ok {
		text += ` union select a.lead from _attempt a join _campaign c on c.id = a.campaign where a.reference <> '' and
			a.reference = ? and (c.campaign = ? or c.buyer = ?) union select l.n from _lead l join _origin o on
			o.id = l.origin where l.seller <> '' and l.seller = ? and o.source = ?`
		args = append(args, cut(what), who, who, cut(what), who)
	}
	for _, kind := range []string{byPhone, byEmail} {
		if normal, ok := normalPerson(kind, q.Name, q.Region); ok {
			text += " union select lead from _person where key = ?"
			args = append(args, v.key.hash(kind, normal))
		}
	}
	w.and(text+")", args...)
	return nil
}

// attempts adds what a search says of an attempt.
func (q *Query) attempts(w *where) error {
	a := &where{}
	if q.Outcome != "" {
		i := slices.Index(Outcomes(), q.Outcome)
		if i < 0 {
			return &BadQuery{"outcome", strings.Join(Outcomes(), ", ")}
		}
		a.and("a.outcome = ?", i)
	}
	if q.Buyer != "" {
		a.and("c.buyer = ?", q.Buyer)
	}
	if q.Campaign != "" {
		a.and("c.campaign = ?", q.Campaign)
	}
	if q.PriceMin != nil {
		a.and("a.outcome = 1 and a.price >= ?", int64(*q.PriceMin))
	}
	if q.PriceMax != nil {
		a.and("a.outcome = 1 and a.price <= ?", int64(*q.PriceMax))
	}
	named := q.Reference != "" || !q.Attempt.IsZero()
	if q.Reference != "" {
		a.and("a.reference <> '' and a.reference = ?", cut(q.Reference))
	}
	if !q.Attempt.IsZero() {
		a.and("a.id = ?", q.Attempt[:])
	}
	switch {
	case q.Refusal == lead.NoRefusal:
	case len(a.text) > 0:
		a.and("a.refusal = ?", int64(q.Refusal))
	default:
		w.and("(l.refusal = ? or exists (select 1 from _attempt a where a.lead = l.n and a.refusal = ?))",
			int64(q.Refusal), int64(q.Refusal))
	}
	switch from := "from _attempt a join _campaign c on c.id = a.campaign where "; {
	case len(a.text) == 0:
	case named: // few: they are found first
		w.and("l.n in (select a.lead "+from+a.all()+")", a.args...)
	default: // many: each lead is looked at, from the newest on
		w.and("exists (select 1 "+from+"a.lead = l.n and "+a.all()+")", a.args...)
	}
	return nil
}

func regionOf(region string) string {
	if region == "" {
		return "US"
	}
	return strings.ToUpper(region)
}

// normalPerson is the normal form of a phone number or an e-mail address, as leads have it.
func normalPerson(kind, text, region string) (string, bool) {
	s, errs := lead.NewSchemaWith("report", nil, lead.Options{Region: regionOf(region)})
	if errs != nil {
		return "", false
	}
	var l lead.Lead
	l.Reset(s)
	pos, _ := s.Position(kind)
	l.Set(pos, []byte(text))
	if l.Slot(pos).State != lead.Valid {
		return "", false
	}
	normal := string(l.Normal(pos))
	return normal, kindOf(normal) == kind
}
