// SPDX-License-Identifier: Apache-2.0

//go:build integration

package ledger

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// realKafka is the address of an Apache Kafka, host:port, in CLEARPOST_KAFKA. In CI a missing one fails the test.
func realKafka(t *testing.T) string {
	t.Helper()
	addr := os.Getenv("CLEARPOST_KAFKA")
	if addr == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CLEARPOST_KAFKA is not set")
		}
		t.Skip("CLEARPOST_KAFKA is not set: run `make integration`, which starts a Kafka and sets it")
	}
	return addr
}

// TestIntegrationShipping ships to an Apache Kafka whose topics do not exist yet, with an event in between that it
// refuses, and reads everything back by partition.
func TestIntegrationShipping(t *testing.T) {
	addr := realKafka(t)
	prefix := fmt.Sprintf("ship%d.", time.Now().UnixNano())
	cfg := testConfig(t, t.TempDir())
	cfg.SegmentBytes = 4 << 20
	cfg.Logger = testLog(t)
	cfg.Kafka = &KafkaConfig{Brokers: []string{addr}, TopicPrefix: prefix}
	l := mustOpen(t, cfg, inside{})
	appendLeads(t, l, 0, 1500)
	huge := ping(testID(1, 7))
	huge.Details = strings.Repeat("x", 2<<20)
	mustAppend(t, l, huge)
	left := map[uint64]bool{l.LastSeq(): true}
	appendLeads(t, l, 1500, 1500)
	mustAppend(t, l, &Adjusted{Adjustment: AdjustPaused, Subject: "buyer:b", Why: "w"})
	drain(t, l)
	if s := l.Stats(); s.Unshippable != 1 || s.Shipped != s.LastSeq {
		t.Errorf("stats %+v", s)
	}
	msgs := consume(t, addr, prefix)
	if len(msgs) != 4*3000+1 {
		t.Errorf("%d records in Kafka, want %d: none was written twice while nothing failed", len(msgs), 4*3000+1)
	}
	checkShipped(t, l, msgs, prefix, left)
}

// TestIntegrationShippingCost tells what shipping costs per record when the shipper has fallen far behind and catches
// up.
func TestIntegrationShippingCost(t *testing.T) {
	addr := realKafka(t)
	cfg := Config{Dir: t.TempDir(), FreeBytesMin: 1, SyncEvery: -1}
	l, err := open(cfg, quick())
	if err != nil {
		t.Fatal(err)
	}
	const batches, size = 200, 200
	for i := range batches {
		group := make([]Event, size)
		for j := range group {
			group[j] = benchPing(testID(1, i*size+j))
		}
		mustAppend(t, l, group...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Kafka = &KafkaConfig{Brokers: []string{addr}, TopicPrefix: fmt.Sprintf("cost%d.", time.Now().UnixNano())}
	began, cpu := time.Now(), cpuTime(t)
	l = mustOpen(t, cfg, inside{})
	drain(t, l)
	took, used := time.Since(began), cpuTime(t)-cpu
	n := 0
	if err := ReadShipped(t.Context(), *cfg.Kafka, func([]byte) error {
		n++
		return nil
	}); err != nil || n != batches*size {
		t.Errorf("%d records read back, %v", n, err)
	}
	t.Logf("%d records caught up from the log in %v: %v CPU a record", n, took, used/time.Duration(n))
}

// TestIntegrationKafkaGivesBackWhatWasLost loses events of a log in every way that is known, and takes them back from
// an Apache Kafka, byte by byte.
func TestIntegrationKafkaGivesBackWhatWasLost(t *testing.T) {
	addr := realKafka(t)
	for i, c := range lostStates {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(t, t.TempDir())
			cfg.SegmentBytes = 22 << 10
			cfg.Kafka = &KafkaConfig{Brokers: []string{addr}, TopicPrefix: fmt.Sprintf("lost%d-%d.", i,
				time.Now().UnixNano())}
			l := mustOpen(t, cfg, inside{})
			fillTrips(t, l, 0, lostTrips)
			drain(t, l)
			want := records(t, l)
			check(t, l.Close())
			c.damage(t, cfg)
			done, err := Recover(cfg, Recovery{Shipped: func(each func(uint64, []byte) error) error {
				return ReadShippedSeqs(t.Context(), *cfg.Kafka, each)
			}})
			check(t, err)
			if done.Lost != 0 || c.lost != (done.Shipped > 0) {
				t.Errorf("%+v", done)
			}
			l = mustOpen(t, cfg, inside{})
			if got := records(t, l); !reflect.DeepEqual(got, want) {
				t.Errorf("%d records, expected the same %d", len(got), len(want))
			}
			drain(t, l)
		})
	}
}
