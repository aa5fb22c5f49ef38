// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// Books are what a source may read of its own account; nil: it cannot now. Both return what is stored when they are
// called, as far as it has been
// read, within the time of the context. Nothing in it is a buyer's: no name, price, reference or campaign.
type Books struct {
	Statement func(ctx context.Context, source string, q *StatementAsk) (*SourceStatement, error)
	Report    func(ctx context.Context, source string, q *ReportAsk) (*SourceReport, error)
}

// Limits of what a source reads of its account.
const (
	readsPerSecond = 2  // requests of a source, besides its own rate
	readsBurst     = 10 // at once
	readFor        = 10 * time.Second
	readStandard   = 100  // lines or rows, unless another number is asked for
	ReadsMax       = 1000 // lines or rows of one answer
)

// StatementAsk asks for the account of a source: by the number of a statement, or over a time.
type StatementAsk struct {
	Number       string
	Month        string         // such as 2026-10, in place of a time
	Zone         *time.Location // of the month; nil: the operator's
	Since, Until time.Time
	Seq          uint64 // with Line: only lines after this one
	Line         int
	Limit        int // of lines
}

// ReportAsk asks what became of a source's leads.
type ReportAsk struct {
	By           []string // of ReportDims
	Since, Until time.Time
	Zone         *time.Location // of days; nil: the operator's
	Vertical     string
	Limit        int // of rows
}

// ReportDims are what figures may be told apart by.
var ReportDims = []string{"vertical", "sub_id", "state", "hour", "day", "month"}

// Errors of Books.
var (
	ErrNoBooks     = errors.New("this exchange keeps no books for reading")
	ErrNoStatement = errors.New("no statement of yours has this number")
)

// BadAsk is an error of whoever asks.
type BadAsk struct{ What, Expected string }

// Error implements error.
func (e *BadAsk) Error() string { return e.What + ": expected " + e.Expected }

// SourceStatement is the account of a source over a time. What it is owed is above zero.
type SourceStatement struct {
	Source   string       `json:"source"`
	Number   string       `json:"number,omitempty"` // of a statement that was issued
	IssuedAt *time.Time   `json:"issued_at,omitempty"`
	Since    time.Time    `json:"since"`
	Until    time.Time    `json:"until"`
	Zone     string       `json:"zone,omitempty"`
	SoFar    bool         `json:"so_far,omitempty"` // the time has not ended
	Issued   []string     `json:"issued,omitempty"` // numbers under which the month was issued
	Sums     []SourceSum  `json:"sums"`             // one a currency; on the first page only
	Lines    []SourceLine `json:"lines"`
	Next     string       `json:"next,omitempty"` // `after` of the next page; absent: these are the last lines
}

// SourceSum is what has changed in one currency.
type SourceSum struct {
	Currency    string          `json:"currency"`
	Opening     exchange.Amount `json:"opening"`
	Sales       exchange.Amount `json:"sales"`
	Corrections exchange.Amount `json:"corrections"`
	Returns     exchange.Amount `json:"returns"`
	Payments    exchange.Amount `json:"payments"`
	Closing     exchange.Amount `json:"closing"`
}

// SourceLine is one entry.
type SourceLine struct {
	At           time.Time       `json:"at"`
	Kind         string          `json:"kind"` // sale, correction, return or payment
	Amount       exchange.Amount `json:"amount"`
	Currency     string          `json:"currency"`
	LeadID       string          `json:"lead_id,omitempty"`
	SellerLeadID string          `json:"seller_lead_id,omitempty"`
	Ref          string          `json:"ref,omitempty"`      // of a payment: what the operator knows it by
	Date         string          `json:"date,omitempty"`     // of a payment: the day on which it was made, if that was said
	Corrects     string          `json:"corrects,omitempty"` // the number of the earlier statement that it is about
}

// SourceReport is what became of a source's leads.
type SourceReport struct {
	Source string      `json:"source"`
	By     []string    `json:"by"`
	Since  *time.Time  `json:"since,omitempty"` // widened to a whole hour
	Until  *time.Time  `json:"until,omitempty"`
	Zone   string      `json:"zone"`
	Rows   []SourceRow `json:"rows"`
	Totals []SourceRow `json:"totals"` // one a currency
}

// SourceRow is one row of a report.
type SourceRow struct {
	Key       []string        `json:"key"`              // in the order of by
	Others    int             `json:"others,omitempty"` // so many rows beyond the limit, added up
	Currency  string          `json:"currency"`
	Leads     int64           `json:"leads"`
	Quoted    int64           `json:"quoted"`
	Sold      int64           `json:"sold"`     // leads
	Sales     int64           `json:"sales"`    // of them, to one buyer or several
	Returned  int64           `json:"returned"` // sales
	Payout    exchange.Amount `json:"payout"`   // less what was given back
	Clawbacks exchange.Amount `json:"clawbacks"`
}

// reader finds the source that reads its account, and holds its rate. It answers itself where there is none.
func (s *Server) reader(ctx *fasthttp.RequestCtx) *account {
	ctx.Response.Header.Set("Cache-Control", "no-store")
	a := s.account(ctx, "")
	if a == nil {
		return nil
	}
	if !a.reads.Allow() {
		s.places.note(ShedRate, time.Now())
		s.later(ctx, 429, "rate_limited", fmt.Sprintf("more than %d requests a second for statements and reports",
			readsPerSecond), time.Second)
		return nil
	}
	return a
}

