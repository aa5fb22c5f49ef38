// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/wire/transport"
)

// A lead that nobody has bought is never silence: it stands in the list of unsold leads, and goes to the remediation of
// its vertical, where there is one and the plan does not say otherwise.

// Remediation is where the unsold leads of a vertical go, as signed messages.
type Remediation struct {
	URL          *url.URL
	Secrets      []queue.Secret // at least one
	Timeout      time.Duration
	For          time.Duration // how long a message is sent again and again
	Fields       []string      // of the lead, that are told; nil: all
	AllowPrivate bool          // the URL may be one within the own network
}

// lines are the lines of messages, by vertical.
type lines struct {
	sync.Mutex
	by map[string]*queue.Line // guarded by the mutex
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
	if !ok || s.Test || s.Result != lead.ResultFailure || s.Refusal == lead.LeadRepeated ||
		want.Source != "" && s.Source != want.Source || want.Vertical != "" && s.Vertical != want.Vertical ||
		!want.Until.IsZero() && !s.At.Before(want.Until) || s.At.Before(want.Since) {
		return nil, nil
	}
	h, err := e.history(r.Lead)
	if err != nil {
		return nil, err
	}
	if h.Pinged == nil || !h.Failed() || h.Standing() || h.Seqs[len(h.Seqs)-1] != r.Seq && laterAnswer(h, r.Seq) {
		return nil, nil
	}
	return &Unsold{Lead: h.ID, At: s.At, Source: s.Source, Vertical: s.Vertical, SellerLeadID: h.Seller(),
		ReceivedAt: h.Received(), Reason: s.Reason, Refusal: s.Refusal.String(), Details: s.Details,
		Attempts: len(h.Attempts), Seq: r.Seq, history: h}, nil
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

// keepRemedies has the lines of the verticals' remediations run, from now on. A line of a vertical that no longer has
// one goes on and passes over everything.
func (e *Exchange) keepRemedies(snap *Snapshot) error {
	e.lines.Lock()
	defer e.lines.Unlock()
	for _, v := range snap.cfg.Verticals {
		if v.Remediation == nil || e.lines.by[v.ID] != nil {
			continue
		}
		name := "remediation-" + v.ID
		l, err := queue.New(queue.Config{Name: name, Ledger: e.led, Now: e.now, Log: e.log,
			Make: func(r ledger.Record) (*queue.Message, error) { return e.unsoldMessage(r, v.ID) },
			Send: func(ctx context.Context, m *queue.Message) queue.Answer { return e.sendRemedy(ctx, v.ID, m) },
			For: func() time.Duration {
				if v := e.inForce.Load().Vertical(v.ID); v != nil && v.Remediation != nil {
					return v.Remediation.For
				}
				return 0
			}})
		if err != nil {
			return fmt.Errorf("remediation of vertical %s: %w", v.ID, err)
		}
		e.lines.by[v.ID] = l
		e.led.Keep(ledger.Follower{Name: "webhook " + name, Next: l.Next})
		if !e.offline {
			e.running.Go(func() { l.Run(e.stop) })
		}
	}
	return nil
}

// Lines tells how the lines of messages stand, by name.
func (e *Exchange) Lines() (out []queue.Status) {
	e.lines.Lock()
	defer e.lines.Unlock()
	for _, l := range e.lines.by {
		out = append(out, l.Status())
	}
	slices.SortFunc(out, func(a, b queue.Status) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out
}

// Replay has dead messages of a line sent again: one by its id, or all. ok is false if there is no such line.
func (e *Exchange) Replay(name, id string) (n int, ok bool, err error) {
	e.lines.Lock()
	defer e.lines.Unlock()
	for _, l := range e.lines.by {
		if l.Status().Name == name {
			n, err = l.Replay(id)
			return n, true, err
		}
	}
	return 0, false, nil
}

// unsoldMessage is the message of an event, nil if it is of no unsold lead of the vertical that goes to remediation.
func (e *Exchange) unsoldMessage(r ledger.Record, vertical string) (*queue.Message, error) {
	u, err := e.unsoldBy(r, &UnsoldBy{Vertical: vertical})
	if u == nil || err != nil {
		return nil, err
	}
	snap := e.inForce.Load()
	re := snap.remedied(u)
	if re == nil {
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
	body, err := json.MarshalWithOption(map[string]any{"type": "lead.unsold", "timestamp": u.At.UTC(),
		"data": map[string]any{"lead": u, "fields": fields}}, json.DisableHTMLEscape())
	if err != nil {
		return nil, err
	}
	return &queue.Message{ID: "msg_" + u.Lead.String() + "_" + strconv.FormatUint(r.Seq, 10), Lead: u.Lead, At: u.At,
		Body: body}, nil
}

// remedyBodyMax is how much of an answer to a message is read.
const remedyBodyMax = 4 << 10

// sendRemedy sends a message to the vertical's remediation.
func (e *Exchange) sendRemedy(ctx context.Context, vertical string, m *queue.Message) queue.Answer {
	v := e.inForce.Load().Vertical(vertical)
	if v == nil || v.Remediation == nil {
		return queue.Answer{Never: true, Why: "the vertical has no remediation any more"}
	}
	re := v.Remediation
	t, err := e.transport.Target(re.target(vertical))
	if err != nil {
		return queue.Answer{Why: err.Error()}
	}
	now := e.wall()
	h, err := queue.Sign(m, now, re.Secrets)
	if err != nil {
		return queue.Answer{Why: err.Error()}
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "clearpost")
	h.Set("Connection", "close")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, re.URL.String(), bytes.NewReader(m.Body))
	if err != nil {
		return queue.Answer{Why: err.Error()}
	}
	req.Header = h
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return queue.Answer{Why: err.Error()}
	}
	call := &transport.Call{Target: t, Request: b.Bytes(), Timeout: re.Timeout}
	e.calls.PostOnce(call, now.Add(re.Timeout))
	switch {
	case call.Refusal != lead.NoRefusal:
		return queue.Answer{Why: call.Refusal.String()}
	case call.Status >= 200 && call.Status <= 299:
		return queue.Answer{Taken: true}
	}
	return queue.Answer{Never: call.Status == http.StatusGone, Why: "HTTP status " + strconv.Itoa(call.Status)}
}

// target is how the endpoint is reached: by the dialer of buyers, so that addresses of the own network are refused
// unless they are allowed.
func (re *Remediation) target(vertical string) transport.TargetConfig {
	port := re.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[re.URL.Scheme]
	}
	return transport.TargetConfig{Name: "remediation " + vertical, Addr: re.URL.Hostname() + ":" + port,
		ServerName: re.URL.Hostname(), TLS: re.URL.Scheme == "https", BodyBytesMax: remedyBodyMax,
		ConnsMax: 1, AllowPrivate: re.AllowPrivate}
}
