// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"clearpost/lead"
)

// errBlocked is the dialer's own refusal to connect.
var errBlocked = errors.New("transport: the address is private or reserved")

// dialError says why there is no connection.
type dialError struct {
	why lead.Refusal
	err error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

func newTarget(c *Client, cfg TargetConfig) *Target {
	t := &Target{client: c, cfg: cfg}
	if cfg.TLS {
		t.tls = tlsOf(&cfg)
	}
	t.pool.window, t.pool.keep = min(windowStart, c.cfg.WorkersATarget), newKeep(c.cfg.IdleMax)
	t.run = t.dialOnce
	return t
}

// single makes a connection that is in no pool: whoever uses it closes it.
func (t *Target) single(deadline time.Time) (*conn, error) {
	t.client.places.Add(-1) // though there be none: a lead that is sold goes before pings
	w := &conn{client: t.client, placed: true}
	if err := t.connect(w, deadline, nil); err != nil {
		_ = w.Close()
		return nil, err
	}
	return w, nil
}

// connect makes w a connection: it resolves, dials and shakes hands, all before the deadline. Its errors are
// *dialError. p, unless nil, hears of the handshake.
func (t *Target) connect(w *conn, deadline time.Time, p *pool) error {
	t.counts.dials.Add(1)
	err := t.tryConnect(w, deadline, p)
	if err != nil {
		t.counts.dialErrors.Add(1)
	}
	return err
}

func (t *Target) tryConnect(w *conn, deadline time.Time, p *pool) error {
	ctx, cancel := context.WithDeadline(t.client.ctx, deadline)
	defer cancel()
	d := t.client.dialer(t.cfg.AllowPrivate)
	nc, err := d.DialContext(ctx, "tcp", t.cfg.Addr)
	if err != nil {
		why := lead.Unreachable
		switch {
		case errors.Is(err, errBlocked):
			why = lead.BlockedAddress
		case t.client.ctx.Err() != nil:
			why = lead.NoConnection
		}
		return &dialError{why, err}
	}
	s, err := newSock(nc.(*net.TCPConn))
	if err != nil {
		_ = nc.Close()
		return &dialError{lead.Unreachable, err}
	}
	var spoken net.Conn = s
	if t.tls != nil {
		if spoken, err = t.shake(ctx, s, p); err != nil {
			_ = nc.Close()
			return &dialError{lead.TLSFailed, err}
		}
	}
	w.Conn, w.sock = spoken, s
	if !t.client.track(w) {
		return &dialError{lead.NoConnection, errClosed}
	}
	return nil
}

// shake makes the TLS handshake over a connection.
func (t *Target) shake(ctx context.Context, s *sock, p *pool) (net.Conn, error) {
	if p != nil {
		p.mu.Lock()
		p.shaking++
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			p.shaking--
			p.mu.Unlock()
		}()
	}
	tc := tls.Client(s, t.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	t.counts.handshakes.Add(1)
	if tc.ConnectionState().DidResume {
		t.counts.resumed.Add(1)
	}
	return tc, nil
}

// dialer is what every connection of a Client is made by.
func (c *Client) dialer(allowPrivate bool) *net.Dialer {
	// an idle connection is closed long before a probe would tell anything
	d := &net.Dialer{KeepAlive: -1, Resolver: c.cfg.Resolver}
	if !allowPrivate {
		d.Control = allowPublic
	}
	return d
}

// Dialer makes connections to what is reached by no Client, such as where files are stored: to public addresses only,
// unless private ones are allowed.
func Dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{}
	if !allowPrivate {
		d.Control = allowPublic
	}
	return d
}

// allowPublic looks at the very address that is about to be connected to, after every name has been resolved: a name
// that answers differently the second time gets nowhere.
func allowPublic(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", errBlocked, address)
	}
	if !isPublic(ap.Addr()) {
		return fmt.Errorf("%w: %s", errBlocked, ap.Addr())
	}
	return nil
}

// reserved is what the netip predicates do not know: shared, test, benchmark and other special ranges, and the IPv6
// ranges that carry an IPv4 address inside and may lead back to a private one.
var reserved = func() []netip.Prefix {
	var ps []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()

// isPublic tells whether an address is an ordinary one on the public Internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
