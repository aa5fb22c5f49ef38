// SPDX-License-Identifier: Apache-2.0

// Package admin is the operators' door, on its own port: health, metrics, pauses, resolutions, explanations and events.
package admin

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"clearpost/exchange"
	"clearpost/exchange/door"
	"clearpost/lead"
	"clearpost/ledger"
)

// Server answers operators. All but /healthz needs the token.
type Server struct {
	ex    *exchange.Exchange
	led   *ledger.Ledger
	hooks Hooks
	log   *slog.Logger
	token [32]byte // SHA-256
	// whose connections are those on which the token was shown
	operators door.Holder
	http      *fasthttp.Server
	metrics   fasthttp.RequestHandler
	pulse     time.Duration // how often a follower of events hears something
	stop      context.Context
	cancel    context.CancelFunc
	since     time.Time
	today     daySoFar

	checking atomic.Bool // all leads are being computed again
	stating  sync.Mutex  // one statement is issued at a time
}

// New makes a server.
func New(ex *exchange.Exchange, led *ledger.Ledger, token string, h Hooks, log *slog.Logger) *Server {
	s := &Server{ex: ex, led: led, hooks: h, log: log, token: sha256.Sum256([]byte(token)), pulse: 15 * time.Second,
		since: ex.Now(), today: daySoFar{budget: todayBudget(h.Offline)}}
	s.stop, s.cancel = context.WithCancel(context.Background())
	reg := prometheus.NewRegistry()
	reg.MustRegister(&collector{ex, led, h}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics = fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	// No WriteTimeout: it would cut /events off. Only operators come here.
	s.http = &fasthttp.Server{Handler: s.handle, ErrorHandler: badRequest, Name: "clearpost-admin",
		ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxRequestBodySize: bodyBytesMax, CloseOnShutdown: true,
		HeaderReceived: s.bodyMost, Logger: quiet{}}
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Limits of the operators' door.
const (
	readTimeout  = 15 * time.Second
	idleTimeout  = 90 * time.Second
	bodyBytesMax = 64 << 10
	// of POST /v1/import: some 1,600 bytes a row
	importBytesMax = 16 << 20
	connsMax       = 1000
)

// Serve answers until Shutdown. With keys it speaks TLS.
func (s *Server) Serve(ln net.Listener, keys *door.Keys) error {
	return s.http.Serve(door.Listen(ln, door.Config{ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		ConnsMax: connsMax, Keys: keys, Log: s.log}))
}

// badRequest answers what could not be read as a request; a connection on which nothing was asked ends without a word.
func badRequest(ctx *fasthttp.RequestCtx, err error) {
	ctx.SetConnectionClose()
	end := door.EndOf(ctx.Conn(), err)
	switch {
	case end == door.EndSilent:
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		door.Drain(ctx.Conn())
		most := bodyBytesMax
		if string(ctx.Path()) == importPath {
			most = importBytesMax
		}
		fail(ctx, 413, fmt.Sprintf("the body is larger than %d bytes", most))
	case end == door.EndSlow:
		fail(ctx, 408, fmt.Sprintf("the request did not come whole within %s", readTimeout))
	default:
		fail(ctx, 400, "this is not a well-formed HTTP request")
	}
}

// bodyMost has an import of an operator be larger than other bodies.
func (s *Server) bodyMost(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if string(h.RequestURI()) == importPath && s.shown(h.Peek("Authorization")) {
		c.MaxRequestBodySize = importBytesMax
	}
	return c
}

const importPath = "/v1/import"

// Shutdown ends followers and stops.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	return s.http.ShutdownWithContext(ctx)
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if r := recover(); r != nil {
			s.ex.Panicked("admin handler panicked", r)
			ctx.Response.Reset()
			fail(ctx, 500, "an error of the exchange")
		}
	}()
	door.Take(ctx.Conn())
	path := string(ctx.Path())
	if path == "/healthz" {
		s.health(ctx)
		return
	}
	if !s.allowed(ctx) {
		ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
		fail(ctx, 401, "expected Authorization: Bearer TOKEN (the admin token)")
		return
	}
	door.Own(ctx.Conn(), &s.operators)
	get, post := string(ctx.Method()) == "GET", string(ctx.Method()) == "POST"
	if name, ok := strings.CutPrefix(path, "/debug/pprof/"); ok && get {
		s.profile(ctx, name)
		return
	}
	switch id, explain := strings.CutPrefix(path, "/v1/explain/"); {
	case path == "/metrics" && get:
		s.metrics(ctx)
	case path == "/v1/identity" && get:
		write(ctx, 200, s.hooks.Identity())
	case path == "/v1/status" && get:
		write(ctx, 200, s.status())
	case path == "/v1/value" && get:
		s.value(ctx)
	case path == "/v1/unresolved" && get:
		s.unresolved(ctx)
	case path == "/v1/unsold" && get:
		s.unsold(ctx)
	case path == "/v1/events" && get:
		s.events(ctx)
	case explain && get:
		s.explain(ctx, id)
	case path == "/v1/explain" && get:
		s.explain(ctx, string(ctx.QueryArgs().Peek("name")))
	case path == "/v1/check" && get:
		s.check(ctx)
	case (path == "/v1/pause" || path == "/v1/resume") && post:
		s.pause(ctx, path == "/v1/pause")
	case path == "/v1/backup" && post:
		s.backup(ctx)
	case path == "/v1/reload" && post:
		write(ctx, 200, s.hooks.Reload(ByCommand))
	case s.books(ctx, path, get, post), s.reads(ctx, path, get, post), s.hook(ctx, path, get, post),
		s.alert(ctx, path, get, post), s.batch(ctx, path, get, post), s.queue(ctx, path, get, post):
	default:
		fail(ctx, 404, "expected GET /healthz, /metrics, /v1/identity, /v1/status, /v1/unresolved, /v1/unsold, "+
			"/v1/queue, /v1/webhooks, /v1/webhooks/dead?name=, /v1/batches, /v1/balances, /v1/standings, /v1/value, "+
			"/v1/events, /v1/explain?name=, /v1/check, /v1/view, /v1/find, /v1/report, /v1/report/caps, "+
			"/v1/returns, /v1/statement, "+
			"/v1/statements, /v1/statements/show?number=, /v1/statements/parties?account=, /v1/books, "+
			"/v1/bookings; "+
			"POST /v1/pause, /v1/resume, /v1/resolve, /v1/correct, /v1/adjust, /v1/returns, /v1/returns/decide, "+
			"/v1/payments, /v1/statements, /v1/balances, /v1/resubmit, "+
			"/v1/import, /v1/report, /v1/queue/retry, /v1/queue/drop, /v1/queue/move, /v1/webhooks/replay, "+
			"/v1/webhooks/drop, /v1/batches/send, /v1/batches/file, /v1/view/catch-up, /v1/view/rebuild, "+
			"/v1/reload, /v1/backup")
	}
}

