// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// route is one path of the door. Its pattern has names in braces for what may stand there.
type route struct {
	pattern string
	profile *profile
	ping    bool
	// of a call with a lead: POST, and GET where the account may
	do   func(*Server, *request)
	get  func(s *Server, ctx *fasthttp.RequestCtx, f *segments) // of any other: GET
	post func(s *Server, ctx *fasthttp.RequestCtx, f *segments) // of one without a lead: POST
}

// segments are what stands in a path in place of a pattern's names.
type segments struct{ vertical, source, id string }

// routes are all paths. The first that fits counts.
var routes = []route{
	{pattern: "/v1/leads", get: (*Server).status},
	{pattern: "/v1/leads/{id}", get: (*Server).status},
	{pattern: "/v1/buyers/{id}/returns", post: (*Server).returns},
	{pattern: "/v1/statement", get: (*Server).statement},
	{pattern: "/v1/report", get: (*Server).figures},
	{pattern: "/v1/{vertical}/ping", do: (*Server).ping, ping: true},
	{pattern: "/v1/{vertical}/post", do: (*Server).post},
	{pattern: "/v1/{vertical}/leads", do: (*Server).oneShot},
	{pattern: "/flows/{vertical}/sources/{source}/ping", profile: &leadconduit, do: (*Server).ping, ping: true},
	{pattern: "/flows/{vertical}/sources/{source}/submit", profile: &leadconduit, do: (*Server).postOrLead},
	{pattern: "/boberdoo/{vertical}", profile: &boberdoo, do: (*Server).byMode},
	{pattern: "/leadspedia/{vertical}/ping.do", profile: &leadspedia, do: (*Server).ping, ping: true},
	{pattern: "/leadspedia/{vertical}/post.do", profile: &leadspedia, do: (*Server).postOrLead},
	{pattern: "/spec/{source}/{vertical}", get: (*Server).spec},
	{pattern: "/openapi.yaml", get: (*Server).openapi},
}

// Routes lists every path of the door as a pattern with the methods that it may take, such as "/v1/{vertical}/ping".
func Routes() map[string][]string {
	out := map[string][]string{}
	for _, r := range routes {
		out[r.pattern] = []string{"GET"}
		if r.do != nil {
			out[r.pattern] = []string{"GET", "POST"}
		}
		if r.post != nil {
			out[r.pattern] = []string{"POST"}
		}
	}
	return out
}

// match tells whether a path fits the pattern, and what stands in place of its names.
func (r *route) match(path string) (f segments, ok bool) {
	pattern := r.pattern
	for {
		want, morePattern, deeper := strings.Cut(pattern, "/")
		is, morePath, longer := strings.Cut(path, "/")
		switch want {
		case "{vertical}":
			f.vertical = is
		case "{source}":
			f.source = is
		case "{id}":
			f.id = is
		default:
			if want != is {
				return f, false
			}
		}
		if !deeper || !longer {
			return f, deeper == longer
		}
		pattern, path = morePattern, morePath
	}
}

// route finds the call for a path.
func (s *Server) route(ctx *fasthttp.RequestCtx, waited time.Duration) {
	path := string(ctx.Path())
	for i := range routes {
		r := &routes[i]
		f, ok := r.match(path)
		switch {
		case !ok:
			continue
		case s.preflight(ctx, f.vertical):
		case r.do != nil:
			c := call{profile: r.profile, vertical: f.vertical, source: f.source, do: r.do, ping: r.ping}
			s.begin(ctx, c, waited)
		case r.post != nil:
			if at := f; s.method(ctx, "POST") {
				r.post(s, ctx, &at)
			}
		case s.method(ctx, "GET"):
			at := f // of its own: f would have to live on for every path that is tried
			r.get(s, ctx, &at)
		}
		return
	}
	s.fail(ctx, 404, "not_found",
		"expected /v1/{vertical}/ping, /v1/{vertical}/post, /v1/{vertical}/leads, /v1/leads/{id}, "+
			"/v1/statement, /v1/report or /v1/buyers/{id}/returns")
}
