// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

// fault is one way for an answer to come, or not to.
type fault struct {
	name    string
	script  func(*peer) // after the request has been read whole
	refusal lead.Refusal
	status  int
	body    string
	passes  bool   // the deadline has to pass for it
	part    string // what a post leaves of a body that did not come whole
}

func says(text string) func(*peer) {
	return func(p *peer) { p.say(text); p.hold() }
}

func saysAndEnds(text string) func(*peer) {
	return func(p *peer) { p.say(text); p.finish() }
}

var faults = []fault{
	{name: "answer", script: says(answer("yes")), status: 200, body: "yes"},
	{name: "silence", script: (*peer).hold, refusal: lead.TimedOut, passes: true},
	{name: "hang after the head", script: says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), refusal: lead.TimedOut,
		passes: true},
	{name: "hang within the body", script: says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12.5"),
		refusal: lead.TimedOut, passes: true, part: "12.5"},
	{name: "hang after continue", script: says("HTTP/1.1 100 Continue\r\n\r\n"), refusal: lead.TimedOut, passes: true},
	{name: "close after reading", script: func(p *peer) {}, refusal: lead.ConnectionLost},
	{name: "torn head", script: saysAndEnds("HTTP/1.1 200 OK\r\nContent-Le"), refusal: lead.TornAnswer},
	{name: "torn body", script: saysAndEnds("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12.5"),
		refusal: lead.TornAnswer, part: "12.5"},
	{name: "torn chunk", script: saysAndEnds("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12.5"),
		refusal: lead.TornAnswer, part: "12.5"},
	{name: "no last chunk", script: saysAndEnds("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12.50\r\n"),
		refusal: lead.TornAnswer, part: "12.50"},
	{name: "no end of trailer", script: saysAndEnds(
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n"), refusal: lead.TornAnswer},
	{name: "no framing", script: saysAndEnds("HTTP/1.1 200 OK\r\n\r\n12.50"), refusal: lead.TornAnswer},
	{name: "reset within the body", script: func(p *peer) {
		p.say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12.5")
		reset(p)
	}, refusal: lead.TornAnswer, part: "12.5"},
	{name: "server error", script: says("HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad"), status: 500, body: "bad"},
	{name: "temporary redirect", script: says("HTTP/1.1 307 Go\r\nLocation: /lead\r\nContent-Length: 0\r\n\r\n"),
		status: 307},
	{name: "found", script: says("HTTP/1.1 302 Found\r\nLocation: /lead\r\nContent-Length: 0\r\n\r\n"), status: 302},
	{name: "oversized length", script: says("HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n"),
		refusal: lead.OversizedAnswer},
	{name: "oversized chunk", script: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"),
		refusal: lead.OversizedAnswer},
	{name: "oversized rest", script: says("HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", 4097)),
		refusal: lead.OversizedAnswer, part: strings.Repeat("x", 4097)},
	{name: "oversized head", script: says("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 40000)),
		refusal: lead.OversizedAnswer},
	{name: "no HTTP", script: says("220 smtp.buyer.test\r\n"), refusal: lead.MalformedAnswer},
	{name: "no status", script: says("HTTP/1.1 yes\r\n\r\n"), refusal: lead.MalformedAnswer},
	{name: "two lengths", script: says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
		refusal: lead.MalformedAnswer},
	{name: "bad chunk size", script: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
		refusal: lead.MalformedAnswer},
	{name: "bad chunk end", script: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"),
		refusal: lead.MalformedAnswer, part: "ab"},
	{name: "for ever informational", script: says(strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 9)),
		refusal: lead.MalformedAnswer},
	{name: "continue", script: says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n" + answer("yes")),
		status: 200, body: "yes"},
	{name: "compressed", script: says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
		refusal: lead.BadCoding, part: "abc"},
	{name: "not compressed", script: says(
		"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 3\r\n\r\nabc"), status: 200, body: "abc"},
	{name: "no content", script: says("HTTP/1.1 204 No Content\r\n\r\n"), status: 204},
	{name: "chunks", script: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: " +
		"chunked\r\n\r\n2;x=y\r\nab\r\n00000001\r\nc\r\n0\r\nX: y\r\n\r\n"), status: 200, body: "abc"},
	{name: "ends with the connection", script: saysAndEnds("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\nabc"),
		status: 200, body: "abc"},
	{name: "old HTTP", script: saysAndEnds("HTTP/1.0 200 OK\r\n\r\nabc"), status: 200, body: "abc"},
	{name: "empty body", script: says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), status: 200},
	{name: "switching", script: says("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), status: 101},
}

// reset ends the connection with a RST.
func reset(p *peer) {
	c := p.Conn
	if u, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = u.NetConn()
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func (f *fault) check(t *testing.T, call *Call) {
	t.Helper()
	if call.Refusal != f.refusal || call.Status != f.status || string(call.Body) != f.body || !call.Sent {
		t.Errorf("refusal %v, status %d, body %q, sent %v; want %v, %d, %q, sent", call.Refusal, call.Status, call.Body,
			call.Sent, f.refusal, f.status, f.body)
	}
	if call.Took <= 0 {
		t.Error("it took no time")
	}
}

func (f *fault) timeout() time.Duration {
	if f.passes {
		return soon
	}
	return plenty
}

// Each fault, in a single post: named, exactly one request and one connection at the buyer, and marked as sent.
func TestPostOnceFaults(t *testing.T) {
	for _, l := range links() {
		for _, f := range faults {
			t.Run(l.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, l.server, func(p *peer) {
					if _, ok := p.next(); ok {
						f.script(p)
					}
				})
				c := client(t, Config{})
				call := &Call{Target: target(t, c, l.target(s.addr)), Request: request("lead")}
				begun := time.Now()
				c.PostOnce(call, begun.Add(f.timeout()))
				if f.passes && time.Since(begun) < soon {
					t.Error("it did not use its time")
				}
				if f.refusal != lead.NoRefusal {
					// A reset may overtake the bytes before it.
					if left := string(call.Body); left != f.part &&
						!(left == "" && strings.HasPrefix(f.name, "reset")) {
						t.Errorf("what is left of the answer is %.40q, want %.40q", call.Body, f.part)
					}
					call.Body = nil
				}
				f.check(t, call)
				if n, m := s.requests.Load(), s.accepted.Load(); n != 1 || m != 1 {
					t.Errorf("the buyer saw %d requests on %d connections", n, m)
				}
			})
		}
	}
}

