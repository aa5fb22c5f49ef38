// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"clearpost/lead"
)

// Errors of the ledger.
var (
	// ErrUncertain is returned by Append when nobody can tell yet whether the group is stored. The next Open tells.
	ErrUncertain = errors.New("ledger: cannot tell whether the events are stored")
	// ErrUnavailable is returned by Append and Available while the ledger takes no events. Nothing of the group is stored.
	ErrUnavailable = errors.New("ledger: takes no events now")
	// ErrClosed is returned after Close. Nothing of the group is stored.
	ErrClosed = errors.New("ledger: closed")
	// ErrHeld is returned by Open when another process has the directory.
	ErrHeld = errors.New("a running exchange holds this directory")
)

// Config is what a ledger needs. Only Dir is required.
type Config struct {
	Dir          string           // its own directory, made if it is not there
	Node         string           // name of this node, for events that do not name theirs
	FreeBytesMin uint64           // below this much free space Append refuses; default 512 MiB
	SegmentBytes int              // size of one file of the log; default 64 MiB
	RingBytes    int              // recent records kept in memory for cursors; default 64 MiB
	SyncEvery    time.Duration    // least time between two syncs under load; default 2 ms, negative = none
	Retention    Retention        // what may be dropped from the front
	Kafka        *KafkaConfig     // nil: nothing is shipped
	Now          func() time.Time // default time.Now
	Logger       *slog.Logger     // default: nothing is logged
}

// Retention says what may be dropped from the front of the log. Zero values keep everything. Events that the views have not
// taken durably, that Kafka has not (where it is configured), or that belong to a lead with an open attempt are kept regardless.
type Retention struct {
	Age   time.Duration // events younger than this are kept
	Bytes int64         // the log's size on disk above which the oldest events go, whatever their age
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

// OpenAttempt is an attempt whose end is not known: its posting is stored and no posted is (Outcome none), or its end is Unknown.
type OpenAttempt struct {
	Attempt  lead.ID
	Lead     lead.ID
	Source   string
	Vertical string
	Since    time.Time
	Outcome  lead.Outcome
	Charges  []Charge
}

// PauseInfo tells who paused a subject.
type PauseInfo struct {
	Why, By string
	At      time.Time
}

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
	Unshippable       uint64 // events that Kafka refuses for good, from the beginning of the directory on
	FreeBytes         uint64 // of the file system
	LogBytes          int64
}

// Ledger is the one durable truth. All methods may be called by any goroutine.
type Ledger struct{}

// Open opens or makes the ledger in cfg.Dir, locks it, loads the views and replays what they have not seen.
func Open(cfg Config) (*Ledger, error) { return nil, ErrUnavailable }

// OpenOffline is Open for a tool while no exchange runs: nothing is shipped and nothing is dropped. It fails within a second
// with ErrHeld if an exchange runs.
func OpenOffline(cfg Config) (*Ledger, error) { return nil, ErrUnavailable }

// Close stores what has been appended, flushes the views and frees the directory.
func (l *Ledger) Close() error { return nil }

// Append stores a group of events, all or none, and returns nil when they are durable. Fields of the heads that are zero
// (Kind, EventID, Node, At, Schema) are filled in. The events may be reused when it returns. On an error none of them is
// stored, except that with errors.Is(err, ErrUncertain) nobody can tell.
func (l *Ledger) Append(group ...Event) error { return ErrUnavailable }

// Available returns nil, or why Append would refuse now (ErrUnavailable).
func (l *Ledger) Available() error { return ErrUnavailable }

// LastTime is the time of the latest durable event; zero if there is none.
func (l *Ledger) LastTime() time.Time { return time.Time{} }

// Lead returns all events of a lead that are still kept, oldest first.
func (l *Ledger) Lead(id lead.ID) ([]Record, error) { return nil, nil }

// BySellerLeadID returns the source's leads that were sent with this id of the seller's, newest first, at most 100.
func (l *Ledger) BySellerLeadID(source, id string) []lead.ID { return nil }

// ByIdempotencyKey returns the lead that the source's key was last used for.
func (l *Ledger) ByIdempotencyKey(source, key string) (lead.ID, bool) { return lead.ID{}, false }

// ByPerson returns the last one-shot lead of a person and its time in microseconds.
func (l *Ledger) ByPerson(source, vertical, person string) (id lead.ID, atMicros int64, ok bool) {
	return lead.ID{}, 0, false
}

// Unresolved lists the attempts whose end is not known, oldest first.
func (l *Ledger) Unresolved() ([]OpenAttempt, error) { return nil, nil }

// Counts calls fn with each charged window: accepted, unknown and open attempts.
func (l *Ledger) Counts(fn func(cap, window string, n int64)) {}

// Pauses returns what is paused, by subject.
func (l *Ledger) Pauses() map[string]PauseInfo { return nil }

// Scan calls fn with each record from a seq on (0: from the first kept) up to the last one stored when it was called.
func (l *Ledger) Scan(from uint64, fn func(Record) error) error { return nil }

// Follow is Scan that goes on with new records until ctx ends (it returns ctx.Err()) or fn fails.
func (l *Ledger) Follow(ctx context.Context, from uint64, fn func(Record) error) error { return nil }

// FirstSeq is the seq of the first kept event, 0 if there is none.
func (l *Ledger) FirstSeq() uint64 { return 0 }

// LastSeq is the seq of the last stored event, 0 if there is none.
func (l *Ledger) LastSeq() uint64 { return 0 }

// Stats returns the ledger's figures.
func (l *Ledger) Stats() Stats { return Stats{} }

// KeepConfig stores the files of a configuration under its hash, durably, before its first use. Keeping it again does nothing.
func (l *Ledger) KeepConfig(hash string, files map[string][]byte) error { return nil }

// ConfigFiles reads a kept configuration back.
func (l *Ledger) ConfigFiles(hash string) (map[string][]byte, error) { return nil, nil }

// Configs lists the hashes of the kept configurations.
func (l *Ledger) Configs() ([]string, error) { return nil, nil }
