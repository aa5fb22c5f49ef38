// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// house is everybody who takes part.
type house struct {
	buyers, sellers *process
	servers         []*process // the exchange first
}

func build(t testing.TB) *house {
	t.Helper()
	h := &house{buyers: start(t, "buyers", set{}), sellers: start(t, "sellers", set{})}
	s := set{Dir: configure(t, h.buyers.addrs, start(t, "kafka", set{}).addrs[0]), Buyers: h.buyers.addrs}
	for _, name := range []string{"exchange", "goroutines", "loop"} {
		h.servers = append(h.servers, start(t, name, s))
	}
	return h
}

// load has the sellers load a server. Nothing may fail.
func (h *house) load(t testing.TB, server *process, conns int, d time.Duration, n int) sent {
	t.Helper()
	out := h.try(t, server, conns, d, n)
	if out.Failures > 0 || out.Pings == 0 {
		t.Fatalf("%s: %d of %d pings failed, such as: %s", server.name, out.Failures, out.Pings, out.Example)
	}
	return out
}

// try is load while connections to the buyers are still cold, when some may be refused for want of workers to dial.
func (h *house) try(t testing.TB, server *process, conns int, d time.Duration, n int) (out sent) {
	t.Helper()
	h.sellers.tell(t, command{Do: "run", Addr: server.addrs[0], Conns: conns, MS: int(d.Milliseconds()), N: n}, &out)
	return out
}

// TestServers holds what is measured to what it claims to be: every server asks all buyers, and the exchange stores and
// ships every ping.
func TestServers(t *testing.T) {
	h := build(t)
	for _, s := range h.servers {
		h.load(t, s, 2, time.Minute, 20)
		var asked int
		h.buyers.tell(t, command{Do: "asked"}, &asked)
		if asked != 20*buyersMax {
			t.Errorf("%s: 20 pings made %d calls, want %d", s.name, asked, 20*buyersMax)
		}
	}
	var r reading
	h.servers[0].tell(t, command{Do: "read"}, &r)
	if r.Events != 20 || r.Shipped != 20 || r.Syncs == 0 {
		t.Errorf("after 20 pings: %d events stored with %d syncs, %d shipped", r.Events, r.Syncs, r.Shipped)
	}
}

// workload is one way to load the servers.
type workload struct {
	name  string
	delay time.Duration // that buyers take
	conns int           // sellers at once, each with one ping after another
}

var workloads = []workload{{"saturated", 0, 64}, {"buyers take 20 ms", 20 * time.Millisecond, 100}}

const (
	rounds  = 5
	oneLoad = 1500 * time.Millisecond
	warmUp  = 400 * time.Millisecond
)

// used is what one server used in one round, a ping.
type used struct {
	cpu, mallocs, bytes, syncs float64
	rate                       float64 // pings a second
}

// BenchmarkPing measures the exchange and both bare servers in turns, so that what else the machine does meets all of
// them alike.
func BenchmarkPing(b *testing.B) {
	h := build(b)
	for _, w := range workloads {
		b.Run(strings.ReplaceAll(w.name, " ", "_"), func(b *testing.B) {
			for range b.N {
				h.measure(b, w)
			}
		})
	}
}

func (h *house) measure(b *testing.B, w workload) {
	h.buyers.tell(b, command{Do: "delay", MS: int(w.delay.Milliseconds())}, nil)
	all := make([][]used, len(h.servers))
	for range rounds {
		for i, s := range h.servers {
			all[i] = append(all[i], h.round(b, s, w))
		}
	}
	median := func(i int, of func(used) float64) float64 { return middle(all[i], of) }
	cpu := func(u used) float64 { return u.cpu }
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tCPU µs/ping\tlowest–highest\tof goroutines\tof loop\tallocs/ping\tKB/ping\tpings/s\t\n", w.name)
	for i, s := range h.servers {
		lo := slices.MinFunc(all[i], func(a, b used) int { return cmp.Compare(a.cpu, b.cpu) }).cpu
		hi := slices.MaxFunc(all[i], func(a, b used) int { return cmp.Compare(a.cpu, b.cpu) }).cpu
		fmt.Fprintf(t, "%s\t%.1f\t%.0f–%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%.0f\t\n", s.name, median(i, cpu), lo, hi,
			median(i, cpu)/median(1, cpu), median(i, cpu)/median(2, cpu), median(i, func(u used) float64 {
				return u.mallocs
			}), median(i, func(u used) float64 { return u.bytes })/1024,
			median(i, func(u used) float64 { return u.rate }))
	}
	t.Flush()
	fmt.Fprintf(&out, "the exchange's pings per sync: %.1f\n\n", 1/median(0, func(u used) float64 { return u.syncs }))
	out.WriteString(h.stages(b, w))
	fmt.Printf("\n%s\n", out.String()) // b.Log would cut it
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(0, cpu), "cpu-µs/ping")
	b.ReportMetric(median(0, cpu)/median(1, cpu), "of-goroutines")
	b.ReportMetric(median(0, cpu)/median(2, cpu), "of-loop")
	b.ReportMetric(median(0, func(u used) float64 { return u.mallocs }), "allocs/ping")
}

// middle is the median of a figure.
func middle[T any](all []T, of func(T) float64) float64 {
	var v []float64
	for _, one := range all {
		v = append(v, of(one))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// round loads one server and reads what it used for that.
func (h *house) round(b *testing.B, s *process, w workload) used {
	h.try(b, s, w.conns, warmUp, 0)
	var before, after reading
	s.tell(b, command{Do: "read"}, &before)
	got := h.load(b, s, w.conns, oneLoad, 0)
	s.tell(b, command{Do: "read"}, &after)
	d, n := after.since(before), float64(got.Pings)
	return used{cpu: float64(d.CPU.Nanoseconds()) / 1000 / n, mallocs: float64(d.Mallocs) / n,
		bytes: float64(d.Bytes) / n, syncs: float64(d.Syncs) / n, rate: n / got.Elapsed.Seconds()}
}

// stages loads the exchange once more under a CPU profile and tells where the time goes.
func (h *house) stages(b *testing.B, w workload) string {
	s := h.servers[0]
	file := os.Getenv("CLEARPOST_BENCH_PROFILE") // keeps the profile
	if file == "" {
		file = filepath.Join(b.TempDir(), "cpu.pprof")
	}
	h.try(b, s, w.conns, warmUp, 0)
	s.tell(b, command{Do: "profile", File: file}, nil)
	got := h.load(b, s, w.conns, 2*oneLoad, 0)
	s.tell(b, command{Do: "profile"}, nil)
	out, err := breakdown(file, got.Pings)
	if err != nil {
		b.Fatal(err)
	}
	return out
}
