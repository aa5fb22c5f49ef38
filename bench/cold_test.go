// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// coldCase is a way in which buyers are not warm. Its share of pings with a bid is what counts.
type coldCase struct {
	name   string
	buyers int
	delay  time.Duration
	closes bool
	dead   bool // one more buyer's handshake never ends
	rate   int  // pings a second
	n      int
	rounds int           // of n pings, one after another
	idle   time.Duration // between the rounds
}

var coldCases = []coldCase{
	{name: "3 buyers take 1 s and close", buyers: 3, delay: time.Second, closes: true, rate: 300, n: 1500, rounds: 2},
	{name: "10 buyers take 2 s, after a start", buyers: 10, delay: 2 * time.Second, rate: 3000, n: 3000, rounds: 4},
	{name: "10 buyers, idle 8 s, then a burst", buyers: 10, delay: 100 * time.Millisecond, rate: 2000, n: 2000,
		rounds: 3, idle: 8 * time.Second},
	{name: "10 buyers close, after a start", buyers: 10, delay: 20 * time.Millisecond, closes: true, rate: 1000,
		n: 3000, rounds: 2},
	{name: "3 buyers take 1 s and close, a dead one", buyers: 3, delay: time.Second, closes: true, dead: true,
		rate: 300, n: 1500, rounds: 2},
}

// BenchmarkCold measures what share of the pings get a bid from buyers that are cold, slow or close their connections,
// and the memory that takes.
func BenchmarkCold(b *testing.B) {
	for _, c := range coldCases {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			for range b.N {
				c.measure(b)
			}
		})
	}
}

func (c coldCase) measure(b *testing.B) {
	others := start(b, "buyers", set{})
	addrs := others.addrs[:c.buyers]
	wait := patience{4000, 5000}
	dir := configureFor(b, addrs, start(b, "kafka", set{}).addrs[0], wait)
	if c.dead {
		ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel connects, and nobody shakes hands
		if err != nil {
			b.Fatal(err)
		}
		defer ln.Close()
		page, err := os.ReadFile(dir + "/buyers/buyer00.yaml")
		if err != nil {
			b.Fatal(err)
		}
		text := strings.ReplaceAll(strings.ReplaceAll(string(page), "http://"+addrs[0], "https://"+ln.Addr().String()),
			"buyer00", "dead")
		if err := os.WriteFile(dir+"/buyers/dead.yaml", []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	h := &house{buyers: others, sellers: start(b, "sellers", set{})}
	x := start(b, "guarded", set{Dir: dir, Buyers: addrs})
	h.buyers.tell(b, command{Do: "delay", MS: int(c.delay.Milliseconds()), Close: c.closes}, nil)
	var m memory
	x.tell(b, command{Do: "memory"}, &m)
	before := m.Now
	share := 1.0
	for round := range c.rounds {
		if round > 0 {
			<-time.After(c.idle)
		}
		var out sent
		var asked int
		h.buyers.tell(b, command{Do: "asked"}, &asked)
		h.sellers.tell(b, command{Do: "open", Addr: x.addrs[0], Rate: c.rate, N: c.n}, &out)
		h.buyers.tell(b, command{Do: "asked"}, &asked)
		x.tell(b, command{Do: "memory"}, &m)
		got := 1 - float64(out.Failures)/float64(out.Pings)
		share = min(share, got)
		fmt.Printf("%s, round %d: %.2f %% of %d pings with a bid, %.2f %% of the calls made; longest answer %.2f s; "+
			"resident %d MB, peak %d MB (%d MB before)\n", c.name, round+1, 100*got, out.Pings,
			100*float64(asked)/float64(out.Pings*c.buyers), out.Longest.Seconds(), m.Now>>20, m.Peak>>20, before>>20)
		if out.Failures > 0 {
			fmt.Printf("  such as: %.300s\n", strings.ReplaceAll(out.Example, "\r\n", " "))
			var st status
			x.tell(b, command{Do: "status"}, &st)
			for _, s := range st.Load.Sheds {
				fmt.Printf("  %s %d\n", s.Reason, s.Count)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*share, "%-with-bid")
	b.ReportMetric(float64(m.Peak>>20), "peak-MB")
}
