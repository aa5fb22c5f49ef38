// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"clearpost/lead"
)

// names is a resolver whose answers change: the n-th question for an address is answered with the n-th of the list, and
// the last for ever after.
func names(t *testing.T, answers ...string) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			if q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(answers)) - 1
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class,
					TTL: 0}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(answers[i]).As4()}}}
			}
			out, err := m.Pack()
			if err == nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() { _ = pc.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}, asked
}

// A name that answers a public address when it is looked at and a loopback one when it is dialled gets no connection:
// not for a ping, not for a post, not for a token.
func TestNameThatChangesItsAnswerIsNotDialled(t *testing.T) {
	s := serve(t, nil, steady)
	_, port, _ := net.SplitHostPort(s.addr)
	const public = "192.0.43.8"
	for name, call := range map[string]func(c *Client, k *Target) lead.Refusal{
		"ping": func(c *Client, k *Target) lead.Refusal {
			call := &Call{Target: k, Request: request("x")}
			c.Scatter([]*Call{call}, time.Now().Add(plenty))
			if call.Sent {
				t.Error("a byte was sent")
			}
			return call.Refusal
		},
		"post": func(c *Client, k *Target) lead.Refusal {
			call := &Call{Target: k, Request: request("x")}
			c.PostOnce(call, time.Now().Add(plenty))
			if call.Sent {
				t.Error("a byte was sent")
			}
			return call.Refusal
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, asked := names(t, public, "127.0.0.1")
			c := client(t, Config{Resolver: r})
			if seen, err := r.LookupHost(t.Context(), "buyer.test"); err != nil || len(seen) != 1 || seen[0] != public {
				t.Fatalf("the first look: %v, %v", seen, err)
			}
			cfg := TargetConfig{Name: "b", Addr: net.JoinHostPort("buyer.test", port)}
			if got := call(c, target(t, c, cfg)); got != lead.BlockedAddress {
				t.Errorf("refused as %v", got)
			}
			if asked.Load() != 2 {
				t.Errorf("the name was asked for %d times", asked.Load())
			}
			cfg.AllowPrivate = true
			if got := once(c, target(t, c, cfg)); got != lead.NoRefusal {
				t.Errorf("allowed, and refused as %v", got)
			}
		})
	}
	if n := s.accepted.Load(); n != 2 {
		t.Errorf("%d connections, of which 2 were allowed", n)
	}
}

func once(c *Client, k *Target) lead.Refusal {
	call := &Call{Target: k, Request: request("x")}
	c.PostOnce(call, time.Now().Add(plenty))
	return call.Refusal
}

func TestTokenURLThatChangesItsAnswerIsNotDialled(t *testing.T) {
	s := serve(t, nil, steady)
	_, port, _ := net.SplitHostPort(s.addr)
	r, _ := names(t, "127.0.0.1")
	c := client(t, Config{Resolver: r})
	k := tokens(t, c, TokenConfig{URL: "http://" + net.JoinHostPort("login.test", port) + "/token"})
	k.Start()
	eventually(t, "a failure", func() bool { return k.Problem() != "" })
	if want := "the token endpoint's address is private or reserved and not allowed"; k.Problem() != want ||
		s.accepted.Load() != 0 {
		t.Errorf("%q, %d connections", k.Problem(), s.accepted.Load())
	}
}

// A redirect to another place is an answer like any other: nothing goes there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	inside := serve(t, nil, steady)
	s := serve(t, nil, func(p *peer) {
		for {
			if _, ok := p.next(); !ok {
				return
			}
			p.say("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://" + inside.addr +
				"/lead\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := client(t, Config{})
	k := target(t, c, link{}.target(s.addr))
	ping, post := &Call{Target: k, Request: request("x")}, &Call{Target: k, Request: request("x")}
	c.Scatter([]*Call{ping}, time.Now().Add(plenty))
	c.PostOnce(post, time.Now().Add(plenty))
	if ping.Status != 307 || post.Status != 307 || inside.accepted.Load() != 0 {
		t.Errorf("ping %d, post %d, %d connections to the other place", ping.Status, post.Status,
			inside.accepted.Load())
	}
}

func TestCookiesOfAnAnswer(t *testing.T) {
	s := serve(t, nil, func(p *peer) {
		for {
			if _, ok := p.next(); !ok {
				return
			}
			p.say("HTTP/1.1 200 OK\r\nSet-Cookie: sid=abc; Path=/; HttpOnly\r\nSet-Cookie: lb=n1\r\nSet-Cookie: " +
				"sid=def\r\n" +
				"Set-Cookie: old=1; Max-Age=0\r\nSet-Cookie: gone=1; Expires=Thu, 01 Jan 1970 00:00:00 " +
				"GMT\r\nSet-Cookie: =x\r\nSet-Cookie: big=" +
				strings.Repeat("x", 3000) + "\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	c := client(t, Config{})
	k := target(t, c, link{}.target(s.addr))
	warmUp(t, k, 1)
	with, without := &Call{Target: k, Request: request("x"), Cookies: true}, &Call{Target: k, Request: request("x")}
	cold := &Call{Target: target(t, c, TargetConfig{Name: "cold", Addr: s.addr, AllowPrivate: true}),
		Request: request("x"), Cookies: true}
	c.Scatter([]*Call{with, without, cold}, time.Now().Add(plenty))
	if string(with.Jar) != "lb=n1; sid=def" || string(cold.Jar) != "lb=n1; sid=def" || len(without.Jar) != 0 {
		t.Errorf("warm %q, cold %q, not asked for %q", with.Jar, cold.Jar, without.Jar)
	}
}

// A campaign's gate is a part of its buyer's.
func TestGateWithin(t *testing.T) {
	buyer := NewGate(3)
	a, b := NewGateWithin(buyer, 2), NewGateWithin(buyer, 0)
	for i, step := range []struct {
		g    *Gate
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {b, false}, {a, false}} {
		if got := step.g.enter(); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	if buyer.InFlight() != 3 || a.InFlight() != 2 || b.InFlight() != 1 {
		t.Errorf("in flight: %d, %d, %d", buyer.InFlight(), a.InFlight(), b.InFlight())
	}
	for _, g := range []*Gate{a, a, b} {
		g.leave()
	}
	if buyer.InFlight() != 0 || a.InFlight() != 0 || b.InFlight() != 0 {
		t.Error("places were not given back")
	}
	s := serve(t, nil, steady)
	c := client(t, Config{})
	k := target(t, c, link{}.target(s.addr))
	full := NewGateWithin(nil, 1)
	full.enter()
	call := &Call{Target: k, Request: request("x"), Gate: full}
	c.Scatter([]*Call{call}, time.Now().Add(plenty))
	post := &Call{Target: k, Request: request("x"), Gate: full}
	c.PostOnce(post, time.Now().Add(plenty))
	if call.Refusal != lead.InFlightLimit || post.Refusal != lead.InFlightLimit {
		t.Errorf("ping %v, post %v", call.Refusal, post.Refusal)
	}
}
