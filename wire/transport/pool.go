// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// connPool is fasthttp's pool of one target's connections. Its connection type has no exported name, so that it can
// be held only through inference: hostPool is generic over it and everything else speaks of *conn.
type connPool interface {
	idle() (*conn, error)                      // a warm connection; errCold when there is none, ErrNoFreeConns at the limit
	dial(timeout time.Duration) (*conn, error) // a warm connection, or else a new one
	release(w *conn)                           // back into the pool
	discard(w *conn)                           // close it and free its place
	setMax(n int)                              // change the limit
	size() (conns, idle int)
	closeIdle()
}

// errCold is what a dial answers when it was only asked whether a connection is warm.
var errCold = errors.New("transport: no idle connection")

// probe is the dial timeout that means "do not dial". HostClient has no call that only looks for an idle connection, but
// hands its timeout through to the dial function; a real one is never so short.
const probe = time.Nanosecond

// pooled is what fasthttp's connections can do here.
type pooled interface{ Conn() net.Conn }

type hostPool[C pooled] struct {
	host    *fasthttp.HostClient
	acquire func(time.Duration, bool) (C, error)
	put     func(C)
	end     func(C)
}

// newHostPool makes the pool of a target; dial makes its connections.
func newHostPool(addr string, idleMax time.Duration, dial func(timeout time.Duration) (*conn, error)) connPool {
	host := &fasthttp.HostClient{
		Addr:                addr,
		MaxIdleConnDuration: idleMax,
		ConnPoolStrategy:    fasthttp.LIFO, // the hottest first: what is not needed grows old and is closed
		DialTimeout: func(_ string, timeout time.Duration) (net.Conn, error) {
			if timeout == probe {
				return nil, errCold
			}
			w, err := dial(timeout)
			if err != nil {
				return nil, err
			}
			return w, nil
		},
	}
	return bindPool(host, host.AcquireConn, host.ReleaseConn, host.CloseConn)
}

// bindPool infers the connection type.
func bindPool[C pooled](host *fasthttp.HostClient, acquire func(time.Duration, bool) (C, error), put, end func(C)) connPool {
	return &hostPool[C]{host: host, acquire: acquire, put: put, end: end}
}

func (p *hostPool[C]) idle() (*conn, error) { return p.dial(probe) }

func (p *hostPool[C]) dial(timeout time.Duration) (*conn, error) {
	c, err := p.acquire(timeout, false)
	if err != nil {
		return nil, err
	}
	w := c.Conn().(*conn)
	w.handle = c
	return w, nil
}

func (p *hostPool[C]) release(w *conn) { p.put(w.handle.(C)) }
func (p *hostPool[C]) discard(w *conn) { p.end(w.handle.(C)) }
func (p *hostPool[C]) setMax(n int)    { p.host.SetMaxConns(n) }
func (p *hostPool[C]) closeIdle()      { p.host.CloseIdleConnections() }

func (p *hostPool[C]) size() (conns, idle int) { return p.host.ConnsCount(), p.host.IdleConnsCount() }
