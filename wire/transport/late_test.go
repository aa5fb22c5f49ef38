// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/lead"
)

// lateAnswer is what OnLate was told.
type lateAnswer struct {
	status int
	body   string
	took   time.Duration
}

func onLate(ch chan<- lateAnswer) func(int, []byte, time.Duration) {
	return func(status int, body []byte, took time.Duration) { ch <- lateAnswer{status, string(body), took} }
}

// An answer that comes after its call has ended is read out, told, and its connection carries the next call: whether
// nothing of it was there at the deadline, or a part. The caller may do with its Call what it likes meanwhile.
func TestLateAnswer(t *testing.T) {
	for _, l := range links() {
		for _, early := range []string{"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nto",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nto"} {
			for _, warm := range []bool{false, true} {
				name := l.name + "/cold/" + early
				if warm {
					name = l.name + "/warm/" + early
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					goOn := make(chan struct{})
					rest := strings.TrimPrefix("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ntoo late", early)
					if strings.Contains(early, "chunked") {
						rest = "o \r\n4\r\nlate\r\n0\r\n\r\n"
					}
					s := serve(t, l.server, func(p *peer) {
						if _, ok := p.next(); !ok {
							return
						}
						p.say(early)
						<-goOn
						p.say(rest)
						steady(p)
					})
					c := client(t, Config{LateReadMax: plenty})
					heard := make(chan lateAnswer, 1)
					gate := NewGate(1)
					cfg := l.target(s.addr)
					cfg.OnLate, cfg.Gate = onLate(heard), gate
					tg := target(t, c, cfg)
					wait := soon
					if warm {
						warmUp(t, tg, 1)
					} else {
						wait = unhurried
					}
					call := ping(c, tg, "x", wait)
					if call.Refusal != lead.TimedOut || !call.Sent || len(call.Body) != 0 || call.Status != 0 {
						t.Fatalf("%v, sent %v, %d %q", call.Refusal, call.Sent, call.Status, call.Body)
					}
					for i := range call.Request { // the race detector sees it if a reader still held on to it
						call.Request[i] = 'z'
					}
					call.Body = append(call.Body[:0], "mine again"...)
					call.Reset()
					if n := gate.InFlight(); n != 1 {
						t.Errorf("%d in flight at the buyer, who still works on the call", n)
					}
					close(goOn)
					got := <-heard
					if got.status != 200 || got.body != "too late" || got.took < wait-wait/10 {
						t.Errorf("%+v", got)
					}
					until(t, "the connection is back", func() bool { return tg.Stats().Idle == 1 })
					if next := ping(c, tg, "next", plenty); string(next.Body) != "echo next" || s.accepted.Load() != 1 {
						t.Errorf("%v %q over %d connections", next.Refusal, next.Body, s.accepted.Load())
					}
					if st := tg.Stats(); st.Late != 1 || st.LateAnswers != 1 || st.LateDropped != 0 ||
						st.InFlight != 0 || gate.InFlight() != 0 {
						t.Errorf("%+v, %d at the gate", st, gate.InFlight())
					}
				})
			}
		}
	}
}

// What never comes is given up after LateReadMax, with its connection and its place at the gate.
func TestLateNever(t *testing.T) {
	s := serve(t, nil, (*peer).hold)
	c := client(t, Config{LateReadMax: soon})
	gate := NewGate(1)
	cfg := link{}.target(s.addr)
	cfg.Gate = gate
	tg := target(t, c, cfg)
	warmUp(t, tg, 1)
	if call := ping(c, tg, "x", soon); call.Refusal != lead.TimedOut {
		t.Fatal(call.Refusal)
	}
	until(t, "the late reader has given up", func() bool { return tg.Stats().Conns == 0 && gate.InFlight() == 0 })
	if st := tg.Stats(); st.Late != 1 || st.LateAnswers != 0 || st.LateDropped != 0 {
		t.Errorf("%+v", st)
	}
}

// A late answer is as bounded as one in time.
func TestLateOversized(t *testing.T) {
	goOn := make(chan struct{})
	s := serve(t, nil, func(p *peer) {
		p.next()
		<-goOn
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
		p.hold()
	})
	c := client(t, Config{LateReadMax: plenty})
	cfg := link{}.target(s.addr)
	cfg.OnLate = func(int, []byte, time.Duration) { t.Error("it was heard") }
	tg := target(t, c, cfg)
	ping(c, tg, "x", soon)
	close(goOn)
	until(t, "the late reader has given up", func() bool { return tg.Stats().InFlight == 0 })
	if st := tg.Stats(); st.LateAnswers != 0 || st.Conns != 0 {
		t.Errorf("%+v", st)
	}
}

