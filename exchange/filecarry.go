// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/ledger"
)

// carry does the next step for a file, and tells how long to wait for the one after it.
func (q *fileLines) carry(ctx context.Context, ln *fileLine, live *LiveCampaign, f *openFile) time.Duration {
	if err := q.recall(f); err != nil {
		return q.failed(ln, "reading how the file stands", err)
	}
	switch f.state {
	case ledger.FileStored:
		return q.settleRows(ctx, ln, f, true)
	case ledger.FileDropped:
		return q.settleRows(ctx, ln, f, false)
	case ledger.FileUndone:
		q.undo(ln, f)
		return 0
	case ledger.FileUnclear:
		q.tell(ln, "nobody can tell whether the file is stored: a person has to say so")
		return idle
	}
	text, err := q.of.Kept(f.ID)
	switch {
	case live == nil:
		q.tell(ln, noBatch)
		return idle
	case errors.Is(err, fs.ErrNotExist) && f.state == ledger.FileStoring:
		return q.mark(ln, f, ledger.FileUnclear, "its bytes are gone, and it may be stored")
	case errors.Is(err, fs.ErrNotExist):
		return q.mark(ln, f, ledger.FileUndone, "its bytes are gone, and it was not stored: its rows go into another")
	case err != nil:
		return q.failed(ln, "reading the file", err)
	}
	file := &batch.File{ID: f.ID, Name: f.Name, Bytes: text, SHA256: f.SHA256, Rows: f.Rows}
	live.Batch.Letter(file, live.ID, live.Buyer.ID, f.formed)
	return q.bring(ctx, ln, live.Batch, f, file)
}

// undo has the rows of a file that never was stored wait for another one.
func (q *fileLines) undo(ln *fileLine, f *openFile) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for attempt, id := range f.rows {
		ln.wait(attempt, waitingRow{id, timeOf(attempt)})
	}
	ln.file = nil
}

// recall reads off the ledger how a file of before stands.
func (q *fileLines) recall(f *openFile) error {
	if !f.attempt.IsZero() {
		return nil
	}
	h, err := q.e.history(f.first)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ev := range h.Events {
		if ev, ok := ev.(*ledger.Adjusted); ok && ev.File != nil && ev.File.ID == f.ID {
			f.attempt, f.state = ev.Attempt, ev.File.State
		}
	}
	if f.attempt.IsZero() {
		return fmt.Errorf("lead %s has no attempt in file %s", f.first, f.ID)
	}
	return nil
}

// bringMost is how long a try to bring a file takes at most, however slowly a server goes on.
const bringMost = time.Hour

// bring brings a file to where it is stored. Before it is to stand under its final name the ledger tells so: a crash
// after that finds it there, or does not know.
func (q *fileLines) bring(ctx context.Context, ln *fileLine, b *batch.Batch, f *openFile,
	file *batch.File) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, bringMost)
	defer cancel()
	place, err := q.of.Open(ctx, &b.To)
	if err != nil {
		return q.failed(ln, "connecting", err)
	}
	defer func() { _ = place.Close() }()
	at, err := place.Look(ctx, file)
	if err != nil {
		return q.failed(ln, "looking for the file", err)
	}
	begun := f.state == ledger.FileStoring
	switch {
	case at == batch.Stored:
		return q.mark(ln, f, ledger.FileStored, "")
	case at == batch.Alike && begun:
		return q.mark(ln, f, ledger.FileStored, "") // ours was about to have the name, and is not under its other one
	case at == batch.Taken, at == batch.Alike:
		return q.failed(ln, "storing", fmt.Errorf("another file stands under the name %s: it is left alone", f.Name))
	case at == batch.Absent && begun && !place.Repeats() && !b.To.Stay:
		return q.mark(ln, f, ledger.FileUnclear, "it was about to be stored, and is not there")
	case !begun, at == batch.Absent:
		if err := place.Stage(ctx, file); err != nil {
			return q.failed(ln, "sending", err)
		}
		if wait := q.mark(ln, f, ledger.FileStoring, ""); wait > 0 {
			return wait
		}
	}
	if err := place.Store(ctx, file); errors.Is(err, batch.ErrUnclear) {
		return q.failed(ln, "storing", err)
	} else if err != nil {
		q.mark(ln, f, ledger.FileWaiting, errText(err))
		return q.failed(ln, "storing", err)
	}
	return q.mark(ln, f, ledger.FileStored, "")
}

