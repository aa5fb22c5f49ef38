// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/config"
	"clearpost/lead"
	"clearpost/node"
	"clearpost/wire/request"
)

// reading is what a server has used since it started.
type reading struct {
	CPU     time.Duration
	Mallocs uint64
	Bytes   uint64

	// The exchange only.
	Events, Syncs, Shipped uint64
}

func read() reading {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return reading{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano()), Mallocs: m.Mallocs, Bytes: m.TotalAlloc}
}

// since is what was used after an earlier reading.
func (r reading) since(o reading) reading {
	return reading{r.CPU - o.CPU, r.Mallocs - o.Mallocs, r.Bytes - o.Bytes, r.Events - o.Events, r.Syncs - o.Syncs,
		r.Shipped - o.Shipped}
}

// profiler profiles the CPU on command.
type profiler struct{ to *os.File }

func (p *profiler) set(file string) (err error) {
	if p.to != nil {
		pprof.StopCPUProfile()
		err = p.to.Close()
		p.to = nil
	}
	if file == "" || err != nil {
		return err
	}
	if p.to, err = os.Create(file); err != nil {
		return err
	}
	return pprof.StartCPUProfile(p.to)
}

// exchange is the real thing: doors, ledger, views, Kafka.
type exchange struct {
	node *node.Node
	prof profiler
}

func newExchange(s set) (role, error) {
	cfg, err := config.Load(s.Dir, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	var log *slog.Logger // CLEARPOST_BENCH_LOG: what the node warns of is seen
	if os.Getenv("CLEARPOST_BENCH_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	n, err := node.New(cfg, log, false)
	if err != nil {
		return nil, err
	}
	return &exchange{node: n}, n.Start()
}

func (e *exchange) addrs() []string { return []string{e.node.SellerAddr} }
func (e *exchange) close() error    { return e.node.Stop() }

func (e *exchange) do(c command) (any, error) {
	if c.Do == "memory" {
		return resident()
	}
	if c.Do == "profile" {
		return nil, e.prof.set(c.File)
	}
	// What is still to be shipped belongs to the pings before.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.node.Ledger.Drain(ctx); err != nil {
		return nil, err
	}
	st := e.node.Ledger.Stats()
	r := read()
	r.Events, r.Syncs, r.Shipped = st.Appended, st.Syncs, st.Shipped
	return r, nil
}

// bare is a server that asks all buyers for every request and does nothing else: it reads neither the lead nor the
// bids.
type bare struct {
	ln    net.Listener
	hosts []*fasthttp.HostClient
	asks  [][]byte // what each buyer is sent: the bytes that the exchange sends
	prof  profiler
}

// reply is as long as the exchange's answer.
var reply = []byte(`{"result":"success","ping_id":"01932b7e-3f64-7a51-8d0c-5b1f0f3c2a11","seller_lead_id":"000000000001","price":23.60,"currency":"USD","expires_at":"2026-01-31T15:04:05.000Z"}`)

const askMax = 800 * time.Millisecond

func newBare(s set) (*bare, error) {
	cfg, err := config.Load(s.Dir, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	b := &bare{}
	l, err := sample(cfg.Exchange.Verticals[0].Schema, 0)
	if err != nil {
		return nil, err
	}
	in := request.Inputs{Lead: l, LeadID: lead.ID{1}, Source: "bench", Vertical: "auto", Now: time.Now()}
	for i, c := range cfg.Exchange.Book.Campaigns {
		b.hosts = append(b.hosts, &fasthttp.HostClient{Addr: s.Buyers[i], MaxConns: 4000, MaxIdemponentCallAttempts: 1,
			MaxResponseBodySize: 256 << 10})
		ask, err := c.Ping.Request.AppendHTTP(nil, &in)
		if err != nil {
			return nil, err
		}
		b.asks = append(b.asks, ask)
	}
	b.ln, err = net.Listen("tcp", "127.0.0.1:0")
	return b, err
}

func (b *bare) serve(askAll func() error) {
	s := &fasthttp.Server{NoDefaultDate: true, Handler: func(ctx *fasthttp.RequestCtx) {
		if err := askAll(); err != nil {
			ctx.Error(err.Error(), 500)
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBody(reply)
	}}
	go func() { _ = s.Serve(b.ln) }() // ends with the process
}

func (b *bare) addrs() []string { return []string{b.ln.Addr().String()} }
func (b *bare) close() error    { return nil }

func (b *bare) do(c command) (any, error) {
	if c.Do == "profile" {
		return nil, b.prof.set(c.File)
	}
	return read(), nil
}

// newGoroutines is the loop that one would write first: a goroutine a buyer around DoDeadline.
func newGoroutines(s set) (role, error) {
	b, err := newBare(s)
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, len(b.asks))
	urls := make([]string, len(b.asks))
	for i, ask := range b.asks {
		_, bodies[i], _ = bytes.Cut(ask, []byte("\r\n\r\n"))
		urls[i] = fmt.Sprintf("http://%s/%s/ping", s.Buyers[i], buyerID(i))
	}
	b.serve(func() error {
		deadline := time.Now().Add(askMax)
		errs := make([]error, len(b.hosts))
		var wg sync.WaitGroup
		for i, host := range b.hosts {
			wg.Go(func() {
				req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
				defer fasthttp.ReleaseRequest(req)
				defer fasthttp.ReleaseResponse(resp)
				req.Header.SetMethod("POST")
				req.Header.SetContentType("application/json")
				req.SetRequestURI(urls[i])
				req.SetBodyRaw(bodies[i])
				errs[i] = host.DoDeadline(req, resp, deadline)
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	})
	return b, nil
}

// newLoop writes to all buyers and then reads from all, on the request's own goroutine.
func newLoop(s set) (role, error) {
	b, err := newBare(s)
	if err != nil {
		return nil, err
	}
	b.serve(func() error {
		deadline := time.Now().Add(askMax)
		reads := make([]func() error, 0, buyersMax)
		for i, host := range b.hosts {
			r, err := ask(host, host.AcquireConn, host.ReleaseConn, host.CloseConn, b.asks[i], deadline)
			if err != nil {
				return err
			}
			reads = append(reads, r)
		}
		var errs []error
		for _, r := range reads {
			if err := r(); err != nil {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
	return b, nil
}

// ask writes a request; what it returns reads the answer. fasthttp's connection type has no exported name.
func ask[C interface{ Conn() net.Conn }](host *fasthttp.HostClient, acquire func(time.Duration, bool) (C, error),
	release, end func(C), request []byte, deadline time.Time) (func() error, error) {
	c, err := acquire(time.Second, false)
	if err != nil {
		return nil, err
	}
	conn := c.Conn()
	if err := conn.SetDeadline(deadline); err != nil {
		end(c)
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		end(c)
		return nil, err
	}
	return func() error {
		r := host.AcquireReader(conn)
		defer host.ReleaseReader(r)
		resp := fasthttp.AcquireResponse()
		defer fasthttp.ReleaseResponse(resp)
		if err := resp.ReadLimitBody(r, 256<<10); err != nil {
			end(c)
			return err
		}
		release(c)
		return nil
	}, nil
}

// memory is what a process occupies, in bytes.
type memory struct{ Now, Peak int64 }

func resident() (m memory, err error) {
	text, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			m.Now = n << 10
		case "VmHWM":
			m.Peak = n << 10
		}
	}
	return m, err
}
