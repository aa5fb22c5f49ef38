// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// Unplaced are rows of responses that wait for a person, as GET /v1/batches/unplaced answers them: oldest first.
type Unplaced struct {
	Rows []exchange.UnplacedRow `json:"rows"`
	More bool                   `json:"more,omitempty"` // there are others behind them
}

// UnplacedMax is how many rows one answer has at most.
const UnplacedMax = 1000

// PlaceRow is the body of POST /v1/batches/place, and its answer.
type PlaceRow struct {
	Row       lead.ID `json:"row"`
	Name      string  `json:"name"`                // that leads to one attempt at the row's buyer
	Outcome   string  `json:"outcome,omitempty"`   // accepted or refused; "": what the row's result means
	Price     string  `json:"price,omitempty"`     // accepted: what is booked, such as 12.50
	Reference string  `json:"reference,omitempty"` // accepted; "": the row's
	Why       string  `json:"why"`
	By        string  `json:"by,omitempty"`
	Changed   bool    `json:"changed"` // answer only: false where it was said before
}

// DropRow is the body of POST /v1/batches/drop-row, and its answer.
type DropRow struct {
	Row     lead.ID `json:"row"`
	Why     string  `json:"why"`
	By      string  `json:"by,omitempty"`
	Changed bool    `json:"changed"` // answer only: false where it was said before
}

// unplaced lists them: ?campaign=.
func (s *Server) unplaced(ctx *fasthttp.RequestCtx) {
	rows, err := s.ex.Unplaced(string(ctx.QueryArgs().Peek("campaign")))
	if err != nil {
		fail(ctx, 503, err.Error())
		return
	}
	page := Unplaced{Rows: append([]exchange.UnplacedRow{}, rows[:min(len(rows), UnplacedMax)]...)}
	page.More = len(rows) > UnplacedMax
	write(ctx, 200, page)
}

func (s *Server) placeRow(ctx *fasthttp.RequestCtx) {
	var in PlaceRow
	if !read(ctx, &in) {
		return
	}
	price, err := amount("price", in.Price)
	if err = errors.Join(told(in.Name, "", in.Why, in.By), err); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	p := exchange.Placement{Row: in.Row, Name: in.Name, Price: price, Reference: in.Reference, Why: in.Why,
		By: in.By}
	switch in.Outcome {
	case "":
	case "accepted", "refused":
		is := in.Outcome == "accepted"
		p.Accepted = &is
	default:
		fail(ctx, 400, "outcome: expected accepted or refused")
		return
	}
	if len(in.Reference) > 200 {
		fail(ctx, 400, "reference: expected at most 200 bytes")
		return
	}
	in.Changed, err = s.ex.PlaceRow(p, findFor)
	answerRow(ctx, in, err)
}

func (s *Server) dropRow(ctx *fasthttp.RequestCtx) {
	var in DropRow
	if !read(ctx, &in) || !saysWhy(ctx, in.Why, in.By) {
		return
	}
	var err error
	in.Changed, err = s.ex.DropRow(in.Row, in.Why, in.By)
	answerRow(ctx, in, err)
}

func answerRow(ctx *fasthttp.RequestCtx, in any, err error) {
	switch {
	case err == nil:
		write(ctx, 200, in)
	case errors.Is(err, exchange.ErrNoRow), errors.Is(err, exchange.ErrNoAttempt):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrNotToSay):
		fail(ctx, 400, err.Error())
	case errors.Is(err, exchange.ErrPlaced), errors.Is(err, exchange.ErrNotPlace),
		errors.Is(err, exchange.ErrUnderWay), errors.Is(err, exchange.ErrNotUnresolved):
		fail(ctx, 409, err.Error())
	default:
		fail(ctx, 503, err.Error())
	}
}

// whyMax and byMax are how long reasons and names are, in bytes.
const (
	whyMax = 1000
	byMax  = 200
)

// saysWhy tells whether a change has its reason.
func saysWhy(ctx *fasthttp.RequestCtx, why, by string) bool {
	if strings.TrimSpace(why) == "" || len(why) > whyMax || len(by) > byMax {
		fail(ctx, 400, fmt.Sprintf("expected why (1 to %d bytes), and by of at most %d", whyMax, byMax))
		return false
	}
	return true
}
