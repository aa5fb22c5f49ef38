// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync/atomic"
	"time"
)

// TargetConfig describes one place that calls go to.
type TargetConfig struct {
	Name         string      // names the target in errors; with Addr it is what a target is known by
	Addr         string      // host:port
	ServerName   string      // for TLS; empty: the host of Addr
	TLS          bool        // speak TLS
	TLSConfig    *tls.Config // optional; copied, and raised to TLS 1.2 at least
	ConnsMax     int         // pooled connections at most (8192)
	AllowPrivate bool        // allow loopback, private and other addresses that are not on the public Internet
	BodyBytesMax int         // largest body of an answer (256 KiB)
	Gate         *Gate       // the buyer's limit of calls in flight; nil: none
	Mail         *Mail       // Addr is a mail server: a post is an e-mail, and there are no pings; nil: it speaks HTTP

	// OnLate, when set, hears of answers that were complete only after their call had ended; took counts from the start
	// of the call. It runs on a worker and must be quick; body is valid only during the call.
	OnLate func(status int, body []byte, took time.Duration)
}

// connsMax is how many connections a target may have where nothing else is said: enough for thousands of pings that a
// slow buyer keeps waiting, and within what one process may have open.
const connsMax = 8192

// targetKey is what tells targets apart.
type targetKey struct{ name, addr string }

// settings are what a later Target call may change under running calls.
type settings struct {
	bodyMax int
	gate    *Gate
	onLate  func(status int, body []byte, took time.Duration)
}

// Target is one place that calls go to: its pool of warm connections, its dialer and its counts.
type Target struct {
	client *Client
	cfg    TargetConfig // what a connection is made of; never changed
	tls    *tls.Config
	pool   pool
	run    func()      // dialOnce, made once
	gone   atomic.Bool // retired: what becomes idle is closed
	set    atomic.Pointer[settings]
	counts counts
}

// Target makes a target, or gives the one there is of the same Name and Addr with the new limits, gate and OnLate put
// into force for calls that begin later. When what its connections are made of has changed (TLS, server name, private
// addresses), a new target takes its place and the old one serves out the calls that hold it.
func (c *Client) Target(cfg TargetConfig) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(cfg.Addr)
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	if cfg.ConnsMax == 0 {
		cfg.ConnsMax = connsMax
	}
	if cfg.BodyBytesMax == 0 {
		cfg.BodyBytesMax = 256 << 10
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("transport: the client is closed")
	}
	key := targetKey{cfg.Name, cfg.Addr}
	t := c.targets[key]
	if t == nil || !t.cfg.sameConnections(&cfg) {
		t = newTarget(c, cfg)
		c.targets[key] = t
	}
	t.pool.setMax(cfg.ConnsMax)
	t.set.Store(&settings{bodyMax: cfg.BodyBytesMax, gate: cfg.Gate, onLate: cfg.OnLate})
	return t, nil
}

// Retire forgets the targets that keep does not want: their idle connections are closed, and what still holds such a
// target can go on making calls with it.
func (c *Client) Retire(keep func(*Target) bool) {
	var gone []*Target
	c.mu.Lock()
	for key, t := range c.targets {
		if !keep(t) {
			delete(c.targets, key)
			gone = append(gone, t)
		}
	}
	c.mu.Unlock()
	for _, t := range gone {
		t.closeIdle()
	}
}

// Validate tells why there cannot be such a target.
func (c *TargetConfig) Validate() error {
	host, _, err := net.SplitHostPort(c.Addr)
	switch {
	case err != nil:
		return fmt.Errorf("transport: target %s: %w", c.Name, err)
	case host == "":
		return fmt.Errorf("transport: target %s: %q names no host", c.Name, c.Addr)
	case c.ConnsMax < 0 || c.BodyBytesMax < 0:
		return fmt.Errorf("transport: target %s: a limit is negative", c.Name)
	}
	return nil
}

