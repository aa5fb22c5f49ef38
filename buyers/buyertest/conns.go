// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// connSet holds the open connections of a listener, so that closing the farm cuts all of them.
type connSet struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

func (s *connSet) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = map[net.Conn]struct{}{}
	}
	s.open[c] = struct{}{}
	return true
}

func (s *connSet) remove(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
}

func (s *connSet) closeAll() {
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for c := range open {
		c.(*farmConn).Conn.Close()
	}
}

type farmListener struct {
	net.Listener
	set *connSet
}

// Accept implements net.Listener.
func (l *farmListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		fc := &farmConn{Conn: c, set: l.set}
		if l.set.add(fc) {
			return fc, nil
		}
		c.Close()
	}
}

type farmConn struct {
	net.Conn
	set *connSet
}

// Close implements net.Conn.
func (c *farmConn) Close() error {
	c.set.remove(c)
	return c.Conn.Close()
}

// resetConn closes a connection in such a way that the other side sees a reset.
func resetConn(c net.Conn) {
	for {
		switch v := c.(type) {
		case *farmConn:
			c = v.Conn
			continue
		case *tls.Conn:
			c = v.NetConn()
			continue
		case interface{ UnsafeConn() net.Conn }:
			c = v.UnsafeConn()
			continue
		case *net.TCPConn:
			// Without linger a close with nothing left to send is a reset.
			_ = v.SetLinger(0)
		}
		c.Close()
		return
	}
}

// Stuck accepts connections, reads what comes and never answers a byte: a TLS handshake with it never ends.
type Stuck struct {
	ln   net.Listener
	set  connSet
	done chan struct{}
}

// NewStuck starts one on a free port of 127.0.0.1.
func NewStuck() (*Stuck, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Stuck{done: make(chan struct{})}
	s.ln = &farmListener{Listener: ln, set: &s.set}
	go s.serve()
	return s, nil
}

func (s *Stuck) serve() {
	defer close(s.done)
	var readers sync.WaitGroup
	defer readers.Wait()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		readers.Go(func() {
			defer c.Close()
			waitClosed(c)
		})
	}
}

// Addr is its host:port.
func (s *Stuck) Addr() string { return s.ln.Addr().String() }

// Close ends it and cuts its connections.
func (s *Stuck) Close() error {
	err := s.ln.Close()
	s.set.closeAll()
	<-s.done
	return err
}

// Refused is an address of 127.0.0.1 at which every connection is refused for as long as it is held: its port is the
// near end of a connection, so that nobody else is given it to listen on.
type Refused struct{ near, far net.Conn }

// NewRefused reserves one.
func NewRefused() (*Refused, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	far, err := ln.Accept()
	if err != nil {
		near.Close()
		return nil, err
	}
	return &Refused{near, far}, nil
}

// Addr is its host:port.
func (r *Refused) Addr() string { return r.near.LocalAddr().String() }

// Close gives the port back.
func (r *Refused) Close() error {
	r.far.Close()
	return r.near.Close()
}

// newCertificate makes a certificate for 127.0.0.1 and localhost, and the pool that trusts it.
func newCertificate() (tls.Certificate, *x509.CertPool, error) {
	fail := func(err error) (tls.Certificate, *x509.CertPool, error) {
		return tls.Certificate{}, nil, fmt.Errorf("buyertest: certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "buyer farm"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return fail(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fail(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}