// The same in a ping: on a cold target, and on a warm connection, beside a call that must not suffer.
func TestScatterFaults(t *testing.T) {
	for _, l := range links() {
		for _, f := range faults {
			for _, warm := range []bool{false, true} {
				name := l.name + "/cold/" + f.name
				if warm {
					name = l.name + "/warm/" + f.name
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := serve(t, l.server, func(p *peer) {
						if _, ok := p.next(); ok {
							f.script(p)
						}
					})
					c := client(t, Config{LateReadMax: time.Millisecond})
					tg := target(t, c, l.target(s.addr))
					other := target(t, c, l.target(serve(t, l.server, steady).addr))
					if warm {
						warmUp(t, tg, 1)
						warmUp(t, other, 1)
					}
					calls := []*Call{{Target: tg, Request: request("x")}, {Target: other, Request: request("y")}}
					c.Scatter(calls, time.Now().Add(f.timeout()))
					f.check(t, calls[0])
					if string(calls[1].Body) != "echo y" {
						t.Errorf("the other call: %v %q", calls[1].Refusal, calls[1].Body)
					}
					want := int64(1)
					if warm && f.refusal == lead.ConnectionLost {
						want = 2 // once more on a connection of its own
					}
					if n := s.requests.Load(); n != want {
						t.Errorf("the buyer saw %d requests, want %d", n, want)
					}
				})
			}
		}
	}
}

// A call that never reached the buyer says so.
func TestPostOnceNotSent(t *testing.T) {
	serverTLS, clientTLS := certs()
	dead := serve(t, nil, steady)
	dead.stop()
	hangs := serve(t, nil, (*peer).hold)
	lives := serve(t, serverTLS, steady)
	full := NewGate(1)
	if !full.enter() {
		t.Fatal("the gate is full from the beginning")
	}
	for _, x := range []struct {
		name    string
		cfg     TargetConfig
		timeout time.Duration
		want    lead.Refusal
	}{
		{"dead port", TargetConfig{Addr: dead.addr, AllowPrivate: true}, plenty, lead.Unreachable},
		{"unknown host", TargetConfig{Addr: "no-such-host.invalid:80", AllowPrivate: true}, plenty, lead.Unreachable},
		{"handshake never ends", TargetConfig{Addr: hangs.addr, AllowPrivate: true, TLS: true}, soon, lead.TLSFailed},
		{"unknown authority", TargetConfig{Addr: lives.addr, AllowPrivate: true, TLS: true, ServerName: "buyer.test"},
			plenty, lead.TLSFailed},
		{"other name", TargetConfig{Addr: lives.addr, AllowPrivate: true, TLS: true, TLSConfig: clientTLS,
			ServerName: "else.test"}, plenty, lead.TLSFailed},
		{"loopback", TargetConfig{Addr: lives.addr}, plenty, lead.BlockedAddress},
		{"name of loopback", TargetConfig{Addr: "localhost:80"}, plenty, lead.BlockedAddress},
		{"no time", TargetConfig{Addr: lives.addr, AllowPrivate: true}, 0, lead.NoTimeLeft},
		{"gate", TargetConfig{Addr: lives.addr, AllowPrivate: true, Gate: full}, plenty, lead.InFlightLimit},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := client(t, Config{})
			x.cfg.Name = x.name
			call := &Call{Target: target(t, c, x.cfg), Request: request("lead")}
			begun := time.Now()
			c.PostOnce(call, begun.Add(x.timeout))
			if call.Refusal != x.want || call.Sent {
				t.Errorf("refusal %v, sent %v; want %v, not sent", call.Refusal, call.Sent, x.want)
			}
			if x.timeout == soon && time.Since(begun) > plenty/2 {
				t.Error("the deadline did not hold")
			}
		})
	}
	if n := hangs.requests.Load() + lives.requests.Load(); n != 0 {
		t.Errorf("%d requests were seen", n)
	}
	if n := full.InFlight(); n != 1 {
		t.Errorf("%d places taken at the gate, want the 1 from before", n)
	}
}

