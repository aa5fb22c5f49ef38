// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"
)

// A quarter of a core is three times as long at rest as at work; where the process has much to do it is a twentieth.
func TestViewKeepsToItsShare(t *testing.T) {
	now := time.Now()
	p := pace{share: 0.25, at: now}
	if got := p.rest(10*time.Millisecond, false, now); got != 30*time.Millisecond {
		t.Errorf("idle: %s", got)
	}
	p.look(1200*time.Millisecond, time.Second, 2, ticks{})
	if got := p.rest(10*time.Millisecond, false, now); got != 190*time.Millisecond {
		t.Errorf("busy: %s", got)
	}
	if got := p.rest(10*time.Millisecond, true, now); got != 30*time.Millisecond {
		t.Errorf("busy, and somebody waits: %s", got)
	}
	p.look(0, time.Second, 2, ticks{all: 200, work: 101}) // others are at work
	if got := p.rest(10*time.Millisecond, false, now); got != 190*time.Millisecond {
		t.Errorf("on a busy machine: %s", got)
	}
	p.look(900*time.Millisecond, time.Second, 2, ticks{all: 200, work: 99})
	if got := p.rest(10*time.Millisecond, false, now); got != 30*time.Millisecond {
		t.Errorf("idle again: %s", got)
	}
	if got := (&pace{share: 1}).rest(time.Second, false, now); got != 0 {
		t.Errorf("alone: %s", got)
	}
	// it looks by itself
	p = pace{share: 0.25, busy: true, at: now.Add(-time.Hour), used: processTime()}
	if p.rest(time.Millisecond, false, now); !p.at.Equal(now) || p.ticks.all == 0 || p.ticks.work == 0 ||
		p.ticks.work >= p.ticks.all {
		t.Errorf("it has not looked: %+v", p)
	}
}
