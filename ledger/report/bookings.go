// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"clearpost/books"
	"clearpost/lead"
)

// BookingsMax is how many bookings one answer has at most: those of some years of days, or of so many payments.
const BookingsMax = 200_000

// Booking is what was booked on a day of one kind in one currency, or one payment: its amounts add up to zero.
type Booking struct {
	Day      string    `json:"day"`
	Kind     string    `json:"kind"`
	Currency string    `json:"currency"`
	Note     string    `json:"note,omitempty"` // of a payment: its ref
	Seq      uint64    `json:"seq,omitempty"`  // of a payment: its event
	Amounts  []Balance `json:"amounts"`
}

// Bookings are the journal over a time, by days of a zone.
type Bookings struct {
	Opening  []Balance `json:"opening"` // what stood on each account before
	Bookings []Booking `json:"bookings"`
	Closing  []Balance `json:"closing"`
	UpToSeq  uint64    `json:"up_to_seq"`
	Behind   uint64    `json:"behind"`
}

// quarter is the least by which the days of zones differ, in microseconds.
const quarter = int64(15 * time.Minute / time.Microsecond)

// Bookings reads the journal over a time, from since (zero: from its beginning) to until (zero: to its end), both at a
// midnight of the zone where they are set.
func (v *View) Bookings(ctx context.Context, since, until time.Time, zone *time.Location) (*Bookings, error) {
	out := &Bookings{Opening: []Balance{}, Bookings: []Booking{}, Closing: []Balance{}}
	err := v.read(ctx, figuresFor, true, func(ctx context.Context, tx *sql.Tx) error {
		st := v.Status()
		out.UpToSeq, out.Behind = st.UpToSeq, st.Behind
		from, to := int64(0), int64(1<<62)
		if !since.IsZero() {
			from = since.UnixMicro()
		}
		if !until.IsZero() {
			to = until.UnixMicro()
		}
		var err error
		if out.Opening, err = balances(ctx, tx, from, st.UpToSeq); err != nil {
			return err
		}
		if out.Closing, err = balances(ctx, tx, to, st.UpToSeq); err != nil {
			return err
		}
		return out.days(ctx, tx, from, to, zone)
	})
	return out, err
}

func balances(ctx context.Context, tx *sql.Tx, before int64, upTo uint64) (out []Balance, err error) {
	out = []Balance{}
	rows, err := tx.QueryContext(ctx, "select n.name, "+entryCurrency+" as c, sum(e.amount), count(*)"+entriesFrom+
		"where e.at < ? and e.seq <= ? group by 1, 2 order by 2, 1", before, int64(upTo))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b Balance
		if err := rows.Scan(&b.Account, &b.Currency, &b.Amount, &b.Entries); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

func (b *Bookings) days(ctx context.Context, tx *sql.Tx, from, to int64, zone *time.Location) error {
	rows, err := tx.QueryContext(ctx, `select min(e.at) / ?1, e.kind, `+entryCurrency+` as c, n.name, e.note,
		iif(e.kind = 3, e.seq, 0) as one, sum(e.amount), count(*)`+entriesFrom+`where e.at >= ?2 and e.at < ?3 and
		e.seq <= ?4 group by e.at / ?1, e.kind, c, n.name, e.note, one order by e.at / ?1, one, e.kind, c,
			n.name`, quarter,
		from, to, int64(b.UpToSeq))
	if err != nil {
		return err
	}
	defer rows.Close()
	type key struct {
		day, kind, currency string
		seq                 uint64
	}
	at, account := map[key]int{}, map[key]map[string]int{}
	for rows.Next() {
		var when, n int64
		var kind int
		var k key
		var name, note string
		var sum lead.Money
		if err := rows.Scan(&when, &kind, &k.currency, &name, &note, &k.seq, &sum, &n); err != nil {
			return err
		}
		k.day = time.UnixMicro(when * quarter).In(zone).Format(time.DateOnly)
		k.kind = books.Kinds[min(max(kind, 0), len(books.Kinds)-1)]
		i, ok := at[k]
		if !ok {
			if i = len(b.Bookings); i == BookingsMax {
				return &BadQuery{"since and until", fmt.Sprintf("a time of at most %d bookings", BookingsMax)}
			}
			at[k], account[k] = i, map[string]int{}
			b.Bookings = append(b.Bookings, Booking{Day: k.day, Kind: k.kind, Currency: k.currency, Note: note,
				Seq: k.seq})
		}
		one := &b.Bookings[i]
		j, ok := account[k][name]
		if !ok {
			j = len(one.Amounts)
			account[k][name] = j
			one.Amounts = append(one.Amounts, Balance{Account: name, Currency: k.currency})
		}
		one.Amounts[j].Amount += sum
		one.Amounts[j].Entries += n
	}
	return rows.Err()
}
