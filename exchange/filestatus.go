// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// BatchStatus is how a campaign stands that takes its leads in files.
type BatchStatus struct {
	Campaign string       `json:"campaign"`
	To       string       `json:"to,omitempty"` // folder, sftp; empty: it takes no files any more
	Waiting  int          `json:"waiting"`      // leads that wait for a file
	Oldest   *time.Time   `json:"oldest,omitempty"`
	Next     *time.Time   `json:"next,omitempty"` // when it is looked at again at the latest
	Files    []FileStatus `json:"files"`          // under way, the first one first
	Tries    int          `json:"tries,omitempty"`
	Why      string       `json:"why,omitempty"` // why nothing can be done at this moment
	Response *ReplyStatus `json:"response,omitempty"`
}

// ReplyStatus tells of the response files of a campaign's buyer.
type ReplyStatus struct {
	Name     string      `json:"name"`                // what they are called
	Looked   *time.Time  `json:"looked_at,omitempty"` // when it could be looked for them last
	Tries    int         `json:"tries,omitempty"`
	Why      string      `json:"why,omitempty"` // why nothing can be done at this moment
	Since    ReplySums   `json:"since_start"`   // of the files that were read to their end
	Files    []ReplyFile `json:"files"`         // that stand there and are not done
	Problems []Problem   `json:"problems"`      // the last rows that came to nothing since the start, the newest last
}

// ReplySums are sums of response files.
type ReplySums struct {
	Files    int64 `json:"files"`
	Accepted int64 `json:"accepted"` // rows that say that the lead is bought
	Refused  int64 `json:"refused"`  // rows that say that it is not
	Unplaced int64 `json:"unplaced"` // rows that came to nothing
}

func (s *ReplySums) add(t *ledger.ToldRow) {
	s.Files++
	s.Accepted, s.Refused = s.Accepted+int64(t.Accepted), s.Refused+int64(t.Refused)
	s.Unplaced += int64(t.Unplaced)
}

// ReplyFile is a response file that is not done.
type ReplyFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Rows  int    `json:"rows,omitempty"`    // once it was read
	Wait  int    `json:"waiting,omitempty"` // of them, that cannot be taken yet
	Why   string `json:"why"`               // it is not done
}

// FileStatus is a file that is under way.
type FileStatus struct {
	File   lead.ID   `json:"file"`
	Name   string    `json:"name"`
	Rows   int       `json:"rows"`
	Open   int       `json:"open"` // of them, that are not settled
	Bytes  int       `json:"bytes"`
	SHA256 string    `json:"sha256"`
	Formed time.Time `json:"formed_at"`
	State  string    `json:"state"` // formed, storing, unclear, stored, dropped, undone
}

// Batches tells how all campaigns stand that take their leads in files, or have such leads, in the order of their ids.
func (e *Exchange) Batches() []BatchStatus {
	snap, out := e.inForce.Load(), []BatchStatus{}
	live := map[string]*LiveCampaign{}
	for _, l := range snap.campaigns {
		if l.Batch != nil {
			live[l.ID] = l
		}
	}
	q := e.files
	q.mu.Lock()
	for _, ln := range q.by {
		out = append(out, ln.status())
	}
	for id := range live {
		if q.by[id] == nil {
			out = append(out, BatchStatus{Campaign: id, Files: []FileStatus{}})
		}
	}
	q.mu.Unlock()
	for i := range out {
		s := &out[i]
		if l := live[s.Campaign]; l != nil {
			s.To = l.Batch.To.Kind()
			if l.Batch.Response != nil {
				s.Response = e.replies.status(l)
			}
		}
	}
	slices.SortFunc(out, func(a, b BatchStatus) int { return strings.Compare(a.Campaign, b.Campaign) })
	return out
}

// status tells of a campaign's response files.
func (q *replies) status(l *LiveCampaign) *ReplyStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &ReplyStatus{Name: l.Batch.Response.Name, Files: []ReplyFile{}, Problems: []Problem{}}
	ln := q.by[l.ID]
	if ln == nil {
		return s
	}
	s.Tries, s.Why, s.Since, s.Problems = ln.tries, ln.why, ln.sums, append(s.Problems, ln.problems...)
	if !ln.looked.IsZero() {
		at := ln.looked.UTC()
		s.Looked = &at
	}
	for _, f := range ln.files {
		if !f.done {
			s.Files = append(s.Files, ReplyFile{Name: f.at.Name, Bytes: f.at.Bytes, Rows: f.rows, Wait: f.wait,
				Why: f.wrong})
		}
	}
	slices.SortFunc(s.Files, func(a, b ReplyFile) int { return strings.Compare(a.Name, b.Name) })
	return s
}

