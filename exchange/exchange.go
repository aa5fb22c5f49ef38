// SPDX-License-Identifier: Apache-2.0

// Package exchange is the conductor of the trip: Ping asks all eligible buyers at once and quotes, Post delivers the
// lead to the winner or the next one, and everything that was decided stands in the ledger before anybody hears of it.
package exchange

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/capstore"
	"clearpost/exchange/claims"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/transport"
)

// Deps are the rooms that an exchange conducts. The exchange does not close them.
type Deps struct {
	Ledger    *ledger.Ledger
	Store     *capstore.Store
	Transport *transport.Client
	Calls     Caller           // makes the calls of trips; nil: Transport does
	Now       func() time.Time // wall clock
	Log       *slog.Logger

	AnswerBytesMax int // of a buyer's answer; 0 = the transport's default

	Inherited uint64 // leads whose first event has a seq up to this are another node's; 0 = none
}

// Caller makes the calls of trips to buyers: a *transport.Client, or what stands in for buyers in tests. Both methods
// fill in what came of the calls and return at the deadline at the latest; they may be called by any goroutine.
type Caller interface {
	// Scatter makes all calls at once, those of one ping.
	Scatter(calls []*transport.Call, deadline time.Time)
	// PostOnce makes one call, and never a second one for it.
	PostOnce(call *transport.Call, deadline time.Time)
}

// Exchange is one running exchange. All methods may be called at any time from any goroutine between Start and Stop.
type Exchange struct {
	led       *ledger.Ledger
	store     *capstore.Store
	transport *transport.Client
	calls     Caller
	wall      func() time.Time
	log       *slog.Logger
	answerMax int
	inherited uint64

	inForce   atomic.Pointer[Snapshot] // what new trips begin with
	paused    switches
	settling  sync.Mutex // one resolution at a time
	reloading sync.Mutex // one change of the snapshot at a time
	carried   carried    // guarded by reloading

	decoded decoded
	claims  *claims.Table[underWay]
	chases  *chaser
	quotes  quoteTable
	pings   sync.Pool // *Ping
	running sync.WaitGroup
	stop    context.Context
	cancel  context.CancelFunc
	end     context.Context // ends with Stop: until then what has happened is written down
	ended   context.CancelFunc

	Stats Stats
}

// New wires an exchange. It does no I/O; Start makes it ready.
func New(cfg Config, d Deps) (*Exchange, error) {
	e := &Exchange{led: d.Ledger, store: d.Store, transport: d.Transport, calls: d.Calls, wall: d.Now, log: d.Log,
		answerMax: d.AnswerBytesMax, inherited: d.Inherited, carried: carried{map[string]*Tally{},
			map[string]*transport.Gate{}, map[string]*callLimits{}}, claims: claims.NewTable[underWay](),
		paused: switches{by: map[string]*atomic.Bool{}}}
	if e.calls == nil {
		e.calls = d.Transport
	}
	e.stop, e.cancel = context.WithCancel(context.Background())
	e.end, e.ended = context.WithCancel(context.Background())
	e.chases = newChaser(e.stop, e.pursue)
	var err error
	if e.decoded, err = newDecoded(); err != nil {
		return nil, fmt.Errorf("cache of decoded events: %w", err)
	}
	e.quotes.init()
	snap, err := e.newSnapshot(cfg)
	if err != nil {
		return nil, err
	}
	e.inForce.Store(snap)
	e.pings.New = func() any { return &Ping{} }
	return e, nil
}

// Start rebuilds what the ledger knows (cap counts, open holds, pauses). No Ping or Post may be called before it has
// returned nil.
func (e *Exchange) Start() error {
	e.led.Counts(e.store.SetCount)
	open, err := e.led.Unresolved()
	if err != nil {
		return fmt.Errorf("list open attempts: %w", err)
	}
	for _, o := range open {
		h, err := e.history(o.Lead)
		if err != nil || h.Attempt(o.Attempt) == nil { // its lead is not sold on, and what it may have used stays used
			e.log.Error("the events of an open attempt cannot be read: it keeps its hold", "attempt",
				o.Attempt.String(), "lead", o.Lead.String(), "err", err)
			e.store.Restore(capstore.Restored{Token: o.Attempt, Lead: o.Lead, MaxSold: 1, SellLimit: 1,
				Charges: o.Charges})
			continue
		}
		e.restoreHolds(h)
		e.pursueOpen(h)
	}
	for subject := range e.led.Pauses() {
		e.paused.of(subject).Store(true)
	}
	if err := e.restoreQuotes(); err != nil {
		return fmt.Errorf("find the live quotes: %w", err)
	}
	if len(open) > 0 {
		e.log.Warn("attempts without a known outcome wait for a resolution", "count", len(open))
	}
	return nil
}

// Warm begins what runs beside the trips: a few connections to each buyer, so that the first pings need not wait for
// handshakes, and the pursuit of attempts whose outcome is not known. It waits for nothing and is called once, by an
// exchange that takes leads.
func (e *Exchange) Warm() {
	e.chases.run(&e.running)
	e.keepTokens(e.inForce.Load())
	for _, l := range e.Campaigns() {
		if l.pings.target != nil {
			l.pings.target.Warm(warmConns)
		}
	}
}

const warmConns = 4

// Stop refuses new work, lets trips end until the context ends, and returns how many were left.
func (e *Exchange) Stop(ctx context.Context) error {
	e.cancel()
	done := make(chan struct{})
	go func() { e.running.Wait(); close(done) }()
	defer e.ended()
	select {
	case <-done:
		e.decoded.close()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("posts still under way at the end of the time to stop: their attempts stand as open in the "+
			"ledger: %w", ctx.Err())
	}
}

// Now is the exchange's clock: the wall clock as the ledger believes it, never before the last durable event.
func (e *Exchange) Now() time.Time { return e.now() }

func (e *Exchange) now() time.Time {
	return e.led.Time(e.wall())
}

// Campaigns are the campaigns of the present configuration in the order of its book, for metrics and summaries.
func (e *Exchange) Campaigns() []*LiveCampaign { return e.inForce.Load().campaigns }

// Available is nil when leads can be taken, else why not: the seller hears 503.
func (e *Exchange) Available() error {
	if e.stop.Err() != nil {
		return errStopping
	}
	return e.led.Available()
}

// CapUse tells how much of a cap's current window is taken (accepted, unknown and in flight).
func (e *Exchange) CapUse(c rules.Cap) (used, limit int64) { return e.store.Use(c.Key, e.now()) }
