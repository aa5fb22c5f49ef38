// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// What the ledger could not tell when it was asked is followed up here, so that no hold outlives the knowledge of what
// it was for.

// follow waits until the ledger knows whether it has the first append of a trip, whose seller has been answered and
// whose claims still stand: nobody else is at this lead. Without it there never was an attempt: its hold goes. With it
// there is one that was never sent, and that is written down; then its hold goes too, and the seller's repeat resumes
// the lead. When the exchange ends before, the attempt is one without an end, as after a crash.
func (d *delivery) follow() {
	e := d.e
	stored, err := d.unsure.Stored(e.end)
	switch {
	case err != nil:
		return
	case !stored:
		for _, p := range d.maybe {
			e.log.Info("an attempt of which nobody could tell is not in the ledger: its hold is released", "lead",
				d.history.ID.String(), "attempt", p.Attempt.String())
		}
		d.releaseMaybe()
		if len(d.history.Attempts) == 0 {
			e.forget(d.history.ID)
		}
		return
	case len(d.maybe) == 0:
		return // an answer, or the end of attempts
	}
	ends := make([]ledger.Event, len(d.maybe))
	for i, p := range d.maybe {
		ends[i] = &ledger.Posted{Head: d.head(ledger.KindPosted, e.now()), Attempt: p.Attempt, Campaign: p.Campaign,
			Buyer: p.Buyer, PingPrice: p.Price, Outcome: lead.NotSent, Refusal: lead.NotBegun, Charges: p.Charges}
	}
	if err := e.led.Store(e.end, ends...); err != nil {
		e.log.Error("the end of attempts that were not sent could not be written", "lead", d.history.ID.String(),
			"attempts", len(ends), "err", err)
		return
	}
	d.releaseMaybe()
}

// releaseMaybe releases the holds of attempts that never were.
func (d *delivery) releaseMaybe() {
	if !d.policy().holds {
		return
	}
	for _, p := range d.maybe {
		d.e.release(p.Attempt, lead.NotSent)
	}
}

// learn waits, beside its caller, until the ledger knows what it could not tell in err, and then calls then where the
// group is stored. Till then it has the caller's claims: nobody else changes what then changes. Without claims (nil)
// then must bear that.
func (e *Exchange) learn(err error, held *heldClaims, then func()) {
	var u *ledger.Uncertain
	if !errors.As(err, &u) {
		return
	}
	if held != nil {
		held = held.HandOver()
	}
	if !e.running.Go(func() {
		if held != nil {
			defer held.Release()
		}
		if stored, err := u.Stored(e.end); err == nil && stored {
			then()
		}
	}) && held != nil {
		held.Release()
	}
}

// unsureWait is how long known waits for what became of the last append.
const unsureWait = time.Second

// known is nil where it is known what became of the last statement, payment, import or replacement: by the ledger's
// counts and refs of these the next one is judged, so that there is none twice. The caller has settling.
func (e *Exchange) known() error { return e.isKnown(&e.unsure) }

// isKnown is nil where it is known what became of the last append of a kind, which is forgotten then.
func (e *Exchange) isKnown(last **ledger.Uncertain) error {
	if *last == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(e.end, unsureWait)
	defer cancel()
	if _, err := (*last).Stored(ctx); err != nil {
		return fmt.Errorf("%w: of the one before", ErrMaybeBooked)
	}
	*last = nil
	return nil
}
