// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"clearpost/books"
	"clearpost/lead"
)

// Moved is what has moved on a buyer's account within a quarter of an hour, of one kind; of payments it is one.
type Moved struct {
	Buyer    string
	Currency string
	Kind     string // one of books.Kinds
	At       time.Time
	Amount   lead.Money // above zero: it owes more
	Seq      uint64     // of the last event of it
}

// movedWithin is what is added up: no midnight of any zone lies within a whole quarter of an hour.
const movedWithin = 15 * time.Minute

// Moved tells what the events after one have moved on buyers' accounts, in order of time, debits first, and up to which
// event that is.
func (v *View) Moved(ctx context.Context, after uint64) (out []Moved, upTo uint64, err error) {
	upTo = after
	err = v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		rows, err := db.QueryContext(ctx, fmt.Sprintf(`select n.name, iif(e.currency = '', coalesce(o.currency, ''),
			e.currency), e.kind, min(e.at), sum(e.amount), max(e.seq)`+entriesFrom+`where e.seq > ?
			and n.name like 'buyer:%%' group by 1, 2, 3, e.at / %d, e.amount < 0, iif(e.kind = 3, e.seq, 0)
			order by e.at / %[1]d, e.amount < 0, 4`, movedWithin.Microseconds()), int64(after))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Moved
			var kind int
			var at int64
			if err := rows.Scan(&m.Buyer, &m.Currency, &kind, &at, &m.Amount, &m.Seq); err != nil {
				return err
			}
			if kind < 0 || kind >= len(books.Kinds) {
				return fmt.Errorf("the journal has an entry of kind %d", kind)
			}
			m.Buyer, m.Kind, m.At = strings.TrimPrefix(m.Buyer, "buyer:"), books.Kinds[kind], time.UnixMicro(at).UTC()
			out, upTo = append(out, m), max(upTo, m.Seq)
		}
		return rows.Err()
	})
	return out, upTo, err
}
