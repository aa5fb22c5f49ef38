// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/books"
	"clearpost/lead"
	"clearpost/ledger"
)

//go:embed statements.sql
var statementsSchema string

// statementPrefix stands before the account in the subject of the event that issues a statement.
const statementPrefix = "statement:"

var statementText = []byte(`"statement":{`)

// stated takes an event that issues a statement.
func (w *writer) stated(r ledger.Record) {
	if r.Kind != ledger.KindAdjusted || !r.Lead.IsZero() || !bytes.Contains(r.Bytes, statementText) {
		return
	}
	var e struct {
		Adjustment string            `json:"adjustment"`
		Subject    string            `json:"subject"`
		Currency   string            `json:"currency"`
		By         string            `json:"by"`
		Statement  *ledger.Statement `json:"statement"`
	}
	if json.Unmarshal(r.Bytes, &e) != nil || e.Adjustment != ledger.AdjustStated || e.Statement == nil {
		return // whoever takes the rest of the event counts it
	}
	s := e.Statement
	body, err := json.Marshal(s)
	if err != nil {
		return
	}
	w.exec("insert into _statement values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing", int64(r.Seq),
		r.At,
		s.Number, s.Series, s.N, strings.TrimPrefix(e.Subject, statementPrefix), e.Currency, s.Month,
		s.Until.UnixMicro(), int64(s.UpToSeq), e.By, string(body))
}

// Issued is a statement that has a number.
type Issued struct {
	Seq      uint64    `json:"seq"` // of its event; 0: it has none yet
	IssuedAt time.Time `json:"issued_at"`
	Account  string    `json:"account"`
	Currency string    `json:"currency"`
	By       string    `json:"by,omitempty"`
	ledger.Statement
}

// Digest is what the entries of a statement come to: lines are added in their order.
type Digest struct {
	hash hash.Hash
	n    int64
	buf  []byte
	sums map[string]lead.Money
}

// NewDigest is one of no lines.
func NewDigest() *Digest { return &Digest{hash: sha256.New(), sums: map[string]lead.Money{}} }

// Add adds a line.
func (d *Digest) Add(l *StatementLine) {
	b := strconv.AppendUint(d.buf[:0], l.Seq, 10)
	b = strconv.AppendInt(append(b, ' '), int64(l.Line), 10)
	b = strconv.AppendInt(append(b, ' '), l.At.UnixMicro(), 10)
	b = append(append(b, ' '), l.Kind...)
	b = strconv.AppendInt(append(b, ' '), int64(l.Amount), 10)
	if b = append(b, ' '); l.Lead != nil {
		b = append(b, l.Lead.String()...)
	}
	b = append(append(b, ' '), l.Note...)
	d.buf = append(b, '\n')
	d.hash.Write(d.buf)
	d.n++
	d.sums[l.Kind] += l.Amount
}

// Into writes into a statement what its lines come to.
func (d *Digest) Into(s *ledger.Statement) {
	s.Lines, s.SHA256 = d.n, hex.EncodeToString(d.hash.Sum(nil))
	s.Sales, s.Corrections = d.sums[books.OfSale], d.sums[books.OfCorrection]
	s.Returns, s.Payments = d.sums[books.OfReturn], d.sums[books.OfPayment]
	s.Closing = s.Opening + s.Sales + s.Corrections + s.Returns + s.Payments
}

// ErrOtherLines is returned where the lines of a statement are not those that it was issued with: the view does not
// have all events any more.
var ErrOtherLines = errors.New("the lines that are left are not those with which the statement was issued: what find " +
	"and report read has lost events")

// Check compares the lines with a statement that was issued.
func (d *Digest) Check(s *ledger.Statement) error {
	is := ledger.Statement{Opening: s.Opening}
	if d.Into(&is); is.SHA256 != s.SHA256 || is.Lines != s.Lines || is.Closing != s.Closing {
		return fmt.Errorf("%w (%d lines of %d)", ErrOtherLines, is.Lines, s.Lines)
	}
	return nil
}

// MonthAsk asks for a month of an account as it would be issued.
type MonthAsk struct {
	Account string // buyer:ID or source:ID
	Month   string // such as 2026-10
	Zone    *time.Location
	// it is the account's first statement, and what was booked before is its opening; without it that is refused
	First bool

	span func(month string, zone *time.Location) (since, until time.Time, err error) // nil: Span
}

// Errors of Months: what the asker has to do first.
var (
	ErrMonthBefore = errors.New("a month before it has not been issued")
	ErrMonthAfter  = errors.New("a month after it has been issued: what was booked late stands on the next one")
	ErrOtherZone   = errors.New("the account's statements are of another zone")
)

