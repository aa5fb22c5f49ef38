// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/exchange/door"
)

// Limits of a request.
const (
	HeaderBytesMax       = 16 << 10
	ConnsMax             = 20000 // connections at once, where nothing else is configured
	PairsMax             = 512   // names of a lead as sent
	PathBytesMax         = 512   // of a name with those that it stands in
	KeyBytesMax          = 256
	IdempotencyBytesMax  = 200
	SellerLeadIDBytesMax = 128
)

// Config is what the door needs.
type Config struct {
	BodyBytesMax int           // largest body; default 64 KiB
	InFlightMax  int           // requests at once, above it 503; default 10,000
	Short        func() int64  // how often buyers' connections were too few; nil: not known
	Memory       Memory        // what the node may take: near it pings hear 503
	ReadTimeout  time.Duration // to read one request; default 15 s
	WriteTimeout time.Duration // for the seller to take an answer; default 15 s
	IdleTimeout  time.Duration // of a connection on which nothing is asked; default 90 s
	ConnsMax     int           // connections at once, those above it are closed; default 20,000
	Keys         *door.Keys    // nil: without TLS
	Proxies      *door.Proxies // nil: nobody speaks for others
	Specs        SpecConfig
	Books        Books
}

// Server answers sellers.
type Server struct {
	ex      *exchange.Exchange
	log     *slog.Logger
	http    *fasthttp.Server
	book    atomic.Pointer[book]
	places  *places
	ln      atomic.Pointer[door.Listener]
	answers [600]atomic.Int64 // by HTTP status
	specs   specServer
	books   Books
	door    door.Config
	proxies *door.Proxies
	strange unknownKeys
}

// New makes a server of an exchange. It does not listen yet.
func New(cfg Config, ex *exchange.Exchange, log *slog.Logger) *Server {
	s := &Server{ex: ex, log: log, places: newPlaces(int64(or(cfg.InFlightMax, 10000)), cfg.Memory)}
	s.places.short, s.places.seats = cfg.Short, func() map[string]*seat { return s.book.Load().seats }
	s.book.Store(newBook(ex.Snapshot(), &book{}))
	s.specs, s.books = newSpecDesk(cfg.Specs), cfg.Books
	s.http = &fasthttp.Server{
		Handler: s.handle, ErrorHandler: s.badRequest, Name: "clearpost",
		MaxRequestBodySize: or(cfg.BodyBytesMax, 64<<10), ReadBufferSize: HeaderBytesMax,
		ReadTimeout: orTime(cfg.ReadTimeout, 15*time.Second), WriteTimeout: orTime(cfg.WriteTimeout, 15*time.Second),
		IdleTimeout: orTime(cfg.IdleTimeout, 90*time.Second), Concurrency: 1 << 20, NoDefaultDate: true,
		CloseOnShutdown: true, DisablePreParseMultipartForm: true, Logger: quiet{},
		// thousands of connections wait, for buyers or for their next request: none of them needs its buffers meanwhile
		ReduceMemoryUsage: true,
	}
	s.proxies = cfg.Proxies
	s.door = door.Config{ReadTimeout: s.http.ReadTimeout, IdleTimeout: s.http.IdleTimeout,
		ConnsMax: or(cfg.ConnsMax, ConnsMax), Keys: cfg.Keys, Log: log,
		Refuse: func() { s.places.note(ShedConnections, time.Now()) }}
	return s
}

// Use has requests that come from now on find their accounts in the view. Limits of requests a second go on by the
// source's id. The caller makes one change at a time.
func (s *Server) Use(v *exchange.Snapshot) { s.book.Store(newBook(v, s.book.Load())) }

// quiet drops fasthttp's own log lines, which may hold bytes of requests; what matters is counted by status.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Serve answers until Shutdown, or until the listener fails.
func (s *Server) Serve(ln net.Listener) error {
	l := door.Listen(ln, s.door)
	s.ln.Store(l)
	return s.http.Serve(l)
}

// Shutdown stops listening and waits, until the context ends, for requests under way.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.ShutdownWithContext(ctx) }

// Statuses tells how many answers there were of each HTTP status.
func (s *Server) Statuses(fn func(status int, n int64)) {
	for i := range s.answers {
		if n := s.answers[i].Load(); n > 0 {
			fn(i, n)
		}
	}
}

// badRequest answers what could not be read as a request. A connection on which nothing was asked ends without a word:
// a client that writes its first request at that moment would take the answer for its own.
func (s *Server) badRequest(ctx *fasthttp.RequestCtx, err error) {
	ctx.SetConnectionClose()
	end := door.EndOf(ctx.Conn(), err)
	var small *fasthttp.ErrSmallBuffer
	switch {
	case end == door.EndSilent:
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		door.Drain(ctx.Conn())
		s.fail(ctx, 413, "body_too_large", fmt.Sprintf("the body is larger than %d bytes", s.http.MaxRequestBodySize))
	case errors.As(err, &small):
		door.Drain(ctx.Conn())
		s.fail(ctx, 431, "headers_too_large", fmt.Sprintf("the headers are larger than %d bytes", HeaderBytesMax))
	case end == door.EndSlow:
		s.fail(ctx, 408, "request_timeout", fmt.Sprintf("the request did not come whole within %s (where there are "+
			"too many connections, within 1s): nothing was taken", s.http.ReadTimeout))
	default:
		s.fail(ctx, 400, "bad_request", "this is not a well-formed HTTP request")
	}
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if r := recover(); r != nil {
			s.ex.Panicked("handler panicked", r)
			ctx.Response.Reset()
			s.fail(ctx, 500, "internal",
				"an error of the exchange: what became of the lead stands under GET /v1/leads/{id}")
		}
	}()
	waited := door.Take(ctx.Conn())
	if why, ok := s.places.enter(isPost(ctx), waited); !ok {
		s.tooBusy(ctx, why)
		return
	}
	defer s.places.leave()
	s.route(ctx, waited)
}

// tooBusy sends a request away before anything of it was read.
func (s *Server) tooBusy(ctx *fasthttp.RequestCtx, why ShedReason) {
	s.places.note(why, time.Now())
	s.later(ctx, 503, "too_busy", "too many requests at once", time.Second)
}

// isPost tells by the path whether a request is the post of a quote.
func isPost(ctx *fasthttp.RequestCtx) bool { return bytes.HasSuffix(ctx.Path(), []byte("/post")) }

// Load tells what is in flight and what was sent away.
func (s *Server) Load() Load {
	out := s.places.load()
	out.ConnsMax = int64(s.door.ConnsMax)
	if ln := s.ln.Load(); ln != nil {
		out.Conns = ln.Open()
	}
	return out
}

func (s *Server) method(ctx *fasthttp.RequestCtx, want string) bool {
	if string(ctx.Method()) == want {
		return true
	}
	ctx.Response.Header.Set("Allow", want)
	s.fail(ctx, 405, "method_not_allowed", "expected "+want)
	return false
}

func (s *Server) unauthorized(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
	place := "or key in the lead"
	if st := styleOf(ctx); st != nil && st.profile != nil {
		place = "or " + st.profile.place
	}
	s.fail(ctx, 401, "unauthorized", "expected a source's key: Authorization: Bearer KEY, X-Api-Key: KEY, "+place)
}

func or(v, d int) int {
	if v > 0 {
		return v
	}
	return d
}

func orTime(v, d time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return d
}
