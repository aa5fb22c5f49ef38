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

// Resubmit is the body of POST /v1/resubmit, whose answer is an exchange.Resubmitted.
type Resubmit struct {
	Lead     lead.ID           `json:"lead_id"`
	Set      map[string]string `json:"set,omitempty"`      // values by field, as sellers write them; "" takes one away
	Map      map[string]string `json:"map,omitempty"`      // by field of the vertical: the old lead's field it is taken from
	Vertical string            `json:"vertical,omitempty"` // "": its own
	Ref      string            `json:"ref,omitempty"`
	Why      string            `json:"why,omitempty"`
	By       string            `json:"by,omitempty"`
	DryRun   bool              `json:"dry_run,omitempty"`
}

// resubmitWhy is the reason where none is given.
const resubmitWhy = "resubmitted"

func (s *Server) resubmit(ctx *fasthttp.RequestCtx) {
	var in Resubmit
	if !read(ctx, &in) {
		return
	}
	if in.Why == "" {
		in.Why = resubmitWhy
	}
	if in.Lead.IsZero() || len(in.Ref) > refMax || strings.TrimSpace(in.Why) == "" || len(in.Why) > 1000 ||
		len(in.By) > 200 {
		fail(ctx, 400, fmt.Sprintf("expected lead_id, why of at most 1000 bytes, ref of at most %d bytes", refMax))
		return
	}
	if s.hooks.Offline && !in.DryRun {
		fail(ctx, 409, "no exchange runs on this directory, and a lead that is resubmitted is sent to buyers: "+
			"start it first")
		return
	}
	out, err := s.ex.Resubmit(exchange.Resubmission{Lead: in.Lead, Set: in.Set, Map: in.Map, Vertical: in.Vertical,
		Ref: in.Ref, Why: in.Why, By: in.By, DryRun: in.DryRun})
	var f *exchange.Fault
	switch {
	case err == nil:
		write(ctx, 200, out)
	case errors.As(err, &f):
		fail(ctx, statusOf(f), faultText(f))
	case errors.Is(err, exchange.ErrNoLead):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrResubmitTo):
		fail(ctx, 400, err.Error())
	case errors.Is(err, exchange.ErrUnderWay), errors.Is(err, exchange.ErrNotUnsold),
		errors.Is(err, exchange.ErrResubmitted):
		fail(ctx, 409, err.Error())
	default:
		fail(ctx, 503, err.Error())
	}
}

// statusOf is the HTTP status of a fault, as its seller would hear it.
func statusOf(f *exchange.Fault) int {
	switch f.Kind {
	case exchange.FaultInvalid:
		return 400
	case exchange.FaultNotFound:
		return 404
	case exchange.FaultConflict:
		return 409
	case exchange.FaultGone:
		return 410
	}
	return 503
}

func faultText(f *exchange.Fault) string {
	out := f.Message
	for _, p := range f.Errors {
		out += fmt.Sprintf("\n  %s: expected %s", p.Field, p.Expected)
	}
	return out
}
