// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"container/heap"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// A campaign that takes its leads in files has a line here: the open attempts that wait for a file, by their ids, and
// the file that is under way. A file is decided by events (fileform.go: `batched`, one a row), brought to where it is
// stored (filecarry.go), and its rows are sales when it stands there under its final name. All of it can be read off
// the ledger again: this keeps ids and times, and no lead.

// fileLines are the lines of all campaigns.
type fileLines struct {
	e  *Exchange
	of Files

	mu      sync.Mutex           // guards what follows, and what lines say it guards
	by      map[string]*fileLine // by campaign
	started bool

	Formed, Stored, Rows, Unclear, Failed atomic.Int64
}

// fileLine is that of one campaign. One goroutine forms and carries its files, one after the other.
type fileLine struct {
	campaign string
	nudged   chan struct{} // holds one: look again, now
	working  turn          // who takes a step of its file
	looks    int           // without a file, since leads were busy; guarded by working

	// guarded by fileLines.mu
	waiting map[lead.ID]waitingRow // by attempt
	file    *openFile
	asked   bool      // a file is to be formed of what waits, now
	last    time.Time // when its last file was formed
	since   time.Time // of the oldest that waits, as it was looked at last; zero: nobody has
	order   rowOrder  // what waits, but what a file is formed of at this moment
	next    time.Time // when it is looked at again
	why     string    // why nothing can be done at this moment
	tries   int       // in a row that failed
	more    []*openFile
}

// waitingRow is an open attempt that waits for a file.
type waitingRow struct {
	lead lead.ID
	at   time.Time // of the attempt
}

// openFile is a file that is decided, with the rows that are not settled yet.
type openFile struct {
	ledger.File
	campaign string
	first    lead.ID             // the lead of its first row, by which the ledger tells how it stands
	attempt  lead.ID             // that row
	formed   time.Time           // its id was made then
	rows     map[lead.ID]lead.ID // attempt → lead
	state    string
}

// add has an open attempt wait for a file, or go on as a row of the one that it is in. It does nothing for one that is
// known.
func (q *fileLines) add(h *history.History, a *history.Attempt) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := a.Posting
	ln := q.by[p.Campaign]
	if ln == nil {
		ln = &fileLine{campaign: p.Campaign, nudged: make(chan struct{}, 1), working: newTurn(),
			waiting: map[lead.ID]waitingRow{}}
		q.by[p.Campaign] = ln
		q.run(ln)
	}
	if a.File == nil {
		if ln.fileOf(p.Attempt) == nil {
			ln.wait(p.Attempt, waitingRow{h.ID, p.At})
		}
		nudge(ln.nudged)
		return
	}
	f := ln.fileByID(a.File.ID)
	if f == nil {
		f = &openFile{File: *a.File, campaign: p.Campaign, first: a.File.First, formed: timeOf(a.File.ID),
			rows: map[lead.ID]lead.ID{}}
		ln.more = append(ln.more, f)
		slices.SortFunc(ln.more, func(a, b *openFile) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	}
	f.rows[p.Attempt] = h.ID
	nudge(ln.nudged)
}

// wait has an attempt wait. The caller holds the lock.
func (ln *fileLine) wait(attempt lead.ID, r waitingRow) {
	if _, known := ln.waiting[attempt]; !known {
		heap.Push(&ln.order, orderedRow{attempt, r.at})
	}
	ln.waiting[attempt] = r
	if ln.since.IsZero() || r.at.Before(ln.since) {
		ln.since = r.at
	}
}

func (ln *fileLine) fileByID(id lead.ID) *openFile {
	for _, f := range ln.files() {
		if f.ID == id {
			return f
		}
	}
	return nil
}

func (ln *fileLine) fileOf(attempt lead.ID) *openFile {
	for _, f := range ln.files() {
		if _, ok := f.rows[attempt]; ok {
			return f
		}
	}
	return nil
}

// files are those that are under way, in their order.
func (ln *fileLine) files() []*openFile {
	if ln.file == nil {
		return ln.more
	}
	return append([]*openFile{ln.file}, ln.more...)
}

