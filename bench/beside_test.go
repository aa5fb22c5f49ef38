// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Keys of sources beside the well-behaved one: such as send far more than the exchange can bear, each within what it
// may, and one that sends far more than it may.
const (
	hogKeys  = "hog0-key-0123456789abcdef,hog1-key-0123456789abcdef,hog2-key-0123456789abcdef"
	floodKey = "flood-key-0123456789abcdef"
	// a second that the flood may send, and how many times as many it sends
	floodMost, floodTimes = 40, 30
	// a second of the well-behaved
	goodRate = 50
	// that the vertical lets buyers take, ms
	deadlineMS = 800
)

// BenchmarkBeside has well-behaved sellers send 50 pings a second, alone, and then for CLEARPOST_BENCH_SECONDS (60)
// beside a buyer that takes every connection and never says a word, a source that sends 30 times as many as it may,
// 5,000 connections that say nothing, and three sources that send three times as many as the node has answered when it
// had nothing else to do; or as CLEARPOST_BENCH_RATE says, 0 for none.
func BenchmarkBeside(b *testing.B) {
	for range b.N {
		beside(b)
	}
}

func beside(b *testing.B) {
	buyers := start(b, "buyers", set{})
	hogs, flood := start(b, "sellers", set{Key: hogKeys}), start(b, "sellers", set{Key: floodKey})
	addrs := append([]string{}, buyers.addrs[:buyersMax]...)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer dead.Close()
	go acceptAll(dead)
	addrs[buyersMax-1] = dead.Addr().String()
	s := &stormy{sellers: start(b, "sellers", set{}), late: deadlineMS}
	s.ex = start(b, "guarded", set{Dir: badCompany(b, addrs), Buyers: addrs})
	buyers.tell(b, command{Do: "delay", MS: 20}, nil)
	fmt.Println("\nbuyers take 20 ms, one of ten never answers, limit 512 MiB")
	s.head()
	s.run(b, "warm", goodRate, 3*time.Second)
	s.run(b, "alone", goodRate, 20*time.Second)
	rate := numberIn(b, "CLEARPOST_BENCH_RATE", -1)
	if rate < 0 {
		var most storm
		hogs.tell(b, command{Do: "storm", Addr: s.ex.addrs[0], Conns: 3000, N: 6000, MS: 10_000, Late: deadlineMS},
			&most)
		s.row("at 6000/s", &most)
		rate = (most.Quotes + most.Failures) / 10 * 3
		s.run(b, "after", goodRate, 5*time.Second)
	}

	for range 5000 {
		conn, err := net.Dial("tcp", s.ex.addrs[0])
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
	}
	seconds := numberIn(b, "CLEARPOST_BENCH_SECONDS", 60)
	var flooded, many storm
	storming := func(p *process, rate int, out *storm) chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.tell(b, command{Do: "storm", Addr: s.ex.addrs[0], Conns: 3000, N: rate, MS: seconds * 1000,
				Late: deadlineMS}, out)
		}()
		return done
	}
	fmt.Printf("beside: the hogs send %d a second, the flood %d\n", rate, floodMost*floodTimes)
	s.profile(b, true)
	one, two := storming(flood, floodMost*floodTimes, &flooded), storming(hogs, rate, &many)
	s.run(b, "beside", goodRate, time.Duration(seconds)*time.Second)
	<-one
	<-two
	s.profile(b, false)
	s.row("hogs", &many)
	s.row("flood", &flooded)
	s.run(b, "after", goodRate, 20*time.Second)
}

// badCompany is a configuration with sources of all kinds.
func badCompany(b *testing.B, addrs []string) (dir string) {
	dir = configureFor(b, addrs, start(b, "kafka", set{}).addrs[0], patience{500, deadlineMS})
	write := func(id, key, more string) {
		text := "id: " + id + "\nname: " + id + "\nkeys: [" + key + "]\nverticals: [auto]\n" + more
		if err := os.WriteFile(filepath.Join(dir, "sources", id+".yaml"), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for i, key := range strings.Split(hogKeys, ",") {
		write(fmt.Sprintf("hog%d", i), key, "")
	}
	write("flood", floodKey, fmt.Sprintf("rate: {per_second: %d}\n", floodMost))
	editFile(b, dir+"/clearpost.yaml", "limits: {", "limits: {memory_mb: 512, ")
	return dir
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
