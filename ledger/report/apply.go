// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

// writer writes events into a database, on the one connection that may. It is one goroutine's.
type writer struct {
	conn  *sql.Conn
	key   personKey
	stmts map[string]*sql.Stmt
	err   error // of the transaction, the first one

	places    *places
	campaigns map[campaign]int64
	origins   map[origin]int64
	leads     map[lead.ID]known
	bids      map[bidKey]*bidSum // of the transaction
	unread    int64              // of the transaction: events that could not be read
}

// bidKey is one row of bids; at is a quarter of an hour, in seconds.
type bidKey struct {
	at, campaign, origin int64
	refusal              lead.Refusal
}

type bidSum struct {
	n, asked, answered, bids, won, took int64
	price                               lead.Money
}

func newWriter(conn *sql.Conn, key personKey) *writer {
	w := &writer{conn: conn, key: key, stmts: map[string]*sql.Stmt{}, places: newPlaces()}
	w.forget()
	return w
}

// forget drops what is remembered of rows, which a transaction that failed may have made.
func (w *writer) forget() {
	w.campaigns, w.origins = map[campaign]int64{}, map[origin]int64{}
	w.leads, w.bids = map[lead.ID]known{}, map[bidKey]*bidSum{}
	w.unread, w.err = 0, nil
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

func (w *writer) stmt(text string) *sql.Stmt {
	s := w.stmts[text]
	if s == nil && w.err == nil {
		if s, w.err = w.conn.PrepareContext(context.Background(), text); w.err == nil {
			w.stmts[text] = s
		}
	}
	return s
}

// exec runs a statement, unless one before it has failed. A change that fails for whatever reason fails its whole
// transaction.
func (w *writer) exec(text string, args ...any) {
	s := w.stmt(text)
	if w.err == nil {
		_, w.err = s.Exec(args...)
	}
}

// get reads one row; false where there is none.
func (w *writer) get(text string, args []any, to ...any) bool {
	s := w.stmt(text)
	if w.err != nil {
		return false
	}
	err := s.QueryRow(args...).Scan(to...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		w.err = err
	}
	return err == nil
}

func (w *writer) begin() error {
	_, err := w.conn.ExecContext(context.Background(), "begin immediate")
	return err
}

// commit stores what was taken since begin, and the place that it reaches. On an error nothing of it is stored.
func (w *writer) commit(p *place) error {
	w.flushBids()
	p.Unread += w.unread
	w.setPlace(p)
	if w.err == nil {
		if _, w.err = w.conn.ExecContext(context.Background(), "commit"); w.err == nil {
			w.unread = 0
			return nil
		}
	}
	return w.rollback()
}

// rollback undoes the transaction and returns what was wrong with it.
func (w *writer) rollback() error {
	err := w.err
	_, undone := w.conn.ExecContext(context.Background(), "rollback")
	if w.forget(); err == nil {
		err = undone // else the first one tells: after some errors there is nothing left to undo
	}
	return err
}

// take writes one event.
func (w *writer) take(r ledger.Record) {
	var err error
	switch r.Kind {
	case ledger.KindPinged:
		var e pinged
		if err = json.Unmarshal(r.Bytes, &e); err == nil {
			w.pinged(r, &e)
		}
	case ledger.KindPosting:
		var e posting
		if err = json.Unmarshal(r.Bytes, &e); err == nil {
			w.posting(r, &e)
		}
	case ledger.KindPosted, ledger.KindAdjusted:
		var e ended
		if err = json.Unmarshal(r.Bytes, &e); err == nil {
			w.ended(r, &e)
		}
	case ledger.KindSettled:
		var e settled
		if err = json.Unmarshal(r.Bytes, &e); err == nil {
			w.settled(r, &e)
		}
	case ledger.KindDeferred:
		var e settled
		if err = json.Unmarshal(r.Bytes, &e); err == nil {
			e.Result = lead.ResultQueued
			w.settled(r, &e)
		}
	}
	if err != nil {
		w.unread++ // it is told by the status: the events after it are worth having
	}
}

// Results of a lead, as they stand in its row. A later one of its events may be another.
const (
	unquoted = iota
	quoted
	pending
	sold
	unsold
	queued
)

func (w *writer) pinged(r ledger.Record, e *pinged) {
	o := w.origin(&e.head, e.Currency, e.Fields)
	var asked, answered, bids int64
	var best lead.Money
	for i := range e.Bids {
		b := &e.Bids[i]
		one := w.bid(r.At, o, e.Test, b)
		asked, answered, bids = asked+one.asked, answered+one.answered, bids+one.bids
		if b.offers() {
			best = max(best, b.Price)
		}
	}
	result := unquoted
	if e.Result == lead.ResultSuccess {
		result = quoted
	}
	// Of a lead that an event before has told of, as when the ledger began in its midst, the ping is what was missing.
	n := w.id(`insert into _lead (n, id, at, origin, test, one_shot, seller, sub_id2, sub_id3, quote, asked, answered,
		bids, best, result, refusal) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (id) do update set origin = excluded.origin, one_shot = excluded.one_shot, quote = excluded.quote,
		asked = excluded.asked, answered = excluded.answered, bids = excluded.bids, best = excluded.best returning n`,
		int64(r.Seq), r.Lead[:], r.At, o, bit(e.Test), bit(e.Mode == ledger.ModeLead), cut(e.SellerLeadID),
		cut(e.Fields["sub_id2"]), cut(e.Fields["sub_id3"]), int64(e.Price), asked, answered, bids, int64(best), result,
		int64(e.Refusal))
	w.remember(r.Lead, known{n, o, e.Test})
	w.persons(n, e.Fields, e.Private.Fields)
}

// bid counts one bid, and tells what it counts for.
func (w *writer) bid(at, origin int64, test bool, b *bid) (one bidSum) {
	one.n, one.took = 1, b.TookUS
	if b.Leg > 1 { // of a call that is counted by its first one
		one.n, one.took = 0, 0
	} else {
		one.asked, one.answered = bit(b.asked()), bit(b.answered())
		if b.offers() {
			one.bids, one.price = 1, b.Price
		}
	}
	if one.won = bit(b.Winner); test || one.n == 0 && one.won == 0 {
		return one
	}
	k := bidKey{quarter(at), w.campaign(b.Campaign, b.Buyer), origin, b.Refusal}
	sum := w.bids[k]
	if sum == nil {
		sum = &bidSum{}
		w.bids[k] = sum
	}
	sum.n, sum.asked, sum.answered, sum.bids = sum.n+one.n, sum.asked+one.asked, sum.answered+one.answered,
		sum.bids+one.bids
	sum.won, sum.took, sum.price = sum.won+one.won, sum.took+one.took, sum.price+one.price
	return one
}

// quarterSeconds is how finely bids are told apart by time. All zones of today differ from UTC by quarters of an hour.
const quarterSeconds = 900

// quarter is the quarter of an hour that a time in microseconds falls into, in seconds.
func quarter(micros int64) int64 {
	s := micros / 1e6
	return s - s%quarterSeconds
}

func (w *writer) flushBids() {
	keys := make([]bidKey, 0, len(w.bids))
	for k := range w.bids {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b bidKey) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.campaign, b.campaign), cmp.Compare(a.origin, b.origin),
			cmp.Compare(a.refusal, b.refusal))
	})
	for _, k := range keys {
		s := w.bids[k]
		w.exec(`insert into _bid values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set n = n + excluded.n,
			asked = asked + excluded.asked, answered = answered + excluded.answered, bids = bids + excluded.bids,
			won = won + excluded.won, price = price + excluded.price, took = took + excluded.took`, k.at, k.campaign,
			k.origin, int64(k.refusal), s.n, s.asked, s.answered, s.bids, s.won, int64(s.price), s.took)
	}
	clear(w.bids)
}

