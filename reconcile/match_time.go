// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"database/sql"
	"time"

	"clearpost/lead"
)

func candidates(rows *sql.Rows, err error) (out []candidate, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c candidate
		var at, price int64
		if err := rows.Scan(&c.n, &at, &price, &c.standing, &c.inside); err != nil {
			return nil, err
		}
		c.at, c.price = time.UnixMicro(at), lead.Money(price)
		out = append(out, c)
	}
	return out, rows.Err()
}

// timeAndPrice matches what is left by time and price: first where the times are the same as far as they are told, then
// within a minute, then within the window. Of several sales that fit, the nearest one is taken: they are of one
// price, so that no sum depends on which.
func (b *Book) timeAndPrice(ctx context.Context) error {
	if err := b.run(`update ours set taken = 1 where n in (select o from theirs where o is not null);
		create index ours_price on ours (price, at) where taken = 0`); err != nil {
		return err
	}
	windows := []time.Duration{0, min(time.Minute, b.opt.Window), b.opt.Window}
	for i, w := range windows {
		if i > 0 && w == windows[i-1] {
			continue
		}
		for from := int64(0); from < b.theirs; from += chunk {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.opt.Progress("matching by time and price", from, b.theirs)
			if err := b.within(from, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// within matches the rows of a chunk by time and price, within a window.
func (b *Book) within(from int64, window time.Duration) error {
	s, err := b.stmt("select " + candidateColumns + ` from ours o where o.taken = 0 and o.price = ? and o.at >= ?
		and o.at < ? and o.test = 0 and o.outcome in (0, 1, 6) order by o.outcome <> 1, o.at limit 20`)
	if err != nil {
		return err
	}
	rows, err := b.unmatched(from, "t.since is not null and t.amount > 0")
	if err != nil {
		return err
	}
	w := window.Microseconds()
	for i := range rows {
		r := &rows[i]
		found, err := candidates(s.Query(r.amount, r.since.Int64-w, r.until.Int64+w))
		if err != nil || len(found) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		c := claim{n: r.n, amount: lead.Money(r.amount), time: span(r.since.Int64, r.until.Int64), of: found}
		if err := b.settle([]claim{c}, byTimeAndPrice); err != nil {
			return err
		}
		if err := b.exec("update ours set taken = 1 where n = ?", c.of[c.choose()].n); err != nil {
			return err
		}
	}
	return nil
}
