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
	idle() (*conn, error)    // a warm connection; errCold when there is none, ErrNoFreeConns at the limit
	reserve() (*conn, error) // a warm connection, or else a place for a new one: a conn that is to be connected yet
	release(w *conn)         // back into the pool
	discard(w *conn)         // close it and free its place
	setMax(n int)            // change the limit
	size() (conns, idle int)
	closeIdle()
}

// errCold is what a dial answers when it was only asked whether a connection is warm.
var errCold = errors.New("transport: no idle connection")

// HostClient has no call that only looks for an idle connection, but hands its timeout through to the dial function:
// there it tells what is wanted.
const (
	onlyIdle time.Duration = 1
	orPlace  time.Duration = 2
)

// pooled is what fasthttp's connections can do here.
type pooled interface{ Conn() net.Conn }

type hostPool[C pooled] struct {
	host    *fasthttp.HostClient
	acquire func(time.Duration, bool) (C, error)
	put     func(C)
	end     func(C)
}

// newHostPool makes the pool of a target. It never dials: who reserves a place does, and knows how far it has come.
func newHostPool(addr string, idleMax time.Duration) connPool {
	host := &fasthttp.HostClient{
		Addr:                addr,
		MaxIdleConnDuration: idleMax,
		ConnPoolStrategy:    fasthttp.LIFO, // the hottest first: what is not needed grows old and is closed
		DialTimeout: func(_ string, timeout time.Duration) (net.Conn, error) {
			if timeout == onlyIdle {
				return nil, errCold
			}
			return &conn{}, nil
		},
	}
	return bindPool(host, host.AcquireConn, host.ReleaseConn, host.CloseConn)
}

// bindPool infers the connection type.
func bindPool[C pooled](host *fasthttp.HostClient, acquire func(time.Duration, bool) (C, error), put, end func(C)) connPool {
	return &hostPool[C]{host: host, acquire: acquire, put: put, end: end}
}

func (p *hostPool[C]) idle() (*conn, error)    { return p.get(onlyIdle) }
func (p *hostPool[C]) reserve() (*conn, error) { return p.get(orPlace) }

func (p *hostPool[C]) get(what time.Duration) (*conn, error) {
	c, err := p.acquire(what, false)
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
