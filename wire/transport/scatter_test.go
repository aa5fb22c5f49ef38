// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/lead"
)

// Warm calls go over the connections that are there.
func TestScatterReuses(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			s := serve(t, l.server, steady)
			c := client(t, Config{})
			tg := target(t, c, l.target(s.addr))
			for i := range 20 {
				if call := ping(c, tg, fmt.Sprint(i), plenty); string(call.Body) != fmt.Sprint("echo ", i) ||
					string(call.Type) != "application/json" {
					t.Fatalf("%v %q", call.Refusal, call.Body)
				}
			}
			if st := tg.Stats(); s.accepted.Load() != 1 || st.Dials != 1 || st.Answers != 20 || st.Calls != 20 ||
				st.InFlight != 0 || st.Retries+st.Discarded != 0 {
				t.Errorf("%+v over %d connections", st, s.accepted.Load())
			}
		})
	}
}

// A server that says that it closes is believed.
func TestConnectionClose(t *testing.T) {
	s := serve(t, nil, func(p *peer) {
		p.next()
		p.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
		p.hold() // and does not: going on over it would hang
	})
	c := client(t, Config{})
	tg := target(t, c, link{}.target(s.addr))
	for range 2 {
		if call := ping(c, tg, "x", plenty); string(call.Body) != "ok" {
			t.Fatal(call.Refusal)
		}
	}
	if st := tg.Stats(); st.Conns != 0 || s.accepted.Load() != 2 {
		t.Errorf("%+v over %d connections", st, s.accepted.Load())
	}
}

// A kept-alive connection that the buyer ended while it was idle is noticed before anything is written to it.
func TestEndedWhileIdle(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			ended := make(chan struct{}, 9)
			s := serve(t, l.server, func(p *peer) {
				if _, ok := p.next(); ok {
					p.say(answer("ok"))
					_ = p.Close()
					ended <- struct{}{}
				}
			})
			c := client(t, Config{})
			tg := target(t, c, l.target(s.addr))
			for range 3 {
				if call := ping(c, tg, "x", plenty); string(call.Body) != "ok" {
					t.Fatal(call.Refusal)
				}
				<-ended
			}
			if st := tg.Stats(); st.Discarded != 2 || st.Retries != 0 || s.requests.Load() != 3 {
				t.Errorf("%+v, %d requests", st, s.requests.Load())
			}
		})
	}
}

// One that ends just as the ping arrives costs a second try, on a new connection, once.
func TestStaleIsRetriedOnce(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			s := serve(t, l.server, func(p *peer) {
				if p.no > 1 { // only the first connection is broken
					steady(p)
				}
				p.next()
			})
			c := client(t, Config{})
			gate := NewGate(1)
			cfg := l.target(s.addr)
			cfg.Gate = gate
			tg := target(t, c, cfg)
			warmUp(t, tg, 1)
			if call := ping(c, tg, "x", plenty); string(call.Body) != "echo x" || !call.Sent {
				t.Fatalf("%v %q", call.Refusal, call.Body)
			}
			if st := tg.Stats(); st.Retries != 1 || st.InFlight != 0 || gate.InFlight() != 0 || s.requests.Load() != 2 {
				t.Errorf("%+v, %d requests", st, s.requests.Load())
			}
		})
	}
}

// What a buyer sends without being asked must never be read as the answer about another lead.
func TestUnaskedBytes(t *testing.T) {
	for _, l := range links() {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/apart=%v", l.name, apart), func(t *testing.T) {
				more, sent := make(chan struct{}), make(chan struct{})
				s := serve(t, l.server, func(p *peer) {
					if p.no > 1 {
						steady(p)
						return
					}
					p.next()
					if apart {
						p.say(answer("first"))
						<-more
						p.say(answer("wrong"))
					} else {
						p.say(answer("first") + answer("wrong"))
						<-more
					}
					close(sent)
					p.hold()
				})
				c := client(t, Config{})
				tg := target(t, c, l.target(s.addr))
				if call := ping(c, tg, "x", plenty); string(call.Body) != "first" {
					t.Fatalf("%v %q", call.Refusal, call.Body)
				}
				close(more)
				<-sent
				if call := ping(c, tg, "y", plenty); string(call.Body) != "echo y" {
					t.Fatalf("%v %q", call.Refusal, call.Body)
				}
				if n := s.accepted.Load(); n != 2 {
					t.Errorf("%d connections", n)
				}
			})
		}
	}
}

