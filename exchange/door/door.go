// SPDX-License-Identifier: Apache-2.0

// Package door is what stands between a listener and an HTTP server, for sellers and operators alike: connections that
// end without a word where nothing was asked on them, a bound on how many there are, certificates that change, and whom
// a proxy speaks for.
package door

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Config is what a listener needs beside the socket.
type Config struct {
	// from the first byte of a connection to the end of its first request, and for a handshake
	ReadTimeout time.Duration
	IdleTimeout time.Duration // how long a connection may be open before its first byte
	// connections at once: for one above it others end on which nothing is being answered, and if there is none it is
	// closed without a word; 0 = not bounded
	ConnsMax int
	Refuse   func() // nil, or called for each connection that is closed for that
	Keys     *Keys  // nil: without TLS
	Log      *slog.Logger
}

// Listener wraps the connections of another.
type Listener struct {
	net.Listener
	cfg     Config
	tls     *tls.Config
	open    atomic.Int64
	refused atomic.Int64

	// of the goroutine that calls Accept
	told      time.Time // when refusals were logged last
	lookAgain time.Time // for idle connections, since the look before has found too few

	mu      sync.Mutex
	conns   map[*Conn]struct{} // guarded by mu; kept where connections are bounded
	leaving int64              // guarded by mu: of them were told to end
	left    chan struct{}      // told of each that has gone, while somebody waits
}

// Listen wraps a listener.
func Listen(ln net.Listener, cfg Config) *Listener {
	l := &Listener{Listener: ln, cfg: cfg, conns: map[*Conn]struct{}{}, left: make(chan struct{}, 1)}
	if cfg.Keys != nil {
		l.tls = cfg.Keys.server()
	}
	return l
}

// Refused is how many connections were closed because there were too many.
func (l *Listener) Refused() int64 { return l.refused.Load() }

// Open is how many connections there are.
func (l *Listener) Open() int64 { return l.open.Load() }

// Pauses between tries to accept where the process or the machine has run out of something.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// Accept waits for a connection. What passes by itself, such as too many open files, is waited for.
func (l *Listener) Accept() (net.Conn, error) {
	pause := acceptPauseMin
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
		case passes(err):
			if pause == acceptPauseMin && l.cfg.Log != nil {
				l.cfg.Log.Warn("connections cannot be accepted: tried again", "err", err)
			}
			time.Sleep(pause)
			pause = min(2*pause, acceptPauseMax)
			continue
		default:
			return nil, err
		}
		if l.open.Add(1); l.cfg.ConnsMax > 0 && !l.makeRoom() {
			l.open.Add(-1)
			_ = c.Close() // nothing was asked on it
			l.tellRefused()
			continue
		}
		return l.wrap(c), nil
	}
}

// tellRefused counts a connection too many; the log has one line a minute at most.
func (l *Listener) tellRefused() {
	n := l.refused.Add(1)
	if l.cfg.Refuse != nil {
		l.cfg.Refuse()
	}
	if l.cfg.Log != nil && time.Since(l.told) > time.Minute {
		l.told = time.Now()
		l.cfg.Log.Warn("too many connections: new ones are closed", "max", l.cfg.ConnsMax, "closed", n)
	}
}

func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
		syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (l *Listener) wrap(c net.Conn) *Conn {
	out := &Conn{Conn: c, of: l, fresh: true, socket: c, came: newArrival(c), addr: Network(AddrOf(c.RemoteAddr()))}
	out.idle.Store(time.Now().UnixNano())
	if l.tls != nil {
		out.raw = c
	}
	if l.cfg.ConnsMax > 0 {
		l.mu.Lock()
		l.conns[out] = struct{}{}
		l.mu.Unlock()
	}
	return out
}

// Conn is a connection that knows whether anything was asked on it. All but Close is for one goroutine at a time.
type Conn struct {
	net.Conn          // speaks TLS after the handshake
	raw      net.Conn // until the handshake of a listener with keys is done
	of       *Listener
	closed   sync.Once
	fresh    bool // no byte of a request has come yet
	asked    bool // bytes of a request have come since the last answer; line ends before a request are none
	mute     bool

	socket net.Conn // what the listener gave
	came   *arrival
	addr   netip.Addr // of whom it comes from, or of its network

	// since when it may be ended, Unix nanoseconds: it is idle, its request has begun, or a stranger takes its answer;
	// 0: a request has come whole and is being answered; idleLeaving
	idle   atomic.Int64
	begun  atomic.Bool // a request has begun, or an answer
	holder atomic.Pointer[Holder]
}

