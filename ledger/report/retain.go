// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"time"
)

// Bounds of dropping.
const (
	dropEvery = time.Minute
	dropLeads = 2000           // looked at in one transaction
	dropDays  = 2              // leads younger than this stay, whatever the size: quotes and posts of them may be open
	dropStep  = 24 * time.Hour // by which more is dropped while the database is too large
)

// drop deletes what is kept for a while only, a piece in each transaction: leads that nobody posted, and bids that are
// told apart by several things at once. Sums stay, and so do posted leads with their attempts. What is dropped counts
// in sums as it did.
func (v *View) drop(now time.Time) error {
	if v.cfg.KeepFor == 0 && v.cfg.BytesMax == 0 || now.Sub(v.dropped) < dropEvery {
		return nil
	}
	v.dropped = now
	var before time.Time
	if v.cfg.KeepFor > 0 {
		before = now.Add(-v.cfg.KeepFor)
	}
	for v.ctx.Err() == nil {
		slice := threadTime()
		more, err := v.w.drop(before)
		if err != nil {
			return err
		}
		v.recent++
		v.rest(slice)
		if more {
			continue
		}
		over, oldest, err := v.w.tooLarge(v.cfg.BytesMax)
		if next := oldest.Add(dropStep); err != nil || !over || next.After(now.AddDate(0, 0, -dropDays)) {
			return errors.Join(err, v.settle(false))
		} else {
			before = next
		}
	}
	return nil
}

// drop deletes some of what is older than a time, in one transaction, and tells whether there may be more.
func (w *writer) drop(before time.Time) (more bool, err error) {
	if before.IsZero() {
		return false, nil
	}
	if err := w.begin(); err != nil {
		return false, err
	}
	var from, to, n, until int64
	w.get("select coalesce(max(value), 0) from _place where name = 'leads_from'", nil, &from)
	w.get(`select count(*), coalesce(max(n), 0), coalesce(max(at), 0) from (select n, at from _lead where n >= ? and at
		< ?
		order by n limit ?)`, []any{from, before.UnixMicro(), dropLeads}, &n, &to, &until)
	const set = "insert into _place values (?, ?) on conflict do update set value = max(value, excluded.value)"
	if n > 0 {
		const gone = `n between ? and ? and at < ? and first = 0 and later = 0 and
			not exists (select 1 from _attempt a where a.lead = _lead.n)`
		w.exec("delete from _person where lead in (select n from _lead where "+gone+")", from, to, before.UnixMicro())
		w.exec("delete from _lead where "+gone, from, to, before.UnixMicro())
		w.exec(set, "leads_from", to+1)
		w.exec(set, "dropped_before", until/1000)
	}
	hour := before.Unix() - before.Unix()%hourSeconds
	w.exec("delete from _bid where at < ?", hour)
	w.exec(set, "bids_from", hour)
	if w.err == nil {
		_, w.err = w.conn.ExecContext(context.Background(), "commit")
	}
	if w.err != nil {
		return false, w.rollback()
	}
	clear(w.leads) // some of them may have no row any more
	w.droppedBefore = max(w.droppedBefore, until/1000)
	return n == dropLeads, nil
}

// tooLarge tells whether what is in the database takes more than so many bytes (0: it may), and the time of the oldest
// that could go.
func (w *writer) tooLarge(most int64) (over bool, oldest time.Time, err error) {
	if most == 0 {
		return false, oldest, nil
	}
	var used, at int64
	w.get(`select (page_count - freelist_count) * page_size from pragma_page_count, pragma_freelist_count,
		pragma_page_size`, nil, &used)
	w.get(`select min(coalesce((select at / 1000000 from _lead where n >= (select coalesce(max(value), 0) from _place
		where name = 'leads_from') order by n limit 1), 1 << 40), coalesce((select min(at) from _bid), 1 << 40))`, nil,
		&at)
	err, w.err = w.err, nil
	return used > most, time.Unix(at, 0), err
}
