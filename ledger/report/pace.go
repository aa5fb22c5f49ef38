// SPDX-License-Identifier: Apache-2.0

package report

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pace keeps the follower to its share of a core, and to a part of that while the process or its machine have much
// else to do: pings come first, and the view catches up when it is quiet.
type pace struct {
	share float64 // of one core; 1: it never rests
	busy  bool    // more than half of the processors were at work when it was looked at last
	at    time.Time
	used  time.Duration // by the process, at that time
	ticks ticks         // of the machine, at that time
}

// ticks are those of all processors since the machine's start, and of them those at work.
type ticks struct{ all, work uint64 }

// Bounds of the pace.
const (
	paceLook  = time.Second
	busyAbove = 0.5 // of all processors, of the process's or of the machine's
	busyPart  = 0.2 // of the share, while it is busy
)

// rest is how long to rest after some CPU time. While somebody waits for the view it takes its whole share.
func (p *pace) rest(worked time.Duration, waiting bool, now time.Time) time.Duration {
	if p.share >= 1 {
		return 0
	}
	if since := now.Sub(p.at); since >= paceLook {
		used, machine := processTime(), machineTicks()
		if !p.at.IsZero() {
			p.look(used-p.used, since, runtime.GOMAXPROCS(0), machine)
		}
		p.at, p.used, p.ticks = now, used, machine
	}
	share := p.share
	if p.busy && !waiting {
		share *= busyPart
	}
	return time.Duration(float64(worked) * (1/share - 1))
}

// look judges how busy process and machine were for a while.
func (p *pace) look(used, since time.Duration, processors int, machine ticks) {
	all, work := machine.all-p.ticks.all, machine.work-p.ticks.work
	p.busy = float64(used) > busyAbove*float64(since)*float64(processors) || float64(work) > busyAbove*float64(all)
}

// machineTicks reads how busy the machine was. Where that cannot be read there are none, and the process alone tells.
func machineTicks() (t ticks) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		if i < 1 || i > 8 { // "cpu", and guests, who are counted as users already
			continue
		}
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return ticks{}
		}
		if t.all += n; i != 4 && i != 5 { // idle, and waiting for a disk
			t.work += n
		}
	}
	return t
}

// processTime is the CPU time that the process has used.
func processTime() time.Duration { return usedBy(syscall.RUSAGE_SELF) }

// threadTime is the CPU time that the calling thread has used: how long the follower has worked, however long it had to
// wait for a processor. Its goroutine must keep to its thread.
func threadTime() time.Duration { return usedBy(unix.RUSAGE_THREAD) }

func usedBy(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
