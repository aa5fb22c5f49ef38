// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"clearpost/capstore"
	"clearpost/exchange/claims"
	"clearpost/ledger"
	"clearpost/wire/transport"
)

// New wires an exchange. It does no I/O; Start makes it ready.
func New(cfg Config, d Deps) (*Exchange, error) {
	e := &Exchange{settling: newTurn(), led: d.Ledger, store: d.Store, transport: d.Transport, calls: d.Calls,
		wall: d.Now, log: d.Log, answerMax: d.AnswerBytesMax, inherited: d.Inherited, offline: d.Offline,
		search: d.Search,
		papers: papers{kept: d.Kept},
		carried: carried{tallies: map[string]*Tally{},
			gates: map[string]*transport.Gate{}, gears: map[string]*callLimits{}, turns: map[string]*atomic.Uint64{}},
		claims: claims.NewTable[underWay](),
		paused: switches{changing: newTurn(), by: map[string]*atomic.Bool{}, payers: map[string]*paying{}}}
	if e.calls == nil {
		e.calls = d.Transport
	}
	e.stop, e.cancel = context.WithCancel(context.Background())
	e.end, e.ended = context.WithCancel(context.Background())
	e.running.survive = e.survive
	e.chases = newChaser(e.stop, e.pursue)
	e.wakes = newWaker(e.stop, e.led, e.now, e.awake, e.endAhead)
	e.files = &fileLines{e: e, of: d.Files, by: map[string]*fileLine{}}
	e.replies = &replies{e: e, of: d.Files, placing: newTurn(), by: map[string]*replyLine{}}
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
	rebuilt, ok := e.store.(capstore.Rebuilt)
	if !ok {
		rebuilt = kept{}
	}
	e.led.Counts(rebuilt.SetCount)
	rebuilt.Before(e.before)
	e.carried.lookBack = false
	open, err := e.led.Unresolved()
	if err != nil {
		return fmt.Errorf("list open attempts: %w", err)
	}
	for _, o := range open {
		h, err := e.history(o.Lead)
		if err != nil || h.Attempt(o.Attempt) == nil { // its lead is not sold on, and what it may have used stays used
			e.log.Error("the events of an open attempt cannot be read: it keeps its hold", "attempt",
				o.Attempt.String(), "lead", o.Lead.String(), "err", err)
			rebuilt.Restore(capstore.Restored{Token: o.Attempt, Lead: o.Lead, MaxSold: 1, SellLimit: 1,
				Charges: o.Charges})
			continue
		}
		e.restoreHolds(h)
		e.pursueOpen(h)
	}
	for subject, p := range e.led.Pauses() {
		if buyer, ok := strings.CutPrefix(subject, ledger.StandingSubject("")); ok {
			e.paused.payer(buyer).set(p.Pays)
			continue
		}
		e.paused.of(subject).Store(true)
	}
	if err := e.restoreQuotes(); err != nil {
		return fmt.Errorf("find the live quotes: %w", err)
	}
	e.learnBy(&e.inForce.Load().cfg)
	if err := e.tellCaps(e.inForce.Load()); err != nil {
		e.log.Error("what caps allow could not be written down: it will be", "err", err)
	}
	if err := e.openLines(e.inForce.Load()); err != nil {
		return err
	}
	e.files.start()
	e.replies.follow()
	e.keepQueued()
	if len(open) > 0 {
		e.log.Warn("attempts without a known outcome wait for a resolution", "count", len(open))
	}
	return nil
}

// Stop refuses new work, lets trips end until the context ends, and returns how many were left.
func (e *Exchange) Stop(ctx context.Context) error {
	e.cancel()
	done := make(chan struct{})
	go func() { e.running.wait(); close(done) }()
	defer e.ended()
	select {
	case <-done:
		e.decoded.close()
		e.papers.close()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("posts still under way at the end of the time to stop: their attempts stand as open in the "+
			"ledger: %w", ctx.Err())
	}
}
