// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchServerEnv) != "" {
		serveBench()
		return
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreCurrent(), // ants starts a pool of its own on import
		// of the benchmark's other side
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean"),
		// ends at its next look at an empty pool
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

const (
	soon      = 150 * time.Millisecond // a deadline that is meant to pass
	unhurried = 4 * soon               // one that passes too, but only after a handshake has begun, on any machine
	plenty    = 20 * time.Second       // one that is not
)

// peer is the server's side of one connection.
type peer struct {
	net.Conn
	br *bufio.Reader
	s  *server
	no int // of the connection, from 1
}

// next reads one whole request and counts it.
func (p *peer) next() (body string, ok bool) {
	length := 0
	for first := true; ; first = false {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return "", false
		}
		line = strings.TrimSpace(line)
		if name, value, found := strings.Cut(line, ":"); found && strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "" && !first {
			break
		}
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(p.br, b); err != nil {
		return "", false
	}
	p.s.requests.Add(1)
	return string(b), true
}

func (p *peer) say(text string) { _, _ = io.WriteString(p.Conn, text) }

// hold keeps the connection until the other side or the server ends it.
func (p *peer) hold() { _, _ = io.Copy(io.Discard, p.br) }

// finish ends the connection's stream but goes on reading, so that nothing that was said is lost to a reset.
func (p *peer) finish() {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	p.hold()
}

// server runs a script for each connection.
type server struct {
	addr     string
	ln       net.Listener
	accepted atomic.Int64
	requests atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
	wg       sync.WaitGroup
}

// serve starts a server on loopback; with config it speaks TLS.
func serve(t testing.TB, config *tls.Config, script func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), ln: ln}
	s.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, nc)
			s.mu.Unlock()
			no := int(s.accepted.Add(1))
			s.wg.Go(func() {
				var c net.Conn = nc
				if config != nil {
					c = tls.Server(nc, config)
				}
				defer func() { _ = c.Close() }()
				script(&peer{Conn: c, br: bufio.NewReader(c), s: s, no: no})
			})
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	_ = s.ln.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// steady answers every request with its own body and keeps the connection.
func steady(p *peer) {
	for {
		body, ok := p.next()
		if !ok {
			return
		}
		p.say(answer("echo " + body))
	}
}

func answer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body),
		body)
}

func request(body string) []byte {
	return fmt.Appendf(nil, "POST /lead HTTP/1.1\r\nHost: buyer.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// certs are a server's and a client's configuration that trust each other.
var certs = sync.OnceValues(func() (*tls.Config, *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "buyer.test"}, DNSNames: []string{"buyer.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool}
})

// link is one of the two ways to speak: a test that runs over both shows that TLS changes nothing.
type link struct {
	name           string
	server, client *tls.Config
}

func links() []link {
	s, c := certs()
	return []link{{"plain", nil, nil}, {"tls", s, c}}
}

func (l link) target(addr string) TargetConfig {
	return TargetConfig{Name: "test", Addr: addr, ServerName: "buyer.test", TLS: l.client != nil, TLSConfig: l.client,
		AllowPrivate: true, BodyBytesMax: 4096}
}

func client(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.IdleMax == 0 {
		cfg.IdleMax = time.Minute // a slow machine must not cool a test's connections down
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), plenty)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func target(t testing.TB, c *Client, cfg TargetConfig) *Target {
	t.Helper()
	tg, err := c.Target(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

// ping scatters one call.
func ping(c *Client, tg *Target, body string, timeout time.Duration) *Call {
	call := &Call{Target: tg, Request: request(body)}
	c.Scatter([]*Call{call}, time.Now().Add(timeout))
	return call
}

// until waits for a condition that another goroutine brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for end := time.Now().Add(plenty); !ok(); <-look.C {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// warmUp leaves n idle connections.
func warmUp(t testing.TB, tg *Target, n int) {
	t.Helper()
	tg.Warm(n)
	until(t, "idle connections", func() bool { return tg.Stats().Idle == n })
}
