// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/tidwall/gjson"

	"clearpost/lead"
	"clearpost/ledger"
)

// writer writes events into a database, on the one connection that may. It is one goroutine's.
type writer struct {
	conn  *sql.Conn
	key   personKey
	mac   hash.Hash
	stmts map[string]*prepared
	call  call
	runs  func(any) error // execOn and getOn, bound once
	asks  func(any) error
	err   error // of the transaction, the first one

	event     event
	places    *places
	campaigns map[campaign]int64
	accounts  map[string]int64
	origins   map[origin]origins
	byOrigin  map[int64]*origins4
	subIDs    map[string]int // by source: how many are told apart
	leads     map[lead.ID]*leadRow
	attempts  map[lead.ID]*attemptRow

	// what the transaction changes
	changedLeads    []*leadRow
	changedAttempts []*attemptRow
	bids            map[bidKey]bidSum
	tally           tallies
	caps            map[capKey]capSum
	charges         []lead.Charge // memory of charged
	unread          int64         // events that could not be read

	subIDsMax     int
	keys          []sumKey // memory of flushSums
	args          []any    // memory of arguments
	droppedBefore int64    // milliseconds: leads before then that nobody posted may have no row any more
}

// bidKey is one row of bids; at is an hour, in seconds.
type bidKey struct {
	at, campaign, origin int64
	refusal              lead.Refusal
}

type bidSum struct{ n, asked, answered, listed, bids, won, took, price int64 }

func newWriter(conn *sql.Conn, key personKey) *writer {
	w := &writer{conn: conn, key: key, mac: hmac.New(sha256.New, key[:]), stmts: map[string]*prepared{},
		places: newPlaces(), subIDsMax: subIDsMax}
	w.runs, w.asks = w.execOn, w.getOn
	w.forget()
	return w
}

// forget drops what is remembered of rows, which a transaction that failed may have made.
func (w *writer) forget() {
	w.campaigns, w.origins, w.byOrigin = map[campaign]int64{}, map[origin]origins{}, map[int64]*origins4{}
	w.subIDs, w.accounts = map[string]int{}, map[string]int64{}
	w.leads, w.attempts, w.bids = map[lead.ID]*leadRow{}, map[lead.ID]*attemptRow{}, map[bidKey]bidSum{}
	w.tally, w.caps = newTallies(), map[capKey]capSum{}
	w.changedLeads, w.changedAttempts = nil, nil
	w.unread, w.err = 0, nil
}

func (w *writer) close() error {
	var errs []error
	err := w.conn.Raw(func(any) error {
		for _, s := range w.stmts {
			errs = append(errs, s.stmt.Close())
		}
		return nil
	})
	return errors.Join(append(errs, err, w.conn.Close())...)
}

func (w *writer) begin() error {
	_, err := w.conn.ExecContext(context.Background(), "begin immediate")
	return err
}

