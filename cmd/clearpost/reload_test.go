// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/loadtest"
)

// servedExamples is the example configuration with simulated buyers, served by a process of its own.
type servedExamples struct {
	t       *testing.T
	dir     string
	sellers string
	admin   string
	cfg     *config.Config
	process *process
}

func serveExamples(t *testing.T, args ...string) *servedExamples {
	t.Helper()
	buyers := buyertest.Demo()
	for i := range buyers { // quick ones, so that the exchange's own time shows
		buyers[i].Ping.Latency, buyers[i].Post.Latency = buyertest.Fixed(5*time.Millisecond),
			buyertest.Fixed(5*time.Millisecond)
	}
	farm, err := buyertest.New(buyertest.Config{Seed: 5, Buyers: buyers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	s := &servedExamples{t: t, dir: t.TempDir(), sellers: pickPort(t), admin: pickPort(t)}
	writeExamples(t, s.dir, farm.Addr(), fmt.Sprintf("node: n1\nlisten: %s\nadmin: {listen: %s}\n", s.sellers, s.admin))
	if s.cfg, err = config.Load(s.dir, os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	s.process = startProcess(t, append([]string{"serve", s.dir}, args...)...)
	s.process.waitReady("http://" + s.admin + "/healthz")
	return s
}

// edit changes a text of a file of the configuration.
func (s *servedExamples) edit(name, old, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte(old)) {
		s.t.Fatalf("%s: %v: no %q", name, err, old)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(text), 1), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// verb runs a verb and returns its exit code and what it printed.
func (s *servedExamples) verb(args ...string) (int, string) {
	s.t.Helper()
	var out, errOut bytes.Buffer
	code := run(args, &out, &errOut)
	return code, out.String() + errOut.String()
}

func (s *servedExamples) config() admin.ConfigStatus {
	s.t.Helper()
	code, text := s.verb("status", "--json", "-d", s.dir)
	var st admin.Status
	if err := json.Unmarshal([]byte(text), &st); code != exitOK || err != nil {
		s.t.Fatalf("status: %d %v: %s", code, err, text)
	}
	return st.Config
}

// until waits for something that the exchange does by itself.
func (s *servedExamples) until(what string, cond func(admin.ConfigStatus) bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if cond(s.config()) {
			return
		}
	}
	s.t.Fatalf("not within 20 s: %s: %+v", what, s.config())
}

func TestReloadVerbSignalAndWatch(t *testing.T) {
	t.Parallel()
	s := serveExamples(t, "--watch=false")
	if code, text := s.verb("reload", s.dir); code != exitOK || !strings.HasPrefix(text, "unchanged: config "+
		s.cfg.Hash) {
		t.Errorf("unchanged: %d %s", code, text)
	}
	s.edit("buyers/brightroof.yaml", "price: 27.50", "price: 28.50")
	code, text := s.verb("reload", s.dir)
	hash, ok := strings.CutPrefix(strings.TrimSpace(text), "applied: config ")
	if code != exitOK || !ok || s.config().Hash != hash || hash == s.cfg.Hash {
		t.Errorf("applied: %d %s", code, text)
	}
	s.edit("buyers/brightroof.yaml", "price: 28.50", "price: a lot")
	code, text = s.verb("reload", s.dir)
	if code != exitFailed || !strings.Contains(text, "buyers/brightroof.yaml:") ||
		!strings.Contains(text, "refused: 1 problem. The exchange goes on with config "+hash) {
		t.Errorf("refused: %d %s", code, text)
	}
	var r admin.Reload
	code, text = s.verb("reload", "--json", s.dir)
	if err := json.Unmarshal([]byte(text), &r); code != exitFailed || err != nil || r.Result != admin.Refused ||
		len(r.Problems) != 1 || r.Problems[0].Line == 0 {
		t.Errorf("refused in JSON: %d %v %s", code, err, text)
	}
	s.edit("buyers/brightroof.yaml", "price: a lot", "price: 29.50")
	s.edit("clearpost.yaml", s.admin, pickPort(t))
	code, text = s.verb("reload", s.dir)
	if code != exitFailed || !strings.Contains(text, "needs a restart: admin.listen") {
		t.Errorf("restart: %d %s", code, text)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "clearpost.yaml"), s.cfg.Files["clearpost.yaml"], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("SIGHUP applies it", func(c admin.ConfigStatus) bool {
		return c.Last.Result == admin.Applied && c.Last.By == admin.BySignal
	})

	s.process.cmd.Process.Signal(os.Interrupt)
	<-s.process.ended
	if code, text := s.verb("reload", s.dir); code != exitFailed || !strings.Contains(text, "no exchange runs on ") {
		t.Errorf("nothing runs: %d %s", code, text)
	}
	s.process = startProcess(t, "serve", s.dir)
	s.process.waitReady("http://" + s.admin + "/healthz")
	s.edit("buyers/brightroof.yaml", "price: 29.50", "price: 30.50")
	s.until("the watch applies it", func(c admin.ConfigStatus) bool {
		return c.Last != nil && c.Last.Result == admin.Applied && c.Last.By == admin.ByWatch
	})
}

// TestReloadHundredTimes has sellers send leads in an open loop, first alone and then while list prices change a
// hundred times. It prints what the sellers waited. No request is lost, and every ping is answered 200.
func TestReloadHundredTimes(t *testing.T) {
	t.Parallel()
	reloads, rate := 100, 100.0
	if testing.Short() {
		reloads = 20
	}
	s := serveExamples(t, "--watch=false")
	load := func(what string, during func()) {
		t.Helper()
		gen, err := loadtest.New(loadtest.Config{BaseURL: "http://" + s.sellers, Sources: demoSources(s.cfg), Seed: 9,
			Rate: rate, Even: true, Post: 0.5, OneShot: 0.1, Think: [2]time.Duration{0, 200 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		go func() { during(); stop() }()
		r, err := gen.Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
		l := r.Ping.Latency
		t.Logf("%-12s %5d pings, ms: p50 %.1f  p95 %.1f  p99 %.1f  max %.1f; %d posts, p99 %.1f", what, r.Ping.Sent,
			l.P50, l.P95, l.P99, l.Max, r.Post.Sent, r.Post.Latency.P99)
		if r.Ping.Lost+r.Post.Lost+r.Lead.Lost+r.Dropped > 0 || r.Ping.Sent == 0 ||
			r.Ping.Status["200"] != r.Ping.Sent {
			t.Errorf("%s: pings %+v, posts %+v, leads %+v, dropped %d", what, r.Ping, r.Post, r.Lead, r.Dropped)
		}
		for _, c := range []loadtest.Call{r.Post, r.Lead} {
			if c.Status["200"]+c.Status["202"] != c.Sent {
				t.Errorf("%s: answered %v", what, slices.Collect(maps.Keys(c.Status)))
			}
		}
	}
	took := time.Duration(0)
	again := func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := range reloads {
			s.edit("buyers/brightroof.yaml", fmt.Sprintf("price: %.2f", 27.50+float64(n)),
				fmt.Sprintf("price: %.2f", 28.50+float64(n)))
			start := time.Now()
			if code, text := s.verb("reload", s.dir); code != exitOK || !strings.HasPrefix(text, "applied") {
				t.Errorf("reload %d: %d %s", n, code, text)
			}
			took += time.Since(start)
			<-tick.C
		}
	}
	alone := func() { <-time.After(time.Duration(reloads) * 60 * time.Millisecond) }
	load("warm-up", func() { <-time.After(time.Second) })
	load("no reloads", alone)
	load(fmt.Sprint(reloads, " reloads"), again)
	t.Logf("a reload took %v on average", (took / time.Duration(reloads)).Round(100*time.Microsecond))
	if n := s.config().Reloads[admin.Applied]; n != int64(reloads) {
		t.Errorf("%d reloads were applied", n)
	}
}
