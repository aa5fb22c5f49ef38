// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	err = e.eachUnplaced(campaign, func(ev *ledger.Adjusted, placed uint64) bool {
		if t := ev.Told; placed == 0 {
			out = append(out, UnplacedRow{Row: ev.EventID, At: ev.At, Campaign: ev.Campaign, Buyer: ev.Buyer,
				File: t.File, Line: t.Line, Lead: t.Lead, Result: t.Result, Reason: t.Reason, Reference: t.Reference,
				Price: t.Price, Why: ev.Why})
		}
		return true
	})
	slices.SortFunc(out, func(a, b UnplacedRow) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return out, err
}

// eachUnplaced calls fn with each unplaced row whose event is kept, and the seq of the event that places it; 0: none
// does. It ends when fn returns false.
func (e *Exchange) eachUnplaced(campaign string, fn func(ev *ledger.Adjusted, placed uint64) bool) error {
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
			rec, ok, err := e.led.Read(seq)
			if err != nil {
				return err
			}
			if !ok {
				continue // dropped with age
			}
			ev, err := e.decoded.event(rec)
			if err != nil {
				return err
			}
			adj, ok := ev.(*ledger.Adjusted)
			if ok && adj.Adjustment == ledger.AdjustUnplaced && !fn(adj, refs[placedRef+ref]) {
				return nil
			}
		}
	}
	return nil
}

// unplacedRow is the row with this id, and what a person has said of it; nil: nothing yet.
func (e *Exchange) unplacedRow(id lead.ID) (row, said *ledger.Adjusted, err error) {
	seq := uint64(0)
	err = e.eachUnplaced("", func(ev *ledger.Adjusted, placed uint64) bool {
		if ev.EventID == id {
			row, seq = ev, placed
		}
		return row == nil
	})
	switch {
	case err != nil:
		return nil, nil, err
	case row == nil:
		return nil, nil, ErrNoRow
	case seq == 0:
		return row, nil, nil
	}
	rec, ok, err := e.led.Read(seq)
	if err != nil || !ok {
		return row, &ledger.Adjusted{Told: &ledger.ToldRow{}}, err
	}
	ev, err := e.decoded.event(rec)
	if err != nil {
		return nil, nil, err
	}
	said, ok = ev.(*ledger.Adjusted)
	if !ok || said.Told == nil {
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
