// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"crypto/tls"
	"net"
	"time"
)

// conn is one connection to a target: the socket, TLS over it where the target wants that, and what its current call
// has seen of it.
type conn struct {
	net.Conn // what is spoken over: the sock, or TLS over the sock
	sock     *sock
	client   *Client
	kept     bool      // has carried a call or waited: the peer may have ended it meanwhile
	placed   bool      // counts among the client's connections
	heard    bool      // its Keep-Alive was looked for
	since    time.Time // when it became idle
	got      int       // bytes of the current answer
	err      error     // why the last Read that failed has failed
	one      [1]byte   // for quiet
}

// Read counts bytes and keeps the error: parsers between here and the caller dress errors up.
func (w *conn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.got += n
	if err != nil {
		w.err = err
	}
	return n, err
}

// Close ends the connection without waiting: TLS says good-bye only if the socket takes it at once.
func (w *conn) Close() error {
	defer w.vacate()
	if w.sock == nil {
		return nil // was never connected
	}
	w.client.untrack(w)
	w.sock.pollOnly()
	return w.Conn.Close()
}

// vacate gives the connection's place among all back.
func (w *conn) vacate() {
	if w.placed {
		w.placed = false
		w.client.places.Add(1)
		w.client.feed()
	}
}

// cut ends the connection under whoever uses it.
func (w *conn) cut() { _ = w.sock.TCPConn.Close() }

// quiet tells whether the connection is alive with nothing to read. What is there before a request was sent is the end
// of the connection, or bytes that nobody asked for: they would be read as the answer about another lead.
func (w *conn) quiet() bool {
	w.sock.pollOnly()
	w.err = nil
	n, err := w.Conn.Read(w.one[:])
	return n == 0 && isTimeout(err)
}

// write sends a request, waiting until due.
func (w *conn) write(request []byte, due time.Time) error {
	w.sock.wait(due)
	if err := w.sock.SetWriteDeadline(due); err != nil {
		return err
	}
	if _, err := w.Conn.Write(request); err != nil {
		return err
	}
	return w.sock.SetWriteDeadline(time.Time{})
}

// tlsOf sets up a target's TLS: its own copy, never below TLS 1.2, never HTTP/2, sessions resumed.
func tlsOf(cfg *TargetConfig) *tls.Config {
	t := &tls.Config{}
	if cfg.TLSConfig != nil {
		t = cfg.TLSConfig.Clone()
	}
	if t.ServerName == "" {
		t.ServerName = cfg.ServerName
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.NextProtos = []string{"http/1.1"}
	if t.ClientSessionCache == nil {
		t.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	return t
}

// track remembers an open connection for Close; false: the client is closed.
func (c *Client) track(w *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.open[w] = struct{}{}
	return true
}

func (c *Client) untrack(w *conn) {
	c.mu.Lock()
	delete(c.open, w)
	c.mu.Unlock()
}
