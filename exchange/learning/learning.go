// SPDX-License-Identifier: Apache-2.0

// Package learning makes lessons of the ledger's events: what became of each attempt teaches what its campaign's bids
// are worth (auction/value). It is a fold over the events in their order and nothing else, so it can be made again from
// the ledger at any time, with the same result.
//
// An attempt teaches once its outcome is known: accepted, or a no of the buyer. One that is unknown teaches when it is
// resolved. One that never reached the buyer, or was refused for its access token, teaches nothing, and so does a test.
// A correction takes back what an attempt has taught. A sale that is given back teaches that, and what became of a sale
// otherwise when somebody reports it: that it was given back, paid, or will not be paid.
package learning

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/goccy/go-json"

	"clearpost/auction/value"
	"clearpost/lead"
	"clearpost/ledger"
)

// OpenMax is how many attempts without a known outcome are remembered. Of more than that, the later ones teach nothing.
const OpenMax = 100_000

// Learner is what has been learned of the verticals that learn. It is one goroutine's at a time.
type Learner struct {
	rules  map[string]*value.Rules
	books  map[string]*value.Book
	open   map[lead.ID]attempt
	next   uint64 // seq to go on with
	unread int64
}

// attempt is one whose outcome is not known.
type attempt struct {
	Vertical string     `json:"vertical"`
	Campaign string     `json:"campaign"`
	Segment  string     `json:"segment,omitempty"`
	Price    lead.Money `json:"price_micros"`
	At       int64      `json:"at"`
}

// New makes a learner that has read nothing. rules has the verticals that learn.
func New(rules map[string]*value.Rules) *Learner {
	l := &Learner{rules: rules, books: map[string]*value.Book{}, open: map[lead.ID]attempt{}, next: 1}
	for id, r := range rules {
		l.books[id] = value.NewBook(*r)
	}
	return l
}

// Next is the seq of the next event to take.
func (l *Learner) Next() uint64 { return l.next }

// Unread counts events that could not be read.
func (l *Learner) Unread() int64 { return l.unread }

// Same tells whether what was learned is the same by other rules, which may do something else with it.
func (l *Learner) Same(rules map[string]*value.Rules) bool {
	for id, r := range rules {
		if old := l.rules[id]; old == nil || old.Learns() != r.Learns() {
			return false
		}
	}
	return true
}

// Use puts rules into force under which Same holds. Verticals that no longer learn are forgotten.
func (l *Learner) Use(rules map[string]*value.Rules) {
	for id := range l.books {
		if rules[id] == nil {
			delete(l.books, id)
		} else {
			l.books[id].Use(*rules[id])
		}
	}
	l.rules = rules
}

// event is what is read of an event.
type event struct {
	Test       bool         `json:"test"`
	Vertical   string       `json:"vertical"`
	Attempt    lead.ID      `json:"attempt"`
	Again      string       `json:"again"`
	Campaign   string       `json:"campaign"`
	Segment    string       `json:"segment"`
	Price      lead.Money   `json:"price_micros"`
	Adjustment string       `json:"adjustment"`
	Outcome    lead.Outcome `json:"outcome"`
	Refusal    lead.Refusal `json:"refusal"`
	Status     int          `json:"status"`
	Fate       string       `json:"fate"`
	Bid        lead.Money   `json:"bid_micros"`
	Was        struct {
		Outcome lead.Outcome `json:"outcome"`
	} `json:"was"`
	Return struct {
		Known bool `json:"known"`
	} `json:"return"`
}

// Take takes the next event.
func (l *Learner) Take(r ledger.Record) {
	l.next = r.Seq + 1
	switch r.Kind {
	case ledger.KindPosting, ledger.KindPosted, ledger.KindAdjusted:
	default:
		return
	}
	var ev event
	if err := json.Unmarshal(r.Bytes, &ev); err != nil {
		l.unread++
		return
	}
	for _, b := range l.books {
		b.Pass(r.At)
	}
	switch {
	case ev.Test:
	case r.Kind == ledger.KindPosting:
		if l.books[ev.Vertical] != nil && ev.Again != ledger.AgainResend && len(l.open) < OpenMax {
			l.open[ev.Attempt] = attempt{ev.Vertical, ev.Campaign, ev.Segment, ev.Price, r.At}
		}
	case r.Kind == ledger.KindPosted, ev.Adjustment == ledger.AdjustResolved:
		l.ended(&ev)
	case ev.Adjustment == ledger.AdjustReported:
		l.reported(&ev)
	case ev.Adjustment == ledger.AdjustCorrected:
		l.corrected(&ev)
	case ev.Adjustment == ledger.AdjustReturned, ev.Adjustment == ledger.AdjustReturnRevoked:
		if b := l.books[ev.Vertical]; b != nil && !ev.Return.Known {
			b.Learn(value.Lesson{At: madeAt(ev.Attempt), Campaign: ev.Campaign, Segment: ev.Segment, Price: ev.Bid,
				What: value.Returned, Undo: ev.Adjustment == ledger.AdjustReturnRevoked})
		}
	}
}

