// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"net/netip"
	"strconv"
	"unicode/utf8"
)

// urlFault tells what is wrong with an absolute http or https URL with a host and without a user. What it takes,
// url.Parse takes.
func urlFault(b []byte) Why {
	rest, ok := cutFold(b, "https://")
	if !ok {
		if rest, ok = cutFold(b, "http://"); !ok {
			return WhyScheme
		}
	}
	n := authorityLen(rest)
	if bytes.IndexByte(rest[:n], '@') >= 0 {
		return WhyURLUser
	}
	if !plainAuthority(rest[:n]) {
		return WhyHost
	}
	if !utf8.Valid(rest) {
		return WhyText
	}
	query := false // in a query a lone % is common and does no harm
	for i, c := range rest[n:] {
		switch {
		case c < ' ' || c == 0x7f:
			return WhyType
		case c == '?' || c == '#':
			query = c == '?' && (query || bytes.IndexByte(rest[n:n+i], '#') < 0)
		case c == '%' && !query:
			if p := rest[n+i:]; len(p) < 3 || unhex(p[1]) > 15 || unhex(p[2]) > 15 {
				return WhyPercent
			}
		}
	}
	return WhyNone
}

// authorityLen is where the host and port of a URL without its scheme end.
func authorityLen(rest []byte) int {
	if n := bytes.IndexAny(rest, "/?#"); n >= 0 {
		return n
	}
	return len(rest)
}

// urlPart writes a part of a valid URL.
func (l *Lead) urlPart(dst []byte, pos int, p Part) ([]byte, bool) {
	scheme, rest, _ := bytes.Cut(l.Normal(pos), []byte("://"))
	n := authorityLen(rest)
	host, port := rest[:n], []byte(nil)
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 {
		host, port = host[:i], host[i+1:]
	}
	from := len(dst)
	switch p {
	case PartScheme:
		dst = append(dst, scheme...)
	case PartHost:
		dst = append(dst, host...)
	case PartDomain:
		if bare, ok := cutFold(host, "www."); ok {
			host = bare
		}
		dst = append(dst, host...)
	case PartPort:
		return append(dst, port...), len(port) > 0
	default:
		path, query := rest[n:], []byte(nil)
		if i := bytes.IndexByte(path, '#'); i >= 0 {
			path = path[:i]
		}
		if i := bytes.IndexByte(path, '?'); i >= 0 {
			path, query = path[:i], path[i+1:]
		}
		if p == PartQuery {
			return append(dst, query...), len(query) > 0
		}
		return append(dst, path...), len(path) > 0
	}
	for i := range dst[from:] {
		dst[from+i] = lower(dst[from+i])
	}
	return dst, true
}

// ip takes one address without a zone, with what servers write around it; normal is its shortest form, and that of IPv4
// where it is mapped into IPv6.
func (l *Lead) ip(s *Slot, raw []byte) Why {
	a, ok := parseIP(raw)
	if !ok {
		addr, found := visitor(raw)
		if !found {
			return WhyType
		}
		a, _ = parseIP(addr)
	}
	var b [48]byte
	s.normal = l.put(a.AppendTo(b[:0]))
	return WhyNone
}

func parseIP(b []byte) (netip.Addr, bool) {
	if len(b) > 45 {
		return netip.Addr{}, false
	}
	for _, c := range b { // an error of the library would cost allocations
		if unhex(c) > 15 && c != '.' && c != ':' {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(asString(b))
	return a.Unmap(), err == nil
}

// reservedNets are the ranges, beside private and loopback ones, in which no visitor of a page can be: special purposes
// by IANA's registries.
var reservedNets = func() (out []netip.Prefix) {
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/128",
		"64:ff9b:1::/48", "100::/64", "2001:2::/48", "2001:db8::/32", "3fff::/20", "5f00::/16", "fe80::/10",
		"fec0::/10", "ff00::/8"} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// ipPart writes a part of a valid address.
func (l *Lead) ipPart(dst []byte, pos int, p Part) ([]byte, bool) {
	a, ok := parseIP(l.Normal(pos))
	if !ok {
		return dst, false
	}
	switch p {
	case PartVersion:
		if a.Is4() {
			return append(dst, '4'), true
		}
		return append(dst, '6'), true
	case PartPrivate:
		return strconv.AppendBool(dst, a.IsPrivate()), true
	case PartLoopback:
		return strconv.AppendBool(dst, a.IsLoopback()), true
	}
	in := false
	for _, n := range reservedNets {
		in = in || n.Contains(a)
	}
	return strconv.AppendBool(dst, in), true
}

// cutFold cuts a prefix, which is in lower case, without regard to the case of ASCII letters.
func cutFold(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) {
		return nil, false
	}
	for i := 0; i < len(prefix); i++ { // bytes, not runes
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
