// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"clearpost/lead"
	"clearpost/ledger"
)

// The rows of leads and attempts that a transaction changes are held until its end, and then written once each. What
// they count for is reckoned there, as the difference between what was stored and what is: so the sums are those of the
// rows, whatever corrections do.

// leadRow is a lead.
type leadRow struct {
	n, at, origin            int64
	id                       lead.ID
	test, oneShot            bool
	seller, sub1, sub2, sub3 string
	quote, best              int64
	asked, answered, bids    int64
	result                   int64
	refusal                  lead.Refusal
	postedAt                 int64   // 0: not posted
	resubmits                lead.ID // what it offers anew; zero: nothing
	first, hop               int64   // n of the first trip, 0: it is that; how often it was resubmitted by then
	firstID                  lead.ID // zero: not looked up yet
	later, laterSold         int64   // of a first trip: those after it, and of them those that are sold
	uncounted                bool
	stored, changed          bool
	was                      leadSum
}

// leadSum is what sums, or its first trip, have of a lead.
type leadSum struct {
	at, origin       int64    // hour and origin under which sums have it
	sum              [3]int64 // leads, quoted, sold
	again            [3]int64 // unsold, resubmitted, remediated
	later, laterSold int64    // of a trip after the first one
}

// row is a row of sums with n times it.
func (s *leadSum) row(n int64) *sum {
	return &sum{sLeads: n * s.sum[0], sQuoted: n * s.sum[1], sSold: n * s.sum[2], sUnsold: n * s.again[0],
		sResubmitted: n * s.again[1], sRemediated: n * s.again[2]}
}

// attemptRow is an attempt.
type attemptRow struct {
	lead, at, campaign, origin int64
	id                         lead.ID
	test                       bool
	leg, rank, status          int64
	brand, reference           string
	bid, promised              int64
	outcome                    lead.Outcome
	refusal                    lead.Refusal
	took                       int64
	price, payout              int64
	changes, returned          int64
	paid                       int64 // 1, 0; -1: nobody has said
	givenBack                  int64 // 1: by a return
	credit, clawback           int64
	stored, changed            bool
	was                        attemptSum
}

// attemptSum is what sums have of an attempt.
type attemptSum struct {
	sum     sum
	refusal lead.Refusal
	band    uint16
	took    int64 // of one that has ended
}

// counts is what an attempt counts for.
func (a *attemptRow) counts() (s attemptSum) {
	if a.test {
		return s
	}
	s.refusal, s.band = a.refusal, bandOf(lead.Money(a.bid))
	if a.outcome != lead.OutcomeNone {
		s.took = a.took
	}
	n := &s.sum
	n[sPosts], n[sReturned], n[sRevenue], n[sPayout] = 1, max(a.returned, a.givenBack), a.price, a.payout
	n[sCredits], n[sClawbacks] = a.credit, a.clawback
	switch a.outcome {
	case lead.Accepted:
		n[sAccepted] = 1
	case lead.Rejected, lead.Duplicate, lead.Invalid:
		n[sRejected] = 1
	case lead.NotSent:
		n[sNotSent] = 1
	case lead.OutcomeNone, lead.Unknown:
		n[sUnknown] = 1
	}
	switch a.paid {
	case 0:
		n[sUnpaid] = 1
	case 1:
		n[sPaid] = 1
	}
	return s
}

// rowsMax bounds how many rows are remembered from one transaction to the next: a lead's events are near each other.
const rowsMax = 20_000

// forgetRows drops rows that need not be read again soon.
func (w *writer) forgetRows() {
	if len(w.leads) > rowsMax {
		clear(w.leads)
	}
	if len(w.attempts) > rowsMax {
		clear(w.attempts)
	}
	w.changedLeads, w.changedAttempts = w.changedLeads[:0], w.changedAttempts[:0]
}

func (w *writer) changeLead(l *leadRow) {
	if !l.changed {
		l.changed = true
		w.changedLeads = append(w.changedLeads, l)
	}
}

func (w *writer) changeAttempt(a *attemptRow) {
	if !a.changed {
		a.changed = true
		w.changedAttempts = append(w.changedAttempts, a)
	}
}

