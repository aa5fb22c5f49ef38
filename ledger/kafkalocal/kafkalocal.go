// SPDX-License-Identifier: Apache-2.0

// Package kafkalocal is an in-process Kafka endpoint on loopback, for the demo and for tests.
package kafkalocal

import "errors"

// Config says what to serve.
type Config struct {
	Port       int      // on 127.0.0.1; 0 = any free one
	Topics     []string // made at start
	Partitions int      // of each; default 6
	Dir        string   // where records are kept so that they outlive Close; empty = in memory
}

// Server is a running endpoint.
type Server struct{}

// Start serves until Close.
func Start(cfg Config) (*Server, error) { return nil, errors.New("kafkalocal: not available") }

// Addr is host:port.
func (s *Server) Addr() string { return "" }

// Close stops serving.
func (s *Server) Close() {}
