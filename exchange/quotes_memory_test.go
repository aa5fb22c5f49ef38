// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"clearpost/lead"
)

// 300,000 live quotes stay within 200 MB of memory, garbage included, and each is found again. The table has no more of
// a quote than what leads to its events: what it says stands in the ledger.
func TestMemoryOfLiveQuotes(t *testing.T) {
	const quotes = 300_000
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	table := &quoteTable{}
	table.init()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	name := func(n uint64) (c content, id lead.ID) {
		binary.BigEndian.PutUint64(c[:], n*0x9E3779B97F4A7C15) // spread, as sums are
		binary.BigEndian.PutUint64(id[:], n+1)
		return c, id
	}
	for n := range uint64(quotes) {
		c, id := name(n)
		table.restore(c, id, now.Add(5*time.Minute), now)
	}
	used := live() - before
	for n := range uint64(quotes) {
		if c, id := name(n); table.find(c, now.Add(time.Minute)) != id {
			t.Fatalf("quote %d is not found", n)
		}
	}
	t.Logf("%d live quotes take %.1f MB, %d bytes each", quotes, float64(used)/1e6, used/quotes)
	if used > 200e6 {
		t.Errorf("%d bytes", used)
	}
	runtime.KeepAlive(table)
}
