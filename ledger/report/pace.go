// SPDX-License-Identifier: Apache-2.0

package report

import (
	"runtime"
	"syscall"
	"time"
)

// pace keeps the follower to its share of a core, and to a part of that while the process has much else to do: pings
// come first, and the view catches up when it is quiet.
type pace struct {
	share float64 // of one core; 1: it never rests
	busy  bool    // the process used more than half of its processors when it was looked at last
	at    time.Time
	used  time.Duration // by the process, at that time
}

// Bounds of the pace.
const (
	paceLook  = time.Second
	busyAbove = 0.5 // of all processors
	busyPart  = 0.2 // of the share, while it is busy
)

// rest is how long to rest after some work.
func (p *pace) rest(worked time.Duration, now time.Time) time.Duration {
	if p.share >= 1 {
		return 0
	}
	if since := now.Sub(p.at); since >= paceLook {
		used := processTime()
		if !p.at.IsZero() {
			p.look(used-p.used, since, runtime.GOMAXPROCS(0))
		}
		p.at, p.used = now, used
	}
	share := p.share
	if p.busy {
		share *= busyPart
	}
	return time.Duration(float64(worked) * (1/share - 1))
}

// look judges how busy the process was for a while.
func (p *pace) look(used, since time.Duration, processors int) {
	p.busy = float64(used) > busyAbove*float64(since)*float64(processors)
}

// processTime is the CPU time that the process has used.
func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
