// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"
)

// RedirectBytesMax bounds a redirect_url.
const RedirectBytesMax = 2048

// style is how one request is answered. A request without one is answered in JSON and in our own words.
type style struct {
	xml     bool
	profile *profile
	ping    bool // the call is a ping

	debug    []byte // goes into the answer, as JSON
	location string // where the person's browser is sent with the answer; "" = nowhere
}

const styleKey = "style"

func styleOf(ctx *fasthttp.RequestCtx) *style {
	st, _ := ctx.UserValue(styleKey).(*style)
	return st
}

// accept settles the answer's form by the query string's format, else by Accept, else by the profile. It answers 400 or
// 406 itself.
func (s *Server) accept(ctx *fasthttp.RequestCtx, p *profile, ping bool) bool {
	header := ctx.Request.Header.Peek("Accept")
	query := ctx.URI().QueryString()
	if p == nil && len(query) == 0 && (len(header) == 0 || string(header) == "*/*" ||
		string(header) == "application/json") {
		return true
	}
	st := &style{profile: p, ping: ping, xml: p != nil && p.xml}
	ctx.SetUserValue(styleKey, st)
	if f := ctx.QueryArgs().Peek("format"); p == nil && len(f) > 0 {
		if !st.format(string(f)) {
			s.fail(ctx, 400, "bad_request", "expected format=json or format=xml")
			return false
		}
		return true
	}
	isXML, ok := preferXML(string(header), st.xml)
	if !ok {
		s.fail(ctx, 406, "not_acceptable", "expected an Accept header that allows application/json or application/xml")
		return false
	}
	st.xml = isXML
	return true
}

// format sets the answer's form by a name. It returns false for a name that is none.
func (st *style) format(name string) bool {
	switch lower(strings.TrimSpace(name)) {
	case "json":
		st.xml = false
	case "xml":
		st.xml = true
	default:
		return false
	}
	return true
}

// styled is the style of a request that is under way, made if it has none.
func styled(ctx *fasthttp.RequestCtx) *style {
	st := styleOf(ctx)
	if st == nil {
		st = &style{}
		ctx.SetUserValue(styleKey, st)
	}
	return st
}

// preferXML reads an Accept header: the kind with the greater q is chosen, with equal ones the first that is named,
// then the standard. ok is false if it allows neither.
func preferXML(header string, standard bool) (isXML, ok bool) {
	if strings.TrimSpace(header) == "" {
		return standard, true
	}
	bestJSON, bestXML, bestAny := -1.0, -1.0, -1.0
	first := standard
	for part := range strings.SplitSeq(header, ",") {
		kind, params, _ := strings.Cut(part, ";")
		q := quality(params)
		kind = lower(strings.TrimSpace(kind))
		switch {
		case kind == "*/*", kind == "application/*":
			bestAny = max(bestAny, q)
		case kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
			if bestXML < 0 {
				first = false
			}
			bestJSON = max(bestJSON, q)
		case kind == "application/xml", kind == "text/xml":
			if bestJSON < 0 {
				first = true
			}
			bestXML = max(bestXML, q)
		}
	}
	if bestJSON < 0 {
		bestJSON = bestAny
		first = first || bestXML < 0 && standard
	}
	if bestXML < 0 {
		bestXML = bestAny
	}
	switch {
	case bestJSON <= 0 && bestXML <= 0:
		return false, false
	case bestJSON == bestXML:
		return first, true
	}
	return bestXML > bestJSON, true
}

// quality reads the q of one part of an Accept header: 1 where there is none, or none that can be read.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, val, _ := strings.Cut(p, "=")
		if lower(strings.TrimSpace(name)) != "q" {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(val), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}

// appendXML writes a JSON value as XML, in its order: an object's names are elements, and a list's items are elements
// with the singular of its name (sales, sale).
func appendXML(dst []byte, name string, v gjson.Result) []byte {
	dst = append(append(append(dst, '<'), name...), '>')
	switch {
	case v.IsObject():
		v.ForEach(func(k, val gjson.Result) bool {
			dst = appendXML(dst, k.Str, val)
			return true
		})
	case v.IsArray():
		v.ForEach(func(_, val gjson.Result) bool {
			dst = appendXML(dst, strings.TrimSuffix(name, "s"), val)
			return true
		})
	case v.Type == gjson.String:
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(v.Str)) // a Buffer does not fail
		dst = append(dst, b.Bytes()...)
	default:
		dst = append(dst, v.Raw...)
	}
	return append(append(append(dst, '<', '/'), name...), '>')
}

// redirect takes the URL to which the person's browser goes after the answer. Only requests as browsers send them have
// one.
func (v *envelope) redirect(val gjson.Result) {
	if !v.browser || strings.TrimSpace(single(val)) == "" {
		return
	}
	to := strings.TrimSpace(single(val))
	u, err := url.Parse(to)
	if err != nil || len(to) > RedirectBytesMax || !visible(to) || u.Scheme != "http" && u.Scheme != "https" ||
		u.Hostname() == "" || u.User != nil {
		v.bad("redirect_url", "",
			"an http or https URL with a host, without user and password, of at most 2048 visible ASCII characters")
		return
	}
	v.redirectURL = strings.Clone(to)
}

// withResult adds to a redirect URL how the lead ended.
func withResult(to, result, id string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to // cannot be: it was read before
	}
	more := "result=" + result + "&lead_id=" + id
	if u.RawQuery != "" {
		more = u.RawQuery + "&" + more
	}
	u.RawQuery = more
	return u.String()
}
