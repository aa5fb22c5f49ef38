// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-json"
)

// foldName is the name under which the state is kept beside the ledger.
const foldName = "alerts"

const (
	lookEvery = 15 * time.Second
	// postsEvery is how often what campaigns accept is kept, if nothing else has changed.
	postsEvery = 10 * time.Minute
	// giveUp is how long a notice is tried, where its receiver does not say; then it is forgotten, and said so in the
	// log.
	giveUp = 72 * time.Hour
	// stopMax is for how long a stop waits for notices that are being sent.
	stopMax = 2 * time.Second
)

// Watch has alerts go on beside an exchange. All methods may be called by any goroutine.
type Watch struct {
	src  Sources
	log  *slog.Logger
	send func(ctx context.Context, p *Receiver, n *Notice) error
	now  func() time.Time

	mu     sync.Mutex // guards what follows
	cfg    *Config
	state  *State
	sent   map[string]int64 // by receiver, taken since the start
	failed map[string]int64
	busy   map[string]bool // receivers to whom something is being sent
	dirty  bool            // the state is not as it was kept
	kept   time.Time
	trying sync.WaitGroup
}

// Open reads what was told before. node stands in all notices.
func Open(src Sources, cfg *Config, node string, log *slog.Logger) *Watch {
	if cfg == nil {
		cfg = &Config{}
	}
	s := &sender{ex: src.Exchange, node: node}
	w := &Watch{src: src, log: log, send: s.send, now: src.Exchange.Now, cfg: cfg, state: newState(),
		sent: map[string]int64{}, failed: map[string]int64{}, busy: map[string]bool{}}
	b, err := src.Ledger.Fold(foldName)
	if err == nil && b != nil {
		err = json.Unmarshal(b, w.state)
	}
	if err != nil {
		// what was told before is told again: better than an exchange that does not start
		log.Error("what alerts have told cannot be read: they begin anew", "err", err)
		w.state = newState()
	}
	w.state.fill()
	return w
}