// mark writes down how a file stands.
func (q *fileLines) mark(ln *fileLine, f *openFile, state, why string) time.Duration {
	if err := q.write(f, state, why, byClearpost); err != nil {
		return q.failed(ln, "writing down how the file stands", err)
	}
	q.well(ln)
	switch state {
	case ledger.FileUnclear:
		q.Unclear.Add(1)
		q.e.log.Error("nobody can tell whether a file is stored: a person has to say so", "campaign", ln.campaign,
			"file", f.ID.String(), "name", f.Name, "rows", f.Rows, "why", why)
	case ledger.FileStored:
		q.Stored.Add(1)
		q.e.log.Info("a file is stored", "campaign", ln.campaign, "file", f.ID.String(), "name", f.Name, "rows", f.Rows,
			"bytes", f.Bytes)
	}
	return 0
}

// write stores the event, and what follows from it.
func (q *fileLines) write(f *openFile, state, why, by string) error {
	h, err := q.e.history(f.first)
	if err != nil {
		return err
	}
	a := h.Attempt(f.attempt)
	if a == nil {
		return fmt.Errorf("lead %s has no attempt %s", f.first, f.attempt)
	}
	ev := q.event(q.e.inForce.Load(), ledger.AdjustFile, f.first, a.Posting, &ledger.File{ID: f.ID, Name: f.Name,
		State: state})
	ev.Why, ev.By = why, by
	if err := q.e.led.Store(q.e.end, ev); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	f.state = state
	return nil
}

// settleRows ends the rows of a file that is stored, or will not be, some hundred at a time.
func (q *fileLines) settleRows(ctx context.Context, ln *fileLine, f *openFile, accepted bool) time.Duration {
	const atOnce = 100
	why := "its file is stored: " + f.Name
	if !accepted {
		why = "its file was given up: " + f.Name
	}
	for ctx.Err() == nil {
		rows := make([]lead.ID, 0, atOnce)
		q.mu.Lock()
		for attempt := range f.rows {
			if rows = append(rows, attempt); len(rows) == atOnce {
				break
			}
		}
		q.mu.Unlock()
		if len(rows) == 0 {
			break
		}
		n, err := q.endRows(f, rows, accepted, why)
		switch {
		case err != nil:
			return q.failed(ln, "settling rows", err)
		case n == 0: // all of them are busy
			return time.Second
		case accepted:
			q.Rows.Add(int64(n))
		}
	}
	if ctx.Err() != nil {
		return 0
	}
	if err := q.of.Drop(f.ID); err != nil {
		q.e.log.Error("the bytes of a file that is over cannot be removed", "file", f.ID.String(), "err", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.file, ln.why, ln.tries = nil, "", 0
	return 0
}

// endRows settles some rows with one append, and tells how many.
func (q *fileLines) endRows(f *openFile, rows []lead.ID, accepted bool, why string) (n int, err error) {
	e := q.e
	e.settling.Lock()
	defer e.settling.Unlock()
	held := e.claims.In()
	defer held.Release()
	var group []ledger.Event
	var ends []*ending
	var over []lead.ID
	for _, attempt := range rows {
		q.mu.Lock()
		id := f.rows[attempt]
		q.mu.Unlock()
		if _, ok := held.Take(leadName(id), &underWay{}); !ok {
			continue
		}
		h, err := e.history(id)
		if err != nil {
			return 0, err
		}
		x, err := e.ending(h, &Resolution{Attempt: attempt, Accepted: accepted, Why: why, By: byClearpost})
		if err != nil && !errors.Is(err, ErrNotUnresolved) {
			return 0, err
		}
		if over = append(over, attempt); x != nil {
			group, ends = append(group, x.group...), append(ends, x)
		}
	}
	if len(group) > 0 {
		if err := e.led.Store(e.end, group...); err != nil {
			return 0, err
		}
	}
	for _, x := range ends {
		e.resolved(x)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, attempt := range over {
		delete(f.rows, attempt)
	}
	return len(over), nil
}
