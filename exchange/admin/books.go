// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger/report"
)

// Payment is the body of money that came in from a buyer or went to a source, or came and went back.
type Payment struct {
	Buyer    string `json:"buyer,omitempty"`
	Source   string `json:"source,omitempty"`   // in place of a buyer: it was paid
	Amount   string `json:"amount"`             // such as 500.00; below zero: paid back
	Currency string `json:"currency,omitempty"` // such as USD; absent: the one of its verticals
	Date     string `json:"date,omitempty"`     // when it was, such as 2026-11-03; absent: today
	Ref      string `json:"ref,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"` // it is looked at, and nothing is booked
	Why      string `json:"why"`
	By       string `json:"by,omitempty"`
}

// Paid is the answer.
type Paid struct {
	Changed bool `json:"changed"` // false: it was booked under this ref before
}

// pay books a payment: POST /v1/payments.
func (s *Server) pay(ctx *fasthttp.RequestCtx) {
	var in Payment
	if !read(ctx, &in) {
		return
	}
	m, err := lead.ParseMoney([]byte(in.Amount))
	if err != nil || m == 0 || m%lead.Cent != 0 {
		err = fmt.Errorf("amount %q: expected whole cents such as 500.00, or -500.00 for what is paid back", in.Amount)
	}
	if in.Date != "" {
		if day, bad := time.Parse(time.DateOnly, in.Date); bad != nil || day.After(s.ex.Now().Add(24*time.Hour)) {
			err = errors.Join(err, fmt.Errorf("date %q: expected a day that has come, such as 2026-11-03", in.Date))
		}
	}
	if (in.Buyer == "") == (in.Source == "") {
		err = errors.Join(err, errors.New("expected buyer or source"))
	}
	if err = errors.Join(told(in.Buyer+in.Source, in.Ref, in.Why, in.By), err); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	var changed bool
	if in.Source != "" {
		changed, err = s.ex.PayOut(exchange.PaidOut{Source: in.Source, Amount: m, Currency: in.Currency,
			Date: in.Date, Ref: in.Ref, Dry: in.DryRun, Why: in.Why, By: in.By})
	} else {
		changed, err = s.ex.Book(exchange.Deposit{Buyer: in.Buyer, Amount: m, Currency: in.Currency, Date: in.Date,
			Ref: in.Ref, Any: true, Dry: in.DryRun, Why: in.Why, By: in.By})
	}
	switch {
	case errors.Is(err, exchange.ErrNoBuyer), errors.Is(err, exchange.ErrNoSource):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrCurrency):
		fail(ctx, 400, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		s.stand()
		write(ctx, 200, Paid{changed})
	}
}

// statement tells of an account: GET /v1/statement, with a parameter for each field of report.StatementQuery.
func (s *Server) statement(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	q := report.StatementQuery{Account: p.text("account"), Since: p.time("since"), Until: p.time("until"),
		Limit: int(p.number("limit", findStandard, report.FindMax))}
	q.After.Seq, q.After.Line = p.number("seq", 0, 1<<62), int(p.number("line", 0, 1<<16))
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	out, err := v.Statement(s.stop, q)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, out)
}

// trial lists the balances of all accounts: GET /v1/books?until=TIME.
func (s *Server) trial(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	until := p.time("until")
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	st := s.caughtUp(v)
	out, err := v.Trial(s.stop, until)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, Trial{Accounts: out, UpToSeq: st.UpToSeq, Behind: st.Behind})
}

// bookings tells what was booked day by day: GET /v1/bookings?since=TIME&until=TIME&zone=.
func (s *Server) bookings(ctx *fasthttp.RequestCtx, v *report.View) {
	p, ok := paramsOf(ctx)
	if !ok {
		return
	}
	since, until, zone := p.time("since"), p.time("until"), p.zone("zone")
	for name, t := range map[string]time.Time{"since": since, "until": until} {
		if t := t.In(zone); !t.IsZero() && !t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)) {
			p.bad(name, "a midnight of the zone")
		}
	}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	out, err := v.Bookings(s.stop, since, until, zone)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, out)
}

// Trial is the balances of all accounts. Those of one currency add up to zero.
type Trial struct {
	Accounts []report.Balance `json:"accounts"`
	UpToSeq  uint64           `json:"up_to_seq"`
	Behind   uint64           `json:"behind"`
}

// paramsOf are the parameters of a query. It answers where they cannot be read.
func paramsOf(ctx *fasthttp.RequestCtx) (params, bool) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return params{}, false
	}
	return params{values: values}, true
}
