// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"strings"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"
)

// Request is what a buyer was sent. It and everything it returns as bytes live until the format has returned.
type Request struct {
	Buyer    string
	Endpoint Endpoint
	Lead     string // the exchange's lead id, as the script finds it

	ctx  *fasthttp.RequestCtx
	json bool
}

func newRequest(ctx *fasthttp.RequestCtx, s *Script, ep Endpoint) *Request {
	r := &Request{Buyer: s.ID, Endpoint: ep, ctx: ctx}
	body := ctx.PostBody()
	for len(body) > 0 && body[0] <= ' ' {
		body = body[1:]
	}
	r.json = len(body) > 0 && (body[0] == '{' || body[0] == '[')
	if s.Lead != "" {
		r.Lead = r.Get(s.Lead)
	}
	return r
}

// Header is the value of a request header.
func (r *Request) Header(name string) string { return string(r.ctx.Request.Header.Peek(name)) }

// Get finds a value: by gjson path in a JSON body, else by name in the form body, else in the query. Missing is empty.
func (r *Request) Get(path string) string {
	if r.json {
		if v := gjson.GetBytes(r.ctx.PostBody(), path); v.Exists() {
			return strings.Clone(v.String())
		}
	} else if v := r.ctx.PostArgs().Peek(path); len(v) > 0 {
		return string(v)
	}
	return string(r.ctx.QueryArgs().Peek(path))
}

// key is the idempotency key that stands where a script says.
func (r *Request) key(where string) string {
	if name, ok := strings.CutPrefix(where, "header:"); ok {
		return r.Header(name)
	}
	if where == "" {
		return ""
	}
	return r.Get(where)
}
