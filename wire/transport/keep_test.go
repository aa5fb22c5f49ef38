// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"clearpost/lead"
)

// How long an idle connection is kept follows the buyer's word, or else what was seen of it.
func TestKeepLearns(t *testing.T) {
	for _, c := range []struct {
		name  string
		learn func(k *keep)
		want  time.Duration
	}{
		{"nothing", func(*keep) {}, time.Minute},
		{"the buyer's word", func(k *keep) { k.hear("timeout=5, max=100") }, 4 * time.Second},
		{"in other letters and quotes", func(k *keep) { k.hear(`max=9, Timeout = "20"`) }, 19 * time.Second},
		{"a second", func(k *keep) { k.hear("timeout=1") }, 500 * time.Millisecond},
		{"longer than ours", func(k *keep) { k.hear("timeout=600") }, time.Minute},
		{"nonsense", func(k *keep) {
			k.hear("timeout=-1")
			k.hear("timeout=soon")
			k.hear("timeout=99999999999")
			k.hear(",,=")
		}, time.Minute},
		{"found ended", func(k *keep) { k.found(8 * time.Second) }, 6 * time.Second},
		{"found ended young", func(k *keep) { k.found(time.Millisecond) }, time.Second},
		{"found ended, and later alive", func(k *keep) {
			k.found(8 * time.Second)
			k.lived()
		}, 7500 * time.Millisecond},
		{"the word counts more", func(k *keep) {
			k.hear("timeout=10")
			k.found(time.Second)
			k.lived()
		}, 9 * time.Second},
	} {
		k := newKeep(time.Minute)
		c.learn(&k)
		if k.life != c.want {
			t.Errorf("%s: %v, want %v", c.name, k.life, c.want)
		}
	}
}

// What is made ahead of demand follows what the last seconds used up; a buyer in use has a base, which is given up for
// longer and longer when nobody uses it.
func TestKeepStock(t *testing.T) {
	now := time.Now()
	k := newKeep(time.Minute)
	if n := k.stock(now, 0); n != 0 {
		t.Errorf("before any call: %d", n)
	}
	if n := k.stock(now, 1); n != baseAhead {
		t.Errorf("in use: %d", n)
	}
	k.took, k.used = 50*time.Millisecond, 300
	if n := k.stock(now, 301); n != 30 {
		t.Errorf("300 a second are used up, a dial takes 50 ms: %d", n)
	}
	for range 20 {
		k.stock(now, 301)
	}
	k.unused(now)
	if n := k.stock(now.Add(time.Second), 301); n != 0 {
		t.Errorf("unused: %d", n)
	}
	if n := k.stock(now.Add(2*time.Minute), 301); n != baseAhead {
		t.Errorf("two minutes later: %d", n)
	}
	k.unused(now)
	if n := k.stock(now.Add(time.Second), 302); n != baseAhead {
		t.Errorf("used again: %d", n)
	}
	k.used = 1 << 30
	if n := k.stock(now, 303); n != aheadMax {
		t.Errorf("without end: %d", n)
	}
}

// Where nobody can be reached, those behind a few hear so at once, and the others' calls have what they need.
func TestSickTargetRefusesAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close() // refuses
	lives := serve(t, nil, steady)
	stuck := serve(t, nil, (*peer).hold)
	c := client(t, Config{Workers: 8, DialMax: plenty})
	dead := target(t, c, link{}.target(addr))
	for range sickFailures {
		if call := ping(c, dead, "x", plenty); call.Refusal != lead.Unreachable || call.Sent {
			t.Fatalf("%v, sent %v", call.Refusal, call.Sent)
		}
	}
	slow := target(t, c, TargetConfig{Name: "handshake never ends", Addr: stuck.addr, TLS: true, AllowPrivate: true})
	slow.pool.mu.Lock()
	slow.pool.failures, slow.pool.window = sickFailures, 1
	slow.pool.mu.Unlock()
	begun := time.Now()
	first := make(chan *Call)
	go func() { first <- ping(c, slow, "x", unhurried) }()
	until(t, "the handshake has begun", func() bool { return stuck.accepted.Load() == 1 })
	if call := ping(c, slow, "y", plenty); call.Refusal != lead.Unreachable || time.Since(begun) > plenty/2 {
		t.Errorf("behind it: %v after %v", call.Refusal, time.Since(begun))
	}
	if call := <-first; call.Refusal != lead.TLSFailed {
		t.Errorf("the one that tries: %v", call.Refusal)
	}
	if call := ping(c, target(t, c, link{}.target(lives.addr)), "z", plenty); string(call.Body) != "echo z" {
		t.Errorf("another buyer: %v", call.Refusal)
	}
}

