// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// floodKey is the key of a source that sends far more than it may.
const floodKey = "flood-key-0123456789abcdef"

// BenchmarkBeside has well-behaved sellers send 100 pings a second, alone, and then for CLEARPOST_BENCH_SECONDS (60)
// beside a buyer that takes every connection and never says a word, a source that sends CLEARPOST_BENCH_RATE (6000)
// pings a second where it may send 200, and 5,000 connections that say nothing: what they wait, and what the node takes
// of memory.
func BenchmarkBeside(b *testing.B) {
	for range b.N {
		beside(b)
	}
}

func beside(b *testing.B) {
	buyers, good := start(b, "buyers", set{}), start(b, "sellers", set{})
	flood := start(b, "sellers", set{Key: floodKey})
	addrs := append([]string{}, buyers.addrs[:buyersMax]...)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer dead.Close()
	go acceptAll(dead)
	addrs[buyersMax-1] = dead.Addr().String()
	dir := configure(b, addrs, start(b, "kafka", set{}).addrs[0])
	source := "id: flood\nname: Flood\nkeys: [" + floodKey + "]\nverticals: [auto]\nrate: {per_second: 200}\n"
	if err := os.WriteFile(filepath.Join(dir, "sources", "flood.yaml"), []byte(source), 0o600); err != nil {
		b.Fatal(err)
	}
	editFile(b, dir+"/clearpost.yaml", "limits: {", "limits: {memory_mb: 512, ")
	s := &stormy{ex: start(b, "guarded", set{Dir: dir, Buyers: addrs}), sellers: good}
	buyers.tell(b, command{Do: "delay", MS: 20}, nil)
	fmt.Println("\nbuyers take 20 ms, one of ten never answers, limit 512 MiB")
	s.line("", "quotes", "failed", "shed", "other", "p50", "p99", "node p50", "p99", "p99.9", "shed p99", "connect",
		"sellers", "peak", "alive", "let in", "most", "CPU")
	s.run(b, "warm", 100, 3*time.Second)
	s.run(b, "alone", 100, 10*time.Second)

	for range 5000 {
		conn, err := net.Dial("tcp", s.ex.addrs[0])
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
	}
	seconds, rate := numberIn(b, "CLEARPOST_BENCH_SECONDS", 60), numberIn(b, "CLEARPOST_BENCH_RATE", 6000)
	var flooded storm
	done := make(chan struct{})
	go func() {
		defer close(done)
		flood.tell(b, command{Do: "storm", Addr: s.ex.addrs[0], Conns: 1000, N: rate, MS: seconds * 1000}, &flooded)
	}()
	s.run(b, "beside", 100, time.Duration(seconds)*time.Second)
	<-done
	fmt.Printf("the flood: %d quotes, %d no bid, %d sent away (503), %d others (429, or no connection), %d not sent\n",
		flooded.Quotes, flooded.Failures, flooded.Shed, flooded.Other, flooded.Unsent)
	s.run(b, "after", 100, 10*time.Second)
}

// acceptAll takes connections and never says a word on them.
func acceptAll(ln net.Listener) {
	var kept []net.Conn
	for {
		conn, err := ln.Accept()
		if err != nil {
			break
		}
		kept = append(kept, conn)
	}
	for _, c := range kept {
		c.Close()
	}
}
