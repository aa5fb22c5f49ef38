// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/node"
)

// storm is what open-loop sellers saw: they send at a rate, whatever became of what they have sent before.
type storm struct {
	Sent, Quotes, Failures, Shed, Late, Other int
	Unsent                                    int           // more were waiting than sellers have connections
	P50, P99, Max                             time.Duration // of quotes and failures
	Example                                   string
}

// storm sends c.N pings a second for c.MS milliseconds, on at most c.Conns connections.
func (s *sellers) storm(c command) (any, error) {
	client := &fasthttp.HostClient{Addr: c.Addr, MaxConns: c.Conns, ReadTimeout: 30 * time.Second,
		NoDefaultUserAgentHeader: true}
	defer client.CloseIdleConnections()
	var (
		mu    sync.Mutex
		out   storm
		took  []time.Duration
		out1  atomic.Int64
		wg    sync.WaitGroup
		begun = time.Now()
	)
	total := c.N * c.MS / 1000
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	for i := range total {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(c.N))
		tick.Reset(time.Until(due))
		<-tick.C
		if out1.Load() >= int64(c.Conns) {
			out.Unsent++
			continue
		}
		out1.Add(1)
		wg.Go(func() {
			defer out1.Add(-1)
			status, quote, text := s.once(client, i)
			t := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			switch out.Sent++; {
			case status == 503:
				out.Shed++
				return
			case status != 200:
				out.Other++
				out.Example = text
				return
			case quote:
				out.Quotes++
			default:
				out.Failures++
				out.Example = text
			}
			took = append(took, t)
		})
	}
	wg.Wait()
	slices.Sort(took)
	if n := len(took); n > 0 {
		out.P50, out.P99, out.Max = took[n/2], took[n*99/100], took[n-1]
	}
	return out, nil
}

// once sends one ping.
func (s *sellers) once(client *fasthttp.HostClient, i int) (status int, quote bool, text string) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	from := &s.requests[i%len(s.requests)]
	_, b, _ := strings.Cut(string(from.bytes), "\r\n\r\n")
	req.SetRequestURI("http://" + client.Addr + "/v1/auto/ping")
	req.Header.SetMethod("POST")
	req.Header.SetContentType("application/json")
	req.Header.Set("Authorization", "Bearer "+sellerKey)
	lead := []byte(b)
	copy(lead[idAt:], fmt.Sprintf("%0*d", idDigits, s.id.Add(1)))
	req.SetBodyRaw(lead)
	if err := client.Do(req, resp); err != nil {
		return 0, false, err.Error()
	}
	return resp.StatusCode(), quoted(resp.Body()), string(resp.Body())
}

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
	Memory struct {
		Resident int64 `json:"resident_bytes"`
		Alive    int64 `json:"alive_bytes"`
		Limit    int64 `json:"limit_bytes"`
	} `json:"memory"`
	Load struct {
		InFlight int64 `json:"in_flight"`
		Now      int64 `json:"in_flight_now"`
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
	return out, json.Unmarshal(b, &out)
}

// BenchmarkOverload sends more than a node can answer, with buyers that take their time, and says what the node takes
// of memory meanwhile, how long those wait that it lets in, and how it does afterwards. CLEARPOST_BENCH_MEMORY is its
// limit in MiB (512).
func BenchmarkOverload(b *testing.B) {
	for range b.N {
		overload(b, 20, buyersMax)
		overload(b, 1000, buyersMax)
		// fewer: none answers in time, and each holds as many connections as there are pings in flight
		overload(b, 5000, 4)
	}
}

func overload(b *testing.B, delayMS, count int) {
	buyers, sellers := start(b, "buyers", set{}), start(b, "sellers", set{})
	addrs := buyers.addrs[:count]
	dir := configure(b, addrs, start(b, "kafka", set{}).addrs[0])
	limit := os.Getenv("CLEARPOST_BENCH_MEMORY")
	if limit == "" {
		limit = "512"
	}
	for file, edit := range map[string][2]string{
		"clearpost.yaml":      {"limits: {", "limits: {memory_mb: " + limit + ", "},
		"verticals/auto.yaml": {"ping_deadline_ms: 800", "ping_deadline_ms: 2000"},
	} {
		editFile(b, dir+"/"+file, edit[0], edit[1])
	}
	for i := range addrs {
		editFile(b, dir+"/buyers/"+buyerID(i)+".yaml", "timeout_ms: 700", "timeout_ms: 2000")
	}
	ex := start(b, "guarded", set{Dir: dir, Buyers: addrs})
	fmt.Printf("\nbuyers take %d ms, limit %s MiB\n%-10s %8s %7s %8s %7s %6s %9s %9s %9s %9s %9s %9s\n", delayMS, limit,
		"", "pings/s", "quotes", "failures", "shed", "other", "p50", "p99", "resident", "alive", "let in", "most")
	run := func(what string, rate int, d time.Duration) {
		var s storm
		var most int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			sellers.tell(b, command{Do: "storm", Addr: ex.addrs[0], Conns: 15000, N: rate, MS: int(d.Milliseconds())},
				&s)
		}()
		var st status
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			case <-time.After(500 * time.Millisecond):
			}
			ex.tell(b, command{Do: "status"}, &st)
			most = max(most, st.Memory.Resident)
		}
		ms := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds(), " ms") }
		fmt.Printf("%-10s %8d %7d %8d %7d %6d %9s %9s %9s %9s %9d %9d\n", what, rate, s.Quotes, s.Failures, s.Shed,
			s.Other+s.Unsent, ms(s.P50), ms(s.P99), mb(most), mb(st.Memory.Alive), st.Load.Now, st.Load.Max)
		if s.Example != "" {
			fmt.Printf("  such as %.150s\n", s.Example)
		}
		for _, x := range st.Load.Sheds {
			fmt.Printf("  %s %d\n", x.Reason, x.Count)
		}
	}
	run("warm", 100, 3*time.Second)
	buyers.tell(b, command{Do: "delay", MS: delayMS}, nil)
	run("usual", 100, 4*time.Second)
	run("overload", 6000, 12*time.Second)
	run("after", 100, 4*time.Second)
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
