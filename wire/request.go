// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"strconv"
	"time"

	"clearpost/lead"
)

// Errors of rendering a request.
var (
	ErrRequestTooLarge = errors.New("wire: the request is larger than RequestBytesMax")
	ErrSchema          = errors.New("wire: the lead is of another schema than the request was compiled for")
)

// Inputs is what a request is rendered from. Nothing of it is kept.
type Inputs struct {
	Lead     *lead.Lead // of the schema the request was compiled for
	LeadID   lead.ID
	Attempt  lead.ID    // zero at a ping
	Token    []byte     // the buyer's own, from its ping answer; empty if none
	Price    lead.Money // the bid; zero if none
	Source   string
	Vertical string
	Now      time.Time
	Close    bool // write "Connection: close"
}

// CompileOptions is what compiling takes from outside.
type CompileOptions struct {
	// Secrets resolves a whole placeholder such as "${env:NAME}". Nil, or false, makes each placeholder a defect.
	Secrets func(placeholder string) (value string, ok bool)
}

// bodyKind is where a request's fields go.
type bodyKind uint8

const (
	bodyJSON bodyKind = iota
	bodyForm
	bodyQuery
)

// Request is a compiled request. It never changes and may be used by any number of callers at once.
type Request struct {
	schema *lead.Schema
	addr   string
	host   string
	tls    bool
	token  bool // some field is the token
	uses   lead.Positions

	line    constant // method and target, up to the fields of the query
	mark    string   // what stands before the first field of a query: ? or & or nothing
	headers constant // from " HTTP/1.1" to the last header's line end
	body    bodyKind
	get     bool
	root    *node // JSON
	pairs   []pair
}

// pair is a field of a form or a query.
type pair struct {
	lead  []byte // &name=
	field *field
}

// CompileRequest compiles a request for leads of the schema; post says that it is a post, which may carry the ping's token. All
// mistakes are returned at once, with paths relative to the spec; the Request is nil if there is any.
func CompileRequest(spec *RequestSpec, s *lead.Schema, post bool, opt CompileOptions) (*Request, []lead.Defect) {
	c := &requestCompiler{spec: spec, schema: s, post: post, opt: opt, out: &Request{schema: s}}
	c.compile()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

// Host tells where the request goes: host and port to dial, the name to expect in the certificate, and whether to use TLS.
func (r *Request) Host() (addr, serverName string, tls bool) { return r.addr, r.host, r.tls }

// NeedsToken tells whether the request carries the token of the ping's answer.
func (r *Request) NeedsToken() bool { return r.token }

// Uses tells which fields of the lead the request may carry, in whole or in part.
func (r *Request) Uses() *lead.Positions { return &r.uses }

// AppendHTTP appends the whole HTTP/1.1 request, head and body. On an error, ErrSchema or ErrRequestTooLarge, nothing is appended.
// It does not allocate where dst has room.
func (r *Request) AppendHTTP(dst []byte, in *Inputs) ([]byte, error) {
	return r.appendAll(dst, in, false)
}

// AppendRedacted appends the same with placeholders in place of secrets; its Content-Length counts what is there.
func (r *Request) AppendRedacted(dst []byte, in *Inputs) ([]byte, error) {
	return r.appendAll(dst, in, true)
}

// lengthRoom is the room kept for Content-Length and the blank line while the body is written behind it.
const lengthRoom = 10

func (r *Request) appendAll(dst []byte, in *Inputs, redact bool) ([]byte, error) {
	if in.Lead == nil || in.Lead.Schema() != r.schema {
		return dst, ErrSchema
	}
	start := len(dst)
	dst = r.line.append(dst, redact)
	if r.body == bodyQuery {
		dst = r.appendPairs(dst, in, redact, r.mark)
	}
	dst = r.headers.append(dst, redact)
	if in.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	if r.get {
		dst = append(dst, '\r', '\n')
	} else {
		dst = r.appendBody(dst, in, redact)
	}
	if len(dst)-start > RequestBytesMax {
		return dst[:start], ErrRequestTooLarge
	}
	return dst, nil
}

// appendBody writes Content-Length and the body. The length is known only afterwards, so that the body moves back a few bytes.
func (r *Request) appendBody(dst []byte, in *Inputs, redact bool) []byte {
	dst = append(dst, "Content-Length: "...)
	at := len(dst)
	var room [lengthRoom]byte
	dst = append(dst, room[:]...)
	switch r.body {
	case bodyJSON:
		dst = r.appendRoot(dst, in, redact)
	case bodyForm:
		dst = r.appendPairs(dst, in, redact, "")
	}
	length := len(dst) - at - lengthRoom
	head := strconv.AppendInt(dst[:at], int64(length), 10) // at most RequestBytesMax and a field more: it fits into the room
	head = append(head, "\r\n\r\n"...)
	return dst[:len(head)+copy(dst[len(head):], dst[at+lengthRoom:])]
}

func (r *Request) appendRoot(dst []byte, in *Inputs, redact bool) []byte {
	mark := len(dst)
	dst, there := r.root.append(dst, in, redact)
	if !there && r.root.kind != nodeList {
		return append(dst[:mark], "{}"...)
	}
	return dst
}

func (r *Request) appendPairs(dst []byte, in *Inputs, redact bool, mark string) []byte {
	first := true
	for i := range r.pairs {
		p := &r.pairs[i]
		at := len(dst)
		if first {
			dst = append(dst, mark...)
			dst = append(dst, p.lead[1:]...)
		} else {
			dst = append(dst, p.lead...)
		}
		var there bool
		if dst, there = p.field.append(dst, in, encodeForm, redact); !there {
			dst = dst[:at]
			continue
		}
		first = false
	}
	return dst
}
