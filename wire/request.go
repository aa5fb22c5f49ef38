// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
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

// Request is a compiled request. It never changes and may be used by any number of callers at once.
type Request struct {
	schema *lead.Schema
	addr   string
	host   string
	tls    bool
}

// CompileRequest compiles a request for leads of the schema; post says that it is a post, which may carry the ping's token. All
// mistakes are returned at once, with paths relative to the spec; the Request is nil if there is any.
func CompileRequest(spec *RequestSpec, s *lead.Schema, post bool, opt CompileOptions) (*Request, []lead.Defect) {
	return &Request{schema: s}, nil
}

// Host tells where the request goes: host and port to dial, the name to expect in the certificate, and whether to use TLS.
func (r *Request) Host() (addr, serverName string, tls bool) { return r.addr, r.host, r.tls }

// NeedsToken tells whether the request carries the token of the ping's answer.
func (r *Request) NeedsToken() bool { return false }

// AppendHTTP appends the whole HTTP/1.1 request, head and body. On an error dst is returned as it was.
func (r *Request) AppendHTTP(dst []byte, in *Inputs) ([]byte, error) { return dst, nil }

// AppendRedacted appends the same with placeholders in place of secrets; its Content-Length counts what is there.
func (r *Request) AppendRedacted(dst []byte, in *Inputs) ([]byte, error) { return dst, nil }
