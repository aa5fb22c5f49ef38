// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"clearpost/config"
	"clearpost/node"
)

// size is what a process holds of memory.
type size struct {
	Alive    int64 // bytes that the program still reaches
	Resident int64 // bytes that the machine has given it
	Peak     int64 // the most that it ever had
	Took     time.Duration
	Examples int
}

// directory is an exchange that only reads its configuration, again and again.
type directory struct {
	node *node.Node
	took time.Duration
	ran  int
}

func newDirectory(s set) (role, error) {
	start := time.Now()
	cfg, err := config.Load(s.Dir, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if err := cfg.Examples.Err(); err != nil {
		return nil, err
	}
	d := &directory{ran: cfg.Examples.Ran}
	if d.node, err = node.New(cfg, nil, false); err != nil {
		return nil, err
	}
	err = d.node.Start()
	d.took = time.Since(start)
	return d, err
}

func (d *directory) addrs() []string { return []string{d.node.AdminAddr} }
func (d *directory) close() error    { return d.node.Stop() }

func (d *directory) do(c command) (any, error) {
	out := size{Took: d.took, Examples: d.ran}
	switch c.Do {
	case "reload":
		start := time.Now()
		if r := d.node.Reload("command"); r.Result != "applied" {
			return nil, errors.New(r.Result + ": " + r.Error)
		}
		out.Took = time.Since(start)
	case "heap":
		f, err := os.Create(c.File)
		if err != nil {
			return nil, err
		}
		runtime.GC()
		return nil, errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
	case "alive":
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		out.Alive = int64(m.HeapAlloc)
	}
	for _, x := range []struct {
		name string
		to   *int64
	}{{"VmRSS", &out.Resident}, {"VmHWM", &out.Peak}} {
		kb, err := kilobytes(x.name)
		if err != nil {
			return nil, err
		}
		*x.to = kb << 10
	}
	return out, nil
}

func mb(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(n)/(1<<20))
}

// BenchmarkConfiguration says what memory and time configurations of thousands of campaigns take.
func BenchmarkConfiguration(b *testing.B) {
	for _, n := range []int{5000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				configuration(b, n)
			}
		})
	}
}

func configuration(b *testing.B, n int) {
	dir := b.TempDir()
	n = manyBuyers(b, dir, n)
	p := start(b, "directory", set{Dir: dir})
	var s size
	row := func(what string) {
		fmt.Printf("%-22s %8s %10s %8s %10s\n", what, mb(s.Alive), mb(s.Resident), mb(s.Peak),
			s.Took.Round(time.Millisecond))
	}
	fmt.Printf("%-22s %8s %10s %8s %10s\n", fmt.Sprint(n, " campaigns"), "alive MB", "resident", "peak", "took")
	p.tell(b, command{Do: "size"}, &s)
	row("started")
	for i := range 3 {
		touch(b, dir, i)
		p.tell(b, command{Do: "reload"}, &s)
		row(fmt.Sprint("reload ", i+1))
	}
	again(b, dir)
	p.tell(b, command{Do: "reload"}, &s)
	row("reload of all pages")
	if to := os.Getenv("CLEARPOST_BENCH_PROFILE"); to != "" {
		p.tell(b, command{Do: "heap", File: to}, nil)
	}
	p.tell(b, command{Do: "alive"}, &s)
	row("collected")
}

// touch changes a page of the configuration.
func touch(t testing.TB, dir string, n int) {
	t.Helper()
	source := "id: extra\nkeys: [extra-key-0123456789-" + fmt.Sprint(n) + "]\nverticals: [auto]\n"
	if err := os.WriteFile(dir+"/sources/extra.yaml", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
}

// again changes a vertical, on which most pages lean.
func again(t testing.TB, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/verticals/auto.yaml", os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("# changed\n")
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
