// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MemoryStatus is what the process has of memory, in bytes.
type MemoryStatus struct {
	Resident int64 `json:"resident_bytes"` // of the machine's memory; 0 where the system does not tell
	Alive    int64 `json:"alive_bytes"`    // of the heap, after its last collection
	Limit    int64 `json:"limit_bytes"`    // that the node keeps to; 0: none
}

// LoadStatus is what the sellers' door carries and sends away.
type LoadStatus struct {
	InFlight       int64        `json:"in_flight"`
	InFlightMax    int64        `json:"in_flight_max"`
	PingsMost      int64        `json:"pings_most"`      // a second that are let in; 0: as many as come
	Connections    int64        `json:"connections"`     // of sellers
	ConnectionsMax int64        `json:"connections_max"` // what the configuration and the files that may be open allow
	MemoryFull     bool         `json:"memory_full"`
	Sheds          []ShedStatus `json:"sheds"`
}

// ShedStatus is how often requests heard 503 or 429, or connections were closed, for one reason, since the start.
type ShedStatus struct {
	Reason string    `json:"reason"`
	Why    string    `json:"why"` // the reason in words
	Count  int64     `json:"count"`
	Last   time.Time `json:"last"`
}

var (
	descShed = desc("shed_total",
		"Requests of sellers that were sent away with 503 or 429 to come again, and connections closed because "+
			"there were too many, by reason.", "reason")
	descInFlight = desc("in_flight", "Requests of sellers that are being answered.")
	descPlaces   = desc("in_flight_limit", "Requests that may be answered at once.")
	descPace     = desc("pings_limit",
		"Pings of sellers a second that are let in while the processors do not keep up; 0: as many as come.")
	descSellerConns = desc("seller_connections",
		"Connections of sellers: open, and how many there may be.", "what")
	descMemory = desc("memory_bytes",
		"The process's memory: resident, alive after the last collection, and the limit that it keeps to.", "what")
)

func (c *collector) collectLoad(count, gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	m := memoryNow(c.hooks.Memory)
	gauge(descMemory, float64(m.Resident), "resident")
	gauge(descMemory, float64(m.Alive), "alive")
	gauge(descMemory, float64(m.Limit), "limit")
	if c.hooks.Load == nil {
		return
	}
	l := c.hooks.Load()
	gauge(descInFlight, float64(l.InFlight))
	gauge(descPlaces, float64(l.InFlightMax))
	gauge(descPace, float64(l.PingsMost))
	gauge(descSellerConns, float64(l.Connections), "open")
	gauge(descSellerConns, float64(l.ConnectionsMax), "max")
	for _, s := range l.Sheds {
		count(descShed, float64(s.Count), s.Reason)
	}
}

// memoryNow reads the process's memory.
func memoryNow(limit int64) MemoryStatus {
	read := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(read)
	return MemoryStatus{Resident: Resident(), Alive: int64(read[0].Value.Uint64()), Limit: limit}
}

// Resident is what the process has of the machine's memory, in bytes; 0 if the system does not say.
func Resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
