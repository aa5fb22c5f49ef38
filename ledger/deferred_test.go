// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"testing"
	"time"

	"clearpost/lead"
)

// Since when leads of the queue have come is known without a look at the queue, while they come and go, and anew after
// a start.
func TestSinceWhenLeadsWaitIsCounted(t *testing.T) {
	cfg, now := testConfig(t, t.TempDir()), time.Now()
	place := func(id lead.ID) *Place {
		return &Place{Since: now, Due: now, Campaign: "c", Refusal: lead.Closed}
	}
	waits := func(id lead.ID, left *Place) *Deferred {
		return &Deferred{Head: Head{Kind: KindDeferred, EventID: NewID(now), At: now, Lead: id}, Said: "queued",
			Since: now, Due: now, Left: left, Waits: []Wait{{Campaign: "c", Buyer: "b", Refusal: lead.Closed, Due: now,
				Until: now}}}
	}
	ends := func(id lead.ID) *Settled {
		return &Settled{Head: Head{Kind: KindSettled, EventID: NewID(now), At: now, Lead: id}, Result: "failed",
			Left: place(id)}
	}
	old, older, young := NewID(now.Add(-50*time.Hour)), NewID(now.Add(-90*time.Hour)), NewID(now)
	want := func(l *Ledger, ago time.Duration) {
		t.Helper()
		at, ok := l.QueuedSince()
		if came := now.Add(-ago); ok != (ago >= 0) || ok && (at.After(came) || came.Sub(at) > time.Hour) {
			t.Errorf("since %s (%v), expected within the hour before %s", at, ok, came)
		}
	}
	l := mustOpen(t, cfg, quick())
	want(l, -1)
	mustAppend(t, l, waits(old, nil))
	want(l, 50*time.Hour)
	mustAppend(t, l, waits(young, nil), waits(older, nil))
	want(l, 90*time.Hour)
	mustAppend(t, l, waits(older, place(older))) // it waits on
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	if err := l.views.close(); err != nil { // they are not read
		t.Fatal(err)
	}
	want(l, 90*time.Hour)
	if err := l.views.open(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, ends(older))
	want(l, 50*time.Hour)
	mustAppend(t, l, ends(old), ends(young))
	want(l, -1)
}
