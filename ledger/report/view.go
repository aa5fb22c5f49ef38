// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Limits of the view.
const (
	batchFor    = time.Second            // of one, after which it is committed
	batchEvents = 2000                   // of one transaction
	sliceEvents = 100                    // after which it rests, where it has a share of a core only
	readersMax  = 4                      // questions at once; more of them wait
	lookEvery   = 500 * time.Millisecond // how often it looks for new events
	againAfter  = 5 * time.Second        // when something failed
	durableFrom = 20                     // transactions after which the database is made durable
	// how long it alone may hold events that the ledger would drop
	holdFor = 7 * 24 * time.Hour
)

// Config is what a view needs.
type Config struct {
	Dir    string // its own directory, made if it is not there
	Ledger *ledger.Ledger
	// Share is how much of one core's time it may take to follow the ledger, above 0 up to 1. It rests in between, but
	// where it is 1; while process or machine are busy it takes a fifth of it.
	Share float64
	// FreeBytesMin is the free disk space below which it waits: the ledger needs the rest.
	FreeBytesMin uint64
	// KeepFor is for how long leads that nobody posted are kept one by one, and bids told apart by several things at
	// once; 0: for as long as the view. At least two days.
	KeepFor time.Duration
	// BytesMax is how much may be in the database before the oldest of these go earlier, but never those of the last
	// two days; 0: anything. The file grows no further then, and does not shrink.
	BytesMax int64
	Log      *slog.Logger
}