// A target that found no worker dials although nobody else ends a dial.
func TestStarvedTargetIsFed(t *testing.T) {
	c := client(t, Config{})
	tg := target(t, c, link{}.target(serve(t, nil, steady).addr))
	tg.pool.mu.Lock()
	tg.starve() // as if the last worker had ended just now
	tg.pool.mu.Unlock()
	if call := ping(c, tg, "x", plenty); string(call.Body) != "echo x" {
		t.Errorf("%v after %v", call.Refusal, call.Took)
	}
}

// A retired target still serves who holds it, and makes no connection that nobody waits for, also when it was looked
// after just as it was retired.
func TestRetiredTargetDialsNothingAhead(t *testing.T) {
	s := serve(t, nil, steady)
	c := client(t, Config{})
	tg := target(t, c, link{}.target(s.addr))
	c.Retire(func(*Target) bool { return false })
	for n := int64(1); n <= 3; n++ {
		if call := ping(c, tg, "x", plenty); string(call.Body) != "echo x" {
			t.Fatal(call.Refusal)
		}
		tg.tend(time.Now(), false) // from a list that was made before
		until(t, "its connection is closed", func() bool { st := tg.Stats(); return st.Conns == 0 && st.InFlight == 0 })
		tg.pool.mu.Lock()
		dials := tg.pool.dials
		tg.pool.mu.Unlock()
		if got := s.accepted.Load(); got != n || dials != 0 {
			t.Fatalf("%d connections and %d dials for %d calls", got, dials, n)
		}
	}
}

// Where there are fewer places for connections than calls, every Scatter gets some, and those that wait are served as
// places come back.
func TestFewPlacesServeEveryScatter(t *testing.T) {
	const scatters, buyers = 12, 6
	for _, ends := range []bool{false, true} {
		c := client(t, Config{ConnsMax: 24})
		var targets []*Target
		for i := range buyers {
			s := serve(t, nil, func(p *peer) {
				for {
					body, ok := p.next()
					if !ok {
						return
					}
					<-time.After(10 * time.Millisecond) // the buyer thinks
					if ends {
						p.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
						return
					}
					p.say(answer("echo " + body))
				}
			})
			cfg := link{}.target(s.addr)
			cfg.Name = fmt.Sprint(i)
			targets = append(targets, target(t, c, cfg))
		}
		var wg sync.WaitGroup
		for range scatters {
			wg.Go(func() {
				var calls []*Call
				for _, tg := range targets {
					calls = append(calls, &Call{Target: tg, Request: request("x")})
				}
				c.Scatter(calls, time.Now().Add(plenty))
				for i, call := range calls {
					if call.Refusal != lead.NoRefusal {
						t.Errorf("connections end: %v, call %d: %v", ends, i, call.Refusal)
					}
				}
			})
		}
		wg.Wait()
		until(t, "all places are given back or idle", func() bool {
			idle := 0
			for _, tg := range targets {
				st := tg.Stats()
				if idle += st.Idle; st.InFlight != 0 {
					return false
				}
			}
			return int(c.places.Load())+idle == 24
		})
	}
}