// commit stores what was taken since begin, and the place that it reaches. On an error nothing of it is stored.
func (w *writer) commit(p *place) error {
	w.flushRows()
	w.flushBids()
	w.flushSums()
	w.flushCaps()
	p.Unread += w.unread
	w.setPlace(p)
	if w.err == nil {
		if _, w.err = w.conn.ExecContext(context.Background(), "commit"); w.err == nil {
			w.unread = 0
			w.forgetRows()
			return nil
		}
	}
	p.Unread -= w.unread
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
	w.returned(r)
	w.stated(r)
	w.adjusted(r)
	var err error
	switch r.Kind {
	case ledger.KindPinged:
		if err = w.event.read(r.Bytes); err == nil {
			w.pinged(r, &w.event)
			w.charged(r, &w.event)
		}
	case ledger.KindPosting:
		if err = w.event.read(r.Bytes); err == nil {
			w.posting(r, &w.event)
			w.charged(r, &w.event)
		}
	case ledger.KindPosted:
		if err = w.event.read(r.Bytes); err == nil {
			w.ended(r, &w.event)
			w.sold(r, &w.event)
			w.charged(r, &w.event)
		}
	case ledger.KindAdjusted:
		w.changed(r)
		if err = w.event.read(r.Bytes); err == nil {
			w.ended(r, &w.event)
		}
	case ledger.KindSettled:
		if err = w.event.read(r.Bytes); err == nil {
			w.settled(r, &w.event)
		}
	case ledger.KindDeferred:
		if err = w.event.read(r.Bytes); err == nil {
			w.event.Result = lead.ResultQueued
			w.settled(r, &w.event)
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

func (w *writer) pinged(r ledger.Record, e *event) {
	// Of a lead that an event before has told of, as when the ledger began in its midst, the ping is what was missing.
	l := w.leadOf(r.Lead)
	if l == nil {
		l = &leadRow{n: int64(r.Seq), id: r.Lead, at: r.At, test: e.Test, result: unquoted, refusal: e.Refusal,
			seller: w.text(e.SellerLeadID), sub2: w.text(e.fields.sub2), sub3: w.text(e.fields.sub3)}
		if e.Result == lead.ResultSuccess {
			l.result = quoted
		}
		w.leads[r.Lead] = l
	}
	w.changeLead(l)
	o := w.origin(&e.head, e.Currency, e.fields)
	if l.origin, l.sub1 = o.id, ""; o.others {
		l.sub1 = w.text(e.fields.sub1)
	}
	w.goesOn(l, e.resubmits)
	l.quote, l.oneShot = e.Price, e.Mode == ledger.ModeLead
	l.asked, l.answered, l.bids, l.best = 0, 0, 0, 0
	at, of := hour(r.At), w.originsOf(o.id)
	bad := false
	e.Bids.ForEach(func(_, v gjson.Result) bool {
		var b bid
		if bad = b.read(v) != nil; bad {
			return false
		}
		w.bid(at, of, e.Test, &b, l)
		return true
	})
	if bad {
		w.unread++ // those before it count
	}
	w.persons(l.n, &e.fields)
}

// bid counts one bid of a lead.
func (w *writer) bid(at int64, of *origins4, test bool, b *bid, l *leadRow) {
	one := bidSum{n: 1, took: b.TookUS, won: bit(b.Winner)}
	offers := b.offers()
	if offers {
		l.best = max(l.best, b.Price)
	}
	if b.Leg > 1 { // of a call that is counted by its first one
		one.n, one.took = 0, 0
	} else {
		one.asked, one.answered, one.listed = bit(b.asked()), bit(b.answered()), bit(b.listed())
		if offers {
			one.bids, one.price = 1, b.Price
		}
		l.asked, l.answered, l.bids = l.asked+one.asked, l.answered+one.answered, l.bids+one.bids
	}
	if test || one.n == 0 && one.won == 0 {
		return
	}
	c := w.campaign(b.Campaign, b.Buyer)
	k := bidKey{at, c, of.full, b.Refusal}
	s := w.bids[k]
	s.n, s.asked, s.answered, s.listed = s.n+one.n, s.asked+one.asked, s.answered+one.answered, s.listed+one.listed
	s.bids, s.won, s.took, s.price = s.bids+one.bids, s.won+one.won, s.took+one.took, s.price+one.price
	w.bids[k] = s
	add := sum{sLooked: one.n, sAsked: one.asked, sAnswered: one.answered, sListed: one.listed, sBids: one.bids,
		sWon: one.won, sPrice: one.price, sTook: one.took}
	var band uint16
	if one.n > 0 {
		add[sLate] = bit(b.asked() && b.Refusal == lead.TimedOut)
		add[sTorn] = bit(b.Refusal == lead.TornAnswer || b.Refusal == lead.ConnectionLost)
		add[sCapped] = bit(b.capped())
		if one.answered > 0 {
			w.tally.hist(histKey{histPings, at, c, of.plain}, b.TookUS/100, 1)
		}
		if offers {
			w.tally.hist(histKey{histPrices, at, c, of.plain}, b.Price/int64(lead.Cent), 1)
		}
	}
	if offers {
		band = bandOf(lead.Money(b.Price))
	}
	w.tally.add(at, c, of, b.Refusal, band, &add)
}

func (w *writer) posting(r ledger.Record, e *event) {
	l := w.lead(r, &e.head)
	w.posted(l, e)
	if e.Again == ledger.AgainResend {
		w.exec("insert into _resend values (?, ?) on conflict do nothing", e.Attempt[:], e.Of[:])
		return
	}
	a := w.attempt(r, l, e)
	a.leg, a.brand, a.rank, a.bid, a.promised = e.Leg, w.text(e.Brand), e.Rank, e.Price, e.Payout
}

// attempt finds the row of an event's attempt, or begins one, and has it written.
func (w *writer) attempt(r ledger.Record, l *leadRow, e *event) *attemptRow {
	a, isNew := w.attemptOf(e.Attempt)
	if isNew {
		a.lead, a.at, a.campaign, a.origin, a.test = l.n, r.At, w.campaign(e.Campaign, e.Buyer), l.origin, e.Test
		a.bid, a.promised = e.Price, e.Payout // of one whose posting the ledger has dropped
	}
	w.changeAttempt(a)
	return a
}

// ended takes the end of an attempt, or what a person has changed of it.
func (w *writer) ended(r ledger.Record, e *event) {
	switch {
	case e.Attempt.IsZero():
		return // of no attempt: pauses, deposits, caps
	case r.Kind == ledger.KindPosted && e.Again == ledger.AgainResend:
		return // what it tells of the first attempt stands in a resolution
	case r.Kind == ledger.KindAdjusted && !e.changes() && e.Adjustment != ledger.AdjustReported:
		return
	}
	a := w.attempt(r, w.lead(r, &e.head), e)
	switch {
	case e.Adjustment == ledger.AdjustReported && e.Fate == ledger.FateReturned:
		a.returned = 1
	case e.Adjustment == ledger.AdjustReported:
		a.paid = bit(e.Fate == ledger.FatePaid)
	case r.Kind == ledger.KindPosted:
		a.outcome, a.refusal, a.status, a.took = e.Outcome, e.Refusal, e.Status, e.TookUS
		a.reference, a.price, a.payout = w.text(e.Reference), e.Price, e.Payout
	default:
		a.outcome, a.price, a.payout = e.Outcome, e.Price, e.Payout
		if e.Outcome == lead.Accepted {
			a.refusal = lead.NoRefusal
		} else {
			a.price, a.payout = 0, 0
		}
		if e.Reference != "" { // of one that is no sale any more the one before still finds it
			a.reference = w.text(e.Reference)
		}
		a.changes++
	}
}

func (w *writer) settled(r ledger.Record, e *event) {
	l := w.lead(r, &e.head)
	w.posted(l, e)
	w.changeLead(l)
	switch e.Result {
	case lead.ResultSuccess:
		l.result = sold
	case lead.ResultPending:
		l.result = pending
	case lead.ResultQueued:
		l.result = queued
	default:
		l.result = unsold
	}
	l.refusal, l.postedAt = e.Refusal, r.At
}

// posted takes what a post has brought.
func (w *writer) posted(l *leadRow, e *event) {
	if !e.Post {
		return
	}
	if e.SellerLeadID != "" {
		l.seller = w.text(e.SellerLeadID)
		w.changeLead(l)
	}
	w.persons(l.n, &e.fields)
}

// persons makes the lead found by what names its person.
func (w *writer) persons(n int64, f *fields) {
	for _, v := range f.people {
		w.person(n, kindOf(v), v)
	}
	if name := fullName(f.first, f.last); name != "" {
		w.person(n, byName, name)
		w.person(n, byLastName, nameOf(f.last))
	}
}

func (w *writer) person(n int64, kind, normal string) {
	if normal != "" {
		w.exec("insert into _person values (?, ?) on conflict do nothing", w.hash(kind, normal), n)
	}
}

// origins is the row of an origin. others: it is one of the sub-ids that are not told apart.
type origins struct {
	id     int64
	others bool
}

// origin finds or makes the row of where a lead comes from.
func (w *writer) origin(h *head, currency string, f fields) origins {
	o := origin{h.Source, h.Vertical, currency, w.places.state(f.state, f.zip), cut(f.sub1)}
	found, ok := w.origins[o]
	if ok {
		return found
	}
	as := o
	as.state, as.subID = w.text(o.state), w.text(o.subID)
	if as.subID != "" && !w.tellsApart(o.source, as.subID) {
		as.subID, found.others = otherSubIDs, true
	}
	found.id = w.originRow(as)
	if len(w.origins) >= originsMax {
		clear(w.origins)
	}
	w.origins[o.clone()] = found
	return found
}

// tellsApart tells whether a sub-id of a source is one of those that are told apart: the first ones are.
func (w *writer) tellsApart(source, subID string) bool {
	var one int
	if w.get("select 1 from _origin where source = ? and sub_id = ? limit 1", []any{source, subID}, &one) {
		return true
	}
	n, ok := w.subIDs[source]
	if !ok {
		w.get("select count(distinct sub_id) from _origin where source = ?", []any{source}, &n)
	}
	if n >= w.subIDsMax {
		w.subIDs[strings.Clone(source)] = n
		return false
	}
	w.subIDs[strings.Clone(source)] = n + 1
	return true
}

func (w *writer) originRow(o origin) int64 {
	return w.id(`insert into _origin (source, vertical, currency, state, sub_id) values (?, ?, ?, ?, ?)
		on conflict do update set source = source returning id`, o.source, o.vertical, o.currency, o.state, o.subID)
}

// originsOf are the rows under which sums have what comes from an origin.
func (w *writer) originsOf(id int64) *origins4 {
	if o := w.byOrigin[id]; o != nil {
		return o
	}
	var o origin
	if !w.get("select source, vertical, currency, state, sub_id from _origin where id = ?", []any{id}, &o.source,
		&o.vertical, &o.currency, &o.state, &o.subID) && w.err == nil {
		w.err = fmt.Errorf("%w: origin %d is not there", errOther, id)
	}
	all := &origins4{full: id}
	state, subID := o.state, o.subID
	o.state, o.subID = "", ""
	all.plain = w.originRow(o)
	o.state = state
	all.state = w.originRow(o)
	o.state, o.subID = "", subID
	all.subID = w.originRow(o)
	if len(w.byOrigin) >= originsMax {
		clear(w.byOrigin)
	}
	w.byOrigin[id] = all
	return all
}

func (w *writer) campaign(name, buyer string) int64 {
	c := campaign{name, buyer}
	id, ok := w.campaigns[c]
	if !ok {
		id = w.id(`insert into _campaign (campaign, buyer) values (?, ?)
			on conflict do update set campaign = campaign returning id`, name, buyer)
		w.campaigns[campaign{strings.Clone(name), strings.Clone(buyer)}] = id
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
