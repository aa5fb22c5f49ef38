// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// benchServerEnv makes the test binary a farm of buyers instead: in a process of their own they do not count as our
// CPU.
const benchServerEnv = "CLEARPOST_TRANSPORT_BENCH_SERVER"

const benchBuyers = 10

var benchBid = `{"status":"ok","bid":{"price":"22.50","id":"0123456789abcdef0123456789abcdef"},"expires":300,"campaign":"solar-west-17","note":"thanks"}`

// serveBench answers on as many ports as there are buyers, until its standard input ends.
func serveBench() {
	reply := []byte(answer(benchBid))
	var addrs []string
	for range benchBuyers {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		addrs = append(addrs, ln.Addr().String())
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					buf := make([]byte, 16<<10) // a request comes in one piece, or near enough
					for {
						if _, err := c.Read(buf); err != nil {
							return
						}
						if _, err := c.Write(reply); err != nil {
							return
						}
					}
				}()
			}
		}()
	}
	fmt.Println(strings.Join(addrs, " "))
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// benchFarm starts the buyers' process and returns their addresses.
func benchFarm(b *testing.B) []string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServerEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.Fields(line)
}

var benchRequest = request(`{"state":"CA","zip":"94110","age":44,"home_owner":true,"credit":"good","roof":"tile","bill":180,"shade":"none","utility":"PG&E",` +
	`"property":"single","project":"new","timeline":"1-3 months","consent":true,"tcpa":"https://certs.example/0123456789","source":"acme","ip":"203.0.113.7"}`)

// cpu is this process's CPU time.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perPing reports the CPU of one fan-out; run is called by several goroutines at once.
func perPing(b *testing.B, run func(pb *testing.PB)) {
	b.SetParallelism(16) // auctions in flight for each core: the cores never idle
	b.ReportAllocs()
	b.ResetTimer()
	begun := cpu()
	b.RunParallel(run)
	b.ReportMetric(float64((cpu()-begun).Microseconds())/float64(b.N), "cpu-µs/ping")
}

func BenchmarkScatter10(b *testing.B) {
	addrs := benchFarm(b)
	c := client(b, Config{})
	targets := make([]*Target, len(addrs))
	for i, addr := range addrs {
		targets[i] = target(b, c, TargetConfig{Name: addr, Addr: addr, AllowPrivate: true})
		warmUp(b, targets[i], 40)
	}
	perPing(b, func(pb *testing.PB) {
		calls := make([]*Call, len(targets))
		for i := range calls {
			calls[i] = &Call{}
		}
		for pb.Next() {
			for i, call := range calls {
				call.Reset()
				call.Target, call.Request = targets[i], benchRequest
			}
			c.Scatter(calls, time.Now().Add(plenty))
			for _, call := range calls {
				if call.Refusal != 0 || len(call.Body) != len(benchBid) {
					b.Error(call.Refusal)
				}
			}
		}
	})
}

// BenchmarkGoroutines10 is what Scatter is measured against: a goroutine a buyer around fasthttp's DoDeadline.
func BenchmarkGoroutines10(b *testing.B) {
	addrs := benchFarm(b)
	hosts := make([]*fasthttp.HostClient, len(addrs))
	for i, addr := range addrs {
		hosts[i] = &fasthttp.HostClient{Addr: addr, MaxConns: 512, MaxIdemponentCallAttempts: 1,
			MaxResponseBodySize: 256 << 10}
	}
	_, body, _ := strings.Cut(string(benchRequest), "\r\n\r\n")
	perPing(b, func(pb *testing.PB) {
		for pb.Next() {
			deadline := time.Now().Add(plenty)
			var wg sync.WaitGroup
			for _, host := range hosts {
				wg.Go(func() {
					req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
					req.Header.SetMethod("POST")
					req.SetRequestURI("http://buyer.test/lead")
					req.SetBodyString(body)
					if err := host.DoDeadline(req, resp, deadline); err != nil || len(resp.Body()) != len(benchBid) {
						b.Error(err)
					}
					fasthttp.ReleaseRequest(req)
					fasthttp.ReleaseResponse(resp)
				})
			}
			wg.Wait()
		}
	})
	for _, host := range hosts {
		host.CloseIdleConnections()
	}
}
