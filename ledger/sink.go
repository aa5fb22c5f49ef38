// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"clearpost/lead"
)

// Sink is where events are shipped to. Its methods may be called by several goroutines at once.
type Sink interface {
	// Partitions tells how many partitions a topic has, making the topic if it does not exist.
	Partitions(ctx context.Context, topic string) (int, error)
	// Write stores records in one partition, in their order, and returns when all replicas have them. An error wrapping
	// ErrRefused says that the broker will never take them like this; after any other error they may be there, or some
	// of them, and are written again. It may be called for several partitions at once.
	Write(ctx context.Context, topic string, partition int, recs []Record) error
	// Close is called once, after the last Write has returned.
	Close()
}

// ErrRefused marks what a broker refuses for good: too large, or not valid to it.
var ErrRefused = errors.New("refused by the broker")

// Topics are the topics of a prefix.
func (k *KafkaConfig) topics() []string {
	out := []string{k.TopicPrefix + KindPinged.Topic(), k.TopicPrefix + KindPosted.Topic(), k.TopicPrefix +
		KindSettled.Topic()}
	if k.Private == PrivateOwnTopic {
		out = append(out, k.TopicPrefix+privateTopic)
	}
	return out
}

func (k *KafkaConfig) defaults() error {
	if k.TopicPrefix == "" {
		k.TopicPrefix = "clearpost."
	}
	k.Linger = max(k.Linger, 100*time.Millisecond)
	for p, v := range map[*int]int{&k.Partitions: 6, &k.Replication: 1, &k.BatchBytes: 900_000, &k.BatchEvents: 2000} {
		if *p <= 0 {
			*p = v
		}
	}
	if k.Timeout <= 0 {
		k.Timeout = 10 * time.Second
	}
	if len(k.Brokers) == 0 {
		return errors.New("ledger: Kafka without brokers")
	}
	k.ClientID, k.Compression, k.Private = cmp.Or(k.ClientID, "clearpost"), cmp.Or(k.Compression, "none"),
		cmp.Or(k.Private, PrivateKeep)
	if !slices.Contains(Privates(), k.Private) {
		return fmt.Errorf("ledger: private %q: expected one of %v", k.Private, Privates())
	}
	_, err := k.compression()
	_, saslErr := k.SASL.mechanism()
	return errors.Join(err, saslErr)
}

// kafkaSink speaks to Kafka with kafka-go's plain requests. The library's Writer would gather and retry on its own:
// batches of one partition could then pass each other after a failure, and each of its batches is allocated for the
// most it may hold.
type kafkaSink struct {
	cfg       KafkaConfig
	log       *slog.Logger
	transport *kafka.Transport
	client    *kafka.Client

	compression kafka.Compression
}

func newKafkaSink(cfg KafkaConfig, log *slog.Logger) *kafkaSink {
	mechanism, _ := cfg.SASL.mechanism() // defaults has looked at it, and at the compression
	compression, _ := cfg.compression()
	t := &kafka.Transport{ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: mechanism, DialTimeout: min(cfg.Timeout,
		5*time.Second), MetadataTTL: 3 * time.Second, MetadataTopics: cfg.topics()}
	return &kafkaSink{cfg: cfg, log: log, transport: t, compression: compression,
		client: &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: cfg.Timeout, Transport: t}}
}

func (k *kafkaSink) Close() { k.transport.CloseIdleConnections() }

func (k *kafkaSink) Partitions(ctx context.Context, topic string) (int, error) {
	n, err := k.lookUp(ctx, topic)
	if err == nil || !errors.Is(err, kafka.UnknownTopicOrPartition) {
		return n, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	res, made := k.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: k.cfg.Partitions, ReplicationFactor: k.cfg.Replication}}})
	if made == nil {
		made = res.Errors[topic]
	}
	if made != nil && !errors.Is(made, kafka.TopicAlreadyExists) {
		// Perhaps we may not make topics, and somebody else does.
		return 0, fmt.Errorf("topic %s does not exist and cannot be made: %w", topic, made)
	}
	for { // until the brokers know of it
		n, err := k.lookUp(ctx, topic)
		if err == nil {
			return n, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, err
		}
	}
}

func (k *kafkaSink) lookUp(ctx context.Context, topic string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	res, err := k.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	for _, t := range res.Topics {
		if t.Name != topic {
			continue
		}
		if t.Error != nil {
			return 0, fmt.Errorf("topic %s: %w", topic, t.Error)
		}
		if n := len(t.Partitions); n > 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("topic %s: %w", topic, kafka.UnknownTopicOrPartition)
}

func (k *kafkaSink) Write(ctx context.Context, topic string, partition int, recs []Record) error {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	res, err := k.client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: partition,
		RequiredAcks: kafka.RequireAll, Compression: k.compression, Records: newRecordReader(recs)})
	if err == nil {
		err = res.Error
	}
	for _, final := range [...]kafka.Error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord} {
		if errors.Is(err, final) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return err
}

// recordReader gives records to the protocol's encoder, which asks for the next only when it is done with one.
type recordReader struct {
	recs    []Record
	rec     kafka.Record
	key     bytesReader
	value   bytesReader
	keyBuf  [36]byte
	idBuf   [36]byte
	seqBuf  [20]byte
	headers [3]kafka.Header
}

type bytesReader struct{ bytes.Reader }

func (*bytesReader) Close() error { return nil }

func newRecordReader(recs []Record) *recordReader { return &recordReader{recs: recs} }

// ReadRecord implements kafka.RecordReader.
func (r *recordReader) ReadRecord() (*kafka.Record, error) {
	if len(r.recs) == 0 {
		return nil, io.EOF
	}
	rec := &r.recs[0]
	r.recs = r.recs[1:]
	// Brokers refuse times far ahead of their clock, which a clock that once went wrong leaves in the ledger for a
	// while.
	at := min(rec.At, time.Now().UnixMicro())
	r.rec = kafka.Record{Time: time.UnixMicro(at), Value: &r.value, Headers: r.headers[:]}
	r.value.Reset(rec.Bytes)
	if key := messageKey(r.keyBuf[:0], rec.Lead); key != nil {
		r.key.Reset(key)
		r.rec.Key = &r.key
	}
	r.headers[0] = kafka.Header{Key: "seq", Value: strconv.AppendUint(r.seqBuf[:0], rec.Seq, 10)}
	r.headers[1] = kafka.Header{Key: "event_id", Value: rec.EventID.Append(r.idBuf[:0])}
	r.headers[2] = kafka.Header{Key: "kind", Value: kindBytes[kindNumber(rec.Kind)]}
	return &r.rec, nil
}

var kindBytes = func() (out [len(kinds)][]byte) {
	for i, k := range kinds {
		out[i] = []byte(k)
	}
	return out
}()

// messageKey is the lead's id as text; events of no lead have no key.
func messageKey(dst []byte, id lead.ID) []byte {
	if id.IsZero() {
		return nil
	}
	return id.Append(dst)
}
