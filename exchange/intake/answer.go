// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"encoding/xml"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

type trouble struct {
	Result  string         `json:"result"` // "error"
	Reason  string         `json:"reason"`
	Details string         `json:"details"`
	Errors  []lead.Problem `json:"errors,omitempty"`
	Unsure  bool           `json:"unsure,omitempty"` // it may have been taken, or the lead be sold
}

// statusOf is the HTTP status of a business answer.
func statusOf(r *exchange.Reply) int {
	if r.Result == lead.ResultPending || r.Result == lead.ResultQueued {
		return 202
	}
	return 200
}

// appendQuote writes the answer to a ping that got a price, as the encoder would write its Answer: it is by far the
// most frequent one. The only text in it that is not ours, the seller's own id, is visible ASCII, which Go and JSON
// quote alike.
func appendQuote(dst []byte, r *exchange.Reply) []byte {
	dst = append(append(append(dst, `{"result":"`...), r.Result...), `","ping_id":"`...)
	dst = append(r.LeadID.Append(dst), '"')
	if r.SellerLeadID != "" {
		dst = strconv.AppendQuote(append(dst, `,"seller_lead_id":`...), r.SellerLeadID)
	}
	dst = r.Price.Append(append(dst, `,"price":`...))
	dst = append(append(append(dst, `,"currency":"`...), r.Currency...), `","expires_at":"`...)
	dst = r.ExpiresAt.UTC().AppendFormat(dst, exchange.ExpiresLayout)
	return append(dst, '"', '}')
}

func (s *Server) reply(ctx *fasthttp.RequestCtx, r *exchange.Reply) {
	st := styleOf(ctx)
	if st != nil && st.profile != nil {
		status, v := st.profile.answer(r, st.ping)
		s.put(ctx, status, v)
		return
	}
	if st == nil && r.Quote && r.Result == lead.ResultSuccess && !r.Test {
		var buf [512]byte
		s.send(ctx, 200, appendQuote(buf[:0], r))
		return
	}
	s.write(ctx, statusOf(r), r.Answer())
}

func (s *Server) list(ctx *fasthttp.RequestCtx, rs []exchange.Reply) {
	out := struct {
		Leads []exchange.Answer `json:"leads"`
	}{make([]exchange.Answer, 0, len(rs))}
	for i := range rs {
		out.Leads = append(out.Leads, rs[i].Answer())
	}
	s.write(ctx, 200, out)
}

// write answers in the words of the request's profile.
func (s *Server) write(ctx *fasthttp.RequestCtx, status int, v any) {
	if st := styleOf(ctx); st != nil && st.profile != nil {
		if t, ok := v.(trouble); ok {
			status, v = st.profile.trouble(status, &t, st.ping)
		}
	}
	s.put(ctx, status, v)
}

// put answers in the request's form.
func (s *Server) put(ctx *fasthttp.RequestCtx, status int, v any) {
	b, err := inJSON(v)
	if err != nil {
		status, b = 500, []byte(`{"result":"error","reason":"internal","details":"the answer could not be written"}`)
	}
	st := styleOf(ctx)
	if st != nil && st.debug != nil && err == nil {
		root := ""
		if st.profile != nil {
			root = st.profile.root
		}
		b = withDebug(b, st.debug, root)
	}
	if st != nil && st.location != "" {
		status = 303
		ctx.Response.Header.Set("Location", st.location)
	}
	if st == nil || !st.xml {
		s.send(ctx, status, b)
		return
	}
	s.send(ctx, status, inXML(b, st.profile))
	ctx.SetContentType("application/xml; charset=utf-8")
}

func inJSON(v any) ([]byte, error) {
	return json.MarshalWithOption(v, json.DisableHTMLEscape(), json.UnorderedMap())
}

// inXML writes an answer in JSON as XML, under the root of a profile or our own.
func inXML(b []byte, p *profile) []byte {
	root, val := "answer", gjson.ParseBytes(b)
	if p != nil {
		root = p.root
	}
	if inner := val.Get(root); inner.IsObject() { // the JSON form has a root of its own
		val = inner
	}
	return appendXML([]byte(xml.Header), root, val)
}

func (s *Server) send(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
	s.answers[status].Add(1)
}

func (s *Server) fail(ctx *fasthttp.RequestCtx, status int, code, message string) {
	s.write(ctx, status, trouble{Result: "error", Reason: code, Details: message})
}

func (s *Server) later(ctx *fasthttp.RequestCtx, status int, code, message string, after time.Duration) {
	retryAfter(ctx, after)
	s.fail(ctx, status, code, message)
}

func retryAfter(ctx *fasthttp.RequestCtx, after time.Duration) {
	ctx.Response.Header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(after.Seconds())))))
}

func (s *Server) refused(ctx *fasthttp.RequestCtx, no *refused) {
	s.fail(ctx, no.status, no.code, no.message)
}

const (
	invalidLead = "the request has values that cannot be used"
	lackingLead = "the request lacks values that are required"
)

// saysOf tells what is wrong with a lead as a whole.
func saysOf(errs []lead.Problem) string {
	if len(errs) > 0 && !slices.ContainsFunc(errs, func(p lead.Problem) bool { return !p.Missing }) {
		return lackingLead
	}
	return invalidLead
}

func (s *Server) invalid(ctx *fasthttp.RequestCtx, errs []lead.Problem) {
	s.write(ctx, 400, trouble{Result: "error", Reason: "invalid_lead", Details: saysOf(errs), Errors: errs})
}

// shedFor counts why the exchange could not take a lead.
var shedFor = map[exchange.Why]ShedReason{exchange.WhyLog: ShedLog, exchange.WhyLogFull: ShedLogFull,
	exchange.WhyPaused: ShedPaused, exchange.WhyClosed: ShedClosed, exchange.WhyStopping: ShedStopping,
	exchange.WhyStore: ShedStore}

func (s *Server) fault(ctx *fasthttp.RequestCtx, f *exchange.Fault) {
	switch f.Kind {
	case exchange.FaultInvalid:
		s.write(ctx, 400, trouble{Result: "error", Reason: f.Code, Details: f.Message, Errors: f.Errors})
	case exchange.FaultNotFound:
		s.fail(ctx, 404, f.Code, f.Message)
	case exchange.FaultConflict:
		s.fail(ctx, 409, f.Code, f.Message)
	case exchange.FaultGone:
		s.fail(ctx, 410, f.Code, f.Message)
	default:
		s.places.note(shedFor[f.Why], time.Now())
		retryAfter(ctx, f.RetryAfter)
		s.write(ctx, 503, trouble{Result: "error", Reason: f.Code, Details: f.Message, Unsure: f.Unsure})
	}
}
