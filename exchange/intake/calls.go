// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// call is what a path asks for.
type call struct {
	profile  *profile // nil is our own
	vertical string
	source   string // where the path names who sends: a key, or the id of the source whose key stands in a header
	do       func(*Server, *request)
	ping     bool
}

// request is one call that carries a lead, after its sender is known and before its body is read.
type request struct {
	ctx      *fasthttp.RequestCtx
	acc      *account
	vertical *exchange.Vertical
	names    *names
	in       payload
	ping     bool
	isPost   bool
	received time.Time
	waited   time.Duration // since it came; it was received then
	idemKey  string
	bodyHash string
	env      envelope
	reply    exchange.Reply
}

// begin checks what all calls with a lead have in common: the answer's form, method, media type, key, rate, vertical,
// idempotency key.
func (s *Server) begin(ctx *fasthttp.RequestCtx, c call, waited time.Duration) {
	if !s.accept(ctx, c.profile, c.ping) {
		return
	}
	r := &request{ctx: ctx, received: s.ex.Now().Add(-waited), waited: waited, ping: c.ping}
	unpacked, ok := s.identify(r, &c)
	if !ok {
		return
	}
	if ctx.IsGet() && !r.acc.AllowGet {
		ctx.Response.Header.Set("Allow", "POST")
		s.fail(ctx, 405, "method_not_allowed", "expected POST: this account may not send leads by GET")
		return
	}
	if c.source != "" && c.source != r.acc.ID && !r.acc.isKey(c.source) {
		s.fail(ctx, 404, "not_found", "the key in the header is not that of the source in the path")
		return
	}
	if c.profile != nil && r.acc.Profile != c.profile.name {
		s.fail(ctx, 404, "not_found", "this account does not have the profile "+c.profile.name)
		return
	}
	r.vertical, r.names = r.acc.on.Vertical(c.vertical), r.acc.names[c.vertical]
	if r.vertical == nil || r.names == nil {
		s.fail(ctx, 404, "unknown_vertical", "this key has no vertical "+quoted(c.vertical)+": it has "+
			strings.Join(r.acc.Verticals, ", "))
		return
	}
	deadline := r.vertical.PingDeadline
	why, modest, ok := s.places.share(r.acc.seat, isPost(ctx), !r.acc.alone, deadline)
	if !ok {
		s.tooBusy(ctx, why)
		return
	}
	defer s.places.unshare(r.acc.seat)
	if !isPost(ctx) && waited > patience(deadline, s.places.held(deadline) && !modest) && s.places.crowded(waited) {
		s.tooBusy(ctx, ShedWaited)
		return
	}
	if !unpacked && !s.unpack(r, &c) {
		return
	}
	if k := ctx.Request.Header.Peek("Idempotency-Key"); len(k) > 0 {
		if len(k) > IdempotencyBytesMax || !visible(text(k)) {
			s.fail(ctx, 400, "bad_idempotency_key",
				"expected an Idempotency-Key of at most 200 visible ASCII characters")
			return
		}
		r.idemKey, r.bodyHash = string(k), r.hash()
	}
	if isPost(ctx) {
		c.do(s, r)
		return
	}
	s.places.begin()
	defer s.places.end()
	c.do(s, r)
}

// identify finds who sends this. Where the key stands in what is sent, that is unpacked first. It answers itself if
// that cannot be done, or nobody is found.
func (s *Server) identify(r *request, c *call) (unpacked, ok bool) {
	key, h := c.source, &r.ctx.Request.Header
	inHeader := len(h.Peek("X-Api-Key")) > 0 || len(h.Peek("Authorization")) > 0
	if c.profile != nil || key == "" && !inHeader {
		if unpacked = true; !s.unpack(r, c) {
			return unpacked, false
		}
		switch {
		case key != "" || inHeader:
		case c.profile != nil:
			key = find(&r.in, c.profile.key)
		default:
			key = keyOf(&r.in)
		}
	}
	r.acc = s.account(r.ctx, key)
	return unpacked, r.acc != nil
}

// unpack reads what the request is written in. It answers itself if that cannot be.
func (s *Server) unpack(r *request, c *call) bool {
	switch {
	case r.ctx.IsGet():
		r.ctx.Response.Header.Set("Cache-Control", "no-store")
		r.in = payload{dialect: dialectQuery, query: r.ctx.URI().QueryString()}
		if c.profile != nil {
			c.profile.unwrap(r.ctx, &r.in)
		}
		return true
	case !r.ctx.IsPost():
		return s.method(r.ctx, "POST")
	}
	body := r.ctx.PostBody()
	if c.profile != nil && len(body) == 0 && len(r.ctx.Request.Header.ContentType()) == 0 {
		r.in = payload{dialect: dialectQuery}
	} else {
		var no *refused
		if r.in, no = unpack(&r.ctx.Request.Header, body, s.http.MaxRequestBodySize); no != nil {
			s.refused(r.ctx, no)
			return false
		}
	}
	if c.profile != nil {
		r.in.query = r.ctx.URI().QueryString()
		c.profile.unwrap(r.ctx, &r.in)
	}
	return true
}

