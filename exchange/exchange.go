// SPDX-License-Identifier: Apache-2.0

// Package exchange is the conductor of the trip: Ping asks all eligible buyers at once and quotes, Post delivers the lead to
// the winner or the next one, and everything that was decided stands in the ledger before anybody hears of it.
package exchange

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/transport"
)

// Deps are the rooms that an exchange conducts. The exchange does not close them.
type Deps struct {
	Ledger *ledger.Ledger
	Store  *capstore.Store
	Wire   *transport.Client
	Now    func() time.Time // wall clock
	Log    *slog.Logger

	AnswerBytesMax int // of a buyer's answer; 0 = the transport's default
}

// Exchange is one running exchange. All methods may be called at any time from any goroutine between Start and Stop.
type Exchange struct {
	cfg   Config
	led   *ledger.Ledger
	store *capstore.Store
	wire  *transport.Client
	wall  func() time.Time
	log   *slog.Logger

	lanes     []*Lane              // by campaign index
	vertical  map[string]*Vertical // by id
	source    map[string]*Source   // by id
	index     map[string]*verticalIndex
	paused    atomic.Pointer[pauses]
	pauseLock sync.Mutex // one change of pauses at a time
	settling  sync.Mutex // one resolution at a time

	decoded decoded
	trips   tripTable
	pings   sync.Pool // *Ping
	running sync.WaitGroup
	stop    context.Context
	cancel  context.CancelFunc

	Stats Stats
}

type verticalIndex struct {
	*Vertical
	eligible *buyers.Index
}

// New wires an exchange. It does no I/O; Start makes it ready.
func New(cfg Config, d Deps) (*Exchange, error) {
	e := &Exchange{cfg: cfg, led: d.Ledger, store: d.Store, wire: d.Wire, wall: d.Now, log: d.Log,
		vertical: map[string]*Vertical{}, source: map[string]*Source{}, index: map[string]*verticalIndex{}}
	e.stop, e.cancel = context.WithCancel(context.Background())
	var err error
	if e.decoded, err = newDecoded(); err != nil {
		return nil, fmt.Errorf("cache of decoded events: %w", err)
	}
	for _, v := range cfg.Verticals {
		e.vertical[v.ID] = v
		e.index[v.ID] = &verticalIndex{v, cfg.Book.Index(v.ID)}
	}
	for _, s := range cfg.Sources {
		e.source[s.ID] = s
	}
	gates := make([]*transport.Gate, len(cfg.Book.Buyers))
	for i, b := range cfg.Book.Buyers {
		gates[i] = transport.NewGate(b.InFlightMax)
	}
	for _, c := range cfg.Book.Campaigns {
		l, err := e.newLane(c, gates[c.Buyer.Index], d.AnswerBytesMax)
		if err != nil {
			return nil, fmt.Errorf("campaign %s: %w", c.ID, err)
		}
		e.lanes = append(e.lanes, l)
	}
	e.trips.init()
	e.pings.New = func() any { return &Ping{} }
	return e, nil
}

// Lane is a campaign with all that the trip needs at hand, and what it has counted. The counters are atomics, for metrics
// and summaries.
type Lane struct {
	*buyers.Campaign
	ping, post *transport.Target
	counters   []*capstore.Counter

	Asked, Bids, Won, Posted    atomic.Int64 // pings sent, bids got, quotes that counted on it, attempts
	Accepted, Rejected, Unknown atomic.Int64 // how attempts ended; Rejected has all that is known not to be a sale
	Late, Errors                atomic.Int64 // pings without an answer in time; pings that failed otherwise
	CapSkips, PauseSkips        atomic.Int64 // pings that it was not asked for
	RevenueMicros, PayoutMicros atomic.Int64 // booked
}

func (e *Exchange) newLane(c *buyers.Campaign, gate *transport.Gate, answerMax int) (*Lane, error) {
	l := &Lane{Campaign: c}
	for _, cp := range c.Caps {
		l.counters = append(l.counters, e.store.Counter(cp))
	}
	target := func(ep *buyers.Endpoint) (*transport.Target, error) {
		addr, name, tls := ep.Request.Host()
		return e.wire.Target(transport.TargetConfig{Name: c.Buyer.ID, Addr: addr, ServerName: name, TLS: tls, BodyBytesMax: answerMax,
			ConnsMax: c.Buyer.InFlightMax, AllowPrivate: c.Buyer.AllowPrivate, Gate: gate})
	}
	var err error
	if c.Ping != nil {
		if l.ping, err = target(c.Ping); err != nil {
			return nil, err
		}
	}
	l.post, err = target(c.Post)
	return l, err
}

// Start rebuilds what the ledger knows (cap counts, open holds, pauses). No Ping or Post may be called before it has returned nil.
func (e *Exchange) Start() error {
	e.led.Counts(e.store.SetCount)
	open, err := e.led.Unresolved()
	if err != nil {
		return fmt.Errorf("list open attempts: %w", err)
	}
	for _, o := range open {
		st, err := e.fold(o.Lead)
		if err != nil {
			return fmt.Errorf("lead %s: %w", o.Lead, err)
		}
		e.restoreHolds(st)
	}
	p := newPauses(e.cfg.Book)
	for subject := range e.led.Pauses() {
		p.set(subject, true)
	}
	e.paused.Store(p)
	if len(open) > 0 {
		e.log.Warn("attempts without a known outcome wait for a resolution", "count", len(open))
	}
	return nil
}

// Warm opens a few connections to each buyer, so that the first pings need not wait for handshakes. It does not wait for them.
func (e *Exchange) Warm() {
	for _, l := range e.lanes {
		if l.ping != nil {
			l.ping.Warm(warmConns)
		}
	}
}

const warmConns = 4

// Stop refuses new work, lets trips end until the context ends, and returns how many were left.
func (e *Exchange) Stop(ctx context.Context) error {
	e.cancel()
	done := make(chan struct{})
	go func() { e.running.Wait(); close(done) }()
	select {
	case <-done:
		e.decoded.close()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("posts still under way at the end of the time to stop: their attempts stand as open in the ledger: %w", ctx.Err())
	}
}

// Now is the exchange's clock: the wall clock, but never before the last durable event.
func (e *Exchange) Now() time.Time { return e.now() }

func (e *Exchange) now() time.Time {
	t := e.wall()
	if last := e.led.LastTime(); t.Before(last) {
		return last
	}
	return t
}

// Config is what the exchange runs on. It must not be changed.
func (e *Exchange) Config() *Config { return &e.cfg }

// Lanes are the campaigns in the order of the book, for metrics and summaries.
func (e *Exchange) Lanes() []*Lane { return e.lanes }

// Vertical finds a vertical by id.
func (e *Exchange) Vertical(id []byte) *Vertical { return e.vertical[string(id)] }

// Available is nil when leads can be taken, else why not: the seller hears 503.
func (e *Exchange) Available() error {
	if e.stop.Err() != nil {
		return errStopping
	}
	return e.led.Available()
}

// CapUse tells how much of a cap's current window is taken (accepted, unknown and in flight).
func (e *Exchange) CapUse(c rules.Cap) (used, limit int64) { return e.store.Use(c.Key, e.now()) }

func (e *Exchange) head(k ledger.Kind, id lead.ID, source, vertical string, at time.Time) ledger.Head {
	return ledger.Head{Kind: k, EventID: newID(at), Node: e.cfg.Node, At: at, Schema: ledger.SchemaVersion, Config: e.cfg.Hash,
		Lead: id, Source: source, Vertical: vertical}
}
