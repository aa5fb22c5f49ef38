// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/rules"
)

// A lead that nobody has bought is never silence: it stands in the list of unsold leads, and goes to the remediation of
// its vertical, where there is one and the plan does not say otherwise. It goes by a line of messages either way, which
// has each in its order, until it is taken, through any restart.

// Remediation is where the unsold leads of a vertical go: as signed messages, or to another vertical.
type Remediation struct {
	queue.Endpoint          // of one that goes to a vertical only For counts
	Fields         []string // of the lead, that are told; nil: all
	To             *RemedyTo
}

// RemedyTo is another vertical in which unsold leads are offered anew, and which ones.
type RemedyTo struct {
	Vertical string
	Map      map[string]string // as of Resubmission
	Refusals []lead.Refusal    // nil: any
	When     []rules.Criterion // that a lead must be known to meet
	Schedule *rules.Schedule   // when; nil: always
	HopsMax  int
}

// takes tells whether an unsold lead goes there.
func (to *RemedyTo) takes(u *Unsold, l *lead.Lead, s *ledger.Settled) bool {
	h := u.history
	if len(to.Refusals) > 0 && !slices.Contains(to.Refusals, s.Refusal) ||
		h.Pinged.Resubmits != nil && h.Pinged.Resubmits.Hop >= to.HopsMax {
		return false
	}
	f := postFacts(h, l)
	return !slices.ContainsFunc(to.When, func(c rules.Criterion) bool { return c.Test(f) != rules.Met })
}

// goOn offers an unsold lead anew in the vertical of its remediation, within the hours of that: till then it waits. One
// that has gone on before is taken: it stands in the ledger.
func (e *Exchange) goOn(ctx context.Context, vertical string, m *queue.Message) queue.Answer {
	for {
		v := e.inForce.Load().Vertical(vertical)
		if v == nil || v.Remediation == nil || v.Remediation.To == nil {
			return queue.Answer{Why: "it is not configured any more"}
		}
		re, now := v.Remediation, e.now()
		if now.Sub(m.At) >= re.For {
			return queue.Answer{Over: true, Why: "its time was over before its hours began"}
		}
		at, ok := now, true
		if re.To.Schedule != nil {
			at, ok = re.To.Schedule.Next(now)
		}
		if !ok {
			return queue.Answer{Over: true, Why: "its hours never come again"}
		} else if at.After(now) {
			select {
			case <-time.After(min(at.Sub(now), remedyLook)):
				continue
			case <-ctx.Done():
				return queue.Answer{Why: "it was cut off"}
			}
		}
		_, err := e.Resubmit(Resubmission{Lead: m.Lead, Vertical: re.To.Vertical, Map: re.To.Map,
			HopsMax: re.To.HopsMax, Why: "unsold in " + vertical, By: byClearpost})
		return wentThere(err)
	}
}

// remedyLook is for how long a lead waits at once for its hours: others may be configured meanwhile.
const remedyLook = time.Minute

// wentThere is what a line makes of the end of a resubmission.
func wentThere(err error) queue.Answer {
	f := (*Fault)(nil)
	switch {
	case err == nil, errors.Is(err, ErrResubmitted):
		return queue.Answer{Taken: true, Heard: true}
	case errors.As(err, &f) && f.Kind == FaultInvalid:
		why := f.Message
		for _, p := range f.Errors {
			why += fmt.Sprintf("; %s: expected %s", p.Field, p.Expected)
		}
		return queue.Answer{Over: true, Heard: true, Why: why}
	case errors.As(err, &f):
		// the source is paused or closed, or the person's other lead is under way: that is this lead's alone
		return queue.Answer{Heard: f.Kind == FaultConflict || f.Why == WhyPaused || f.Why == WhyClosed, Why: f.Message}
	case errors.Is(err, ErrNotUnsold), errors.Is(err, ErrResubmitTo), errors.Is(err, ErrNoLead):
		return queue.Answer{Over: true, Heard: true, Why: err.Error()}
	}
	return queue.Answer{Heard: errors.Is(err, ErrUnderWay), Why: err.Error()}
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
	settled *ledger.Settled
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
		Attempts: len(h.Attempts), Seq: r.Seq, history: h, settled: s}, nil
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
	l := snap.whole(u.history)
	if re.To != nil {
		if !re.To.takes(u, l, u.settled) {
			return nil, nil
		}
		return &queue.Message{ID: queue.MessageID(&r), Lead: r.Lead, At: u.At}, nil
	}
	fields := map[string]string{}
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
