// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/valyala/fasthttp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// dialect is how a request spells a lead.
type dialect uint8

const (
	dialectJSON dialect = iota
	dialectForm
	dialectMultipart
	dialectXML
	dialectQuery // the query string is the lead: there is no body
)

// payload is what a request says, unpacked: the bytes that a dialect's walk reads.
type payload struct {
	dialect  dialect
	body     []byte
	query    []byte            // of the URL, where it counts as part of the lead
	charset  encoding.Encoding // of form and multipart values, which are decoded first; nil is UTF-8
	boundary string            // of multipart
}

// refused is why a request's bytes cannot be read at all.
type refused struct {
	status        int
	code, message string
}

func refuse(status int, code, format string, a ...any) *refused {
	return &refused{status, code, fmt.Sprintf(format, a...)}
}

// unpack finds the dialect of a body by its Content-Type and undoes its Content-Encoding and charset. max bounds the
// inflated size in bytes.
func unpack(h *fasthttp.RequestHeader, body []byte, max int) (p payload, no *refused) {
	ct := h.ContentType()
	if plainJSON(ct) && len(h.ContentEncoding()) == 0 {
		return payload{body: withoutBOM(body)}, nil
	}
	params, no := p.media(string(ct))
	if no != nil {
		return p, no
	}
	if p.body, no = inflate(string(h.ContentEncoding()), body, max); no != nil {
		return p, no
	}
	name := params["charset"]
	if name == "" && p.dialect == dialectXML {
		name = declaredXML(p.body)
	}
	if p.charset, no = charsetOf(name); no != nil {
		return p, no
	}
	if p.charset != nil && (p.dialect == dialectJSON || p.dialect == dialectXML) {
		b, err := p.charset.NewDecoder().Bytes(p.body)
		if err != nil {
			return p, refuse(400, "bad_charset", "the body is not in the charset that it declares")
		}
		p.body, p.charset = b, nil
	}
	p.body = withoutBOM(p.body)
	return p, nil
}

// plainJSON tells whether a Content-Type is one of those that nearly every request has.
func plainJSON(ct []byte) bool {
	rest, ok := bytes.CutPrefix(ct, []byte("application/json"))
	if !ok || len(rest) == 0 {
		return ok
	}
	return rest[0] == ';' && bytes.EqualFold(bytes.TrimSpace(rest[1:]), []byte("charset=utf-8"))
}

const accepted = "application/json, application/x-www-form-urlencoded, multipart/form-data, application/xml or text/xml"

// media reads the Content-Type.
func (p *payload) media(ct string) (map[string]string, *refused) {
	kind, params, err := mime.ParseMediaType(ct)
	if err != nil || len(ct) > 256 {
		return nil, refuse(415, "unsupported_media_type", "expected Content-Type: %s", accepted)
	}
	switch {
	case kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
		p.dialect = dialectJSON
	case kind == "application/x-www-form-urlencoded":
		p.dialect = dialectForm
	case kind == "multipart/form-data":
		p.dialect, p.boundary = dialectMultipart, params["boundary"]
		if p.boundary == "" || len(p.boundary) > 70 {
			return nil, refuse(415, "unsupported_media_type",
				"expected multipart/form-data with a boundary of 1 to 70 characters")
		}
	case kind == "application/xml", kind == "text/xml", strings.HasSuffix(kind, "+xml"):
		p.dialect = dialectXML
	default:
		return nil, refuse(415, "unsupported_media_type", "expected Content-Type: %s", accepted)
	}
	return params, nil
}

// inflate undoes one Content-Encoding.
func inflate(name string, body []byte, max int) ([]byte, *refused) {
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate": // zlib by the standard, and bare by many clients
		if r, err = zlib.NewReader(bytes.NewReader(body)); errors.Is(err, zlib.ErrHeader) {
			r, err = flate.NewReader(bytes.NewReader(body)), nil
		}
	default:
		return nil, refuse(415, "unsupported_encoding", "expected Content-Encoding: gzip or deflate, or none")
	}
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(r, int64(max)+1))
	}
	if len(out) > max {
		return nil, refuse(413, "body_too_large", "the unpacked body is larger than %d bytes", max)
	}
	if err != nil {
		return nil, refuse(400, "bad_encoding", "the body is not what its Content-Encoding says")
	}
	return out, nil
}

// charsetOf finds a charset by any name that browsers know; nil is UTF-8.
func charsetOf(name string) (encoding.Encoding, *refused) {
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "utf8") ||
		strings.EqualFold(name, "us-ascii") {
		return nil, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil || e == encoding.Replacement {
		return nil, refuse(415, "unsupported_charset", "expected a charset such as utf-8, windows-1252 or iso-8859-1")
	}
	return e, nil
}

// declaredXML is the encoding that an XML declaration names, "" if there is none.
func declaredXML(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return "utf-16le"
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "utf-16be"
	}
	b, ok := bytes.CutPrefix(withoutBOM(b), []byte("<?xml"))
	end := bytes.Index(b, []byte("?>"))
	if !ok || end < 0 || end > 200 {
		return ""
	}
	_, b, ok = bytes.Cut(b[:end], []byte("encoding"))
	b = bytes.TrimLeft(b, " \t\r\n=")
	if !ok || len(b) == 0 || b[0] != '"' && b[0] != '\'' {
		return ""
	}
	name, _, _ := bytes.Cut(b[1:], b[:1])
	if strings.HasPrefix(strings.ToLower(string(name)), "utf-16") {
		return "" // it could be read up to here, so it is none
	}
	return string(name)
}

func withoutBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }
