// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"clearpost/node"
)

// guarded is an exchange that says its memory and its load.
type guarded struct{ *exchange }

func newGuarded(s set) (role, error) {
	e, err := newExchange(s)
	if err != nil {
		return nil, err
	}
	return guarded{e.(*exchange)}, nil
}

func (g guarded) do(c command) (any, error) {
	if c.Do != "status" {
		return g.exchange.do(c)
	}
	return statusOf(g.node)
}

// status is what the bench reads of the operators' status.
type status struct {
	CPU    time.Duration `json:"cpu"`  // that the process has used
	Peak   int64         `json:"peak"` // the most that was resident, bytes
	Memory struct {
		Resident int64 `json:"resident_bytes"`
		Alive    int64 `json:"alive_bytes"`
		Limit    int64 `json:"limit_bytes"`
	} `json:"memory"`
	Load struct {
		InFlight int64 `json:"in_flight"`
		Now      int64 `json:"pings_most"`
		Max      int64 `json:"in_flight_max"`
		Sheds    []struct {
			Reason string `json:"reason"`
			Count  int64  `json:"count"`
		} `json:"sheds"`
	} `json:"load"`
}

func statusOf(n *node.Node) (out status, err error) {
	req, err := http.NewRequest("GET", "http://"+n.AdminAddr+"/v1/status", nil)
	if err != nil {
		return out, err
	}
	req.Header.Set("Authorization", "Bearer "+n.Token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return out, err
	}
	m, err := resident()
	if err != nil {
		return out, err
	}
	out.CPU, out.Peak = read().CPU, m.Peak
	return out, json.Unmarshal(b, &out)
}

// overloadCases are buyers that answer soon, late, at the end of the time that they have (2 s), and not in time: those
// are fewer, since each holds as many connections as there are pings in flight.
var overloadCases = []struct {
	name    string
	delayMS int
	buyers  int
}{{"soon", 20, buyersMax}, {"late", 1000, buyersMax}, {"at_the_deadline", 2000, buyersMax}, {"never", 5000, 4}}

// BenchmarkOverload sends more than a node can answer, with buyers that take their time, and says what the node takes
// of memory meanwhile, how long those wait that it lets in, and how it does afterwards. CLEARPOST_BENCH_MEMORY is its
// limit in MiB (512), CLEARPOST_BENCH_RATE how many pings come in a second (6000).
func BenchmarkOverload(b *testing.B) {
	for _, c := range overloadCases {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				overload(b, c.delayMS, c.buyers)
			}
		})
	}
}

// numberIn is the number in a variable of the environment.
func numberIn(b *testing.B, name string, usual int) int {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

func overload(b *testing.B, delayMS, count int) {
	buyers, sellers := start(b, "buyers", set{}), start(b, "sellers", set{})
	addrs := buyers.addrs[:count]
	dir := configure(b, addrs, start(b, "kafka", set{}).addrs[0])
	limit, rate := numberIn(b, "CLEARPOST_BENCH_MEMORY", 512), numberIn(b, "CLEARPOST_BENCH_RATE", 6000)
	for file, edit := range map[string][2]string{
		"clearpost.yaml":      {"limits: {", fmt.Sprintf("limits: {memory_mb: %d, ", limit)},
		"verticals/auto.yaml": {"ping_deadline_ms: 800", "ping_deadline_ms: 2000"},
	} {
		editFile(b, dir+"/"+file, edit[0], edit[1])
	}
	for i := range addrs {
		editFile(b, dir+"/buyers/"+buyerID(i)+".yaml", "timeout_ms: 700", "timeout_ms: 2000")
	}
	s := &stormy{ex: start(b, "guarded", set{Dir: dir, Buyers: addrs}), sellers: sellers, late: 2000}
	fmt.Printf("\nbuyers take %d ms, limit %d MiB\n", delayMS, limit)
	s.head()
	s.run(b, "warm", 100, 3*time.Second)
	buyers.tell(b, command{Do: "delay", MS: delayMS}, nil)
	s.run(b, "usual", 100, 4*time.Second)
	s.profile(b, true)
	s.run(b, "overload", rate, 12*time.Second)
	s.profile(b, false)
	s.run(b, "after", 100, 4*time.Second)
}

// stormy is an exchange in a storm.
type stormy struct {
	ex, sellers *process
	late        int // what takes the node longer, ms, is late
}

// usualMost is a rate at which each ping that is hurt is told of.
const usualMost = 100

// run has sellers send for some time and prints what they and the exchange saw.
func (s *stormy) run(b *testing.B, what string, rate int, d time.Duration) {
	var (
		out  storm
		st   status
		done = make(chan struct{})
	)
	s.ex.tell(b, command{Do: "status"}, &st)
	cpu, begun := st.CPU, time.Now()
	go func() {
		defer close(done)
		s.sellers.tell(b, command{Do: "storm", Addr: s.ex.addrs[0], Conns: 15000, N: rate, MS: int(d.Milliseconds()),
			Late: s.late}, &out)
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-time.After(time.Second):
		}
		s.ex.tell(b, command{Do: "status"}, &st)
	}
	if st.Peak > st.Memory.Limit {
		b.Errorf("resident %s MB at its peak, more than the limit of %s", mb(st.Peak), mb(st.Memory.Limit))
	}
	took := time.Since(begun)
	s.row(what, &out, mb(st.Peak), mb(st.Memory.Alive), st.Load.Now, st.Load.Max,
		fmt.Sprintf("%.1f/%.1f", (st.CPU-cpu).Seconds(), took.Seconds()))
	if rate <= usualMost && len(out.Hurt) > 0 {
		fmt.Printf("  by second were late, sent away or lost: %v\n", out.Hurt)
	}
	if took > d*3/2 {
		fmt.Printf("  it took %s until all were answered\n", took.Round(time.Millisecond))
	}
	for _, x := range st.Load.Sheds {
		fmt.Printf("  %s %d\n", x.Reason, x.Count)
	}
}

// profile begins or ends a profile of the exchange's CPU, where CLEARPOST_BENCH_PROFILE says.
func (s *stormy) profile(b *testing.B, begin bool) {
	file := os.Getenv("CLEARPOST_BENCH_PROFILE")
	switch {
	case file == "":
	case begin:
		s.ex.tell(b, command{Do: "profile", File: file}, nil)
	default:
		s.ex.tell(b, command{Do: "profile"}, nil)
	}
}

func (s *stormy) head() {
	s.line("", "quotes", "failed", "late", "shed", "429", "other", "p50", "p99", "node p50", "p99", "p99.9", "shed p99",
		"connect", "sellers", "peak", "alive", "let in", "most", "CPU")
}

// row prints what sellers saw, and what the exchange did.
func (s *stormy) row(what string, out *storm, exchange ...any) {
	ms := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	s.line(what, append([]any{out.Quotes, out.Failures, out.Late, out.Shed, out.Limited,
		out.Other - out.Limited + out.Unsent, ms(out.Whole.P50), ms(out.Whole.P99), ms(out.Node.P50), ms(out.Node.P99),
		ms(out.Node.P999), ms(out.ShedNode.P99), ms(out.Connect.P99), ms(out.Own.P99)}, exchange...)...)
	if out.Example != "" {
		fmt.Printf("  such as %.150s\n", out.Example)
	}
	if out.Unsent > 0 {
		fmt.Printf("  %d were not sent: sellers had no connection left\n", out.Unsent)
	}
}

func (s *stormy) line(what string, columns ...any) {
	fmt.Printf("%-8s", what)
	for _, c := range columns {
		fmt.Printf(" %8v", c)
	}
	fmt.Println()
}

func editFile(t testing.TB, path, old, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(b), old) {
		err = fmt.Errorf("%s: no %q", path, old)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(b), old, text, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
