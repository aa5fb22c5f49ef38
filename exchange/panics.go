// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"clearpost/ledger"
	"clearpost/queue"
)

// A mistake of ours that panics ends what it strikes, and not the process: every goroutine of an exchange ends in
// survive. Nothing is undone there. What a trip holds stays held, an attempt that stands in the ledger without an end
// is unknown, and the next start makes the counts again from the ledger.

// Panicked counts a panic and logs where it happened. It tells no value that a lead may have: of what panics say only
// the words of Go itself are told, of all else the type, and of a stack functions and lines.
func (e *Exchange) Panicked(what string, panicked any, about ...any) {
	e.Stats.Panics.Add(1)
	e.log.Error(what, append(about, "panic", saying(panicked), "stack", string(debug.Stack()))...)
}

func saying(panicked any) string {
	if err, ok := panicked.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", panicked)
}

// survive is deferred at the edge of a goroutine.
func (e *Exchange) survive(what string, about ...any) {
	if r := recover(); r != nil {
		e.Panicked(what, r, about...)
	}
}

// How long it is until work that panicked is begun again, at first and at most.
const (
	panicAgain    = time.Second
	panicAgainMax = time.Minute
)

// kept runs what must not end before the exchange stops: where it panics it is begun again, a while later.
func (e *Exchange) kept(what string, f func(ctx context.Context)) {
	once := func() (ended bool) {
		defer e.survive(what)
		f(e.stop)
		return true
	}
	for wait := panicAgain; !once(); wait = min(2*wait, panicAgainMax) {
		select {
		case <-time.After(wait):
		case <-e.stop.Done():
			return
		}
	}
}

// errMistake is why an event has no message where making it panicked.
var errMistake = fmt.Errorf("%w while it was read", errPanicked)

// linesFor is linesOf for the queue of messages, whose goroutines are not the exchange's: a panic is an error.
func (e *Exchange) linesFor(r ledger.Record) (out []string, err error) {
	err = errMistake
	defer e.survive("finding who is told of an event panicked", "seq", r.Seq)
	return e.linesOf(r)
}

// messageFor is messageOf likewise.
func (e *Exchange) messageFor(line string, r ledger.Record) (m *queue.Message, err error) {
	err = errMistake
	defer e.survive("making a message panicked", "line", line, "seq", r.Seq)
	return e.messageOf(line, r)
}

// sendFor is sendMessage likewise: what panicked is sent again, as after no answer.
func (e *Exchange) sendFor(ctx context.Context, line string, m *queue.Message) (a queue.Answer) {
	a = queue.Answer{Why: errPanicked.Error()}
	defer e.survive("sending a message panicked", "line", line)
	return e.sendMessage(ctx, line, m)
}