// A post never goes over a kept-alive connection, though one is idle, and its own is not kept.
func TestPostOnceIsFresh(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			s := serve(t, l.server, steady)
			c := client(t, Config{})
			tg := target(t, c, l.target(s.addr))
			warmUp(t, tg, 1)
			for i := range 3 {
				call := &Call{Target: tg, Request: request("lead")}
				c.PostOnce(call, time.Now().Add(plenty))
				if string(call.Body) != "echo lead" || string(call.Type) != "application/json" {
					t.Fatalf("%v %q %q", call.Refusal, call.Body, call.Type)
				}
				if n := s.accepted.Load(); n != int64(i)+2 {
					t.Fatalf("%d connections after %d posts and one warm connection", n, i+1)
				}
			}
			if st := tg.Stats(); st.Conns != 1 || st.Idle != 1 || st.InFlight != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// PUT and GET are idempotent to HTTP, and libraries send them again. A lead is not.
func TestPostOnceNeverRepeats(t *testing.T) {
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		s := serve(t, nil, func(p *peer) { p.next() })
		c := client(t, Config{})
		call := &Call{Target: target(t, c, link{}.target(s.addr)),
			Request: []byte(method + " / HTTP/1.1\r\nHost: x\r\n\r\n")}
		c.PostOnce(call, time.Now().Add(plenty))
		if call.Refusal != lead.ConnectionLost || !call.Sent || s.requests.Load() != 1 || s.accepted.Load() != 1 {
			t.Errorf("%s: %v, sent %v, %d requests, %d connections", method, call.Refusal, call.Sent, s.requests.Load(),
				s.accepted.Load())
		}
	}
}

// A buyer that does not read: some of the request has left, so the lead's fate is open.
func TestPostOnceSlowWrite(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			release := make(chan struct{})
			s := serve(t, l.server, func(p *peer) {
				if h, ok := p.Conn.(interface{ Handshake() error }); ok {
					_ = h.Handshake()
				}
				<-release
			})
			defer close(release)
			c := client(t, Config{})
			call := &Call{Target: target(t, c, l.target(s.addr)), Request: request(strings.Repeat("x", 32<<20))}
			c.PostOnce(call, time.Now().Add(3*soon))
			if call.Refusal != lead.WriteFailed || !call.Sent {
				t.Errorf("refusal %v, sent %v", call.Refusal, call.Sent)
			}
		})
	}
}

// A buyer that answers without reading all and ends the connection: its answer is an answer.
func TestPostOnceEarlyAnswer(t *testing.T) {
	s := serve(t, nil, func(p *peer) {
		_, _ = p.br.ReadString('\n')
		p.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		p.finish()
	})
	c := client(t, Config{})
	call := &Call{Target: target(t, c, link{}.target(s.addr)), Request: request(strings.Repeat("x", 1<<20))}
	c.PostOnce(call, time.Now().Add(plenty))
	if call.Status != 413 || string(call.Body) != "big" || !call.Sent {
		t.Errorf("%v, status %d, body %q, sent %v", call.Refusal, call.Status, call.Body, call.Sent)
	}
}

// After Close there is no connection to be had, and nothing is sent.
func TestClosed(t *testing.T) {
	s := serve(t, nil, steady)
	c := client(t, Config{})
	tg := target(t, c, link{}.target(s.addr))
	warmUp(t, tg, 2)
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	post := &Call{Target: tg, Request: request("x")}
	c.PostOnce(post, time.Now().Add(plenty))
	for _, call := range []*Call{post, ping(c, tg, "x", plenty)} {
		if call.Refusal != lead.NoConnection || call.Sent {
			t.Errorf("%v, sent %v", call.Refusal, call.Sent)
		}
	}
	if _, err := c.Target(link{}.target(s.addr)); err == nil {
		t.Error("a closed client made a target")
	}
	if st := tg.Stats(); st.Conns != 0 || st.InFlight != 0 || s.requests.Load() != 0 {
		t.Errorf("%+v, %d requests", st, s.requests.Load())
	}
}
