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
	rows, args := s.ask.bidRows()
	return s.rowsOf(ctx, tx, map[int]string{sLooked: "sum(g.n)", sAsked: "sum(g.asked)", sAnswered: "sum(g.answered)",
		sLate: "sum(iif(g.refusal = 102, g.asked, 0))", sTorn: "sum(iif(g.refusal in (103, 104), g.n, 0))",
		sCapped: "sum(iif(g.refusal in (202, 203, 207), g.n, 0))", sListed: "sum(g.listed)", sBids: "sum(g.bids)",
		sWon: "sum(g.won)", sPrice: "sum(g.price)", sTook: "sum(g.took)"}, rows, "g.refusal", "g.at",
		&where{args: args})
}

// bidRows are the bids of the time that is asked for. Where nothing is told apart by times they are put together by ids
// first: there are many more of them than of ids, and what is left is all that names have to be found of.
func (a *Ask) bidRows() (from string, args []any) {
	w := &where{}
	a.span(w, "at", 1)
	for column, value := range map[string]string{"buyer": a.Buyer, "campaign": a.Campaign} {
		if value != "" {
			w.and("campaign in (select id from _campaign where "+column+" = ?)", value)
		}
	}
	for column, value := range map[string]string{"source": a.Source, "vertical": a.Vertical, "state": a.State,
		"sub_id": a.SubID} {
		if value != "" {
			w.and("origin in (select id from _origin where "+column+" = ?)", value)
		}
	}
	what, by := "*", ""
	if a.times(0) == "" {
		by = "origin, refusal"
		if a.by("buyer") || a.by("campaign") || a.Buyer != "" || a.Campaign != "" {
			by = "campaign, " + by
		}
		what = by
		for _, c := range []string{"n", "asked", "answered", "listed", "bids", "won", "price", "took"} {
			what += ", sum(" + c + ") as " + c
		}
	}
	from = "(select " + what + " from _bid where " + w.all()
	if by != "" {
		from += " group by " + by
	}
	from += ") g join _origin o on o.id = g.origin"
	if by == "" || strings.HasPrefix(by, "campaign") {
		from += " join _campaign c on c.id = g.campaign"
	}
	return from, w.args
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