// View follows a ledger. All methods may be called by any goroutine.
type View struct {
	cfg    Config
	key    personKey
	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	once   sync.Once
	done   sync.WaitGroup
	wake   chan struct{} // holds one
	places chan struct{} // closed and made anew whenever the view has come further; guarded by mu
	asking chan struct{} // questions under way
	adding chan struct{} // holds one: of them those that add up, which take a core for a while

	db *sql.DB // of the writer; the follower's alone
	w  *writer

	batch int // events of one transaction
	pace  pace
	begun time.Duration // what the follower's thread had used before it followed
	spent atomic.Int64  // what it has used since: nanoseconds

	mu         sync.Mutex
	place      place  // guarded by mu
	durable    uint64 // guarded by mu: next seq that a crash cannot take back
	failed     string // guarded by mu: why it does not go on
	rebuilt    *rebuild
	notRebuilt string // guarded by mu: why the last rebuild failed
	reads      atomic.Pointer[sql.DB]
	waiting    atomic.Int32 // who waits for the view to catch up
	recent     int          // transactions since the database was made durable
	dropped    time.Time    // when it was last looked for what is too old
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("report: closed")

// Open opens or makes the view in cfg.Dir. It does not follow yet. A database that cannot be gone on with, since it is
// damaged, or not of this ledger, is set aside, and the next one begins with what the ledger still has.
func Open(cfg Config) (*View, error) {
	if cfg.Share <= 0 || cfg.Share > 1 {
		return nil, fmt.Errorf("report: Share %v: expected above 0 and at most 1", cfg.Share)
	}
	if cfg.KeepFor != 0 && cfg.KeepFor < dropDays*24*time.Hour || cfg.BytesMax < 0 {
		return nil, fmt.Errorf("report: KeepFor %s, BytesMax %d: expected 0, or at least %d days", cfg.KeepFor,
			cfg.BytesMax,
			dropDays)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	key, err := loadKey(filepath.Join(cfg.Dir, keyName))
	if err != nil {
		return nil, fmt.Errorf("the key of persons: %w", err)
	}
	v := &View{cfg: cfg, key: key, wake: make(chan struct{}, 1), places: make(chan struct{}),
		asking: make(chan struct{}, readersMax), adding: make(chan struct{}, 1), batch: batchEvents,
		pace: pace{share: cfg.Share}}
	if err := remove(v.path(newName)); err != nil { // of a rebuild that did not end
		return nil, err
	}
	if err := v.open(); err != nil {
		return nil, err
	}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	cfg.Ledger.Keep(ledger.Follower{Name: "the view for reports", Wait: holdFor, Next: v.needs})
	return v, nil
}

func (v *View) path(name string) string { return filepath.Join(v.cfg.Dir, name) }

// open opens the database, or sets it aside and begins a new one.
func (v *View) open() error {
	err := v.openOnce()
	if damaged(err) {
		return v.setAside(err)
	}
	return err
}

// setAside puts the database away and begins a new one.
func (v *View) setAside(err error) error {
	v.cfg.Log.Error("the view for reports begins anew from the ledger; what it had is set aside", "err", err, "as",
		v.path(damagedName))
	_ = v.closeStore() // it is damaged: what cannot be closed is no news
	if err := rename(v.path(fileName), v.path(damagedName)); err != nil {
		return err
	}
	return v.openOnce()
}

func (v *View) openOnce() error {
	db, w, p, err := openStore(v.path(fileName), v.key)
	if err != nil {
		return err
	}
	if err := v.belongs(p); err != nil {
		return errors.Join(err, w.close(), db.Close())
	}
	reads, err := openReader(v.path(fileName), readersMax)
	if err != nil {
		return errors.Join(err, w.close(), db.Close())
	}
	if p.from > 0 && p.from < SchemaVersion && p.Next > 1 {
		v.cfg.Log.Warn("the view for reports was made by an earlier version: what this one adds to its tables is "+
			"there from now on; clearpost report rebuild makes the rest of it", "version", p.from, "now", SchemaVersion)
	}
	v.db, v.w = db, w
	v.reads.Store(reads)
	v.mu.Lock()
	v.place, v.durable = *p, p.Next
	v.mu.Unlock()
	return nil
}

var errEnough = errors.New("enough")

// belongs tells whether a place is one of this ledger: its last event stands where it stood. A ledger that was
// recovered may have something else there.
func (v *View) belongs(p *place) error {
	led := v.cfg.Ledger
	last := p.Next - 1
	if p.Next == 0 || last < led.FirstSeq() || last == 0 {
		return nil // nothing is known against it
	}
	if last > led.LastSeq() {
		return fmt.Errorf("%w: it goes up to event %d, the ledger to %d", errOther, last, led.LastSeq())
	}
	var found lead.ID
	err := led.Scan(last, func(r ledger.Record) error {
		found = r.EventID
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if found != p.Event {
		return fmt.Errorf("%w: event %d of the ledger is %s, it has read %s", errOther, last, found, p.Event)
	}
	return nil
}

// needs is the first event that the view would need after a crash.
func (v *View) needs() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rebuilt != nil {
		return max(v.cfg.Ledger.FirstSeq(), 1)
	}
	return max(v.durable, 1)
}

// Start has the view follow the ledger until Close. It may be called more than once.
func (v *View) Start() { v.once.Do(func() { v.done.Go(v.follow) }) }

// Close ends following.
func (v *View) Close() error {
	v.cancel()
	v.done.Wait()
	return v.closeStore()
}

// closeStore closes the database for reading and for writing. Who asks meanwhile waits for the next one.
func (v *View) closeStore() (err error) {
	if reads := v.reads.Swap(nil); reads != nil {
		err = reads.Close()
	}
	if v.w == nil {
		return err
	}
	err = errors.Join(err, v.w.checkpoint(), v.w.close(), v.db.Close())
	v.w, v.db = nil, nil
	return err
}

// follow is the one goroutine that writes.
func (v *View) follow() {
	runtime.LockOSThread() // whose CPU time is looked at
	defer runtime.UnlockOSThread()
	v.begun = threadTime()
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for v.ctx.Err() == nil {
		err := v.advance()
		v.used()
		v.fail(err)
		switch {
		case damaged(err):
			v.fail(v.setAside(err))
		case err != nil:
			v.sleep(againAfter)
		}
		select {
		case <-v.ctx.Done():
		case <-every.C:
		case <-v.wake:
		}
	}
}

// advance takes what the ledger has, and makes the view anew if that is asked for.
func (v *View) advance() error {
	for v.ctx.Err() == nil {
		if v.w == nil {
			if err := v.open(); err != nil {
				return err
			}
		}
		if v.wanted() {
			if err := v.rebuild(); err != nil {
				return err
			}
		}
		more, err := v.step()
		if err != nil {
			return err
		}
		if !more {
			return v.drop(time.Now())
		}
	}
	return nil
}

// step takes at most a batch of events in one transaction, and tells whether there are more.
func (v *View) step() (more bool, err error) {
	v.mu.Lock()
	p := v.place
	v.mu.Unlock()
	if v.cfg.Ledger.LastSeq() < max(p.Next, 1) {
		return false, v.settle(false)
	}
	if more, err = v.take(v.w, &p); err != nil {
		return false, err
	}
	v.mu.Lock()
	v.place = p
	close(v.places)
	v.places = make(chan struct{})
	v.mu.Unlock()
	v.recent++
	return more, v.settle(v.recent < durableFrom && more)
}

// settle makes what was committed durable, unless it is put off.
func (v *View) settle(later bool) error {
	if later || v.recent == 0 {
		return nil
	}
	if err := v.w.checkpoint(); err != nil {
		return err
	}
	v.recent = 0
	v.mu.Lock()
	v.durable = v.place.Next
	v.mu.Unlock()
	return nil
}

// take writes a batch of events from a place on into a database, and moves the place.
func (v *View) take(w *writer, p *place) (more bool, err error) {
	led := v.cfg.Ledger
	if free := led.FreeBytes(); free < v.cfg.FreeBytesMin {
		return false, fmt.Errorf("the disk has %d MiB free, and the ledger needs them: the view waits", free>>20)
	}
	v.skipDropped(p)
	if err := w.begin(); err != nil {
		return false, err
	}
	n, slice, until := 0, threadTime(), time.Now().Add(batchFor)
	err = led.Scan(p.Next, func(r ledger.Record) error {
		if n == v.batch || n%sliceEvents == 0 && n > 0 && time.Now().After(until) {
			more = true
			return errEnough
		}
		w.take(r)
		p.Missed += r.Seq - p.Next // dropped while it was read
		p.Next, p.Event = r.Seq+1, r.EventID
		if n++; n%sliceEvents == 0 {
			slice = v.rest(slice)
		}
		return errors.Join(w.err, v.ctx.Err())
	})
	if err != nil && !errors.Is(err, errEnough) {
		if w.err == nil {
			w.err = err
		}
		return false, w.rollback()
	}
	if err := w.commit(p); err != nil {
		return false, err
	}
	v.rest(slice)
	return more, nil
}

// skipDropped goes on where the ledger begins, if that has dropped what comes next.
func (v *View) skipDropped(p *place) {
	first := v.cfg.Ledger.FirstSeq()
	switch {
	case p.Next == 0:
		p.Next, p.First = max(first, 1), max(first, 1)
	case p.Next < first:
		v.cfg.Log.Error("the view for reports has missed events: the ledger had dropped them before they were read",
			"from_seq", p.Next, "to_seq", first-1)
		p.Missed += first - p.Next
		p.Next = first
	}
}

// rest waits after some work, so that following takes no more than its share of a core: what the thread has done since
// it had used so much. It returns what the thread has used now.
func (v *View) rest(since time.Duration) time.Duration {
	used := v.used()
	if d := v.pace.rest(used-since, v.waiting.Load() > 0, time.Now()); d > 0 {
		v.sleep(d)
	}
	return used
}

// used is what the follower's thread has used up to now; Status tells of it.
func (v *View) used() time.Duration {
	used := threadTime()
	v.spent.Store(int64(used - v.begun))
	return used
}

func (v *View) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-v.ctx.Done():
	}
}

// fail keeps why the view does not go on; nil: it does.
func (v *View) fail(err error) {
	text := ""
	if err != nil && v.ctx.Err() == nil {
		text = err.Error()
	}
	v.mu.Lock()
	was := v.failed
	v.failed = text
	v.mu.Unlock()
	if text != "" && text != was {
		v.cfg.Log.Error("the view for reports does not follow the ledger: it is tried again", "err", err)
	}
}

// CatchUp waits until the view has what the ledger had when it was called, or the context ends, or following fails.
// It says how far the view is.
func (v *View) CatchUp(ctx context.Context) Status {
	v.Start()
	v.waiting.Add(1)
	defer v.waiting.Add(-1)
	target := v.cfg.Ledger.LastSeq()
	for {
		v.mu.Lock()
		next, more, failed := v.place.Next, v.places, v.failed
		v.mu.Unlock()
		if next > target || failed != "" || v.ctx.Err() != nil {
			return v.Status()
		}
		v.poke()
		select {
		case <-more:
		case <-time.After(lookEvery): // it may have failed
		case <-ctx.Done():
			return v.Status()
		case <-v.ctx.Done():
		}
	}
}

// poke has the follower look at once.
func (v *View) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Status is how the view stands.
type Status struct {
	UpToSeq    uint64 `json:"up_to_seq"`   // the last event that it has
	Behind     uint64 `json:"behind"`      // events that it does not have yet
	FromSeq    uint64 `json:"from_seq"`    // the first event that it has; before that the ledger had dropped them
	Bytes      int64  `json:"bytes"`       // on disk
	Schema     int    `json:"schema"`      // version of its tables
	Missed     uint64 `json:"missed"`      // events that it can never have: the ledger dropped them too early
	Unread     int64  `json:"unreadable"`  // events that could not be read
	Error      string `json:"error"`       // why it does not go on; empty: it does
	Rebuilds   bool   `json:"rebuilds"`    // it is made anew
	Done       uint64 `json:"rebuilt"`     // events that are in the new one
	Of         uint64 `json:"rebuilt_of"`  // events that will be
	NotRebuilt string `json:"not_rebuilt"` // why the last rebuild failed; empty: it did not
	Path       string `json:"path"`        // of the database
	// processor time that following, and making it anew, has taken since it was opened
	CPUSeconds float64 `json:"cpu_seconds"`
}

// Status tells how the view stands.
func (v *View) Status() Status {
	last := v.cfg.Ledger.LastSeq()
	v.mu.Lock()
	defer v.mu.Unlock()
	next := max(v.place.Next, 1)
	s := Status{UpToSeq: next - 1, FromSeq: v.place.First, Schema: SchemaVersion, Missed: v.place.Missed,
		Unread: v.place.Unread, Error: v.failed, NotRebuilt: v.notRebuilt, Path: v.path(fileName)}
	s.CPUSeconds = time.Duration(v.spent.Load()).Seconds()
	s.Behind, s.Bytes = last-min(s.UpToSeq, last), size(v.cfg.Dir)
	if b := v.rebuilt; b != nil {
		s.Rebuilds, s.Done, s.Of = true, b.done, b.of
	}
	return s
}