// threeLate makes three calls that time out, where one late answer is read at a time.
func threeLate(t *testing.T, cfg Config, wait time.Duration, each func(*peer)) (*Client, *Target) {
	t.Helper()
	s := serve(t, nil, each)
	cfg.LateWorkers, cfg.LateReadMax = 1, plenty
	c := client(t, cfg)
	c.lateLine.wait = wait
	tg := target(t, c, link{}.target(s.addr))
	warmUp(t, tg, 3)
	calls := make([]*Call, 3)
	for i := range calls {
		calls[i] = &Call{Target: tg, Request: request("x")}
	}
	c.Scatter(calls, time.Now().Add(soon))
	for _, call := range calls {
		if call.Refusal != lead.TimedOut {
			t.Error(call.Refusal)
		}
	}
	return c, tg
}

// A connection for which no late reader is free waits for one: for a moment, and if few do. Then it is cut, and
// counted.
func TestLateReadersBusy(t *testing.T) {
	_, tg := threeLate(t, Config{LateWaiting: 1}, plenty, (*peer).hold)
	if st := tg.Stats(); st.Late != 3 || st.LateDropped != 1 || st.Conns != 2 || st.InFlight != 2 {
		t.Errorf("one reads, one waits and one is cut: %+v", st)
	}
	_, tg = threeLate(t, Config{}, soon, (*peer).hold)
	until(t, "those that wait are cut", func() bool {
		st := tg.Stats()
		return st.LateDropped == 2 && st.Conns == 1 && st.InFlight == 1
	})
	if st := tg.Stats(); st.LateAnswers != 0 {
		t.Errorf("%+v", st)
	}
}

// Buyers who answer a moment after their deadline keep their connections, however many of them do at once.
func TestLateAnswersWaitForAReader(t *testing.T) {
	answer := make(chan struct{})
	_, tg := threeLate(t, Config{}, plenty, func(p *peer) {
		p.next()
		<-answer
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
		p.hold()
	})
	close(answer)
	until(t, "all are heard", func() bool { return tg.Stats().LateAnswers == 3 })
	until(t, "none is in flight", func() bool { return tg.Stats().InFlight == 0 })
	if st := tg.Stats(); st.LateDropped != 0 || st.Conns != 3 {
		t.Errorf("%+v", st)
	}
}

// Those that wait when the client closes end then.
func TestCloseEndsTheLineOfLateAnswers(t *testing.T) {
	c, tg := threeLate(t, Config{}, plenty, (*peer).hold)
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if st := tg.Stats(); st.Conns != 0 || st.InFlight != 0 || st.Late != 3 {
		t.Errorf("%+v", st)
	}
	if c.lateLine.join(&lateRead{}) {
		t.Error("a closed line lets one wait")
	}
}

// What has arrived by the deadline counts, although the deadline passes while another answer is waited for: a socket
// whose read deadline has passed does not say what it holds.
func TestArrivedByTheDeadline(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			silent := serve(t, l.server, (*peer).hold)
			c := client(t, Config{LateReadMax: time.Millisecond})
			first := target(t, c, l.target(silent.addr))
			calls := []*Call{{Target: first, Request: request("silence")}}
			warmUp(t, first, 1)
			for range 8 {
				tg := target(t, c, l.target(serve(t, l.server, steady).addr))
				tg.learn(time.Hour) // so that it is read last, when all time is gone
				warmUp(t, tg, 1)
				calls = append(calls, &Call{Target: tg, Request: request("x")})
			}
			c.Scatter(calls, time.Now().Add(soon))
			if calls[0].Refusal != lead.TimedOut {
				t.Error(calls[0].Refusal)
			}
			for _, call := range calls[1:] {
				if string(call.Body) != "echo x" {
					t.Errorf("%v %q", call.Refusal, call.Body)
				}
				if took := call.Target.Stats().Latency; took != time.Hour {
					t.Errorf("a latency of %v was learned from an answer that nobody waited for", took)
				}
			}
			if took := first.Stats().Latency; took < soon {
				t.Errorf("latency %v of a buyer that was waited for", took)
			}
		})
	}
}