// Secure tells whether the connection speaks TLS.
func (c *Conn) Secure() bool { return c.of.tls != nil }

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	if c.raw != nil {
		if err := c.shake(); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		for i := 0; i < n && !c.asked; i++ {
			c.asked = b[i] != '\r' && b[i] != '\n'
		}
		if c.asked && !c.begun.Load() && c.idle.Load() != 0 {
			c.stay(time.Now().UnixNano())
		}
		if c.fresh {
			c.fresh = false
			_ = c.within(c.Conn, c.of.cfg.ReadTimeout) // if it fails so does the next read
		}
	}
	return n, err
}

// SetReadDeadline implements net.Conn. Before its first byte a connection has its own time, whatever the server says.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.fresh && !t.IsZero() {
		t = time.Now().Add(c.of.cfg.IdleTimeout)
	}
	if !c.asked {
		c.rest() // the server begins to wait for the next request
	}
	err := c.Conn.SetReadDeadline(t)
	if c.idle.Load() == idleLeaving {
		c.hurry()
	}
	return err
}

// within gives a connection under this one so much time to read, unless it was told to end.
func (c *Conn) within(under net.Conn, d time.Duration) error {
	err := under.SetReadDeadline(time.Now().Add(d))
	if c.idle.Load() == idleLeaving {
		c.hurry()
	}
	return err
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	if c.mute {
		return 0, net.ErrClosed
	}
	c.asked = c.asked && bytes.HasPrefix(b, []byte("HTTP/1.1 100 ")) // which asks for the rest of the request
	if !c.asked && c.holder.Load() == nil {
		c.begun.Store(true)
		c.idle.CompareAndSwap(0, time.Now().UnixNano())
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.closed.Do(c.forget)
	return c.Conn.Close()
}

// inTheClear is what a client hears that speaks plain HTTP where TLS is spoken.
var inTheClear = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
	strconv.Itoa(len(speaksTLS)) + "\r\n\r\n" + speaksTLS

const speaksTLS = `{"result":"error","reason":"bad_request","details":"this address speaks TLS: send the request to https://, again"}`

// shake waits for the first bytes as for those of a request, and does the handshake. A client that fails in it hears
// nothing in HTTP, but for one that speaks plain HTTP.
func (c *Conn) shake() error {
	first := &eager{Conn: c.raw, of: c}
	t := tls.Server(first, c.of.tls)
	if err := t.Handshake(); err != nil {
		c.mute = true
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && looksHTTP(plain.RecordHeader) {
			_, _ = c.raw.Write([]byte(inTheClear))
			Drain(c.raw)
		}
		return err
	}
	c.Conn, c.raw = t, nil
	return c.within(c.Conn, c.of.cfg.IdleTimeout)
}

// eager gives a handshake its time from the first byte on.
type eager struct {
	net.Conn
	of   *Conn
	came bool
}

func (e *eager) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	if n > 0 && !e.came {
		e.came = true
		_ = e.of.within(e.Conn, e.of.of.cfg.ReadTimeout)
	}
	return n, err
}

func looksHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// What is still read of a request that is refused before its end, so that its sender hears why: closing a connection
// with bytes on the way would cut off the answer. It ends when nothing has come for a while.
const (
	drainBytesMax = 4 << 20
	drainPauseMax = 50 * time.Millisecond
	drainMax      = time.Second
)

// Drain reads what is on its way, within bounds.
func Drain(c net.Conn) {
	if c == nil {
		return
	}
	var b [16 << 10]byte
	end := time.Now().Add(drainMax)
	for n := 0; n < drainBytesMax && time.Now().Before(end); {
		if c.SetReadDeadline(time.Now().Add(drainPauseMax)) != nil {
			return
		}
		got, err := c.Read(b[:])
		if n += got; err != nil {
			return
		}
	}
}

// End is how a connection ends whose request could not be read.
type End uint8

// Ends.
const (
	EndSilent End = iota // nothing was asked: nothing is said
	EndSlow              // a request was begun and has not come whole in its time
	EndBroken            // what came is no request, or was cut off
)

// EndOf judges an error of reading a request. After EndSilent whatever is written comes to nothing.
func EndOf(c net.Conn, err error) End {
	if d, ok := c.(*Conn); ok && !d.asked {
		d.mute = true
		return EndSilent
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return EndSlow
	}
	return EndBroken
}
