// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/batch"
	"clearpost/ledger"
)

// A campaign whose buyer says in files what became of the rows of its files has a line here, which looks for them. One
// is read when it has stood unchanged for a while: all of its rows, or none where it cannot be read to its end. A row
// becomes an event once, by what it says (responserow.go); that the file is done is an event after them. So a crash in
// between only has it read again.

// replies are the lines of all campaigns.
type replies struct {
	e  *Exchange
	of Files

	placing turn              // one row at a time is placed by hand
	unsure  *ledger.Uncertain // guarded by placing: of the last that was; nil: what became of it is known
	known   unplacedRows

	mu sync.Mutex // guards what follows, and what lines say it guards
	by map[string]*replyLine

	Files, Accepted, Refused, Unplaced, Failed atomic.Int64
}

// replyLine is that of one campaign. One goroutine looks for its files and reads them.
type replyLine struct {
	campaign string
	nudged   chan struct{} // holds one: look again, now

	// guarded by replies.mu
	looked   time.Time             // when that worked last
	why      string                // why nothing can be done at this moment
	tries    int                   // in a row that failed
	files    map[string]*inboxFile // by the names under which they stand
	problems []Problem             // newest last
	sums     ReplySums
}

// inboxFile is a response file that stands there. Its line's goroutine owns it, but for what replies.mu guards.
type inboxFile struct {
	at     batch.Appeared
	since  time.Time // when it stood so first
	still  bool      // it has stood so for a while
	spoilt string    // the hash of the configuration by which it could not be read
	sum    string
	taken  []fate // what became of its rows

	// guarded by replies.mu
	done  bool
	rows  int    // that it has, once it was read
	wait  int    // of them, that could not be taken yet
	wrong string // why it is not done
}

// fate is what became of a row.
type fate uint8

const (
	untaken fate = iota
	accepted
	refused
	unplaced
)

// Problem is a row of a response of which nothing could be made, as the ledger has it.
type Problem struct {
	At   time.Time `json:"at"`
	File string    `json:"file"`
	Line int64     `json:"line"`
	Lead string    `json:"lead,omitempty"` // the id that stands there; "": none does
	Why  string    `json:"why"`
}

const (
	problemsKept = 100         // of a campaign, in memory; the ledger has all
	settleWait   = time.Minute // how long a file has to stand unchanged
)

// follow has the lines of the campaigns run whose buyers send responses, after the start and after each reload.
func (q *replies) follow() {
	if q.of == nil || q.e.offline {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.e.inForce.Load().campaigns {
		if l.Batch == nil || l.Batch.Response == nil {
			continue
		}
		if ln := q.by[l.ID]; ln != nil {
			nudge(ln.nudged)
			continue
		}
		ln := &replyLine{campaign: l.ID, nudged: make(chan struct{}, 1), files: map[string]*inboxFile{}}
		q.by[l.ID] = ln
		q.e.running.Go(func() {
			q.e.kept("reading a response panicked", func(ctx context.Context) { q.serve(ctx, ln) })
		})
	}
}

// nudge has a campaign's response files looked for at once.
func (q *replies) nudge(campaign string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ln := q.by[campaign]; ln != nil {
		nudge(ln.nudged)
	}
}

// serve looks for files until the context ends, or the campaign has none any more.
func (q *replies) serve(ctx context.Context, ln *replyLine) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		r := q.response(ln)
		if r == nil {
			return
		}
		timer.Reset(q.look(ctx, ln, r))
		select {
		case <-timer.C:
		case <-ln.nudged:
		case <-ctx.Done():
		}
	}
}

// response is what the configuration in force says of a line. Where it has none any more that is nil, and the line's
// end.
func (q *replies) response(ln *replyLine) *batch.Response {
	q.mu.Lock()
	defer q.mu.Unlock()
	if live := q.e.inForce.Load().inFiles(ln.campaign); live != nil && live.Batch.Response != nil {
		return live.Batch.Response
	}
	delete(q.by, ln.campaign)
	return nil
}

