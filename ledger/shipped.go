// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// ReadShipped reads back all that stands in the topics of a configuration, from the beginning of each partition to
// where its end was when it was looked at, without a consumer group. Records of one lead come in their order; those of
// a lead that were shipped twice come twice. The bytes are valid during the call only.
func ReadShipped(ctx context.Context, k KafkaConfig, each func([]byte) error) error {
	return ReadShippedSeqs(ctx, k, func(_ uint64, event []byte) error { return each(event) })
}

// ReadShippedSeqs is ReadShipped with the seq of each record, 0 if it does not say.
func ReadShippedSeqs(ctx context.Context, k KafkaConfig, each func(seq uint64, event []byte) error) error {
	if len(k.Brokers) == 0 {
		return errors.New("no brokers")
	}
	prefix := k.TopicPrefix
	if prefix == "" {
		prefix = "clearpost."
	}
	d, err := k.dialer()
	if err != nil {
		return err
	}
	conn, err := d.DialContext(ctx, "tcp", k.Brokers[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, topic := range []string{"pings", "posts", "leads"} {
		parts, err := conn.ReadPartitions(prefix + topic)
		if err != nil {
			return fmt.Errorf("topic %s: %w", prefix+topic, err)
		}
		for _, p := range parts {
			if err := readPartition(ctx, d, k.Brokers[0], p, each); err != nil {
				return fmt.Errorf("topic %s, partition %d: %w", p.Topic, p.ID, err)
			}
		}
	}
	return nil
}

func readPartition(ctx context.Context, d *kafka.Dialer, broker string, p kafka.Partition,
	each func(uint64, []byte) error) error {
	leader, err := d.DialLeader(ctx, "tcp", broker, p.Topic, p.ID)
	if err != nil {
		return err
	}
	defer leader.Close()
	if d, ok := ctx.Deadline(); ok {
		if err := leader.SetDeadline(d); err != nil {
			return err
		}
	}
	at, end, err := leader.ReadOffsets()
	if err != nil {
		return err
	}
	for at < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := leader.Seek(at, kafka.SeekAbsolute); err != nil {
			return err
		}
		b := leader.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 16 << 20, MaxWait: time.Second})
		for {
			m, err := b.ReadMessage()
			if err != nil {
				break // the batch is used up, or its error comes from Close
			}
			if at = m.Offset + 1; m.Offset >= end {
				break
			}
			if err := each(seqOf(&m), m.Value); err != nil {
				b.Close()
				return err
			}
		}
		if err := b.Close(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

func seqOf(m *kafka.Message) uint64 {
	for _, h := range m.Headers {
		if h.Key == "seq" {
			n, err := strconv.ParseUint(string(h.Value), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
