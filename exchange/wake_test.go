// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/ledger"
)

// A mistake of ours that strikes between rounds does not end them: the queue goes on a while later.
func TestAPanicBetweenRoundsDoesNotEndThem(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), Node: "n1", SyncEvery: -1, FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = led.Close() }()
	synctest.Test(t, func(t *testing.T) {
		e := &Exchange{led: led, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		e.stop, e.cancel = context.WithCancel(context.Background())
		e.running.survive = e.survive
		var looks atomic.Int64
		w := newWaker(e.stop, led, time.Now, func(ledger.Queued) time.Duration { return 0 }, func() {
			if looks.Add(1) == 2 {
				panic("a mistake")
			}
		})
		w.run(&e.running, e.kept, e.log.Error)
		for range 3 {
			synctest.Wait()
			w.tell()
			time.Sleep(2 * panicAgain)
		}
		if n := looks.Load(); n < 3 || e.Stats.Panics.Load() != 1 {
			t.Errorf("%d rounds, %d panics", n, e.Stats.Panics.Load())
		}
		e.cancel()
		w.again()
		e.running.wait()
	})
}