// leadOf finds the row of an event's lead; nil: there is none.
func (w *writer) leadOf(id lead.ID) *leadRow {
	if l := w.leads[id]; l != nil {
		return l
	}
	l := &leadRow{id: id, stored: true}
	var posted *int64
	var counted bool
	if !w.get("select n from _lead where id = ?", []any{id[:]}, &l.n) { // as is usual: the rest costs more to ask for
		return nil
	}
	var resubmits []byte
	w.get(`select at, origin, test, one_shot, seller, sub_id, sub_id2, sub_id3, quote, asked, answered, bids, best,
		result, refusal, posted_at, counted, coalesce(resubmits, x''), first, hop, later, later_sold from _lead where n = ?`,
		[]any{l.n}, &l.at, &l.origin, &l.test, &l.oneShot, &l.seller, &l.sub1, &l.sub2, &l.sub3, &l.quote, &l.asked,
		&l.answered, &l.bids, &l.best, &l.result, &l.refusal, &posted, &counted, &resubmits, &l.first, &l.hop, &l.later,
		&l.laterSold)
	copy(l.resubmits[:], resubmits)
	if posted != nil {
		l.postedAt = *posted
	}
	l.uncounted = !counted
	l.was = l.standing()
	w.leads[id] = l
	return l
}

// standing is what the lead counts for, and where.
func (l *leadRow) standing() (s leadSum) {
	switch {
	case l.test || l.uncounted:
		return s
	case l.first != 0:
		s.later, s.laterSold = 1, bit(l.result == sold)
		return s
	}
	s.at, s.origin = hour(l.at), l.origin
	s.sum = [3]int64{1, bit(l.quote > 0), bit(l.result == sold || l.laterSold > 0)}
	s.again = [3]int64{bit(l.result == unsold), bit(l.later > 0), bit(l.result == unsold && l.laterSold > 0)}
	return s
}

// lead finds the row of an event's lead, or begins one: the ledger has dropped its first events, or the view its row.
func (w *writer) lead(r ledger.Record, h *head) *leadRow {
	l := w.leadOf(r.Lead)
	if l == nil {
		l = &leadRow{n: int64(r.Seq), id: r.Lead, at: r.At, test: h.Test, result: quoted,
			origin: w.origin(h, w.currencyOf(h.Vertical), fields{}).id}
		l.uncounted = millisOf(r.Lead) < w.droppedBefore
		w.leads[r.Lead] = l
		w.changeLead(l)
	}
	return l
}

// currencyOf is the currency of a vertical's leads, as the last ones have had it: what is booked for a lead whose first
// events are not there is in it, too.
func (w *writer) currencyOf(vertical string) (currency string) {
	w.get("select currency from _origin where vertical = ? and currency <> '' order by id desc limit 1",
		[]any{vertical}, &currency)
	return currency
}

// millisOf is the time that stands in an id, in milliseconds.
func millisOf(id lead.ID) (ms int64) {
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return ms
}

// attemptOf finds the row of an attempt, or begins one by what an event of it tells.
func (w *writer) attemptOf(id lead.ID) (a *attemptRow, isNew bool) {
	if a := w.attempts[id]; a != nil {
		return a, false
	}
	a = &attemptRow{id: id, stored: true, paid: -1}
	var paid *int64
	var one int
	if w.get("select 1 from _attempt where id = ?", []any{id[:]}, &one) {
		w.get(`select lead, at, campaign, origin, test, leg, brand, rank, bid, promised, outcome, refusal, status, took,
		reference, price, payout, changes, returned, paid, given_back, credit, clawback from _attempt where id = ?`, []any{id[:]}, &a.lead, &a.at,
			&a.campaign, &a.origin, &a.test, &a.leg, &a.brand, &a.rank, &a.bid, &a.promised, &a.outcome, &a.refusal,
			&a.status,
			&a.took, &a.reference, &a.price, &a.payout, &a.changes, &a.returned, &paid, &a.givenBack, &a.credit,
			&a.clawback)
		if paid != nil {
			a.paid = *paid
		}
		a.was = a.counts()
	} else {
		isNew, a.stored = true, false
	}
	w.attempts[id] = a
	return a, isNew
}

// attemptKnown finds the row of an attempt; nil: there is none.
func (w *writer) attemptKnown(id lead.ID) *attemptRow {
	a, isNew := w.attemptOf(id)
	if isNew {
		delete(w.attempts, id)
		return nil
	}
	return a
}

