// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/exchange/intake"
)

// Memory, where the configuration does not say otherwise.
const (
	MemoryShare   = 60        // percent of the machine's that a node keeps to
	WaitingBytes  = 100 << 10 // that a request takes while it waits for buyers or the ledger; measured in bench
	InFlightMost  = 10000     // requests at once, however much memory there is
	InFlightLeast = 200       // and however little
	// of what is left of the limit, for requests that wait; the rest is for what the collector has not collected yet
	waitingPercent = 70
	besideLeast    = 32 << 20 // of the process, what is not Go's: the binary and files that are mapped
)

// memoryLimit is what the node keeps to, 0 if nobody can tell. What stands in GOMEMLIMIT counts unless the
// configuration says otherwise.
func memoryLimit(l *config.Limits) int64 {
	if l.MemoryBytes > 0 {
		return l.MemoryBytes
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		if n := limitAtStart(); n < math.MaxInt64 {
			return n
		}
		return 0
	}
	return machineMemory() / 100 * MemoryShare
}

// limitAtStart is what GOMEMLIMIT says: a node of this process may have set another limit since.
var limitAtStart = sync.OnceValue(func() int64 { return debug.SetMemoryLimit(-1) })

// memoryFor divides a limit. Go counts only what it has given out itself, not the binary's pages and those of files
// that are mapped: what the process has beside Go's is taken off, so that the whole stays within the limit.
func memoryFor(limit int64) intake.Memory {
	if limit == 0 {
		return intake.Memory{}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	beside := admin.Resident() - int64(m.Sys-m.HeapReleased)
	return intake.Memory{Limit: limit, Go: limit - min(max(beside, besideLeast), limit/4), Resident: admin.Resident}
}

// keepTo has the collector keep the process to its limit, and tells how many requests may be in flight: what is
// configured, else what fits.
func keepTo(l *config.Limits, memory intake.Memory) (inFlight int) {
	limitAtStart()
	if memory.Limit > 0 {
		debug.SetMemoryLimit(memory.Go)
	}
	switch {
	case l.InFlightMax > 0:
		return l.InFlightMax
	case memory.Limit == 0:
		return InFlightMost
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return inFlightFor(memory.Go, int64(m.HeapAlloc+m.StackInuse))
}

// inFlightFor is how many requests fit into a limit of which some is in use already.
func inFlightFor(limit, used int64) int {
	return int(min(max((limit-used)*waitingPercent/100/WaitingBytes, InFlightLeast), InFlightMost))
}

// machineMemory is the machine's memory in bytes, or what its container may use of it; 0 if that cannot be read.
func machineMemory() (least int64) {
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
				kb, _ := strconv.ParseInt(f[1], 10, 64) // 0 if it is none
				take(kb << 10)
			}
		}
	}
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(name); err == nil {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64) // "max" is none
			take(n)
		}
	}
	return least
}

// loadOf tells operators what the sellers' door does.
func loadOf(s *intake.Server) admin.LoadStatus {
	l := s.Load()
	out := admin.LoadStatus{InFlight: l.InFlight, InFlightMax: l.InFlightMax, PingsMost: l.PingsMost,
		Connections: l.Conns, ConnectionsMax: l.ConnsMax, MemoryFull: l.MemoryFull, Sheds: []admin.ShedStatus{}}
	for _, s := range l.Sheds {
		out.Sheds = append(out.Sheds, admin.ShedStatus{Reason: s.Reason, Why: s.Why, Count: s.Count, Last: s.Last})
	}
	return out
}
