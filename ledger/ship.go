// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-json"
	"github.com/segmentio/kafka-go"
)

// Limits of the shipper.
const (
	shipAtOnce     = 4 // requests under way
	shipBackoffMin = 100 * time.Millisecond
	shipBackoffMax = 10 * time.Second
	shipRoundBytes = 8 << 20 // bytes of one round over all partitions
)

// shipper copies the log to Kafka, in order per key, at least once. It goes round by round: what has gathered since the
// last round is dealt to its partitions, each partition is written on its own until it has everything, then the cursor
// moves. Nothing ever waits for it.
type shipper struct {
	l       *Ledger
	cfg     KafkaConfig
	sink    Sink
	balance kafka.Hash
	cancel  context.CancelFunc
	ctx     context.Context
	done    sync.WaitGroup
	hurry   chan struct{} // holds one: ship at once

	shipped     atomic.Uint64 // the cursor
	errors      atomic.Uint64
	unshippable atomic.Uint64
	failing     atomic.Bool

	topics map[string]*shipTopic
	recs   []Record
	key    [36]byte // of the record that is queued; the deal's own

	mu     sync.Mutex
	listed map[uint64]bool // seqs in the file of the unshippable
	moved  signal          // told when the cursor moves
}

type shipTopic struct {
	name       string
	partitions []int      // 0, 1, 2 …
	queues     [][]Record // by partition, of this round
}

func newShipper(l *Ledger) (*shipper, error) {
	s := &shipper{l: l, cfg: *l.cfg.Kafka, sink: l.in.sink, topics: map[string]*shipTopic{}, listed: map[uint64]bool{},
		hurry: make(chan struct{}, 1)}
	if s.sink == nil {
		s.sink = newKafkaSink(s.cfg, l.log)
	}
	cursor, _, err := l.views.cursor()
	if err != nil {
		return nil, err
	}
	s.shipped.Store(min(cursor, l.last.Load()))
	if err := s.readUnshippable(); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func (s *shipper) start() { s.done.Go(s.run) }

// close gives up after a while on a sink that does not return.
func (s *shipper) close() {
	s.cancel()
	done := make(chan struct{})
	go func() {
		s.done.Wait()
		s.sink.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(closeTimeout):
		s.l.log.Error("the Kafka client does not stop; what it had not shipped is shipped after the next start")
	}
}

func (s *shipper) run() {
	for _, k := range kinds[1:] {
		if s.topics[k.Topic()] == nil && s.topic(k.Topic()) == nil {
			return
		}
	}
	if s.cfg.Private == PrivateOwnTopic && s.topic(privateTopic) == nil {
		return
	}
	for s.wait() && s.round() {
	}
}

// wait returns when there is something to ship and it has gathered long enough, false when the ledger closes.
func (s *shipper) wait() bool {
	l := s.l
	for {
		more := l.stored.next()
		if l.last.Load() > s.shipped.Load() {
			break
		}
		select {
		case <-more:
		case <-s.ctx.Done():
			return false
		}
	}
	if l.last.Load()-s.shipped.Load() >= uint64(s.cfg.BatchEvents) {
		return true
	}
	t := time.NewTimer(s.cfg.Linger)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.hurry:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// round ships what there is, up to the limits of a round. It reports false when the ledger closes before everything is
// written: then the round is shipped again after the next start.
func (s *shipper) round() bool {
	var err error
	s.recs, err = s.l.fetch(s.recs[:0], s.shipped.Load()+1, s.cfg.BatchEvents, shipRoundBytes)
	if err != nil {
		s.problem(fmt.Errorf("read the log: %w", err))
		return s.sleep(time.Second)
	}
	if len(s.recs) == 0 {
		return true
	}
	s.deal()
	slots := make(chan struct{}, shipAtOnce)
	var all sync.WaitGroup
	for _, t := range s.topics {
		for p, q := range t.queues {
			if len(q) == 0 {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				s.deliver(t.name, p, q)
			})
		}
	}
	all.Wait()
	if s.ctx.Err() != nil {
		return false
	}
	if s.failing.Swap(false) {
		s.l.log.Info("shipping to Kafka works again")
	}
	last := s.recs[len(s.recs)-1].Seq
	clear(s.recs)
	s.shipped.Store(last)
	s.moved.tell()
	if err := s.l.views.setNumber("ship", last); err != nil {
		s.problem(fmt.Errorf("store the cursor: %w", err))
	}
	return true
}

// deal sorts the round's records into queues.
func (s *shipper) deal() {
	for _, t := range s.topics {
		for p := range t.queues {
			clear(t.queues[p])
			t.queues[p] = t.queues[p][:0]
		}
	}
	for _, rec := range s.recs {
		if s.cfg.Private != PrivateKeep {
			var private []byte
			if rec.Bytes, private = splitPrivate(rec.Bytes); private != nil && s.cfg.Private == PrivateOwnTopic {
				apart := rec
				apart.Bytes = privateValue(&rec, private)
				s.queue(s.topics[privateTopic], apart)
			}
		}
		s.queue(s.topics[rec.Kind.Topic()], rec)
	}
}

// queue puts a record into the queue of its partition.
func (s *shipper) queue(t *shipTopic, rec Record) {
	p := 0 // all events of no lead, in their order
	if k := messageKey(s.key[:0], rec.Lead); k != nil {
		p = s.balance.Balance(kafka.Message{Key: k}, t.partitions...)
	}
	t.queues[p] = append(t.queues[p], rec)
}

// topic asks for the topic until it is there. The number of partitions stands until the next start: a lead's events
// must not change partition on the way.
func (s *shipper) topic(name string) *shipTopic {
	full := s.cfg.TopicPrefix + name
	for pause := shipBackoffMin; ; pause = min(2*pause, shipBackoffMax) {
		n, err := s.sink.Partitions(s.ctx, full)
		if err == nil {
			t := &shipTopic{name: full, queues: make([][]Record, n)}
			for p := range n {
				t.partitions = append(t.partitions, p)
			}
			s.topics[name] = t
			return t
		}
		s.problem(err)
		if !s.sleep(pause) {
			return nil
		}
	}
}

// deliver writes a partition's records in requests of limited size, until all are written or the ledger closes.
func (s *shipper) deliver(topic string, partition int, recs []Record) {
	for len(recs) > 0 && s.ctx.Err() == nil {
		n, size := 0, 0
		for n < len(recs) && (n == 0 || size+len(recs[n].Bytes) <= s.cfg.BatchBytes) {
			size += len(recs[n].Bytes) + 150 // key, headers, framing
			n++
		}
		s.insist(topic, partition, recs[:n])
		recs = recs[n:]
	}
}

// insist writes one request's records. Those that are refused are tried in halves, so that one bad event does not take
// others with it, and one that is refused alone is written down and left out.
func (s *shipper) insist(topic string, partition int, recs []Record) {
	for pause := shipBackoffMin; s.ctx.Err() == nil; pause = min(2*pause, shipBackoffMax) {
		err := s.sink.Write(s.ctx, topic, partition, recs)
		if err == nil {
			return
		}
		if errors.Is(err, ErrRefused) {
			if len(recs) > 1 {
				s.insist(topic, partition, recs[:len(recs)/2])
				s.insist(topic, partition, recs[len(recs)/2:])
				return
			}
			if err = s.setAside(&recs[0], err); err == nil {
				return
			}
		}
		if s.ctx.Err() != nil {
			return
		}
		s.problem(fmt.Errorf("topic %s, partition %d: %w", topic, partition, err))
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			// Somebody deleted the topic: make it again. With fewer partitions than before, this one stays unknown
			// until a restart.
			if _, err := s.sink.Partitions(s.ctx, topic); err != nil {
				s.problem(err)
			}
		}
		if !s.sleep(pause) {
			return
		}
	}
}

