// SPDX-License-Identifier: Apache-2.0

// Package kafkalocal is an in-process Kafka endpoint on loopback, for the demo and for tests. Any Kafka client can read
// and write it. It is not a Kafka: one broker, no replicas.
package kafkalocal

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says what to serve.
type Config struct {
	Port       int      // on 127.0.0.1; 0 = any free one
	Topics     []string // made at start
	Partitions int      // of each topic; default 6
	Dir        string   // where records are kept so that they outlive Close; empty = in memory only
	BytesMax   int64    // of all topics together: beyond it the oldest records go, within seconds; default 512 MiB
}

// Server is a running endpoint.
type Server struct {
	cluster *kfake.Cluster
	addr    string
	stop    chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

const retainEvery = 5 * time.Second

// Start serves until Close. It fails if the port is taken or out of range.
func Start(cfg Config) (*Server, error) {
	if cfg.Port < 0 || cfg.Port > 65535 {
		return nil, fmt.Errorf("kafkalocal: port %d: expected 0 to 65535", cfg.Port)
	}
	if cfg.Partitions <= 0 {
		cfg.Partitions = 6
	}
	if cfg.BytesMax <= 0 {
		cfg.BytesMax = 512 << 20
	}
	perPartition := cfg.BytesMax / int64(max(len(cfg.Topics), 1)*cfg.Partitions)
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(cfg.Port),
		kfake.DefaultNumPartitions(cfg.Partitions),
		kfake.BrokerConfigs(map[string]string{"log.retention.bytes": strconv.FormatInt(perPartition, 10),
			"log.retention.ms": "-1"}),
	}
	if len(cfg.Topics) > 0 {
		opts = append(opts, kfake.SeedTopics(int32(cfg.Partitions), cfg.Topics...))
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafkalocal: %w", err)
	}
	addrs := c.ListenAddrs()
	if len(addrs) != 1 {
		c.Close()
		return nil, errors.New("kafkalocal: the endpoint listens nowhere")
	}
	s := &Server{cluster: c, addr: addrs[0], stop: make(chan struct{})}
	s.done.Go(s.retain)
	return s, nil
}

// retain keeps the endpoint within its bytes.
func (s *Server) retain() {
	every := time.NewTicker(retainEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			s.cluster.ApplyRetention()
		case <-s.stop:
			return
		}
	}
}

// Addr is host:port, on loopback.
func (s *Server) Addr() string { return s.addr }

// Close stops serving and cuts all connections. It may be called more than once.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.stop)
		s.done.Wait()
		s.cluster.Close()
	})
}