func (w *writer) posting(r ledger.Record, e *posting) {
	l := w.lead(r, &e.head)
	w.posted(l.n, e.Post, e.Private.Fields)
	if e.Again == ledger.AgainResend {
		w.exec("insert into _resend values (?, ?) on conflict do nothing", e.Attempt[:], e.Of[:])
		return
	}
	w.exec(insertAttempt+` on conflict (id) do update set leg = excluded.leg, brand = excluded.brand, rank = excluded.rank,
		bid = excluded.bid, promised = excluded.promised`, e.Attempt[:], l.n, r.At, w.campaign(e.Campaign, e.Buyer), l.origin,
		bit(e.Test), e.Leg, cut(e.Brand), e.Rank, int64(e.Price), int64(e.Payout))
}

const insertAttempt = `insert into _attempt (id, lead, at, campaign, origin, test, leg, brand, rank, bid, promised,
	outcome, refusal, status, took, reference, price, payout, changes, returned)
	values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0, 0, 0, 0)`

// ended takes the end of an attempt, or what a person has changed of it.
func (w *writer) ended(r ledger.Record, e *ended) {
	switch {
	case e.Attempt.IsZero():
		return // of no attempt: pauses, deposits, caps
	case r.Kind == ledger.KindPosted && e.Again == ledger.AgainResend:
		return // what it tells of the first attempt stands in a resolution
	case r.Kind == ledger.KindAdjusted && !e.changes() && e.Adjustment != ledger.AdjustReported:
		return
	}
	l := w.lead(r, &e.head)
	// only where the ledger began between the attempt and its end
	w.exec(insertAttempt+" on conflict (id) do nothing", e.Attempt[:], l.n, r.At, w.campaign(e.Campaign, e.Buyer),
		l.origin, bit(e.Test), 0, "", 0, int64(e.Price), int64(e.Payout))
	switch {
	case e.Adjustment == ledger.AdjustReported && e.Fate == ledger.FateReturned:
		w.exec("update _attempt set returned = 1 where id = ?", e.Attempt[:])
	case e.Adjustment == ledger.AdjustReported:
		w.exec("update _attempt set paid = ? where id = ?", bit(e.Fate == ledger.FatePaid), e.Attempt[:])
	case r.Kind == ledger.KindPosted:
		w.exec(`update _attempt set outcome = ?, refusal = ?, status = ?, took = ?, reference = ?, price = ?, payout = ?
			where id = ?`, int64(e.Outcome), int64(e.Refusal), e.Status, e.TookUS, cut(e.Reference), int64(e.Price),
			int64(e.Payout), e.Attempt[:])
	default:
		if e.Outcome != lead.Accepted {
			e.Price, e.Payout = 0, 0
		}
		// of one that is no sale any more the reference still finds it
		w.exec(`update _attempt set outcome = ?, refusal = iif(? = 1, 0, refusal), reference = iif(? = '', reference, ?),
			price = ?, payout = ?, changes = changes + 1 where id = ?`, int64(e.Outcome), int64(e.Outcome), e.Reference,
			cut(e.Reference), int64(e.Price), int64(e.Payout), e.Attempt[:])
	}
}

