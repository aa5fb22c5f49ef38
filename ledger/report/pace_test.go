// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"
)

// A quarter of a core is three times as long at rest as at work; where the process has much to do it is a twentieth.
func TestViewKeepsToItsShare(t *testing.T) {
	now := time.Now()
	p := pace{share: 0.25}
	if got := p.rest(10*time.Millisecond, now); got != 30*time.Millisecond {
		t.Errorf("idle: %s", got)
	}
	p.look(1200*time.Millisecond, time.Second, 2)
	if got := p.rest(10*time.Millisecond, now); got != 190*time.Millisecond {
		t.Errorf("busy: %s", got)
	}
	p.look(900*time.Millisecond, time.Second, 2)
	if got := p.rest(10*time.Millisecond, now); got != 30*time.Millisecond {
		t.Errorf("idle again: %s", got)
	}
	if got := (&pace{share: 1}).rest(time.Second, now); got != 0 {
		t.Errorf("alone: %s", got)
	}
	// it looks by itself
	p = pace{share: 0.25, busy: true, at: now.Add(-time.Hour), used: processTime()}
	if p.rest(time.Millisecond, now); p.busy || !p.at.Equal(now) {
		t.Errorf("after an hour with nothing to do it is still busy: %+v", p)
	}
}
