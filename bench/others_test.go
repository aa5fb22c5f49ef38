// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange/door"
	"clearpost/ledger/kafkalocal"
)

// buyers answer every ping with a bid, each on a port of its own.
type buyers struct {
	listeners []net.Listener
	delay     atomic.Int64
	closing   atomic.Bool // every answer ends its connection
	asked     atomic.Int64
}

func newBuyers(set) (role, error) {
	b := &buyers{}
	for i := range buyersMax {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		b.listeners = append(b.listeners, ln)
		bid := []byte(fmt.Sprintf(`{"status":"accepted","request_id":"7f3a9c1e","bid":{"id":"0123456789abcdef-%02d","price":"%d.50","currency":"USD","expires":300},"message":"ok","x":1}`, i, 20+i))
		s := &fasthttp.Server{NoDefaultDate: true, NoDefaultServerHeader: true, Concurrency: 1 << 20,
			Handler: func(ctx *fasthttp.RequestCtx) {
				b.asked.Add(1)
				if d := b.delay.Load(); d > 0 {
					<-time.After(time.Duration(d))
				}
				ctx.SetContentType("application/json")
				ctx.SetBody(bid)
				if b.closing.Load() {
					ctx.SetConnectionClose()
				}
			}}
		// one that waits where the process has too many files open
		patient := door.Listen(ln, door.Config{ReadTimeout: time.Hour, IdleTimeout: time.Hour})
		go func() { _ = s.Serve(patient) }() // ends with the process
	}
	return b, nil
}

func (b *buyers) addrs() []string {
	var out []string
	for _, ln := range b.listeners {
		out = append(out, ln.Addr().String())
	}
	return out
}

// do sets how long buyers take, or tells how many pings came since it was asked last.
func (b *buyers) do(c command) (any, error) {
	if c.Do == "asked" {
		return b.asked.Swap(0), nil
	}
	b.closing.Store(c.Close)
	b.delay.Store(int64(time.Duration(c.MS) * time.Millisecond))
	return nil, nil
}

func (b *buyers) close() error { return nil }

type kafka struct{ *kafkalocal.Server }

func newKafka(set) (role, error) {
	s, err := kafkalocal.Start(kafkalocal.Config{Topics: []string{"clearpost.pings", "clearpost.posts",
		"clearpost.leads"}, BytesMax: 64 << 20})
	return kafka{s}, err
}

func (k kafka) addrs() []string         { return []string{k.Addr()} }
func (k kafka) do(command) (any, error) { return nil, errors.New("no commands") }
func (k kafka) close() error            { k.Close(); return nil }

// sellers send one ping after another on each of their connections.
type sellers struct {
	requests []sellerRequest
	id       atomic.Uint64
}

// sellerRequest is a whole HTTP request; the seller's own id of the lead stands at id.
type sellerRequest struct {
	bytes []byte
	id    int
}

// sent is what the sellers saw.
type sent struct {
	Pings    int
	Failures int // anything but a quote
	Example  string
	Elapsed  time.Duration
	Longest  time.Duration // of an open load's answers
}

func newSellers(as set) (role, error) {
	s := &sellers{}
	keys := strings.Split(cmp.Or(as.Key, sellerKey), ",")
	for n := range 64 * len(keys) {
		b := body(n % 64)
		head := fmt.Sprintf(
			"POST /v1/auto/ping HTTP/1.1\r\nHost: exchange.example\r\nUser-Agent: seller/1.0\r\nAccept: */*\r\n"+
				"Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			keys[n%len(keys)], len(b))
		s.requests = append(s.requests, sellerRequest{append([]byte(head), b...), len(head) + idAt})
	}
	return s, nil
}

func (s *sellers) addrs() []string { return nil }
func (s *sellers) close() error    { return nil }

// do loads a server until the time is over, or until N pings were sent.
func (s *sellers) do(c command) (any, error) {
	if c.Do == "storm" {
		return s.storm(c)
	}
	if c.Do == "open" {
		return s.open(c)
	}
	begun := time.Now()
	end := begun.Add(time.Duration(c.MS) * time.Millisecond)
	var left atomic.Int64
	if left.Store(int64(c.N)); c.N == 0 {
		left.Store(1 << 60)
	}
	var mu sync.Mutex
	var all sent
	var errs []error
	var wg sync.WaitGroup
	for range c.Conns {
		wg.Go(func() {
			var mine sent
			err := s.seller(c.Addr, func() bool { return left.Add(-1) >= 0 && time.Now().Before(end) }, &mine)
			mu.Lock()
			defer mu.Unlock()
			all.Pings += mine.Pings
			all.Failures += mine.Failures
			if mine.Example != "" {
				all.Example = mine.Example
			}
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	all.Elapsed = time.Since(begun)
	return all, errors.Join(errs...)
}

func (s *sellers) seller(addr string, more func() bool, out *sent) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	var resp fasthttp.Response
	var buf []byte
	for more() {
		id := s.id.Add(1)
		req := &s.requests[id%uint64(len(s.requests))]
		buf = append(buf[:0], req.bytes...)
		copy(buf[req.id:], fmt.Sprintf("%0*d", idDigits, id))
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		if err := resp.Read(r); err != nil {
			return err
		}
		out.Pings++
		if resp.StatusCode() != 200 || !quoted(resp.Body()) {
			out.Failures++
			out.Example = resp.String()
		}
	}
	return nil
}

func quoted(b []byte) bool { return len(b) > 20 && string(b[:19]) == `{"result":"success"` }

// open sends N pings at a rate, whether or not the ones before have been answered.
func (s *sellers) open(c command) (any, error) {
	begun := time.Now()
	host := &fasthttp.HostClient{Addr: c.Addr, MaxConns: 1 << 16, MaxIdleConnDuration: time.Minute}
	defer host.CloseIdleConnections()
	var mu sync.Mutex
	var all sent
	var wg sync.WaitGroup
	for i := range c.N {
		<-time.After(time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(c.Rate))))
		wg.Go(func() {
			var req fasthttp.Request
			var resp fasthttp.Response
			id := s.id.Add(1)
			from := &s.requests[id%uint64(len(s.requests))]
			raw := append([]byte(nil), from.bytes...)
			copy(raw[from.id:], fmt.Sprintf("%0*d", idDigits, id))
			err := req.Read(bufio.NewReader(bytes.NewReader(raw)))
			req.SetRequestURI("http://" + c.Addr + "/v1/auto/ping")
			sentAt := time.Now()
			if err == nil {
				err = host.Do(&req, &resp)
			}
			took := time.Since(sentAt)
			mu.Lock()
			defer mu.Unlock()
			all.Pings++
			all.Longest = max(all.Longest, took)
			if err != nil || resp.StatusCode() != 200 || !quoted(resp.Body()) {
				all.Failures++
				all.Example = fmt.Sprintln(err, resp.String())
			}
		})
	}
	wg.Wait()
	all.Elapsed = time.Since(begun)
	return all, nil
}