// statement tells a source of its account: GET /v1/statement.
func (s *Server) statement(ctx *fasthttp.RequestCtx, _ *segments) {
	a := s.reader(ctx)
	if a == nil {
		return
	}
	p := asked(ctx)
	q := &StatementAsk{Number: p.text("number"), Month: p.text("month"), Zone: p.zone(), Since: p.time("since"),
		Until: p.time("until"), Limit: p.number("limit", readStandard, ReadsMax)}
	if after := p.text("after"); after != "" {
		seq, line, ok := strings.Cut(after, ".")
		var err, bad error
		q.Seq, err = strconv.ParseUint(seq, 10, 62)
		q.Line, bad = strconv.Atoi(line)
		if !ok || err != nil || bad != nil || q.Line < 0 || q.Line > 1<<16 {
			p.bad("after", "next of the page before")
		}
	}
	ways := 0
	for _, there := range []bool{q.Number != "", q.Month != "", !q.Since.IsZero()} {
		if there {
			ways++
		}
	}
	if ways != 1 || q.Since.IsZero() != q.Until.IsZero() {
		p.bad("number, month, since", "one of number, month, and since with until")
	}
	if p.end(); p.err != nil {
		s.fail(ctx, 400, "bad_request", p.err.Error())
		return
	}
	read(s, ctx, func(within context.Context) (*SourceStatement, error) {
		if s.books.Statement == nil {
			return nil, ErrNoBooks
		}
		return s.books.Statement(within, a.ID, q)
	})
}

// figures tells a source what became of its leads: GET /v1/report.
func (s *Server) figures(ctx *fasthttp.RequestCtx, _ *segments) {
	a := s.reader(ctx)
	if a == nil {
		return
	}
	p := asked(ctx)
	q := &ReportAsk{Since: p.time("since"), Until: p.time("until"), Zone: p.zone(), Vertical: p.text("vertical"),
		Limit: p.number("limit", readStandard, ReadsMax)}
	if by := p.text("by"); by != "" {
		q.By = strings.Split(by, ",")
	}
	for i, b := range q.By {
		if !slices.Contains(ReportDims, b) || slices.Contains(q.By[:i], b) {
			p.bad("by", "each once of "+strings.Join(ReportDims, ", "))
		}
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		p.bad("until", "a time after since")
	}
	if p.end(); p.err != nil {
		s.fail(ctx, 400, "bad_request", p.err.Error())
		return
	}
	read(s, ctx, func(within context.Context) (*SourceReport, error) {
		if s.books.Report == nil {
			return nil, ErrNoBooks
		}
		return s.books.Report(within, a.ID, q)
	})
}

// read answers with what is read of the books.
func read[T any](s *Server, ctx *fasthttp.RequestCtx, do func(context.Context) (*T, error)) {
	within, cancel := context.WithTimeout(context.Background(), readFor)
	defer cancel()
	out, err := do(within)
	var bad *BadAsk
	switch {
	case errors.As(err, &bad):
		s.fail(ctx, 400, "bad_request", err.Error())
	case errors.Is(err, ErrNoStatement):
		s.fail(ctx, 404, "not_found", err.Error())
	case err != nil:
		if !errors.Is(err, ErrNoBooks) {
			s.log.Warn("a source's books could not be read", "err", err)
		}
		s.later(ctx, 503, "unavailable", "statements and reports cannot be read now", 5*time.Second)
	default:
		s.write(ctx, 200, out)
	}
}

// params reads the parameters of a query. The first one that is wrong, unknown or there twice is its error.
type params struct {
	values url.Values
	err    error
}

func asked(ctx *fasthttp.RequestCtx) *params {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	return &params{values, err}
}

func (p *params) bad(what, expected string) {
	if p.err == nil {
		p.err = &BadAsk{what, expected}
	}
}

func (p *params) text(name string) string {
	list := p.values[name]
	delete(p.values, name)
	switch {
	case len(list) == 0:
		return ""
	case len(list) > 1:
		p.bad(name, "it once")
	case len(list[0]) > KeyBytesMax:
		p.bad(name, fmt.Sprintf("at most %d bytes", KeyBytesMax))
	}
	return list[0]
}

func (p *params) time(name string) (t time.Time) {
	if text := p.text(name); text != "" {
		var err error
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			p.bad(name, "a time such as 2026-11-03T15:04:05Z")
		}
	}
	return t
}

func (p *params) zone() *time.Location {
	text := p.text("zone")
	if text == "" {
		return nil
	}
	loc, err := lead.LoadZone(text)
	if err != nil {
		p.bad("zone", "a zone such as America/New_York")
	}
	return loc
}

func (p *params) number(name string, standard, most int) int {
	text := p.text(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.bad(name, fmt.Sprintf("1 to %d", most))
	}
	return n
}

func (p *params) end() {
	for name := range p.values {
		p.bad(quoted(name), "a parameter that there is")
	}
}
