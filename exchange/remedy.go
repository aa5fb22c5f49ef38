// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
)

// A lead that nobody has bought is never silence: it stands in the list of unsold leads, and goes to the remediation of
// its vertical, where there is one and the plan does not say otherwise.

// Remediation is where the unsold leads of a vertical go, as signed messages.
type Remediation struct {
	queue.Endpoint
	Fields []string // of the lead, that are told; nil: all
}

// Unsold is a whole lead that nobody has bought.
type Unsold struct {
	Lead         lead.ID   `json:"lead_id"`
	At           time.Time `json:"at"` // of its answer
	Source       string    `json:"source"`
	Vertical     string    `json:"vertical"`
	SellerLeadID string    `json:"seller_lead_id,omitempty"`
	ReceivedAt   time.Time `json:"received_at"` // the whole of it
	Reason       string    `json:"reason"`      // as its seller has heard it
	Refusal      string    `json:"refusal"`
	Details      string    `json:"details,omitempty"`
	Attempts     int       `json:"attempts"` // how many buyers had it and declined
	Seq          uint64    `json:"seq"`      // of its answer

	history *history.History
}

// UnsoldBy says which unsold leads are wanted.
type UnsoldBy struct {
	Since, Until     time.Time // of the answer; zero: from the first kept, to the last
	Source, Vertical string    // empty: any
	From             uint64    // the seq of the first answer that is looked at; 0: by Since
}

// unsoldBy is the unsold lead that an event tells of, nil if it tells of none: its answer is that it is not sold, and
// still stands. A test is no lead, and the repeat of one that was here before is none to be sold.
func (e *Exchange) unsoldBy(r ledger.Record, want *UnsoldBy) (*Unsold, error) {
	if r.Kind != ledger.KindSettled {
		return nil, nil
	}
	ev, err := e.decoded.event(r)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", r.Seq, err)
	}
	s, ok := ev.(*ledger.Settled)
	if !ok || !isUnsold(s) ||
		want.Source != "" && s.Source != want.Source || want.Vertical != "" && s.Vertical != want.Vertical ||
		!want.Until.IsZero() && !s.At.Before(want.Until) || s.At.Before(want.Since) {
		return nil, nil
	}
	h, err := e.history(r.Lead)
	if err != nil {
		return nil, err
	}
	if h.Pinged == nil || h.Resubmitted != nil || !h.Failed() || h.Standing() ||
		h.Seqs[len(h.Seqs)-1] != r.Seq && laterAnswer(h, r.Seq) {
		return nil, nil
	}
	return &Unsold{Lead: h.ID, At: s.At, Source: s.Source, Vertical: s.Vertical, SellerLeadID: h.Seller(),
		ReceivedAt: h.Received(), Reason: s.Reason, Refusal: s.Refusal.String(), Details: s.Details,
		Attempts: len(h.Attempts), Seq: r.Seq, history: h}, nil
}

// isUnsold tells whether an answer is that a lead is not sold.
func isUnsold(s *ledger.Settled) bool {
	return !s.Test && s.Result == lead.ResultFailure && s.Refusal != lead.LeadRepeated
}

// laterAnswer tells whether a lead has another answer after an event.
func laterAnswer(h *history.History, seq uint64) bool {
	for i, ev := range h.Events {
		if _, ok := ev.(*ledger.Settled); ok && h.Seqs[i] > seq {
			return true
		}
	}
	return false
}

// UnsoldLeads hands each unsold lead to a function, oldest answer first. It ends with the first error of that, and of
// the ledger.
func (e *Exchange) UnsoldLeads(want UnsoldBy, each func(*Unsold) error) error {
	from := want.From
	if from == 0 && !want.Since.IsZero() {
		var err error
		if from, err = e.led.Since(want.Since); err != nil {
			return err
		}
	}
	return e.led.Scan(from, func(r ledger.Record) error {
		u, err := e.unsoldBy(r, &want)
		if u == nil || err != nil {
			return err
		}
		return each(u)
	})
}

// remedied tells whether an unsold lead goes to its vertical's remediation, by the configuration of now.
func (snap *Snapshot) remedied(u *Unsold) *Remediation {
	v := snap.Vertical(u.Vertical)
	if v == nil || v.Remediation == nil {
		return nil
	}
	if s := snap.source[u.Source]; s != nil {
		if r := s.Routing(v); r != nil && r.UnsoldListed {
			return nil
		}
	}
	return v.Remediation
}

// unsoldMessage is the message of an event, nil if it is of no unsold lead of the vertical that goes to remediation.
func (e *Exchange) unsoldMessage(r ledger.Record, vertical string) (*queue.Message, error) {
	u, err := e.unsoldBy(r, &UnsoldBy{Vertical: vertical})
	if u == nil || err != nil {
		return nil, err
	}
	snap := e.inForce.Load()
	re := snap.remedied(u)
	if re == nil || e.inherits(u.history) {
		return nil, nil
	}
	fields := map[string]string{}
	l := snap.whole(u.history)
	for i := range l.Schema().Fields {
		name := l.Schema().Fields[i].Name
		if l.Slot(i).State != lead.Missing && (re.Fields == nil || slices.Contains(re.Fields, name)) {
			text, _ := l.Recorded(i)
			fields[name] = string(text)
		}
	}
	return hookMessage(&r, "lead.unsold", u.At, struct {
		Lead   *Unsold           `json:"lead"`
		Fields map[string]string `json:"fields"`
	}{u, fields})
}
