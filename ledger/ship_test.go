// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"clearpost/lead"
	"clearpost/ledger/kafkalocal"
)

// message is what a consumer sees.
type message struct {
	topic   string
	key     string
	seq     uint64
	eventID string
	kind    string
	value   string
}

// consume reads all topics from the beginning to their ends, by partition.
func consume(t *testing.T, broker, prefix string) []message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []message
	for _, name := range []string{"pings", "posts", "leads"} {
		conn, err := kafka.DialContext(ctx, "tcp", broker)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := conn.ReadPartitions(prefix + name)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		for _, p := range parts {
			out = append(out, consumePartition(ctx, t, broker, p)...)
		}
	}
	return out
}

func consumePartition(ctx context.Context, t *testing.T, broker string, p kafka.Partition) (out []message) {
	t.Helper()
	lead, err := kafka.DialLeader(ctx, "tcp", broker, p.Topic, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	first, end, err := lead.ReadOffsets()
	lead.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: p.Topic, Partition: p.ID,
		MaxWait: 50 * time.Millisecond})
	defer r.Close()
	if err := r.SetOffset(first); err != nil {
		t.Fatal(err)
	}
	for at := first; at < end; at++ {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("%s partition %d at %d of %d: %v", p.Topic, p.ID, at, end, err)
		}
		msg := message{topic: p.Topic, key: string(m.Key), value: string(m.Value)}
		for _, h := range m.Headers {
			switch h.Key {
			case "seq":
				msg.seq, _ = strconv.ParseUint(string(h.Value), 10, 64)
			case "event_id":
				msg.eventID = string(h.Value)
			case "kind":
				msg.kind = string(h.Value)
			}
		}
		out = append(out, msg)
	}
	return out
}

// checkShipped compares what consumers see with the log: everything is there, in its topic, under its key, and the
// first copies of a key's events stand in their order.
func checkShipped(t *testing.T, l *Ledger, msgs []message, prefix string, left map[uint64]bool) {
	t.Helper()
	seen := map[uint64]message{}
	lastOfKey := map[string]uint64{}
	for _, m := range msgs {
		if _, again := seen[m.seq]; again {
			continue // at least once
		}
		seen[m.seq] = m
		at := m.topic + m.key
		if m.seq <= lastOfKey[at] {
			t.Errorf("key %s in %s: seq %d comes after %d", m.key, m.topic, m.seq, lastOfKey[at])
		}
		lastOfKey[at] = m.seq
	}
	for _, r := range records(t, l) {
		m, ok := seen[r.Seq]
		if left[r.Seq] {
			if ok {
				t.Errorf("seq %d was to be left out", r.Seq)
			}
			continue
		}
		key := ""
		if !r.Lead.IsZero() {
			key = r.Lead.String()
		}
		want := message{prefix + r.Kind.Topic(), key, r.Seq, r.EventID.String(), string(r.Kind), string(r.Bytes)}
		if !ok || m != want {
			t.Errorf("seq %d: shipped %v as\n%.300v\nwant\n%.300v", r.Seq, ok, m, want)
		}
	}
}

