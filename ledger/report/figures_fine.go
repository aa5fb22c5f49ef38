// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// What is told apart by several of refusal, state and sub_id has no sums: it is added up from bids by the hour, and
// from the rows of attempts and leads.

// bids adds up bids; and with them all that sums are kept of.
func (s *sums) bids(ctx context.Context, tx *sql.Tx) error {
	if s.ask.cut() != fine {
		return s.kept(ctx, tx)
	}
	var from int64
	err := tx.QueryRowContext(ctx, "select coalesce(max(value), 0) from _place where name = 'bids_from'").Scan(&from)
	if err != nil {
		return err
	}
	if from > 0 && (s.ask.Since.IsZero() || s.ask.Since.Unix() < from) {
		s.bidsFrom = time.Unix(from, 0).UTC()
	}
	w := &where{}
	s.ask.span(w, "b.at", 1)
	return s.rowsOf(ctx, tx, map[int]string{sLooked: "sum(b.n)", sAsked: "sum(b.asked)", sAnswered: "sum(b.answered)",
		sLate: "sum(iif(b.refusal = 102, b.asked, 0))", sTorn: "sum(iif(b.refusal in (103, 104), b.n, 0))",
		sCapped: "sum(iif(b.refusal in (202, 203, 207), b.n, 0))", sListed: "sum(b.listed)", sBids: "sum(b.bids)",
		sWon: "sum(b.won)", sPrice: "sum(b.price)", sTook: "sum(b.took)"},
		"_bid b join _campaign c on c.id = b.campaign join _origin o on o.id = b.origin", "b.refusal", "b.at", w)
}

func (s *sums) attempts(ctx context.Context, tx *sql.Tx) error {
	if s.ask.cut() != fine {
		return nil
	}
	w := &where{}
	w.and("a.test = 0")
	s.ask.span(w, "a.at", 1e6)
	return s.rowsOf(ctx, tx, map[int]string{sPosts: "count(*)", sAccepted: "sum(a.outcome = 1)",
		sRejected: "sum(a.outcome in (2, 3, 4))", sNotSent: "sum(a.outcome = 5)", sUnknown: "sum(a.outcome in (0, 6))",
		sReturned: "sum(max(a.returned, a.given_back))", sCredits: "sum(a.credit)", sClawbacks: "sum(a.clawback)",
		sPaid: "coalesce(sum(a.paid = 1), 0)", sUnpaid: "coalesce(sum(a.paid = 0), 0)",
		sRevenue: "sum(a.price)", sPayout: "sum(a.payout)"},
		"_attempt a join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin", "a.refusal",
		"a.at / 3600000000 * 3600", w)
}

func (s *sums) leads(ctx context.Context, tx *sql.Tx) error {
	if s.ask.cut() != fine {
		return nil
	}
	w := &where{}
	w.and("l.test = 0 and l.counted = 1 and l.first = 0")
	s.ask.span(w, "l.at", 1e6)
	return s.rowsOf(ctx, tx, map[int]string{sLeads: "count(*)", sQuoted: "sum(l.quote > 0)",
		sSold: "sum(l.result = 3 or l.later_sold > 0)", sUnsold: "sum(l.result = 4)",
		sResubmitted: "sum(l.later > 0)", sRemediated: "sum(l.result = 4 and l.later_sold > 0)"},
		"_lead l join _origin o on o.id = l.origin", "0", "l.at / 3600000000 * 3600", w)
}

// rowsOf adds up rows; what has no text is not counted of them.
func (s *sums) rowsOf(ctx context.Context, tx *sql.Tx, what map[int]string, from, part, at string, w *where) error {
	var list []string
	for i := range sumsN {
		if text := what[i]; text != "" {
			list = append(list, text)
		} else {
			list = append(list, "0")
		}
	}
	text, args := s.query(strings.Join(list, ", "), from, part, at, w)
	return s.run(ctx, tx, text, args, (*Row).columns)
}

// span limits a column of times, counted in units of which a second has so many.
func (a *Ask) span(w *where, column string, second int64) {
	if !a.Since.IsZero() {
		w.and(column+" >= ?", a.Since.Unix()*second)
	}
	if !a.Until.IsZero() {
		w.and(column+" < ?", a.Until.Unix()*second)
	}
}
