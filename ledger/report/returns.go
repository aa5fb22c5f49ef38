// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

//go:embed returns.sql
var returnsSchema string

// States of a return in which its sale is none any more.
const (
	stateReturned = 2
	stateReplaced = 5
)

// ReturnStates are the states of a return by their names.
var ReturnStates = []string{1: "asked", stateReturned: "returned", 3: "denied", 4: "revoked", stateReplaced: "replaced"}

// returnState is what an adjustment makes of a return, 0 if it is none of one.
func returnState(adjustment string) int {
	switch adjustment {
	case ledger.AdjustReturnAsked:
		return 1
	case ledger.AdjustReturned:
		return stateReturned
	case ledger.AdjustReturnDenied:
		return 3
	case ledger.AdjustReturnRevoked:
		return 4
	case ledger.AdjustReplaced:
		return stateReplaced
	}
	return 0
}

// returnEvent is what the view reads of an adjustment of a return.
type returnEvent struct {
	Attempt    lead.ID        `json:"attempt"`
	Adjustment string         `json:"adjustment"`
	Why        string         `json:"why"`
	By         string         `json:"by"`
	Return     *ledger.Return `json:"return"`
}

var returnText = []byte(`"return":{`)

// returned takes an adjustment of a return.
func (w *writer) returned(r ledger.Record) {
	if r.Kind != ledger.KindAdjusted || r.Lead.IsZero() || !bytes.Contains(r.Bytes, returnText) {
		return
	}
	var e returnEvent
	if json.Unmarshal(r.Bytes, &e) != nil {
		return // whoever takes the rest of the event counts it
	}
	state := returnState(e.Adjustment)
	if state == 0 || e.Return == nil {
		return
	}
	var chain ledger.Chain
	if e.Return.Chain != nil {
		chain = *e.Return.Chain
	}
	var until any
	if e.Return.Until != nil {
		until = e.Return.Until.UnixMicro()
	}
	// one that a person grants while it waits keeps what was told for it; after a denial that is another lead's to tell
	const waited = "excluded.chain_date = '' and state = 1"
	w.exec(`insert into _return (attempt, seq, asked_at, at, state, reason, note, why, by, decided, replaces, credit,
		clawback, sale_at, until, chain_reference, chain_date, chain_until) values
		(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (attempt) do update set seq = excluded.seq, at = excluded.at, state = excluded.state,
		reason = excluded.reason, note = excluded.note, why = excluded.why, by = excluded.by, decided = excluded.decided,
		replaces = excluded.replaces, credit = credit + excluded.credit, clawback = clawback + excluded.clawback,
		until = excluded.until, chain_reference = iif(`+waited+`, chain_reference, excluded.chain_reference),
		chain_date = iif(`+waited+`, chain_date, excluded.chain_date),
		chain_until = iif(`+waited+`, chain_until, excluded.chain_until)`, e.Attempt[:], int64(r.Seq), r.At, r.At,
		state, e.Return.Reason, e.Return.Note, e.Why, e.By, e.Return.Decided, bit(e.Return.Replace),
		int64(e.Return.Credit), int64(e.Return.Clawback), e.Return.Sold.UnixMicro(), until, w.text(chain.Reference),
		chain.Date, chain.Until)
	w.givenBack(e.Attempt, state, int64(e.Return.Credit), int64(e.Return.Clawback))
}

// givenBack changes what sums have of a sale by what comes back of it.
func (w *writer) givenBack(attempt lead.ID, state int, credit, clawback int64) {
	a := w.attemptKnown(attempt)
	if a == nil {
		return
	}
	a.givenBack = bit(state == stateReturned || state == stateReplaced)
	a.credit, a.clawback = a.credit+credit, a.clawback+clawback
	w.changeAttempt(a)
}

