// SPDX-License-Identifier: Apache-2.0

// Package transport carries rendered HTTP/1.1 requests to buyers and brings their answers back.
//
// Scatter is the fan-out of a ping: one goroutine writes every request to a warm connection and then reads every
// answer. Only what blocks — a dial, a handshake, a peer that takes its request slowly, an answer that comes too late —
// goes to a bounded pool of workers. PostOnce is the single post of a lead: a fresh connection, one write, never a
// second try. Neither follows redirects, and a status other than 2xx is an answer like any other: wire judges it.
//
// A call without an idle connection waits in its target's line (pool.go); whoever makes a connection or gives one back
// writes its request (waiter.go), and the scatter reads it like the others. keep.go has connections made ahead of
// demand and learns how long they live; worker.go and late.go have what blocks; gate.go bounds a buyer's calls. Access
// tokens are kept at hand by token.go, beside the path. Every connection, theirs too, is made by one dialer that looks
// at the address itself (dial.go).
package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/lead"

	"github.com/panjf2000/ants/v2"
	"golang.org/x/sys/unix"
)

// Config bounds a Client. A zero field takes its default.
type Config struct {
	// workers for what blocks: dials, handshakes and peers that take their request slowly (2048)
	Workers        int
	WorkersATarget int           // how many of them one target may hold at a time (a quarter of Workers)
	LateWorkers    int           // workers that read late answers out (1024)
	LateWaiting    int           // late answers that may wait a moment for a worker (8192)
	LateReadMax    time.Duration // how long after its call's end a late answer is awaited (2 s)
	DialMax        time.Duration // bound of a dial with its handshake, however much time its call has (3 s)
	// an idle connection is closed after this, sooner where its peer ends them sooner (60 s)
	IdleMax time.Duration
	// connections at most, of all targets (three quarters of the files the process may have open)
	ConnsMax       int
	HeaderBytesMax int           // largest head of an answer (32 KiB)
	Resolver       *net.Resolver // looks names up; nil: the system's way
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	if c.Workers == 0 {
		c.Workers = 2048
	}
	if c.WorkersATarget == 0 {
		c.WorkersATarget = max(1, c.Workers/4)
	}
	if c.LateWorkers == 0 {
		c.LateWorkers = 1024
	}
	if c.LateWaiting == 0 {
		c.LateWaiting = 8192
	}
	if c.LateReadMax == 0 {
		c.LateReadMax = 2 * time.Second
	}
	if c.DialMax == 0 {
		c.DialMax = 3 * time.Second
	}
	if c.IdleMax == 0 {
		c.IdleMax = time.Minute
	}
	if c.ConnsMax == 0 {
		c.ConnsMax = filesMax() / 4 * 3
	}
	if c.HeaderBytesMax == 0 {
		c.HeaderBytesMax = 32 << 10
	}
	return c
}

// filesMax is how many files the process may have open, sockets included.
func filesMax() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(l.Cur, 1<<20))
}

// Validate tells what cannot work. Zero fields are fine: they take their defaults.
func (c Config) Validate() error {
	switch c = c.withDefaults(); {
	case c.Workers < 0 || c.WorkersATarget < 0 || c.LateWorkers < 0 || c.LateWaiting < 0:
		return errors.New("transport: a number of workers is negative")
	case c.ConnsMax < 0:
		return errors.New("transport: a number of connections is negative")
	case c.WorkersATarget > c.Workers:
		return fmt.Errorf("transport: %d workers a target are more than the %d there are", c.WorkersATarget, c.Workers)
	case c.LateReadMax < 0 || c.DialMax < 0 || c.IdleMax < 0:
		return errors.New("transport: a duration is negative")
	case c.HeaderBytesMax < 256 || c.HeaderBytesMax > 1<<20:
		return fmt.Errorf("transport: a head of %d bytes is outside 256 bytes to 1 MiB", c.HeaderBytesMax)
	}
	return nil
}

// Client owns the workers, the targets and every connection. Any number of goroutines may use it at once.
type Client struct {
	cfg      Config
	workers  *ants.Pool
	late     *ants.Pool
	lateLine lateLine
	ctx      context.Context // ends when Close begins: it cuts dials short
	stop     context.CancelFunc

	scratches sync.Pool // *scratch
	readings  sync.Pool // *reading
	waiters   sync.Pool // *waiter
	lates     sync.Pool // *lateRead

	places   atomic.Int64 // connections that may still be opened
	tight    atomic.Bool  // there was no place lately
	short    atomic.Int64 // how often there was none
	starving sync.Mutex   // guards starved
	starved  []*Target    // want to dial and found no worker or no place

	mu      sync.Mutex // guards what follows; never taken on the path of a warm call
	closed  bool
	targets map[targetKey]*Target
	open    map[*conn]struct{}
	tokens  map[string]*Tokens
	renewal sync.WaitGroup // the goroutines of tokens, and of tend
}

// New makes a Client with its workers. Close frees it.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg.withDefaults(), targets: map[targetKey]*Target{}, open: map[*conn]struct{}{},
		tokens: map[string]*Tokens{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.scratches.New = func() any { return newScratch() }
	c.readings.New = func() any { return newReading(min(readSize, c.cfg.HeaderBytesMax), c.cfg.HeaderBytesMax) }
	c.waiters.New = func() any { return &waiter{} }
	c.lates.New = func() any { return newLateRead() }
	var err error
	if c.workers, err = ants.NewPool(c.cfg.Workers, ants.WithNonblocking(true)); err != nil {
		return nil, fmt.Errorf("transport: workers: %w", err)
	}
	if c.late, err = ants.NewPool(c.cfg.LateWorkers, ants.WithNonblocking(true)); err != nil {
		c.workers.Release()
		return nil, fmt.Errorf("transport: late workers: %w", err)
	}
	c.places.Store(int64(c.cfg.ConnsMax))
	c.lateLine.most, c.lateLine.wait = c.cfg.LateWaiting, lateWaitMax
	c.renewal.Add(1)
	go c.tend()
	return c, nil
}

// Short is how often a connection was wanted and there was no place for it among those that the process may have.
func (c *Client) Short() int64 { return c.short.Load() }

// Close refuses new calls, cuts every connection and waits, until ctx ends, for the workers to stop. Calls still
// running end with a refusal; end them first where their answers matter. A second Close does nothing.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	for w := range c.open {
		w.cut()
	}
	targets := make([]*Target, 0, len(c.targets))
	for _, t := range c.targets {
		targets = append(targets, t)
	}
	c.mu.Unlock()
	c.stop()
	for _, t := range targets {
		t.refuseAll(lead.NoConnection)
	}
	c.lateLine.close()
	err := errors.Join(c.workers.ReleaseContext(ctx), c.late.ReleaseContext(ctx))
	c.renewal.Wait() // its fetches have ended with the context
	for _, t := range targets {
		t.closeIdle()
	}
	if err != nil {
		return fmt.Errorf("transport: close: %w", err)
	}
	return nil
}
