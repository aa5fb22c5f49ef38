// SPDX-License-Identifier: Apache-2.0

package door

import (
	"net"
	"net/netip"
	"testing"
)

func TestClientBehindProxies(t *testing.T) {
	for _, c := range []struct {
		name, header, remote string
		sent                 map[string]string
		want                 string
		https                bool
	}{
		{"no proxy", "", "203.0.113.9", map[string]string{XForwardedFor: "198.51.100.1", "X-Forwarded-Proto": "https"},
			"203.0.113.9", false},
		{"a proxy that says nothing", "", "10.0.0.1", nil, "10.0.0.1", false},
		{"one proxy", "", "10.0.0.1", map[string]string{XForwardedFor: "198.51.100.1", "X-Forwarded-Proto": "https"},
			"198.51.100.1", true},
		{"what the client made up stands before", "", "10.0.0.1",
			map[string]string{XForwardedFor: "192.0.2.66, 198.51.100.1"}, "198.51.100.1", false},
		{"two proxies", "", "10.0.0.1", map[string]string{XForwardedFor: "198.51.100.1, 10.0.0.2",
			"X-Forwarded-Proto": "https, http"}, "198.51.100.1", false},
		{"one that is not trusted between", "", "10.0.0.1",
			map[string]string{XForwardedFor: "198.51.100.1, 192.0.2.7, 10.0.0.2"}, "192.0.2.7", false},
		{"proxies only", "", "10.0.0.1", map[string]string{XForwardedFor: "10.0.0.3,10.0.0.2"}, "10.0.0.3", false},
		{"rubbish before", "", "10.0.0.1", map[string]string{XForwardedFor: "unknown, 10.0.0.2"}, "10.0.0.2", false},
		{"rubbish behind", "", "10.0.0.1", map[string]string{XForwardedFor: "198.51.100.1, unknown"}, "10.0.0.1",
			false},
		{"ports", "", "10.0.0.1", map[string]string{XForwardedFor: "198.51.100.1:4711"}, "198.51.100.1", false},
		{"IPv6 in brackets", "", "10.0.0.1", map[string]string{XForwardedFor: "[2001:db8::1]:443"}, "2001:db8::1",
			false},
		{"IPv4 within IPv6", "", "::ffff:10.0.0.1", map[string]string{XForwardedFor: "::ffff:198.51.100.1"},
			"198.51.100.1", false},
		{"the other header does not count", "", "10.0.0.1", map[string]string{Forwarded: "for=192.0.2.66;proto=https"},
			"10.0.0.1", false},
		{"Forwarded", Forwarded, "10.0.0.1",
			map[string]string{Forwarded: `for=192.0.2.66, For="[2001:db8::1]:1";proto=https;by=10.0.0.1`,
				XForwardedFor: "1.2.3.4"}, "2001:db8::1", true}, {"Forwarded, hidden", Forwarded, "10.0.0.1",
			map[string]string{Forwarded: `for=_hidden`}, "10.0.0.1", false},
	} {
		p := &Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Header: c.header}
		got, https := p.Client(&net.TCPAddr{IP: net.ParseIP(c.remote)}, func(name string) string {
			return c.sent[name]
		})
		if got.String() != c.want || https != c.https {
			t.Errorf("%s: %s, https %v", c.name, got, https)
		}
	}
	var none *Proxies
	if got, https := none.Client(&net.TCPAddr{IP: net.ParseIP("10.0.0.1")}, func(string) string {
		return "1.2.3.4"
	}); got.String() != "10.0.0.1" || https {
		t.Errorf("without proxies: %s", got)
	}
}

func FuzzClient(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.2", false)
	f.Add(`for="[2001:db8::1]:1";proto=https`, true)
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, said string, forwarded bool) {
		p := &Proxies{Trusted: []netip.Prefix{trusted}}
		if forwarded {
			p.Header = Forwarded
		}
		honest := func(string) string { return said + ", 203.0.113.5" }
		if forwarded {
			honest = func(string) string { return said + ", for=203.0.113.5" }
		}
		if got, _ := p.Client(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, honest); got.String() != "203.0.113.5" {
			t.Errorf("%q makes the client %s", said, got)
		}
	})
}