// The gate counts what is at the buyer, over all its targets.
func TestGate(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, nil, func(p *peer) {
		p.next()
		<-release
		p.say(answer("ok"))
		p.hold()
	})
	c := client(t, Config{})
	gate := NewGate(2)
	var calls []*Call
	for _, name := range []string{"a", "b", "c", "d"} {
		cfg := link{}.target(s.addr)
		cfg.Name, cfg.Gate = name, gate
		calls = append(calls, &Call{Target: target(t, c, cfg), Request: request("x")})
	}
	go func() {
		for s.requests.Load() < 2 {
			runtime.Gosched()
		}
		close(release)
	}()
	c.Scatter(calls, time.Now().Add(plenty))
	for i, want := range []lead.Refusal{0, 0, lead.InFlightLimit, lead.InFlightLimit} {
		if calls[i].Refusal != want || calls[i].Sent != (want == 0) {
			t.Errorf("call %d: %v, sent %v", i, calls[i].Refusal, calls[i].Sent)
		}
	}
	if gate.InFlight() != 0 || s.requests.Load() != 2 {
		t.Errorf("%d in flight, %d requests", gate.InFlight(), s.requests.Load())
	}
	var none *Gate
	if !none.enter() || none.InFlight() != 0 || !NewGate(0).enter() {
		t.Error("no limit is a limit")
	}
}

// Calls wait for a worker as long as they can, and one target cannot take all of them.
func TestWorkersBusy(t *testing.T) {
	for _, x := range []struct {
		name string
		cfg  Config
		want [3]lead.Refusal // two calls to the stuck target, one to the other
	}{
		{"all", Config{Workers: 1}, [3]lead.Refusal{lead.TLSFailed, lead.TLSFailed, lead.WorkersBusy}},
		{"a target's part", Config{Workers: 4}, [3]lead.Refusal{lead.TLSFailed, lead.TLSFailed, 0}},
	} {
		t.Run(x.name, func(t *testing.T) {
			stuck := serve(t, nil, (*peer).hold)
			lives := serve(t, nil, steady)
			x.cfg.DialMax = plenty // its worker stays stuck when the call is over
			c := client(t, x.cfg)
			a := target(t, c, TargetConfig{Name: "stuck", Addr: stuck.addr, TLS: true, AllowPrivate: true})
			b := target(t, c, link{}.target(lives.addr))
			calls := []*Call{{Target: a, Request: request("x")}, {Target: a, Request: request("x")},
				{Target: b, Request: request("x")}}
			c.Scatter(calls, time.Now().Add(unhurried))
			for i, want := range x.want {
				if calls[i].Refusal != want || calls[i].Sent != (want == 0) {
					t.Errorf("call %d: %v, sent %v", i, calls[i].Refusal, calls[i].Sent)
				}
			}
			if n := b.Stats().InFlight; n != 0 {
				t.Errorf("%d in flight", n)
			}
		})
	}
}

