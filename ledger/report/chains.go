// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	_ "embed"
	"strings"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

//go:embed chains.sql
var chainsSchema string

// A lead that is offered anew makes another trip, which is a lead of its own to the ledger. What buyers were asked, and
// the money, belong to the trip. But somebody's lead is one: it counts once, with its first trip, and is sold if any of
// its trips is.

// link is what a ping tells of the lead that it offers anew.
type link struct {
	of, first lead.ID
	hop       int64
}

func linkOf(v gjson.Result) (l link, err error) {
	if l.of, err = lead.ParseID(v.Get("lead_id").Str); err == nil {
		l.first, err = lead.ParseID(v.Get("first_lead").Str)
	}
	l.hop = v.Get("hop").Int()
	return l, err
}

// goesOn makes a lead one of the trips of another one. Where the view does not have that one it counts by itself; not
// so if that was dropped for its age: then it has been counted.
func (w *writer) goesOn(l *leadRow, to link) {
	if to.of.IsZero() {
		return
	}
	l.resubmits, l.hop = to.of, to.hop
	switch first := w.leadOf(to.first); {
	case first != nil && first != l:
		l.first, l.firstID = first.n, to.first
	case millisOf(to.first) < w.droppedBefore:
		l.uncounted = true
	}
}

// countTrip tells the first trip of a lead what has become of a later one.
func (w *writer) countTrip(l *leadRow, is leadSum) {
	if l.firstID.IsZero() {
		var id []byte
		w.get("select id from _lead where n = ?", []any{l.first}, &id)
		copy(l.firstID[:], id)
	}
	first := w.leadOf(l.firstID)
	if first == nil {
		return // one whose trips are told of is not dropped
	}
	first.later, first.laterSold = first.later+is.later-l.was.later, first.laterSold+is.laterSold-l.was.laterSold
	w.changeLead(first)
}

// linked fills in which leads those that were found offer anew, and as which ones they are offered anew themselves.
func linked(ctx context.Context, tx *sql.Tx, leads []Lead) error {
	if len(leads) == 0 {
		return nil
	}
	at, ids := map[lead.ID]*Lead{}, make([]any, len(leads))
	for i := range leads {
		at[leads[i].ID], ids[i] = &leads[i], leads[i].ID[:]
	}
	rows, err := tx.QueryContext(ctx, "select resubmits, id from _lead where resubmits in (?"+
		strings.Repeat(", ?", len(ids)-1)+")", ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var of, as []byte
		if err := rows.Scan(&of, &as); err != nil {
			return err
		}
		at[lead.ID(of)].ResubmittedAs = lead.ID(as).String()
	}
	return rows.Err()
}
