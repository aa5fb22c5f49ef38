// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/ledger/report"
)

// ReturnIn is the body of a buyer's wish to give a sale back.
type ReturnIn struct {
	Name   string `json:"name,omitempty"`  // whatever leads to one sale
	Phone  string `json:"phone,omitempty"` // in place of a name
	Buyer  string `json:"buyer,omitempty"` // whose sale it must be; absent: whoever's
	Reason string `json:"reason"`          // of the list on the buyer's page
	Note   string `json:"note,omitempty"`
	Grant  bool   `json:"grant,omitempty"`  // at once, outside of window and limit too
	Credit string `json:"credit,omitempty"` // grant: what comes back, in place of what the reason says
	// where the buyer resells: under which reference its own buyer gave the lead back, and on which date
	ChainReference string `json:"chain_reference,omitempty"`
	ChainDate      string `json:"chain_date,omitempty"` // such as 2026-11-03
	By             string `json:"by,omitempty"`
}

// DecideIn is the body of what a person makes of a return.
type DecideIn struct {
	Name   string `json:"name"` // whatever leads to one sale
	What   string `json:"what"` // approve, deny, revoke or replace
	Credit string `json:"credit,omitempty"`
	With   string `json:"with,omitempty"` // replace: whatever leads to the sale that came in its place
	Why    string `json:"why"`
	By     string `json:"by,omitempty"`
}

// returnsIn takes a return: POST /v1/returns.
func (s *Server) returnsIn(ctx *fasthttp.RequestCtx) {
	var in ReturnIn
	if !read(ctx, &in) {
		return
	}
	var ask exchange.ReturnAsk
	credit, err := amount("credit", in.Credit)
	err = errors.Join(told(in.Name+in.Phone, "", in.Reason, in.By), err)
	switch {
	case err != nil:
	case (in.Name == "") == (in.Phone == ""):
		err = errors.New("expected name or phone")
	case len(in.Reason) > 64:
		err = errors.New("reason: expected at most 64 bytes")
	case len(in.Note) > exchange.ReturnNoteMax:
		err = fmt.Errorf("note: expected at most %d bytes", exchange.ReturnNoteMax)
	case credit != nil && !in.Grant:
		err = errors.New("credit goes with grant only")
	default:
		err = in.chain(&ask)
	}
	if err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	ask.Buyer, ask.Name, ask.Phone, ask.Reason, ask.Note = in.Buyer, in.Name, in.Phone, in.Reason, in.Note
	ask.Grant, ask.Credit, ask.By, ask.Budget = in.Grant, credit, in.By, findFor
	adj, changed, err := s.ex.Return(ask)
	answerChange(ctx, adj, changed, err)
}

// chain takes what the buyer's own buyer has told, if anything.
func (in *ReturnIn) chain(ask *exchange.ReturnAsk) error {
	if in.ChainReference == "" && in.ChainDate == "" {
		return nil
	}
	_, err := time.Parse(time.DateOnly, in.ChainDate)
	if err != nil || in.ChainReference == "" || len(in.ChainReference) > exchange.ChainReferenceMax {
		return fmt.Errorf("expected chain_reference (1 to %d bytes) and chain_date, such as 2026-11-03",
			exchange.ChainReferenceMax)
	}
	ask.Chain = &exchange.ChainTold{Reference: in.ChainReference, Date: in.ChainDate}
	return nil
}

// decideReturn takes what a person makes of a return: POST /v1/returns/decide.
func (s *Server) decideReturn(ctx *fasthttp.RequestCtx) {
	var in DecideIn
	if !read(ctx, &in) {
		return
	}
	credit, err := amount("credit", in.Credit)
	err = errors.Join(told(in.Name, "", in.Why, in.By), err)
	switch in.What {
	case exchange.ReturnApprove, exchange.ReturnDeny, exchange.ReturnRevoke:
	case exchange.ReturnReplace:
		if in.With == "" || len(in.With) > nameMax {
			err = errors.Join(err, errors.New("with: expected a name of the sale that came in its place"))
		}
	default:
		err = errors.Join(err, errors.New("what: expected approve, deny, revoke or replace"))
	}
	if credit != nil && in.What != exchange.ReturnApprove {
		err = errors.Join(err, errors.New("credit goes with approve only"))
	}
	if err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	adj, changed, err := s.ex.DecideReturn(exchange.ReturnDecision{Name: in.Name, What: in.What, Credit: credit,
		With: in.With, Why: in.Why, By: in.By, Budget: findFor})
	answerChange(ctx, adj, changed, err)
}

// returnsOf lists returns: GET /v1/returns, with a parameter for each field of report.ReturnsQuery.
func (s *Server) returnsOf(ctx *fasthttp.RequestCtx, v *report.View) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return
	}
	p := params{values: values}
	q := report.ReturnsQuery{State: p.text("state"), Buyer: p.text("buyer"), Source: p.text("source"),
		Reason: p.text("reason"), Since: p.time("since"), Until: p.time("until"),
		Before: p.number("from", 0, 1<<62), Limit: int(p.number("limit", findStandard, report.FindMax))}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	found, err := v.Returns(s.stop, q)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, found)
}

// returnError is the status of an error of returns, 0 of any other.
func returnError(err error) int {
	for _, e := range []error{exchange.ErrReturnsNone, exchange.ErrReturnReason, exchange.ErrReturnLate,
		exchange.ErrReturnLimit, exchange.ErrReturned, exchange.ErrNotAsked, exchange.ErrNotReturned,
		exchange.ErrReplacement, exchange.ErrReturnCredit, exchange.ErrNoPhones, exchange.ErrChainMissing,
		exchange.ErrChainDate, exchange.ErrChainAgain} {
		if errors.Is(err, e) {
			return 409
		}
	}
	return 0
}
