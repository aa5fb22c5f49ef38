// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// IssuedQuery is what statements that were issued are searched by.
type IssuedQuery struct {
	Account, Month, Currency string // "": any
	Before                   uint64 // seq: only those before it: Next of the page before
	Limit                    int    // 1 to FindMax
}

// IssuedFound is a page of statements, the newest first.
type IssuedFound struct {
	Statements []Issued `json:"statements"`
	Next       uint64   `json:"next,omitempty"` // Before of the next page; 0: this is the last one
	UpToSeq    uint64   `json:"up_to_seq"`
	Behind     uint64   `json:"behind"`
}

// Issued lists statements that were issued. An error is a *BadQuery where it is the asker's.
func (v *View) Issued(ctx context.Context, q IssuedQuery) (*IssuedFound, error) {
	if q.Limit < 1 || q.Limit > FindMax {
		return nil, &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	w := &where{}
	for _, c := range [][2]string{{"account", q.Account}, {"month", q.Month}, {"currency", q.Currency}} {
		if c[1] != "" {
			w.and(c[0]+" = ?", c[1])
		}
	}
	if q.Before > 0 {
		w.and("seq < ?", int64(q.Before))
	}
	out := &IssuedFound{Statements: []Issued{}}
	err := v.read(ctx, findFor, true, func(ctx context.Context, tx *sql.Tx) error {
		st := v.Status()
		out.UpToSeq, out.Behind = st.UpToSeq, st.Behind
		list, err := issued(ctx, tx, w.all()+fmt.Sprint(" order by seq desc limit ", q.Limit+1), w.args...)
		out.Statements = append(out.Statements, list...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(out.Statements) > q.Limit {
		out.Statements = out.Statements[:q.Limit]
		out.Next = out.Statements[q.Limit-1].Seq
	}
	return out, nil
}

// read has a question answered in one transaction.
func (v *View) read(ctx context.Context, within time.Duration, heavy bool,
	f func(context.Context, *sql.Tx) error) error {
	return v.ask(ctx, within, heavy, func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return f(ctx, tx)
	})
}

// IssuedPage is a statement that was issued, with some of its lines.
type IssuedPage struct {
	Issued
	// in place of Statement.Lines, which is their number
	Entries []StatementLine `json:"entries"`
	Next    *StatementMark  `json:"next,omitempty"` // nil: these are the last ones
	LaterOn []string        `json:"corrected_by"`   // later statements of the account that have something about it
}

// ErrNoStatement is returned where no statement has this number.
var ErrNoStatement = errors.New("no statement has this number")

// ShowIssued reads a statement by its number, with its lines after a mark, 1 to FindMax of them.
func (v *View) ShowIssued(ctx context.Context, number string, after StatementMark, limit int) (*IssuedPage, error) {
	if limit < 1 || limit > FindMax {
		return nil, &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	out := &IssuedPage{Entries: []StatementLine{}, LaterOn: []string{}}
	err := v.read(ctx, figuresFor, true, func(ctx context.Context, tx *sql.Tx) error {
		list, err := issued(ctx, tx, "number = ? order by seq limit 1", number)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%w: %q", ErrNoStatement, number)
		}
		s := list[0]
		out.Issued = s
		all, err := issued(ctx, tx, "account = ? and currency = ? order by seq", s.Account, s.Currency)
		if err != nil {
			return err
		}
		var earlier []Issued
		for i := range all {
			if all[i].Seq < s.Seq {
				earlier = append(earlier, all[i])
			}
			for _, c := range all[i].Corrects {
				if c.Number == s.Number {
					out.LaterOn = append(out.LaterOn, all[i].Number)
				}
			}
		}
		is := span{until: s.Until.UnixMicro(), upTo: s.UpToSeq, afterTime: s.AfterTime.UnixMicro(),
			afterSeq: s.AfterSeq}
		err = eachLine(ctx, tx, s.Account, s.Currency, is, after, earlier, func(l *StatementLine) error {
			if len(out.Entries) == limit {
				return errPageFull
			}
			out.Entries = append(out.Entries, *l)
			return nil
		})
		if errors.Is(err, errPageFull) {
			out.Next = &out.Entries[limit-1].StatementMark
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// LastOf is the highest number of a series, 0 where there is none.
func (v *View) LastOf(ctx context.Context, series string) (n int64, err error) {
	err = v.read(ctx, findFor, true, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "select coalesce(max(n), 0) from _statement where series = ?", series).Scan(&n)
	})
	return n, err
}