// corrected takes back what the end of an attempt has taught, and learns from how it ended in truth.
func (l *Learner) corrected(ev *event) {
	b := l.books[ev.Vertical]
	if b == nil || ev.Was.Outcome.Standing() == ev.Outcome.Standing() {
		return
	}
	lesson := value.Lesson{At: madeAt(ev.Attempt), Campaign: ev.Campaign, Segment: ev.Segment, Price: ev.Bid,
		What: value.Refused, Undo: true}
	if ev.Was.Outcome == lead.Accepted {
		lesson.What = value.Accepted
	}
	b.Learn(lesson)
	lesson.Undo, lesson.What = false, value.Accepted+value.Refused-lesson.What
	b.Learn(lesson)
}

// madeAt is when an attempt was made, in microseconds, by its id.
func madeAt(attempt lead.ID) int64 { return int64(binary.BigEndian.Uint64(attempt[:8])>>16) * 1000 }

// reported takes what somebody has told of a sale. It counts as of the time of its attempt, as the sale does.
func (l *Learner) reported(ev *event) {
	b := l.books[ev.Vertical]
	what, ok := map[string]value.What{ledger.FateReturned: value.Returned, ledger.FatePaid: value.Paid,
		ledger.FateUnpaid: value.Unpaid}[ev.Fate]
	if b == nil || !ok {
		return
	}
	b.Learn(value.Lesson{At: madeAt(ev.Attempt), Campaign: ev.Campaign,
		Segment: ev.Segment, Price: ev.Bid, What: what})
}

// ended takes the end of an attempt.
func (l *Learner) ended(ev *event) {
	a, ok := l.open[ev.Attempt]
	if !ok || ev.Outcome == lead.Unknown {
		return
	}
	delete(l.open, ev.Attempt)
	b := l.books[a.Vertical]
	if b == nil {
		return
	}
	lesson := value.Lesson{At: a.At, Campaign: a.Campaign, Segment: a.Segment, Price: a.Price}
	switch ev.Outcome {
	case lead.Accepted:
		lesson.What = value.Accepted
	case lead.Rejected, lead.Duplicate, lead.Invalid:
		lesson.What = value.Refused
	default:
		return
	}
	if ev.Refusal == lead.ServerError && (ev.Status == 401 || ev.Status == 403) {
		return // it has not looked at the lead
	}
	b.Learn(lesson)
}

// Tables are what is known now, by vertical. They never change.
func (l *Learner) Tables() map[string]*value.Tables {
	out := make(map[string]*value.Tables, len(l.books))
	for id, b := range l.books {
		out[id] = b.Tables()
	}
	return out
}

// Rows lists what is known of a vertical's campaigns, or of one; nil where the vertical does not learn.
func (l *Learner) Rows(vertical, campaign string) []value.Row {
	if b := l.books[vertical]; b != nil {
		return b.Rows(campaign)
	}
	return nil
}

// saved is a learner on disk.
type saved struct {
	Version int                    `json:"version"`
	Next    uint64                 `json:"next"`
	Books   map[string]value.Saved `json:"books"`
	Open    map[string]attempt     `json:"open"`
	Saved   time.Time              `json:"saved"` // for people
}

const savedVersion = 1

// Save is the learner as bytes; now is for people who look at them.
func (l *Learner) Save(now time.Time) ([]byte, error) {
	s := saved{savedVersion, l.next, map[string]value.Saved{}, map[string]attempt{}, now.UTC()}
	for id, b := range l.books {
		s.Books[id] = b.Save()
	}
	for id, a := range l.open {
		s.Open[id.String()] = a
	}
	return json.Marshal(&s)
}

// Restore makes a learner of what Save gave. It fails where that is no whole one, or was learned by other rules: then
// all has to be learned anew.
func Restore(b []byte, rules map[string]*value.Rules) (*Learner, error) {
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	if s.Version != savedVersion || s.Next == 0 {
		return nil, fmt.Errorf("version %d: expected %d", s.Version, savedVersion)
	}
	l := New(rules)
	l.next = s.Next
	for id, r := range rules {
		from, ok := s.Books[id]
		if !ok {
			return nil, fmt.Errorf("vertical %s has not learned before", id)
		}
		if l.books[id] = value.Restore(*r, from); l.books[id] == nil {
			return nil, fmt.Errorf("vertical %s has learned by other rules", id)
		}
	}
	for id, a := range s.Open {
		k, err := lead.ParseID(id)
		if err != nil {
			return nil, err
		}
		if rules[a.Vertical] != nil {
			l.open[k] = a
		}
	}
	return l, nil
}
