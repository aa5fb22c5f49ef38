// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"clearpost/lead"
)

// Errors of the ledger.
var (
	// ErrUncertain is returned by Append, as an *Uncertain, when nobody can tell yet whether the group is stored. Its
	// Stored tells, or the next Open.
	ErrUncertain = errors.New("ledger: cannot tell whether the events are stored")
	// ErrUnavailable is returned by Available when no new ping should be taken, and by Append while the log cannot be
	// written or when the write failed: then nothing of the group is stored.
	ErrUnavailable = errors.New("ledger: takes no events now")
	// ErrFull is an ErrUnavailable for want of disk.
	ErrFull = fmt.Errorf("%w: the disk is nearly full", ErrUnavailable)
	// ErrClosed is returned after Close. Nothing of the group is stored.
	ErrClosed = errors.New("ledger: closed")
	// ErrHeld is returned by Open when another process has the directory.
	ErrHeld = errors.New("a running exchange holds this directory")
)

// Config is what a ledger needs. Only Dir is required.
type Config struct {
	Dir          string           // its own directory, made if it is not there
	Node         string           // name of this node, for events that do not name theirs; default "node"
	FreeBytesMin uint64           // below this much free space Available refuses; default 512 MiB
	SegmentBytes int              // size of one file of the log; default 64 MiB
	RingBytes    int              // recent records kept in memory for cursors; default 64 MiB
	SyncEvery    time.Duration    // least time between two syncs under load; default 3 ms, negative = none
	Retention    Retention        // what may be dropped from the front
	Kafka        *KafkaConfig     // nil: nothing is shipped
	Now          func() time.Time // default time.Now
	Logger       *slog.Logger     // default: nothing is logged
	// the log's file system; nil is the machine's. For tests of what happens when it fails
	Disk types.VFS
	// time is virtual and goes by at no cost but that of what wakes: the views neither watch their disk nor look ten
	// times a second whether there is something to tidy, and free space is looked at every ten seconds. For tests
	Virtual bool
	// with Kafka: where events go instead of its brokers. For tests of what happens when they fail
	Sink Sink
	// how long Append waits for a log that does not come back before it is uncertain; default 1 s
	Patience time.Duration
}

// Retention says what may be dropped from the front of the log. Zero values keep everything. Events that the views have
// not taken durably, that Kafka has not (where it is configured), or that belong to a lead with an open attempt are
// kept regardless.
type Retention struct {
	Age   time.Duration // events younger than this are kept
	Bytes int64         // the log's size on disk above which the oldest events go, whatever their age but for Least
	Least time.Duration // events younger than this are kept in any case: longer than a quote lasts
	Days  time.Duration // counts of days are kept for so long at least; they are for 62 days in any case
}

// KafkaConfig says where events are shipped to. Topics are TopicPrefix + "pings", "posts" and "leads".
type KafkaConfig struct {
	Brokers     []string      // host:port, at least one
	TopicPrefix string        // default "clearpost."
	Linger      time.Duration // how long events are gathered; default and least 100 ms
	Partitions  int           // of topics that do not exist yet; default 6
	Replication int           // of topics that do not exist yet; default 1
	BatchBytes  int           // most bytes of one request; default 900,000
	BatchEvents int           // most events gathered at once; default 2,000
	Timeout     time.Duration // of one request; default 10 s
	ClientID    string        // default "clearpost"
	TLS         *tls.Config   // nil: without TLS
	SASL        *SASL         // nil: anonymous
	Compression string        // of batches: one of Compressions; default "none"
	Private     string        // what becomes of personal data: one of Privates; default PrivateKeep
}

// Record is one stored event. Bytes is its JSON encoding and must not be changed.
type Record struct {
	Seq     uint64
	Kind    Kind
	EventID lead.ID
	Lead    lead.ID
	At      int64 // microseconds since 1970 UTC
	Bytes   []byte
}

// OpenAttempt is an attempt whose end is not known: its posting is stored and no posted is (Outcome none), or its end
// is Unknown.
type OpenAttempt struct {
	Attempt  lead.ID
	Lead     lead.ID
	Source   string
	Vertical string
	Since    time.Time
	Outcome  lead.Outcome
	Charges  []lead.Charge
}

// PauseInfo tells who paused a subject, or, of a subject standing:BUYER, how that buyer pays.
type PauseInfo struct {
	Why, By string
	At      time.Time
	Pays    string `json:",omitempty"` // one of Pays* but PaysWell
}

// StandingSubject is under what Pauses have how a buyer pays, if not well.
func StandingSubject(buyer string) string { return "standing:" + buyer }