// Use puts another configuration in force. Causes of rules that are no more are forgotten, and so is what waits for
// receivers that are no more.
func (w *Watch) Use(cfg *Config) {
	if cfg == nil {
		cfg = &Config{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg = cfg
	n := len(w.state.Waiting)
	w.state.Waiting = slices.DeleteFunc(w.state.Waiting, func(s sending) bool { return cfg.receiver(s.To) == nil })
	w.dirty = w.dirty || len(w.state.Waiting) != n
}

func (c *Config) receiver(id string) *Receiver {
	for i := range c.Receivers {
		if c.Receivers[i].ID == id {
			return &c.Receivers[i]
		}
	}
	return nil
}

// Run looks and sends until the context ends.
func (w *Watch) Run(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for ctx.Err() == nil {
		w.Look()
		w.Send(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	over := make(chan struct{})
	go func() { w.trying.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(stopMax):
	}
	w.keep(true)
}

// Look compares the rules with what is so now.
func (w *Watch) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.cfg.Rules) == 0 && len(w.state.Causes) == 0 {
		return
	}
	kinds := map[string]bool{}
	for i := range w.cfg.Rules {
		kinds[w.cfg.Rules[i].On] = true
	}
	now := w.now()
	facts, err := w.src.look(kinds, w.state.Posts, now)
	if err != nil { // what could not be looked at must not count as over
		w.log.Error("alerts: not all could be looked at", "err", err)
		return
	}
	changed, lost := w.state.step(w.cfg, facts, now)
	if w.dirty = w.dirty || changed; lost > 0 {
		w.log.Error("alerts: there are too many of them, and some are not told", "count", lost)
	}
	w.keepLocked(now.Sub(w.kept) >= postsEvery)
}

// keep stores the state, if it has changed or all is to be kept.
func (w *Watch) keep(all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keepLocked(all)
}

func (w *Watch) keepLocked(all bool) {
	if !w.dirty && (!all || len(w.state.Posts) == 0) {
		return
	}
	b, err := json.Marshal(w.state)
	if err == nil {
		err = w.src.Ledger.KeepFold(foldName, b)
	}
	if err != nil {
		w.log.Error("what alerts have told cannot be kept: a restart would tell it again", "err", err)
		return
	}
	w.dirty, w.kept = false, w.now()
}

// Send sends what is due, to each receiver in order and beside the others, and does not wait for it.
func (w *Watch) Send(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.cfg.Receivers {
		p := &w.cfg.Receivers[i]
		if w.busy[p.ID] || w.head(p.ID) < 0 {
			continue
		}
		w.busy[p.ID] = true
		w.trying.Go(func() { w.sendTo(ctx, p) })
	}
}

// head is the first notice that is due for a receiver, -1 if there is none. The caller holds the lock.
func (w *Watch) head(id string) int {
	i := slices.IndexFunc(w.state.Waiting, func(s sending) bool { return s.To == id })
	if i >= 0 && w.state.Waiting[i].Next.After(w.now()) {
		return -1
	}
	return i
}

func (w *Watch) sendTo(ctx context.Context, p *Receiver) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { delete(w.busy, p.ID) }()
	for ctx.Err() == nil {
		i := w.head(p.ID)
		if i < 0 {
			break
		}
		n := w.state.Waiting[i].Notice
		w.mu.Unlock()
		err := w.send(ctx, p, &n)
		w.mu.Lock()
		if err != nil && ctx.Err() != nil {
			break
		}
		i = slices.IndexFunc(w.state.Waiting, func(s sending) bool { return s.To == p.ID && s.Notice.ID == n.ID })
		if i < 0 { // forgotten meanwhile
			continue
		}
		if w.dirty = true; err == nil {
			w.sent[p.ID]++
			w.state.Waiting = slices.Delete(w.state.Waiting, i, i+1)
			continue
		}
		if w.missed(p, &w.state.Waiting[i], err) {
			w.state.Waiting = slices.Delete(w.state.Waiting, i, i+1)
			continue
		}
		break
	}
	w.keepLocked(false)
}

// missed notes a try without success, and tells whether the notice's time is over.
func (w *Watch) missed(p *Receiver, s *sending, err error) (over bool) {
	w.failed[p.ID]++
	s.Tries++
	s.Why = err.Error()
	w.log.Warn("an alert could not be sent", "receiver", p.ID, "rule", s.Notice.Rule, "tries", s.Tries, "err", err)
	long := giveUp
	if p.Webhook != nil {
		long = p.Webhook.For
	}
	if now := w.now(); now.Sub(s.Notice.At) < long {
		s.Next = now.Add(min(lookEvery<<min(s.Tries, 8), time.Hour))
		return false
	}
	w.log.Error("an alert was not taken and is given up", "receiver", p.ID, "rule", s.Notice.Rule, "text",
		s.Notice.Text)
	return true
}

// ErrNoReceiver is the error of Test where nobody has the id.
var ErrNoReceiver = errors.New("there is no receiver of this id under `alerts`")

// Test sends a notice that says that it is a test to one receiver, once, and tells what came of it.
func (w *Watch) Test(ctx context.Context, receiver, by string) error {
	w.mu.Lock()
	p := w.cfg.receiver(receiver)
	w.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%w: %q", ErrNoReceiver, receiver)
	}
	now := w.now().UTC()
	return w.send(ctx, p, &Notice{ID: fmt.Sprintf("alert_test_%d", now.UnixNano()), Kind: Test, Rule: "test",
		On: "test", Subject: receiver, Text: "a test of alerts, asked for by " + by, Since: now, At: now})
}

// Status is how alerts stand.
type Status struct {
	Rules     int              `json:"rules"`
	Quiet     bool             `json:"quiet"`  // only what is urgent is told now
	Causes    []Cause          `json:"causes"` // what is so, or was a moment ago
	Receivers []ReceiverStatus `json:"receivers"`
}

// ReceiverStatus is how a receiver's notices stand.
type ReceiverStatus struct {
	ID      string `json:"id"`
	Sent    int64  `json:"sent"`    // since the start
	Failed  int64  `json:"failed"`  // tries, since the start
	Waiting int    `json:"waiting"` // notices
	Tries   int    `json:"tries"`   // of the one that is next
	Why     string `json:"why,omitempty"`
}

// Status tells how alerts stand: causes by rule and subject.
func (w *Watch) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Status{Rules: len(w.cfg.Rules), Causes: []Cause{}, Receivers: []ReceiverStatus{}}
	if h := w.cfg.Hours; h != nil {
		open, _ := h.At(w.now())
		out.Quiet = !open
	}
	for _, key := range sortedKeys(w.state.Causes) {
		out.Causes = append(out.Causes, *w.state.Causes[key])
	}
	for i := range w.cfg.Receivers {
		id := w.cfg.Receivers[i].ID
		r := ReceiverStatus{ID: id, Sent: w.sent[id], Failed: w.failed[id]}
		for _, s := range w.state.Waiting {
			if s.To != id {
				continue
			}
			if r.Waiting++; r.Waiting == 1 {
				r.Tries, r.Why = s.Tries, s.Why
			}
		}
		out.Receivers = append(out.Receivers, r)
	}
	return out
}
