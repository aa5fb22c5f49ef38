// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"fmt"
	"testing"
	"time"

	"clearpost/lead"
)

// ears have heard enough when so many calls are over.
type ears struct {
	calls []*Call
	after int
}

func (l *ears) Enough() bool {
	over := 0
	for _, c := range l.calls {
		if c.Over() {
			over++
		}
	}
	return over >= l.after
}

// A Scatter whose listener has heard enough ends at once: what is silent is closed early and read out as if it were
// late, what waits for a connection is taken back, and the gate is left by all.
func TestScatterEndsWhenEnoughIsHeard(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			release := make(chan struct{})
			slow := serve(t, l.server, func(p *peer) {
				for {
					body, ok := p.next()
					if !ok {
						return
					}
					<-release
					p.say(answer("echo " + body))
				}
			})
			quick := serve(t, l.server, steady)
			c := client(t, Config{})
			cfg, late := l.target(slow.addr), make(chan string, 1)
			cfg.Gate = NewGate(9)
			cfg.OnLate = func(_ int, body []byte, _ time.Duration) { late <- string(body) }
			silent, a, b := target(t, c, cfg), target(t, c, l.target(quick.addr)), target(t, c, l.target(quick.addr))
			cold := target(t, c, TargetConfig{Name: "handshake never ends", Addr: serve(t, nil, (*peer).hold).addr,
				TLS: true, AllowPrivate: true})
			warmUp(t, silent, 1)
			warmUp(t, a, 2)
			silent.counts.ewma.Store(1) // it is expected first
			calls := []*Call{{Target: silent, Request: request("x")}, {Target: cold, Request: request("y")},
				{Target: a, Request: request("1")}, {Target: b, Request: request("2")}}
			begin := time.Now()
			c.ScatterUntil(calls, begin.Add(time.Hour), &ears{calls, 2})
			for i, want := range []lead.Refusal{lead.ClosedEarly, lead.ClosedEarly, 0, 0} {
				if calls[i].Refusal != want {
					t.Errorf("call %d: %v, want %v", i, calls[i].Refusal, want)
				}
			}
			for i := 2; i < 4; i++ {
				if want := fmt.Sprint("echo ", i-1); string(calls[i].Body) != want {
					t.Errorf("call %d: %q", i, calls[i].Body)
				}
			}
			close(release)
			if got := <-late; got != "echo x" {
				t.Errorf("read out late: %q", got)
			}
			if call := ping(c, a, "z", plenty); string(call.Body) != "echo z" { // its scratch is as good as new
				t.Errorf("after it: %v %q", call.Refusal, call.Body)
			}
		})
	}
}

// With a listener that never has enough all are heard, also those that are expected late and come soon.
func TestScatterWithAListenerHearsAll(t *testing.T) {
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			s := serve(t, l.server, steady)
			c := client(t, Config{})
			var calls []*Call
			for i := range 5 {
				cfg := l.target(s.addr)
				cfg.Name = fmt.Sprint("buyer", i)
				calls = append(calls, &Call{Target: target(t, c, cfg), Request: request(fmt.Sprint(i))})
				if i > 1 {
					warmUp(t, calls[i].Target, 1)
				}
			}
			for range 3 {
				c.ScatterUntil(calls, time.Now().Add(plenty), &ears{calls, 99})
				for i, call := range calls {
					if want := fmt.Sprint("echo ", i); string(call.Body) != want {
						t.Errorf("call %d: %v %q", i, call.Refusal, call.Body)
					}
				}
			}
		})
	}
}