// books answers what is about outcomes, money and counts; false where the path is none of these.
func (s *Server) books(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	switch {
	case path == "/v1/resolve" && post:
		s.resolve(ctx)
	case path == "/v1/correct" && post:
		s.correct(ctx)
	case path == "/v1/adjust" && post:
		s.adjust(ctx)
	case path == "/v1/report" && post:
		s.report(ctx)
	case path == "/v1/returns" && post:
		s.returnsIn(ctx)
	case path == "/v1/returns/decide" && post:
		s.decideReturn(ctx)
	case path == "/v1/payments" && post:
		s.pay(ctx)
	case path == "/v1/balances" && get:
		s.balances(ctx)
	case path == "/v1/balances" && post:
		s.book(ctx)
	case path == "/v1/standings" && get:
		s.standings(ctx)
	case path == importPath && post:
		s.imports(ctx)
	case path == "/v1/resubmit" && post:
		s.resubmit(ctx)
	default:
		return false
	}
	return true
}

func (s *Server) allowed(ctx *fasthttp.RequestCtx) bool {
	return s.shown(ctx.Request.Header.Peek("Authorization"))
}

// shown tells whether a header has the token.
func (s *Server) shown(auth []byte) bool {
	if len(auth) < 8 || !strings.EqualFold(string(auth[:7]), "bearer ") {
		return false
	}
	h := sha256.Sum256(auth[7:])
	return subtle.ConstantTimeCompare(h[:], s.token[:]) == 1
}