func (w *writer) settled(r ledger.Record, e *settled) {
	l := w.lead(r, &e.head)
	w.posted(l.n, e.Post, e.Private.Fields)
	result := unsold
	switch e.Result {
	case lead.ResultSuccess:
		result = sold
	case lead.ResultPending:
		result = pending
	case lead.ResultQueued:
		result = queued
	}
	w.exec("update _lead set result = ?, refusal = ?, posted_at = ? where n = ?", result, int64(e.Refusal), r.At, l.n)
}

// posted takes what a post has brought.
func (w *writer) posted(n int64, p *post, private map[string]string) {
	if p == nil {
		return
	}
	if p.SellerLeadID != "" {
		w.exec("update _lead set seller = ? where n = ?", cut(p.SellerLeadID), n)
	}
	w.persons(n, p.Fields, private)
}

// persons makes the lead found by what names its person.
func (w *writer) persons(n int64, fields ...map[string]string) {
	for _, m := range fields {
		for _, v := range m {
			if v == "" {
				continue
			}
			if kind := kindOf(v); kind != "" {
				w.exec("insert into _person values (?, ?) on conflict do nothing", w.key.hash(kind, v), n)
			}
		}
	}
}

// lead finds the row of an event's lead. Where the ledger has dropped the lead's first events there is a row that
// begins with this one.
func (w *writer) lead(r ledger.Record, h *head) known {
	if k, ok := w.leads[r.Lead]; ok {
		return k
	}
	var k known
	if !w.get("select n, origin, test from _lead where id = ?", []any{r.Lead[:]}, &k.n, &k.origin, &k.test) {
		k = known{int64(r.Seq), w.origin(h, "", nil), h.Test}
		w.exec(`insert into _lead (n, id, at, origin, test, one_shot, seller, sub_id2, sub_id3, quote, asked, answered, bids,
			best, result, refusal) values (?, ?, ?, ?, ?, 0, '', '', '', 0, 0, 0, 0, 0, ?, 0)`, k.n, r.Lead[:], r.At, k.origin,
			bit(k.test), quoted)
	}
	w.remember(r.Lead, k)
	return k
}

func (w *writer) remember(id lead.ID, k known) {
	if len(w.leads) >= leadsMax {
		clear(w.leads)
	}
	w.leads[id] = k
}

func (w *writer) origin(h *head, currency string, fields map[string]string) int64 {
	o := origin{h.Source, h.Vertical, currency, w.places.state(fields), cut(fields["sub_id"])}
	id, ok := w.origins[o]
	if !ok {
		id = w.id(`insert into _origin (source, vertical, currency, state, sub_id) values (?, ?, ?, ?, ?)
			on conflict do update set source = source returning id`, o.source, o.vertical, o.currency, o.state, o.subID)
		if len(w.origins) >= originsMax {
			clear(w.origins)
		}
		w.origins[o] = id
	}
	return id
}

func (w *writer) campaign(name, buyer string) int64 {
	c := campaign{name, buyer}
	id, ok := w.campaigns[c]
	if !ok {
		id = w.id(`insert into _campaign (campaign, buyer) values (?, ?)
			on conflict do update set campaign = campaign returning id`, name, buyer)
		w.campaigns[c] = id
	}
	return id
}

// id finds or makes the row of a name.
func (w *writer) id(text string, args ...any) (id int64) {
	if !w.get(text, args, &id) && w.err == nil {
		w.err = fmt.Errorf("no id for %v", args)
	}
	return id
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
