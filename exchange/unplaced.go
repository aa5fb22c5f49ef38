// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"clearpost/batch"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// A row of a response of which nothing could be made waits for a person, who says what it is about or drops it. Either
// is an event under a ref made of the row's, so that it is said once, and in one group with what it does to the lead.

// UnplacedRow is a row of a response that waits for a person.
type UnplacedRow struct {
	Row       lead.ID    `json:"row"` // its event's id
	At        time.Time  `json:"at"`
	Campaign  string     `json:"campaign"`
	Buyer     string     `json:"buyer"`
	File      string     `json:"file"`
	Line      int64      `json:"line"`
	Lead      string     `json:"lead,omitempty"` // the id that stands there; "": none does
	Result    string     `json:"result,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros,omitempty"` // in whatever currency
	Why       string     `json:"why"`                    // nothing could be made of it
}

// Placement is what a person says of a row: which attempt it is about.
type Placement struct {
	Row       lead.ID
	Name      string      // any name that leads to one attempt at the row's buyer
	Accepted  *bool       // nil: what the row's result means
	Price     *lead.Money // accepted: what is booked; nil: as it is. It has to be said where the row has one
	Reference string      // accepted: "": the row's
	Why, By   string
}

// Errors of PlaceRow and DropRow.
var (
	ErrNoRow    = errors.New("no row of a response with this id came to nothing")
	ErrPlaced   = errors.New("the row is placed elsewhere, or dropped")
	ErrNotToSay = errors.New("this cannot be said of the row")
	ErrNotPlace = errors.New("the row cannot be placed there")
)

const placedRef = "placed " // before the ref of the row

// Unplaced lists the rows that wait, oldest first: of one campaign, or of all that are configured ("").
func (e *Exchange) Unplaced(campaign string) (out []UnplacedRow, err error) {
	err = e.eachUnplaced(campaign, func(ev *ledger.Adjusted, _, placed uint64) {
		if t := ev.Told; placed == 0 {
			out = append(out, UnplacedRow{Row: ev.EventID, At: ev.At, Campaign: ev.Campaign, Buyer: ev.Buyer,
				File: t.File, Line: t.Line, Lead: t.Lead, Result: t.Result, Reason: t.Reason, Reference: t.Reference,
				Price: t.Price, Why: ev.Why})
		}
	})
	slices.SortFunc(out, func(a, b UnplacedRow) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return out, err
}

// eachUnplaced calls fn with each unplaced row whose event is kept, with its seq and that of the event that places it;
// 0: none does. It reads all of them.
func (e *Exchange) eachUnplaced(campaign string, fn func(ev *ledger.Adjusted, seq, placed uint64)) error {
	for _, live := range e.inForce.Load().campaigns {
		if campaign != "" && live.ID != campaign {
			continue
		}
		refs, err := e.led.Refs("campaign:" + live.ID)
		if err != nil {
			return err
		}
		for ref, seq := range refs {
			if !strings.HasPrefix(ref, responseRef) {
				continue
			}
			adj, err := e.adjustedAt(seq)
			if err != nil {
				return err
			}
			if adj != nil && adj.Adjustment == ledger.AdjustUnplaced {
				fn(adj, seq, refs[placedRef+ref])
			}
		}
	}
	return nil
}

// adjustedAt is the adjustment with this seq; nil: it was dropped with age, or is none.
func (e *Exchange) adjustedAt(seq uint64) (*ledger.Adjusted, error) {
	rec, ok, err := e.led.Read(seq)
	if err != nil || !ok {
		return nil, err
	}
	ev, err := e.decoded.event(rec)
	adj, _ := ev.(*ledger.Adjusted)
	return adj, err
}

// unplacedRows are the seqs of the events of all unplaced rows of the campaigns of one configuration, by the events'
// ids: a person who places many rows has each found by one read. The zero value has to be filled first.
type unplacedRows struct {
	mu   sync.Mutex
	of   string             // guarded by mu: the configuration's hash
	seqs map[lead.ID]uint64 // guarded by mu; nil: they were not looked up
}

// note keeps one more, where others are.
func (u *unplacedRows) note(id lead.ID, seq uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seqs != nil {
		u.seqs[id] = seq
	}
}

// begin tells whether they have to be looked up for a configuration. From then on those that come are noted.
func (u *unplacedRows) begin(hash string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seqs != nil && u.of == hash {
		return false
	}
	u.of, u.seqs = hash, map[lead.ID]uint64{}
	return true
}

// failed has them be looked up again.
func (u *unplacedRows) failed() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seqs = nil
}

func (u *unplacedRows) seq(id lead.ID) (uint64, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seq, ok := u.seqs[id]
	return seq, ok
}

// unplacedRow is the row with this id, and what a person has said of it; nil: nothing yet. The caller has placing.
func (e *Exchange) unplacedRow(id lead.ID) (row, said *ledger.Adjusted, err error) {
	known := &e.replies.known
	if known.begin(e.inForce.Load().cfg.Hash) {
		err := e.eachUnplaced("", func(ev *ledger.Adjusted, seq, _ uint64) { known.note(ev.EventID, seq) })
		if err != nil {
			known.failed()
			return nil, nil, err
		}
	}
	seq, ok := known.seq(id)
	if !ok {
		return nil, nil, ErrNoRow
	}
	if row, err = e.adjustedAt(seq); err != nil {
		return nil, nil, err
	}
	if row == nil {
		return nil, nil, ErrNoRow
	}
	if seq, ok, err = e.led.SeqByRef(row.Subject, placedRef+row.Ref); err != nil {
		return nil, nil, err
	}
	if !ok {
		return row, nil, nil
	}
	said, err = e.adjustedAt(seq)
	switch {
	case err != nil:
		return nil, nil, err
	case said == nil:
		return row, &ledger.Adjusted{Told: &ledger.ToldRow{}}, nil
	case said.Told == nil:
		return nil, nil, fmt.Errorf("event %d says nothing of a row", seq)
	}
	return row, said, nil
}

