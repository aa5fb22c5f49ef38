// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/ledger/report"
)

// sourceBooks is what sources read of their own accounts.
type sourceBooks struct {
	view func() (*report.View, error)
	ex   *exchange.Exchange
}

func (b *sourceBooks) books() intake.Books {
	return intake.Books{Statement: b.statement, Report: b.report}
}

// bookWait is how long a question waits for what has just been stored.
const bookWait = time.Second

// open is the view with what is stored, and the zone that is meant.
func (b *sourceBooks) open(ctx context.Context, zone *time.Location) (*report.View, *time.Location, error) {
	v, err := b.view()
	if err != nil {
		if errors.Is(err, errNoReport) {
			err = intake.ErrNoBooks
		}
		return nil, nil, err
	}
	if zone == nil {
		zone = b.ex.Snapshot().Config().Company.Zone
	}
	if zone == nil {
		zone = time.UTC
	}
	within, cancel := context.WithTimeout(ctx, bookWait)
	defer cancel()
	v.CatchUp(within)
	return v, zone, nil
}

// asAsked makes of an error of a question one of its asker.
func asAsked(err error) error {
	var bad *report.BadQuery
	if errors.As(err, &bad) {
		return &intake.BadAsk{What: bad.What, Expected: bad.Expected}
	}
	return err
}

func (b *sourceBooks) statement(ctx context.Context, source string, q *intake.StatementAsk) (*intake.SourceStatement,
	error) {
	v, zone, err := b.open(ctx, q.Zone)
	if err != nil {
		return nil, err
	}
	if q.Number != "" {
		return issuedTo(ctx, v, source, q)
	}
	ask := report.StatementQuery{Account: "source:" + source, Since: q.Since, Until: q.Until, Limit: q.Limit,
		After: report.StatementMark{Seq: q.Seq, Line: q.Line}}
	if q.Month != "" {
		if ask.Since, ask.Until, err = report.Span(q.Month, zone); err != nil {
			return nil, asAsked(err)
		}
	}
	s, err := v.Statement(ctx, ask)
	if err != nil {
		return nil, asAsked(err)
	}
	out := &intake.SourceStatement{Source: source, Since: s.Since, Until: s.Until, Zone: zone.String(),
		SoFar: s.Until.After(b.ex.Now()), Sums: []intake.SourceSum{}, Lines: linesOf(s.Lines), Next: after(s.Next)}
	for _, x := range s.Sums {
		out.Sums = append(out.Sums, intake.SourceSum{Currency: x.Currency, Opening: exchange.Amount(x.Opening),
			Sales: exchange.Amount(x.Sales), Corrections: exchange.Amount(x.Corrections),
			Returns: exchange.Amount(x.Returns), Payments: exchange.Amount(x.Payments),
			Closing: exchange.Amount(x.Closing)})
	}
	if q.Month == "" {
		return out, nil
	}
	found, err := v.Issued(ctx, report.IssuedQuery{Account: ask.Account, Month: q.Month, Limit: report.FindMax})
	if err != nil {
		return nil, asAsked(err)
	}
	for i := range found.Statements {
		out.Issued = append(out.Issued, found.Statements[i].Number)
	}
	return out, nil
}

// issuedTo is a statement that was issued to a source. Of another's it tells as little as of none.
func issuedTo(ctx context.Context, v *report.View, source string, q *intake.StatementAsk) (*intake.SourceStatement,
	error) {
	s, err := v.ShowIssued(ctx, q.Number, report.StatementMark{Seq: q.Seq, Line: q.Line}, q.Limit)
	if errors.Is(err, report.ErrNoStatement) || err == nil && s.Account != "source:"+source {
		return nil, intake.ErrNoStatement
	}
	if err != nil {
		return nil, asAsked(err)
	}
	at := s.IssuedAt
	return &intake.SourceStatement{Source: source, Number: s.Number, IssuedAt: &at, Since: s.Since, Until: s.Until,
		Zone: s.Zone, Lines: linesOf(s.Entries), Next: after(s.Next), Sums: []intake.SourceSum{{Currency: s.Currency,
			Opening: exchange.Amount(s.Opening), Sales: exchange.Amount(s.Sales),
			Corrections: exchange.Amount(s.Corrections), Returns: exchange.Amount(s.Returns),
			Payments: exchange.Amount(s.Payments), Closing: exchange.Amount(s.Closing)}}}, nil
}

func after(m *report.StatementMark) string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%d.%d", m.Seq, m.Line)
}

// linesOf are lines without what is a buyer's.
func linesOf(list []report.StatementLine) []intake.SourceLine {
	out := make([]intake.SourceLine, 0, len(list))
	for i := range list {
		l := &list[i]
		one := intake.SourceLine{At: l.At, Kind: l.Kind, Amount: exchange.Amount(l.Amount), Currency: l.Currency,
			SellerLeadID: l.Seller, Ref: l.Note, Date: l.Date, Corrects: l.Corrects}
		if l.Lead != nil {
			one.LeadID = l.Lead.String()
		}
		out = append(out, one)
	}
	return out
}

func (b *sourceBooks) report(ctx context.Context, source string, q *intake.ReportAsk) (*intake.SourceReport, error) {
	v, zone, err := b.open(ctx, q.Zone)
	if err != nil {
		return nil, err
	}
	f, err := v.Figures(ctx, report.Ask{By: q.By, Since: q.Since, Until: q.Until, Zone: zone, Limit: q.Limit,
		Source: source, Vertical: q.Vertical})
	if err != nil {
		return nil, asAsked(err)
	}
	return &intake.SourceReport{Source: source, By: f.By, Since: f.Since, Until: f.Until, Zone: f.Zone,
		Rows: rowsOf(f.Rows), Totals: rowsOf(f.Totals)}, nil
}

// rowsOf are rows of figures without what is a buyer's.
func rowsOf(list []report.Row) []intake.SourceRow {
	out := make([]intake.SourceRow, 0, len(list))
	for i := range list {
		r := &list[i]
		key := r.Key
		if key == nil {
			key = []string{}
		}
		out = append(out, intake.SourceRow{Key: key, Others: r.Others, Currency: r.Currency, Leads: r.Leads,
			Quoted: r.Quoted, Sold: r.Sold, Sales: r.Accepted, Returned: r.Returned, Payout: exchange.Amount(r.Payout),
			Clawbacks: exchange.Amount(r.Clawbacks)})
	}
	return out
}
