// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

// Correct is the body of a correction: how a settled attempt ended in truth.
type Correct struct {
	Name      string `json:"name"`    // whatever leads to one attempt
	Outcome   string `json:"outcome"` // accepted or rejected
	Price     string `json:"price,omitempty"`
	Reference string `json:"reference,omitempty"`
	Oversell  bool   `json:"oversell,omitempty"` // also beyond what its buyers were promised
	Ref       string `json:"ref,omitempty"`      // what its maker knows it by
	Why       string `json:"why"`
	By        string `json:"by,omitempty"`
}

// Adjust is the body of another booking of a sale.
type Adjust struct {
	Name   string `json:"name"` // whatever leads to one sale
	Price  string `json:"price,omitempty"`
	Payout string `json:"payout,omitempty"`
	Void   bool   `json:"void,omitempty"` // both are 0
	Ref    string `json:"ref,omitempty"`
	Why    string `json:"why"`
	By     string `json:"by,omitempty"`
}

// Changed is the answer to both. Event is the one that says what stands; nil where no adjustment does.
type Changed struct {
	Changed bool             `json:"changed"` // false: it stood so already, and nothing was written
	Event   *ledger.Adjusted `json:"event"`
}

const refMax = 200 // bytes

// told checks what every change of a booking tells of itself.
func told(name, ref, why, by string) error {
	if name == "" || len(name) > nameMax || len(ref) > refMax || strings.TrimSpace(why) == "" || len(why) > 1000 ||
		len(by) > 200 {
		return fmt.Errorf("expected name (1 to %d bytes), why (1 to 1000 bytes), ref of at most %d bytes", nameMax,
			refMax)
	}
	return nil
}

// amount reads what may be booked for a lead, nil of an empty text.
func amount(what, text string) (*lead.Money, error) {
	if text == "" {
		return nil, nil
	}
	m, err := lead.ParseMoney([]byte(text))
	if err != nil || m < 0 || m > lead.PriceMax || m%lead.Cent != 0 {
		return nil, fmt.Errorf("%s %s: expected an amount in whole cents such as 12.50, from 0 to %s", what, text,
			lead.PriceMax)
	}
	return &m, nil
}

func (s *Server) correct(ctx *fasthttp.RequestCtx) {
	var in Correct
	if !read(ctx, &in) {
		return
	}
	price, err := amount("price", in.Price)
	err = errors.Join(told(in.Name, in.Ref, in.Why, in.By), err)
	r := exchange.Correction{Name: in.Name, Accepted: in.Outcome == "accepted", Price: price, Reference: in.Reference,
		Oversell: in.Oversell, Ref: in.Ref, Why: in.Why, By: in.By}
	switch {
	case err != nil:
	case len(in.Reference) > 256:
		err = errors.New("reference: expected at most 256 bytes")
	case !r.Accepted && in.Outcome != "rejected":
		err = errors.New("outcome: expected accepted or rejected")
	case !r.Accepted && (price != nil || in.Reference != "" || in.Oversell):
		err = errors.New("price, reference and oversell go with accepted only")
	}
	if err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	adj, changed, err := s.ex.Correct(r, findFor)
	answerChange(ctx, adj, changed, err)
}

func (s *Server) adjust(ctx *fasthttp.RequestCtx) {
	var in Adjust
	if !read(ctx, &in) {
		return
	}
	price, err := amount("price", in.Price)
	payout, err2 := amount("payout", in.Payout)
	err = errors.Join(told(in.Name, in.Ref, in.Why, in.By), err, err2)
	if some := price != nil || payout != nil; err == nil && some == in.Void {
		err = errors.New("expected price, payout or both; or void")
	}
	if err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	if in.Void {
		price, payout = new(lead.Money), new(lead.Money)
	}
	adj, changed, err := s.ex.Rebook(exchange.Rebooking{Name: in.Name, Price: price, Payout: payout, Ref: in.Ref,
		Why: in.Why, By: in.By}, findFor)
	answerChange(ctx, adj, changed, err)
}

func answerChange(ctx *fasthttp.RequestCtx, adj *ledger.Adjusted, changed bool, err error) {
	is := func(list ...error) bool {
		for _, e := range list {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		write(ctx, 200, Changed{changed, adj})
	case is(exchange.ErrNoAttempt, exchange.ErrNoSale):
		fail(ctx, 404, err.Error())
	case returnError(err) > 0:
		fail(ctx, returnError(err), err.Error())
	case is(exchange.ErrUnderWay, exchange.ErrUncertain, exchange.ErrNotSettled, exchange.ErrNeverSent,
		exchange.ErrOversold, exchange.ErrRefUsed):
		fail(ctx, 409, err.Error())
	default:
		fail(ctx, 503, err.Error())
	}
}
