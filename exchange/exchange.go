// SPDX-License-Identifier: Apache-2.0

// Package exchange is the conductor of the trip: Ping asks all eligible buyers at once and quotes, Post delivers the
// lead to the winner or the next one, and everything that was decided stands in the ledger before anybody hears of it.
//
// Its files are of two kinds, and no two refer to each other in a circle. The nouns: config.go (sources and
// verticals), routing.go (plans of tiers), snapshot.go (a configuration at work), trip.go (what a ping or a post
// carries on its way), delivery.go (one walk down a lead's bids), reply.go (what a seller hears), quotes.go, stats.go,
// logic.go (the version of how leads are decided), limits.go, hours.go, economy.go (whom pings spare), learned.go (what
// calls have told of a campaign), margin.go (what is kept of a price), policy.go (what differs for a test lead), and
// Exchange itself. The verbs stand above them, a file a verb: ping.go, share.go, ask.go, solicit.go, choose.go (who is
// asked first, and who is not), tiers.go, invite.go, post.go, deliver.go, payout.go, attempt.go, receipt.go,
// oneshot.go, and those of operators (pause.go, reload.go, resolve.go, unknown.go, find.go, explain.go).
package exchange

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/batch"
	"clearpost/capstore"
	"clearpost/exchange/claims"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/wire/transport"
)

// Deps are the rooms that an exchange conducts. The exchange does not close them.
type Deps struct {
	Ledger    *ledger.Ledger
	Store     capstore.Store
	Transport *transport.Client
	Calls     Caller           // makes the calls of trips; nil: Transport does
	Now       func() time.Time // wall clock
	Log       *slog.Logger

	AnswerBytesMax int // of a buyer's answer; 0 = the transport's default

	// reads a configuration that decided once, by its hash, as it was kept beside the ledger; nil: none was kept
	Kept func(hash string) (Config, error)

	// finds leads that a buyer may have bought, newest first and at most findMax, in a view of the ledger that has all
	// that is stored; nil: there is no view
	Search func(context.Context, SalesQuery) ([]lead.ID, error)

	Files Files // nil: no file is formed

	Offline   bool   // nothing is sent but what trips send: no messages of the exchange's own accord
	Inherited uint64 // leads whose first event has a seq up to this are another node's; 0 = none
}

// Caller makes the calls of trips to buyers: a *transport.Client, or what stands in for buyers in tests. The methods
// fill in what came of the calls and return at the deadline at the latest; they may be called by any goroutine.
type Caller interface {
	// Scatter makes all calls at once, those of one ping.
	Scatter(calls []*transport.Call, deadline time.Time)
	// ScatterUntil is Scatter, until its listener has heard enough: calls that are not over then are ClosedEarly.
	ScatterUntil(calls []*transport.Call, deadline time.Time, l transport.Listener)
	// PostOnce makes one call, and never a second one for it.
	PostOnce(call *transport.Call, deadline time.Time)
}

// Files is what an exchange that delivers files needs of its machine.
type Files interface {
	// Open opens where a campaign's files are stored. The caller closes it.
	Open(ctx context.Context, to *batch.To) (batch.Place, error)
	// Inbox opens where its response files appear. The caller closes it.
	Inbox(ctx context.Context, r *batch.Response) (batch.Inbox, error)
	// Rows reads a response file: all of its rows, or none and what is wrong with it.
	Rows(r *batch.Response, name string, text []byte) ([]batch.ResponseRow, error)
	// Keep keeps the bytes of a file until they are stored, durably.
	Keep(id lead.ID, b []byte) error
	// Kept gives them back; fs.ErrNotExist where there are none.
	Kept(id lead.ID) ([]byte, error)
	// Drop ends that. Of a file that is not kept it does nothing.
	Drop(id lead.ID) error
	// Sweep does it for all that are not among these: a crash came before the ledger had them.
	Sweep(open []lead.ID) error
}

// Exchange is one running exchange. All methods may be called at any time from any goroutine between Start and Stop.
type Exchange struct {
	led       *ledger.Ledger
	store     capstore.Store
	transport *transport.Client
	calls     Caller
	wall      func() time.Time
	log       *slog.Logger
	answerMax int
	inherited uint64
	offline   bool
	search    func(context.Context, SalesQuery) ([]lead.ID, error)

	inForce   atomic.Pointer[Snapshot] // what new trips begin with
	paused    switches
	settling  turn              // one resolution at a time
	unsure    *ledger.Uncertain // guarded by settling: see known; nil: all is
	reloading sync.Mutex        // one change of the snapshot at a time
	carried   carried           // guarded by reloading

	decoded decoded
	papers  papers
	claims  *claims.Table[underWay]
	chases  *chaser
	wakes   *waker
	ahead   ahead
	awaited awaited
	quotes  quoteTable
	learned learned
	lines   atomic.Pointer[queue.Lines] // nil before Start
	files   *fileLines
	replies *replies
	pings   sync.Pool // *Ping
	telling telling
	running running
	stop    context.Context
	cancel  context.CancelFunc
	end     context.Context // ends with Stop: until then what has happened is written down
	ended   context.CancelFunc

	Stats Stats
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

// Snapshot is the configuration that new trips begin with.
func (e *Exchange) Snapshot() *Snapshot { return e.inForce.Load() }