// carries tells whether an attempt is a row of a file whose fate is not a person's to say: that would not reach the
// file.
func (q *fileLines) carries(h *history.History, attempt lead.ID) bool {
	a := h.Attempt(attempt)
	if a == nil || !a.Posting.Batch {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	ln := q.by[a.Posting.Campaign]
	if ln == nil {
		return false
	}
	f := ln.fileOf(attempt)
	return f != nil && f.state != ledger.FileUnclear
}

// start has all lines run, once the ledger's open attempts are known.
func (q *fileLines) start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started = true
	var open []lead.ID
	for _, ln := range q.by {
		for _, f := range ln.files() {
			open = append(open, f.ID)
		}
		q.run(ln)
	}
	if q.of == nil || q.e.offline {
		return
	}
	if err := q.of.Sweep(open); err != nil {
		q.e.log.Error("the bytes of files that are over cannot be removed", "err", err)
	}
}

// run has a line run. The caller holds the lock.
func (q *fileLines) run(ln *fileLine) {
	if q.started && !q.e.offline && q.of != nil {
		q.e.running.Go(func() {
			q.e.kept("forming or carrying a file panicked", func(ctx context.Context) { q.serve(ctx, ln) })
		})
	}
}

// wake has all lines look again, as after a reload.
func (q *fileLines) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ln := range q.by {
		nudge(ln.nudged)
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve forms and carries a campaign's files until the context ends.
func (q *fileLines) serve(ctx context.Context, ln *fileLine) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := q.step(ctx, ln)
		if wait <= 0 {
			continue
		}
		q.mu.Lock()
		ln.next = q.e.wall().Add(wait)
		q.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-ln.nudged:
		case <-ctx.Done():
		}
	}
}

const noBatch = "the campaign is not configured, or takes no files any more"

// idle is how long a line waits for somebody to nudge it.
const idle = time.Hour

// step does what is to be done for a line, and tells how long to wait for the next.
func (q *fileLines) step(ctx context.Context, ln *fileLine) time.Duration {
	ln.working.Lock()
	defer ln.working.Unlock()
	live := q.e.inForce.Load().inFiles(ln.campaign)
	q.mu.Lock()
	if ln.file == nil && len(ln.more) > 0 {
		ln.file, ln.more = ln.more[0], ln.more[1:]
	}
	f := ln.file
	q.mu.Unlock()
	switch {
	case f != nil:
		return q.carry(ctx, ln, live, f)
	case live == nil:
		q.tell(ln, noBatch)
		return idle
	case live.paused():
		q.tell(ln, "the campaign or its buyer is paused")
		return q.form(ctx, ln, live, true)
	}
	return q.form(ctx, ln, live, false)
}

// inFiles is the campaign with an id, nil if it takes no files.
func (snap *Snapshot) inFiles(campaign string) *LiveCampaign {
	c := snap.cfg.Book.Campaign(campaign)
	if c == nil || c.Batch == nil {
		return nil
	}
	return snap.campaigns[c.Index]
}

func (q *fileLines) tell(ln *fileLine, why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.why = why
}

// failed notes that something did not work, and tells how long to wait until it is tried again: twice as long each
// time, ten minutes at most.
func (q *fileLines) failed(ln *fileLine, what string, err error) time.Duration {
	q.Failed.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.why = what + ": " + errText(err)
	if ln.tries == 0 {
		q.e.log.Warn("a file is not stored yet: it is tried again", "campaign", ln.campaign, "what", what,
			"err", errText(err))
	}
	ln.tries++
	return min(10*time.Second<<min(ln.tries-1, 6), 10*time.Minute)
}

// errText is what an error says, as far as that is kept: servers may say anything, at any length.
func errText(err error) string {
	const most = 500
	text := strings.ToValidUTF8(err.Error(), "\ufffd")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// well notes that something worked.
func (q *fileLines) well(ln *fileLine) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.why, ln.tries = "", 0
}

// setAside ends the part of a trip that is about a campaign which takes its leads in files: nothing is sent, and what
// becomes of the attempt is known when its file is stored.
func (d *delivery) setAside(o *outbound) heard {
	h := heard{outbound: o}
	if d.policy().test {
		h.outs = d.testFile(o)
		return h
	}
	for _, p := range o.of {
		h.outs = append(h.outs, &ledger.Posted{Head: d.head(ledger.KindPosted, d.e.now()), Attempt: p.Attempt,
			Campaign: p.Campaign, Buyer: p.Buyer, PingPrice: p.Price, Charges: p.Charges, Outcome: lead.Unknown,
			Refusal: lead.AwaitsFile})
	}
	return h
}

// rowOf is the row in what a campaign's row is rendered as: the body of a request.
func rowOf(req []byte) []byte {
	_, body, _ := bytes.Cut(req, []byte("\r\n\r\n"))
	return body
}

// timeOf is when an id was made.
func timeOf(id lead.ID) time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms)
}
