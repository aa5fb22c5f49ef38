// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"time"

	"clearpost/lead"
)

// BuyersBook reads what one buyer was sent, for reconciliations: in a process of its own, beside an exchange that
// writes. It is one goroutine's.
type BuyersBook struct {
	db     *sql.DB
	buyer  string
	key    personKey
	person *sql.Stmt
	schema *lead.Schema
	l      lead.Lead
	pos    map[string]int
}

// Sent is an attempt to deliver a lead to the buyer, as it stands now.
type Sent struct {
	Attempt, Lead lead.ID
	N             int64 // the lead's number
	At            time.Time
	Campaign      string
	Reference     string
	Currency      string
	Outcome       lead.Outcome // lead.OutcomeNone where it has no end
	Test          bool
	Price         lead.Money
	Credit        lead.Money // that came back for a return
	Returned      bool       // somebody has told, or booked, that it was given back
}

// OpenBuyersBook opens the database at path (Status.Path) for one buyer. region is the country whose phone numbers need
// no calling code; "" is US.
func OpenBuyersBook(path, buyer, region string) (*BuyersBook, error) {
	key, err := os.ReadFile(filepath.Join(filepath.Dir(path), keyName))
	if err != nil || len(key) != len(personKey{}) {
		return nil, errors.Join(errors.New("the key of persons beside the view cannot be read"), err)
	}
	schema, errs := lead.NewSchemaWith("report", nil, lead.Options{Region: regionOf(region)})
	if errs != nil {
		return nil, &BadQuery{"region", "a country such as US"}
	}
	db, err := openReader(path, 2)
	if err != nil {
		return nil, err
	}
	b := &BuyersBook{db: db, buyer: buyer, key: personKey(key), schema: schema, pos: map[string]int{}}
	b.l.Reset(schema)
	for _, kind := range []string{byPhone, byEmail} {
		b.pos[kind], _ = schema.Position(kind)
	}
	if b.person, err = db.Prepare("select lead from _person where key = ? order by lead limit 100"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

// Close closes it.
func (b *BuyersBook) Close() error { return errors.Join(b.person.Close(), b.db.Close()) }

// Knows tells whether anything was ever sent to the buyer.
func (b *BuyersBook) Knows(ctx context.Context) (bool, error) {
	n := 0
	err := b.db.QueryRowContext(ctx, "select count(*) from _campaign where buyer = ?", b.buyer).Scan(&n)
	return n > 0, err
}

// Sent hands over the attempts of a time, in their order, and how many there are.
func (b *BuyersBook) Sent(ctx context.Context, since, until time.Time, each func(s *Sent, of int64) error) error {
	const from = ` from _attempt a join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin
		join _lead l on l.n = a.lead left join _return r on r.attempt = a.id`
	const of = ` where c.buyer = ? and a.at >= ? and a.at < ?`
	args := []any{b.buyer, since.UnixMicro(), until.UnixMicro()}
	var total int64
	if err := b.db.QueryRowContext(ctx, "select count(*) from _attempt a join _campaign c on c.id = a.campaign"+of,
		args...).Scan(&total); err != nil {
		return err
	}
	rows, err := b.db.QueryContext(ctx, `select a.id, l.id, a.lead, a.at, c.campaign, a.reference, o.currency, a.outcome,
		a.test, a.price, coalesce(r.credit, 0), a.returned or coalesce(r.state in (2, 5), 0)`+from+of+" order by a.at",
		args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id, leadID []byte
	for rows.Next() {
		var s Sent
		var at, outcome, price, credit int64
		if err := rows.Scan(&id, &leadID, &s.N, &at, &s.Campaign, &s.Reference, &s.Currency, &outcome, &s.Test, &price,
			&credit, &s.Returned); err != nil {
			return err
		}
		copy(s.Attempt[:], id)
		copy(s.Lead[:], leadID)
		s.At, s.Outcome, s.Price, s.Credit = time.UnixMicro(at).UTC(), lead.Outcome(outcome), lead.Money(price),
			lead.Money(credit)
		if err := each(&s, total); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Leads are the numbers of the leads of a person, by phone number or else by e-mail address, in any form; none where
// neither can be read.
func (b *BuyersBook) Leads(ctx context.Context, phone, email string) (out []int64, err error) {
	for _, p := range [][2]string{{byPhone, phone}, {byEmail, email}} {
		if p[1] == "" || len(out) > 0 {
			continue
		}
		b.l.Reset(b.schema)
		pos := b.pos[p[0]]
		if b.l.Set(pos, []byte(p[1])); b.l.Slot(pos).State != lead.Valid {
			continue
		}
		normal := string(b.l.Normal(pos))
		if kindOf(normal) != p[0] {
			continue
		}
		if out, err = b.leadsOf(ctx, b.key.hash(p[0], normal)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *BuyersBook) leadsOf(ctx context.Context, key []byte) (out []int64, err error) {
	rows, err := b.person.QueryContext(ctx, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}