// sameConnections tells whether a connection made for one could serve the other.
func (c *TargetConfig) sameConnections(d *TargetConfig) bool {
	return c.TLS == d.TLS && c.TLSConfig == d.TLSConfig && c.ServerName == d.ServerName &&
		c.AllowPrivate == d.AllowPrivate && reflect.DeepEqual(c.Mail, d.Mail)
}

// Stats are the counts of a target since it was made, and its state now.
type Stats struct {
	InFlight    int64         // calls whose exchange is not over, late ones included
	Idle        int           // warm connections that wait
	Conns       int           // pooled connections, idle or not
	Calls       uint64        // calls that were asked for
	Answers     uint64        // complete answers in time
	Dials       uint64        // connections tried
	Handshakes  uint64        // TLS handshakes that succeeded
	Resumed     uint64        // of them by a session ticket, at a fraction of the cost
	DialErrors  uint64        // of them failed
	Retries     uint64        // pings written again because their kept-alive connection had ended
	Discarded   uint64        // idle connections found ended, or holding bytes that nobody had asked for
	Late        uint64        // calls that ran out of time with their request at the buyer
	LateAnswers uint64        // of them answered within LateReadMax
	LateDropped uint64        // of them cut off, because no late worker was free soon
	Latency     time.Duration // moving average of the time to answer; 0 while unknown
}

// Add adds the counts of another target. Latency stays what it is.
func (s *Stats) Add(o Stats) {
	s.InFlight, s.Idle, s.Conns = s.InFlight+o.InFlight, s.Idle+o.Idle, s.Conns+o.Conns
	s.Calls, s.Answers, s.Dials, s.DialErrors = s.Calls+o.Calls, s.Answers+o.Answers, s.Dials+o.Dials, s.DialErrors+
		o.DialErrors
	s.Handshakes, s.Resumed, s.Retries, s.Discarded = s.Handshakes+o.Handshakes, s.Resumed+o.Resumed, s.Retries+
		o.Retries, s.Discarded+o.Discarded
	s.Late, s.LateAnswers, s.LateDropped = s.Late+o.Late, s.LateAnswers+o.LateAnswers, s.LateDropped+o.LateDropped
}

// counts are the atomics behind Stats.
type counts struct {
	inFlight, ewma                             atomic.Int64
	mute                                       atomic.Int64 // calls in a row that nothing was heard of, however late
	calls, answers, dials, dialErrors, retries atomic.Uint64
	discarded, late, lateAnswers, lateDropped  atomic.Uint64
	handshakes, resumed                        atomic.Uint64
}

// Stats reads the counts. They are read one after another: together they are not a snapshot.
func (t *Target) Stats() Stats {
	n := &t.counts
	conns, idle := t.pool.size()
	return Stats{
		InFlight: n.inFlight.Load(), Idle: idle, Conns: conns,
		Calls: n.calls.Load(), Answers: n.answers.Load(), Dials: n.dials.Load(), DialErrors: n.dialErrors.Load(),
		Retries: n.retries.Load(), Discarded: n.discarded.Load(), Late: n.late.Load(),
		LateAnswers: n.lateAnswers.Load(), LateDropped: n.lateDropped.Load(), Handshakes: n.handshakes.Load(),
		Resumed: n.resumed.Load(), Latency: time.Duration(n.ewma.Load()),
	}
}

// learn moves the average an eighth of the way to what was seen. Two callers at once may lose one sample: it is an
// estimate that only orders the reading.
func (t *Target) learn(took time.Duration) {
	old := t.counts.ewma.Load()
	if old == 0 {
		t.counts.ewma.Store(max(1, int64(took)))
		return
	}
	t.counts.ewma.Store(max(1, old+(int64(took)-old)/8))
}

// enter takes a place at the buyer's gate. What enters leaves, exactly once, when its exchange is over.
func (t *Target) enter(g *Gate) bool {
	if !g.enter() {
		return false
	}
	t.counts.inFlight.Add(1)
	return true
}

// leave gives the place back.
func (t *Target) leave(g *Gate) {
	t.counts.inFlight.Add(-1)
	g.leave()
}
