// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"clearpost/lead"
)

// Errors of rendering a request.
var (
	ErrRequestTooLarge = errors.New("wire: the request, a header or a value of it is larger than it may be")
	ErrSchema          = errors.New("wire: the lead is of another schema than the request was compiled for")
	ErrBearer          = errors.New("wire: the request needs an OAuth 2.0 token, and there is none that a header can carry")
	ErrPath            = errors.New("wire: a value would make a step . or .. of the URL's path")
)

// Inputs is what a request is rendered from. Nothing of it is kept.
type Inputs struct {
	Lead       *lead.Lead // of the schema the request was compiled for
	LeadID     lead.ID
	Attempt    lead.ID    // zero at a ping
	Key        lead.ID    // the post's idempotency key: the first attempt's id, the same for a resend. Zero: Attempt is it
	Token      []byte     // the buyer's own, from its ping answer; empty if none
	Price      lead.Money // the bid; zero if none
	Source     string
	SourceName string
	Vertical   string
	Sold       int  // sales of the lead so far
	Left       int  // sales that are still allowed, this one included
	Test       bool // it is a test
	Now        time.Time
	Bearer     []byte // the OAuth 2.0 token of the moment, where NeedsBearer
	Cookies    []byte // the value of Cookie, where TakesCookies; empty: no such header
	Close      bool   // write "Connection: close"
}

func (in *Inputs) key() lead.ID {
	if in.Key.IsZero() {
		return in.Attempt
	}
	return in.Key
}

// CompileOptions is what compiling takes from outside.
type CompileOptions struct {
	// Secrets resolves a whole placeholder such as "${env:NAME}". Nil, or false, makes each placeholder a defect.
	Secrets func(placeholder string) (value string, ok bool)
}

// bodyKind is the format of a request.
type bodyKind uint8

const (
	bodyJSON bodyKind = iota
	bodyForm
	bodyQuery
	bodyMultipart
	bodyXML
	bodySOAP11
	bodySOAP12
	bodyText
)

func (k bodyKind) xml() bool { return k == bodyXML || k == bodySOAP11 || k == bodySOAP12 }

// pairs tells whether the body is made of names and values.
func (k bodyKind) pairs() bool { return k == bodyForm || k == bodyQuery || k == bodyMultipart }

// Request is a compiled request. It never changes and may be used by any number of callers at once.
type Request struct {
	schema  *lead.Schema
	addr    string
	host    string // with its port where that is not the usual one
	name    string // to expect in the certificate
	tls     bool
	token   bool // some field is the token
	uses    lead.Positions
	bearer  bool
	cookies bool
	oauth2  *OAuth2

	method string
	line   template // method and target, up to the fields of the query
	moves  bool     // values of the lead stand in the line
	mark   string   // what stands before the first field of a query: ? or & or nothing
	query  []pair
	head   []headPart // from " HTTP/1.1" to the last header's line end
	get    bool
	body   bodyKind
	doc    bodyKind // what the fields make: the body, or the document that a pair holds
	root   *node    // JSON
	segs   []segment
	xml    *xmlBody
	pairs  []pair
	text   *template
	sign   *signer
}

// pair is a field of a form or a query, or the document that stands in one.
type pair struct {
	lead  []byte // &name=, or the head of a part
	field *field // nil: the document
}

// headKind is what follows the literal of a part of the head.
type headKind uint8

const (
	headEnd headKind = iota
	headTemplate
	headBearer
	headCookies
	headBoundary
	headSignature
)

// headPart is a piece of the head: what is always the same, and a value.
type headPart struct {
	lit  constant
	kind headKind
	name string // Name: and a space, of a header that may be left out
	tmpl *template
}

// pass is one rendering of a request.
type pass struct {
	*Inputs
	redact    bool
	err       error
	over      bool // something grew beyond its limit
	start     int  // where the request begins
	boundary  [boundaryBytes]byte
	parts     int    // of a multipart body
	signAt    int    // where the signature goes
	signature []byte // what goes there when placeholders are written

	method, host string // for the template of the signature
	target, body []byte
}

