// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/wire/transport"
)

// What the exchange tells of its own accord goes in lines, one an endpoint: that of a vertical's remediation
// (remedy.go), that of a source's webhook (ends.go). The line is known by what it belongs to, and goes by the
// configuration in force when a message is made and sent.

// What the names of lines begin with; an id follows.
const (
	remediationLine = "remediation-"
	sourceLine      = "source-"
)

// openLines reads how the lines of messages stand, and has those of a configuration run.
func (e *Exchange) openLines(snap *Snapshot) error {
	q, err := queue.Open(queue.Config{Ledger: e.led, Names: e.linesFor, Make: e.messageFor, Send: e.sendFor,
		For: func(line string) time.Duration {
			if p := e.inForce.Load().endpointOf(line); p != nil {
				return p.For
			}
			return 0
		}, Now: e.now, Log: e.log, Offline: e.offline})
	if err == nil {
		err = q.Want(snap.lineNames())
	}
	if err != nil {
		return err
	}
	e.lines.Store(q)
	e.led.Keep(ledger.Follower{Name: "webhooks", Next: q.Next})
	if !e.offline {
		e.running.Go(func() { q.Run(e.stop) })
	}
	return nil
}

// Lines are the lines of messages; nil before Start.
func (e *Exchange) Lines() *queue.Lines { return e.lines.Load() }

// lineNames are the lines that a configuration has.
func (snap *Snapshot) lineNames() (out []string) {
	for _, v := range snap.cfg.Verticals {
		if v.Remediation != nil {
			out = append(out, remediationLine+v.ID)
		}
	}
	for _, s := range snap.cfg.Sources {
		if s.Webhook != nil {
			out = append(out, sourceLine+s.ID)
		}
	}
	return out
}

// endpointOf is where a line's messages go, nil if it is none of this configuration.
func (snap *Snapshot) endpointOf(line string) *queue.Endpoint {
	if id, ok := strings.CutPrefix(line, remediationLine); ok {
		if v := snap.Vertical(id); v != nil && v.Remediation != nil {
			return &v.Remediation.Endpoint
		}
	}
	if id, ok := strings.CutPrefix(line, sourceLine); ok {
		if s := snap.source[id]; s != nil && s.Webhook != nil {
			return &s.Webhook.Endpoint
		}
	}
	return nil
}

// linesOf are the lines that an event may have a message for.
func (e *Exchange) linesOf(r ledger.Record) (out []string, err error) {
	if r.Kind != ledger.KindSettled && r.Kind != ledger.KindAdjusted && r.Kind != ledger.KindDeferred ||
		r.Lead.IsZero() {
		return nil, nil
	}
	ev, err := e.decoded.event(r)
	if err != nil {
		return nil, err
	}
	snap := e.inForce.Load()
	switch ev := ev.(type) {
	case *ledger.Settled:
		if v := snap.Vertical(ev.Vertical); v != nil && v.Remediation != nil && isUnsold(ev) {
			out = append(out, remediationLine+v.ID)
		}
	case *ledger.Adjusted:
		if !givesBack(ev) {
			return nil, nil
		}
	}
	if s := snap.source[ev.Header().Source]; s != nil && s.Webhook != nil {
		out = append(out, sourceLine+s.ID)
	}
	return out, nil
}

// messageOf is the message that an event has for a line, nil if it has none.
func (e *Exchange) messageOf(line string, r ledger.Record) (*queue.Message, error) {
	if id, ok := strings.CutPrefix(line, sourceLine); ok {
		return e.endMessage(r, id)
	}
	return e.unsoldMessage(r, strings.TrimPrefix(line, remediationLine))
}

// hookMessage is a message as Standard Webhooks has it.
func hookMessage(r *ledger.Record, kind string, at time.Time, data any) (*queue.Message, error) {
	body, err := json.MarshalWithOption(struct {
		Type string    `json:"type"`
		At   time.Time `json:"timestamp"` // of the event
		Data any       `json:"data"`
	}{kind, at.UTC(), data}, json.DisableHTMLEscape())
	if err != nil {
		return nil, err
	}
	return &queue.Message{ID: queue.MessageID(r), Lead: r.Lead, At: at, Body: body}, nil
}

// hookBodyMax is how much of an answer to a message is read.
const hookBodyMax = 4 << 10

// sendMessage sends a message of a line once.
func (e *Exchange) sendMessage(ctx context.Context, line string, m *queue.Message) queue.Answer {
	snap := e.inForce.Load()
	p := snap.endpointOf(line)
	if p == nil {
		return queue.Answer{Why: "it is not configured any more"}
	}
	if id, ok := strings.CutPrefix(line, remediationLine); ok && snap.Vertical(id).Remediation.To != nil {
		return e.goOn(ctx, id, m)
	}
	return e.Tell(ctx, line, p, m)
}

// Tell sends a message to an endpoint once, by the dialer of buyers, so that addresses of the own network are refused
// unless they are allowed. name is for messages to people.
func (e *Exchange) Tell(ctx context.Context, name string, p *queue.Endpoint, m *queue.Message) queue.Answer {
	t, err := e.transport.Target(transport.TargetConfig{Name: "webhook " + name, Addr: p.Addr(),
		ServerName: p.URL.Hostname(), TLS: p.URL.Scheme == "https", BodyBytesMax: hookBodyMax, ConnsMax: 1,
		AllowPrivate: p.AllowPrivate})
	if err != nil {
		return queue.Answer{Why: err.Error()}
	}
	now := e.wall()
	request, err := p.Request(m, now)
	if err != nil || ctx.Err() != nil {
		return queue.Answer{Why: "it could not be written"}
	}
	call := &transport.Call{Target: t, Request: request, Timeout: p.Timeout}
	over, whole := make(chan struct{}), false
	go func() {
		defer close(over)
		defer e.survive("sending a message panicked", "line", name)
		e.calls.PostOnce(call, now.Add(p.Timeout))
		whole = true
	}()
	select {
	case <-over:
	case <-ctx.Done(): // whoever stops does not wait for an endpoint: it is sent again, under its id
		return queue.Answer{Why: "it was cut off"}
	}
	switch {
	case !whole:
		return queue.Answer{Why: errPanicked.Error()}
	case call.Refusal != lead.NoRefusal:
		return queue.Answer{Why: call.Refusal.String()}
	}
	return queue.Judge(call.Status, string(call.RetryAfter), now)
}
