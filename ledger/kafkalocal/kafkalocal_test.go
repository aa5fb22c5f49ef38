// SPDX-License-Identifier: Apache-2.0

package kafkalocal

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func produce(t *testing.T, s *Server, topic string, values ...[]byte) {
	t.Helper()
	tr := &kafka.Transport{}
	defer tr.CloseIdleConnections()
	c := kafka.Client{Addr: kafka.TCP(s.Addr()), Transport: tr}
	for _, v := range values {
		res, err := c.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(v)})})
		if err != nil || res.Error != nil {
			t.Fatal(err, res)
		}
	}
}

// offsets are the first and the end of partition 0.
func offsets(t *testing.T, s *Server, topic string) (first, end int64) {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", s.Addr(), topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, end, err = conn.ReadOffsets()
	if err != nil {
		t.Fatal(err)
	}
	return first, end
}

func TestRecordsAreServed(t *testing.T) {
	s := start(t, Config{Topics: []string{"a", "b"}, Partitions: 2})
	host, _, err := net.SplitHostPort(s.Addr())
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Fatalf("listens on %s", s.Addr())
	}
	conn, err := kafka.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	parts, err := conn.ReadPartitions("a", "b")
	if err != nil || len(parts) != 4 {
		t.Errorf("%d partitions, %v", len(parts), err)
	}
	conn.Close()
	produce(t, s, "a", []byte("one"), []byte("two"))
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.Addr()}, Topic: "a", MaxWait: 10 * time.Millisecond})
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, want := range []string{"one", "two"} {
		m, err := r.ReadMessage(ctx)
		if err != nil || string(m.Value) != want {
			t.Fatalf("read %q, %v; want %q", m.Value, err, want)
		}
	}
}

func TestRecordsOutliveCloseInADirectory(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Topics: []string{"a"}, Dir: dir})
	produce(t, s, "a", []byte("one"))
	_, p, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	again := start(t, Config{Port: port, Topics: []string{"a"}, Dir: dir})
	if again.Addr() != s.Addr() {
		t.Errorf("listens on %s, before on %s", again.Addr(), s.Addr())
	}
	if _, end := offsets(t, again, "a"); end != 1 {
		t.Errorf("%d records after a restart", end)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := start(t, Config{Topics: []string{"a"}, Partitions: 1, BytesMax: 100_000})
	for i := range 30 {
		produce(t, s, "a", bytes.Repeat([]byte{byte(i)}, 10_000))
	}
	s.cluster.ApplyRetention()
	first, end := offsets(t, s, "a")
	if end != 30 || end-first > 10 || end-first < 5 {
		t.Errorf("records %d to %d are kept, each of 10 kB, of at most 100 kB", first, end)
	}
}

func TestBadPorts(t *testing.T) {
	for _, port := range []int{-1, 70000} {
		if _, err := Start(Config{Port: port}); err == nil {
			t.Errorf("port %d was taken", port)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Start(Config{Port: l.Addr().(*net.TCPAddr).Port}); err == nil {
		t.Error("a port in use was taken: " + fmt.Sprint(l.Addr()))
	}
}