// CompileRequest compiles a request for leads of the schema; post says that it is a post, which may carry the ping's token. All
// mistakes are returned at once, with paths relative to the spec; the Request is nil if there is any.
func CompileRequest(spec *RequestSpec, s *lead.Schema, post bool, opt CompileOptions) (*Request, []lead.Defect) {
	c := &requestCompiler{spec: spec, schema: s, post: post, opt: opt, out: &Request{schema: s}, seen: map[string]bool{}}
	c.compile()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

// Host tells where the request goes: host and port to dial, the name to expect in the certificate, and whether to use TLS.
func (r *Request) Host() (addr, serverName string, tls bool) { return r.addr, r.name, r.tls }

// NeedsToken tells whether the request carries the token of the ping's answer.
func (r *Request) NeedsToken() bool { return r.token }

// Uses tells which fields of the lead the request may carry, in whole or in part, or looks at.
func (r *Request) Uses() *lead.Positions { return &r.uses }

// NeedsBearer tells whether the request carries an OAuth 2.0 token: without Inputs.Bearer AppendHTTP fails with ErrBearer.
func (r *Request) NeedsBearer() bool { return r.bearer }

// TakesCookies tells whether a post carries the cookies of its ping's answer, where there are any.
func (r *Request) TakesCookies() bool { return r.cookies }

// OAuth2 tells how the token is got; nil where NeedsBearer is false. It holds secrets.
func (r *Request) OAuth2() *OAuth2 { return r.oauth2 }

// AppendHTTP appends the whole HTTP/1.1 request, head and body. On an error, one of the four of this package, nothing is appended.
// It does not allocate where dst has room.
func (r *Request) AppendHTTP(dst []byte, in *Inputs) ([]byte, error) {
	p := pass{Inputs: in}
	return r.appendAll(dst, &p)
}

// AppendRedacted appends the same with placeholders in place of secrets; its Content-Length counts what is there. A signature is that of
// the request with its secrets. A token that is missing is no error here.
func (r *Request) AppendRedacted(dst []byte, in *Inputs) ([]byte, error) {
	p := pass{Inputs: in, redact: true}
	if r.sign == nil {
		return r.appendAll(dst, &p)
	}
	signed := *in
	if len(signed.Bearer) == 0 {
		signed.Bearer = []byte("-") // the signature does not look at it
	}
	q := pass{Inputs: &signed}
	whole, err := r.appendAll(nil, &q)
	if err != nil {
		return dst, err
	}
	p.signature = whole[q.signAt : q.signAt+r.sign.length]
	return r.appendAll(dst, &p)
}

// lengthRoom is the room kept for Content-Length and the blank line while the body is written behind it.
const lengthRoom = 10

func (r *Request) appendAll(dst []byte, p *pass) ([]byte, error) {
	if p.Lead == nil || p.Lead.Schema() != r.schema {
		return dst, ErrSchema
	}
	start := len(dst)
	for try := 0; ; try++ {
		p.start = start
		if r.body == bodyMultipart {
			p.setBoundary(try)
		}
		out := r.write(dst, p)
		switch {
		case p.err != nil:
			return dst, p.err
		case p.over || len(out)-start > RequestBytesMax || try == boundaryTries:
			return dst, ErrRequestTooLarge
		case r.body == bodyMultipart && !p.ends(out[start:]):
			continue // a value has the boundary in it
		}
		return out, nil
	}
}

// write appends the request once.
func (r *Request) write(dst []byte, p *pass) []byte {
	start := len(dst)
	dst, _ = r.line.append(dst, p, encodePercent)
	path := start + len(r.method) + 1
	if r.moves && relative(dst[path:]) {
		p.err = ErrPath
	}
	mark := r.mark
	if len(r.query) > 0 {
		before := len(dst)
		if dst = r.appendPairs(dst, p, r.query, mark); len(dst) > before {
			mark = "&"
		}
	}
	target := len(dst)
	if r.sign != nil && r.sign.query != "" {
		dst = append(append(dst, mark...), r.sign.query...)
		dst = r.reserve(dst, p)
	}
	dst = r.appendHead(dst, p)
	if p.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	if r.get {
		dst = append(dst, '\r', '\n')
		p.body = nil
	} else {
		dst = r.appendBody(dst, p)
	}
	if r.sign != nil {
		p.target = dst[path:target:target]
		dst = r.seal(dst, p)
	}
	return dst
}

func (r *Request) appendHead(dst []byte, p *pass) []byte {
	for i := range r.head {
		h := &r.head[i]
		dst = h.lit.append(dst, p.redact)
		switch h.kind {
		case headTemplate:
			mark := len(dst)
			dst = append(dst, h.name...)
			value := len(dst)
			var ok bool
			if dst, ok = h.tmpl.append(dst, p, encodeHeader); !ok {
				dst = dst[:mark]
				continue
			}
			p.over = p.over || len(dst)-value > HeaderBytesMax
			dst = append(dst, '\r', '\n')
		case headBearer:
			dst = r.appendBearer(dst, p)
		case headCookies:
			dst = appendCookies(dst, p)
		case headBoundary:
			dst = append(dst, p.boundary[:]...)
		case headSignature:
			dst = r.reserve(dst, p)
		}
	}
	return dst
}

// appendBody writes Content-Length and the body. The length is known only afterwards, so that the body moves back a few bytes.
func (r *Request) appendBody(dst []byte, p *pass) []byte {
	dst = append(dst, "Content-Length: "...)
	at := len(dst)
	var room [lengthRoom]byte
	dst = append(dst, room[:]...)
	switch r.body {
	case bodyForm:
		dst = r.appendPairs(dst, p, r.pairs, "")
	case bodyMultipart:
		dst = r.appendParts(dst, p)
	case bodyText:
		dst, _ = r.text.append(dst, p, encodeNone)
	case bodyQuery:
	default:
		dst = r.appendDocument(dst, p)
	}
	length := len(dst) - at - lengthRoom
	if length > RequestBytesMax { // its digits might not fit into the room
		p.over = true
		return dst[:at]
	}
	head := strconv.AppendInt(dst[:at], int64(length), 10)
	head = append(head, "\r\n\r\n"...)
	out := dst[:len(head)+copy(dst[len(head):], dst[at+lengthRoom:])]
	p.body = out[len(head):len(out):len(out)]
	return out
}

// appendDocument writes the JSON or XML that the fields make.
func (r *Request) appendDocument(dst []byte, p *pass) []byte {
	switch {
	case r.xml != nil:
		return r.xml.append(dst, p)
	case r.segs != nil:
		return appendSegments(dst, r.segs, p)
	}
	mark := len(dst)
	dst, there := r.root.append(dst, p)
	if !there && r.root.kind != nodeList {
		return append(dst[:mark], "{}"...)
	}
	return dst
}

func (r *Request) appendPairs(dst []byte, p *pass, pairs []pair, mark string) []byte {
	first := true
	for i := range pairs {
		f := &pairs[i]
		at := len(dst)
		if first {
			dst = append(dst, mark...)
			dst = append(dst, f.lead[1:]...)
		} else {
			dst = append(dst, f.lead...)
		}
		there := true
		if f.field != nil {
			dst, there = f.field.append(dst, p)
		} else {
			value := len(dst)
			dst = encodeTail(r.appendDocument(dst, p), value, encodeForm)
		}
		if !there {
			dst = dst[:at]
			continue
		}
		first = false
	}
	return dst
}

// relative tells whether the path of a target has a step . or .., which a server would resolve.
func relative(target []byte) bool {
	if at := bytes.IndexByte(target, '?'); at >= 0 {
		target = target[:at]
	}
	for len(target) > 0 {
		step := target[1:]
		end := bytes.IndexByte(step, '/')
		if end < 0 {
			end = len(step)
		}
		if s := step[:end]; string(s) == "." || string(s) == ".." {
			return true
		}
		target = step[end:]
	}
	return false
}
