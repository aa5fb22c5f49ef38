// SPDX-License-Identifier: Apache-2.0

package request

import (
	"hash"
	"sync"
)

// OAuth2 is how a token is got by client credentials. It holds secrets, which its String leaves out.
type OAuth2 struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Audience     string // empty: none is sent
	InBody       bool   // id and secret stand in the form, not in a Basic header
}

// String names the token's URL only.
func (o *OAuth2) String() string { return "oauth2 " + o.TokenURL }

// GoString is String.
func (o *OAuth2) GoString() string { return o.String() }

// bearerHolder stands for a token in what is kept of a request; cookiesHolder for cookies.
const (
	bearerHolder  = "${oauth2}"
	cookiesHolder = "${cookies}"
	secretHolder  = "***" // for a secret that was written into the file as it is
)

func (r *Request) appendBearer(dst []byte, p *pass) []byte {
	if p.redact {
		return append(dst, "Authorization: Bearer "+bearerHolder+"\r\n"...)
	}
	if len(p.Bearer) == 0 || len(p.Bearer) > HeaderBytesMax {
		p.err = ErrBearer
	}
	for _, c := range p.Bearer {
		if c <= ' ' || c > 0x7e {
			p.err = ErrBearer
		}
	}
	dst = append(dst, "Authorization: Bearer "...)
	return append(append(dst, p.Bearer...), '\r', '\n')
}

func appendCookies(dst []byte, p *pass) []byte {
	if len(p.Cookies) == 0 {
		return dst
	}
	dst = append(dst, "Cookie: "...)
	if p.redact {
		dst = append(dst, cookiesHolder...)
	} else {
		p.over = p.over || len(p.Cookies) > HeaderBytesMax
		dst = appendHeader(dst, p.Cookies)
	}
	return append(dst, '\r', '\n')
}

// signer signs a request once it is written.
type signer struct {
	text   *template // what is signed; nil: the body
	macs   *sync.Pool
	digest digest
	query  string // name=, of a signature in the URL
	length int    // bytes of the signature as it is written
}

// reserve keeps the place of the signature.
func (r *Request) reserve(dst []byte, p *pass) []byte {
	p.signAt = len(dst)
	for range r.sign.length {
		dst = append(dst, '0')
	}
	return dst
}

// seal writes the signature into its place.
func (r *Request) seal(dst []byte, p *pass) []byte {
	if p.redact {
		copy(dst[p.signAt:], p.signature)
		return dst
	}
	s := r.sign
	end := len(dst)
	signed := p.body
	if s.text != nil {
		p.method, p.host = r.method, r.host
		dst, _ = s.text.append(dst, p, encodeNone)
		signed = dst[end:]
	}
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(signed)
	sum := len(dst)
	dst = h.Sum(dst) // behind the request, where there is room
	s.digest.append(dst[p.signAt:p.signAt], dst[sum:])
	s.macs.Put(h)
	return dst[:end]
}
