// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// findFor bounds the search for a buyer's reference, which no index has.
const findFor = 10 * time.Second

// nameMax bounds what something is asked for by, in bytes.
const nameMax = 512

// explain takes whatever a lead may be called: exchange.Find. Of leads with one seller's id the newest is told, and the
// others are named; any other name of several leads is answered with the list.
// `all` in the query asks for every reason for which a campaign was not asked.
func (s *Server) explain(ctx *fasthttp.RequestCtx, name string) {
	if name == "" || len(name) > nameMax {
		fail(ctx, 400, fmt.Sprintf("name: expected 1 to %d bytes", nameMax))
		return
	}
	f, err := s.ex.Find(name, findFor)
	if err != nil {
		fail(ctx, 500, err.Error())
		return
	}
	var leads []lead.ID
	seller := false
	for _, m := range f.Matches {
		seller = seller || m.Attempt.IsZero()
		if len(leads) == 0 || leads[len(leads)-1] != m.Lead {
			leads = append(leads, m.Lead)
		}
	}
	switch {
	case len(leads) == 0:
		fail(ctx, 404, f.NotFound(name))
		return
	case len(leads) > 1 && !seller:
		fail(ctx, 409, ambiguous(name, f.Matches))
		return
	}
	explain := s.ex.Explain
	if ctx.QueryArgs().GetBool("all") {
		explain = s.ex.ExplainAll
	}
	x, ok, err := explain(leads[0])
	switch {
	case err != nil:
		fail(ctx, 500, err.Error())
	case !ok:
		fail(ctx, 404, "no lead "+leads[0].String())
	default:
		x.Others = leads[1:]
		write(ctx, 200, x)
	}
}

func ambiguous[T fmt.Stringer](name string, list []T) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is the name of %d; say which by its id:", name, len(list))
	for _, m := range list {
		b.WriteString("\n  " + m.String())
	}
	return b.String()
}

// attempt finds the one open attempt that a resolution means. It answers where there is none, or are several.
func (s *Server) attempt(ctx *fasthttp.RequestCtx, name string) (id lead.ID, ok bool) {
	if name == "" || len(name) > nameMax {
		fail(ctx, 400, fmt.Sprintf("name: expected 1 to %d bytes", nameMax))
		return id, false
	}
	open, f, err := s.ex.FindOpen(name, findFor)
	switch {
	case err != nil:
		fail(ctx, 503, err.Error())
	case len(open) == 1:
		return open[0].Attempt, true
	case len(open) > 1:
		fail(ctx, 409, ambiguous(name, open))
	case len(f.Matches) > 0:
		fail(ctx, 404, exchange.ErrNotUnresolved.Error()+": what "+name+" names has no open attempt")
	default:
		fail(ctx, 404, f.NotFound(name))
	}
	return id, false
}