// flushRows writes the rows that have changed, and what they count for now.
func (w *writer) flushRows() {
	for i := 0; i < len(w.changedLeads); i++ { // what has become of a lead's later trips changes its first one
		l := w.changedLeads[i]
		var posted, resubmits any
		if !l.resubmits.IsZero() {
			resubmits = l.resubmits[:]
		}
		if l.postedAt != 0 {
			posted = l.postedAt
		}
		if l.stored {
			w.exec(`update _lead set origin = ?, one_shot = ?, seller = ?, sub_id = ?, sub_id2 = ?, sub_id3 = ?, quote
				= ?,
				asked = ?, answered = ?, bids = ?, best = ?, result = ?, refusal = ?, posted_at = ?, resubmits = ?,
				first = ?, hop = ?, later = ?, later_sold = ? where n = ?`,
				l.origin,
				bit(l.oneShot), l.seller, l.sub1, l.sub2, l.sub3, l.quote, l.asked, l.answered, l.bids, l.best,
				l.result,
				int64(l.refusal), posted, resubmits, l.first, l.hop, l.later, l.laterSold, l.n)
		} else {
			w.exec(insertLead, l.n, l.id[:], l.at, l.origin, bit(l.test), bit(l.oneShot), l.seller, l.sub1, l.sub2,
				l.sub3, l.quote, l.asked, l.answered, l.bids, l.best, l.result, int64(l.refusal), posted,
				bit(!l.uncounted), resubmits, l.first, l.hop, l.later, l.laterSold)
		}
		l.stored, l.changed = true, false
		w.countLead(l)
	}
	for _, a := range w.changedAttempts {
		var paid any
		if a.paid >= 0 {
			paid = a.paid
		}
		if a.stored {
			w.exec(`update _attempt set leg = ?, brand = ?, rank = ?, bid = ?, promised = ?, outcome = ?, refusal = ?,
				status = ?, took = ?, reference = ?, price = ?, payout = ?, changes = ?, returned = ?, paid = ?,
				given_back = ?, credit = ?, clawback = ? where id = ?`,
				a.leg, a.brand, a.rank, a.bid, a.promised, int64(a.outcome), int64(a.refusal), a.status, a.took,
				a.reference,
				a.price, a.payout, a.changes, a.returned, paid, a.givenBack, a.credit, a.clawback, a.id[:])
		} else {
			w.exec(insertAttempt, a.id[:], a.lead, a.at, a.campaign, a.origin, bit(a.test), a.leg, a.brand, a.rank,
				a.bid, a.promised, int64(a.outcome), int64(a.refusal), a.status, a.took, a.reference, a.price, a.payout,
				a.changes, a.returned, paid, a.givenBack, a.credit, a.clawback)
		}
		a.stored, a.changed = true, false
		w.countAttempt(a)
	}
}

var (
	insertLead    = "insert into _lead values (?" + strings.Repeat(", ?", 23) + ")"
	insertAttempt = "insert into _attempt values (?" + strings.Repeat(", ?", 23) + ")"
)

// countLead brings the sums to what the lead counts for now.
func (w *writer) countLead(l *leadRow) {
	is := l.standing()
	if is == l.was {
		return
	}
	if l.was.sum[0] != 0 {
		w.tally.add(l.was.at, 0, w.originsOf(l.was.origin), 0, 0, l.was.row(-1))
	}
	if is.sum[0] != 0 {
		w.tally.add(is.at, 0, w.originsOf(is.origin), 0, 0, is.row(1))
	}
	if is.later != l.was.later || is.laterSold != l.was.laterSold {
		w.countTrip(l, is)
	}
	l.was = is
}

// countAttempt brings the sums to what the attempt counts for now.
func (w *writer) countAttempt(a *attemptRow) {
	is := a.counts()
	if is == a.was {
		return
	}
	at, o := hour(a.at), w.originsOf(a.origin)
	if a.was.sum[sPosts] != 0 {
		back := a.was.sum
		for i := range back {
			back[i] = -back[i]
		}
		w.tally.add(at, a.campaign, o, a.was.refusal, a.was.band, &back)
	}
	if is.sum[sPosts] != 0 {
		w.tally.add(at, a.campaign, o, is.refusal, is.band, &is.sum)
	}
	if is.took != a.was.took {
		k := histKey{histPosts, at, a.campaign, o.plain}
		if a.was.took > 0 {
			w.tally.hist(k, a.was.took/100, -1)
		}
		if is.took > 0 {
			w.tally.hist(k, is.took/100, 1)
		}
	}
	a.was = is
}
