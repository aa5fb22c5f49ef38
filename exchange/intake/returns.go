// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-json"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// ReturnsMax is how many returns one request may have.
const ReturnsMax = 100

// returnIn is one lead that a buyer gives back: one of lead_id, reference and phone.
type returnIn struct {
	LeadID    string `json:"lead_id"`
	Reference string `json:"reference"`
	Phone     string `json:"phone"`
	Reason    string `json:"reason"`
	Note      string `json:"note"`
	// of a buyer that resells: under which reference its own buyer gave the lead back, and on which date
	Chain *chainIn `json:"chain"`
}

type chainIn struct {
	Reference string `json:"reference"`
	Date      string `json:"date"`
}

// returnOut is what became of it.
type returnOut struct {
	// returned, replacement (another lead is owed in place of money), waiting, denied or refused
	Result    string           `json:"result"`
	LeadID    string           `json:"lead_id,omitempty"`
	Reference string           `json:"reference,omitempty"`
	Reason    string           `json:"reason,omitempty"` // of the return; refused: why, as in returnRefusals
	Details   string           `json:"details,omitempty"`
	Credit    *exchange.Amount `json:"credit,omitempty"`
	Currency  string           `json:"currency,omitempty"`
	Again     bool             `json:"again,omitempty"` // it was so before this request
}

// returns takes what a buyer gives back: POST /v1/buyers/{id}/returns. Each return is answered by itself, in the order
// of the request. Where the ledger is away the rest is not tried: the same request may be sent again.
func (s *Server) returns(ctx *fasthttp.RequestCtx, at *segments) {
	a := s.buyer(ctx, at.id)
	if a == nil {
		return
	}
	var in struct {
		Returns []returnIn `json:"returns"`
	}
	d := json.NewDecoder(bytes.NewReader(ctx.PostBody()))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		s.fail(ctx, 400, "bad_request", `expected {"returns":[{"reference":…,"reason":…}]}: `+quoted(err.Error()))
		return
	}
	if n := len(in.Returns); n < 1 || n > ReturnsMax {
		s.fail(ctx, 400, "bad_request", fmt.Sprintf("returns: expected 1 to %d", ReturnsMax))
		return
	}
	for i := range in.Returns {
		if why := in.Returns[i].wrong(); why != "" {
			s.fail(ctx, 400, "bad_request", fmt.Sprintf("returns[%d]: %s", i, why))
			return
		}
	}
	out := make([]returnOut, 0, len(in.Returns))
	for i := range in.Returns {
		one, err := s.giveBack(a, &in.Returns[i])
		if err != nil {
			s.later(ctx, 503, "unavailable", fmt.Sprintf("returns[%d] could not be taken, nor what follows; what is "+
				"before it is done, and the same request may be sent again", i), time.Second)
			return
		}
		out = append(out, one)
	}
	s.write(ctx, 200, map[string]any{"returns": out})
}

// wrong tells what is wrong with a return as it was sent, "" if nothing is.
func (r *returnIn) wrong() string {
	n := 0
	for _, name := range []string{r.LeadID, r.Reference, r.Phone} {
		if name != "" {
			n++
		}
		if len(name) > 256 {
			return "lead_id, reference and phone: expected at most 256 bytes"
		}
	}
	_, err := lead.ParseID(r.LeadID)
	if c := r.Chain; c != nil {
		_, bad := time.Parse(time.DateOnly, c.Date)
		if bad != nil || c.Reference == "" || len(c.Reference) > exchange.ChainReferenceMax {
			return fmt.Sprintf("chain: expected reference (1 to %d bytes) and date, such as 2026-11-03",
				exchange.ChainReferenceMax)
		}
	}
	switch {
	case n != 1:
		return "expected one of lead_id, reference and phone"
	case r.LeadID != "" && err != nil:
		return "lead_id: expected a UUID"
	case r.Reason == "" || len(r.Reason) > 64:
		return "reason: expected 1 to 64 bytes"
	case len(r.Note) > exchange.ReturnNoteMax:
		return fmt.Sprintf("note: expected at most %d bytes", exchange.ReturnNoteMax)
	}
	return ""
}

// returnRefusals are the reasons for which a return is refused, by their names.
var returnRefusals = []struct {
	err  error
	name string
}{
	{exchange.ErrReturnsNone, "no_returns"}, {exchange.ErrReturnReason, "unknown_reason"},
	{exchange.ErrReturnLate, "too_late"}, {exchange.ErrReturnLimit, "limit_reached"}, {exchange.ErrNoSale, "not_sold"},
	{exchange.ErrChainMissing, "chain_missing"}, {exchange.ErrChainDate, "chain_date"},
	{exchange.ErrChainAgain, "chain_told_before"},
	{exchange.ErrUnderWay, "under_way"}, {exchange.ErrNoPhones, "no_phones"},
}

// referenceFor is how long the ledger is searched for a reference where there is no view of it.
const referenceFor = 2 * time.Second

// giveBack takes one return. An error is one of the exchange: nothing was taken.
func (s *Server) giveBack(a *buyerAccount, r *returnIn) (returnOut, error) {
	ask := exchange.ReturnAsk{Buyer: a.id, Name: r.LeadID + r.Reference, Phone: r.Phone, Reason: r.Reason,
		Note: r.Note, By: "buyer:" + a.id, Budget: referenceFor}
	if r.Chain != nil {
		ask.Chain = &exchange.ChainTold{Reference: r.Chain.Reference, Date: r.Chain.Date}
	}
	adj, changed, err := s.ex.Return(ask)
	out := returnOut{LeadID: r.LeadID, Reference: r.Reference}
	if err != nil {
		for _, no := range returnRefusals {
			if errors.Is(err, no.err) {
				out.Result, out.Reason, out.Details = "refused", no.name, err.Error()
				return out, nil
			}
		}
		s.log.Error("a buyer's return was not taken", "buyer", a.id, "err", err)
		return out, err
	}
	out.LeadID, out.Reason, out.Again = adj.Lead.String(), adj.Return.Reason, !changed
	if out.Result = exchange.ReturnResult(adj); out.Result == exchange.ReturnReturned {
		credit := exchange.Amount(adj.Return.Credit)
		out.Credit = &credit
		if v := a.on.Vertical(adj.Vertical); v != nil {
			out.Currency = v.Currency
		}
	}
	return out, nil
}