// Stats are the ledger's figures. Counters begin at Open.
type Stats struct {
	FirstSeq, LastSeq uint64 // of the log; 0 when it is empty
	Appended          uint64 // events stored
	AppendedBytes     uint64
	Syncs             uint64
	AppendErrors      uint64 // failed writes
	Reopens           uint64 // times the log was closed and opened again after a failed write
	Applied           uint64 // seq up to which the views on disk have the events
	Shipped           uint64 // seq up to which Kafka has the events
	LagEvents         uint64 // stored and not yet shipped
	ShipErrors        uint64 // failed requests, tried again
	Unreadable        uint64 // records that could not be read since the start, and were set apart
	ClockJumps        uint64 // times the wall clock, or an event, was not believed
	Unshippable       uint64 // events that Kafka refuses for good, from the beginning of the directory on
	FreeBytes         uint64 // of the file system
	LogBytes          int64
}

// Ledger is the one durable truth. All methods may be called by any goroutine.
type Ledger struct {
	cfg     Config
	in      inside
	log     *slog.Logger
	lock    *os.File
	journal *journal
	views   *views
	ship    *shipper // nil without Kafka

	gather  gather
	overlay *overlay
	persons *sieve // the keys of ByPerson
	state   *state
	ring    ring
	stored  signal

	viewsDue chan struct{} // holds one
	stop     chan struct{} // closed by Close once nothing more is appended
	closed   atomic.Bool
	applierC sync.WaitGroup
	writerC  sync.WaitGroup
	others   sync.WaitGroup
	closeOne func() error

	broken      atomic.Pointer[error]       // why the log cannot be written
	viewsBroken atomic.Pointer[error]       // why the views cannot be written
	viewsDead   atomic.Bool                 // …and will not be until a restart
	unread      atomic.Pointer[lookupFault] // why the views cannot be read
	free        atomic.Uint64
	first, last atomic.Uint64
	lastTime    atomic.Int64
	keep        atomic.Int64 // Retention.Least, as raised by KeepAtLeast
	followed    followers
	dropping    sync.Mutex // held by who must find the log's front as it is, or drops it
	held        atomic.Pointer[Held]
	count       atomic.Int64 // how long counts of days are kept, as raised by CountAtLeast

	clock      clock
	unreadable atomic.Uint64 // records that were set apart

	appended, appendedBytes, syncs, appendErrors, reopens atomic.Uint64
}

// inside is what tests replace.
type inside struct {
	vfs types.VFS
	// how long callers wait for a log that does not come back before they hear that nobody can tell
	patience    time.Duration
	newMeta     func() types.MetaStore
	sink        Sink                             // instead of Kafka
	freeBytes   func(dir string) (uint64, error) //
	applyEvery  time.Duration                    // how long events gather before the views take them
	flushEvery  time.Duration                    // how often views are made durable
	retainEvery time.Duration                    // how often the front of the log is looked at
	lookEvery   time.Duration                    // how often free space is looked at
	elapsed     func(now time.Time) time.Duration
	rebuild     bool // the views are made anew
	progress    Progress
}

// Progress is told how far something long has come.
type Progress func(what string, done, of uint64)

func (cfg *Config) defaults() error {
	if cfg.Dir == "" {
		return errors.New("ledger: Dir is missing")
	}
	if cfg.Node == "" {
		cfg.Node = "node"
	}
	if cfg.FreeBytesMin == 0 {
		cfg.FreeBytesMin = 512 << 20
	}
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = 64 << 20
	}
	if cfg.SegmentBytes < 4096 || cfg.SegmentBytes > 1<<30 {
		return fmt.Errorf("ledger: SegmentBytes %d: expected 4096 to %d", cfg.SegmentBytes, 1<<30)
	}
	if cfg.RingBytes <= 0 {
		cfg.RingBytes = 64 << 20
	}
	if cfg.SyncEvery == 0 {
		// a sync costs a quarter of a millisecond of processor time, however little it writes
		cfg.SyncEvery = 3 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Kafka != nil {
		k := *cfg.Kafka
		cfg.Kafka = &k
		return k.defaults()
	}
	return nil
}

// Open opens or makes the ledger in cfg.Dir, locks it, loads the views and replays what they have not seen. It fails
// within a second with ErrHeld if another process has the directory.
func Open(cfg Config) (*Ledger, error) {
	in := inside{vfs: cfg.Disk, patience: cfg.Patience, sink: cfg.Sink}
	if cfg.Virtual {
		in.lookEvery = 10 * time.Second
	}
	return open(cfg, in)
}

// OpenOffline is Open for a tool while no exchange runs: it may append, nothing is shipped and nothing is dropped.
func OpenOffline(cfg Config) (*Ledger, error) {
	cfg.Kafka, cfg.Retention = nil, Retention{}
	return open(cfg, inside{})
}

