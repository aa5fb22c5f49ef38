// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// email takes one plain address: a local part of 1–64 bytes without quotes or comments, a domain of labels with a last one that is no number.
func (l *Lead) email(s *Slot, raw []byte) bool {
	at := -1
	for i, c := range raw {
		switch {
		case c == '@':
			if at >= 0 {
				return false
			}
			at = i
		case c <= ' ' || c == 0x7f || strings.IndexByte(`,;:<>()[]"\`, c) >= 0:
			return false
		case c == '.' && at < 0 && i > 0 && raw[i-1] == '.':
			return false
		}
	}
	if at < 1 || at > 64 || len(raw) > 254 || raw[0] == '.' || raw[at-1] == '.' || !validDomain(raw[at+1:]) || !utf8.Valid(raw) {
		return false
	}
	s.normal = l.putLower(raw)
	return true
}

func (l *Lead) putLower(raw []byte) span {
	off := len(l.text)
	for _, c := range raw {
		l.text = append(l.text, lower(c))
	}
	return span{uint32(off), uint32(len(raw))}
}

func validDomain(d []byte) bool {
	dots, label := 0, 0
	number := true
	for i, c := range d {
		if c == '.' {
			if label == 0 || d[i-1] == '-' {
				return false
			}
			dots++
			label, number = 0, true
			continue
		}
		if c == '-' && label == 0 || label == 63 {
			return false
		}
		c = lower(c)
		if !(c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c >= 0x80) {
			return false
		}
		number = number && isDigit(c)
		label++
	}
	return dots > 0 && label >= 2 && !number && d[len(d)-1] != '-'
}

// phone takes plain NANP numbers: ten digits, or eleven with a leading 1, with the usual separators. Area code and
// exchange must begin with 2–9 and must not be N11.
func (l *Lead) phone(s *Slot, raw []byte) bool {
	var d [11]byte
	n := 0
	for i, c := range raw {
		switch {
		case isDigit(c):
			if n == len(d) {
				return false
			}
			d[n] = c
			n++
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/' || c == '+' && i == 0:
		default:
			return false
		}
	}
	p := d[:n]
	if n == 11 && p[0] == '1' {
		p = p[1:]
	}
	if len(p) != 10 || raw[0] == '+' && n != 11 || p[0] < '2' || p[3] < '2' || p[1] == '1' && p[2] == '1' || p[4] == '1' && p[5] == '1' {
		return false
	}
	for _, c := range p {
		s.Num = s.Num*10 + int64(c-'0')
	}
	off := len(l.text)
	l.text = append(l.text, "+1"...)
	l.text = append(l.text, p...)
	s.normal = span{uint32(off), 12}
	return true
}

// postalCode takes US codes of 5 or 9 digits (normal: the first five) and Canadian codes (normal: "K1A 0B1"). One space or hyphen may stand
// where the parts meet.
func (l *Lead) postalCode(s *Slot, raw []byte) bool {
	var b [10]byte
	n, gap := 0, -1
	for i, c := range raw {
		switch {
		case (c == ' ' || c == '-') && gap < 0:
			gap = i
			continue
		case n == len(b):
			return false
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		b[n] = c
		n++
	}
	switch {
	case n == 5 && gap < 0, n == 9 && (gap < 0 || gap == 5):
		for i, c := range b[:n] {
			if !isDigit(c) {
				return false
			}
			if i < 5 {
				s.Num = s.Num*10 + int64(c-'0')
			}
		}
		s.normal = l.put(b[:5])
		return true
	case n == 6 && (gap < 0 || gap == 3):
		for i, c := range b[:n] {
			if i%2 == 1 && !isDigit(c) || i%2 == 0 && !canadianLetter(c, i == 0) {
				return false
			}
		}
		s.Num = -1
		off := len(l.text)
		l.text = append(append(append(l.text, b[:3]...), ' '), b[3:6]...)
		s.normal = span{uint32(off), 7}
		return true
	}
	return false
}

// canadianLetter tells whether Canada Post uses the letter, in the first place or later.
func canadianLetter(c byte, first bool) bool {
	switch c {
	case 'D', 'F', 'I', 'O', 'Q', 'U':
		return false
	case 'W', 'Z':
		return !first
	}
	return c >= 'A' && c <= 'Z'
}

// plainURL takes absolute http and https URLs with a host and without a user. What it takes, url.Parse takes.
func plainURL(b []byte) bool {
	rest, ok := cutFold(b, "https://")
	if !ok {
		if rest, ok = cutFold(b, "http://"); !ok {
			return false
		}
	}
	n := bytes.IndexAny(rest, "/?#")
	if n < 0 {
		n = len(rest)
	}
	if !plainAuthority(rest[:n]) || !utf8.Valid(rest) {
		return false
	}
	query := false // in a query a lone % is common and does no harm
	for i, c := range rest[n:] {
		switch {
		case c < ' ' || c == 0x7f:
			return false
		case c == '?' || c == '#':
			query = c == '?' && (query || bytes.IndexByte(rest[n:n+i], '#') < 0)
		case c == '%' && !query:
			if p := rest[n+i:]; len(p) < 3 || unhex(p[1]) > 15 || unhex(p[2]) > 15 {
				return false
			}
		}
	}
	return true
}

// cutFold cuts a prefix, which is in lower case, without regard to the case of ASCII letters.
func cutFold(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) {
		return nil, false
	}
	for i := range prefix {
		if lower(b[i]) != prefix[i] {
			return nil, false
		}
	}
	return b[len(prefix):], true
}

// plainAuthority takes a host name or address with or without a port.
func plainAuthority(a []byte) bool {
	host, port := a, []byte(nil)
	if i := bytes.LastIndexByte(a, ':'); i >= 0 && bytes.IndexByte(a[i:], ']') < 0 {
		host, port = a[:i], a[i+1:]
		if p, ok := parseInt(port); !ok || len(port) > 5 || p < 0 || p > 65535 {
			return false
		}
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		ip, err := netip.ParseAddr(asString(host[1 : len(host)-1]))
		return err == nil && ip.Is6() && ip.Zone() == ""
	}
	for _, c := range host {
		if c = lower(c); !(c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c == '.' || c == '_' || c >= 0x80) {
			return false
		}
	}
	return len(host) > 0
}
