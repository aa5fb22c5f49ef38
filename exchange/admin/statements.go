// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/ledger/report"
)

// IssueIn is the body of a month of an account that is to be issued.
type IssueIn struct {
	Account  string `json:"account"`             // buyer:ID or source:ID
	Month    string `json:"month"`               // such as 2026-10
	Zone     string `json:"zone,omitempty"`      // absent: the company's
	WithOpen bool   `json:"with_open,omitempty"` // also while the end of an attempt is not known: it goes to a later one
	// what was booked before is the opening of the account's first statement
	First bool   `json:"first,omitempty"`
	Why   string `json:"why"`
	By    string `json:"by,omitempty"`
}

// IssueOut is the answer: the statements of the month, one a currency. Empty: there is nothing to state.
type IssueOut struct {
	Statements []report.Issued `json:"statements"`
	Changed    int             `json:"changed"` // of them were issued by this call; the others were before
}

// issueFor is how long the view may take to have all that is stored.
const issueFor = 30 * time.Second

// issue gives a month of an account its numbers: POST /v1/statements. One is issued after the other: what each covers
// is told by those before.
func (s *Server) issue(ctx *fasthttp.RequestCtx, v *report.View) {
	var in IssueIn
	if !read(ctx, &in) {
		return
	}
	zone := s.ex.Snapshot().Config().Company.Zone
	err := told(in.Account, "", in.Why, in.By)
	if in.Zone != "" {
		var bad error
		if zone, bad = lead.LoadZone(in.Zone); bad != nil {
			err = errors.Join(err, fmt.Errorf("zone %q: %w", in.Zone, bad))
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	_, until, bad := report.Span(in.Month, zone)
	if err = errors.Join(err, bad); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.stating.Lock()
	defer s.stating.Unlock()
	if until.After(s.ex.Now()) {
		fail(ctx, 409, fmt.Sprintf("%s ends on %s in %s: until then it cannot be issued", in.Month,
			until.In(zone).Format("2006-01-02"), zone))
		return
	}
	out, err := s.issueMonth(v, &in, zone, until)
	var query *report.BadQuery
	switch {
	case errors.As(err, &query):
		fail(ctx, 400, err.Error())
	case errors.Is(err, report.ErrMonthBefore), errors.Is(err, report.ErrMonthAfter),
		errors.Is(err, report.ErrOtherZone), errors.Is(err, errOpen):
		fail(ctx, 409, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, out)
	}
}

var (
	errOpen   = errors.New("attempts whose end nobody knows")
	errBehind = errors.New("what find and report read is behind the ledger")
)

func (s *Server) issueMonth(v *report.View, in *IssueIn, zone *time.Location, until time.Time) (*IssueOut, error) {
	if err := s.ex.Numbered(); err != nil {
		return nil, err
	}
	if err := s.allOf(v); err != nil {
		return nil, err
	}
	open, err := s.ex.OpenOf(in.Account, until)
	if err != nil {
		return nil, err
	}
	months, err := v.Months(s.stop, report.MonthAsk{Account: in.Account, Month: in.Month, Zone: zone, First: in.First})
	if err != nil {
		return nil, err
	}
	out := &IssueOut{Statements: []report.Issued{}}
	for i := range months {
		m := &months[i]
		if m.Seq > 0 {
			continue
		}
		if m.Open = open[m.Currency]; m.Open > 0 && !in.WithOpen {
			return nil,
				fmt.Errorf("%d %w are of this time (clearpost unresolved): settle them first, or issue it with "+
					"them open, and they go to a later statement", m.Open, errOpen)
		}
	}
	for i := range months {
		m := &months[i]
		if m.Seq > 0 {
			continue
		}
		company := &s.ex.Snapshot().Config().Company
		least, err := v.LastOf(s.stop, company.Series(in.Account, in.Month))
		if err != nil {
			return nil, err
		}
		m.From, m.To = company.Party, s.party(in.Account)
		if m.Terms, m.Stands, err = s.stands(v, in.Account, m.Currency, zone, until); err != nil {
			return nil, err
		}
		_, err = s.ex.Issue(exchange.Issue{Account: in.Account, Currency: m.Currency, Statement: m.Statement,
			NumberLeast: least, Why: in.Why, By: in.By})
		if err != nil {
			return nil, err
		}
		out.Changed++
	}
	if err := s.allOf(v); err != nil {
		return nil, err
	}
	found, err := v.Issued(s.stop, report.IssuedQuery{Account: in.Account, Month: in.Month, Limit: report.FindMax})
	if err == nil {
		out.Statements = found.Statements
	}
	return out, err
}

// allOf waits until the view has all that is stored.
func (s *Server) allOf(v *report.View) error {
	ctx, cancel := context.WithTimeout(s.stop, issueFor)
	defer cancel()
	last := s.led.LastSeq()
	if st := v.CatchUp(ctx); st.UpToSeq < last {
		return fmt.Errorf("%w by %d events %s", errBehind, last-st.UpToSeq, st.Error)
	}
	return nil
}

// stands tells by which terms an account is paid, and how it stands now: what was paid since a time, and what is
// overdue.
func (s *Server) stands(v *report.View, account, currency string, zone *time.Location, since time.Time) (
	*ledger.PayTerms, *ledger.Stands, error) {
	now := s.ex.Now()
	out := &ledger.Stands{Day: now.In(zone).Format(time.DateOnly)}
	if since.Before(now) {
		st, err := v.Statement(s.stop, report.StatementQuery{Account: account, Since: since,
			Until: now.Add(time.Second), Limit: 1})
		if err != nil {
			return nil, nil, err
		}
		for _, x := range st.Sums {
			if x.Currency == currency {
				out.Paid = -x.Payments
			}
		}
	}
	buyer, ok := strings.CutPrefix(account, "buyer:")
	if !ok || s.hooks.Standings == nil {
		return nil, out, nil
	}
	terms := s.termsOf(buyer)
	if terms == nil {
		return nil, out, nil
	}
	all, err := s.hooks.Standings(s.stop, false)
	for i := range all {
		for _, in := range all[i].Accounts {
			if all[i].Buyer == buyer && in.Currency == currency && in.Overdue > 0 {
				out.Overdue, out.Due = in.Overdue, in.Due
			}
		}
	}
	return terms, out, err
}

// termsOf are a buyer's terms of payment, nil where it has none.
func (s *Server) termsOf(buyer string) *ledger.PayTerms {
	for _, p := range s.ex.Payers() {
		if p.Buyer == buyer {
			return &ledger.PayTerms{Prepaid: p.Terms.Prepaid, NetDays: p.Terms.NetDays, From: p.Terms.FromDate,
				Zone: p.Terms.Zone.String()}
		}
	}
	return nil
}

// party is whose account it is, as statements say it.
func (s *Server) party(account string) *lead.Party {
	kind, id, _ := strings.Cut(account, ":")
	cfg := s.ex.Snapshot().Config()
	if b := cfg.Book.Buyer(id); b != nil && kind == "buyer" {
		if b.Company != nil {
			return b.Company
		}
		return &lead.Party{Name: b.Name}
	}
	for _, src := range cfg.Sources {
		switch {
		case src.ID != id || kind != "source":
		case src.Company != nil:
			return src.Company
		default:
			return &lead.Party{Name: src.Name}
		}
	}
	return &lead.Party{Name: id}
}

// issued lists statements: GET /v1/statements, with a parameter for each field of report.IssuedQuery; from is its
// Before.
func (s *Server) issued(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	q := report.IssuedQuery{Account: p.text("account"), Month: p.text("month"), Currency: p.text("currency"),
		Before: p.number("from", 0, 1<<62), Limit: int(p.number("limit", findStandard, report.FindMax))}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	out, err := v.Issued(s.stop, q)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, out)
}

// showIssued tells of one statement with its lines: GET /v1/statements/show?number=&seq=&line=&limit=.
func (s *Server) showIssued(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	number, limit := p.text("number"), int(p.number("limit", findStandard, report.FindMax))
	after := report.StatementMark{Seq: p.number("seq", 0, 1<<62), Line: int(p.number("line", 0, 1<<16))}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	out, err := v.ShowIssued(s.stop, number, after, limit)
	switch {
	case errors.Is(err, report.ErrNoStatement):
		fail(ctx, 404, err.Error())
	case err != nil:
		badView(ctx, err)
	default:
		write(ctx, 200, out)
	}
}

// Parties is who a statement is between.
type Parties struct {
	From *lead.Party `json:"from,omitempty"`
	To   *lead.Party `json:"to"`
	Zone string      `json:"zone"` // of the company's months

	Terms  *ledger.PayTerms          `json:"terms,omitempty"`  // of a buyer that has some
	Stands map[string]*ledger.Stands `json:"stands,omitempty"` // now, by currency, where since says since when
	Untold string                    `json:"untold,omitempty"` // why it cannot be told how it stands now
}

// parties tells who an account's statements are between, and how it stands: GET
// /v1/statements/parties?account=&since=&zone=.
func (s *Server) parties(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	account, since, zone := p.text("account"), p.time("since"), p.zone("zone")
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	company := s.ex.Snapshot().Config().Company
	out := Parties{From: company.Party, To: s.party(account), Zone: "UTC"}
	if company.Zone != nil {
		out.Zone = company.Zone.String()
	}
	if !since.IsZero() {
		s.caughtUp(v)
		sums, err := v.Statement(s.stop, report.StatementQuery{Account: account, Since: time.Unix(0, 0),
			Until: s.ex.Now().Add(time.Second), Limit: 1})
		if err != nil {
			badView(ctx, err)
			return
		}
		out.Stands = map[string]*ledger.Stands{}
		for _, x := range sums.Sums {
			if out.Terms, out.Stands[x.Currency], err = s.stands(v, account, x.Currency, zone, since); err != nil {
				out.Stands, out.Untold = nil, err.Error() // the statement itself can be told
				break
			}
		}
	}
	write(ctx, 200, out)
}