// prepare makes a ledger that is locked and not open yet.
func prepare(cfg Config, in inside) (*Ledger, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	in.defaults()
	l := &Ledger{cfg: cfg, in: in, log: cfg.Logger, overlay: newOverlay(), persons: newSieve(),
		viewsDue: make(chan struct{}, 1), stop: make(chan struct{})}
	l.clock.log, l.clock.zero = cfg.Logger, cfg.Now()
	l.Time(l.clock.zero) // from here on a jump is seen, also one before anybody asks
	l.count.Store(int64(cfg.Retention.Days))
	l.keep.Store(int64(cfg.Retention.Least))
	l.gather.wake = make(chan struct{}, 1)
	l.ring.bytesMax = cfg.RingBytes
	l.closeOne = sync.OnceValue(l.close)
	l.journal = &journal{dir: filepath.Join(cfg.Dir, "log"), segmentBytes: cfg.SegmentBytes, vfs: in.vfs,
		newMeta: in.newMeta, log: l.log}
	l.views = &views{dir: filepath.Join(cfg.Dir, "views"), log: l.log, onFatal: l.viewsFailed, virtual: cfg.Virtual}
	if err := os.MkdirAll(l.journal.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	l.lock, err = lockDir(cfg.Dir)
	return l, err
}

func open(cfg Config, in inside) (_ *Ledger, err error) {
	l, err := prepare(cfg, in)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.journal.close(), l.views.close(), l.lock.Close())
		}
	}()
	if err := l.openLog(); err != nil {
		return nil, err
	}
	l.look()
	if l.cfg.Kafka != nil {
		if l.ship, err = newShipper(l); err != nil {
			return nil, err
		}
	}
	w := &writer{l: l, next: l.last.Load() + 1}
	l.writerC.Go(w.run)
	l.others.Go(l.runLook)
	l.others.Go(l.fillSieve)
	l.applierC.Go(l.runApplier)
	if l.ship != nil {
		l.ship.start()
	}
	return l, nil
}

func (in *inside) defaults() {
	if in.vfs == nil {
		in.vfs = fs.New()
	}
	if in.newMeta == nil {
		in.newMeta = newMeta
	}
	if in.progress == nil {
		in.progress = func(string, uint64, uint64) {}
	}
	if in.freeBytes == nil {
		in.freeBytes = freeBytes
	}
	for d, v := range map[*time.Duration]time.Duration{&in.applyEvery: 50 * time.Millisecond,
		&in.flushEvery: 10 * time.Second, &in.retainEvery: time.Minute, &in.patience: time.Second,
		&in.lookEvery: time.Second} {
		if *d == 0 {
			*d = v
		}
	}
}

// lockDir takes the directory for this process. The lock goes with the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(800 * time.Millisecond); ; time.Sleep(50 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("ledger: lock %s: %w", dir, err), f.Close())
		case time.Now().After(until):
			return nil, errors.Join(fmt.Errorf("%w: %s", ErrHeld, dir), f.Close())
		}
	}
}

func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// look checks now and then what no event tells: the free space, and whether views that could not be read can be read
// again.
func (l *Ledger) look() {
	n, err := l.in.freeBytes(l.cfg.Dir)
	if err != nil {
		l.log.Error("reading the free space", "err", err)
		return
	}
	l.free.Store(n)
	if f := l.unread.Load(); f != nil && time.Since(f.at) > lookupFaultFor {
		if _, _, err := l.views.latest(f.key); err == nil {
			l.unread.CompareAndSwap(f, nil)
		}
	}
}

func (l *Ledger) runLook() {
	every := time.NewTicker(l.in.lookEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			l.look()
		case <-l.stop:
			return
		}
	}
}

func (l *Ledger) viewsFailed(why string) {
	err := fmt.Errorf("the views cannot be written: %s", why)
	l.viewsDead.Store(true)
	l.viewsBroken.Store(&err)
	l.log.Error("the views cannot be written; restart to build them from the log", "err", why)
}

// Close stores what has been appended, flushes the views and frees the directory. It may be called more than once.
func (l *Ledger) Close() error { return l.closeOne() }

func (l *Ledger) close() error {
	l.closed.Store(true)
	l.gather.close()
	l.writerC.Wait()
	l.stored.tell()
	close(l.stop)
	l.others.Wait()
	if l.ship != nil {
		l.ship.close()
	}
	return errors.Join(l.closeViews(), l.journal.close(), l.lock.Close())
}

// closeTimeout bounds what Close waits for a part that may hang in a failing disk or broker.
const closeTimeout = 10 * time.Second

// closeViews gives up on views that hang: the log has everything.
func (l *Ledger) closeViews() error {
	done := make(chan error, 1)
	go func() {
		l.applierC.Wait()
		done <- l.views.close()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(closeTimeout):
		return errors.New("ledger: the views did not close in time; they are brought up to date at the next start")
	}
}