// returnsBefore takes the returns that a database of an earlier version has: its attempts and sums had nothing of them.
func (w *writer) returnsBefore() error {
	if w.err != nil {
		return nil // it is told by the commit
	}
	rows, err := w.conn.QueryContext(context.Background(), "select attempt, state, credit, clawback from _return")
	if err != nil {
		return err
	}
	defer rows.Close()
	type back struct {
		attempt          lead.ID
		state            int
		credit, clawback int64
	}
	var all []back
	for rows.Next() {
		var b back
		var id []byte
		if err := rows.Scan(&id, &b.state, &b.credit, &b.clawback); err != nil {
			return err
		}
		copy(b.attempt[:], id)
		all = append(all, b)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, b := range all {
		w.givenBack(b.attempt, b.state, b.credit, b.clawback)
	}
	return nil
}

// ReturnsQuery is what returns are searched by.
type ReturnsQuery struct {
	State, Buyer, Source, Reason string // "": any
	Since, Until                 time.Time
	Before                       uint64 // only those whose last event is before this one: Next of the page before
	Limit                        int    // 1 to FindMax
}

// ReturnRow is one sale that its buyer wanted to give back. Money is in millionths of Currency.
type ReturnRow struct {
	Seq       uint64     `json:"seq"` // of its last event
	Lead      lead.ID    `json:"lead_id"`
	Attempt   lead.ID    `json:"attempt"`
	AskedAt   time.Time  `json:"asked_at"`
	At        time.Time  `json:"at"`
	State     string     `json:"state"` // one of ReturnStates
	Reason    string     `json:"reason"`
	Note      string     `json:"note,omitempty"`
	Why       string     `json:"why"`
	By        string     `json:"by,omitempty"`
	Decided   string     `json:"decided,omitempty"`  // rule or person
	Replaces  bool       `json:"replaces,omitempty"` // another lead in place of money
	Campaign  string     `json:"campaign"`
	Buyer     string     `json:"buyer"`
	Source    string     `json:"source"`
	Vertical  string     `json:"vertical"`
	Currency  string     `json:"currency"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros"`
	Payout    lead.Money `json:"payout_micros"`
	Credit    lead.Money `json:"credit_micros"`
	Clawback  lead.Money `json:"clawback_micros"`
	SaleAt    time.Time  `json:"sale_at"`
	Until     *time.Time `json:"until,omitempty"`
	// of a buyer that resells: its own buyer's reference, when that one gave it back, and the last date that counts
	ChainReference string `json:"chain_reference,omitempty"`
	ChainDate      string `json:"chain_date,omitempty"`
	ChainUntil     string `json:"chain_until,omitempty"`
}

// ReturnsFound is a page of returns, those whose last event is the newest first.
type ReturnsFound struct {
	Returns []ReturnRow `json:"returns"`
	Next    uint64      `json:"next,omitempty"` // Before of the next page; 0: this is the last one
	UpToSeq uint64      `json:"up_to_seq"`
	Behind  uint64      `json:"behind"`
}

// Returns lists returns. An error is a *BadQuery where it is the asker's.
func (v *View) Returns(ctx context.Context, q ReturnsQuery) (*ReturnsFound, error) {
	if q.Limit < 1 || q.Limit > FindMax {
		return nil, &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	w := &where{}
	if q.State != "" {
		i := slices.Index(ReturnStates, q.State)
		if i < 1 {
			return nil, &BadQuery{"state", strings.Join(ReturnStates[1:], ", ")}
		}
		w.and(fmt.Sprint("r.state = ", i)) // as its index has it
	}
	for column, value := range map[string]string{"c.buyer": q.Buyer, "o.source": q.Source, "r.reason": q.Reason} {
		if value != "" {
			w.and(column+" = ?", value)
		}
	}
	if !q.Since.IsZero() {
		w.and("r.at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		w.and("r.at < ?", q.Until.UnixMicro())
	}
	if q.Before > 0 {
		w.and("r.seq < ?", int64(q.Before))
	}
	out := &ReturnsFound{Returns: []ReturnRow{}}
	err := v.ask(ctx, findFor, false, func(ctx context.Context, db *sql.DB) error {
		st := v.Status()
		out.UpToSeq, out.Behind = st.UpToSeq, st.Behind
		rows, err := db.QueryContext(ctx, `select r.seq, l.id, r.attempt, r.asked_at, r.at, r.state, r.reason, r.note,
			r.why, r.by, r.decided, r.replaces, c.campaign, c.buyer, o.source, o.vertical, o.currency, a.reference,
			a.price, a.payout, r.credit, r.clawback, r.sale_at, r.until, r.chain_reference, r.chain_date, r.chain_until
			from _return r join _attempt a on a.id = r.attempt join _lead l on l.n = a.lead
			join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin
			where `+w.all()+fmt.Sprint(" order by r.seq desc limit ", q.Limit+1), w.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanReturn(rows)
			if err != nil {
				return err
			}
			out.Returns = append(out.Returns, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	if len(out.Returns) > q.Limit {
		out.Returns = out.Returns[:q.Limit]
		out.Next = out.Returns[q.Limit-1].Seq
	}
	return out, nil
}

func scanReturn(rows *sql.Rows) (r ReturnRow, err error) {
	var id, attempt []byte
	var asked, at, sale int64
	var until sql.NullInt64
	var state int
	err = rows.Scan(&r.Seq, &id, &attempt, &asked, &at, &state, &r.Reason, &r.Note, &r.Why, &r.By, &r.Decided,
		&r.Replaces, &r.Campaign, &r.Buyer, &r.Source, &r.Vertical, &r.Currency, &r.Reference, &r.Price, &r.Payout,
		&r.Credit, &r.Clawback, &sale, &until, &r.ChainReference, &r.ChainDate, &r.ChainUntil)
	copy(r.Lead[:], id)
	copy(r.Attempt[:], attempt)
	r.AskedAt, r.At, r.SaleAt = time.UnixMicro(asked).UTC(), time.UnixMicro(at).UTC(), time.UnixMicro(sale).UTC()
	if r.State = ReturnStates[min(state, len(ReturnStates)-1)]; until.Valid {
		t := time.UnixMicro(until.Int64).UTC()
		r.Until = &t
	}
	return r, err
}
