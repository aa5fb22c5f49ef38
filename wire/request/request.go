// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"time"

	"clearpost/lead"
	"clearpost/wire"
)

// Errors of rendering a request.
var (
	ErrTooLarge = errors.New("wire: the request, a header or a value of it is larger than it may be")
	ErrSchema   = errors.New("wire: the lead is of another schema than the request was compiled for")
	ErrBearer   = errors.New(
		"wire: the request needs an OAuth 2.0 token, and there is none that a header can carry")
	ErrPath = errors.New("wire: a value would make a step . or .. of the URL's path")
)

// Inputs is what a request is rendered from. Nothing of it is kept.
type Inputs struct {
	Lead    *lead.Lead // of the schema the request was compiled for
	LeadID  lead.ID
	Attempt lead.ID // zero at a ping
	// the post's idempotency key: the first attempt's id, the same for a resend. Zero: Attempt is it
	Key        lead.ID
	Token      []byte // the buyer's own, from its ping answer; empty if none
	Captures   []wire.Captured
	Legs       []Leg      // of a post: those that are sold to, in their order; at most one unless several may buy
	Price      lead.Money // the bid; zero if none
	Source     string
	SourceName string
	Vertical   string
	Sold       int  // sales of the lead so far
	Left       int  // sales that are still allowed, this one included
	Test       bool // it is a test
	Now        time.Time
	Bearer     []byte // the OAuth 2.0 token of the moment, where the request carries one (see Request.OAuth2)
	Reference  []byte // what the buyer's answer to the post has called the lead; empty if none
	Cookies    []byte // the value of Cookie, where TakesCookies; empty: no such header
	Close      bool   // write "Connection: close"
}

// Leg is one offer of the ping's answer, as the request of the post tells of it.
type Leg struct {
	Token []byte // its own, else the answer's
	Brand []byte // who buys in the end; empty if the answer does not say
	Price lead.Money
}

func (in *Inputs) key() lead.ID {
	if in.Key.IsZero() {
		return in.Attempt
	}
	return in.Key
}

// Options is what compiling takes from outside.
type Options struct {
	// Secrets resolves a whole placeholder such as "${env:NAME}". Nil, or false, makes each placeholder a defect.
	Secrets func(placeholder string) (value string, ok bool)
	// Status says that the request asks what became of a lead that was posted.
	Status bool
	// Captures are the names of what the ping's answer gives the request of a post.
	Captures []string
	Legs     bool // the ping's answer has legs
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
	legs    bool // some field is of the legs
	uses    lead.Positions
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
	segs   segments
	xml    *xmlBody
	pairs  []pair
	maps   []mapUse // of fields and filters, for those who ask what they lack
	text   *template
	sign   *signer
}

// pair is a field of a form or a query, or the document that stands in one.
type pair struct {
	lead  []byte // &name=, or the head of a part
	field *field // nil: the document
	op    segmentOp
}

// pairOp is the shortest way of writing a field of a form or a query.
func pairOp(f *field) segmentOp {
	switch {
	case f.plainSlot():
		return segText
	case f.plainMade() && f.show == showString:
		return segMade
	}
	return segField
}

// headKind is what follows the literal of a part of the head.
type headKind uint8

const (
	headEnd headKind = iota
	headTemplate
	headLive // a header of a scheme of authentication
	headBoundary
	headSignature
)

// headPart is a piece of the head: what is always the same, and a value.
type headPart struct {
	lit    constant
	kind   headKind
	name   string // what stands before the value of a header that may be left out, such as "Name: "
	tmpl   *template
	scheme *scheme // of headLive
}

// pass is one rendering of a request.
type pass struct {
	*Inputs
	redact    bool
	leg       int // within a list of legs: which one, from 1; else 0
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

// Compile compiles a request for leads of the schema; post says that it is a post, which may carry the ping's
// token. All mistakes are returned at once, with paths relative to the spec; the Request is nil if there is any.
func Compile(spec *Spec, s *lead.Schema, post bool, opt Options) (*Request, []lead.Defect) {
	c := &compiler{spec: spec, schema: s, post: post, opt: opt, out: &Request{schema: s},
		seen: map[string]bool{}}
	c.compile()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

// Host tells where the request goes: host and port to dial, the name to expect in the certificate, and whether to use
// TLS.
func (r *Request) Host() (addr, serverName string, tls bool) { return r.addr, r.name, r.tls }

// NeedsToken tells whether the request carries the token of the ping's answer.
func (r *Request) NeedsToken() bool { return r.token }

// UsesLegs tells whether the request says which legs of the ping's answer a post is about.
func (r *Request) UsesLegs() bool { return r.legs }

// Uses tells which fields of the lead the request may carry, in whole or in part, or looks at.
func (r *Request) Uses() *lead.Positions { return &r.uses }

// TakesCookies tells whether a post carries the cookies of its ping's answer, where there are any.
func (r *Request) TakesCookies() bool { return r.cookies }

// OAuth2 tells how the token is got that the request carries, and holds secrets. It is nil where the request carries
// none; else AppendHTTP fails with ErrBearer without Inputs.Bearer.
func (r *Request) OAuth2() *OAuth2 { return r.oauth2 }

// AppendHTTP appends the whole HTTP/1.1 request, head and body. On an error, one of the four of this package, nothing
// is appended. It does not allocate where dst has room.
func (r *Request) AppendHTTP(dst []byte, in *Inputs) ([]byte, error) {
	p := pass{Inputs: in}
	return r.appendAll(dst, &p)
}

// AppendRedacted appends the same with placeholders in place of secrets; its Content-Length counts what is there. A
// signature is that of the request with its secrets. A token that is missing is no error here.
func (r *Request) AppendRedacted(dst []byte, in *Inputs) ([]byte, error) {
	p := pass{Inputs: in, redact: true}
	if r.sign != nil {
		var err error
		if p.signature, err = r.signature(in); err != nil {
			return dst, err
		}
	}
	return r.appendAll(dst, &p)
}
