// SPDX-License-Identifier: Apache-2.0

package door

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Headers in which a proxy says for whom it speaks. One of them counts, the configured one: a proxy that writes one of
// them passes the other on as a client made it up.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded"
)

// Proxies are those whose word about their clients counts.
type Proxies struct {
	Trusted []netip.Prefix
	Header  string // XForwardedFor, if empty, or Forwarded
}

// ParsePrefix reads an address or a network such as 10.0.0.0/8.
func ParsePrefix(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p != p.Masked() {
			return p, fmt.Errorf("the network of %s is %s", text, p.Masked())
		}
		return p, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no network", text)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (p *Proxies) trusts(a netip.Addr) bool {
	for _, t := range p.Trusted {
		if t.Contains(a) {
			return true
		}
	}
	return false
}

// hopsMax bounds how many proxies are followed.
const hopsMax = 16

// Client is who a request comes from: the nearest address that is no trusted proxy's, read from the end of what the
// proxies say. https tells whether a trusted proxy was reached by it. header gives all values of a header joined by
// commas, "" without one.
func (p *Proxies) Client(remote net.Addr, header func(name string) string) (client netip.Addr, https bool) {
	client = AddrOf(remote)
	if p == nil || !p.trusts(client) {
		return client, false
	}
	name := p.Header
	if name == "" {
		name = XForwardedFor
	}
	said := strings.Split(header(name), ",")
	if name == XForwardedFor {
		_, proto := lastOf(header("X-Forwarded-Proto"), ",")
		https = strings.EqualFold(strings.TrimSpace(proto), "https")
	}
	for i := len(said) - 1; i >= 0 && i > len(said)-1-hopsMax; i-- {
		text := said[i]
		if name == Forwarded {
			var proto string
			text, proto = element(text)
			if i == len(said)-1 {
				https = strings.EqualFold(proto, "https")
			}
		}
		next, ok := addrIn(text)
		if !ok {
			break // from here on it is not known
		}
		if client = next; !p.trusts(client) {
			break
		}
	}
	return client, https
}

func lastOf(s, sep string) (before, last string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return "", s
}

// element reads one element of Forwarded.
func element(s string) (who, proto string) {
	for part := range strings.SplitSeq(s, ";") {
		name, val, _ := strings.Cut(strings.TrimSpace(part), "=")
		val = strings.Trim(strings.TrimSpace(val), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "for":
			who = val
		case "proto":
			proto = val
		}
	}
	return who, proto
}

// addrIn reads an address as proxies write it, perhaps with a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1,
// [2001:db8::1]:80.
func addrIn(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(s); err == nil {
		return a.WithZone("").Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().WithZone("").Unmap(), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil {
			return a.WithZone("").Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// AddrOf is a connection's address; the zero one where it has none.
func AddrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().WithZone("").Unmap()
	}
	return netip.Addr{}
}
