// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Where no lead waits the log keeps nothing for the queue.
func TestTheLogKeepsNothingForAQueueInWhichNobodyWaits(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	e := &Exchange{led: led}
	if from := e.queueFrom(); from != led.LastSeq()+1 {
		t.Errorf("nobody waits, and events from %d on are kept", from)
	}
}

// The log keeps the pings of all leads that wait, however long before they began to: also of one whose quote stood for
// days when it was given, beside others that have waited longer; and in a configuration by which none does.
func TestThePingsOfLeadsThatWaitAreKept(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	now := time.Now().UTC().Truncate(time.Microsecond)
	head := func(k ledger.Kind, id lead.ID, ago time.Duration) ledger.Head {
		at := now.Add(-ago)
		return ledger.Head{Kind: k, EventID: ledger.NewID(at), At: at, Schema: ledger.SchemaVersion,
			Lead: id, Source: "s", Vertical: "v"}
	}
	long, short := ledger.NewID(now.Add(-5*24*time.Hour)), ledger.NewID(now.Add(-2*time.Hour))
	put := func(events ...ledger.Event) (last uint64) {
		t.Helper()
		if err := led.Append(events...); err != nil {
			t.Fatal(err)
		}
		return led.LastSeq()
	}
	waits := func(id lead.ID, ago time.Duration) *ledger.Deferred {
		return &ledger.Deferred{Head: head(ledger.KindDeferred, id, ago), Said: lead.ResultQueued,
			Since: now.Add(-ago), Due: now.Add(time.Hour), Waits: []ledger.Wait{{Campaign: "c", Buyer: "b",
				Refusal: lead.CapReached, Due: now.Add(time.Hour), Until: now.Add(9 * time.Hour)}}}
	}
	put(&ledger.Pinged{Head: head(ledger.KindPinged, ledger.NewID(now.Add(-6*24*time.Hour)), 6*24*time.Hour)})
	first := put(&ledger.Pinged{Head: head(ledger.KindPinged, long, 5*24*time.Hour)})
	put(&ledger.Pinged{Head: head(ledger.KindPinged, short, 2*time.Hour)})
	put(waits(short, 2*time.Hour))
	last := put(waits(long, time.Hour))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); led.Stats().Applied < last; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the views do not follow")
		}
	}
	e := &Exchange{led: led}
	if from := e.queueFrom(); from != first {
		t.Errorf("events from %d on are kept, expected %d", from, first)
	}
}