func localKafka(t *testing.T, port int, dir string) *kafkalocal.Server {
	t.Helper()
	s, err := kafkalocal.Start(kafkalocal.Config{Port: port, Dir: dir, Partitions: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func kafkaConfig(addr string) *KafkaConfig {
	return &KafkaConfig{Brokers: []string{addr}, TopicPrefix: "t.", Partitions: 3, Timeout: 2 * time.Second}
}

func drain(t *testing.T, l *Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := l.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func appendLeads(t *testing.T, l *Ledger, from, n int) {
	t.Helper()
	var all sync.WaitGroup
	for c := range 4 {
		all.Go(func() {
			for i := from + c; i < from+n; i += 4 {
				id, a := testID(1, i), testID(2, i)
				for _, group := range [][]Event{{ping(id)}, {posting(id, a, nil)},
					{posted(id, a, lead.Accepted, nil),
						&Settled{Head: head(KindSettled, id), Result: lead.ResultSuccess}}} {
					if err := l.Append(group...); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestEventsAreShipped(t *testing.T) {
	broker := localKafka(t, 0, "")
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = kafkaConfig(broker.Addr())
	l := mustOpen(t, cfg, quick())
	appendLeads(t, l, 0, 100)
	mustAppend(t, l, &Adjusted{Adjustment: AdjustPaused, Subject: "buyer:b", Why: "w"})
	drain(t, l)
	checkShipped(t, l, consume(t, broker.Addr(), "t."), "t.", nil)
	s := l.Stats()
	if s.Shipped != s.LastSeq || s.LagEvents != 0 || s.Unshippable != 0 {
		t.Errorf("stats %+v", s)
	}
	n := 0
	if err := ReadShipped(t.Context(), *cfg.Kafka, func([]byte) error { n++; return nil }); err != nil || n != 401 {
		t.Errorf("read back %d events, %v", n, err)
	}
}

// TestABrokerThatGoesAndComesLosesNothing stops the endpoint and starts it again, and restarts the ledger while it is
// away.
func TestABrokerThatGoesAndComesLosesNothing(t *testing.T) {
	kept := t.TempDir()
	broker := localKafka(t, 0, kept)
	addr := broker.Addr()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = kafkaConfig(addr)
	cfg.RingBytes = 64 << 10 // so that the shipper has to read the log when it is behind
	l := mustOpen(t, cfg, quick())
	appendLeads(t, l, 0, 60)
	drain(t, l)
	broker.Close()
	appendLeads(t, l, 60, 60)
	eventually(t, "the outage is noticed", func() bool { return l.Stats().ShipErrors > 0 })
	if s := l.Stats(); s.LagEvents < 200 {
		t.Errorf("lag %d events while the broker is away", s.LagEvents)
	}
	began := time.Now()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > closeTimeout {
		t.Errorf("close took %v with the broker away", took)
	}
	l = mustOpen(t, cfg, quick())
	appendLeads(t, l, 120, 60)
	broker = localKafka(t, port, kept)
	drain(t, l)
	checkShipped(t, l, consume(t, broker.Addr(), "t."), "t.", nil)
}

// TestAnUnshippableEventStopsNothing ships an event that the broker finds too large, among others.
func TestAnUnshippableEventStopsNothing(t *testing.T) {
	broker := localKafka(t, 0, "")
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = kafkaConfig(broker.Addr())
	l := mustOpen(t, cfg, quick())
	appendLeads(t, l, 0, 20)
	huge := ping(testID(1, 1))
	huge.Details = strings.Repeat("secret", 400_000)
	mustAppend(t, l, huge)
	left := map[uint64]bool{l.LastSeq(): true}
	appendLeads(t, l, 20, 20)
	drain(t, l)
	checkShipped(t, l, consume(t, broker.Addr(), "t."), "t.", left)
	if n := l.Stats().Unshippable; n != 1 {
		t.Errorf("%d events are counted as unshippable", n)
	}
	b, err := os.ReadFile(filepath.Join(cfg.Dir, unshippableName))
	if err != nil || strings.Count(string(b), "\n") != 1 || strings.Contains(string(b), "secret") ||
		!strings.Contains(string(b), huge.EventID.String()) {
		t.Errorf("list of the unshippable: %q, %v", b, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, unshippableName), append(b, `{"seq":9`...), 0o600); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	if n := l.Stats().Unshippable; n != 1 {
		t.Errorf("%d events are counted as unshippable after a restart", n)
	}
}

// wildSink is a sink that fails at random, sometimes after it has stored, and stores in memory.
type wildSink struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	parts  [3][]message
	calm   atomic.Bool
	calls  int
	closed bool
}

func (s *wildSink) Partitions(context.Context, string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.calm.Load() && s.rnd.IntN(2) == 0 {
		return 0, errDisk
	}
	return len(s.parts), nil
}

func (s *wildSink) Write(_ context.Context, topic string, partition int, recs []Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	n, err := len(recs), error(nil)
	if !s.calm.Load() {
		switch s.rnd.IntN(6) {
		case 0:
			n, err = 0, errDisk
		case 1:
			n, err = s.rnd.IntN(len(recs)+1), errDisk
		case 2:
			err = errDisk
		}
	}
	for _, r := range recs {
		if r.Kind == KindSettled && strings.Contains(string(r.Bytes), "refuse me") {
			return fmt.Errorf("%w: too large", ErrRefused)
		}
	}
	for _, r := range recs[:n] {
		key := ""
		if !r.Lead.IsZero() {
			key = r.Lead.String()
		}
		s.parts[partition] = append(s.parts[partition], message{topic, key, r.Seq, r.EventID.String(), string(r.Kind),
			string(r.Bytes)})
	}
	return err
}

func (s *wildSink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// TestOrderAndCompletenessOverAWildSink ships over failures of every shape, with crashes of the ledger in between.
func TestOrderAndCompletenessOverAWildSink(t *testing.T) {
	sink := &wildSink{rnd: rand.New(rand.NewPCG(7, 7))}
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}, TopicPrefix: "t.", BatchBytes: 4000, BatchEvents: 50}
	left := map[uint64]bool{}
	var l *Ledger
	for round := range 3 {
		in := quick()
		in.sink = sink
		l = mustOpen(t, cfg, in)
		appendLeads(t, l, 100*round, 30)
		mustAppend(t, l, &Settled{Head: head(KindSettled, testID(1, round)), Result: lead.ResultFailure,
			Details: "refuse me"})
		left[l.LastSeq()] = true
		mustAppend(t, l, &Adjusted{Adjustment: AdjustPaused, Subject: "buyer:b", Why: "w"})
		if round == 2 {
			break
		}
		was := l.Stats().Shipped
		eventually(t, "something is shipped", func() bool { return l.Stats().Shipped > was })
		if round == 0 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		cfg.Dir = copyLive(t, cfg.Dir) // the cursor is lost with the views: all is shipped again
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sink.calm.Store(true)
	drain(t, l)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	var msgs []message
	for _, p := range sink.parts {
		msgs = append(msgs, p...)
	}
	checkShipped(t, l, msgs, "t.", left)
	if got := l.Stats().Unshippable; got < 1 || got > 3 {
		t.Errorf("%d unshippable", got)
	}
}

// hangingSink does not return until it is let go, whatever its context says.
type hangingSink struct {
	wildSink
	entered chan struct{}
	release chan struct{}
}

func (s *hangingSink) Write(context.Context, string, int, []Record) error {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.release
	return errors.New("released")
}

func TestAppendNeverWaitsForASink(t *testing.T) {
	sink := &hangingSink{entered: make(chan struct{}, 1), release: make(chan struct{})}
	sink.calm.Store(true)
	in := quick()
	in.sink = sink
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}}
	l := mustOpen(t, cfg, in)
	mustAppend(t, l, ping(testID(1, 1)))
	<-sink.entered
	appendLeads(t, l, 10, 50)
	if s := l.Stats(); s.Shipped != 0 || s.LagEvents != 201 {
		t.Errorf("stats %+v", s)
	}
	close(sink.release)
}

func TestDrainEndsWithItsContext(t *testing.T) {
	in := quick()
	sink := &hangingSink{entered: make(chan struct{}, 1), release: make(chan struct{})}
	sink.calm.Store(true)
	in.sink = sink
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = &KafkaConfig{Brokers: []string{"none"}}
	l := mustOpen(t, cfg, in)
	mustAppend(t, l, ping(testID(1, 1)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("drain: %v", err)
	}
	close(sink.release)
}

func TestKafkaConfigIsChecked(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.Kafka = &KafkaConfig{}
	if _, err := Open(cfg); err == nil {
		t.Error("Kafka without brokers was taken")
	}
	k := KafkaConfig{Brokers: []string{"a:1"}, Linger: time.Millisecond}
	if err := k.defaults(); err != nil || k.Linger != 100*time.Millisecond ||
		!reflect.DeepEqual(k.topics(), []string{"clearpost.pings", "clearpost.posts", "clearpost.leads"}) {
		t.Errorf("defaults %+v, topics %v, %v", k, k.topics(), err)
	}
}

func TestMessagesAreNeverDatedAhead(t *testing.T) {
	past, future := time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	r := newRecordReader([]Record{{Seq: 1, Kind: KindPinged, Lead: testID(1, 1), At: past.UnixMicro()},
		{Seq: 2, Kind: KindAdjusted, At: future.UnixMicro()}})
	first, err := r.ReadRecord()
	if err != nil || first.Time.UnixMicro() != past.UnixMicro() || first.Key == nil {
		t.Errorf("an event of the past: %+v, %v", first, err)
	}
	second, err := r.ReadRecord()
	if err != nil || second.Time.After(time.Now()) || second.Key != nil {
		t.Errorf("an event of the future and no lead: %+v, %v", second, err)
	}
	if _, err := r.ReadRecord(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last: %v", err)
	}
}
