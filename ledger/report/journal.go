// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/books"
	"clearpost/lead"
	"clearpost/ledger"
)

//go:embed journal.sql
var journalSchema string

// sold writes what the end of an attempt books.
func (w *writer) sold(r ledger.Record, e *event) {
	entries := books.Of(&ledger.Posted{Head: ledger.Head{Source: e.Source, Test: e.Test}, Again: e.Again,
		Buyer: e.Buyer, Outcome: e.Outcome, Price: lead.Money(e.Price), Payout: lead.Money(e.Payout)})
	w.book(r, entries, e.Attempt, "", "", e.Reference)
}

// changed writes what an adjustment books.
func (w *writer) changed(r ledger.Record) {
	ev, err := ledger.Decode(r.Bytes)
	a, ok := ev.(*ledger.Adjusted)
	if err != nil || !ok {
		return // whoever takes the rest of the event counts it
	}
	currency, note := "", ""
	if r.Lead.IsZero() {
		currency, note = a.Currency, cut(a.Ref)
	}
	w.book(r, books.Of(a), a.Attempt, currency, note, a.Reference)
}

// book writes the entries of an event.
func (w *writer) book(r ledger.Record, entries []books.Entry, of lead.ID, currency, note, reference string) {
	var id, attempt any
	if !r.Lead.IsZero() {
		id = r.Lead[:]
	}
	if !of.IsZero() {
		attempt = of[:]
	}
	for i, e := range entries {
		w.exec("insert into _entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing", int64(r.Seq), i,
			r.At, w.account(e.Account), int64(e.Amount), slices.Index(books.Kinds, e.Kind), id, attempt, currency, note,
			w.text(reference))
	}
}

// account finds or makes the row of an account.
func (w *writer) account(name string) int64 {
	id, ok := w.accounts[name]
	if !ok {
		id = w.id("insert into _account (name) values (?) on conflict do update set name = name returning id", name)
		w.accounts[strings.Clone(name)] = id
	}
	return id
}

// Balance is what stands on an account.
type Balance struct {
	Account  string     `json:"account"`
	Currency string     `json:"currency"`
	Amount   lead.Money `json:"amount_micros"` // above zero: debit
	Entries  int64      `json:"entries"`
}

// Trial lists what stands on each account, as of a time; zero: now. All of a currency add up to zero.
func (v *View) Trial(ctx context.Context, until time.Time) (out []Balance, err error) {
	w := &where{}
	if !until.IsZero() {
		w.and("e.at < ?", until.UnixMicro())
	}
	err = v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		rows, err := db.QueryContext(ctx,
			`select n.name, iif(e.currency = '', coalesce(o.currency, ''), e.currency) as c,
			sum(e.amount), count(*) from _entry e join _account n on n.id = e.account left join _lead l on l.id = e.lead
			left join _origin o on o.id = l.origin where `+w.all()+" group by 1, 2 order by 2, 1", w.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b Balance
			if err := rows.Scan(&b.Account, &b.Currency, &b.Amount, &b.Entries); err != nil {
				return err
			}
			out = append(out, b)
		}
		return rows.Err()
	})
	return out, err
}

// StatementQuery asks for the account of a buyer or a source over a time.
type StatementQuery struct {
	Account      string // buyer:ID or source:ID
	Since, Until time.Time
	After        StatementMark // only lines after this one: Next of the page before
	Limit        int           // of lines, 1 to FindMax
}

// StatementMark is a place among the lines of a statement.
type StatementMark struct {
	Seq  uint64 `json:"seq"`
	Line int    `json:"line"`
}

// Statement is an account over a time. What a buyer owes, and what a source is owed, is above zero.
type Statement struct {
	Account string          `json:"account"`
	Since   time.Time       `json:"since"`
	Until   time.Time       `json:"until"`
	Sums    []StatementSum  `json:"sums"` // one a currency; on the first page only
	Lines   []StatementLine `json:"lines"`
	Next    *StatementMark  `json:"next,omitempty"` // nil: these are the last ones
	UpToSeq uint64          `json:"up_to_seq"`
	Behind  uint64          `json:"behind"`
}

// StatementSum is what has changed in one currency.
type StatementSum struct {
	Currency    string     `json:"currency"`
	Opening     lead.Money `json:"opening_micros"`
	Sales       lead.Money `json:"sales_micros"`
	SalesN      int64      `json:"sales"` // entries of them
	Corrections lead.Money `json:"corrections_micros"`
	Returns     lead.Money `json:"returns_micros"`
	ReturnsN    int64      `json:"returns"` // entries of them, those that book a return again among them
	Payments    lead.Money `json:"payments_micros"`
	Closing     lead.Money `json:"closing_micros"`
}

// StatementLine is one entry.
type StatementLine struct {
	StatementMark
	At        time.Time  `json:"at"`
	Kind      string     `json:"kind"`
	Currency  string     `json:"currency"`
	Amount    lead.Money `json:"amount_micros"`
	Lead      *lead.ID   `json:"lead_id,omitempty"`
	Campaign  string     `json:"campaign,omitempty"`
	Reference string     `json:"reference,omitempty"` // the buyer's
	Seller    string     `json:"seller_lead_id,omitempty"`
	Note      string     `json:"note,omitempty"`     // of a payment: its ref
	Date      string     `json:"date,omitempty"`     // of a payment: the day on which it was made, such as 2026-11-03
	Corrects  string     `json:"corrects,omitempty"` // issued: the earlier statement that it is about
}

