// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// request is one call that carries a lead, after its sender is known and before its body is read.
type request struct {
	ctx      *fasthttp.RequestCtx
	acc      *account
	vertical *exchange.Vertical
	received time.Time
	idemKey  string
	bodyHash string
	env      envelope
}

// begin checks what all calls with a lead have in common: media type, key, rate, vertical, idempotency key.
func (s *Server) begin(ctx *fasthttp.RequestCtx, vertical string, do func(*request)) {
	if !s.jsonBody(ctx) {
		return
	}
	body := ctx.PostBody()
	r := &request{ctx: ctx, received: s.ex.Now()}
	key := ""
	if len(ctx.Request.Header.Peek("X-Api-Key")) == 0 && len(ctx.Request.Header.Peek("Authorization")) == 0 {
		key = bodyKey(body)
	}
	if r.acc = s.account(ctx, key); r.acc == nil {
		return
	}
	r.vertical = s.ex.Vertical([]byte(vertical))
	if r.vertical == nil || !r.acc.verticals[vertical] {
		s.fail(ctx, 404, "unknown_vertical", "this key has no vertical "+quoted(vertical))
		return
	}
	if k := ctx.Request.Header.Peek("Idempotency-Key"); len(k) > 0 {
		if len(k) > IdempotencyBytesMax || !visible(text(k)) {
			s.fail(ctx, 400, "bad_idempotency_key", "expected an Idempotency-Key of at most 200 visible ASCII characters")
			return
		}
		sum := sha256.Sum256(body)
		r.idemKey, r.bodyHash = string(k), hex.EncodeToString(sum[:])
	}
	do(r)
}

// read decodes the body into a lead; it answers 400 itself if that cannot be.
func (s *Server) read(r *request, l *lead.Lead) bool {
	l.SetNow(r.received)
	if !decode(r.ctx.PostBody(), l, &r.env) {
		s.fail(r.ctx, 400, "bad_json", "expected the body to be one JSON object")
		return false
	}
	l.Finish()
	return true
}

// wait is how long the seller wants to wait for the answer to a post: what it says, else what its account says.
func (r *request) wait() time.Duration {
	if r.env.maxWaitMS > 0 {
		return time.Duration(r.env.maxWaitMS) * time.Millisecond
	}
	return r.acc.MaxWait
}

func (s *Server) fill(r *request, p *exchange.Ping) bool {
	if !s.read(r, &p.Lead) {
		return false
	}
	if len(r.env.errors) > 0 {
		s.invalid(r.ctx, append(r.env.errors, p.Lead.Problems(0)...))
		return false
	}
	p.SellerLeadID, p.MinPrice, p.MaxWait = r.env.sellerLeadID, r.env.minPrice, r.wait()
	p.IdempotencyKey, p.BodyHash, p.ReceivedAt = r.idemKey, r.bodyHash, r.received
	return true
}

func (s *Server) ping(r *request) {
	p := s.ex.NewPing(r.acc.Source, r.vertical)
	defer s.ex.Release(p)
	if !s.fill(r, p) {
		return
	}
	if f := s.ex.Ping(p); f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.reply(r.ctx, &p.Reply)
}

func (s *Server) oneShot(r *request) {
	p := s.ex.NewPing(r.acc.Source, r.vertical)
	defer s.ex.Release(p)
	if !s.fill(r, p) {
		return
	}
	reply, f := s.ex.LeadNow(p)
	if f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.reply(r.ctx, &reply)
}

func (s *Server) post(r *request) {
	l := &lead.Lead{}
	l.Reset(r.vertical.Schema)
	if !s.read(r, l) {
		return
	}
	id, err := lead.ParseID(r.env.pingID)
	if err != nil && r.env.seen&2 == 0 || r.env.pingID == "" {
		r.env.bad("ping_id", "", "the ping_id of a ping's answer")
	} else if err != nil {
		s.fail(r.ctx, 404, "not_found", "no ping "+quoted(r.env.pingID)+" of this source")
		return
	}
	if len(r.env.errors) > 0 {
		s.invalid(r.ctx, append(r.env.errors, l.Problems(0)...))
		return
	}
	reply, f := s.ex.Post(&exchange.PostIn{Source: r.acc.Source, Vertical: r.vertical, PingID: id, Lead: l, SellerLeadID: r.env.sellerLeadID,
		IdempotencyKey: r.idemKey, BodyHash: r.bodyHash, ReceivedAt: r.received, MaxWait: r.wait()})
	if f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.reply(r.ctx, &reply)
}

// status answers GET /v1/leads/{id} and GET /v1/leads?seller_lead_id=….
func (s *Server) status(ctx *fasthttp.RequestCtx, id string) {
	a := s.account(ctx, "")
	if a == nil {
		return
	}
	if id == "" {
		s.search(ctx, a)
		return
	}
	lid, err := lead.ParseID(id)
	if err != nil {
		s.fail(ctx, 404, "not_found", "no lead "+quoted(id)+" of this source")
		return
	}
	reply, f := s.ex.Status(a.Source, lid)
	if f != nil {
		s.fault(ctx, f)
		return
	}
	s.reply(ctx, &reply)
}

func (s *Server) search(ctx *fasthttp.RequestCtx, a *account) {
	want := strings.Clone(string(ctx.QueryArgs().Peek("seller_lead_id")))
	if want == "" {
		s.fail(ctx, 400, "bad_request", "expected /v1/leads/{id} or /v1/leads?seller_lead_id=ID")
		return
	}
	found, f := s.ex.BySellerLeadID(a.Source, want)
	if f != nil {
		s.fault(ctx, f)
		return
	}
	s.list(ctx, found)
}

func quoted(s string) string {
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	b := []byte(s)
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			b[i] = '?'
		}
	}
	return `"` + string(b) + `"`
}
