// SPDX-License-Identifier: Apache-2.0

// Package loadtest is load from outside: sellers who send realistic leads over real HTTP, in an open loop. A seller's
// next call does not wait for the answer to the last one, and a latency counts from when the call was due, so that a
// slow exchange cannot hide its slowness by slowing its sellers.
package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// lateAfter is how much later than due a start may be before it is counted.
const lateAfter = 10 * time.Millisecond

// Config is how the sellers behave. The shares are probabilities from 0 to 1.
type Config struct {
	BaseURL string // such as http://127.0.0.1:8080
	Sources []Source
	Seed    uint64
	Rate    float64       // trips begun a second on average
	Even    bool          // at even distances instead of a Poisson process
	For     time.Duration // how long trips are begun; 0: until the context ends, or Trips have begun
	Trips   int           // how many are begun at most; 0: no bound

	OneShot float64 // trips that send the whole lead at once
	Post    float64 // quotes that are followed by a post
	Think   [2]time.Duration
	Keyed   float64 // one-shots and posts with an Idempotency-Key
	Repeat  float64 // posts and keyed one-shots that are sent again, word for word, after their answer
	Double  float64 // posts that are sent twice at the same time
	Again   float64 // trips with a person of an earlier trip

	OutstandingMax int           // calls in flight; 0 means 2000
	Timeout        time.Duration // of a call; 0 means 30 s
	// Retries is how often a post, or a keyed one-shot, that was not answered is sent again, RetryAfter apart.
	Retries    int
	RetryAfter time.Duration
	// Answers, if set, is given every answer as a JSON line. OnAnswer, if set, is called with every answer, from many
	// goroutines one at a time.
	Answers  io.Writer
	OnAnswer func(audit.Answer)
}

// Source is a seller's account.
type Source struct {
	ID        string
	Key       string
	Verticals []string // of Verticals
}

func (c *Config) validate() error {
	if len(c.Sources) == 0 {
		return fmt.Errorf("loadtest: no sources")
	}
	for _, s := range c.Sources {
		if len(s.Verticals) == 0 {
			return fmt.Errorf("loadtest: source %s: no verticals", s.ID)
		}
		for _, v := range s.Verticals {
			if !slices.Contains(Verticals(), v) {
				return fmt.Errorf("loadtest: source %s: vertical %q: expected one of %v", s.ID, v, Verticals())
			}
		}
	}
	if !(c.Rate > 0) {
		return fmt.Errorf("loadtest: rate %v: expected more than 0", c.Rate)
	}
	for name, p := range map[string]float64{"OneShot": c.OneShot, "Post": c.Post, "Keyed": c.Keyed, "Repeat": c.Repeat,
		"Double": c.Double, "Again": c.Again} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("loadtest: %s %v: expected 0 to 1", name, p)
		}
	}
	return nil
}

// Generator is a run of sellers.
type Generator struct {
	cfg    Config
	client *fasthttp.HostClient
	base   string // path prefix of the base URL

	pings, posts, leads *tally
	flying              atomic.Int64
	dropped, late       atomic.Int64
	repeats, disagreed  atomic.Int64
	trips               sync.WaitGroup

	mu       sync.Mutex // guards what follows, and the writing of answers
	paid     map[string]lead.Money
	paidSum  lead.Money
	writeErr error
}

// New makes a generator. It sends nothing before Run.
func New(c Config) (*Generator, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("loadtest: base URL %q: expected http://host:port", c.BaseURL)
	}
	if c.OutstandingMax <= 0 {
		c.OutstandingMax = 2000
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	addr := u.Host
	if u.Port() == "" {
		addr += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	g := &Generator{cfg: c, base: u.Scheme + "://" + u.Host + u.Path, pings: newTally(), posts: newTally(),
		leads: newTally(), paid: map[string]lead.Money{}}
	g.client = &fasthttp.HostClient{
		Addr: addr, IsTLS: u.Scheme == "https", MaxConns: c.OutstandingMax, MaxIdleConnDuration: 10 * time.Second,
		MaxResponseBodySize: 1 << 20, NoDefaultUserAgentHeader: true,
		// A repeated call is a seller's decision and is counted as one.
		MaxIdemponentCallAttempts: 1,
		RetryIfErr:                func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}
	return g, nil
}

// Run begins trips until the time is over, the number is reached or the context ends, then waits for those that have
// begun; their thinking is cut short when the context ends. An error means that the answers could not be written. Run
// may be called once.
func (g *Generator) Run(ctx context.Context) (*Result, error) {
	began := time.Now()
	stop := ctx
	if g.cfg.For > 0 {
		var cancel context.CancelFunc
		stop, cancel = context.WithTimeout(ctx, g.cfg.For)
		defer cancel()
	}
	g.begin(ctx, stop, began)
	g.trips.Wait()
	g.client.CloseIdleConnections()
	r := g.Result()
	r.Started, r.TookMS = began.UTC(), time.Since(began).Milliseconds()
	g.mu.Lock()
	defer g.mu.Unlock()
	return r, g.writeErr
}

// begin starts the trips, each when it is due.
func (g *Generator) begin(ctx, stop context.Context, due time.Time) {
	d := newDice(g.cfg.Seed, 1<<63)
	wait := time.NewTimer(0)
	defer wait.Stop()
	for n := 0; g.cfg.Trips == 0 || n < g.cfg.Trips; n++ {
		if g.cfg.Even {
			due = due.Add(time.Duration(float64(time.Second) / g.cfg.Rate))
		} else {
			due = due.Add(d.gap(g.cfg.Rate))
		}
		wait.Reset(time.Until(due))
		select {
		case <-stop.Done():
			return
		case <-wait.C:
		}
		if stop.Err() != nil {
			return
		}
		if time.Since(due) > lateAfter {
			g.late.Add(1)
		}
		t := trip{g: g, n: uint64(n), d: newDice(g.cfg.Seed^0x7472697073, uint64(n)), due: due}
		g.trips.Go(func() { t.run(ctx) })
	}
}

// Result is what has been seen so far; it may be called while Run goes on, for a display.
func (g *Generator) Result() *Result {
	g.mu.Lock()
	paid, sold := g.paidSum, len(g.paid)
	g.mu.Unlock()
	return &Result{Seed: g.cfg.Seed, Ping: g.pings.result(), Post: g.posts.result(), Lead: g.leads.result(),
		Dropped: int(g.dropped.Load()), Late: int(g.late.Load()), Repeats: int(g.repeats.Load()),
		Disagreed: int(g.disagreed.Load()), Paid: paid, Sold: sold}
}

// keep records an answer.
func (g *Generator) keep(a *audit.Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.Op != audit.OpPing && a.Result == "success" {
		g.paidSum += lead.Money(a.Price) - g.paid[a.Lead]
		g.paid[a.Lead] = lead.Money(a.Price)
	}
	if g.cfg.OnAnswer != nil {
		g.cfg.OnAnswer(*a)
	}
	if g.cfg.Answers == nil || g.writeErr != nil {
		return
	}
	line, err := json.Marshal(a)
	if err == nil {
		_, err = g.cfg.Answers.Write(append(line, '\n'))
	}
	g.writeErr = err
}