// look reads what stands there, and tells how long to wait for the next look.
func (q *replies) look(ctx context.Context, ln *replyLine, r *batch.Response) time.Duration {
	within, cancel := context.WithTimeout(ctx, bringMost)
	defer cancel()
	box, err := q.of.Inbox(within, r)
	if err != nil {
		return q.failed(ctx, ln, r, "connecting", err)
	}
	defer func() { _ = box.Close() }()
	list, err := box.List(within, r)
	if err != nil {
		return q.failed(ctx, ln, r, "listing", err)
	}
	next, hash := q.found(ln, list, r.Every), q.e.inForce.Load().cfg.Hash
	first := "" // what stands aside of this name comes before what stands there now
	for _, at := range list {
		f := ln.files[at.Stands()]
		if at.Name == first || f.done || f.still && f.spoilt == hash {
			continue
		}
		if f.still {
			if err := q.read(within, ln, r, box, f, hash); err != nil {
				return q.failed(ctx, ln, r, "reading "+at.Name, err)
			}
		}
		if !f.done && f.spoilt == "" {
			next = min(next, settleWait)
			if at.As != "" {
				first = at.Name
			}
		}
	}
	for _, at := range list {
		if err := q.away(within, ln, r, box, ln.files[at.Stands()]); err != nil {
			return q.failed(ctx, ln, r, r.Done+" "+at.Name, err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.looked, ln.why, ln.tries = q.e.wall(), "", 0
	return next
}

// away has a file that is done removed or moved, where that is configured and it is still the one that was read. The
// ledger has it before: should nobody be able to tell whether it is away, and should it stand there again, its rows
// count no second time. It stands aside first, where its place knows how, and is looked at there: what its buyer writes
// over it up to that moment is read as what it is, and what comes later is another file.
func (q *replies) away(ctx context.Context, ln *replyLine, r *batch.Response, box batch.Inbox, f *inboxFile) error {
	if r.Done == batch.DoneKeep || !f.still || !f.done {
		return nil
	}
	at := f.at
	if same, err := q.same(ctx, box, f, at.Stands()); err != nil || !same {
		return err
	}
	if at.As == "" {
		as := batch.AsideName(at.Name, q.e.now())
		switch err := box.Aside(ctx, at.Name, as); {
		case err == nil:
			at.As = as
			if same, err := q.same(ctx, box, f, as); err != nil || !same {
				return err
			}
		case errors.Is(err, fs.ErrNotExist):
			return nil // somebody was quicker
		case !errors.Is(err, errors.ErrUnsupported):
			return err
		}
	}
	var err error
	if r.Done == batch.DoneDelete {
		err = box.Remove(ctx, at.Stands())
	} else {
		err = box.Move(ctx, at.Stands(), r.DoneFolder, batch.DoneName(at.Name, f.sum))
	}
	switch {
	case errors.Is(err, batch.ErrChanged):
		q.another(f)
		return nil
	case err == nil:
		q.e.log.Info("a response file that was read is away", "campaign", ln.campaign, "file", at.Name, "done", r.Done)
	}
	return err
}

// same tells whether what stands under a name is the file that was read; if it is another one, that is read, too.
func (q *replies) same(ctx context.Context, box batch.Inbox, f *inboxFile, name string) (bool, error) {
	text, err := box.Fetch(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // somebody was quicker
	}
	if err != nil {
		return false, err
	}
	if sum := sha256.Sum256(text); f.sum != hex.EncodeToString(sum[:]) {
		q.another(f)
		return false, nil
	}
	return true, nil
}

// another has a file be read anew.
func (q *replies) another(f *inboxFile) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f.since, f.still, f.done, f.wrong = q.e.wall(), false, false, "it has changed since it was read, and is read again"
}

// found notes what stands there now, and tells how long to wait for the next look.
func (q *replies) found(ln *replyLine, list []batch.Appeared, every time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	there, wall := map[string]bool{}, q.e.wall()
	for _, at := range list {
		there[at.Stands()] = true
		if f := ln.files[at.Stands()]; f != nil && f.at.Bytes == at.Bytes && f.at.Changed.Equal(at.Changed) {
			if f.still = wall.Sub(f.since) >= settleWait; !f.still { // somebody has asked to look before its time
				every = min(every, settleWait)
			}
			continue
		}
		ln.files[at.Stands()] = &inboxFile{at: at, since: wall,
			wrong: "it is read when it has stood unchanged for a while"}
		every = min(every, settleWait)
	}
	for name := range ln.files {
		if !there[name] {
			delete(ln.files, name)
		}
	}
	return every
}

// read reads a file that stands still, and has its rows be events. An error is one after which it is tried again.
func (q *replies) read(ctx context.Context, ln *replyLine, r *batch.Response, box batch.Inbox, f *inboxFile,
	hash string) error {
	text, err := box.Fetch(ctx, f.at.Stands())
	if err != nil {
		return err
	}
	if int64(len(text)) != f.at.Bytes && len(text) <= batch.ResponseBytesMax { // somebody is at it
		f.since, f.still = q.e.wall(), false
		return nil
	}
	sum := sha256.Sum256(text)
	if f.sum != hex.EncodeToString(sum[:]) {
		f.sum, f.taken = hex.EncodeToString(sum[:]), nil
	}
	end := responseRef + f.at.Name + " " + f.sum
	if q.e.led.ByRef("campaign:"+ln.campaign, end) {
		q.mu.Lock()
		defer q.mu.Unlock()
		f.done, f.wait, f.wrong = true, 0, ""
		return nil
	}
	rows, err := q.of.Rows(r, f.at.Name, text)
	if err != nil {
		q.spoil(ln, f, hash, err)
		return nil
	}
	if len(f.taken) != len(rows) {
		f.taken = make([]fate, len(rows))
	}
	return q.take(ctx, ln, r, f, rows, end)
}

// spoil notes that nothing can be made of a file as it is, with this configuration.
func (q *replies) spoil(ln *replyLine, f *inboxFile, hash string, err error) {
	q.Failed.Add(1)
	q.e.log.Error("a response file cannot be read: none of its rows counts", "campaign", ln.campaign,
		"file", f.at.Name, "err", err)
	q.mu.Lock()
	defer q.mu.Unlock()
	f.spoilt, f.wrong = hash, err.Error()
}

// take has the rows of a file be events, those that are not yet, and the file be done when all are.
func (q *replies) take(ctx context.Context, ln *replyLine, r *batch.Response, f *inboxFile, rows []batch.ResponseRow,
	end string) error {
	told, wait, why := ledger.ToldRow{File: f.at.Name, SHA256: f.sum}, 0, ""
	var n [unplaced + 1]int
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.taken[i] == untaken {
			var err error
			f.taken[i], err = q.takeRow(ln, replyRowOf(r, ln.campaign, told, &rows[i]))
			if later := notNow(""); errors.As(err, &later) {
				wait, why = wait+1, string(later)
			} else if err != nil {
				return fmt.Errorf("line %d: %w", rows[i].Line, err)
			}
		}
		n[f.taken[i]]++
	}
	q.mu.Lock()
	f.rows, f.wait, f.spoilt, f.wrong = len(rows), wait, "", ""
	if wait > 0 {
		f.wrong = fmt.Sprintf("%d rows wait: %s", wait, why)
	}
	q.mu.Unlock()
	if wait > 0 {
		return nil
	}
	told.Accepted, told.Refused, told.Unplaced = n[accepted], n[refused], n[unplaced]
	ev := q.e.toldOf(ln.campaign, ledger.AdjustResponse, "read to its end: "+f.at.Name, end, told)
	if err := q.e.led.Store(q.e.end, ev); err != nil {
		return err
	}
	q.Files.Add(1)
	q.e.log.Info("a response file was read", "campaign", ln.campaign, "file", f.at.Name, "accepted", told.Accepted,
		"refused", told.Refused, "unplaced", told.Unplaced)
	q.mu.Lock()
	defer q.mu.Unlock()
	f.done = true
	ln.sums.add(&told)
	return nil
}

// failed notes that something did not work, and tells how long to wait until it is tried again.
func (q *replies) failed(ctx context.Context, ln *replyLine, r *batch.Response, what string,
	err error) time.Duration {
	if ctx.Err() != nil {
		return time.Hour
	}
	q.Failed.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.why = what + ": " + errText(err)
	if ln.tries == 0 {
		q.e.log.Warn("response files cannot be read: it is tried again", "campaign", ln.campaign, "what", what,
			"err", errText(err))
	}
	ln.tries++
	return min(settleWait<<min(ln.tries-1, 6), max(r.Every, settleWait))
}
