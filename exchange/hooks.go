// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
	"clearpost/wire/transport"
)

// What the exchange tells of its own accord goes in lines, one an endpoint: that of a vertical's remediation
// (remedy.go). The line is known by what it belongs to, and goes by the configuration in force when a message is made
// and sent.

const remediationLine = "remediation-"

// openLines reads how the lines of messages stand, and has those of a configuration run.
func (e *Exchange) openLines(snap *Snapshot) error {
	q, err := queue.Open(queue.Config{Ledger: e.led, Names: e.linesOf, Make: e.messageOf, Send: e.sendMessage,
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
	return out
}

// endpointOf is where a line's messages go, nil if it is none of this configuration.
func (snap *Snapshot) endpointOf(line string) *queue.Endpoint {
	if id, ok := strings.CutPrefix(line, remediationLine); ok {
		if v := snap.Vertical(id); v != nil && v.Remediation != nil {
			return &v.Remediation.Endpoint
		}
	}
	return nil
}

// linesOf are the lines that an event may have a message for.
func (e *Exchange) linesOf(r ledger.Record) (out []string, err error) {
	if r.Kind != ledger.KindSettled {
		return nil, nil
	}
	ev, err := e.decoded.event(r)
	if err != nil {
		return nil, err
	}
	snap, s := e.inForce.Load(), ev.(*ledger.Settled)
	if v := snap.Vertical(s.Vertical); v != nil && v.Remediation != nil && isUnsold(s) {
		out = append(out, remediationLine+v.ID)
	}
	return out, nil
}

// messageOf is the message that an event has for a line, nil if it has none.
func (e *Exchange) messageOf(line string, r ledger.Record) (*queue.Message, error) {
	id, _ := strings.CutPrefix(line, remediationLine)
	return e.unsoldMessage(r, id)
}

// hookBodyMax is how much of an answer to a message is read.
const hookBodyMax = 4 << 10

// sendMessage sends a message of a line once, by the dialer of buyers, so that addresses of the own network are refused
// unless they are allowed.
func (e *Exchange) sendMessage(ctx context.Context, line string, m *queue.Message) queue.Answer {
	p := e.inForce.Load().endpointOf(line)
	if p == nil {
		return queue.Answer{Why: "it is not configured any more"}
	}
	t, err := e.transport.Target(transport.TargetConfig{Name: "webhook " + line, Addr: p.Addr(),
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
	e.calls.PostOnce(call, now.Add(p.Timeout))
	if call.Refusal != lead.NoRefusal {
		return queue.Answer{Why: call.Refusal.String()}
	}
	return queue.Judge(call.Status, string(call.RetryAfter), now)
}