func (ln *fileLine) status() BatchStatus {
	s := BatchStatus{Campaign: ln.campaign, Waiting: len(ln.waiting), Files: []FileStatus{}, Tries: ln.tries,
		Why: ln.why}
	if s.Waiting > 0 {
		since := ln.since.UTC()
		s.Oldest = &since
	}
	if !ln.next.IsZero() && (s.Waiting > 0 || ln.file != nil) {
		next := ln.next.UTC()
		s.Next = &next
	}
	for _, f := range ln.files() {
		x := FileStatus{File: f.ID, Name: f.Name, Rows: f.Rows, Open: len(f.rows), Bytes: f.Bytes, SHA256: f.SHA256,
			Formed: f.formed.UTC(), State: f.state}
		if x.State == "" {
			x.State = "formed"
		}
		s.Files = append(s.Files, x)
	}
	return s
}

// FileTotals are counts since the start.
type FileTotals struct {
	Formed, Stored, Rows int64 // files, files, and rows that were delivered by them
	Failed               int64 // tries

	Replies                     int64 // response files that were read to their end
	Accepted, Refused, Unplaced int64 // rows of response files, by what became of them
	RepliesFailed               int64 // tries to read them
}

// FileTotals are those of all campaigns together.
func (e *Exchange) FileTotals() FileTotals {
	q := e.files
	r := e.replies
	return FileTotals{q.Formed.Load(), q.Stored.Load(), q.Rows.Load(), q.Failed.Load(), r.Files.Load(),
		r.Accepted.Load(), r.Refused.Load(), r.Unplaced.Load(), r.Failed.Load()}
}

// Errors of SendNow and SettleFile.
var (
	ErrNoBatch   = errors.New("no campaign with this id takes its leads in files, and has any")
	ErrNoFile    = errors.New("no file with this id is under way")
	ErrFileState = errors.New("how the file stands is not for a person to say: it is stored, about to be, or given up")
	ErrFileBusy  = errors.New("the file is being sent at this moment: ask again when that is over")
)

// SendNow has a file formed of what waits for a campaign, what failed tried at once, and response files looked for. It
// tells how many wait.
func (e *Exchange) SendNow(campaign string) (waiting int, err error) {
	e.replies.nudge(campaign)
	q := e.files
	q.mu.Lock()
	defer q.mu.Unlock()
	ln := q.by[campaign]
	if ln == nil {
		if c := e.inForce.Load().cfg.Book.Campaign(campaign); c != nil && c.Batch != nil {
			return 0, nil
		}
		return 0, ErrNoBatch
	}
	ln.asked = len(ln.waiting) > 0
	nudge(ln.nudged)
	return len(ln.waiting), nil
}

// What a person may say of a file.
const (
	FileAgain   = "again"   // it is not stored: it is tried again, the same
	FileIsThere = "stored"  // it is stored: its rows are sales
	FileGivenUp = "dropped" // it is not stored, and will not be: its rows are no sales
)

// SettleFile takes what a person has found out about a file, or decided. That it is stored, or will never be, may only
// be said of one that is unclear or was never tried to be stored.
func (e *Exchange) SettleFile(id lead.ID, verdict, why, by string) error {
	q := e.files
	q.mu.Lock()
	var ln *fileLine
	var f *openFile
	for _, x := range q.by {
		if got := x.fileByID(id); got != nil {
			ln, f = x, got
		}
	}
	q.mu.Unlock()
	if f == nil {
		return ErrNoFile
	}
	select {
	case ln.working <- struct{}{}:
		defer ln.working.Unlock()
	default:
		return ErrFileBusy
	}
	if err := q.recall(f); err != nil {
		return err
	}
	return q.verdict(ln, f, verdict, why, by)
}

// verdict does it. The caller has the line's turn.
func (q *fileLines) verdict(ln *fileLine, f *openFile, verdict, why, by string) error {
	next := map[string]string{FileAgain: ledger.FileWaiting, FileIsThere: ledger.FileStored,
		FileGivenUp: ledger.FileDropped}[verdict]
	switch {
	case f.state == ledger.FileUnclear:
	case verdict == FileAgain && (f.state == "" || f.state == ledger.FileWaiting || f.state == ledger.FileStoring):
		q.well(ln)
		nudge(ln.nudged)
		return nil
	case verdict == FileGivenUp && (f.state == "" || f.state == ledger.FileWaiting):
	default:
		return ErrFileState
	}
	if err := q.write(f, next, why, by); err != nil {
		return err
	}
	q.well(ln)
	nudge(ln.nudged)
	return nil
}