// hash names the request's content: what came, as it came.
func (r *request) hash() string {
	h := sha256.New()
	h.Write(r.ctx.PostBody())
	if len(r.in.query) > 0 {
		h.Write([]byte("?"))
		h.Write(r.in.query)
	} else if r.urlSpeaks() { // a test and a real lead are two requests
		h.Write([]byte("?"))
		h.Write(r.ctx.URI().QueryString())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// read decodes the payload into a lead; it answers 400 itself if that cannot be.
func (s *Server) read(r *request, l *lead.Lead) bool {
	l.SetNow(r.received)
	r.names.readAs(l)
	if no := decode(&r.in, r.names, l, &r.env); no != nil {
		s.refused(r.ctx, no)
		return false
	}
	l.Finish()
	r.flagsInURL()
	r.env.magic(&r.vertical.Tests, l)
	r.env.allow(r.acc.Source)
	if r.wantsDebug() {
		styled(r.ctx).debug = r.debug(l)
	}
	if len(r.in.query) == 0 && r.env.browser {
		if to := r.ctx.QueryArgs().Peek("redirect_url"); len(to) > 0 {
			r.env.redirect(word(string(to)))
		}
	}
	if r.env.format != "" && !styled(r.ctx).format(r.env.format) {
		r.env.bad("format", r.env.format, "json or xml")
	}
	return true
}

// answer answers about a lead, and sends the person's browser on if the request says where to.
func (s *Server) answer(r *request, reply *exchange.Reply) {
	if r.env.redirectURL != "" && !r.ping {
		styled(r.ctx).location = withResult(r.env.redirectURL, reply.Result, reply.LeadID.String())
	}
	s.reply(r.ctx, reply)
}

// wait is how long the seller wants to wait for the answer to a post: what it says, else what its account says.
func (r *request) wait() time.Duration {
	if r.env.maxWaitMS > 0 {
		return time.Duration(r.env.maxWaitMS) * time.Millisecond
	}
	return r.acc.MaxWait
}

// problems lists what is wrong with a request: each field once.
func (r *request) problems(l *lead.Lead, st lead.Stage) []lead.Problem {
	out := r.env.errors
	for _, p := range l.Problems(st) {
		if !slices.ContainsFunc(r.env.errors, func(e lead.Problem) bool { return e.Field == p.Field }) {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) fill(r *request, p *exchange.Ping, st lead.Stage) bool {
	if !s.read(r, &p.Lead) {
		return false
	}
	if len(r.env.errors) > 0 {
		s.invalid(r.ctx, r.problems(&p.Lead, st))
		return false
	}
	p.SellerLeadID, p.MinPrice, p.MaxWait = r.env.sellerLeadID, r.env.minPrice, r.wait()
	if st == lead.AtPing { // an account's own time is for posts
		p.MaxWait = time.Duration(r.env.maxWaitMS) * time.Millisecond
	}
	p.IdempotencyKey, p.BodyHash, p.ReceivedAt, p.Waited = r.idemKey, r.bodyHash, r.received, r.waited
	p.Test, p.Extra = r.env.test, r.env.unknown
	return true
}

func (s *Server) ping(r *request) {
	p := s.ex.NewPing(r.acc.on, r.acc.Source, r.vertical)
	defer s.ex.Release(p)
	if !s.fill(r, p, lead.AtPing) {
		return
	}
	var f *exchange.Fault
	if r.reply, f = s.ex.Ping(p); f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.answer(r, &r.reply)
}

func (s *Server) oneShot(r *request) {
	p := s.ex.NewPing(r.acc.on, r.acc.Source, r.vertical)
	defer s.ex.Release(p)
	if !s.fill(r, p, lead.AtPing|lead.AtPost) {
		return
	}
	var (
		id     lead.ID
		pinged bool
		f      *exchange.Fault
	)
	if st := styleOf(r.ctx); st != nil && st.profile != nil && st.profile.unnamed {
		id, pinged, f = s.ex.PingOf(p)
	}
	switch {
	case f != nil:
	case pinged:
		l := &lead.Lead{} // of its own: the trip may outlive the request
		l.Reset(r.vertical.Schema)
		l.SetNow(r.received)
		l.CopyFrom(&p.Lead, nil)
		r.reply, f = s.sell(r, l, id)
	default:
		r.reply, f = s.ex.LeadNow(p)
	}
	if f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.answer(r, &r.reply)
}

// sell posts a pinged lead.
func (s *Server) sell(r *request, l *lead.Lead, id lead.ID) (exchange.Reply, *exchange.Fault) {
	return s.ex.Post(&exchange.PostIn{On: r.acc.on, Source: r.acc.Source, Vertical: r.vertical, PingID: id, Lead: l,
		SellerLeadID: r.env.sellerLeadID, IdempotencyKey: r.idemKey, BodyHash: r.bodyHash, ReceivedAt: r.received,
		Waited:  r.waited,
		MaxWait: r.wait(), Test: r.env.test, Extra: r.env.unknown, Problems: r.env.errors})
}

func (s *Server) post(r *request) {
	r.isPost = true
	l := &lead.Lead{}
	l.Reset(r.vertical.Schema)
	if !s.read(r, l) {
		return
	}
	id, err := lead.ParseID(r.env.pingID)
	if err != nil && r.env.seen&(1<<seenPingID) == 0 || r.env.pingID == "" {
		r.env.bad("ping_id", "", "the ping_id of a ping's answer")
	} else if err != nil {
		s.fail(r.ctx, 404, "not_found", "no ping "+quoted(r.env.pingID)+" of this source")
		return
	}
	if id.IsZero() && len(r.env.errors) > 0 {
		s.invalid(r.ctx, r.problems(l, 0)) // what the ping did not bring is known after it only
		return
	}
	var f *exchange.Fault
	if r.reply, f = s.sell(r, l, id); f != nil {
		s.fault(r.ctx, f)
		return
	}
	s.answer(r, &r.reply)
}

// status answers GET /v1/leads/{id} and GET /v1/leads?seller_lead_id=….
func (s *Server) status(ctx *fasthttp.RequestCtx, at *segments) {
	id := at.id
	if !s.accept(ctx, nil, false) {
		return
	}
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
