// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// ReadShipped reads back all that stands in the topics of a configuration, from the beginning of each partition to where its end was when
// it was looked at, without a consumer group. Records of one lead come in their order; those of a lead that were shipped
// twice come twice. The bytes are valid during the call only.
func ReadShipped(ctx context.Context, k KafkaConfig, each func([]byte) error) error {
	if len(k.Brokers) == 0 {
		return errors.New("no brokers")
	}
	prefix := k.TopicPrefix
	if prefix == "" {
		prefix = "clearpost."
	}
	conn, err := kafka.DialContext(ctx, "tcp", k.Brokers[0])
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
			if err := readPartition(ctx, k.Brokers[0], p, each); err != nil {
				return fmt.Errorf("topic %s, partition %d: %w", p.Topic, p.ID, err)
			}
		}
	}
	return nil
}

func readPartition(ctx context.Context, broker string, p kafka.Partition, each func([]byte) error) error {
	leader, err := kafka.DialLeader(ctx, "tcp", broker, p.Topic, p.ID)
	if err != nil {
		return err
	}
	first, end, err := leader.ReadOffsets()
	leader.Close()
	if err != nil || first >= end {
		return err
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: p.Topic, Partition: p.ID, MinBytes: 1, MaxBytes: 16 << 20})
	defer r.Close()
	if err := r.SetOffset(first); err != nil {
		return err
	}
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		if err := each(m.Value); err != nil {
			return err
		}
		if m.Offset >= end-1 {
			return nil
		}
	}
}
