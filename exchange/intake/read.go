// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// Reading is what Read makes of a request's body beside the lead.
type Reading struct {
	ContentType string         // as which it was read
	Problems    []lead.Problem // with names that the API uses itself
	// names that neither the vertical nor the source nor the API knows, in their order, each once
	Unknown []string

	MinPrice     lead.Money // the payout that the seller asks for at least
	SellerLeadID string
}

// Read reads a request's body into a lead as the server would at a time: l must have been Reset. src is the source that
// would send it, or nil: its names, values and profile count. Where contentType is "" the dialect is told by the body's
// first bytes. max bounds an inflated body in bytes. The error says why the body cannot be read at all. The lead holds
// on to no byte of the body.
func Read(body []byte, contentType string, src *exchange.Source, l *lead.Lead, at time.Time, max int) (Reading, error) {
	if src == nil {
		src = &exchange.Source{Tests: true} // nobody's permission is asked for
	}
	var h fasthttp.RequestHeader
	if bytes.HasPrefix(body, []byte("\x1f\x8b")) {
		h.SetContentEncoding("gzip")
	}
	if contentType == "" {
		plain, no := inflate(string(h.ContentEncoding()), body, max)
		if no != nil {
			return Reading{}, errors.New(no.message)
		}
		contentType = guessed(plain)
	}
	h.SetContentType(contentType)
	p, no := unpack(&h, body, max)
	if no != nil {
		return Reading{}, errors.New(no.message)
	}
	if w := profiles[src.Profile]; w != nil {
		w.open(&p)
	}
	n := newNames(l.Schema(), src)
	l.SetNow(at)
	n.readAs(l)
	var v envelope
	if no := decode(&p, n, l, &v); no != nil {
		return Reading{}, errors.New(no.message)
	}
	l.Finish()
	v.allow(src)
	u := unknownNames{schema: l.Schema(), names: n}
	if no := walk(&p, &u); no != nil {
		return Reading{}, errors.New(no.message)
	}
	return Reading{ContentType: contentType, Problems: v.errors, Unknown: u.unknown, MinPrice: v.minPrice,
		SellerLeadID: v.sellerLeadID}, nil
}

// ReadJSON is Read for the usual case and nothing besides the lead: plain JSON in our own names. ok is false if the
// body is no JSON object.
func ReadJSON(body []byte, l *lead.Lead, at time.Time) (problems []lead.Problem, ok bool) {
	l.SetNow(at)
	var v envelope
	if no := decode(&payload{body: body}, &names{}, l, &v); no != nil {
		return nil, false
	}
	l.Finish()
	return v.errors, true
}

// guessed is the Content-Type that a body would have. Whatever begins like nothing else is a form.
func guessed(body []byte) string {
	if bytes.HasPrefix(body, []byte("\xff\xfe")) || bytes.HasPrefix(body, []byte("\xfe\xff")) {
		return "application/xml"
	}
	body = bytes.TrimLeft(withoutBOM(body), " \t\r\n")
	line, _, _ := bytes.Cut(body, []byte("\n"))
	switch {
	case bytes.HasPrefix(body, []byte("{")), bytes.HasPrefix(body, []byte("[")):
		return "application/json"
	case bytes.HasPrefix(body, []byte("<")):
		return "application/xml"
	case bytes.HasPrefix(line, []byte("--")) && !bytes.ContainsAny(line, "=&\""):
		return `multipart/form-data; boundary="` + strings.TrimRight(string(line[2:]), "\r ") + `"`
	}
	return "application/x-www-form-urlencoded"
}

// unknownNames takes a walk's pairs and keeps the names that nobody knows.
type unknownNames struct {
	schema  *lead.Schema
	names   *names
	known   int
	unknown []string
}

func (u *unknownNames) found() int                                   { return u.known }
func (u *unknownNames) selected(name, val gjson.Result, _ bool) bool { return u.pair(name, val) }
func (u *unknownNames) unpacks(name string) bool                     { return isDocument(name, u.names.unpack) }
func (u *unknownNames) knows(name string, tail int) bool             { return u.names.knows(u.schema, name, tail) }
func (u *unknownNames) problem(string, string)                       {} // the walk before this one has reported it

func (u *unknownNames) pair(name, val gjson.Result) bool {
	for rest, more := name.Str, true; more; _, rest, more = strings.Cut(rest, ".") {
		_, field := u.names.position(u.schema, rest)
		_, custom := usual(u.schema, rest)
		if field || custom || nestedFlag(rest, val) != noFlag || rest == name.Str &&
			(ownName(rest) >= 0 || flagOf(rest) != noFlag) {
			u.known++
			return true
		}
	}
	told := func(s string) bool { // itself, or what stands in it
		rest, ok := strings.CutPrefix(s, name.Str)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	if !slices.ContainsFunc(u.unknown, told) && len(u.unknown) < PairsMax {
		u.unknown = append(u.unknown, strings.Clone(name.Str))
	}
	return true
}