// PlaceRow has what a row says hold of an attempt, as if the row had said so: the attempt is resolved or corrected, or
// it stands so already. When it returns nil that is in the ledger; changed is false where it was said before. While
// nobody can tell what became of one row, none is placed or dropped, lest one be placed twice: ErrMaybeBooked.
func (e *Exchange) PlaceRow(p Placement, budget time.Duration) (changed bool, err error) {
	e.replies.placing.Lock()
	defer e.replies.placing.Unlock()
	if err := e.isKnown(&e.replies.unsure); err != nil {
		return false, err
	}
	row, said, err := e.unplacedRow(p.Row)
	if err != nil {
		return false, err
	}
	id, attempt, err := e.attemptOf(p.Name, budget, func(a *history.Attempt) bool {
		return a.Posting.Buyer == row.Buyer
	})
	if err != nil {
		return false, err
	}
	if said != nil {
		if said.Told.Lead != id.String() {
			return false, ErrPlaced
		}
		return false, nil
	}
	x, err := e.placement(row, &p, id, attempt)
	if err != nil {
		return false, err
	}
	err = e.takeRow(x)
	var no noPlace
	var later notNow
	switch {
	case errors.As(err, &no):
		err = fmt.Errorf("%w: %s", ErrNotPlace, string(no))
	case errors.As(err, &later):
		err = fmt.Errorf("%w: %s", ErrUnderWay, string(later))
	}
	err = e.placingFailed(err)
	return err == nil, err
}

// placingFailed keeps an error of which nobody can tell yet, and says that it is one. The caller has placing.
func (e *Exchange) placingFailed(err error) error {
	if errors.As(err, &e.replies.unsure) {
		return fmt.Errorf("%w: %w", ErrMaybeBooked, e.replies.unsure)
	}
	return err
}

// placement is the row as a person reads it.
func (e *Exchange) placement(row *ledger.Adjusted, p *Placement, id, attempt lead.ID) (*replyRow, error) {
	accepted, known := false, false
	if live := e.inForce.Load().inFiles(row.Campaign); live != nil && live.Batch.Response != nil {
		accepted, known = live.Batch.Response.Says(row.Told.Result)
	}
	if p.Accepted != nil {
		accepted, known = *p.Accepted, true
	}
	switch {
	case !known:
		return nil, fmt.Errorf("%w: the outcome: expected accepted or refused, for %q is neither", ErrNotToSay,
			row.Told.Result)
	case !accepted && (p.Price != nil || p.Reference != ""):
		return nil, fmt.Errorf("%w: a price or a reference of what is refused", ErrNotToSay)
	case p.Price != nil && *p.Price <= 0:
		return nil, fmt.Errorf("%w: the price: expected one above 0", ErrNotToSay)
	case accepted && p.Price == nil && row.Told.Price != 0:
		return nil, fmt.Errorf("%w: the price: expected what is booked, for the row has %s", ErrNotToSay,
			row.Told.Price)
	}
	if accepted && p.Reference == "" {
		p.Reference = row.Told.Reference
	}
	told := ledger.ToldRow{File: row.Told.File, SHA256: row.Told.SHA256, Line: row.Told.Line,
		Result: row.Told.Result, Reason: row.Told.Reason}
	return &replyRow{campaign: row.Campaign, buyer: row.Buyer, id: id, attempt: attempt, accepted: accepted,
		price: p.Price, said: batch.ResponseRow{Reference: p.Reference}, told: told, ref: placedRef + row.Ref,
		why: fmt.Sprintf("response %s:%d, placed by hand: %s", told.File, told.Line, p.Why), by: p.By,
		with: []ledger.Event{e.saidOf(row, id.String(), p.Why, p.By)}}, nil
}

// saidOf is the event by which a row waits no longer: it is placed onto a lead, or dropped ("").
func (e *Exchange) saidOf(row *ledger.Adjusted, id, why, by string) *ledger.Adjusted {
	told := *row.Told
	told.Lead = id
	ev := e.toldOf(row.Campaign, ledger.AdjustPlaced, why, placedRef+row.Ref, told)
	ev.By = by
	return ev
}

// DropRow ends the waiting of a row that is about nothing. It books nothing. ErrMaybeBooked is as of PlaceRow.
func (e *Exchange) DropRow(id lead.ID, why, by string) (changed bool, err error) {
	e.replies.placing.Lock()
	defer e.replies.placing.Unlock()
	if err := e.isKnown(&e.replies.unsure); err != nil {
		return false, err
	}
	row, said, err := e.unplacedRow(id)
	switch {
	case err != nil:
		return false, err
	case said == nil:
		err := e.placingFailed(e.led.Append(e.saidOf(row, "", why, by)))
		return err == nil, err
	case said.Told.Lead != "":
		return false, ErrPlaced
	}
	return false, nil
}
