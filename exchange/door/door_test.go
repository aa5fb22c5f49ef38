// SPDX-License-Identifier: Apache-2.0

package door

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	soon = 60 * time.Millisecond // the times of the server under test
	late = 10 * time.Second      // the test's patience
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// serve is a server as both doors have it. It answers with the path.
func serve(t *testing.T, cfg Config) (*Listener, func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.ReadTimeout = soon
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = soon
	}
	l := Listen(ln, cfg)
	s := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) { Take(ctx.Conn()); ctx.SetBody(ctx.Path()) }, Logger: quiet{},
		CloseOnShutdown: true,
		ReadTimeout:     soon, IdleTimeout: cfg.IdleTimeout,
		ErrorHandler: func(ctx *fasthttp.RequestCtx, err error) {
			ctx.SetStatusCode([]int{200, 408, 400}[EndOf(ctx.Conn(), err)])
		},
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	var stopped bool
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), late)
		defer cancel()
		if err := s.ShutdownWithContext(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return l, stop
}

const whole = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"

// What a client hears on a connection from which it sends this and no more, until it is closed.
var ends = []struct{ name, sent, hears string }{
	{"nothing", "", ""},
	{"line ends", "\r\n\r\n", ""},
	{"a request", whole, "200"},
	{"a request and line ends", whole + "\r\n", "200"},
	{"half a line", "POST /a HT", "408"},
	{"half a head", "POST /a HTTP/1.1\r\nHost: x\r\n", "408"},
	{"no body", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", "408"},
	{"half a body", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", "408"},
	{"half a chunk", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na", "408"},
	{"a body that was waited for", "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
		"100 408"},
	{"no HTTP", "hello\r\n\r\n", "400"},
	{"a second head", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "200"},
}

func TestConnectionsEndWithoutAnAnswerThatNobodyAskedFor(t *testing.T) {
	for _, secure := range []bool{false, true} {
		cfg := Config{}
		if secure {
			cert, key := writePair(t, t.TempDir(), "one")
			keys, err := LoadKeys(cert, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Keys = keys
		}
		l, _ := serve(t, cfg)
		for _, c := range ends {
			name := c.name
			if secure {
				name += " over TLS"
			}
			t.Run(name, func(t *testing.T) {
				conn := dial(t, l, secure)
				if _, err := io.WriteString(conn, c.sent); err != nil {
					t.Fatal(err)
				}
				if got := statuses(t, conn); got != c.hears {
					t.Errorf("hears %q, expected %q", got, c.hears)
				}
			})
		}
	}
}

// A second request that is begun on a kept connection is one of its own.
func TestSecondRequestThatIsNotEndedIsTold(t *testing.T) {
	l, _ := serve(t, Config{})
	conn := dial(t, l, false)
	b := make([]byte, 4096)
	if _, err := io.WriteString(conn, whole); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "HTTP/1.1 200") {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if _, err := io.WriteString(conn, "POST /b HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, conn); got != "408" {
		t.Errorf("hears %q", got)
	}
}

// The connection would be kept for longer than the test waits: it is the shutdown that ends it.
func TestShutdownSaysNothingToIdleConnections(t *testing.T) {
	l, stop := serve(t, Config{IdleTimeout: 10 * late})
	used := dial(t, l, false)
	if _, err := io.WriteString(used, whole); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	if _, err := used.Read(b); err != nil {
		t.Fatal(err)
	}
	stop()
	if got := statuses(t, used); got != "" {
		t.Errorf("hears %q", got)
	}
}

func TestConnectionsAboveTheLimitAreClosedWithoutAWord(t *testing.T) {
	var logged bytes.Buffer
	l, _ := serve(t, Config{ConnsMax: 1, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	first := dial(t, l, false)
	l.whole(1)
	l.age() // it is not idle for now
	for range 3 {
		if got := statuses(t, dial(t, l, false)); got != "" && l.Refused() > 0 {
			t.Errorf("a connection too many hears %q", got)
		}
	}
	if l.Refused() == 0 {
		t.Error("none was refused")
	}
	first.Close()
	for end := time.Now().Add(late); ; { // once the first has gone there is room
		c := dial(t, l, false)
		_, _ = io.WriteString(c, whole)
		if statuses(t, c) == "200" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the first connection has gone and there is no room")
		}
	}
	if n := strings.Count(logged.String(), "too many connections"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestPlainHTTPWhereTLSIsSpokenHearsWhy(t *testing.T) {
	cert, key := writePair(t, t.TempDir(), "one")
	keys, err := LoadKeys(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := serve(t, Config{Keys: keys})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, whole); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, c); got != "400" {
		t.Errorf("hears %q", got)
	}
}

func TestCertificateIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "one")
	var logged bytes.Buffer
	keys, err := LoadKeys(cert, key, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		keys.mu.Lock()
		keys.looked = time.Time{} // as if the pause was over
		keys.mu.Unlock()
		return keys.current().Leaf.Subject.CommonName
	}
	if got := name(); got != "one" {
		t.Errorf("at first %s", got)
	}
	writePair(t, dir, "another")
	if got := name(); got != "another" {
		t.Errorf("after the change %s", got)
	}
	if err := os.WriteFile(key, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "another" || name() != "another" || strings.Count(logged.String(), "cannot be used") != 1 {
		t.Errorf("with a broken key %s\n%s", got, &logged)
	}
	if _, err := LoadKeys(cert, filepath.Join(dir, "none"), nil); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestAcceptWaitsForFilesToBeFree(t *testing.T) {
	ln := &scarce{fails: 3}
	if _, err := Listen(ln, Config{}).Accept(); !errors.Is(err, net.ErrClosed) || ln.fails != 0 {
		t.Errorf("%v after %d more", err, ln.fails)
	}
}

// scarce is a listener that has no descriptors for a while, and is closed then.
type scarce struct {
	net.Listener
	fails int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.fails == 0 {
		return nil, net.ErrClosed
	}
	s.fails--
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func dial(t *testing.T, l *Listener, secure bool) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(late)); err != nil {
		t.Fatal(err)
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// statuses reads to the end and lists the statuses of what came.
func statuses(t *testing.T, c net.Conn) string {
	t.Helper()
	if tc, ok := c.(*tls.Conn); ok {
		if err := tc.Handshake(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(c)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		t.Fatal("the connection stays open")
	}
	var out []string
	for _, part := range strings.Split(string(b), "HTTP/1.1 ")[1:] {
		out = append(out, part[:3])
	}
	return strings.Join(out, " ")
}

func writePair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der},
		key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
