// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/lead"
	"clearpost/ledger/report"
)

// findStandard is how many leads one answer has unless another number is asked for.
const findStandard = 100

// figuresStandard is how many rows figures have unless another number is asked for.
const figuresStandard = 1000

// find finds leads: GET /v1/find, with a parameter for each field of report.Query.
func (s *Server) find(ctx *fasthttp.RequestCtx, v *report.View) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return
	}
	p := params{values: values}
	q := report.Query{Name: p.text("name"), Phone: p.text("phone"), Email: p.text("email"), Person: p.text("person"),
		Region: p.text("region"),
		Seller: p.text("seller_lead_id"), Source: p.text("source"), Vertical: p.text("vertical"),
		State: p.text("state"), SubID: p.text("sub_id"), Result: p.text("result"), Since: p.time("since"),
		Until: p.time("until"),
		Tests: p.flag("tests"), Reference: p.text("reference"), Attempt: p.id("attempt"), Buyer: p.text("buyer"),
		Campaign: p.text("campaign"), Outcome: p.text("outcome"), PriceMin: p.money("price_min"),
		PriceMax: p.money("price_max"), Refusal: p.refusal("refusal"), Before: p.number("before", 0, 1<<62),
		Limit: int(p.number("limit", findStandard, report.FindMax))}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	found, err := v.Find(s.stop, q)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, found)
}

// figures adds up: GET /v1/report, with a parameter for each field of report.Ask.
func (s *Server) figures(ctx *fasthttp.RequestCtx, v *report.View) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return
	}
	p := params{values: values}
	a := report.Ask{Since: p.time("since"), Until: p.time("until"), Zone: p.zone("zone"), Buyer: p.text("buyer"),
		Campaign: p.text("campaign"), Source: p.text("source"), Vertical: p.text("vertical"), State: p.text("state"),
		SubID: p.text("sub_id"), Limit: int(p.number("limit", figuresStandard, report.RowsMax)),
		Compare: p.flag("compare")}
	if by := p.text("by"); by != "" {
		a.By = strings.Split(by, ",")
	}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	f, err := v.Figures(s.stop, a)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, f)
}

// scorecards tells how buyers did: GET /v1/scorecards, with a parameter for each field of report.ScoreAsk.
func (s *Server) scorecards(ctx *fasthttp.RequestCtx, v *report.View) {
	values, err := url.ParseQuery(string(ctx.QueryArgs().QueryString()))
	if err != nil {
		fail(ctx, 400, "the query: "+err.Error())
		return
	}
	p := params{values: values}
	a := report.ScoreAsk{Buyer: p.text("buyer"), Since: p.time("since"), Until: p.time("until"), Zone: p.zone("zone")}
	if err := p.end(); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	s.caughtUp(v)
	cards, err := v.Scorecards(s.stop, a)
	if err != nil {
		badView(ctx, err)
		return
	}
	write(ctx, 200, cards)
}

// badView answers a question that the view could not answer.
func badView(ctx *fasthttp.RequestCtx, err error) {
	var bad *report.BadQuery
	if errors.As(err, &bad) {
		fail(ctx, 400, err.Error())
		return
	}
	fail(ctx, 503, err.Error())
}

func (s *Server) caughtUp(v *report.View) report.Status {
	ctx, cancel := context.WithTimeout(s.stop, viewWait)
	defer cancel()
	return v.CatchUp(ctx)
}

// params reads the parameters of a query. The first one that is wrong, unknown or there twice is its error.
type params struct {
	values url.Values
	err    error
}

func (p *params) bad(name, expected string) {
	if p.err == nil {
		p.err = &report.BadQuery{What: name, Expected: expected}
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
	case len(list[0]) > nameMax:
		p.bad(name, fmt.Sprintf("at most %d bytes", nameMax))
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

func (p *params) zone(name string) *time.Location {
	text := p.text(name)
	loc, err := time.LoadLocation(text) // "" is UTC
	if err != nil || text == "Local" {
		p.bad(name, "a zone such as America/New_York")
		return time.UTC
	}
	return loc
}

func (p *params) flag(name string) bool {
	text := p.text(name)
	on, err := strconv.ParseBool(text)
	if err != nil && text != "" {
		p.bad(name, "true or false")
	}
	return on
}

func (p *params) id(name string) (id lead.ID) {
	if text := p.text(name); text != "" {
		var err error
		if id, err = lead.ParseID(text); err != nil {
			p.bad(name, "a UUID")
		}
	}
	return id
}

func (p *params) money(name string) *lead.Money {
	text := p.text(name)
	if text == "" {
		return nil
	}
	m, err := lead.ParseMoney([]byte(text))
	if err != nil {
		p.bad(name, "an amount such as 12.50")
	}
	return &m
}

// refusal is one by its name or its number.
func (p *params) refusal(name string) lead.Refusal {
	text := p.text(name)
	if text == "" {
		return lead.NoRefusal
	}
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n > 0 {
		return lead.Refusal(n)
	}
	r, ok := lead.RefusalByName(text)
	if !ok {
		p.bad(name, "the name or the number of a refusal, such as invalid_phone")
	}
	return r
}

// number is a whole number from 1 on.
func (p *params) number(name string, standard, most uint64) uint64 {
	text := p.text(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n < 1 || n > most {
		p.bad(name, fmt.Sprintf("1 to %d", most))
	}
	return n
}

// end is the error of all of it.
func (p *params) end() error {
	for name := range p.values {
		p.bad(name, "a parameter that there is")
	}
	return p.err
}