// Each call has its own time within the deadline, and Scatter ends at the deadline though workers are still dialing.
func TestScatterKeepsTime(t *testing.T) {
	silent := serve(t, nil, (*peer).hold)
	c := client(t, Config{LateReadMax: time.Millisecond})
	warm := target(t, c, link{}.target(silent.addr))
	warmUp(t, warm, 1)
	cold := target(t, c, TargetConfig{Name: "handshake never ends", Addr: silent.addr, TLS: true, AllowPrivate: true})
	calls := []*Call{
		{Target: warm, Request: request("x"), Timeout: soon},
		{Target: cold, Request: request("x"), Timeout: unhurried / 2},
		{Target: cold, Request: request("x")},
		{Target: warm, Request: request("x"), Timeout: -1},
	}
	begun := time.Now()
	c.Scatter(calls, begun.Add(unhurried))
	if took := time.Since(begun); took < unhurried || took > plenty/2 {
		t.Errorf("it took %v", took)
	}
	for i, want := range []lead.Refusal{lead.TimedOut, lead.TLSFailed, lead.TLSFailed, lead.TimedOut} {
		if calls[i].Refusal != want || calls[i].Sent != (want == lead.TimedOut) {
			t.Errorf("call %d: %v, sent %v", i, calls[i].Refusal, calls[i].Sent)
		}
	}
	if calls[0].Took >= unhurried || calls[0].Took < soon {
		t.Errorf("the shortest took %v", calls[0].Took)
	}
	late := &Call{Target: warm, Request: request("x")}
	c.Scatter([]*Call{late}, time.Now())
	if late.Refusal != lead.TimedOut || late.Sent {
		t.Errorf("without time: %v, sent %v", late.Refusal, late.Sent)
	}
}

// A dial that comes too late for its call makes the target warm for the next.
func TestLateDialWarms(t *testing.T) {
	l := links()[1]
	goOn := make(chan struct{})
	s := serve(t, l.server, func(p *peer) { <-goOn; steady(p) }) // the handshake begins with the first read
	c := client(t, Config{DialMax: plenty})
	tg := target(t, c, l.target(s.addr))
	if call := ping(c, tg, "x", unhurried); call.Refusal != lead.TLSFailed || call.Sent {
		t.Fatalf("%v, sent %v", call.Refusal, call.Sent)
	}
	close(goOn)
	until(t, "the connection is idle", func() bool { return tg.Stats().Idle == 1 })
	if st := tg.Stats(); st.InFlight != 0 || s.requests.Load() != 0 {
		t.Errorf("%+v, %d requests", st, s.requests.Load())
	}
	if call := ping(c, tg, "x", plenty); string(call.Body) != "echo x" || s.accepted.Load() != 1 {
		t.Errorf("%v %q over %d connections", call.Refusal, call.Body, s.accepted.Load())
	}
}

// A buyer who takes pings and answers none costs a connection each at first, and soon no more than a few: the others
// are refused at once. When it speaks again it is asked as ever.
func TestAMuteBuyerCostsFewConnections(t *testing.T) {
	var speaks atomic.Bool
	s := serve(t, nil, func(p *peer) {
		for {
			if _, ok := p.next(); !ok {
				return
			}
			if !speaks.Load() {
				p.hold()
				return
			}
			p.say(answer("yes"))
		}
	})
	c := client(t, Config{LateReadMax: 20 * time.Millisecond})
	tg := target(t, c, link{}.target(s.addr))
	for n := 0; tg.counts.mute.Load() < muteCalls; n++ {
		if n > 8*muteCalls {
			t.Fatalf("%d calls, and it is not known as mute: %+v", n, tg.Stats())
		}
		calls := make([]*Call, 32)
		for i := range calls {
			calls[i] = &Call{Target: tg, Request: request("x")}
		}
		c.Scatter(calls, time.Now().Add(20*time.Millisecond))
	}
	until(t, "all late readers have given up", func() bool { return tg.Stats().InFlight == 0 })
	before, refused := tg.Stats().Dials, 0
	calls := make([]*Call, 1000)
	for i := range calls {
		calls[i] = &Call{Target: tg, Request: request("x")}
	}
	c.Scatter(calls, time.Now().Add(soon))
	for _, call := range calls {
		if call.Refusal == lead.Unreachable && !call.Sent {
			refused++
		}
	}
	if dials := tg.Stats().Dials - before; dials > 3*muteConns || refused < len(calls)/2 {
		t.Errorf("%d dials for %d pings, %d of them refused at once", dials, len(calls), refused)
	}
	speaks.Store(true)
	until(t, "it is asked and answers", func() bool { return ping(c, tg, "x", soon).Refusal == lead.NoRefusal })
	if n := tg.counts.mute.Load(); n != 0 {
		t.Errorf("it has answered, and %d calls of silence count", n)
	}
}
