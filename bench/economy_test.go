// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// Two of ten buyers take longer than they may, and bid at most so much: others bid more.
const (
	slowBuyers = 2
	slowTake   = 300 // ms
	slowMost   = "max_bid: 25.00"
)

var economies = []struct{ name, keys string }{
	{"all are asked", ""},
	{"skip_slow", "economy: {skip_slow: true}\n"},
	{"close_early", "economy: {close_early: true}\n"},
	{"most_asked: 5", "economy: {most_asked: 5, skip_slow: true}\n"},
}

// BenchmarkEconomy measures what the ping economy costs and saves, beside an exchange that asks everybody and waits for
// everybody, in turns in one run.
func BenchmarkEconomy(b *testing.B) {
	for range b.N {
		h := &house{buyers: start(b, "buyers", set{}), sellers: start(b, "sellers", set{})}
		slow := start(b, "buyers", set{})
		slow.tell(b, command{Do: "delay", MS: slowTake}, nil)
		addrs := append(slices.Clone(slow.addrs[:slowBuyers]), h.buyers.addrs[slowBuyers:]...)
		kafka := start(b, "kafka", set{}).addrs[0]
		for _, eco := range economies {
			dir := configureFor(b, addrs, kafka, patience{200, 250})
			change(b, filepath.Join(dir, "verticals/auto.yaml"), "floor: 5.00\n", "floor: 5.00\n"+eco.keys)
			for i := range slowBuyers {
				change(b, filepath.Join(dir, "buyers", buyerID(i)+".yaml"), "    vertical: auto\n",
					"    vertical: auto\n    "+slowMost+"\n")
			}
			h.servers = append(h.servers, start(b, "exchange", set{Dir: dir, Buyers: addrs}))
		}
		h.economy(b, slow)
	}
}

// change replaces a part of a file that must be there.
func change(t testing.TB, file, old, text string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(page), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asked counts the calls that came since it was asked last.
func (h *house) asked(b *testing.B, slow *process) int {
	var n [2]int
	h.buyers.tell(b, command{Do: "asked"}, &n[0])
	slow.tell(b, command{Do: "asked"}, &n[1])
	return n[0] + n[1]
}

func (h *house) economy(b *testing.B, slow *process) {
	const conns = 64
	all := make([][]used, len(economies))
	calls, wait := make([]float64, len(economies)), make([]float64, len(economies))
	for range 3 {
		for i, s := range h.servers {
			h.try(b, s, conns, time.Second, 0) // it learns
			h.asked(b, slow)
			var before, after reading
			s.tell(b, command{Do: "read"}, &before)
			got := h.try(b, s, conns, oneLoad, 0) // a pause of the machine is longer than buyers may take
			s.tell(b, command{Do: "read"}, &after)
			d, n := after.since(before), float64(got.Pings)
			all[i] = append(all[i], used{cpu: float64(d.CPU.Nanoseconds()) / 1000 / n,
				mallocs: float64(d.Mallocs) / n, rate: n / got.Elapsed.Seconds()})
			calls[i], wait[i] = float64(h.asked(b, slow))/n, conns*got.Elapsed.Seconds()*1000/n
		}
	}
	median := func(i int, of func(used) float64) float64 {
		v := []float64{of(all[i][0]), of(all[i][1]), of(all[i][2])}
		slices.Sort(v)
		return v[1]
	}
	cpu, allocs := func(u used) float64 { return u.cpu }, func(u used) float64 { return u.mallocs }
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "2 of 10 are too slow\tCPU µs/ping\tof all\tallocs/ping\tcalls/ping\tms to the answer\tpings/s\t\n")
	for i, eco := range economies {
		fmt.Fprintf(t, "%s\t%.1f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", eco.name, median(i, cpu),
			median(i, cpu)/median(0, cpu), median(i, allocs), calls[i], wait[i],
			median(i, func(u used) float64 { return u.rate }))
	}
	t.Flush()
	fmt.Printf("\n%s\n", out.String())
	b.ReportMetric(0, "ns/op")
	for i := range economies[1:] {
		b.ReportMetric(median(i+1, cpu)/median(0, cpu), strings.ReplaceAll(economies[i+1].name, ": ", "-")+"-of-all")
	}
}
