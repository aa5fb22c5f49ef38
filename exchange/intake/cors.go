// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"slices"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
)

// AnyOrigin stands for the pages of everybody.
const AnyOrigin = "*"

const (
	corsMethods = "GET, POST"
	corsHeaders = "Authorization, Content-Type, X-Api-Key, Idempotency-Key, X-Clearpost-Debug"
	corsMaxAge  = "600" // seconds for which a browser may keep what a preflight heard
)

// allowOrigin is what a page of the origin may be told, "" if its scripts may not send the source's leads.
func allowOrigin(src *exchange.Source, origin string) string {
	switch {
	case slices.Contains(src.Origins, AnyOrigin):
		return AnyOrigin
	case slices.Contains(src.Origins, origin):
		return origin
	}
	return ""
}

// preflight answers a browser that asks whether a script may send a lead. Who would send it is not known yet: any
// source of the vertical may allow it, or any at all where no vertical is named; the request itself is held to its own.
// It returns false where it has not answered.
func (s *Server) preflight(ctx *fasthttp.RequestCtx, vertical string) bool {
	origin := string(ctx.Request.Header.Peek("Origin"))
	if !ctx.IsOptions() || origin == "" || len(ctx.Request.Header.Peek("Access-Control-Request-Method")) == 0 {
		return false
	}
	allowed := ""
	for _, a := range s.book.Load().ids {
		if vertical == "" || slices.Contains(a.Verticals, vertical) {
			if got := allowOrigin(a.Source, origin); allowed == "" || got == AnyOrigin {
				allowed = got
			}
		}
	}
	h := &ctx.Response.Header
	h.Set("Vary", "Origin")
	if allowed == "" {
		s.fail(ctx, 403, "origin_not_allowed", "no account may send leads from pages of "+quoted(origin))
		return true
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	s.send(ctx, 204, nil)
	return true
}

// origin holds a request of a browser's script to the origins of its source, and lets the script read the answer. A
// source without origins is not asked, and neither is a request without an Origin, which no browser sends for a page.
// It answers 403 itself.
func (s *Server) origin(ctx *fasthttp.RequestCtx, a *account) bool {
	if len(a.Origins) == 0 {
		return true
	}
	h := &ctx.Response.Header
	h.Set("Vary", "Origin")
	origin := string(ctx.Request.Header.Peek("Origin"))
	if origin == "" {
		return true
	}
	allowed := allowOrigin(a.Source, origin)
	if allowed == "" {
		s.fail(ctx, 403, "origin_not_allowed", "this account may not send leads from pages of "+quoted(origin))
		return false
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	return true
}
