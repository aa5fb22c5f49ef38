// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"clearpost/batch"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// forming is a file that is being formed.
type forming struct {
	rows  []*history.Attempt // in their order
	leads []lead.ID
	texts []string
	bytes int
	busy  int // rows whose leads somebody else is at
	held  *heldClaims
	seen  []orderedRow // that were taken out of the order
}

// A file is not formed without rows whose leads somebody is at, as the trips are that have just brought them, before it
// has waited so often, so long.
const (
	busyLooks = 20
	busyPause = 50 * time.Millisecond
)

// form forms a file of what waits, if it is time, and tells how long to wait for the next.
func (q *fileLines) form(ctx context.Context, ln *fileLine, live *LiveCampaign, paused bool) time.Duration {
	b, now := live.Batch, q.e.wall()
	q.mu.Lock()
	due, next := b.Send.Due(len(ln.waiting), ln.since, now)
	due = (due || ln.asked && len(ln.waiting) > 0) && !paused
	if len(ln.waiting) == 0 {
		ln.asked = false
	}
	if !paused && ln.tries == 0 {
		ln.why = ""
	}
	q.mu.Unlock()
	if !due {
		switch {
		case paused:
			return time.Minute
		case next.IsZero():
			return idle
		}
		return min(max(next.Sub(now), time.Millisecond), idle)
	}
	if wait := ln.last.Truncate(time.Second).Add(time.Second).Sub(now); wait > 0 {
		return wait // a name may tell files apart by seconds
	}
	f := &forming{held: q.e.claims.In()}
	defer f.held.Release()
	defer func() { q.stay(ln, f.seen) }()
	if err := q.gather(ctx, ln, b, f); err != nil {
		return q.failed(ln, "forming a file", err)
	}
	if f.busy > 0 && ln.looks < busyLooks {
		ln.looks++
		return busyPause
	}
	ln.looks = 0
	if len(f.rows) == 0 {
		return time.Second // all have left, or are busy
	}
	file, err := q.decide(ln, live, f)
	if err != nil {
		return q.failed(ln, "forming a file", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range f.rows {
		delete(ln.waiting, a.Posting.Attempt)
	}
	ln.file, ln.last, ln.asked, ln.why, ln.tries = file, now, ln.asked && len(ln.waiting) > 0, "", 0
	q.Formed.Add(1)
	return 0
}

// gather reads the rows of a file back from the ledger and claims their leads. What waits no more, and what is too old,
// leaves the line.
func (q *fileLines) gather(ctx context.Context, ln *fileLine, b *batch.Batch, f *forming) error {
	e := q.e
	for len(f.rows) < b.RowsMax && f.bytes < batch.FileBytesMax && ctx.Err() == nil {
		x, r, ok := q.oldest(ln)
		if !ok {
			break
		}
		id := x.attempt
		f.seen = append(f.seen, x)
		if _, ok := f.held.Take(leadName(r.lead), &underWay{}); !ok {
			f.busy++ // it has a turn with the next file
			continue
		}
		h, err := e.history(r.lead)
		if err != nil {
			return err
		}
		a := h.Attempt(id)
		switch {
		case a == nil || a.Outcome() != lead.Unknown:
			q.leave(ln, id)
		case e.now().Sub(h.Received()) > b.AgeMax:
			if err := q.tooOld(h, id, b.AgeMax); err != nil {
				return err
			}
			q.leave(ln, id)
		case !whole(a.Posting.Private.Request):
			e.log.Error("the row of an attempt is not in the ledger: it waits for a person", "attempt", id.String())
			q.leave(ln, id)
		default:
			text := a.Posting.Private.Request.Text
			f.rows, f.leads, f.texts = append(f.rows, a), append(f.leads, r.lead), append(f.texts, text)
			f.bytes += len(text)
		}
	}
	return ctx.Err()
}

// tooOld ends an attempt whose lead is older than its campaign takes leads. Nobody has had it. The caller holds the
// lead's trip.
func (q *fileLines) tooOld(h *history.History, attempt lead.ID, most time.Duration) error {
	e := q.e
	e.settling.Lock()
	defer e.settling.Unlock()
	x, err := e.ending(h, &Resolution{Attempt: attempt, By: byClearpost,
		Why: fmt.Sprintf("not delivered: the lead was older than %s when its file was formed", most)})
	if err != nil {
		return err
	}
	if err := e.led.Store(e.end, x.group...); err != nil {
		return err
	}
	e.resolved(x)
	return nil
}

// whole tells whether a message is there as it was.
func whole(b *ledger.Body) bool {
	if b == nil || b.Cut {
		return false
	}
	sum := sha256.Sum256([]byte(b.Text))
	return hex.EncodeToString(sum[:]) == b.SHA256
}

// leave takes an attempt out of its line.
func (q *fileLines) leave(ln *fileLine, attempt lead.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(ln.waiting, attempt)
}

// decide makes the file and writes down what it is: from then on it is this file, or none. Its bytes are kept before.
func (q *fileLines) decide(ln *fileLine, live *LiveCampaign, f *forming) (*openFile, error) {
	e, b := q.e, live.Batch
	text, err := b.Write(f.texts)
	if err == nil {
		text, err = b.Encrypt(text)
	}
	if err != nil {
		return nil, err
	}
	now := e.now()
	sum, id := sha256.Sum256(text), ledger.NewID(now)
	file := &openFile{campaign: ln.campaign, first: f.leads[0], attempt: f.rows[0].Posting.Attempt, formed: now,
		rows: map[lead.ID]lead.ID{}, File: ledger.File{ID: id, Rows: len(f.rows), Bytes: len(text),
			Name:   b.NameOf(live.ID, live.Buyer.ID, id, len(f.rows), now),
			SHA256: hex.EncodeToString(sum[:]), First: f.leads[0]}}
	if err := q.of.Keep(id, text); err != nil {
		return nil, fmt.Errorf("keep its bytes: %w", err)
	}
	snap := e.inForce.Load()
	group := make([]ledger.Event, len(f.rows))
	for i, a := range f.rows {
		row := file.File
		row.Row = i + 1
		file.rows[a.Posting.Attempt] = f.leads[i]
		group[i] = q.event(snap, ledger.AdjustBatched, f.leads[i], a.Posting, &row)
	}
	return file, e.led.Store(e.end, group...) // where that fails nobody can tell, and the next start knows
}

// event tells of a row, or of a file by its first row.
func (q *fileLines) event(snap *Snapshot, what string, id lead.ID, p *ledger.Posting, f *ledger.File) *ledger.Adjusted {
	return &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, id, p.Source, p.Vertical, q.e.now()), Adjustment: what,
		By: byClearpost, Attempt: p.Attempt, Campaign: p.Campaign, Buyer: p.Buyer, File: f}
}
