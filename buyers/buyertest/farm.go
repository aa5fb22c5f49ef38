// SPDX-License-Identifier: Apache-2.0

// Package buyertest is a farm of simulated buyers over real HTTP: each answers pings and posts by a script, at a
// latency drawn from a distribution, keeps its own book of what it was sent, and can be made to fail in every way that
// a buyer fails. It serves the demo, the tests and the load test. It knows nothing of the exchange.
package buyertest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// RequestBytesMax is the largest request body that a farm reads.
const RequestBytesMax = 1 << 20

// Config is what a farm is made from.
type Config struct {
	// Addr is the host:port to listen on. Empty: a free port of 127.0.0.1.
	Addr string
	// TLS opens a second listener, on a free port of 127.0.0.1, with a certificate that ClientTLS trusts.
	TLS bool
	// Seed fixes what every call meets, by the number of the call at its endpoint.
	Seed uint64
	// Books, if set, is given every receipt as a JSON line in the moment it is booked, for an auditor in another
	// process. It is written to by one goroutine at a time.
	Books io.Writer
	// Buyers may also be added later, by Farm.Add.
	Buyers []Script
}

// Farm is a running farm.
type Farm struct {
	seed   uint64
	books  io.Writer
	plain  net.Listener
	secure net.Listener // nil without TLS
	roots  *x509.CertPool
	server *fasthttp.Server
	set    connSet
	closed chan struct{}
	serves sync.WaitGroup
	stray  atomic.Uint64

	mu     sync.Mutex // guards changes of buyers, and close
	buyers atomic.Pointer[map[string]*Buyer]
	once   sync.Once
}

// New starts a farm. It listens when New returns.
func New(c Config) (*Farm, error) {
	f := &Farm{seed: c.Seed, closed: make(chan struct{})}
	if c.Books != nil {
		f.books = &lockedWriter{w: c.Books}
	}
	f.buyers.Store(&map[string]*Buyer{})
	for _, s := range c.Buyers {
		if _, err := f.Add(s); err != nil {
			return nil, err
		}
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("buyertest: %w", err)
	}
	f.plain = ln
	f.server = &fasthttp.Server{
		Handler: f.handle, MaxRequestBodySize: RequestBytesMax, ReadBufferSize: 16 << 10,
		NoDefaultServerHeader: true, NoDefaultDate: true, Logger: log.New(io.Discard, "", 0),
	}
	if c.TLS {
		if err := f.listenTLS(); err != nil {
			ln.Close()
			return nil, err
		}
	}
	f.serve(&farmListener{Listener: f.plain, set: &f.set})
	return f, nil
}

func (f *Farm) listenTLS() error {
	cert, roots, err := newCertificate()
	if err != nil {
		return err
	}
	f.roots = roots
	if f.secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("buyertest: %w", err)
	}
	f.serve(tls.NewListener(&farmListener{Listener: f.secure, set: &f.set},
		&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
	return nil
}

func (f *Farm) serve(ln net.Listener) {
	// Serve ends with an error when Close closes the listener; there is nobody else to end it.
	f.serves.Go(func() { _ = f.server.Serve(ln) })
}

// Add adds a buyer, also while the farm runs.
func (f *Farm) Add(s Script) (*Buyer, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	b := newBuyer(s, f.seed, f.books)
	f.mu.Lock()
	defer f.mu.Unlock()
	old := *f.buyers.Load()
	if old[s.ID] != nil {
		return nil, fmt.Errorf("buyertest: buyer %q is on the farm already", s.ID)
	}
	next := make(map[string]*Buyer, len(old)+1)
	for id, o := range old {
		next[id] = o
	}
	next[s.ID] = b
	f.buyers.Store(&next)
	return b, nil
}

// Buyer returns a buyer by its id, or nil.
func (f *Farm) Buyer(id string) *Buyer { return (*f.buyers.Load())[id] }

// Addr is the host:port of the plain listener.
func (f *Farm) Addr() string { return f.plain.Addr().String() }

// URL is the address of a buyer's endpoint on the plain listener.
func (f *Farm) URL(buyer string, ep Endpoint) string {
	return "http://" + f.Addr() + "/" + buyer + "/" + ep.String()
}

// TLSAddr is the host:port of the TLS listener, empty without one.
func (f *Farm) TLSAddr() string {
	if f.secure == nil {
		return ""
	}
	return f.secure.Addr().String()
}

// ClientTLS is a client's configuration that trusts the farm's certificate.
func (f *Farm) ClientTLS() *tls.Config {
	return &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS12}
}

// Stray counts the requests to paths that no buyer of the farm has.
func (f *Farm) Stray() uint64 { return f.stray.Load() }

// Close stops listening, cuts every call in flight and returns the first failure to write the books, if any.
func (f *Farm) Close() error {
	f.once.Do(func() {
		close(f.closed)
		f.plain.Close()
		if f.secure != nil {
			f.secure.Close()
		}
		f.set.closeAll()
		f.serves.Wait()
	})
	var errs []error
	for _, b := range *f.buyers.Load() {
		errs = append(errs, b.Book.err())
	}
	return errors.Join(errs...)
}

// EachReceipt calls fn for every receipt of every buyer.
func (f *Farm) EachReceipt(fn func(Receipt) error) error {
	for _, b := range *f.buyers.Load() {
		for _, r := range b.Book.Receipts() {
			if err := fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// AcceptedBy lists the accepting receipts of a lead over all buyers.
func (f *Farm) AcceptedBy(leadID string) []Receipt {
	var out []Receipt
	for _, b := range *f.buyers.Load() {
		for _, r := range b.Book.Of(leadID) {
			if r.Accepted {
				out = append(out, r)
			}
		}
	}
	return out
}

var answers = sync.Pool{New: func() any { return &Answer{Body: make([]byte, 0, 512)} }}

func (f *Farm) handle(ctx *fasthttp.RequestCtx) {
	id, what, _ := strings.Cut(strings.TrimPrefix(string(ctx.Path()), "/"), "/")
	b := f.Buyer(id)
	var ep Endpoint
	switch {
	case b == nil:
		what = ""
	case what == "ping":
		ep = Ping
	case what == "post":
		ep = Post
	case what == "status":
		ctx.SetContentType("application/json")
		var a Answer
		b.status(ctx, &a)
		ctx.SetBody(a.Body)
		return
	case what == "trap":
		b.trapped.Add(1)
		ctx.Error("this address is a trap: redirects of leads must not be followed", fasthttp.StatusGone)
		return
	default:
		what = ""
	}
	if what == "" {
		f.stray.Add(1)
		ctx.Error("no such buyer or endpoint", fasthttp.StatusNotFound)
		return
	}
	a := answers.Get().(*Answer)
	a.Status, a.Type, a.Body = fasthttp.StatusOK, "application/json", a.Body[:0]
	fault, wait := b.answer(ctx, ep, a)
	if !f.pause(wait) {
		fault = FaultClose
	}
	f.send(ctx, fault, id, a)
	// An oversized body is not worth keeping.
	if cap(a.Body) <= 64<<10 {
		answers.Put(a)
	}
}

// pause waits out a latency; false means that the farm was closed meanwhile.
func (f *Farm) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-f.closed:
		return false
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