// A pool at its limit refuses at once.
func TestNoConnection(t *testing.T) {
	s := serve(t, nil, steady)
	c := client(t, Config{})
	cfg := link{}.target(s.addr)
	cfg.ConnsMax = 1
	tg := target(t, c, cfg)
	warmUp(t, tg, 1)
	calls := []*Call{{Target: tg, Request: request("x")}, {Target: tg, Request: request("x")}}
	c.Scatter(calls, time.Now().Add(plenty))
	if calls[0].Refusal != 0 || calls[1].Refusal != lead.NoConnection || calls[1].Sent {
		t.Errorf("%v, %v, sent %v", calls[0].Refusal, calls[1].Refusal, calls[1].Sent)
	}
	if n := tg.Stats().InFlight; n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// A buyer that takes its request slowly holds up nobody else, and gets all of it.
func TestScatterSlowWrite(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			read := make(chan struct{})
			slow := serve(t, l.server, func(p *peer) {
				if h, ok := p.Conn.(interface{ Handshake() error }); ok {
					_ = h.Handshake()
				}
				<-read
				steady(p)
			})
			quick := serve(t, l.server, steady)
			c := client(t, Config{})
			a, b := target(t, c, l.target(slow.addr)), target(t, c, l.target(quick.addr))
			warmUp(t, a, 1)
			warmUp(t, b, 1)
			huge := request(strings.Repeat("x", 16<<20))
			calls := []*Call{{Target: a, Request: huge}, {Target: b, Request: request("y")}}
			go func() { // the slow one reads on once the quick one has answered
				for b.Stats().Answers == 0 {
					runtime.Gosched()
				}
				close(read)
			}()
			c.Scatter(calls, time.Now().Add(plenty))
			if string(calls[1].Body) != "echo y" {
				t.Errorf("the quick one: %v", calls[1].Refusal)
			}
			// Its answer echoes the request, which is more than an answer may be.
			if calls[0].Refusal != lead.OversizedAnswer || slow.requests.Load() != 1 || !calls[0].Sent {
				t.Errorf("the slow one: %v, sent %v, %d requests", calls[0].Refusal, calls[0].Sent,
					slow.requests.Load())
			}
		})
	}
}

// Targets are known by name and address; a changed limit reaches the one there is, a changed connection makes another.
func TestTargetIsKept(t *testing.T) {
	c := client(t, Config{})
	cfg := TargetConfig{Name: "a", Addr: "buyer.test:443", TLS: true}
	first := target(t, c, cfg)
	if target(t, c, cfg) != first {
		t.Error("another target for the same")
	}
	cfg.BodyBytesMax, cfg.Gate = 77, NewGate(7)
	if target(t, c, cfg) != first || first.set.Load().bodyMax != 77 || first.set.Load().gate != cfg.Gate {
		t.Error("new limits did not reach the target")
	}
	if first.tls.ServerName != "buyer.test" || first.tls.MinVersion < 0x0303 {
		t.Errorf("server name %q, TLS %x", first.tls.ServerName, first.tls.MinVersion)
	}
	for _, other := range []TargetConfig{{Name: "b", Addr: cfg.Addr, TLS: true}, {Name: "a", Addr: "buyer.test:444",
		TLS: true}, {Name: "a", Addr: cfg.Addr}} {
		if target(t, c, other) == first {
			t.Errorf("%+v got the target of another", other)
		}
	}
	for _, bad := range []TargetConfig{{Addr: "buyer.test"}, {Addr: ":80"}, {Addr: "a:1", ConnsMax: -1},
		{Addr: "a:1", BodyBytesMax: -1}} {
		if _, err := c.Target(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	for _, bad := range []Config{{Workers: -1}, {LateWorkers: -1}, {Workers: 2, WorkersATarget: 3}, {IdleMax: -1},
		{HeaderBytesMax: 9}} {
		if _, err := New(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// Close does not wait for what is slow: it ends it.
func TestCloseCuts(t *testing.T) {
	silent := serve(t, nil, (*peer).hold)
	c := client(t, Config{LateReadMax: time.Hour, DialMax: time.Hour})
	warm := target(t, c, link{}.target(silent.addr))
	warmUp(t, warm, 2)
	cold := target(t, c, TargetConfig{Name: "handshake never ends", Addr: silent.addr, TLS: true, AllowPrivate: true})
	c.Scatter([]*Call{{Target: warm, Request: request("x")}, {Target: cold, Request: request("x")}},
		time.Now().Add(unhurried))
	ctx, cancel := context.WithTimeout(context.Background(), plenty)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if a, b := warm.Stats(), cold.Stats(); a.Conns+b.Conns != 0 || a.InFlight+b.InFlight != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// Many auctions at once over few connections: every answer is the one to its own request.
func TestScatterManyAtOnce(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			c := client(t, Config{})
			gate := NewGate(1000)
			var targets []*Target
			for i := range 4 {
				s := serve(t, l.server, func(p *peer) {
					for n := p.no; ; n++ {
						body, ok := p.next()
						if !ok || n%13 == 0 { // now and then a connection ends without an answer
							return
						}
						p.say(answer("echo " + body))
					}
				})
				cfg := l.target(s.addr)
				cfg.Name, cfg.Gate = fmt.Sprint(i), gate
				targets = append(targets, target(t, c, cfg))
			}
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					calls := make([]*Call, len(targets))
					for i := range calls {
						calls[i] = &Call{}
					}
					for n := range 60 {
						for i, call := range calls {
							call.Reset()
							call.Target, call.Request = targets[i], request(fmt.Sprint(g, n, i))
						}
						c.Scatter(calls, time.Now().Add(plenty))
						for i, call := range calls {
							if want := fmt.Sprint("echo ", fmt.Sprint(g, n, i)); call.Refusal == 0 &&
								string(call.Body) != want {
								t.Errorf("%q, want %q", call.Body, want)
							} else if call.Refusal != 0 && call.Refusal != lead.ConnectionLost {
								t.Error(call.Refusal)
							}
						}
					}
				})
			}
			wg.Wait()
			if n := gate.InFlight(); n != 0 {
				t.Errorf("%d in flight after all", n)
			}
		})
	}
}