func (s *Server) health(ctx *fasthttp.RequestCtx) {
	if err := s.ex.Available(); err != nil {
		fail(ctx, 503, err.Error())
		return
	}
	write(ctx, 200, map[string]string{"status": "ok"})
}

// Change is the body of a pause or resume, and the answer to it.
type Change struct {
	Subject string `json:"subject"`
	Why     string `json:"why"`
	By      string `json:"by,omitempty"`
	Changed bool   `json:"changed"` // answer only: false if it was so already
}

func (s *Server) pause(ctx *fasthttp.RequestCtx, on bool) {
	var c Change
	if !read(ctx, &c) {
		return
	}
	if c.Subject == "" || strings.TrimSpace(c.Why) == "" || len(c.Why) > 1000 || len(c.By) > 200 {
		fail(ctx, 400, "expected subject (buyer, campaign or source) and why (1 to 1000 bytes)")
		return
	}
	subject, changed, err := s.ex.Pause(c.Subject, on, c.Why, c.By)
	var unknown *exchange.ErrSubject
	switch {
	case errors.As(err, &unknown):
		fail(ctx, 404, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		c.Subject, c.Changed = subject, changed
		write(ctx, 200, c)
	}
}

// Resolve is the body of a resolution.
type Resolve struct {
	Attempt   lead.ID `json:"attempt"`
	Name      string  `json:"name,omitempty"` // in place of attempt: whatever leads to one open attempt
	Outcome   string  `json:"outcome"`        // accepted or rejected
	Price     string  `json:"price,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Why       string  `json:"why"`
	By        string  `json:"by,omitempty"`
}

func (s *Server) resolve(ctx *fasthttp.RequestCtx) {
	var in Resolve
	if !read(ctx, &in) {
		return
	}
	r := exchange.Resolution{Attempt: in.Attempt, Accepted: in.Outcome == "accepted", Reference: in.Reference,
		Why: in.Why, By: in.By}
	var err error
	if r.Price, err = amount("price", in.Price); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	switch {
	case in.Attempt.IsZero() == (in.Name == ""), strings.TrimSpace(in.Why) == "", len(in.Why) > 1000, len(in.By) > 200,
		len(in.Reference) > 256:
		fail(ctx, 400, "expected attempt (a UUID) or name, why (1 to 1000 bytes), reference of at most 256 bytes")
		return
	case in.Outcome != "accepted" && in.Outcome != "rejected":
		fail(ctx, 400, "outcome: expected accepted or rejected")
		return
	case !r.Accepted && (r.Price != nil || in.Reference != ""):
		fail(ctx, 400, "price and reference go with accepted only")
		return
	}
	if in.Name != "" {
		id, ok := s.attempt(ctx, in.Name)
		if !ok {
			return
		}
		r.Attempt = id
	}
	adj, err := s.ex.Resolve(r)
	switch {
	case errors.Is(err, exchange.ErrNotUnresolved):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrUnderWay), errors.Is(err, exchange.ErrInFile):
		fail(ctx, 409, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, adj)
	}
}

func (s *Server) unresolved(ctx *fasthttp.RequestCtx) {
	list, err := s.ex.Unresolved()
	if err != nil {
		fail(ctx, 503, err.Error())
		return
	}
	write(ctx, 200, map[string]any{"unresolved": list})
}

// events streams events as JSON lines: ?from=SEQ, ?kind=K, ?lead=ID, ?follow=1.
func (s *Server) events(ctx *fasthttp.RequestCtx) {
	q := ctx.QueryArgs()
	kind := ledger.Kind(q.Peek("kind"))
	switch kind {
	case "", ledger.KindPinged, ledger.KindPosting, ledger.KindPosted, ledger.KindSettled, ledger.KindDeferred,
		ledger.KindAdjusted:
	default:
		fail(ctx, 400, "kind: expected pinged, posting, posted, settled, deferred or adjusted")
		return
	}
	var only lead.ID
	if l := q.Peek("lead"); len(l) > 0 {
		id, err := lead.ParseID(string(l))
		if err != nil {
			fail(ctx, 400, "lead: "+err.Error())
			return
		}
		only = id
	}
	from, err := q.GetUint("from")
	if err != nil && q.Has("from") {
		fail(ctx, 400, "from: expected a whole number")
		return
	}
	follow := q.GetBool("follow")
	ctx.SetContentType("application/x-ndjson")
	body, to := io.Pipe()
	ctx.SetBodyStream(body, -1)
	go s.send(to, func(w *bufio.Writer) error {
		write := func(r ledger.Record) error {
			if kind != "" && r.Kind != kind || !only.IsZero() && r.Lead != only {
				return nil
			}
			w.Write(r.Bytes)
			if err := w.WriteByte('\n'); err != nil || !follow {
				return err
			}
			return w.Flush()
		}
		alive := func() error { w.WriteByte(' '); return w.Flush() }
		return s.stream(uint64(max(from, 0)), only, follow, write, alive)
	})
}

// send writes the body of an answer. Where it cannot be written whole the connection ends before the body does: nobody
// takes what has come for all there is.
func (s *Server) send(to *io.PipeWriter, what func(w *bufio.Writer) error) {
	defer func() {
		if r := recover(); r != nil {
			s.ex.Panicked("events: a panic", r)
			to.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	w := bufio.NewWriterSize(to, 64<<10)
	err := what(w)
	if s.stop.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // who follows has had all there was
	}
	if err == nil {
		err = w.Flush()
	} else if !errors.Is(err, io.ErrClosedPipe) {
		s.log.Error("events could not be read to their end", "err", err)
	}
	to.CloseWithError(err)
}

func (s *Server) stream(from uint64, only lead.ID, follow bool, write func(ledger.Record) error,
	alive func() error) error {
	switch {
	case follow:
		return s.follow(from, write, alive)
	case !only.IsZero():
		recs, err := s.led.Lead(only)
		for _, r := range recs {
			if err == nil && r.Seq >= from {
				err = write(r)
			}
		}
		return err
	}
	return s.led.Scan(from, write)
}

// follow calls alive from time to time: whoever has gone is only noticed when something is written. Space before the
// next line's JSON changes nothing.
func (s *Server) follow(from uint64, write func(ledger.Record) error, alive func() error) error {
	for {
		ctx, cancel := context.WithTimeout(s.stop, s.pulse)
		err := s.led.Follow(ctx, from, func(r ledger.Record) error {
			from = r.Seq + 1
			return write(r)
		})
		cancel()
		if s.stop.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := alive(); err != nil {
			return err
		}
	}
}

func read(ctx *fasthttp.RequestCtx, v any) bool {
	if err := json.UnmarshalWithOption(ctx.PostBody(), v); err != nil {
		fail(ctx, 400, "expected a JSON object: "+err.Error())
		return false
	}
	return true
}

func write(ctx *fasthttp.RequestCtx, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = 500, []byte(`{"error":"the answer could not be written"}`)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(append(b, '\n'))
}

func fail(ctx *fasthttp.RequestCtx, status int, message string) {
	write(ctx, status, map[string]string{"error": message})
}
