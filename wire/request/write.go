// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"strconv"
)

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
		case p.over || len(out)-start > BytesMax || try == boundaryTries:
			return dst, ErrTooLarge
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
		case headLive:
			dst = h.appendLive(dst, p)
		case headBoundary:
			dst = append(dst, p.boundary[:]...)
		case headSignature:
			dst = r.reserve(dst, p)
		}
	}
	return dst
}

// appendBody writes Content-Length and the body. The length is known only afterwards, so that the body moves back a few
// bytes.
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
	if length > BytesMax { // its digits might not fit into the room
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
	case r.segs.plain != nil && p.redact:
		return appendSegments(dst, r.segs.redacted, p)
	case r.segs.plain != nil:
		return appendSegments(dst, r.segs.plain, p)
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
		var v []byte
		if f.op == segText {
			if v = p.Lead.Normal(f.field.pos); len(v) == 0 {
				continue
			}
		}
		at := len(dst)
		if first {
			dst = append(append(dst, mark...), f.lead[1:]...)
		} else {
			dst = append(dst, f.lead...)
		}
		there := true
		switch {
		case f.op == segText && f.field.show == showString:
			dst = appendForm(dst, v)
		case f.op == segText:
			there = f.field.fits(v)
			dst = append(dst, v...)
		case f.op == segMade:
			dst, there = f.field.made(dst, p)
		case f.field != nil:
			dst, there = f.field.append(dst, p)
		default:
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