// A warm call allocates nothing.
func TestScatterAllocates(t *testing.T) {
	if raceOn {
		t.Skip("the race detector allocates")
	}
	c := client(t, Config{})
	reply := []byte(answer("ok"))
	var calls []*Call
	for range 3 {
		s := serve(t, nil, func(p *peer) {
			buf := make([]byte, 4096)
			for {
				if _, err := p.Conn.Read(buf); err != nil {
					return
				}
				_, _ = p.Conn.Write(reply)
			}
		})
		tg := target(t, c, link{}.target(s.addr))
		warmUp(t, tg, 1)
		calls = append(calls, &Call{Target: tg, Request: request("x")})
	}
	n := testing.AllocsPerRun(200, func() { c.Scatter(calls, time.Now().Add(plenty)) })
	if n >= 1 {
		t.Errorf("%v allocations a scatter of 3", n)
	}
}

// The calls in flight cost what their connections cost, and no buffer or goroutine each: 30,000 must fit in 200 MB.
func TestMemoryInFlight(t *testing.T) {
	if raceOn {
		t.Skip("the race detector's memory is another")
	}
	const auctions, buyers = 150, 10
	c := client(t, Config{LateWorkers: 1, LateReadMax: time.Millisecond})
	var targets []*Target
	for range buyers {
		// nobody accepts: the kernel connects, and no memory of a server counts
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		targets = append(targets, target(t, c, link{}.target(ln.Addr().String())))
	}
	before := memory()
	for _, tg := range targets {
		warmUp(t, tg, auctions)
	}
	gate := NewGate(0)
	var wg sync.WaitGroup
	for range auctions {
		wg.Go(func() {
			var calls []*Call
			for _, tg := range targets {
				calls = append(calls, &Call{Target: tg, Request: benchRequest})
			}
			gate.enter()
			c.Scatter(calls, time.Now().Add(20*soon))
			gate.leave()
		})
	}
	inFlight := func() (n int64) {
		for _, tg := range targets {
			n += tg.Stats().InFlight
		}
		return n
	}
	until(t, "all are in flight", func() bool { return inFlight() == auctions*buyers })
	perCall := (memory() - before) / (auctions * buyers)
	if gate.InFlight() != auctions {
		t.Skip("too slow a machine: the auctions did not wait for the measurement")
	}
	t.Logf("%d bytes a call", perCall)
	if perCall > 5000 {
		t.Errorf("%d bytes a call: 30,000 of them take %d MB", perCall, perCall*30000>>20)
	}
	wg.Wait()
}

// memory is what heap and stacks hold.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