// Span is from when to when a month goes in a zone.
func Span(month string, zone *time.Location) (since, until time.Time, err error) {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return since, until, &BadQuery{"month", "a month such as 2026-10"}
	}
	return begins(t, zone), begins(t.AddDate(0, 1, 0), zone), nil
}

// begins is when the date of a time begins in a zone: where its clocks leave out midnight, as they go forward.
func begins(date time.Time, zone *time.Location) time.Time {
	t := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, zone)
	switch from, to := t.ZoneBounds(); {
	case t.Day() != date.Day(): // before they do
		t = to
	case t.Hour() != 0:
		t = from
	}
	return t.UTC()
}

// monthsFor is how long it may take to find out what stands on the statements of a month: some million lines.
const monthsFor = 10 * time.Minute

// Months are the statements of a month as they would be issued now, one a currency in which there is something to
// state, in the order of these: those that have been are among them, with their number and seq. It goes as far as the
// view, which has to have all that is stored.
func (v *View) Months(ctx context.Context, q MonthAsk) (out []Issued, err error) {
	if err := accountOf(q.Account); err != nil {
		return nil, err
	}
	months := Span
	if q.span != nil {
		months = q.span
	}
	since, until, err := months(q.Month, q.Zone)
	if err != nil {
		return nil, err
	}
	err = v.read(ctx, monthsFor, false, func(ctx context.Context, tx *sql.Tx) error {
		var next int64
		if err := tx.QueryRowContext(ctx, "select coalesce(max(value), 1) from _place where name = 'next'").Scan(
			&next); err != nil {
			return err
		}
		currencies, err := currenciesOf(ctx, tx, q.Account, until)
		if err != nil {
			return err
		}
		for _, c := range currencies {
			earlier, err := issued(ctx, tx, "account = ? and currency = ? order by seq", q.Account, c)
			if err != nil {
				return err
			}
			one := Issued{Account: q.Account, Currency: c, Statement: ledger.Statement{Month: q.Month,
				Zone: q.Zone.String(), Since: since, Until: until, UpToSeq: uint64(max(next-1, 0))}}
			is, err := one.fill(ctx, tx, earlier, q.First)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.TrimSpace(q.Account+" "+c), err)
			}
			if is != nil {
				out = append(out, *is)
			}
		}
		return nil
	})
	return out, err
}

// fill finds out what stands on a statement; nil: nothing, or it is another one that has been issued.
func (s *Issued) fill(ctx context.Context, tx *sql.Tx, earlier []Issued, first bool) (*Issued, error) {
	for i := range earlier {
		if earlier[i].Month == s.Month {
			return &earlier[i], nil
		}
	}
	s.AfterTime, s.AfterSeq = s.Since, s.UpToSeq
	from := span{until: s.Until.UnixMicro(), upTo: s.UpToSeq}
	if n := len(earlier); n > 0 {
		last := &earlier[n-1]
		switch {
		case last.Zone != s.Zone:
			return nil, fmt.Errorf("%w: %s", ErrOtherZone, last.Zone)
		case !last.Until.Before(s.Until):
			return nil, fmt.Errorf("%w: %s, as %s", ErrMonthAfter, last.Month, last.Number)
		}
		s.Before, s.Opening, s.AfterTime, s.AfterSeq = last.Number, last.Closing, last.Until, last.UpToSeq
		from.afterTime, from.afterSeq = s.AfterTime.UnixMicro(), s.AfterSeq
	}
	d, at := NewDigest(), map[string]int{}
	err := eachLine(ctx, tx, s.Account, s.Currency, from, StatementMark{}, earlier, func(l *StatementLine) error {
		switch {
		case len(earlier) == 0 && l.At.Before(s.Since) && first:
			s.Opening += l.Amount
			return nil
		case l.At.Before(s.Since) && (len(earlier) == 0 || !l.At.Before(s.AfterTime)):
			zone, err := time.LoadLocation(s.Zone)
			if err != nil {
				return err
			}
			return fmt.Errorf("%w: %s", ErrMonthBefore, l.At.In(zone).Format("2006-01"))
		}
		if d.Add(l); l.Corrects != "" {
			i, ok := at[l.Corrects]
			if !ok {
				i = len(s.Corrects)
				at[l.Corrects] = i
				s.Corrects = append(s.Corrects, ledger.Corrects{Number: l.Corrects})
			}
			s.Corrects[i].Lines++
			s.Corrects[i].Amount += l.Amount
		}
		return nil
	})
	if d.Into(&s.Statement); err != nil || s.Lines == 0 {
		return nil, err
	}
	return s, nil
}