// Statement reads an account. An error is a *BadQuery where it is the asker's.
func (v *View) Statement(ctx context.Context, q StatementQuery) (*Statement, error) {
	kind, id := books.Party(q.Account)
	switch {
	case kind != "buyer" && kind != "source" || id == "":
		return nil, &BadQuery{"account", "buyer:ID or source:ID"}
	case q.Since.IsZero() || !q.Since.Before(q.Until):
		return nil, &BadQuery{"since and until", "a range of time"}
	case q.Limit < 1 || q.Limit > FindMax:
		return nil, &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	sign := lead.Money(1)
	if kind == "source" {
		sign = -1
	}
	out := &Statement{Account: q.Account, Since: q.Since.UTC(), Until: q.Until.UTC(), Sums: []StatementSum{},
		Lines: []StatementLine{}}
	err := v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		st := v.Status()
		out.UpToSeq, out.Behind = st.UpToSeq, st.Behind
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if q.After == (StatementMark{}) { // they take as long as all pages together
			if err := out.sums(ctx, tx, sign); err != nil {
				return err
			}
		}
		return out.lines(ctx, tx, &q, sign)
	})
	return out, err
}

// paidOn joins, as d, the day of a payment that somebody has said.
const paidOn = "left join _adjustment d on d.seq = e.seq and e.kind = 3"

const entriesFrom = ` from _entry e join _account n on n.id = e.account left join _lead l on l.id = e.lead
	left join _origin o on o.id = l.origin `

func (s *Statement) sums(ctx context.Context, tx *sql.Tx, sign lead.Money) error {
	const in = "sum(iif(e.at >= ?1 and e.kind = "
	rows, err := tx.QueryContext(ctx, `select iif(e.currency = '', coalesce(o.currency, ''), e.currency) as c,
		sum(iif(e.at < ?1, e.amount, 0)), `+in+`0, e.amount, 0)), `+in+`0, 1, 0)), `+in+`1, e.amount, 0)), `+in+
		`2, e.amount, 0)), `+in+`2, 1, 0)), `+in+`3, e.amount, 0)), sum(e.amount)`+entriesFrom+
		"where n.name = ?3 and e.at < ?2 group by 1 order by 1", s.Since.UnixMicro(), s.Until.UnixMicro(), s.Account)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var x StatementSum
		if err := rows.Scan(&x.Currency, &x.Opening, &x.Sales, &x.SalesN, &x.Corrections, &x.Returns, &x.ReturnsN,
			&x.Payments, &x.Closing); err != nil {
			return err
		}
		for _, m := range []*lead.Money{&x.Opening, &x.Sales, &x.Corrections, &x.Returns, &x.Payments, &x.Closing} {
			*m *= sign
		}
		s.Sums = append(s.Sums, x)
	}
	return rows.Err()
}

func (s *Statement) lines(ctx context.Context, tx *sql.Tx, q *StatementQuery, sign lead.Money) error {
	rows, err := tx.QueryContext(ctx,
		`select e.seq, e.line, e.at, e.kind, iif(e.currency = '', coalesce(o.currency, ''),
		e.currency), e.amount, e.lead, coalesce(c.campaign, ''), coalesce(nullif(e.reference, ''), a.reference, ''),
		coalesce(l.seller, ''), e.note, coalesce(d.date, '')`+
			` from _entry e indexed by _entry_seq left join _lead l on l.id = e.lead left join _origin o on o.id = l.origin
		left join _attempt a on a.id = e.attempt left join _campaign c on c.id = a.campaign `+paidOn+`
		where e.account = (select id from _account where name = ?1) and e.at >= ?2 and e.at < ?3 and e.seq >= ?4 and
		(e.seq > ?4 or e.line > ?5) order by e.seq, e.line limit ?6`,
		s.Account, s.Since.UnixMicro(), s.Until.UnixMicro(), int64(q.After.Seq), q.After.Line, q.Limit+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var x StatementLine
		var at int64
		var kind int
		var id []byte
		if err := rows.Scan(&x.Seq, &x.Line, &at, &kind, &x.Currency, &x.Amount, &id, &x.Campaign, &x.Reference,
			&x.Seller, &x.Note, &x.Date); err != nil {
			return err
		}
		x.At, x.Kind = time.UnixMicro(at).UTC(), books.Kinds[min(max(kind, 0), len(books.Kinds)-1)]
		if x.Amount *= sign; len(id) == len(lead.ID{}) {
			x.Lead = (*lead.ID)(id)
		}
		s.Lines = append(s.Lines, x)
	}
	if len(s.Lines) > q.Limit {
		s.Lines = s.Lines[:q.Limit]
		s.Next = &s.Lines[q.Limit-1].StatementMark
	}
	return rows.Err()
}
