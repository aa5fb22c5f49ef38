// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"unicode/utf8"
)

// url takes an absolute http or https URL, or one whose scheme a person has left out. Normal is in ASCII: spaces and
// what lies beyond it are escaped, and a host in Unicode is coded as the domain name system has it.
func (l *Lead) url(f *Field, s *Slot, raw []byte) Why {
	s.normal = s.raw
	if _, web := cutFold(raw, "http://"); web {
	} else if _, web = cutFold(raw, "https://"); !web {
		rest, ok := bareURL(raw)
		if !ok {
			return WhyScheme
		}
		off := len(l.text)
		l.text = append(append(l.text, "http://"...), rest...)
		s.normal = span{uint32(off), uint32(len(l.text) - off)}
	}
	if u := l.at(s.normal); HasWide(u) || bytes.IndexByte(u, ' ') >= 0 {
		if !utf8.Valid(u) {
			return WhyText
		}
		why := l.plainURL(s, u)
		if why != WhyNone {
			return why
		}
	}
	if len(l.at(s.normal)) > f.bytesMax() {
		return WhyTooLong
	}
	return urlFault(l.at(s.normal))
}

// bareURL takes a URL without a scheme: a domain name, and what may follow one. A word with a point is not taken for
// one where it could be something else.
func bareURL(raw []byte) ([]byte, bool) {
	rest, _ := bytes.CutPrefix(raw, []byte("//"))
	host := rest[:authorityLen(rest)]
	if i := bytes.LastIndexByte(host, ':'); i >= 0 {
		if p, ok := parseInt(host[i+1:]); !ok || p < 1 || p > 65535 {
			return nil, false
		}
		host = host[:i]
	}
	domain, ok := PlainDomain(host)
	return rest, ok && domainFault(domain) == WhyNone
}

// plainURL writes a URL with a scheme in ASCII.
func (l *Lead) plainURL(s *Slot, u []byte) Why {
	at := bytes.Index(u, []byte("://")) + 3
	rest := u[at:]
	n := authorityLen(rest)
	host, port := rest[:n], []byte(nil)
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 {
		host, port = host[:i], host[i:]
	}
	if HasWide(host) {
		domain, ok := PlainDomain(host)
		if !ok {
			return WhyHost
		}
		host = domain
	}
	off := len(l.text)
	l.text = append(append(append(l.text, u[:at]...), host...), port...)
	const hexDigits = "0123456789ABCDEF"
	for _, c := range rest[n:] {
		if c == ' ' || c >= 0x80 {
			l.text = append(l.text, '%', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		l.text = append(l.text, c)
	}
	s.normal = span{uint32(off), uint32(len(l.text) - off)}
	return WhyNone
}

// visitor finds the address of a visitor in what servers and proxies write: with a port, in a URL, in a list whose
// first one counts.
func visitor(raw []byte) (addr []byte, ok bool) {
	first, more, list := bytes.Cut(raw, []byte{','})
	for list {
		var next []byte
		next, more, list = bytes.Cut(more, []byte{','})
		if next = trimSpace(next); len(next) == 0 {
			continue
		}
		if _, known := oneVisitor(next); !known && string(next) != "unknown" {
			return nil, false
		}
		if string(trimSpace(first)) == "unknown" {
			first = next
		}
	}
	return oneVisitor(trimSpace(first))
}

func oneVisitor(b []byte) ([]byte, bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := cutFold(b, scheme); ok {
			b = rest[:authorityLen(rest)]
		}
	}
	port := []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || end+1 < len(b) && b[end+1] != ':' {
			return nil, false
		}
		if end+1 < len(b) {
			if port = b[end+2:]; len(port) == 0 {
				return nil, false
			}
		}
		if b = b[1:end]; bytes.IndexByte(b, ':') < 0 {
			return nil, false
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 && bytes.IndexByte(b, '.') >= 0 &&
		bytes.IndexByte(b[i+1:], ':') < 0 {
		if b, port = b[:i], b[i+1:]; len(port) == 0 {
			return nil, false
		}
	}
	if len(port) > 0 {
		if p, ok := parseInt(port); !ok || p < 0 || p > 65535 {
			return nil, false
		}
	}
	_, ok := parseIP(b)
	return b, ok
}