// accountOf judges the name of an account that statements are of.
func accountOf(name string) error {
	if kind, id := books.Party(name); kind != "buyer" && kind != "source" || id == "" {
		return &BadQuery{"account", "buyer:ID or source:ID"}
	}
	return nil
}

const entryCurrency = "iif(e.currency = '', coalesce(o.currency, ''), e.currency)"

func currenciesOf(ctx context.Context, tx *sql.Tx, account string, until time.Time) (out []string, err error) {
	rows, err := tx.QueryContext(ctx, "select distinct "+entryCurrency+" as c"+entriesFrom+
		"where n.name = ? and e.at < ? order by c", account, until.UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// span is which entries of an account a statement covers, as ledger.Statement has it, in microseconds.
type span struct {
	until, afterTime int64
	upTo, afterSeq   uint64
}

var errPageFull = errors.New("the page is full")

// eachLine hands over the entries of a span in their order, after a mark. What each is about is told by the statements
// before it: the one that has the first entry of its attempt, or whose month has the attempt.
func eachLine(ctx context.Context, tx *sql.Tx, account, currency string, s span, after StatementMark, earlier []Issued,
	do func(*StatementLine) error) error {
	rows, err := tx.QueryContext(ctx, `select e.seq, e.line, e.at, e.kind, e.amount, e.lead, coalesce(c.campaign, ''),
		coalesce(nullif(e.reference, ''), a.reference, ''), coalesce(l.seller, ''), e.note, coalesce(d.date, ''),
		coalesce(a.at, 0),
		(select f.seq from _entry f indexed by _entry_attempt where f.attempt = e.attempt and f.account = e.account and
			f.seq < e.seq order by f.seq limit 1),
		(select f.at from _entry f indexed by _entry_attempt where f.attempt = e.attempt and f.account = e.account and
			f.seq < e.seq order by f.seq limit 1)
		from _entry e indexed by _entry_seq left join _lead l on l.id = e.lead left join _origin o on o.id = l.origin
		left join _attempt a on a.id = e.attempt left join _campaign c on c.id = a.campaign `+paidOn+`
		where e.account = (select id from _account where name = ?1) and `+entryCurrency+` = ?2 and e.seq >= ?3 and
		(e.seq > ?3 or e.line > ?4) and e.seq <= ?5 and e.at < ?6 and (e.at >= ?7 or e.seq > ?8)
		order by e.seq, e.line`, account, currency, int64(after.Seq), after.Line, int64(s.upTo), s.until, s.afterTime,
		int64(s.afterSeq))
	if err != nil {
		return err
	}
	defer rows.Close()
	sign := lead.Money(1)
	if kind, _ := books.Party(account); kind == "source" {
		sign = -1
	}
	for rows.Next() {
		var x StatementLine
		var at, attemptAt int64
		var sold, soldAt sql.NullInt64
		var kind int
		var id []byte
		if err := rows.Scan(&x.Seq, &x.Line, &at, &kind, &x.Amount, &id, &x.Campaign, &x.Reference, &x.Seller, &x.Note,
			&x.Date, &attemptAt, &sold, &soldAt); err != nil {
			return err
		}
		x.At, x.Kind, x.Currency = time.UnixMicro(at).UTC(), books.Kinds[min(max(kind, 0), len(books.Kinds)-1)],
			currency
		if x.Amount *= sign; len(id) == len(lead.ID{}) {
			x.Lead = (*lead.ID)(id)
		}
		if about := attemptAt; about > 0 {
			if sold.Valid {
				about = soldAt.Int64
			}
			x.Corrects = aboutWhich(earlier, about, uint64(sold.Int64))
		}
		if err := do(&x); err != nil {
			return err
		}
	}
	return rows.Err()
}

// aboutWhich is the statement that has what was booked then, by an event of this seq; 0: of one before.
func aboutWhich(earlier []Issued, at int64, seq uint64) string {
	for i := range earlier {
		if s := &earlier[i]; at < s.Until.UnixMicro() && seq <= s.UpToSeq {
			if i == 0 && at < s.AfterTime.UnixMicro() {
				return "" // it is of the opening
			}
			return s.Number
		}
	}
	return ""
}

// issued reads statements.
func issued(ctx context.Context, tx *sql.Tx, where string, args ...any) (out []Issued, err error) {
	rows, err := tx.QueryContext(ctx, "select seq, at, account, currency, by, body from _statement where "+where,
		args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s Issued
		var at int64
		var body string
		if err := rows.Scan(&s.Seq, &at, &s.Account, &s.Currency, &s.By, &body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &s.Statement); err != nil {
			return nil, err
		}
		s.IssuedAt = time.UnixMicro(at).UTC()
		out = append(out, s)
	}
	return out, rows.Err()
}