func (s *shipper) problem(err error) {
	s.errors.Add(1)
	if s.ctx.Err() == nil && !s.failing.Swap(true) {
		s.l.log.Warn("shipping to Kafka fails; events wait in the log", "err", err)
	}
}

// sleep waits about d, false when the ledger closes.
func (s *shipper) sleep(d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// unshippableName is the file that lists, one JSON line each, the events that Kafka refuses for good. It holds no
// personal data.
const unshippableName = "unshippable.jsonl"

type unshippable struct {
	Seq     uint64 `json:"seq"`
	EventID string `json:"event_id"`
	Kind    Kind   `json:"kind"`
	Bytes   int    `json:"bytes"`
	Error   string `json:"error"`
}

// setAside writes down, durably, an event that is left out.
func (s *shipper) setAside(rec *Record, cause error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed[rec.Seq] {
		return nil // listed before a crash, and tried again after it
	}
	b, err := json.Marshal(unshippable{rec.Seq, rec.EventID.String(), rec.Kind, len(rec.Bytes), cause.Error()})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.l.cfg.Dir, unshippableName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	s.listed[rec.Seq] = true
	s.unshippable.Add(1)
	s.l.log.Error("an event cannot be shipped and is left out", "seq", rec.Seq, "event_id", rec.EventID.String(),
		"kind", rec.Kind, "bytes", len(rec.Bytes), "err", cause)
	return nil
}

func (s *shipper) readUnshippable() error {
	b, err := os.ReadFile(filepath.Join(s.l.cfg.Dir, unshippableName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	for line := range bytes.Lines(whole) {
		var u unshippable
		if err := json.Unmarshal(line, &u); err != nil {
			return fmt.Errorf("ledger: %s: %w", unshippableName, err)
		}
		s.listed[u.Seq] = true
	}
	s.unshippable.Store(uint64(len(s.listed)))
	if len(whole) < len(b) {
		return writeFile(s.l.cfg.Dir, unshippableName, whole) // a line that a crash tore: its event is tried again
	}
	return nil
}

// Drain waits until Kafka has everything that was stored when it was called, without lingering. It returns nil at once
// where no Kafka is configured, and an error when ctx ends or the ledger closes before.
func (l *Ledger) Drain(ctx context.Context) error {
	if l.ship == nil {
		return nil
	}
	for last := l.last.Load(); ; {
		moved := l.ship.moved.next()
		if l.ship.shipped.Load() >= last {
			return nil
		}
		select {
		case l.ship.hurry <- struct{}{}:
		default:
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d events are not shipped: %w", last-min(last, l.ship.shipped.Load()), ctx.Err())
		case <-l.stop:
			return ErrClosed
		}
	}
}
