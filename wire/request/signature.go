// SPDX-License-Identifier: Apache-2.0

package request

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
)

// signer is a compiled scheme that signs a request once it is written.
type signer struct {
	scheme *scheme
	text   *template // what is signed; nil: the body
	macs   *sync.Pool
	digest digest
	query  string // name=, of a signature in the URL
	length int    // bytes of the signature as it is written
}

// compileHMAC leaves room for a signature by HMAC, in a header or in the URL.
func compileHMAC(c *compiler, a *AuthSpec) {
	s, out := a.HMAC, &signer{scheme: c.scheme}
	algo, ok := algorithmNamed(or(s.Algorithm, "sha256"))
	if !ok {
		c.bad("auth.hmac.algorithm", s.Algorithm, "one of %s", strings.Join(algorithmNames, ", "))
	}
	switch or(s.Encoding, "hex") {
	case "hex":
	case "base64":
		out.digest = digestBase64
	case "base64url":
		out.digest = digestBase64URL
	default:
		c.bad("auth.hmac.encoding", s.Encoding, "one of hex, base64, base64url")
	}
	out.length = out.digest.length(algo.size())
	if key, ok := c.signKey(s); ok {
		out.macs = macPool(algo, key)
	}
	if s.Sign != "" {
		out.text = c.template(templatePlace{path: "auth.hmac.sign", extra: signed}, s.Sign)
	}
	if !printable(s.Prefix) || len(s.Prefix) > FormatBytesMax {
		c.bad("auth.hmac.prefix", s.Prefix, "at most %d signs of printable ASCII", FormatBytesMax)
	}
	switch {
	case (s.Header == "") == (s.Query == ""):
		c.bad("auth.hmac", "", "a header or a query that carries the signature")
	case s.Header != "":
		if c.headerFree("auth.hmac.header", s.Header) {
			c.lines.addText(s.Header + ": " + s.Prefix)
			c.part(headPart{kind: headSignature})
			c.lines.addText("\r\n")
		}
	case out.digest == digestBase64:
		c.bad("auth.hmac.encoding", s.Encoding, "hex or base64url in a URL")
	default:
		if lead, ok := c.pairLead("auth.hmac.query", s.Query, bodyQuery); ok {
			out.query = string(appendForm(lead[1:], s.Prefix))
		}
	}
	c.out.sign = out
}

// signKey reads the key as it is written.
func (c *compiler) signKey(s *SignSpec) ([]byte, bool) {
	t, ok := c.secret("auth.hmac.key", s.Key)
	if !ok {
		return nil, false
	}
	key := t.encode(asIs, asIs, asIs).plain
	var err error
	switch or(s.KeyEncoding, "text") {
	case "text":
	case "hex":
		key, err = hex.DecodeString(string(key))
	case "base64":
		key, err = base64.StdEncoding.DecodeString(string(key))
	default:
		c.bad("auth.hmac.key_encoding", s.KeyEncoding, "one of text, hex, base64")
	}
	if err != nil {
		c.bad("auth.hmac.key", "", "a key in %s, as key_encoding says", s.KeyEncoding)
	}
	return key, err == nil
}

func (s *signer) hmac(dst, signed []byte) []byte { return appendMAC(dst, signed, s.macs, s.digest) }

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
	at := len(dst)
	dst = s.scheme.sign(s, dst, signed) // behind the request, where there is room
	copy(dst[p.signAt:p.signAt+s.length], dst[at:])
	return dst[:end]
}

// signature is that of the request with its secrets, for what is kept of it.
func (r *Request) signature(in *Inputs) ([]byte, error) {
	signed := *in
	if len(signed.Bearer) == 0 {
		signed.Bearer = []byte("-") // the signature does not look at it
	}
	p := pass{Inputs: &signed}
	whole, err := r.appendAll(nil, &p)
	if err != nil {
		return nil, err
	}
	return whole[p.signAt : p.signAt+r.sign.length], nil
}
