// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"net/netip"
	"sync"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"clearpost/exchange/door"
)

// client is the address that a request comes from, and whether it came by https, as the connection says or a trusted
// proxy.
func (s *Server) client(ctx *fasthttp.RequestCtx) (addr netip.Addr, https bool) {
	addr, https = s.proxies.Client(ctx.RemoteAddr(), func(name string) string {
		return string(bytes.Join(ctx.Request.Header.PeekAll(name), []byte(",")))
	})
	if c, ok := ctx.Conn().(*door.Conn); ok && c.Secure() {
		https = true
	}
	return addr, https
}

func (s *Server) https(ctx *fasthttp.RequestCtx) bool {
	_, yes := s.client(ctx)
	return yes
}

// How many requests with a key that nobody has are answered 401 from one address; more hear 429. Good keys are not held
// up by them.
const (
	UnknownKeysPerSecond = 10
	UnknownKeysBurst     = 50
	addressesMax         = 8192 // addresses that are remembered
)

// unknownKeys counts requests with unknown keys by address.
type unknownKeys struct {
	mu sync.Mutex // guards what follows
	by map[netip.Addr]*rate.Limiter
}

// allow tells whether one more request with an unknown key from the address is still judged.
func (t *unknownKeys) allow(addr netip.Addr) bool {
	addr = door.Network(addr)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.by[addr]
	if l == nil {
		if t.by == nil || len(t.by) >= addressesMax {
			t.by = map[netip.Addr]*rate.Limiter{}
		}
		l = rate.NewLimiter(UnknownKeysPerSecond, UnknownKeysBurst)
		t.by[addr] = l
	}
	return l.Allow()
}
